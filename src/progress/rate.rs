//! Bytes over time -> bytes per second: of the last moments while they move, on average afterwards.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use crate::model::StepState;

/// Long enough to be calm, short enough to show a stall.
const WINDOW: Duration = Duration::from_millis(1500);

pub(super) struct Rate {
    points: VecDeque<(Instant, u64)>,
}

impl Rate {
    pub(super) fn new(now: Instant) -> Self {
        Self { points: VecDeque::from([(now, 0)]) }
    }

    /// `total` bytes have travelled by `now`.
    pub(super) fn measure(&mut self, now: Instant, total: u64) {
        self.points.push_back((now, total));
        while self.points.len() > 2 && now.duration_since(self.points[1].0) >= WINDOW {
            self.points.pop_front();
        }
    }

    pub(super) fn per_second(&self) -> u64 {
        let (Some((from, before)), Some((to, after))) = (self.points.front(), self.points.back()) else {
            return 0;
        };
        per_second(after.saturating_sub(*before), to.duration_since(*from))
    }
}

/// Zero for no time at all.
pub(super) fn per_second(bytes: u64, time: Duration) -> u64 {
    let per_second = (u128::from(bytes) * 1_000_000).checked_div(time.as_micros()).unwrap_or(0);
    u64::try_from(per_second).unwrap_or(u64::MAX)
}

pub(super) enum Edge {
    Began,
    Ended,
}

/// From when to when the transfer ran.
#[derive(Default)]
pub(super) struct Average {
    began: Option<Instant>,
    ended: Option<Instant>,
}

impl Average {
    /// The transfer is in that state now; says so when that is news.
    pub(super) fn follow(&mut self, transfer: StepState, now: Instant) -> Option<Edge> {
        let (place, edge) = match transfer {
            StepState::Waiting => return None,
            StepState::Running => (&mut self.began, Edge::Began),
            StepState::Done | StepState::Failed => (&mut self.ended, Edge::Ended),
        };
        if place.is_some() {
            return None;
        }
        *place = Some(now);
        Some(edge)
    }

    /// Zero until the transfer has ended.
    pub(super) fn per_second(&self, total: u64) -> u64 {
        let (Some(began), Some(ended)) = (self.began, self.ended) else { return 0 };
        per_second(total, ended.duration_since(began))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_rate_is_that_of_the_last_moments() {
        let start = Instant::now();
        let mut rate = Rate::new(start);
        assert_eq!(rate.per_second(), 0);
        for tick in 1..=8u32 {
            rate.measure(start + tick * Duration::from_millis(250), u64::from(tick) * 1000);
        }
        assert_eq!(rate.per_second(), 4000);
        for tick in 9..=20u32 {
            rate.measure(start + tick * Duration::from_millis(250), 8000);
        }
        assert_eq!(rate.per_second(), 0);
    }

    #[test]
    fn the_average_is_that_of_the_whole_transfer() {
        let start = Instant::now();
        let mut average = Average::default();
        for (state, at_ms) in [
            (StepState::Waiting, 0),
            (StepState::Running, 100),
            (StepState::Running, 400),
            (StepState::Done, 2_100),
        ] {
            assert_eq!(average.per_second(8_000), 0);
            average.follow(state, start + Duration::from_millis(at_ms));
        }
        average.follow(StepState::Done, start + Duration::from_millis(9_000));
        assert_eq!(average.per_second(8_000), 4_000);
    }
}
