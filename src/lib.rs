//! Tandem's engine: keeps databases that belong together equal. A library that knows no web framework and no terminal.
//!
//! Read it in this order: [`model`] (what is said), [`engine`] (what can be asked), `full_sync` (the walk of one
//! sync), and then the rooms it walks through: `backup`, `archive`, `restore`, `compare`, `peer`, `store`, `catalog`,
//! `database`.
//!
//! Each room returns its own small error enum; [`engine`] turns it, once, into the [`model::SyncError`] that people
//! read.

pub mod model;

// In reading order, from the front door down.
#[cfg(feature = "engine")]
mod access;
#[cfg(feature = "engine")]
pub mod archive;
#[cfg(feature = "engine")]
mod backup;
#[cfg(feature = "engine")]
pub mod archive;
#[cfg(feature = "engine")]
pub mod catalog;
#[cfg(feature = "engine")]
mod clock;
#[cfg(feature = "engine")]
mod compare;
#[cfg(feature = "engine")]
pub mod config;
#[cfg(feature = "engine")]
mod database;
#[cfg(feature = "engine")]
pub mod demo;
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "engine")]
mod full_sync;
#[cfg(feature = "engine")]
mod peer;
#[cfg(feature = "engine")]
mod progress;
#[cfg(feature = "engine")]
mod restore;
#[cfg(feature = "engine")]
mod spool_dir;
#[cfg(feature = "engine")]
mod sql;
#[cfg(feature = "engine")]
mod store;

#[cfg(feature = "engine")]
pub use {access::AdminPassword, config::Config, engine::Engine};
