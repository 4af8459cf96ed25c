//! What is needed to make a table or a type elsewhere: typed data, from which the maker writes its own statements.

use serde::{Deserialize, Serialize};

use super::TableName;

/// All that a table's description does not say yet. Types stand beside: several tables use one.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct Blueprint {
    pub table: TableName,
    /// In the table's own order, generated ones too.
    pub columns: Vec<ColumnPlan>,
    pub keys: Vec<KeyPlan>,
    pub partitioning: Option<Partitioning>,
    /// What cannot be described, for people: `Index film_title`, `Default of public.film.title`.
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct ColumnPlan {
    pub name: String,
    pub kind: TypeRef,
    /// None for the type's own.
    pub collation: Option<TableName>,
    /// Gives the column its numbers, as an identity or by default.
    pub sequence: Option<SequencePlan>,
}

/// A type by its name, and what limits it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct TypeRef {
    /// `character varying`, `public.mood[]`
    pub name: String,
    /// As the catalog keeps it; -1 for none.
    pub modifier: i32,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct SequencePlan {
    pub name: TableName,
    pub size: IntegerSize,
    pub start: i64,
    pub increment: i64,
    pub minimum: i64,
    pub maximum: i64,
    pub cycle: bool,
    /// Goes with its column.
    pub owned: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum IntegerSize {
    Small,
    Normal,
    #[default]
    Big,
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(default)]
pub struct KeyPlan {
    pub name: String,
    pub columns: Vec<String>,
    pub primary: bool,
    /// An index alone otherwise.
    pub constraint: bool,
    pub nulls_not_distinct: bool,
    pub deferrable: bool,
    pub deferred: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Partitioning {
    pub strategy: Strategy,
    /// Empty when it has an expression: then the table cannot be made.
    pub columns: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Strategy {
    List,
    Range,
    Hash,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct TypePlan {
    pub name: TableName,
    /// As columns name it.
    pub printed: String,
    pub form: TypeForm,
    pub left_out: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TypeForm {
    Enum(Vec<String>),
    Domain { base: TypeRef, not_null: bool },
    Composite(Vec<(String, TypeRef)>),
    Range(TypeRef),
}

impl TypePlan {
    /// Every name in it that would be made.
    pub fn names(&self) -> Vec<&str> {
        let mut names = vec![self.name.schema.as_str(), self.name.name.as_str()];
        if let TypeForm::Composite(fields) = &self.form {
            names.extend(fields.iter().map(|(field, _)| field.as_str()));
        }
        names
    }
}

impl TypeForm {
    /// The types that it is made of.
    pub fn parts(&self) -> Vec<&TypeRef> {
        match self {
            TypeForm::Enum(_) => Vec::new(),
            TypeForm::Domain { base, .. } => vec![base],
            TypeForm::Range(subtype) => vec![subtype],
            TypeForm::Composite(fields) => fields.iter().map(|(_, kind)| kind).collect(),
        }
    }
}

impl TypeRef {
    /// `public.mood[]` -> `public.mood`
    pub fn element(&self) -> &str {
        self.name.strip_suffix("[]").unwrap_or(&self.name)
    }
}
