//! The pages: each loads its data and places components.

pub mod frame;
pub mod full_sync;
pub mod history;
pub mod login;
pub mod not_found;
pub mod session;
