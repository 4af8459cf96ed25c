//! What a database contains, in terms that both kinds of database share.

mod additive;
mod blueprint;
mod drift;
mod initialise;
mod name;
mod order;
mod scope;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::model::Skipped;

pub use additive::{Addition, additions, with_added};
pub use blueprint::{
    Blueprint, ColumnPlan, IntegerSize, KeyPlan, Partitioning, SequencePlan, Strategy, TypeForm, TypePlan,
    TypeRef,
};
pub use drift::{Finding, Severity, drift};
pub use initialise::{Making, making, with_made};
pub use name::TableName;
pub use order::{Order, parents_first};
pub use scope::{Globs, LEFT_OUT, drops, narrow, takes, unmatched, without_columns};

/// The tables that a sync moves, and what it leaves out.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Catalog {
    /// In the order of their names.
    pub tables: Vec<Table>,
    /// Types that users made, in the order of their names.
    #[serde(default)]
    pub types: Vec<UserType>,
    #[serde(default)]
    pub extensions: Vec<Extension>,
    /// Found, but never synced. Not part of the fingerprint.
    #[serde(default)]
    pub skipped: Vec<Skipped>,
    /// How the tables and the types can be made elsewhere. Not part of the fingerprint.
    #[serde(default)]
    pub blueprints: Vec<Blueprint>,
    #[serde(default)]
    pub type_plans: Vec<TypePlan>,
    /// Functions and procedures of users, which are never made elsewhere.
    #[serde(default)]
    pub routines: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Table {
    pub name: TableName,
    /// In the table's own order.
    pub columns: Vec<Column>,
    pub primary_key: Vec<String>,
    /// Unique keys besides the primary one.
    pub uniques: Vec<Unique>,
    pub foreign_keys: Vec<ForeignKey>,
    /// The root of a partitioned table; its partitions are not listed.
    pub partitioned: bool,
    /// As the database prints them: `CHECK ((price > 0))`.
    #[serde(default)]
    pub checks: Vec<String>,
    /// Names of the triggers that are switched on.
    pub triggers: Vec<String>,
    /// Triggers and rules that even a restore cannot keep out of the way: `ENABLE ALWAYS` and `ENABLE REPLICA`.
    #[serde(default)]
    pub unstoppable: Vec<String>,
    pub row_security: bool,
    /// From the statistics; not part of the catalog's identity.
    #[serde(skip)]
    pub estimated_rows: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub name: String,
    /// As the database prints it, with length and precision: `character varying(20)`.
    pub type_name: String,
    pub not_null: bool,
    pub has_default: bool,
    /// Computed by the database: never written.
    pub generated: bool,
    /// What it is computed by.
    #[serde(default)]
    pub expression: Option<String>,
    /// The functions in the expression, by name and types of arguments, each with a digest of its body.
    #[serde(default)]
    pub functions: BTreeMap<String, String>,
    /// Texts that differ can be equal in it: `A` and `a`.
    #[serde(default)]
    pub folds: bool,
    pub identity: Option<Identity>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Identity {
    Always,
    ByDefault,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unique {
    pub name: String,
    /// The plain columns; incomplete when `partial` is set.
    pub columns: Vec<String>,
    /// Has a condition, an expression or a computed column: any change of a row may move it.
    pub partial: bool,
    /// All columns NOT NULL, checked at once: can stand in for a primary key.
    pub identifies: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ForeignKey {
    pub name: String,
    pub columns: Vec<String>,
    pub parent: TableName,
    pub parent_columns: Vec<String>,
    /// What else it says, by which it can be made elsewhere; the usual answers are left out.
    #[serde(default, skip_serializing_if = "is_usual")]
    pub terms: Terms,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Terms {
    pub on_delete: Action,
    pub on_update: Action,
    /// MATCH FULL
    pub full: bool,
    pub deferrable: bool,
    pub deferred: bool,
    /// Says something that none of these can say, and cannot be made elsewhere.
    pub special: bool,
}

/// What happens to a row when the row that it points to goes or changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    #[default]
    NoAction,
    Restrict,
    Cascade,
    SetNull,
    SetDefault,
}

fn is_usual<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// A type that a user made: its text means the same on both sides only when its definition does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct UserType {
    /// As columns name it: `public.mood`.
    pub name: String,
    pub definition: Definition,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Definition {
    /// The labels in their order.
    Enum(Vec<String>),
    /// The type below it.
    Domain(String),
    /// Names and types of the fields, in their order.
    Composite(Vec<(String, String)>),
    /// The type of its bounds.
    Range(String),
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Extension {
    pub name: String,
    pub version: String,
}

impl Catalog {
    /// Of tables in any order, and nothing else.
    pub fn of(tables: Vec<Table>) -> Self {
        let mut catalog = Self { tables, ..Self::default() };
        catalog.sort();
        catalog
    }

    /// From JSON. A peer's word is not taken for the order.
    pub fn read(json: &str) -> serde_json::Result<Self> {
        let mut catalog: Self = serde_json::from_str(json)?;
        catalog.sort();
        Ok(catalog)
    }

    fn sort(&mut self) {
        self.tables.sort_by(|a, b| a.name.cmp(&b.name));
    }

    pub fn table(&self, name: &TableName) -> Option<&Table> {
        self.place(name).map(|place| &self.tables[place])
    }

    /// Where the table stands in `tables`.
    pub fn place(&self, name: &TableName) -> Option<usize> {
        self.tables.binary_search_by(|table| table.name.cmp(name)).ok()
    }

    /// BLAKE3 over the definitions, in hexadecimal: equal for equal schemas on any server.
    pub fn fingerprint(&self) -> String {
        let text = serde_json::to_vec(&self.tables).expect("plain data has a JSON form");
        blake3::hash(&text).to_hex().to_string()
    }
}

impl Table {
    /// The columns that identify a row: the primary key, else a unique key of NOT NULL columns, else none, and the
    /// table is a multiset.
    pub fn key(&self) -> &[String] {
        if !self.primary_key.is_empty() {
            return &self.primary_key;
        }
        self.uniques.iter().find(|unique| unique.identifies).map_or(&[], |unique| &unique.columns)
    }

    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }

    /// The columns whose values travel.
    pub fn stored_columns(&self) -> Vec<String> {
        self.columns.iter().filter(|column| !column.generated).map(|column| column.name.clone()).collect()
    }
}
