//! Rows: JSON messages over HTTP, the slow way that passes any proxy and needs no pg_dump.
//!
//! `POST /api/sync/rows/{session}/{number}`, by whoever has started the sync; both the message and its answer are JSON.
//! In a push the messages are the source's and the answers the target's receipts, in a pull the other way round: there
//! the first message is the receipt of number 0. A number is answered once and always the same, so what was cut goes on
//! with the number that was not answered, and nothing is taken twice.
//!
//! ```json
//! {"kind":"begin","number":1,"manifest":{…}}
//! {"kind":"rows","number":2,"table":"public.x","columns":["id","name"],"rows":[["1","a"],["2",null]]}
//! {"kind":"rows","number":3,"table":"public.x","columns":["id","name"],"rows":[],"end":{"rows":2,"hash":"…"}}
//! {"kind":"end","number":4,"sequences":[{"name":{…},"last_value":7,"is_called":true}]}
//! {"kind":"done","number":4}
//! ```
//!
//! Values are what the database writes as text, NULL is `null`; `manifest`, sections and hashes are those of an archive.
//! Tables come in the manifest's order, each ended by its count and hash. `done` is only the last answer of a pull. The
//! target answers each message:
//!
//! ```json
//! {"number":2,"accepted":2,"refused":[]}
//! {"number":3,"accepted":0,"refused":[{"row":0,"reason":"it has 3 values for 2 columns"}]}
//! ```
//!
//! A message with a refused row or a refusal of its own is not taken at all, and the sync ends there. What is taken goes
//! through an archive in the target's own spool, and everything after that is the same as with any other method.

mod message;
mod source;
mod target;

pub(super) use source::offer;
pub(super) use target::restore;
