//! Databases whose texts are written in other bytes.

use tandem::model::{Code, RowErrors, Step, SyncOptions};

use super::{between, keep};
use crate::support;

const TABLE: &str = "create table word (id int primary key, text text);";

#[tokio::test]
async fn texts_that_are_not_utf8_are_refused_before_anything_is_sent_and_named() {
    let raw = support::database_with("encoding 'SQL_ASCII' locale 'C'").await;
    raw.execute(&format!(
        r"{TABLE} create table tag (name text primary key, words text[]);
          insert into word values (1, 'fine'), (2, chr(255)), (3, E'\xc3\xa9 \xe2\x82\xac \xf0\x9f\x98\x80'),
                                  (4, E'\xed\xa0\x80'), (5, E'cut \xe2\x82'), (6, E'\xc0\xaf');
          insert into tag values ('a' || chr(228), array['b', chr(246)]), ('c', array['d'])"
    ))
    .await;
    let target = support::database("empty").await;
    target.execute(&format!("{TABLE} create table tag (name text primary key, words text[])")).await;
    let pair = between(raw, target).await;
    let parts = [
        "public.word.text holds bytes that are not UTF-8, in 4 rows (id 2).",
        "public.tag.name holds bytes that are not UTF-8, in 1 row (name a?).",
        "public.tag.words holds bytes that are not UTF-8, in 1 row (name a?).",
    ];

    for options in [keep(), SyncOptions { row_errors: RowErrors::Isolate, ..keep() }] {
        let error = pair.refused(&options, Step::Backup, Code::Refused, &parts).await;
        assert!(error.hint.contains("or leave public.word out"));
    }

    pair.source
        .execute(
            "update word set text = convert_from(convert(convert_to(text, 'SQL_ASCII'), 'LATIN1', 'UTF8'), 'UTF8') where id in (2, 4, 5, 6);
             delete from tag where name <> 'c'",
        )
        .await;
    pair.mirrored().await;
    assert_eq!(pair.target.value::<String>("select text from word where id = 2").await, "ÿ");
    assert_eq!(pair.target.value::<String>("select text from word where id = 3").await, "é € 😀");
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
