//! Databases whose texts are written in other bytes.

use tandem::model::{Code, Step};

use super::{between, keep};
use crate::support;

const TABLE: &str = "create table word (id int primary key, text text);";

#[tokio::test]
async fn a_byte_that_is_no_text_ends_the_sync_in_the_backup() {
    let raw = support::database_with("encoding 'SQL_ASCII' locale 'C'").await;
    raw.execute(&format!("{TABLE} insert into word values (1, 'fine'), (2, chr(255))")).await;
    let target = support::database("empty").await;
    target.execute(TABLE).await;
    let pair = between(raw, target).await;

    pair.refused(&keep(), Step::Backup, Code::DumpFailed, &["word", "invalid byte sequence"]).await;

    pair.source.execute("update word set text = 'fine as well' where id = 2").await;
    pair.mirrored().await;
}

#[tokio::test]
async fn a_character_that_the_target_cannot_hold_is_refused_before_the_transaction() {
    let source = support::database("empty").await;
    source.execute(&format!("{TABLE} insert into word values (1, 'é'), (2, '€')")).await;
    let target = support::database_with("encoding 'LATIN1' locale 'C'").await;
    target.execute(&format!("{TABLE} insert into word values (1, 'e')")).await;
    let pair = between(source, target).await;

    pair.refused(&keep(), Step::Convert, Code::RowRefused, &["public.word", "LATIN1", "encoding UTF8"]).await;

    pair.source.execute("delete from word where id = 2").await;
    pair.mirrored().await;
    assert_eq!(pair.target.value::<i32>("select octet_length(text) from word").await, 1);
}
