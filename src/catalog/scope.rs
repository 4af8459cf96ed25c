//! A scope's globs and a catalog -> the tables that take part, the others among the skipped ones.

use super::{Catalog, TableName};
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

/// The scope's patterns that no table of the whole catalog fits.
pub fn unmatched<'a>(catalog: &Catalog, scope: &'a Scope) -> Vec<&'a str> {
    let patterns = scope.include.iter().chain(&scope.exclude);
    patterns
        .filter(|pattern| !catalog.tables.iter().any(|table| finds(pattern, &table.name)))
        .map(String::as_str)
        .collect()
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
