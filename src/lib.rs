//! Tandem's engine: keeps databases that belong together equal. A library that knows no web framework and no terminal.
//!
//! Read it in the order of the list below: what is said ([`model`]), what can be asked ([`engine`]), the walk of one
//! sync (`full_sync`), and then the rooms it walks through.
//!
//! Each room returns its own small error enum; `full_sync/errors.rs` turns it, once, into the [`model::SyncError`]
//! that people read.

pub mod model;

// The rest is the engine: only the model compiles for the browser.
#[cfg(feature = "engine")]
pub mod engine;
#[cfg(feature = "engine")]
mod access;
#[cfg(feature = "engine")]
mod full_sync;
#[cfg(feature = "engine")]
mod peer;
#[cfg(feature = "engine")]
mod backup;
#[cfg(feature = "engine")]
mod restore;
#[cfg(feature = "engine")]
mod compare;
#[cfg(feature = "engine")]
pub mod archive;
#[cfg(feature = "engine")]
mod store;
#[cfg(feature = "engine")]
mod progress;
#[cfg(feature = "engine")]
mod database;
#[cfg(feature = "engine")]
pub mod catalog;
#[cfg(feature = "engine")]
mod spool_dir;
#[cfg(feature = "engine")]
mod sql;
#[cfg(feature = "engine")]
mod clock;
#[cfg(feature = "engine")]
pub mod config;
#[cfg(feature = "engine")]
pub mod demo;

#[cfg(feature = "engine")]
pub use {access::AdminPassword, config::Config, engine::Engine};
