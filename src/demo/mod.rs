//! What `tandem demo` and the tests stand on: a private PostgreSQL server, and a sample database to put on it.

mod cluster;
mod programs;
pub mod shop;

pub use cluster::{Cluster, ClusterError, ClusterOptions, Purpose};
