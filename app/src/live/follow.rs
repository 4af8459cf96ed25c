//! The browser's side of [`Live`]: reads the stream, polls while it is cut, and lets the clock go on.

use std::cell::Cell;
use std::pin::pin;
use std::rc::Rc;

use futures::future::{Either, select};
use futures::{Stream, StreamExt};
use gloo_timers::callback::Interval;
use gloo_timers::future::TimeoutFuture;
use leptos::prelude::*;
use leptos::task::spawn_local;
use tandem::model::{Code, Overview, SyncStatus};

use super::{Connection, Live};
use crate::api::admin;
use crate::error::ApiError;

/// The server says something at least every 10 s.
const SILENCE_MS: u32 = 15_000;
/// A server that takes longer than this to answer is as good as gone.
const ANSWER_MS: u32 = 6_000;
const SHORTEST_PAUSE_MS: u32 = 1_000;
const LONGEST_PAUSE_MS: u32 = 10_000;
/// Peers come and go without a sync; this often the whole overview is read again.
const OVERVIEW_EVERY_MS: u32 = 10_000;

/// Browser clock to server clock, in microseconds.
type Skew = Rc<Cell<i64>>;

pub(super) fn start(live: Live) {
    let skew = Skew::new(Cell::new(live.now_us.get_untracked() - browser_us()));
    let ticking = Rc::clone(&skew);
    // The panel lives as long as the page.
    Interval::new(1_000, move || live.now_us.set(browser_us() + ticking.get())).forget();
    spawn_local(read_for_ever(live, Rc::clone(&skew)));
    spawn_local(refresh_for_ever(live, skew));
}

/// Stream, and when it ends: ask, wait, stream again. A stream that stays silent from its first moment is held back
/// by something in between, so it is tried less often.
async fn read_for_ever(live: Live, skew: Skew) {
    let mut pause_ms = SHORTEST_PAUSE_MS;
    loop {
        let asks = match read_stream(live).await {
            Ok(0) => 6,
            Ok(_) => {
                pause_ms = SHORTEST_PAUSE_MS;
                1
            }
            Err(error) => {
                leave_when_signed_out(&error);
                1
            }
        };
        for _ in 0..asks {
            ask(live, &skew).await;
            TimeoutFuture::new(pause_ms).await;
            pause_ms = (pause_ms * 2).min(LONGEST_PAUSE_MS);
        }
    }
}

/// Reads until the stream ends or is silent; says how many lines came.
async fn read_stream(live: Live) -> Result<usize, ApiError> {
    let stream = answered(admin::watch()).await?;
    let mut chunks = pin!(stream.into_inner());
    let mut rest = String::new();
    let mut lines = 0;
    while let Some(chunk) = within(SILENCE_MS, &mut chunks).await {
        rest.push_str(&chunk?);
        // A chunk can hold several lines, or half of one; of several only the last is still true.
        let Some(end) = rest.rfind('\n') else { continue };
        let newest = rest[..end].rfind('\n').map_or(0, |start| start + 1);
        if let Ok(status) = serde_json::from_slice(&rest.as_bytes()[newest..end]) {
            lines += 1;
            live.connection.set(Connection::Live);
            take_status(live, status);
        }
        rest.drain(..=end);
    }
    Ok(lines)
}

async fn within<S: Stream + Unpin>(ms: u32, stream: &mut S) -> Option<S::Item> {
    match select(stream.next(), TimeoutFuture::new(ms)).await {
        Either::Left((item, _)) => item,
        Either::Right(_) => None,
    }
}

async fn answered<T>(call: impl Future<Output = Result<T, ApiError>>) -> Result<T, ApiError> {
    match select(pin!(call), TimeoutFuture::new(ANSWER_MS)).await {
        Either::Left((answer, _)) => answer,
        Either::Right(_) => Err(ApiError::Transport("This server does not answer.".to_owned())),
    }
}

/// Asks once for everything; the answer decides between "polling" and "offline".
async fn ask(live: Live, skew: &Skew) {
    match answered(admin::overview()).await {
        Ok(mut overview) => {
            live.connection.set(Connection::Polling);
            take_status(live, overview.current.take());
            take_overview(live, overview, skew);
        }
        Err(error) => {
            leave_when_signed_out(&error);
            live.connection.update(|connection| {
                if !matches!(connection, Connection::Offline { .. }) {
                    *connection = Connection::Offline { since_us: live.now_us.get_untracked() };
                }
            });
        }
    }
}

async fn refresh_for_ever(live: Live, skew: Skew) {
    loop {
        TimeoutFuture::new(OVERVIEW_EVERY_MS).await;
        // While the stream is cut the other loop asks already.
        if is_hidden() || live.connection.get_untracked() != Connection::Live {
            continue;
        }
        // A failure shows in the stream within seconds.
        if let Ok(overview) = admin::overview().await {
            take_overview(live, overview, &skew);
        }
    }
}

fn take_overview(live: Live, overview: Overview, skew: &Skew) {
    skew.set(overview.now_us - browser_us());
    live.take(overview);
}

/// A sync that has just ended changes the lists and the comparisons too.
fn take_status(live: Live, status: Option<SyncStatus>) {
    let running = live.status.with_untracked(|status| {
        status.as_ref().filter(|status| !status.phase.is_final()).map(|status| status.session_id.clone())
    });
    let Some(session) = running.filter(|_| !is_running(&status)) else {
        live.status.set(status);
        return;
    };
    // A server that was restarted has forgotten the sync; its history has not.
    let is_forgotten = status.is_none();
    if !is_forgotten {
        live.status.set(status);
    }
    spawn_local(async move {
        if is_forgotten {
            live.status.set(admin::backup_progress(session).await.ok());
        }
        if let Ok(overview) = admin::overview().await {
            live.take(overview);
        }
    });
}

fn is_running(status: &Option<SyncStatus>) -> bool {
    status.as_ref().is_some_and(|status| !status.phase.is_final())
}

fn leave_when_signed_out(error: &ApiError) {
    if error.code() == Some(Code::Unauthorized) {
        crate::browser::go_to_login();
    }
}

fn browser_us() -> i64 {
    (js_sys::Date::now() * 1000.0) as i64
}

fn is_hidden() -> bool {
    document().hidden()
}
