//! COPY text: what is written is read again, and what PostgreSQL accepts is accepted.

use proptest::prelude::*;
use tandem::archive::copy_text::{read_field, read_row, write_row};

#[test]
fn values_are_written_as_postgresql_writes_them() {
    let mut line = Vec::new();
    write_row([Some(&b"a\tb\\c\nd\re\x08\x0b\x0c"[..]), None, Some(b""), Some(b"\\N")], &mut line);
    assert_eq!(String::from_utf8(line).unwrap(), "a\\tb\\\\c\\nd\\re\\b\\v\\f\t\\N\t\t\\\\N\n");
}

#[test]
fn every_escape_that_postgresql_knows_is_read() {
    for (text, value) in [
        ("plain", &b"plain"[..]),
        ("", b""),
        (r"\b\f\n\r\t\v\\", b"\x08\x0c\n\r\t\x0b\\"),
        (r"\101\60\7", b"A0\x07"),
        (r"\1010", b"A0"),
        (r"\777", b"\xff"),
        (r"\x41\x4\x4g", b"A\x04\x04g"),
        (r"\x414", b"A4"),
        (r"\xg\q\8\N-", b"xgq8N-"),
        (r"x\N", b"xN"),
    ] {
        assert_eq!(read_field(text.as_bytes()).unwrap().unwrap(), value, "{text}");
    }
    assert_eq!(read_field(br"\N").unwrap(), None);
}

#[test]
fn text_that_could_mean_something_else_is_refused() {
    for text in [
        &b"a\\"[..],
        b"\\\\\\",
        b"\\.",
        b"a\\.b",
        b"a\rb",
        b"a\nb",
        b"a\tb",
        b"\0",
        b"\\0",
        b"\\x00",
        b"\\400",
    ] {
        assert!(read_field(text).is_err(), "{text:?}");
    }
    assert!(read_row(b"a\\\tb").is_err(), "an escaped separator");
    assert!(read_row(b"\\.").is_err(), "the end mark");
}

proptest! {
    #[test]
    fn any_row_comes_back(
        row in proptest::collection::vec(
            proptest::option::of(proptest::collection::vec(1..=255u8, 0..20)), 1..6),
    ) {
        let mut line = Vec::new();
        write_row(row.iter().map(|value| value.as_deref()), &mut line);

        prop_assert_eq!(line.pop(), Some(b'\n'));
        prop_assert!(!line.contains(&b'\n'));
        let read: Vec<Option<Vec<u8>>> =
            read_row(&line).unwrap().into_iter().map(|field| field.map(|value| value.into_owned())).collect();
        prop_assert_eq!(read, row);
    }

    #[test]
    fn any_text_is_read_or_refused_without_panic(line in proptest::collection::vec(any::<u8>(), 0..200)) {
        if let Ok(row) = read_row(&line) {
            let mut again = Vec::new();
            write_row(row.iter().map(|value| value.as_deref()), &mut again);
            again.pop();
            prop_assert_eq!(read_row(&again).unwrap(), row);
        }
    }
}
