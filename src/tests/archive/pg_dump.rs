//! Real dumps of real databases: every table, row and sequence value, and the archive made of them.

use std::collections::BTreeMap;
use std::process::Stdio;

use bytes::Bytes;
use tandem::archive::{DumpEvent, DumpReader};
use tandem::catalog::TableName;
use tokio::process::Command;

use super::{Contents, read, rows_of, section};
use crate::support::{Database, cluster, database};

#[tokio::test]
async fn dumps_of_the_samples_hold_every_row_and_sequence_of_the_database() {
    for sample in ["pagila", "chinook", "chinook_identity", "shop"] {
        let database = database(sample).await;
        let dump = dump(&database).await;

        for (table, rows) in &dump.rows {
            let name = format!("\"{}\".\"{}\"", table.schema, table.name);
            let expected: i64 = database.value(&format!("select count(*) from only {name}")).await;
            assert_eq!(newlines(rows), expected, "{sample}: {table}");
        }
        let tables: i64 = database
            .value(
                "select count(*) from pg_class join pg_namespace n on n.oid = relnamespace
                 where relkind = 'r' and nspname not in ('pg_catalog', 'information_schema')",
            )
            .await;
        assert_eq!(dump.rows.len() as i64, tables, "{sample}");
        let sequences = database.sequences().await;
        assert_eq!(dump.sequences.len(), sequences.len(), "{sample}");
        for (name, expected) in &sequences {
            let (last_value, is_called) = dump.sequences[name];
            assert_eq!(is_called.then_some(last_value), *expected, "{sample}: {name}");
        }
    }
}

#[tokio::test]
async fn an_archive_of_a_real_dump_is_read_back() {
    let dump = dump(&database("pagila").await).await;
    let mut contents = Contents::new(&[]);
    for (table, rows) in &dump.rows {
        let columns: Vec<&str> = dump.columns[table].iter().map(String::as_str).collect();
        contents.manifest.sections.push(section(&table.name, &columns));
        contents.rows.push(rows.to_vec());
    }
    let bytes = contents.archive(tandem::archive::Compression::Zstd(3), 65_536).await.unwrap();

    assert!(rows_of(&read(&bytes, 65_536).await.unwrap().1) == contents.rows);
}

#[tokio::test]
async fn awkward_names_and_values_come_through_a_real_dump() {
    let database = database("empty").await;
    database
        .execute(
            r#"create schema "We ird";
               create table "We ird"."T""x
               y" ("Id" serial primary key, "select" text, "a,b) FROM stdin;" text, "größe" text);
               insert into "We ird"."T""x
               y" ("select", "a,b) FROM stdin;") values (E'x\ty\n\\', null), (E'\b\f\x0b\r', '\.'), ('', '\N');
               create table zero();
               insert into zero default values;
               create sequence "Se'q\x";
               select setval('"Se''q\x"', 7, false);"#,
        )
        .await;

    let dump = dump(&database).await;

    let (table, columns) = dump.columns.first_key_value().unwrap();
    assert_eq!(table.name, "T\"x\n               y");
    assert_eq!(columns[..3], ["Id", "select", "a,b) FROM stdin;"]);
    let rows = std::str::from_utf8(&dump.rows[table]).unwrap();
    assert_eq!(rows, "1\tx\\ty\\n\\\\\t\\N\t\\N\n2\t\\b\\f\\v\\r\t\\\\.\t\\N\n3\t\t\\\\N\t\\N\n");
    assert_eq!(dump.rows[&TableName::new("public", "zero")], "\n");
    assert_eq!(dump.sequences["public.Se'q\\x"], (7, false));
}

#[derive(Default)]
struct Dump {
    columns: BTreeMap<TableName, Vec<String>>,
    rows: BTreeMap<TableName, Bytes>,
    sequences: BTreeMap<String, (i64, bool)>,
}

async fn dump(database: &Database) -> Dump {
    let mut command = Command::from(cluster().await.command("pg_dump"));
    command
        .args(["--data-only", "--no-blobs", "--dbname", database.url()])
        .stdout(Stdio::piped())
        .kill_on_drop(true);
    let mut child = command.spawn().unwrap();
    let mut reader = DumpReader::new(child.stdout.take().unwrap());
    let mut dump = Dump::default();
    let mut open = None;
    while let Some(event) = reader.next().await.unwrap() {
        match event {
            DumpEvent::Table { name, columns } => {
                assert!(dump.columns.insert(name.clone(), columns).is_none(), "{name} comes twice");
                open = Some((name, Vec::new()));
            }
            DumpEvent::Rows(rows) => open.as_mut().unwrap().1.extend_from_slice(&rows),
            DumpEvent::EndTable => {
                let (name, rows) = open.take().unwrap();
                dump.rows.insert(name, rows.into());
            }
            DumpEvent::Sequence(value) => {
                dump.sequences.insert(value.name.to_string(), (value.last_value, value.is_called));
            }
        }
    }
    assert!(child.wait().await.unwrap().success());
    dump
}

fn newlines(rows: &[u8]) -> i64 {
    rows.iter().filter(|&&byte| byte == b'\n').count() as i64
}
