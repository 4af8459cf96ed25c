//! The wall clock, in microseconds UTC: for what people and peers read. Waits and rates use the monotonic clock.

use std::time::{SystemTime, UNIX_EPOCH};

pub(crate) fn now_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}
