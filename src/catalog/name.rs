//! The name of a table.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A table's full name. Shown as `schema.table`; put into SQL only with its parts quoted.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Default, Serialize, Deserialize)]
pub struct TableName {
    pub schema: String,
    pub name: String,
}

impl TableName {
    pub fn new(schema: impl Into<String>, name: impl Into<String>) -> Self {
        Self { schema: schema.into(), name: name.into() }
    }

    /// For people: the schema only when it is not the usual one.
    pub fn display(&self) -> String {
        if self.schema == "public" { self.name.clone() } else { self.to_string() }
    }
}

impl fmt::Display for TableName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.schema, self.name)
    }
}
