//! What a database contains, in terms that both kinds of database share.

mod name;

pub use name::TableName;
