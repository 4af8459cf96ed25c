//! Rows as JSON from a peer that does not keep to the rules: refused with the reason, and nothing is written.

use axum::http::{Method, StatusCode};
use serde_json::{Value, json};
use tandem::model::wire::PROTOCOL;

use super::peers::Signed;
use super::support::{self, TestNode};

/// A peer that pushes by rows.
struct Peer {
    node: TestNode,
    session: String,
}

impl Peer {
    /// Invites a node that has one table.
    async fn push() -> Self {
        let node = support::start_with("create table note (id integer primary key, text text)").await;
        let session = format!("01890a5d-ac96-774b-bcce-{:012}", rand());
        let invitation = json!({"request": {
            "protocol": PROTOCOL, "session_id": session, "started_by": "nobody", "method": "rows",
            "options": {"compress": true, "verify": true},
        }});
        let answer = call(&node, "/api/sync/receive-backup".to_owned(), &invitation).await;
        assert_eq!(answer.0, StatusCode::OK, "{answer:?}");
        Self { node, session }
    }

    async fn say(&self, number: u32, message: &Value) -> (StatusCode, Value) {
        call(&self.node, format!("/api/sync/rows/{}/{number}", self.session), message).await
    }

    async fn begin(&self) {
        let section = json!({"table": {"schema": "public", "name": "note"}, "columns": ["id", "text"]});
        let column = |name: &str, kind: &str, not_null: bool| json!({"name": name, "type_name": kind, "not_null": not_null, "has_default": false, "generated": false, "identity": null});
        let table = json!({
            "name": {"schema": "public", "name": "note"},
            "columns": [column("id", "integer", true), column("text", "text", false)],
            "primary_key": ["id"], "uniques": [], "foreign_keys": [], "partitioned": false, "triggers": [],
            "row_security": false,
        });
        let manifest =
            json!({"format": 1, "order": "heap", "catalog": {"tables": [table]}, "sections": [section]});
        let (status, receipt) =
            self.say(1, &json!({"kind": "begin", "number": 1, "manifest": manifest})).await;
        assert_eq!((status, &receipt), (StatusCode::OK, &json!({"number": 1, "accepted": 0, "refused": []})));
    }

    /// Waits until the session has failed, and returns why.
    async fn failed(&self) -> String {
        let path = format!("/api/sync/backup-progress?session_id={}", self.session);
        loop {
            let request =
                Signed { method: Method::GET, path: leaked(&path), body: Vec::new(), ..Signed::hello() };
            let answer = request.send(&self.node).await;
            let status: Value = serde_json::from_str(&answer.body).unwrap();
            match status["phase"].as_str() {
                Some("running") => tokio::time::sleep(std::time::Duration::from_millis(20)).await,
                Some("failed") => return status["error"]["message"].as_str().unwrap().to_owned(),
                _ => panic!("{status}"),
            }
        }
    }

    async fn rows(&self) -> u64 {
        let (status, reply) =
            call(&self.node, "/api/sync/digest".to_owned(), &json!({"request": {"protocol": PROTOCOL}}))
                .await;
        assert_eq!(status, StatusCode::OK);
        assert_eq!(reply["digests"][0]["name"], "public.note");
        reply["digests"][0]["rows"].as_u64().unwrap()
    }
}

async fn call(node: &TestNode, path: String, body: &Value) -> (StatusCode, Value) {
    let body = serde_json::to_vec(body).unwrap();
    let answer = Signed { path: leaked(&path), body, ..Signed::hello() }.send(node).await;
    (answer.status, serde_json::from_str(&answer.body).unwrap_or(Value::Null))
}

fn leaked(path: &str) -> &'static str {
    String::leak(path.to_owned())
}

fn rand() -> u64 {
    let mut random = [0; 8];
    getrandom::fill(&mut random).unwrap();
    u64::from_le_bytes(random) % 1_000_000_000_000
}

fn rows(number: u32, table: &str, rows: &Value) -> Value {
    json!({"kind": "rows", "number": number, "table": table, "columns": ["id", "text"], "rows": rows})
}

#[tokio::test]
async fn a_repeated_number_is_answered_again_and_not_taken_twice() {
    let peer = Peer::push().await;
    peer.begin().await;
    let message = rows(2, "public.note", &json!([["1", "a"], ["2", null]]));
    let first = peer.say(2, &message).await;
    assert_eq!(first, (StatusCode::OK, json!({"number": 2, "accepted": 2, "refused": []})));

    assert_eq!(peer.say(2, &message).await, first);
    // The count is of the rows that were taken: a row that was taken twice would make it wrong, as this one is.
    let end = json!({"kind": "rows", "number": 3, "table": "public.note", "columns": ["id", "text"], "rows": [],
                     "end": {"rows": 4, "hash": "0".repeat(32)}});
    let (_, receipt) = peer.say(3, &end).await;
    assert!(receipt["refused"][0]["reason"].as_str().unwrap().contains("counted and hashed"), "{receipt}");
    assert!(peer.failed().await.contains("public.note"));
    assert_eq!(peer.rows().await, 0);
}

#[tokio::test]
async fn hostile_messages_are_refused_with_the_reason_and_write_nothing() {
    let good = json!([["1", "a"]]);
    let wide = json!([["1", "a"], ["2", "b", "c"]]);
    let cases = [
        ("a row with too many values", rows(2, "public.note", &wide), "3 values for 2 columns"),
        ("a zero byte", rows(2, "public.note", &json!([["1", "a\u{0}b"]])), "zero byte"),
        ("another table", rows(2, "tandem.session", &good), "tandem.session"),
        ("another number", rows(7, "public.note", &good), "2 is expected"),
        (
            "other columns",
            json!({"kind": "rows", "number": 2, "table": "public.note", "columns": ["text", "id"], "rows": good}),
            "columns",
        ),
        ("an end before the rows", json!({"kind": "end", "number": 2, "sequences": []}), "archive"),
        ("what only ends a pull", json!({"kind": "done", "number": 2}), "out of order"),
    ];
    for (what, message, reason) in cases {
        let peer = Peer::push().await;
        peer.begin().await;

        let (status, receipt) = peer.say(2, &message).await;

        assert_eq!((status, &receipt["accepted"]), (StatusCode::OK, &json!(0)), "{what}: {receipt}");
        let said = receipt["refused"][0]["reason"].as_str().unwrap_or_default();
        assert!(said.contains(reason), "{what}: {receipt}");
        assert!(peer.failed().await.contains(reason), "{what}");
        assert_eq!(peer.rows().await, 0, "{what}");
    }
}

#[tokio::test]
async fn what_is_no_message_at_all_ends_the_session() {
    let peer = Peer::push().await;
    peer.begin().await;
    let (status, _) = peer.say(9, &json!({})).await;
    assert_eq!(status, StatusCode::BAD_REQUEST, "only the next number is taken");

    let nonsense = json!({"kind": "rows", "number": 2, "more": "than known"});
    let waiting = peer.say(2, &nonsense);
    let failed = peer.failed();
    let (_, reason) = tokio::join!(waiting, failed);

    assert!(reason.contains("cannot be read"), "{reason}");
    assert_eq!(peer.rows().await, 0);
}
