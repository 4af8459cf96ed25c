//! Two names of types -> whether every value of the first is a value of the second, with the same text.

/// Conversions that lose nothing and keep the text of every value.
///
/// A higher scale of numeric is none of them: it turns 1.10 into 1.1000, and both sides would show different digests.
pub(super) fn widens(source: &str, target: &str) -> bool {
    const INTEGERS: [&str; 3] = ["smallint", "integer", "bigint"];
    let rank = |name: &str| INTEGERS.iter().position(|integer| *integer == name);
    if let (Some(from), Some(to)) = (rank(source), rank(target)) {
        return from < to;
    }
    let (from, to) = (Name::parse(source), Name::parse(target));
    match (from.base.as_str(), to.base.as_str()) {
        ("character varying", "text") => true,
        ("numeric", "numeric") => match (from.numbers[..].first(), to.numbers[..].first()) {
            (Some(from_digits), Some(to_digits)) => {
                from.numbers.get(1) == to.numbers.get(1) && from_digits <= to_digits
            }
            (Some(_), None) => true,
            (None, _) => false,
        },
        (one, other) => GROWING.contains(&one) && one == other && from.limit() <= to.limit(),
    }
}

/// Types with one limit, without which there is none.
const GROWING: [&str; 7] = [
    "character varying",
    "bit varying",
    "time without time zone",
    "time with time zone",
    "timestamp without time zone",
    "timestamp with time zone",
    "interval",
];

/// `timestamp(3) without time zone` -> `timestamp without time zone` and 3.
struct Name {
    base: String,
    numbers: Vec<u32>,
}

impl Name {
    fn parse(text: &str) -> Self {
        let whole = || Self { base: text.to_owned(), numbers: Vec::new() };
        let Some((before, rest)) = text.split_once('(') else { return whole() };
        let Some((inside, after)) = rest.split_once(')') else { return whole() };
        match inside.split(',').map(|number| number.trim().parse().ok()).collect() {
            Some(numbers) => Self { base: format!("{before}{after}"), numbers },
            None => whole(),
        }
    }

    fn limit(&self) -> u32 {
        self.numbers.first().copied().unwrap_or(u32::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_widenings_that_lose_nothing_are_tolerated() {
        for (from, to, tolerated) in [
            ("smallint", "bigint", true),
            ("integer", "bigint", true),
            ("bigint", "integer", false),
            ("integer", "numeric", false),
            ("character varying(3)", "character varying(5)", true),
            ("character varying(5)", "character varying(3)", false),
            ("character varying(5)", "text", true),
            ("character varying", "text", true),
            ("character varying(5)", "character varying", true),
            ("character varying", "character varying(5)", false),
            ("text", "character varying", false),
            ("character(3)", "character(5)", false),
            ("numeric(10,2)", "numeric(12,2)", true),
            ("numeric(10,2)", "numeric", true),
            ("numeric(10,2)", "numeric(12,4)", false),
            ("numeric(10,2)", "numeric(8,2)", false),
            ("numeric", "numeric(12,2)", false),
            ("timestamp(3) with time zone", "timestamp with time zone", true),
            ("timestamp(3) without time zone", "timestamp(6) without time zone", true),
            ("timestamp with time zone", "timestamp(3) with time zone", false),
            ("timestamp without time zone", "timestamp with time zone", false),
            ("bit varying(3)", "bit varying(9)", true),
            ("real", "double precision", false),
            ("public.mood", "text", false),
        ] {
            assert_eq!(widens(from, to), tolerated, "{from} -> {to}");
        }
    }
}
