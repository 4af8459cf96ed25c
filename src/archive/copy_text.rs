//! One row <-> a line of COPY text.
//!
//! Fields are separated by TAB; NULL is `\N`; backslash, TAB, newline and the like are written as escapes. Reading
//! accepts every escape that PostgreSQL accepts, also octal and hexadecimal ones; it refuses what PostgreSQL could only
//! take by guessing.

use std::borrow::Cow;

/// Text that is not COPY text. Says what is wrong, never the text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Malformed(pub &'static str);

/// A value of a row; none is NULL.
pub type Field<'a> = Option<Cow<'a, [u8]>>;

/// Appends the row and its newline.
pub fn write_row<'a>(fields: impl IntoIterator<Item = Option<&'a [u8]>>, out: &mut Vec<u8>) {
    for (count, field) in fields.into_iter().enumerate() {
        if count > 0 {
            out.push(b'\t');
        }
        match field {
            None => out.extend_from_slice(b"\\N"),
            Some(value) => write_value(value, out),
        }
    }
    out.push(b'\n');
}

/// Reads a line, given without its newline. The line of a table without columns is empty: `read_row` takes it for one
/// empty field.
pub fn read_row(line: &[u8]) -> Result<Vec<Field<'_>>, Malformed> {
    line.split(|&byte| byte == b'\t').map(read_field).collect()
}

/// Reads one field as it stands between two TABs.
pub fn read_field(text: &[u8]) -> Result<Field<'_>, Malformed> {
    if text == b"\\N" {
        return Ok(None);
    }
    if memchr::memchr3(0, b'\r', b'\n', text).is_some() || text.contains(&b'\t') {
        return Err(Malformed("a control character stands unescaped"));
    }
    match memchr::memchr(b'\\', text) {
        None => Ok(Some(Cow::Borrowed(text))),
        Some(first) => unescape(text, first).map(|value| Some(Cow::Owned(value))),
    }
}

fn write_value(value: &[u8], out: &mut Vec<u8>) {
    for &byte in value {
        let escaped = match byte {
            b'\\' => b'\\',
            0x08 => b'b',
            0x0c => b'f',
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x0b => b'v',
            _ => {
                out.push(byte);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', escaped]);
    }
}

fn unescape(text: &[u8], first: usize) -> Result<Vec<u8>, Malformed> {
    let mut value = Vec::with_capacity(text.len());
    value.extend_from_slice(&text[..first]);
    let mut rest = &text[first..];
    while let [byte, after @ ..] = rest {
        rest = after;
        if *byte != b'\\' {
            value.push(*byte);
            continue;
        }
        let [escape, after @ ..] = rest else {
            return Err(Malformed("a backslash stands at the end of a field"));
        };
        rest = after;
        let byte = match escape {
            b'b' => 0x08,
            b'f' => 0x0c,
            b'n' => b'\n',
            b'r' => b'\r',
            b't' => b'\t',
            b'v' => 0x0b,
            b'0'..=b'7' => {
                let number = digits(&mut rest, 8, 2, u32::from(escape - b'0'));
                (number & 0xff) as u8
            }
            b'x' if rest.first().is_some_and(u8::is_ascii_hexdigit) => digits(&mut rest, 16, 2, 0) as u8,
            b'.' => return Err(Malformed("an end mark stands among the rows")),
            other => *other,
        };
        if byte == 0 {
            return Err(Malformed("a value contains a zero byte"));
        }
        value.push(byte);
    }
    Ok(value)
}

/// Takes up to `limit` more digits, as PostgreSQL does.
fn digits(rest: &mut &[u8], radix: u32, limit: usize, start: u32) -> u32 {
    let mut number = start;
    for _ in 0..limit {
        let Some(digit) = rest.first().and_then(|&byte| char::from(byte).to_digit(radix)) else { break };
        number = number * radix + digit;
        *rest = &rest[1..];
    }
    number
}
