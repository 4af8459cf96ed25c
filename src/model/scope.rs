//! Which part of a database a sync moves.

use serde::{Deserialize, Serialize};

use super::text;

/// Which part of the database is meant; empty means all of it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scope {
    /// Globs of table names (`public.order*`) to take; empty takes all. One without a dot means any schema.
    pub include: Vec<String>,
    /// Globs of table names to leave out.
    pub exclude: Vec<String>,
    /// The key of the one business whose rows are meant, as text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub business: Option<String>,
    /// Leaves out the demo businesses and all that hangs on them.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub without_demo: bool,
    /// So many of the newest rows of each audit table.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audit_limit: Option<u64>,
    /// Globs of columns (`customers.legacy_*`) that are not sent; the target keeps its own values in them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub without_columns: Vec<String>,
}

impl Scope {
    pub fn is_everything(&self) -> bool {
        *self == Self::default()
    }

    /// Not only whole tables are left out.
    pub fn chooses_rows(&self) -> bool {
        self.business.is_some() || self.without_demo || self.audit_limit.is_some()
    }

    /// For people: `business 3 in the chosen tables`. None for everything.
    pub fn describe(&self) -> Option<String> {
        if self.is_everything() {
            return None;
        }
        let all_tables = self.include.is_empty() && self.exclude.is_empty();
        let mut words = match &self.business {
            Some(key) if all_tables => format!("business {key}"),
            Some(key) => format!("business {key} in the chosen tables"),
            None if all_tables => "everything".to_owned(),
            None => "the chosen tables".to_owned(),
        };
        if self.without_demo {
            words += " without demo data";
        }
        if let Some(limit) = self.audit_limit {
            words += &format!(" with the newest {} of each audit table", text::counted(limit, "row", "rows"));
        }
        if !self.without_columns.is_empty() {
            words += &format!(" without the columns {}", self.without_columns.join(", "));
        }
        Some(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_says_what_it_holds() {
        let tables = Scope { include: vec!["order*".to_owned()], ..Scope::default() };
        let business = Scope { business: Some("3".to_owned()), ..tables.clone() };
        let rest = Scope { without_demo: true, audit_limit: Some(1000), ..Scope::default() };
        let columns = Scope { without_columns: vec!["orders.note".to_owned()], ..tables.clone() };
        let said = [Scope::default(), tables, business, rest, columns].map(|scope| scope.describe());
        assert_eq!(said[0], None);
        assert_eq!(said[1].as_deref(), Some("the chosen tables"));
        assert_eq!(said[2].as_deref(), Some("business 3 in the chosen tables"));
        assert_eq!(
            said[3].as_deref(),
            Some("everything without demo data with the newest 1,000 rows of each audit table")
        );
        assert_eq!(said[4].as_deref(), Some("the chosen tables without the columns orders.note"));
    }

    #[test]
    fn a_scope_that_chooses_no_rows_is_said_as_older_nodes_know_it() {
        let text = serde_json::to_string(&Scope::default()).unwrap();
        assert_eq!(text, r#"{"include":[],"exclude":[]}"#);
    }
}
