//! What the rooms report while they work -> one `SyncStatus` that everybody reads.

mod rate;
mod steps;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::catalog::TableName;
use crate::model::{
    LogLevel, LogLine, Phase, Sample, Step, StepState, StepStatus, SyncStatus, TableState, TableStatus,
};
use rate::{Average, Edge, Rate, per_second};

/// Log lines that travel with every status.
const LOG_TAIL: usize = 200;
const SAMPLES: usize = 240;
const SAMPLE_EVERY: Duration = Duration::from_millis(250);
/// In less than this one packet looks like a fast line.
const SHORTEST_SAMPLE: Duration = Duration::from_millis(50);

/// A sync's progress. Cheap to clone; all clones are the same.
#[derive(Clone)]
pub(crate) struct Progress(Arc<Inner>);

struct Inner {
    state: Mutex<State>,
    publish: watch::Sender<Option<SyncStatus>>,
}

struct State {
    status: SyncStatus,
    log: Vec<LogLine>,
    started: Instant,
    /// When something last moved: what the watchdog looks at.
    moved: Instant,
    sampled: (Instant, u64),
    rate: Rate,
    average: Average,
    dirty: bool,
}

impl Progress {
    /// Starts to show `status` to everybody who reads from `publish`.
    pub(crate) fn start(mut status: SyncStatus, publish: watch::Sender<Option<SyncStatus>>) -> Self {
        status.steps = Step::ALL.into_iter().map(steps::waiting).collect();
        let now = Instant::now();
        let state = State {
            status,
            log: Vec::new(),
            started: now,
            moved: now,
            sampled: (now, 0),
            rate: Rate::new(now),
            average: Average::default(),
            dirty: true,
        };
        let progress = Self(Arc::new(Inner { state: Mutex::new(state), publish }));
        progress.publish();
        progress
    }

    /// The step begins, or goes on.
    pub(crate) fn enter(&self, step: Step, note: &str) {
        self.change(|state| {
            let status = state.step(step);
            status.state = StepState::Running;
            note.clone_into(&mut status.note);
        });
    }

    pub(crate) fn done(&self, step: Step, note: impl Into<String>) {
        let note = note.into();
        self.change(|state| {
            let status = state.step(step);
            status.state = StepState::Done;
            status.note = note;
            status.total = Some(status.done);
        });
    }

    /// How far the step is.
    pub(crate) fn step(&self, step: Step, done: u64, total: Option<u64>) {
        self.change(|state| {
            let status = state.step(step);
            status.done = done;
            if total.is_some() {
                status.total = total;
            }
        });
    }

    /// Compressed bytes that have travelled, in all.
    pub(crate) fn bytes(&self, done: u64) {
        self.change(|state| {
            state.status.bytes_done = done;
            let total = state.status.bytes_total;
            let step = state.step(Step::Transfer);
            step.done = done;
            step.total = total;
        });
    }

    /// The size of the whole backup, once it is known.
    pub(crate) fn bytes_total(&self, total: u64) {
        self.change(|state| {
            state.status.bytes_total = Some(total);
            state.step(Step::Transfer).total = Some(total);
        });
    }

    /// The tables of the sync, in the order in which they are shown from now on, with the rows expected in each.
    pub(crate) fn tables(&self, tables: impl IntoIterator<Item = (TableName, Option<u64>)>) {
        self.change(|state| {
            state.status.tables = tables.into_iter().map(|(name, rows)| table(&name, rows)).collect();
        });
    }

    /// Changes the line of one table; its sums follow.
    pub(crate) fn table(&self, index: usize, change: impl FnOnce(&mut TableStatus)) {
        self.change(|state| {
            if let Some(table) = state.status.tables.get_mut(index) {
                change(table);
            }
        });
    }

    pub(crate) fn say(&self, level: LogLevel, step: Option<Step>, text: impl Into<String>) {
        let text = text.into();
        // Words are no progress: a line about one more failed attempt must not keep the watchdog away.
        let mut state = self.lock();
        let line = LogLine {
            number: state.log.len() as u64 + 1,
            elapsed_ms: millis(state.started.elapsed()),
            step,
            level,
            text,
        };
        state.log.push(line);
        state.dirty = true;
    }

    pub(crate) fn info(&self, step: Step, text: impl Into<String>) {
        self.say(LogLevel::Info, Some(step), text);
    }

    pub(crate) fn warn(&self, step: Step, text: impl Into<String>) {
        self.say(LogLevel::Warn, Some(step), text);
    }

    /// Anything else in the status, the phase above all; seen by everybody at once.
    pub(crate) fn set(&self, change: impl FnOnce(&mut SyncStatus)) {
        self.change(|state| change(&mut state.status));
        self.publish();
    }

    /// Takes over from the peer's status what only the peer can know. A remote status that is older than what is
    /// here already cannot arrive: reports are answered one after the other.
    pub(crate) fn adopt(&self, remote: &SyncStatus, steps: &[Step]) {
        self.change(|state| {
            for step in steps {
                // A report can be overtaken by what it tells of.
                if *step == Step::Transfer && state.step(*step).state == StepState::Done {
                    continue;
                }
                if let Some(theirs) = remote.step_of(*step) {
                    *state.step(*step) = theirs.clone();
                }
                match step {
                    Step::Backup => {
                        state.status.bytes_total = state.status.bytes_total.or(remote.bytes_total);
                        state.expect(&remote.tables);
                    }
                    Step::Transfer => {
                        state.status.bytes_done = remote.bytes_done;
                        state.status.bytes_total = remote.bytes_total.or(state.status.bytes_total);
                    }
                    Step::Convert if !remote.tables.is_empty() => {
                        state.status.tables.clone_from(&remote.tables);
                    }
                    Step::Verify => {
                        state.status.result.clone_from(&remote.result);
                        state.status.preview.clone_from(&remote.preview);
                    }
                    _ => {}
                }
            }
        });
    }

    /// For how long nothing has moved.
    pub(crate) fn idle(&self) -> Duration {
        self.lock().moved.elapsed()
    }

    /// Something moves that is not counted.
    pub(crate) fn touch(&self) {
        self.lock().moved = Instant::now();
    }

    pub(crate) fn status(&self) -> SyncStatus {
        self.lock().snapshot()
    }

    pub(crate) fn log(&self) -> Vec<LogLine> {
        self.lock().log.clone()
    }

    /// Shows the present state to all readers.
    pub(crate) fn publish(&self) {
        let status = {
            let mut state = self.lock();
            state.dirty = false;
            state.snapshot()
        };
        self.0.publish.send_replace(Some(status));
    }

    /// Shows the present state if it has changed, or if time alone changes it.
    pub(crate) fn publish_changes(&self) {
        let due = {
            let mut state = self.lock();
            let now = Instant::now();
            if state.status.is_transferring() && now.duration_since(state.sampled.0) >= SAMPLE_EVERY {
                let bytes = state.status.bytes_done;
                state.rate.measure(now, bytes);
                state.sample(now);
            }
            state.dirty || !state.status.phase.is_final()
        };
        if due {
            self.publish();
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        let mut state = self.lock();
        change(&mut state);
        let now = Instant::now();
        let transfer = state.step(Step::Transfer).state;
        match state.average.follow(transfer, now) {
            Some(Edge::Began) => (state.rate, state.sampled) = (Rate::new(now), (now, 0)),
            Some(Edge::Ended) if now.duration_since(state.sampled.0) >= SHORTEST_SAMPLE => state.sample(now),
            _ => {}
        }
        state.moved = now;
        state.dirty = true;
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn step(&mut self, step: Step) -> &mut StepStatus {
        &mut self.status.steps[step as usize]
    }

    /// Only when somebody looks: of thousands of tables each changes several times.
    fn add_up(&mut self) {
        let tables = &self.status.tables;
        let done = tables.iter().map(|table| table.rows_done).sum();
        let estimated =
            tables.iter().map(|table| table.rows_total.map(|total| total.max(table.rows_done))).sum();
        let backup = &self.status.steps[Step::Backup as usize];
        let total = match backup.state {
            // The source has counted: more exact than what its statistics said before.
            StepState::Done => Some(backup.done.max(done)),
            _ => Option::filter(estimated, |_| !tables.is_empty()),
        };
        (self.status.rows_done, self.status.rows_total) = (done, total);
        let convert = self.step(Step::Convert);
        convert.done = done;
        convert.total = total;
    }

    /// Takes over how many rows the source expects in each table, where nobody here knows it yet.
    fn expect(&mut self, source: &[TableStatus]) {
        let tables = &mut self.status.tables;
        if tables.is_empty() {
            tables.extend_from_slice(source);
        }
        let expected: HashMap<&str, Option<u64>> =
            source.iter().map(|table| (table.name.as_str(), table.rows_total)).collect();
        for table in tables.iter_mut().filter(|table| table.rows_total.is_none()) {
            table.rows_total = expected.get(table.name.as_str()).copied().flatten();
        }
    }

    /// One more point of the graph, which shows the transfer and nothing before or after it.
    fn sample(&mut self, now: Instant) {
        let bytes = self.status.bytes_done;
        let (since, before) = std::mem::replace(&mut self.sampled, (now, bytes));
        let at_ms = millis(now.duration_since(self.started));
        let bytes_per_second = per_second(bytes.saturating_sub(before), now.duration_since(since));
        self.status.samples.push(Sample { at_ms, bytes_per_second });
        if self.status.samples.len() > SAMPLES {
            // Half the resolution for the older part keeps the whole span.
            let mut keep = false;
            self.status.samples.retain(|_| {
                keep = !keep;
                keep
            });
        }
    }

    fn snapshot(&mut self) -> SyncStatus {
        if !self.status.phase.is_final() {
            self.add_up();
            let status = &mut self.status;
            status.elapsed_ms = millis(self.started.elapsed());
            let furthest = status.steps.iter().rev().find(|step| step.state != StepState::Waiting);
            let furthest = furthest.map_or(Step::Backup, |step| step.step);
            status.step = furthest.number();
            furthest.name().clone_into(&mut status.step_name);
            status.bytes_per_second = match status.steps[Step::Transfer as usize].state {
                StepState::Running => self.rate.per_second(),
                _ => self.average.per_second(status.bytes_done),
            };
            let fraction = steps::fraction(status);
            status.percent = status.percent.max((fraction * 100.0).min(99.0));
            // A guess from too little is worse than none.
            status.eta_seconds = (status.elapsed_ms > 1500 && fraction > 0.03)
                .then(|| (status.elapsed_ms as f64 / 1000.0 * (1.0 - fraction) / fraction).round() as u64);
            if status.phase == Phase::Running {
                status.message = steps::message(status);
            }
        }
        let tail = self.log.len().saturating_sub(LOG_TAIL);
        SyncStatus { log: self.log[tail..].to_vec(), ..self.status.clone() }
    }
}

fn table(name: &TableName, rows: Option<u64>) -> TableStatus {
    TableStatus {
        name: name.display(),
        state: TableState::Waiting,
        rows_done: 0,
        rows_total: rows,
        inserted: 0,
        updated: 0,
        deleted: 0,
        unchanged: 0,
        target_only: 0,
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
