//! Bytes a second over the time of the sync, as a small graph.

use leptos::prelude::*;
use tandem::model::{Sample, SyncStatus};

use crate::format::{self, decimal};

const WIDTH: f64 = 320.0;
const HEIGHT: f64 = 100.0;

#[component]
pub fn Throughput(#[prop(into)] status: Signal<SyncStatus>) -> impl IntoView {
    (move || {
        let status = status.read();
        let is_running = status.is_transferring();
        let graph = Graph::new(&status.samples, (!is_running).then_some(status.bytes_per_second));
        let now = is_running
            .then(|| view! { <b>{format::rate(status.bytes_per_second).to_string()}</b>{if graph.top > 0 { ", " } else { "" }} });
        view! {
            <section class="panel panel--fill" aria-labelledby="speed">
                <div class="panel__head">
                    <h2 id="speed">"Throughput"</h2>
                    <span class="note">{now}{graph.mean_text()}</span>
                </div>
                <div class="panel__body">
                    <div class="graph">
                        <div class="graph__y" aria-hidden="true">
                            <span>{(graph.top > 0).then(|| format::rate(graph.top).to_string())}</span>
                            <span>{(graph.top > 0).then(|| format::rate(graph.top / 2).number)}</span>
                            <span>"0"</span>
                        </div>
                        <div class="graph__plot">
                            <svg viewBox="0 0 320 100" preserveAspectRatio="none" role="img" aria-label=graph.label()>
                                <path class="grid" d="M0 0.5H320M0 50H320M0 99.5H320"></path>
                                <path class="area" d=graph.area()></path>
                                <path class="mean" d=graph.mean_line()></path>
                                <path class="line" d=graph.line.clone()></path>
                            </svg>
                        </div>
                        <div class="graph__x" aria-hidden="true">
                            <span>"0"</span>
                            <span>{format::duration(graph.until_ms)}</span>
                        </div>
                    </div>
                </div>
            </section>
        }
    })
    .into_any()
}

/// The samples as paths in a box of 320 × 100.
#[derive(Debug, Clone, PartialEq, Default)]
struct Graph {
    line: String,
    /// Where the line begins and ends.
    from_x: f64,
    to_x: f64,
    until_ms: u64,
    /// The rate at the upper edge: a round number.
    top: u64,
    mean: u64,
    highest: u64,
}

impl Graph {
    /// `average` of the whole transfer is more exact than that of the samples, once it is known.
    fn new(samples: &[Sample], average: Option<u64>) -> Self {
        let (Some(first), Some(last)) = (samples.first(), samples.last()) else { return Self::default() };
        let highest = samples.iter().map(|sample| sample.bytes_per_second).max().unwrap_or_default();
        if highest == 0 {
            return Self { until_ms: last.at_ms, ..Self::default() };
        }
        let measured =
            || samples.iter().map(|sample| sample.bytes_per_second).sum::<u64>() / samples.len() as u64;
        let mean = average.filter(|average| *average > 0).unwrap_or_else(measured);
        let top = round_up(highest.max(mean));
        let until_ms = last.at_ms.max(1);
        let x = |sample: &Sample| sample.at_ms as f64 / until_ms as f64 * WIDTH;
        let mut line = String::new();
        for sample in samples {
            let y = HEIGHT - sample.bytes_per_second as f64 / top as f64 * HEIGHT;
            let command = if line.is_empty() { 'M' } else { 'L' };
            line.push_str(&format!("{command}{} {}", decimal(x(sample)), decimal(y)));
        }
        let mut from_x = x(first);
        if let [only] = samples {
            // One point says less than the average of the whole.
            let y = HEIGHT - average.unwrap_or(only.bytes_per_second) as f64 / top as f64 * HEIGHT;
            let (y, right) = (decimal(y), decimal(WIDTH));
            line = format!("M0.0 {y}L{right} {y}");
            from_x = 0.0;
        }
        Self { line, from_x, to_x: x(last), until_ms, top, mean, highest }
    }

    fn area(&self) -> String {
        if self.line.is_empty() {
            return String::new();
        }
        format!("{}L{} 100L{} 100Z", self.line, decimal(self.to_x), decimal(self.from_x))
    }

    fn mean_line(&self) -> String {
        if self.top == 0 {
            return String::new();
        }
        format!("M0 {}H320", decimal(HEIGHT - self.mean as f64 / self.top as f64 * HEIGHT))
    }

    fn mean_text(&self) -> String {
        if self.top == 0 { String::new() } else { format!("mean {}", format::rate(self.mean)) }
    }

    fn label(&self) -> String {
        if self.top == 0 {
            return "Nothing measured yet".to_owned();
        }
        format!(
            "Throughput over {}, mean {}, highest {}",
            format::duration(self.until_ms),
            format::rate(self.mean),
            format::rate(self.highest)
        )
    }
}

/// The next of 1, 2, 4, 6, 8, 10 … times a power of ten, so that the axis is readable.
fn round_up(rate: u64) -> u64 {
    let mut power = 1u64;
    while power.saturating_mul(10) < rate {
        power = power.saturating_mul(10);
    }
    [1, 2, 4, 6, 8, 10]
        .into_iter()
        .map(|factor| power.saturating_mul(factor))
        .find(|top| *top >= rate)
        .unwrap_or(rate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_axis_ends_at_a_round_number() {
        for (rate, top) in [(0, 1), (1, 1), (3, 4), (11_400_000, 20_000_000), (61, 80), (100, 100)] {
            assert_eq!(round_up(rate), top);
        }
    }

    #[test]
    fn samples_become_a_path_from_left_to_right() {
        let samples = [
            Sample { at_ms: 0, bytes_per_second: 0 },
            Sample { at_ms: 500, bytes_per_second: 10 },
            Sample { at_ms: 1_000, bytes_per_second: 5 },
        ];
        let graph = Graph::new(&samples, None);
        assert_eq!(graph.line, "M0.0 100.0L160.0 0.0L320.0 50.0");
        assert_eq!(graph.area(), "M0.0 100.0L160.0 0.0L320.0 50.0L320.0 100L0.0 100Z");
    }

    #[test]
    fn without_samples_there_is_no_line() {
        assert_eq!(Graph::new(&[], None), Graph::default());
    }
}
