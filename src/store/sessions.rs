//! Sessions: one row each, from the start to the end and after it.

use super::{Store, StoreError, to_json};
use crate::clock::now_us;
use crate::database::{Row, Statement};
use crate::model::{
    Code, HistoryFilter, HistoryPage, Kind, LogLine, Phase, SessionDetail, SessionId, SessionSummary,
    SyncError, SyncResult, SyncStatus,
};

/// That the rows of a session are there, as their own transaction has written it down.
pub(crate) struct Commit {
    at_us: i64,
    /// None of a session of a version that did not keep it.
    pub result: Option<SyncResult>,
}

impl Commit {
    /// What a session has not come to that ended after its commit.
    pub(crate) fn outstanding(kind: Kind) -> &'static str {
        match kind {
            Kind::Undo => "Every row was compared before the commit.",
            _ => "The comparison and the sequences are outstanding: start the sync again.",
        }
    }
}

impl Store {
    pub(crate) async fn open_session(&self, status: &SyncStatus) -> Result<(), StoreError> {
        let statement = Statement::new(
            "insert into {t}session (id, peer, phase, started_us, status, log, kind)
             values ($1, $2, $3, $4, $5, '[]', $6)",
        )
        .bind(status.session_id.as_str())
        .bind(status.peer.as_str())
        .bind(status.phase.as_str())
        .bind(status.started_us)
        .bind(to_json(status))
        .bind(status.kind.as_str());
        self.database.execute(statement).await?;
        Ok(())
    }

    /// Writes the state down, with the whole log.
    pub(crate) async fn save_session(&self, status: &SyncStatus, log: &[LogLine]) -> Result<(), StoreError> {
        let statement = Statement::new(
            "update {t}session set phase = $2, finished_us = $3, status = $4, log = $5 where id = $1",
        )
        .bind(status.session_id.as_str())
        .bind(status.phase.as_str())
        .bind(status.finished_us)
        .bind(to_json(status))
        .bind(to_json(&log));
        self.database.execute(statement).await?;
        Ok(())
    }

    /// The marker that commits in the same transaction as the rows. Writes nothing when a newer claim exists.
    pub(crate) fn mark_committed(session: &SessionId, fence: i64, result: &SyncResult) -> Statement {
        Statement::new(
            "update {t}session
             set committed_us = $2, result = $3
             where id = $1 and exists (select 1 from {t}fence where number = $4)",
        )
        .bind(session.as_str())
        .bind(now_us())
        .bind(to_json(result))
        .bind(fence)
    }

    /// Commits together with the rows that come back: `status` is the session that they are taken back from.
    pub(crate) fn mark_undone(status: &SyncStatus) -> Statement {
        Statement::new(
            "update {t}session set phase = $2, status = $3 where id = $1 and phase in ('verified', 'completed')",
        )
        .bind(status.session_id.as_str())
        .bind(status.phase.as_str())
        .bind(to_json(status))
    }

    /// The commit of a session, if there was one.
    pub(crate) async fn commit(&self, session: &SessionId) -> Result<Option<Commit>, StoreError> {
        let statement = Statement::new("select committed_us, result from {t}session where id = $1")
            .bind(session.as_str());
        let rows = self.database.query(statement).await?;
        Ok(rows.first().map(|row| commit(row, 0)).transpose()?.flatten())
    }

    pub(crate) async fn session(&self, session: &SessionId) -> Result<Option<SessionDetail>, StoreError> {
        let statement =
            Statement::new("select status, log from {t}session where id = $1").bind(session.as_str());
        let rows = self.database.query(statement).await?;
        rows.first().map(detail).transpose()
    }

    /// The newest first.
    pub(crate) async fn history(&self, filter: &HistoryFilter) -> Result<HistoryPage, StoreError> {
        let limit = match filter.limit {
            0 => 50,
            limit => i64::from(limit.min(200)),
        };
        let before = filter.before.as_ref().map(ToString::to_string);
        let phase = filter.phase.map(|phase| phase.as_str().to_owned());
        let kind = filter.kind.map(|kind| kind.as_str().to_owned());
        let never = filter.without_previews.then(|| Kind::Preview.as_str().to_owned());
        let statement = Statement::new(
            "select status
             from {t}session
             where ($1 is null or peer = $1)
               and ($2 is null or phase = $2)
               and ($3 is null or kind = $3)
               and ($4 is null or kind <> $4)
               and ($5 is null or (started_us, id) < (select started_us, id from {t}session where id = $5))
             order by started_us desc, id desc
             limit $6",
        )
        .bind(filter.peer.clone())
        .bind(phase.clone())
        .bind(kind.clone())
        .bind(never.clone())
        .bind(before)
        .bind(limit + 1);
        let rows = self.database.query(statement).await?;
        let mut sessions =
            rows.iter().map(|row| Ok(summary(status(row, 0)?))).collect::<Result<Vec<_>, StoreError>>()?;
        let more = sessions.len() as i64 > limit;
        sessions.truncate(usize::try_from(limit).unwrap_or(usize::MAX));

        let statement = Statement::new(
            "select count(*)
             from {t}session
             where ($1 is null or peer = $1)
               and ($2 is null or phase = $2)
               and ($3 is null or kind = $3)
               and ($4 is null or kind <> $4)",
        )
        .bind(filter.peer.clone())
        .bind(phase)
        .bind(kind)
        .bind(never);
        let total = self.database.query(statement).await?.first().and_then(|row| row.integer(0)).unwrap_or(0);
        Ok(HistoryPage { sessions, more, total: total.unsigned_abs() })
    }

    /// Those of which it is not known whether they have committed, the oldest first.
    pub(crate) async fn in_doubt(&self) -> Result<Vec<SessionDetail>, StoreError> {
        let statement = Statement::new(
            r#"select status, log
               from {t}session
               where phase in ('failed', 'cancelled', 'interrupted') and status like '%"in_doubt":true%'
               order by started_us"#,
        );
        self.database.query(statement).await?.iter().map(detail).collect()
    }

    /// Ends what a dead process left open: committed sessions are a success, all others are interrupted. One that was
    /// written down as failed while nobody could say whether it had committed is a success too.
    pub(crate) async fn close_orphans(&self) -> Result<Vec<SyncStatus>, StoreError> {
        let statement = Statement::new(
            "select status, log, committed_us, result
             from {t}session
             where phase in ('running', 'cancelling')
                or (committed_us is not null and phase in ('failed', 'cancelled', 'interrupted'))
             order by started_us",
        );
        let mut closed = Vec::new();
        for row in self.database.query(statement).await? {
            let (mut status, log) = (status(&row, 0)?, read::<Vec<LogLine>>(row.text(1), "a log")?);
            end_orphan(&mut status, commit(&row, 2)?);
            self.save_session(&status, &log).await?;
            closed.push(status);
        }
        Ok(closed)
    }
}

fn end_orphan(status: &mut SyncStatus, commit: Option<Commit>) {
    status.eta_seconds = None;
    status.bytes_per_second = 0;
    if let Some(Commit { at_us, result }) = commit {
        status.finished_us = Some(at_us);
        let outstanding = Commit::outstanding(status.kind);
        status.complete(result, format!("Committed; Tandem stopped before it was done. {outstanding}"));
    } else {
        status.finished_us = Some(now_us());
        status.phase = Phase::Interrupted;
        status.in_doubt = status.writes_at_peer();
        let error = SyncError::new(Code::Interrupted, "Tandem stopped while this sync was running.");
        if status.in_doubt {
            status.message = error.message.clone();
            status.error = Some(error.in_doubt(&status.peer));
        } else {
            status.message = "Tandem stopped in the middle; the target is as it was.".to_owned();
            status.error = Some(error.unchanged());
        }
        status.end_running_steps();
    }
}

/// `committed_us` and `result`, from `index` on.
fn commit(row: &Row, index: usize) -> Result<Option<Commit>, StoreError> {
    let Some(at_us) = row.integer(index) else { return Ok(None) };
    let result = match row.text(index + 1) {
        "" => None,
        text => Some(read(text, "a result")?),
    };
    Ok(Some(Commit { at_us, result }))
}

fn detail(row: &Row) -> Result<SessionDetail, StoreError> {
    Ok(SessionDetail { status: status(row, 0)?, log: read(row.text(1), "a log")? })
}

fn status(row: &Row, index: usize) -> Result<SyncStatus, StoreError> {
    read(row.text(index), "a session")
}

fn read<T: serde::de::DeserializeOwned>(text: &str, what: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|source| StoreError::Unreadable { what: what.to_owned(), source })
}

fn summary(status: SyncStatus) -> SessionSummary {
    let result = status.result.as_ref();
    SessionSummary {
        inserted: result.map_or(0, |result| result.inserted),
        updated: result.map_or(0, |result| result.updated),
        deleted: result.map_or(0, |result| result.deleted),
        // What the nodes said to find out what differs is sent too.
        bytes: result.map_or(status.bytes_done, |result| result.archive_bytes),
        bytes_per_second: status.bytes_per_second,
        rows: result.map_or(status.rows_done, |result| result.rows),
        undo_until_us: result.and_then(|result| result.undo_until_us),
        session_id: status.session_id,
        kind: status.kind,
        direction: status.direction,
        local: status.local,
        peer: status.peer,
        started_by: status.started_by,
        started_here: status.started_here,
        method: status.method,
        phase: status.phase,
        started_us: status.started_us,
        finished_us: status.finished_us,
        elapsed_ms: status.elapsed_ms,
        error: status.error,
    }
}
