//! SQL text as pg_dump writes it -> names and numbers, read exactly and never executed.

use crate::catalog::TableName;

/// What is left of a statement.
#[derive(Debug, Clone, Copy)]
pub(super) struct Cursor<'a>(pub(super) &'a str);

impl<'a> Cursor<'a> {
    /// Takes exactly this text.
    pub(super) fn take(&mut self, text: &str) -> Option<()> {
        self.0 = self.0.strip_prefix(text)?;
        Some(())
    }

    /// `schema.name`; a name without its schema is none.
    pub(super) fn qualified(&mut self) -> Option<TableName> {
        let schema = self.identifier()?;
        self.take(".")?;
        Some(TableName { schema, name: self.identifier()? })
    }

    /// `(a, "B c")`; nothing at all for a table without columns.
    pub(super) fn columns(&mut self) -> Option<Vec<String>> {
        let mut columns = Vec::new();
        if self.take("(").is_none() {
            return Some(columns);
        }
        loop {
            columns.push(self.identifier()?);
            if self.take(")").is_some() {
                return Some(columns);
            }
            self.take(", ")?;
        }
    }

    /// A name in quotes, or one that needs none.
    pub(super) fn identifier(&mut self) -> Option<String> {
        if self.take("\"").is_some() {
            return self.quoted('"', Backslash::Plain).filter(|name| !name.is_empty());
        }
        let is_part = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        let len = self.0.bytes().take_while(is_part).count();
        let (name, rest) = self.0.split_at(len);
        if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
            return None;
        }
        self.0 = rest;
        Some(name.to_owned())
    }

    /// `'text'`.
    pub(super) fn literal(&mut self, backslash: Backslash) -> Option<String> {
        self.take("'")?;
        self.quoted('\'', backslash)
    }

    pub(super) fn number(&mut self) -> Option<i64> {
        let len = self.0.bytes().take_while(|byte| byte.is_ascii_digit() || *byte == b'-').count();
        let (number, rest) = self.0.split_at(len);
        self.0 = rest;
        number.parse().ok()
    }

    /// The rest of a quoted text and its closing quote; inside, a quote stands twice.
    fn quoted(&mut self, quote: char, backslash: Backslash) -> Option<String> {
        let mut text = String::new();
        let mut rest = self.0.chars();
        loop {
            match rest.next()? {
                '\\' if backslash == Backslash::Doubled => match rest.next()? {
                    '\\' => text.push('\\'),
                    _ => return None,
                },
                char if char != quote => text.push(char),
                _ if rest.as_str().starts_with(quote) => {
                    text.push(quote);
                    rest.next();
                }
                _ => {
                    self.0 = rest.as_str();
                    return Some(text);
                }
            }
        }
    }
}

/// What a backslash is in a literal: it depends on `standard_conforming_strings`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Backslash {
    Plain,
    Doubled,
}
