//! The only way to SQL whose text is not fixed: fixed templates whose gaps take names, numbers and other templates.
//!
//! A user's or a peer's text cannot get in: a gap takes only what implements [`Part`], and no `Part` is made from a
//! plain string without quoting it.

use sqlx::AssertSqlSafe;

use crate::catalog::TableName;

/// A quoted name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ident<'a>(pub(crate) &'a str);

/// A quoted text constant, for the statements that take no bound value (`copy`, `set`).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Literal<'a>(pub(crate) &'a str);

/// A part of a definition as the database at hand has printed it from its own catalog; never a peer's text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Definition(pub(crate) String);

/// Assembled SQL.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Sql(String);

/// What may fill a gap of a template.
pub(crate) trait Part: Sync {
    fn write(&self, out: &mut String);
}

impl Part for Ident<'_> {
    fn write(&self, out: &mut String) {
        quote(self.0, '"', out);
    }
}

impl Part for Literal<'_> {
    fn write(&self, out: &mut String) {
        // The E form, so that a backslash means itself whatever standard_conforming_strings says.
        out.push('E');
        quote(&self.0.replace('\\', "\\\\"), '\'', out);
    }
}

/// An operator by its full name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Operator {
    pub(crate) schema: String,
    pub(crate) name: String,
}

impl Part for Operator {
    /// # Panics
    /// When the name has other characters than PostgreSQL allows in operators: it comes from the catalog.
    fn write(&self, out: &mut String) {
        assert!(self.name.chars().all(|c| "+-*/<>=~!@#%^&|`?".contains(c)), "not an operator");
        out.push_str("operator(");
        Ident(&self.schema).write(out);
        out.push('.');
        out.push_str(&self.name);
        out.push(')');
    }
}

impl Part for Definition {
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Part for TableName {
    fn write(&self, out: &mut String) {
        Ident(&self.schema).write(out);
        out.push('.');
        Ident(&self.name).write(out);
    }
}

impl Part for Sql {
    fn write(&self, out: &mut String) {
        out.push_str(&self.0);
    }
}

impl Part for i64 {
    fn write(&self, out: &mut String) {
        out.push_str(&self.to_string());
    }
}

/// Fills the gaps `{}` of `template`, in order.
///
/// # Panics
/// When the number of gaps and parts differ: both are written in the same line of our own code.
pub(crate) fn sql(template: &'static str, parts: &[&dyn Part]) -> Sql {
    let mut pieces = template.split("{}");
    let mut text = pieces.next().unwrap_or_default().to_owned();
    let mut parts = parts.iter();
    for piece in pieces {
        parts.next().expect("a part for every gap").write(&mut text);
        text.push_str(piece);
    }
    assert!(parts.next().is_none(), "a gap for every part: {template}");
    Sql(text)
}

/// Puts `separator` between the items.
pub(crate) fn join(separator: &'static str, items: impl IntoIterator<Item = Sql>) -> Sql {
    let texts: Vec<String> = items.into_iter().map(|item| item.0).collect();
    Sql(texts.join(separator))
}

/// Quoted names with commas between them.
pub(crate) fn names<'a>(columns: impl IntoIterator<Item = &'a String>) -> Sql {
    join(", ", columns.into_iter().map(|column| sql("{}", &[&Ident(column)])))
}

/// `"schema"."name"`, as `regclass` and pg_dump's patterns read it.
pub(crate) fn quoted(table: &TableName) -> String {
    sql("{}", &[table]).0
}

/// Our own statements name our tables `{t}session`; `prefix` is where they live in this kind of database.
pub(crate) fn own(text: &'static str, prefix: &'static str) -> Sql {
    Sql(text.replace("{t}", prefix))
}

impl Sql {
    pub(crate) fn into_query(self) -> AssertSqlSafe<String> {
        AssertSqlSafe(self.0)
    }

    /// For COPY, which sqlx takes as plain text.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

fn quote(text: &str, mark: char, out: &mut String) {
    out.push(mark);
    for c in text.chars() {
        if c == mark {
            out.push(mark);
        }
        out.push(c);
    }
    out.push(mark);
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn names_and_texts_are_quoted() {
        let table = TableName::new("Shop", "a\"b");
        assert_eq!(sql("select {} from {}", &[&Ident("x"), &table]).0, r#"select "x" from "Shop"."a""b""#);
        assert_eq!(sql("set a = {}", &[&Literal(r"it's \n")]).0, r"set a = E'it''s \\n'");
        assert_eq!(names(&["a".to_owned(), "B c".to_owned()]).0, r#""a", "B c""#);
    }

    proptest! {
        #[test]
        fn a_name_never_leaves_its_quotes(name in ".*") {
            let quoted = sql("{}", &[&Ident(&name)]).0;
            let inner = &quoted[1..quoted.len() - 1];
            prop_assert_eq!(inner.replace("\"\"", ""), name.replace('"', ""));
        }
    }
}
