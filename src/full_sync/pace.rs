//! The limit on what a session sends in a second, over all of its connections together.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::model::SyncOptions;

pub(super) struct Pace {
    bytes_per_second: Option<u64>,
    /// When all that was let through would have left at this speed.
    free_at: Mutex<Instant>,
}

impl Pace {
    pub(super) fn new(options: &SyncOptions) -> Self {
        let bytes_per_second = options.bandwidth_kb.map(|kilobytes| kilobytes.saturating_mul(1000));
        Self { bytes_per_second, free_at: Mutex::new(Instant::now()) }
    }

    /// How long `bytes` more have to wait. They are counted, so they must be sent then.
    pub(super) fn wait(&self, bytes: usize) -> Duration {
        let Some(rate) = self.bytes_per_second else { return Duration::ZERO };
        let (now, takes) = (Instant::now(), Duration::from_secs_f64(bytes as f64 / rate as f64));
        let mut free_at = self.free_at.lock().unwrap_or_else(PoisonError::into_inner);
        let begin = now.max(*free_at);
        *free_at = begin + takes;
        begin - now
    }

    /// A piece of at most `most` bytes that leaves within a second.
    pub(super) fn piece(&self, most: usize) -> usize {
        self.bytes_per_second.and_then(|rate| usize::try_from(rate).ok()).map_or(most, |rate| most.min(rate))
    }
}
