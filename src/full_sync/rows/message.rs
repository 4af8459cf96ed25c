//! The messages, and a row as a line of COPY text <-> its values in JSON.

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};

use crate::archive::copy_text::{Malformed, read_row, write_row};
use crate::archive::{Manifest, SequenceValue};

/// The values of a row as text.
pub(super) type Cells = Vec<Option<String>>;

/// From the source; see the room's description.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case", deny_unknown_fields)]
pub(super) enum Message {
    Begin {
        number: u32,
        #[serde(deserialize_with = "manifest")]
        manifest: Manifest,
    },
    Rows {
        number: u32,
        /// `schema.table`
        table: String,
        columns: Vec<String>,
        rows: Vec<Cells>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        end: Option<TableEnd>,
    },
    End {
        number: u32,
        sequences: Vec<SequenceValue>,
    },
    Done {
        number: u32,
    },
}

/// What serde keeps until it has seen the `kind` cannot give back a part of the text as it was.
fn manifest<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Manifest, D::Error> {
    serde_json::from_value(serde_json::Value::deserialize(deserializer)?).map_err(D::Error::custom)
}

impl Message {
    pub(super) fn number(&self) -> u32 {
        match self {
            Message::Begin { number, .. }
            | Message::Rows { number, .. }
            | Message::End { number, .. }
            | Message::Done { number } => *number,
        }
    }
}

/// What all rows of a table come to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TableEnd {
    pub(super) rows: u64,
    /// 32 hexadecimal digits.
    pub(super) hash: String,
}

/// From the target, for each message.
#[derive(Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Receipt {
    pub(super) number: u32,
    pub(super) accepted: u64,
    pub(super) refused: Vec<Refused>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Refused {
    /// Its place in the message, from 0; none when the message is refused for itself.
    pub(super) row: Option<usize>,
    /// Without the row's values.
    pub(super) reason: String,
}

impl Refused {
    pub(super) fn message(reason: impl Into<String>) -> Self {
        Self { row: None, reason: reason.into() }
    }
}

/// Reads a line of COPY text, without its newline.
pub(super) fn cells(line: &[u8]) -> Result<Cells, Malformed> {
    let text = |value: Option<std::borrow::Cow<'_, [u8]>>| match value {
        None => Ok(None),
        Some(bytes) => match String::from_utf8(bytes.into_owned()) {
            Ok(text) => Ok(Some(text)),
            Err(_not_text) => Err(Malformed("a value is no text in UTF-8, which JSON needs")),
        },
    };
    read_row(line)?.into_iter().map(text).collect()
}

/// Appends the row as a line of COPY text, or says why it cannot be one of so many columns.
pub(super) fn write(row: &Cells, columns: usize, out: &mut Vec<u8>) -> Result<(), String> {
    if row.len() != columns {
        return Err(format!("it has {} values for {columns} columns", row.len()));
    }
    if row.iter().flatten().any(|value| value.contains('\0')) {
        return Err("a value contains a zero byte".to_owned());
    }
    write_row(row.iter().map(|value| value.as_ref().map(String::as_bytes)), out);
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn rows() -> impl Strategy<Value = Cells> {
        let value = prop_oneof!["[^\u{0}]{0,20}", Just("\\N".to_owned()), Just("\\.\n\r\t\\".to_owned())];
        prop::collection::vec(prop::option::of(value), 1..8)
    }

    proptest! {
        #[test]
        fn values_survive_the_way_through_json_and_copy_text(row in rows()) {
            let json = serde_json::to_string(&row).unwrap();
            let read: Cells = serde_json::from_str(&json).unwrap();
            prop_assert_eq!(&read, &row);

            let mut line = Vec::new();
            write(&read, row.len(), &mut line).unwrap();
            prop_assert_eq!(line.pop(), Some(b'\n'));
            prop_assert!(!line.contains(&b'\n'), "a row is one line");
            prop_assert_eq!(&cells(&line).unwrap(), &row);

            let mut again = Vec::new();
            write(&cells(&line).unwrap(), row.len(), &mut again).unwrap();
            again.pop();
            prop_assert_eq!(again, line, "the same values are always the same text, so hashes agree");
        }

        #[test]
        fn no_text_makes_it_panic(line in prop::collection::vec(any::<u8>(), 0..60)) {
            if let Ok(row) = cells(&line) {
                prop_assert!(!row.is_empty());
            }
        }
    }

    #[test]
    fn what_is_no_row_says_why() {
        let mut out = Vec::new();
        let row = vec![Some("a\0b".to_owned()), None];
        assert_eq!(write(&row, 2, &mut out).unwrap_err(), "a value contains a zero byte");
        assert_eq!(write(&row, 3, &mut out).unwrap_err(), "it has 2 values for 3 columns");
        assert!(out.is_empty());
        assert!(cells(b"a\xff").unwrap_err().to_string().contains("UTF-8"));
    }

    #[test]
    fn a_message_with_more_than_it_should_have_is_refused() {
        let text = r#"{"kind":"done","number":4,"more":1}"#;
        assert!(serde_json::from_str::<Message>(text).is_err());
    }
}
