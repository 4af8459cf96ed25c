//! Plain data that the browser, the command line and peers share; compiles to wasm.

mod error;
mod node;
mod preview;
mod scope;
mod session;
mod status;
mod sync;
pub mod text;
pub mod wire;

pub use error::{Code, SyncError};
pub use node::{
    Check, CheckState, Comparison, DatabaseFacts, Fingerprint, Overview, Peer, Presence, TableDigest,
};
pub use preview::{
    Change, Kind, Preview, PreviewFinding, RowPreview, SetAside, Skipped, TablePreview, ValuePreview,
};
pub use scope::Scope;
pub use session::{HistoryFilter, HistoryPage, SessionDetail, SessionId, SessionSummary};
pub use status::{
    LogLevel, LogLine, Phase, Relation, Sample, Step, StepState, StepStatus, SyncResult, SyncStatus,
    TableState, TableStatus, Unit,
};
pub use sync::{
    ChosenRow, ConflictPolicy, DeletePolicy, Direction, Method, RowErrors, SyncOptions, SyncRequest,
};
