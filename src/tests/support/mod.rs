//! What the tests stand on: databases to sync, and a look at them that shares nothing with the engine.
//!
//! ```ignore
//! let (north, south) = support::databases("pagila", "pagila_schema").await;
//! // … sync north -> south by `north.url()` and `south.url()` …
//! support::assert_same_rows(&north, &south).await;
//! ```

mod cluster;
mod contents;
mod database;
mod drift;
mod nodes;
mod proxy;
mod rows;
mod versions;
mod watcher;
mod writes;

pub(crate) use cluster::{cluster, cramped_database, database, database_with, databases, standby_database};
pub(crate) use contents::Contents;
pub(crate) use database::Database;
pub(crate) use nodes::{Node, StatusCode, nodes, nodes_as};
pub(crate) use proxy::Proxy;
pub(crate) use rows::{Difference, assert_same_rows, differences};
pub(crate) use versions::database_of_version;
pub(crate) use watcher::Watcher;
pub(crate) use writes::Written;
