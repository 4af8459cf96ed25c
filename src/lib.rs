//! Tandem's engine: keeps databases that belong together equal. A library that knows no web framework and no terminal.
//!
//! Read it in this order: [`model`] (what is said), [`engine`] (what can be asked), `full_sync` (the walk of one
//! sync), and then the rooms it walks through: `backup`, `archive`, `restore`, `compare`, `peer`, `store`, `catalog`,
//! `database`.
//!
//! Each room returns its own small error enum; [`engine`] turns it, once, into the [`model::SyncError`] that people
//! read.

pub mod model;

#[cfg(feature = "engine")]
pub mod archive;
#[cfg(feature = "engine")]
pub mod catalog;

#[cfg(feature = "engine")]
pub mod config;
#[cfg(feature = "engine")]
pub mod engine;

#[cfg(feature = "engine")]
pub use {config::Config, engine::Engine};
