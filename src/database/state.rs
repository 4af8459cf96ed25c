//! Statements on the node's own state: one text for every kind of database, with bound values.

/// A statement whose tables are written `{t}name` and whose values are `$1`, `$2`, …
#[derive(Debug, Clone)]
pub(crate) struct Statement {
    pub(crate) text: &'static str,
    pub(crate) values: Vec<Value>,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Text(Option<String>),
    Integer(Option<i64>),
}

impl Statement {
    pub(crate) fn new(text: &'static str) -> Self {
        Self { text, values: Vec::new() }
    }

    #[must_use]
    pub(crate) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(Some(text.to_owned()))
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(Some(text))
    }
}

impl From<Option<String>> for Value {
    fn from(text: Option<String>) -> Self {
        Value::Text(text)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Integer(Some(number))
    }
}

impl From<Option<i64>> for Value {
    fn from(number: Option<i64>) -> Self {
        Value::Integer(number)
    }
}

/// One row of an answer, by position.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Row(pub(crate) Vec<Value>);

impl Row {
    /// The text at `index`; empty when it is null.
    pub(crate) fn text(&self, index: usize) -> &str {
        match self.0.get(index) {
            Some(Value::Text(Some(text))) => text,
            _ => "",
        }
    }

    /// The number at `index`; none when it is null.
    pub(crate) fn integer(&self, index: usize) -> Option<i64> {
        match self.0.get(index) {
            Some(Value::Integer(number)) => *number,
            _ => None,
        }
    }
}
