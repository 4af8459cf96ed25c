//! A scope's globs and a catalog -> the tables that take part, the others among the skipped ones.

use super::{Catalog, Column, Table, TableName};
use crate::model::{Scope, Skipped};

/// Why a table that a scope leaves out is skipped.
pub const LEFT_OUT: &str = "left out by the scope";

/// Patterns of table names: `*` for any text, `?` for one letter. One with a dot is about `schema.table`, one without
/// about the table's name in any schema.
#[derive(Debug, Clone, Copy)]
pub struct Globs<'a>(pub &'a [String]);

impl Globs<'_> {
    pub fn find(&self, table: &TableName) -> bool {
        self.0.iter().any(|pattern| finds(pattern, table))
    }
}

/// The table takes part, as far as its name says it.
pub fn takes(scope: &Scope, table: &TableName) -> bool {
    (scope.include.is_empty() || Globs(&scope.include).find(table)) && !Globs(&scope.exclude).find(table)
}

/// Leaves the tables that the scope does not name to the skipped ones. Says nothing of rows.
#[must_use]
pub fn narrow(catalog: Catalog, scope: &Scope) -> Catalog {
    let (tables, left_out): (Vec<_>, Vec<_>) =
        catalog.tables.into_iter().partition(|table| takes(scope, &table.name));
    let mut skipped = catalog.skipped;
    skipped.extend(
        left_out.iter().map(|table| Skipped { name: table.name.to_string(), reason: LEFT_OUT.to_owned() }),
    );
    Catalog { tables, skipped, ..catalog }
}

/// The scope leaves this column out: the part of a pattern after its last dot is about the column.
pub fn drops(scope: &Scope, table: &TableName, column: &str) -> bool {
    scope.without_columns.iter().any(|pattern| finds_column(pattern, table, column))
}

/// Takes the columns away that the scope leaves out. The first one without which a row could not be told from others is
/// the error, as `table.column`.
pub fn without_columns(mut catalog: Catalog, scope: &Scope) -> Result<Catalog, String> {
    for table in &mut catalog.tables {
        let (dropped, left): (Vec<_>, Vec<_>) =
            table.columns.iter().cloned().partition(|column| drops(scope, &table.name, &column.name));
        let needed = |column: &&Column| table.key().contains(&column.name) || left.is_empty();
        if let Some(column) = dropped.iter().find(needed) {
            return Err(format!("{}.{}", table.name, column.name));
        }
        table.columns = left;
    }
    Ok(catalog)
}

/// The scope's patterns that no table, and those that no column, of the whole catalog fits.
pub fn unmatched<'a>(catalog: &Catalog, scope: &'a Scope) -> (Vec<&'a str>, Vec<&'a str>) {
    let no_table = |pattern: &&str| !catalog.tables.iter().any(|table| finds(pattern, &table.name));
    let has = |table: &Table, pattern: &str| {
        table.columns.iter().any(|column| finds_column(pattern, &table.name, &column.name))
    };
    let no_column = |pattern: &&str| !catalog.tables.iter().any(|table| has(table, pattern));
    let tables = scope.include.iter().chain(&scope.exclude).map(String::as_str);
    let columns = scope.without_columns.iter().map(String::as_str);
    (tables.filter(no_table).collect(), columns.filter(no_column).collect())
}

fn finds_column(pattern: &str, table: &TableName, column: &str) -> bool {
    pattern.rsplit_once('.').is_some_and(|(of, name)| finds(of, table) && fits(name, column))
}

fn finds(pattern: &str, table: &TableName) -> bool {
    if pattern.contains('.') { fits(pattern, &table.to_string()) } else { fits(pattern, &table.name) }
}

/// Goes back only to the last `*`, so that no pattern takes longer than its length times the text's.
fn fits(pattern: &str, text: &str) -> bool {
    let (pattern, text): (Vec<char>, Vec<char>) = (pattern.chars().collect(), text.chars().collect());
    let (mut at, mut read) = (0, 0);
    // The place after the last `*`, and how much of the text that star has taken.
    let mut star: Option<(usize, usize)> = None;
    while read < text.len() {
        match pattern.get(at) {
            Some('*') => {
                at += 1;
                star = Some((at, read));
            }
            Some(wanted) if *wanted == '?' || *wanted == text[read] => {
                at += 1;
                read += 1;
            }
            _ => {
                let Some((after, taken)) = star else { return false };
                star = Some((after, taken + 1));
                at = after;
                read = taken + 1;
            }
        }
    }
    pattern[at..].iter().all(|rest| *rest == '*')
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn patterns_with_and_without_a_schema() {
        let table = TableName::new("payroll", "order_lines");
        for (pattern, expected) in [
            ("order_lines", true),
            ("order*", true),
            ("*lines", true),
            ("*e*_*s", true),
            ("order?lines", true),
            ("order", false),
            ("Order*", false),
            ("payroll.*", true),
            ("*.order*", true),
            ("public.order*", false),
            ("payroll", false),
            ("*", true),
            ("", false),
            ("order*?????????????", false),
        ] {
            assert_eq!(finds(pattern, &table), expected, "{pattern}");
        }
    }

    #[test]
    fn a_pattern_of_columns_names_their_table_too() {
        let table = TableName::new("payroll", "order_lines");
        for (pattern, expected) in [
            ("order_lines.note", true),
            ("payroll.order_lines.no*", true),
            ("*.note", true),
            ("orders.note", false),
            ("public.order_lines.note", false),
            ("order_lines.notes", false),
            ("note", false),
        ] {
            assert_eq!(finds_column(pattern, &table, "note"), expected, "{pattern}");
        }
    }

    proptest! {
        #[test]
        fn a_name_fits_itself_and_itself_with_stars(name in "[a-z_]{1,12}", cut in 0usize..12) {
            let cut = cut.min(name.len());
            let starred = format!("{}*{}", &name[..cut], &name[cut..]);
            prop_assert!(fits(&name, &name) && fits(&starred, &name));
            let (wide, longer) = (format!("**{starred}*"), format!("x{name}y"));
            prop_assert!(fits(&wide, &longer));
            prop_assert!(!fits(&name, &longer));
        }
    }
}
