//! The server as its callers see it, in front of a real engine and a real database.

mod doors;
mod files;
mod pages;
mod peers;
mod rows;
mod sign_in;
mod support;
