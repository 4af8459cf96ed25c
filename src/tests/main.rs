//! Tests of the engine on real PostgreSQL servers that this binary starts itself.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails, in its helpers too")]

mod sample;
mod support;
