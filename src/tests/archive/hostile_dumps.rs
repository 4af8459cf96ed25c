//! Dumps that try to do something: each is refused at the line that tries, and nothing of it is ever run.

use tandem::archive::{ArchiveError, DumpEvent};

use super::dump::{DUMP, read_dump};

/// Lines that must not stand between two tables.
pub(super) const BETWEEN_TABLES: &[&str] = &[
    // What psql would do for them.
    r"\! touch /tmp/owned",
    r"\copy public.g from program 'id'",
    r"\copy public.g from '/etc/passwd'",
    r"\i /etc/passwd",
    r"\ir ../evil.sql",
    r"\o |sh",
    r"\g |sh",
    r"\gexec",
    r"\gset",
    r"\set x `id`",
    r"\setenv PATH /tmp",
    r"\connect other",
    r"\c - superuser",
    r"\q",
    r"\.",
    r"\encoding LATIN1",
    r"\restrict again",
    r"\unrestrict 4vkDWIuZ0KRymRW0PKwyzeaFSbsz6jtgZHtPxDWhs3uGB0bROPRQnDGp12aMDFp",
    r"\unrestrict",
    // Statements.
    "BEGIN;",
    "COMMIT;",
    "ROLLBACK;",
    "END;",
    "DO $$begin perform 1; end$$;",
    "DROP TABLE public.g;",
    "DELETE FROM public.g;",
    "TRUNCATE public.g;",
    "INSERT INTO public.g VALUES (1);",
    "UPDATE public.g SET a = 1;",
    "CREATE TABLE public.h (a integer);",
    "CREATE FUNCTION f() RETURNS integer LANGUAGE sql AS 'select 1';",
    "ALTER TABLE public.g DISABLE TRIGGER ALL;",
    "ALTER SYSTEM SET archive_command = 'id';",
    "GRANT ALL ON public.g TO public;",
    "REFRESH MATERIALIZED VIEW public.mv;",
    "CALL evil();",
    "LOAD 'evil.so';",
    "NOTIFY x;",
    "SELECT pg_catalog.lo_create('4242');",
    "SELECT pg_catalog.lowrite(0, '\\x00');",
    "SELECT pg_read_file('/etc/passwd');",
    "SELECT 1;",
    // Settings: only the known ones, only with the known value.
    "SET ROLE postgres;",
    "SET SESSION AUTHORIZATION 'postgres';",
    "SET search_path = evil;",
    "SET session_replication_role = replica;",
    "SET client_encoding = 'LATIN1';",
    "SET client_encoding = 'SQL_ASCII';",
    "SET statement_timeout = 1;",
    "SET statement_timeout = 0; DROP TABLE public.g;",
    "SET statement_timeout = 0 ;",
    " SET statement_timeout = 0;",
    "set statement_timeout = 0;",
    "SET default_tablespace = evil;",
    "RESET ALL;",
    "SELECT pg_catalog.set_config('search_path', 'evil', false);",
    "SELECT pg_catalog.set_config('search_path', '', true);",
    // COPY that is no plain COPY of rows.
    "COPY public.g (a) FROM PROGRAM 'id';",
    "COPY public.g (a) FROM '/etc/passwd';",
    "COPY public.g (a) TO stdout;",
    "COPY public.g (a) FROM STDIN;",
    "COPY public.g (a) FROM stdin WITH CSV;",
    "COPY public.g (a) FROM stdin WHERE a > 1;",
    "COPY public.g (a) FROM stdin; DROP TABLE public.g;",
    "COPY public.g (a) FROM stdin",
    "COPY  public.g (a) FROM stdin;",
    "COPY public.g(a) FROM stdin;",
    "COPY public.g () FROM stdin;",
    "COPY public.g (a,b) FROM stdin;",
    "COPY public.g (a, ) FROM stdin;",
    "COPY public.g (a b) FROM stdin;",
    "COPY public.g (\"\") FROM stdin;",
    "COPY public.g (A) FROM stdin;",
    "COPY public.1g (a) FROM stdin;",
    "COPY g (a) FROM stdin;",
    "COPY other.public.g (a) FROM stdin;",
    "COPY public.\"g\"x (a) FROM stdin;",
    "COPY (SELECT 1) FROM stdin;",
    "copy public.g (a) from stdin;",
    // setval that is no plain setval.
    "SELECT pg_catalog.setval('public.s', 1);",
    "SELECT pg_catalog.setval('public.s', 1, maybe);",
    "SELECT pg_catalog.setval('public.s', 9223372036854775808, true);",
    "SELECT pg_catalog.setval('public.s', 1-1, true);",
    "SELECT pg_catalog.setval('public.s', , true);",
    "SELECT pg_catalog.setval('public.s', (SELECT 1), true);",
    "SELECT pg_catalog.setval('s', 1, true);",
    "SELECT pg_catalog.setval('public.s; DROP TABLE g', 1, true);",
    "SELECT pg_catalog.setval(E'public.s', 1, true);",
    "SELECT pg_catalog.setval('public.s', 1, true); DROP TABLE public.g;",
    "SELECT setval('public.s', 1, true);",
    // Bytes that other readers take for something else.
    "\u{feff}--",
    "\u{feff}SET lock_timeout = 0;",
    "SET lock_timeout = 0;\r",
    "-- a comment with a return\rDROP TABLE public.g;",
    "-- a comment with a zero\0",
    "SET lock_timeout = 0;\0",
    "\t",
    " ",
    ";",
    "/* a comment */",
    "/* SET lock_timeout = 0;",
    "$$",
    "-",
    "a row without a table",
    "1\t2",
    "PGDMP",
];

#[tokio::test]
async fn whatever_is_no_row_is_refused_at_its_line() {
    let marker = "--\n-- Data for Name: g;";
    let at = DUMP.find(marker).unwrap();
    let line = DUMP[..at].matches('\n').count() as u64 + 1;
    for hostile in BETWEEN_TABLES {
        let dump = format!("{}{hostile}\n{}", &DUMP[..at], &DUMP[at..]);
        for piece in [1, usize::MAX] {
            let error = refusal(dump.as_bytes(), piece).await;
            assert_eq!(error.0, line, "{hostile:?}: {}", error.1);
        }
    }
}

#[tokio::test]
async fn the_same_is_refused_at_the_top_and_behind_the_end() {
    for hostile in BETWEEN_TABLES {
        if !hostile.starts_with("\\restrict") {
            let dump = format!("{hostile}\n{DUMP}");
            assert_eq!(refusal(dump.as_bytes(), 64).await.0, 1, "{hostile:?}");
        }
        let unrestricts = hostile.starts_with("\\unrestrict 4vk");
        let dump = format!("{DUMP}{hostile}\n");
        let error = read_dump(dump.as_bytes(), 64).await;
        assert!(error.is_err(), "{hostile:?} (a second \\unrestrict: {unrestricts})");
    }
    let more_rows = format!("{DUMP}COPY public.g (a) FROM stdin;\n1\n\\.\n");
    assert!(refusal(more_rows.as_bytes(), 64).await.1.contains("behind the end"));
}

#[tokio::test]
async fn inside_a_table_everything_is_a_row_until_the_end_mark() {
    for hostile in BETWEEN_TABLES.iter().filter(|line| **line != "\\." && !line.contains(['\r', '\0'])) {
        let at =
            DUMP.find("COPY public.g (a) FROM stdin;\n").unwrap() + "COPY public.g (a) FROM stdin;\n".len();
        let dump = format!("{}{hostile}\n{}", &DUMP[..at], &DUMP[at..]);
        let events = read_dump(dump.as_bytes(), 50).await.unwrap();
        let row = format!("{hostile}\n");
        let is_row =
            |event: &DumpEvent| matches!(event, DumpEvent::Rows(rows) if rows.ends_with(row.as_bytes()));
        assert!(events.iter().any(is_row), "{hostile:?}");
    }
}

#[tokio::test]
async fn end_marks_that_are_none_do_not_end_a_table() {
    let head = "COPY public.g (a) FROM stdin;\n";
    let tail = "-- PostgreSQL database dump complete\n";
    for mark in ["\\. \n", " \\.\n", "\\.x\n", "\\..\n", "x\\.\n"] {
        let dump = format!("{head}{mark}{tail}");
        assert!(refusal(dump.as_bytes(), 3).await.1.contains("inside the rows"), "{mark:?}");
    }
    for mark in ["\\.\r\n", "\r\n\\.\n", "\0\n\\.\n"] {
        let dump = format!("1\n{mark}{tail}");
        let (line, reason) = refusal(format!("{head}{dump}").as_bytes(), 64).await;
        assert!(reason.contains("control character") && line >= 3, "{mark:?}: {line} {reason}");
    }
}

#[tokio::test]
async fn restrict_belongs_at_the_top_and_its_end_at_the_bottom() {
    let complete = "-- PostgreSQL database dump complete\n";
    for dump in [
        format!("\\restrict\n{complete}"),
        format!("\\restrict \n{complete}"),
        format!("\\restrict a b\n{complete}\\unrestrict a b\n"),
        format!("\\restrict a\n{complete}"),
        format!("\\restrict a\n{complete}\\unrestrict b\n"),
        format!("\\restrict a\n\\unrestrict a\n{complete}"),
        format!("\\restrict a\n{complete}\\unrestrict a\n\\unrestrict a\n"),
        format!("{complete}\\unrestrict a\n"),
        format!("{complete}\\restrict a\n"),
        format!("{complete}{complete}\\! id\n"),
    ] {
        refusal(dump.as_bytes(), 5).await;
    }
}

#[tokio::test]
async fn a_refusal_says_nothing_about_values() {
    for dump in [
        "4111 1111 1111 1111\tAda\n",
        "COPY public.g (a) FROM stdin;\nAda\r\n\\.\n",
        "INSERT INTO x VALUES ('Ada');\n",
    ] {
        let (_, reason) = refusal(dump.as_bytes(), 64).await;
        assert!(!reason.contains("Ada") && !reason.contains("4111"), "{reason}");
    }
    assert!(refusal(b"INSERT INTO x VALUES (1);\n", 64).await.1.contains("this INSERT"));
}

async fn refusal(dump: &[u8], piece: usize) -> (u64, String) {
    match read_dump(dump, piece).await {
        Err(ArchiveError::Dump { line, what }) => (line, what),
        Err(other) => panic!("refused, but for another reason: {other}"),
        Ok(_) => panic!("a hostile dump was taken: {:?}", String::from_utf8_lossy(dump)),
    }
}
