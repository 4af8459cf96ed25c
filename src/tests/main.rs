//! Tests of the engine on real PostgreSQL servers that this binary starts itself.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in what it stands on too")]

mod additive;
mod after_commit;
mod archive;
mod bandwidth;
mod cluster;
mod commands;
mod delta;
mod faults;
mod first_sync;
mod full_sync;
mod house;
mod initialise;
mod json_rows;
mod kills;
mod one_at_a_time;
mod random;
mod rights;
mod sample;
mod policies;
mod preview;
mod scope;
mod support;
mod traps;
mod undo;
mod versions;
