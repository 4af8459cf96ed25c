//! The output of pg_dump: what every version writes is read, and a dump is only whole when it says so.

use proptest::prelude::*;
use tandem::archive::{ArchiveError, DumpEvent, DumpReader};
use tandem::catalog::TableName;

use super::run;

/// What pg_dump 15.18 wrote of a small database with awkward names, shortened.
pub(super) const DUMP: &str = r#"--
-- PostgreSQL database dump
--

\restrict 4vkDWIuZ0KRymRW0PKwyzeaFSbsz6jtgZHtPxDWhs3uGB0bROPRQnDGp12aMDFp

-- Dumped from database version 15.18 (Debian 15.18-0+deb12u1)
-- Dumped by pg_dump version 15.18 (Debian 15.18-0+deb12u1)

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

--
-- Data for Name: T"x y; Type: TABLE DATA; Schema: We ird; Owner: postgres
--

COPY "We ird"."T""x
y" ("Id", "select", "a,b", "größe") FROM stdin;
1	x\ty\n\\	\N	ä
2	\b\fv\r	\\.	'"
\.


--
-- Data for Name: g; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.g (a) FROM stdin;
\.


--
-- Data for Name: zero; Type: TABLE DATA; Schema: public; Owner: postgres
--

COPY public.zero  FROM stdin;


\.


--
-- Name: T"x y_Id_seq; Type: SEQUENCE SET; Schema: We ird; Owner: postgres
--

SELECT pg_catalog.setval('"We ird"."T""x
y_Id_seq"', 2, true);


--
-- Name: Se'q\x; Type: SEQUENCE SET; Schema: public; Owner: postgres
--

SELECT pg_catalog.setval('public."Se''q\x"', -7, false);


--
-- PostgreSQL database dump complete
--

\unrestrict 4vkDWIuZ0KRymRW0PKwyzeaFSbsz6jtgZHtPxDWhs3uGB0bROPRQnDGp12aMDFp

"#;

#[tokio::test]
async fn tables_rows_and_sequences_are_read_exactly() {
    let events = read_dump(DUMP.as_bytes(), usize::MAX).await.unwrap();

    assert_eq!(
        events,
        [
            table("We ird", "T\"x\ny", &["Id", "select", "a,b", "größe"]),
            DumpEvent::Rows("1\tx\\ty\\n\\\\\t\\N\tä\n2\t\\b\\fv\\r\t\\\\.\t'\"\n".into()),
            DumpEvent::EndTable,
            table("public", "g", &["a"]),
            DumpEvent::EndTable,
            table("public", "zero", &[]),
            DumpEvent::Rows("\n\n".into()),
            DumpEvent::EndTable,
            sequence("We ird", "T\"x\ny_Id_seq", 2, true),
            sequence("public", "Se'q\\x", -7, false),
        ]
    );
}

#[tokio::test]
async fn headers_of_all_versions_are_known() {
    let tail = "\n--\n-- PostgreSQL database dump complete\n--\n\n";
    for (version, head) in [
        (
            "13, before \\restrict",
            "SET statement_timeout = 0;\nSET lock_timeout = 0;\nSET row_security = on;\n",
        ),
        ("17", "\\restrict aB3\nSET transaction_timeout = 0;\nSET row_security = off;\n"),
        ("verbose", "-- Started on 2026-11-21 11:43:20 UTC\n\n-- TOC entry 3366 (class 0 OID 2224)\n"),
        ("of an old server", "SET standard_conforming_strings = off;\nSET escape_string_warning = off;\n"),
    ] {
        let unrestrict = if head.contains("restrict") { "\\unrestrict aB3\n\n" } else { "" };
        let dump = format!("{head}{tail}{unrestrict}");
        assert_eq!(read_dump(dump.as_bytes(), 7).await.unwrap(), [], "{version}");
    }
}

#[tokio::test]
async fn backslashes_in_literals_follow_the_setting() {
    let tail = "SELECT pg_catalog.setval('s.\"a\\\\b\"', 1, true);\n-- PostgreSQL database dump complete\n";
    let off = format!("SET standard_conforming_strings = off;\n{tail}");
    assert_eq!(read_dump(off.as_bytes(), 9).await.unwrap(), [sequence("s", "a\\b", 1, true)]);
    let on = format!("SET standard_conforming_strings = on;\n{tail}");
    assert_eq!(read_dump(on.as_bytes(), 9).await.unwrap(), [sequence("s", "a\\\\b", 1, true)]);
}

#[tokio::test]
async fn a_dump_that_is_cut_anywhere_is_refused() {
    let whole = DUMP.trim_end().len() + 1;
    for len in 0..whole {
        let error = read_dump(&DUMP.as_bytes()[..len], usize::MAX).await.unwrap_err();
        let ArchiveError::Dump { line, what } = error else { panic!("{error}") };
        let expected = 1 + DUMP.as_bytes()[..len].iter().filter(|&&byte| byte == b'\n').count() as u64;
        // A name in quotes may hold a newline: the line of such a statement is its first.
        assert!(line == expected || line + 1 == expected, "cut at {len} in line {expected}: {line}");
        assert!(what.contains("cut off"), "cut at {len}: {what}");
    }
    read_dump(&DUMP.as_bytes()[..whole], usize::MAX).await.unwrap();
}

#[tokio::test]
async fn rows_longer_than_the_buffer_pass_in_pieces() {
    let long = "z".repeat(3 << 20);
    let rows = format!("1\t{long}\n2\t\\\\.\n3\t{long}\n");
    let dump = format!("COPY s.t (a, b) FROM stdin;\n{rows}\\.\n\n-- PostgreSQL database dump complete\n");
    for piece in [65_536, 300_001] {
        let events = read_dump(dump.as_bytes(), piece).await.unwrap();
        assert!(events.len() > 6);
        assert!(rows_of(&events) == rows.as_bytes());
    }
}

#[tokio::test]
async fn a_statement_without_end_is_refused_before_it_fills_the_memory() {
    let endless = format!("COPY \"{}", "x".repeat(3 << 20));
    let error = read_dump(endless.as_bytes(), 65_536).await.unwrap_err().to_string();
    assert!(error.contains("does not end"), "{error}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn pieces_of_any_size_give_the_same_events(piece in 1..400usize) {
        let whole = run(read_dump(DUMP.as_bytes(), usize::MAX)).unwrap();
        prop_assert_eq!(joined(&run(read_dump(DUMP.as_bytes(), piece)).unwrap()), joined(&whole));
    }

    #[test]
    fn arbitrary_text_never_panics(
        text in "(COPY s\\.t \\(a\\) FROM stdin;\n|\\\\\\.\n|--x\n|SELECT pg_catalog.setval\\('|[\"'a.\\\\(), ;\n]|\\PC){0,40}",
        piece in 1..50usize,
    ) {
        prop_assert!(run(read_dump(text.as_bytes(), piece)).is_err());
    }

    #[test]
    fn arbitrary_bytes_in_a_dump_never_panic(
        at in 0..DUMP.len(),
        noise in proptest::collection::vec(any::<u8>(), 1..20),
    ) {
        let mut dump = DUMP.as_bytes().to_vec();
        dump.splice(at..at, noise);
        if let Ok(events) = run(read_dump(&dump, 64)) {
            let tables = events.iter().filter(|event| matches!(event, DumpEvent::Table { .. })).count();
            prop_assert!(tables <= 3);
        }
    }
}

/// Reads a dump that arrives in pieces of `piece` bytes.
pub(super) async fn read_dump(dump: &[u8], piece: usize) -> Result<Vec<DumpEvent>, ArchiveError> {
    let pieces: Vec<std::io::Result<&[u8]>> = dump.chunks(piece).map(Ok).collect();
    let mut reader = DumpReader::new(tokio_util::io::StreamReader::new(futures::stream::iter(pieces)));
    let mut events = Vec::new();
    while let Some(event) = reader.next().await? {
        events.push(event);
    }
    assert_eq!(reader.next().await?, None);
    Ok(events)
}

fn table(schema: &str, name: &str, columns: &[&str]) -> DumpEvent {
    let columns = columns.iter().map(|&column| column.to_owned()).collect();
    DumpEvent::Table { name: TableName::new(schema, name), columns }
}

fn sequence(schema: &str, name: &str, last_value: i64, is_called: bool) -> DumpEvent {
    let name = TableName::new(schema, name);
    DumpEvent::Sequence(tandem::archive::SequenceValue { name, last_value, is_called })
}

fn rows_of(events: &[DumpEvent]) -> Vec<u8> {
    let rows =
        events.iter().filter_map(|event| if let DumpEvent::Rows(rows) = event { Some(rows) } else { None });
    rows.flat_map(|rows| rows.to_vec()).collect()
}

/// The events with the rows of a table in one piece.
fn joined(events: &[DumpEvent]) -> Vec<DumpEvent> {
    let mut joined: Vec<DumpEvent> = Vec::new();
    for event in events {
        match (joined.last_mut(), event) {
            (Some(DumpEvent::Rows(before)), DumpEvent::Rows(rows)) => {
                *before = [&before[..], &rows[..]].concat().into();
            }
            _ => joined.push(event.clone()),
        }
    }
    joined
}
