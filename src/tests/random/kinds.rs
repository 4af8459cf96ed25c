//! The types of columns, and values of each: few enough to meet again, and all that are known to make trouble.

use super::chance::Chance;

/// A type of columns: `{s}` in its name stands for the schema.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind {
    pub(super) name: &'static str,
    /// Has an order, so that it can be part of a key.
    pub(super) is_key: bool,
    values: &'static [&'static str],
}

const fn key(name: &'static str, values: &'static [&'static str]) -> Kind {
    Kind { name, is_key: true, values }
}

const fn data(name: &'static str, values: &'static [&'static str]) -> Kind {
    Kind { name, is_key: false, values }
}

/// What every schema has besides tables.
pub(super) const TYPES: &str = "
    create type {s}.mood as enum ('sad', 'so so', 'happy', 'ha''ppy');
    create domain {s}.small as int check (value < 1000);
    create domain {s}.code as varchar(6) not null default 'none';
    create type {s}.spot as (x numeric, y text, z int[]);
    create collation {s}.folding (provider = icu, locale = 'und-u-ks-level2', deterministic = false);";

pub(super) const INTEGER: Kind = key("int", &["0", "-1", "2147483647"]);
pub(super) const TEXT: Kind = key("text", TEXTS);

const TEXTS: &[&str] = &[
    "",
    " ",
    "a",
    "A",
    "b",
    "a ",
    "NULL",
    "null",
    "\\N",
    "\\.",
    "\\",
    "\\\\",
    "\\n",
    "a\tb",
    "two\nlines",
    "cr\r\nlf",
    "'",
    "''",
    "\"",
    "{}",
    "{\"a\"}",
    "(,)",
    ",",
    "ä€😀",
    "e\u{301}",
    "\u{1}\u{b}\u{c}\u{8}\u{7f}",
    "\u{feff}",
    "$$",
    "%s {0}",
    "--",
];

pub(super) const KINDS: &[Kind] = &[
    INTEGER,
    TEXT,
    key("bool", &["t", "f"]),
    key("smallint", &["1", "2", "-32768"]),
    key("bigint", &["1", "2", "9223372036854775807", "-9223372036854775808"]),
    key("oid", &["1", "4294967295"]),
    key(
        "numeric",
        &["1", "1.0", "1.10", "1.1", "NaN", "-0.0001", "123456789012345678901234567890.5", "1e-20"],
    ),
    key("numeric(8,2)", &["1", "1.005", "-2.5", "999999.99"]),
    key("real", &["0.1", "-0", "0", "NaN", "Infinity", "1e-45", "3.4e38"]),
    key("float8", &["0.1", "0.30000000000000004", "0", "-0", "NaN", "-Infinity", "5e-324", "1e308"]),
    key("varchar(10)", &["", "a", "a    ", "0123456789", "\\N", "x\ty"]),
    key("char(4)", &["", "a", "ab", "abcd"]),
    key("name", &["", "a name", "\"x\""]),
    key("text collate {s}.folding", &["a", "A", "b", "B", "ä", "\\N"]),
    key("bytea", &["\\x", "\\x00", "\\x5c4e", "\\x0aff0d09"]),
    key("date", &["2024-02-29", "infinity", "-infinity", "0044-03-15 BC", "5874897-12-31"]),
    key("time", &["00:00:00", "24:00:00", "12:34:56.789012"]),
    key("timetz", &["12:00:00+00", "13:00:00+01", "12:00:00-15:59"]),
    key("timestamp(3)", &["2024-01-01 00:00:00.1239", "infinity", "4713-01-01 00:00:00 BC"]),
    key("timestamptz", &["2024-06-30 23:59:59.999999+14", "-infinity", "1970-01-01 00:00:00+00"]),
    key("interval", &["1 mon", "30 days", "720:00:00", "-1 years +2 mons -3 days 04:05:06.7", "0"]),
    key("uuid", &["00000000-0000-0000-0000-000000000000", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11"]),
    key("inet", &["1.2.3.4", "1.2.3.4/24", "::1", "::ffff:1.2.3.0/120"]),
    key("cidr", &["1.2.3.0/24", "10.0.0.0/8", "::/0"]),
    key("macaddr8", &["08:00:2b:01:02:03:04:05", "00:00:00:00:00:00:00:00"]),
    key("macaddr", &["08:00:2b:01:02:03", "00:00:00:00:00:00"]),
    key("money", &["0", "-12.34", "92233720368547758.07"]),
    key("bit varying", &["", "1", "01"]),
    key("jsonb", &["1", "1.0", "{\"a\": 1, \"b\": [null, \"\\u0001\"]}", "\"\"", "null"]),
    key("int4range", &["empty", "[1,5)", "[1,)", "(,)"]),
    key("numrange", &["[1.0,2.50]", "[1,2.5]", "empty"]),
    key("int8range", &["empty", "[1,9223372036854775807)", "(,5)"]),
    key("daterange", &["[2024-02-29,infinity)", "(,2024-01-01)", "empty"]),
    key("tsrange", &["[2024-01-01,2024-01-02]", "(,infinity)"]),
    key("tstzrange", &["[2024-01-01 00:00+14,)", "empty"]),
    key("int4multirange", &["{}", "{[1,3),[5,9)}", "{(,)}"]),
    key("nummultirange", &["{[1.0,2.50]}", "{[1,2.5]}"]),
    key("datemultirange", &["{[2024-01-01,2024-01-02),[2024-03-01,)}"]),
    key("xid8", &["0", "18446744073709551615"]),
    key("text[]", &["{}", "{NULL}", "{\"NULL\"}", "{\"\"}", "{\"a,b\",\"\\\\\",\"\\\"\"}", "{{a},{b}}"]),
    key("int[]", &["{}", "{1,NULL,3}", "[0:1]={7,8}"]),
    key("{s}.mood", &["sad", "so so", "happy", "ha'ppy"]),
    key("{s}.small", &["0", "999", "-5"]),
    key("{s}.spot", &["(1,a,{})", "(1.0,a,\"{1,2}\")", "(,b,)", "(1,\"a,\"\"b\\\\\",)"]),
    key("tsvector", &["'a':1A 'b c':2", ""]),
    data("{s}.code", &["a", "abc   ", ""]),
    data("{s}.mood[]", &["{sad,happy}", "{}", "{\"so so\",NULL}"]),
    data("{s}.spot[]", &["{\"(1,a,{})\",NULL}", "{}"]),
    data("json", &["1", "{\"a\": 1,  \"a\":2}", "\"\\u00e4\"", "[1.10, 1e1]"]),
    data("xml", &["<a>x</a><!-- y --><b/>", "plain", ""]),
    data("point", &["(1,2)", "(-0,NaN)", "(Infinity,1e-300)"]),
    data("line", &["{1,-1,0}", "{0,1,-2.5}"]),
    data("lseg", &["[(0,0),(1,1)]", "[(1,1),(0,0)]"]),
    data("circle", &["<(0,0),1>", "<(1,-2.5),0>"]),
    data("box", &["(1,1),(0,0)", "(2,1),(0.5,0)"]),
    data("polygon", &["((0,0),(1,1),(1,0))", "((0,0),(2,2),(1,0))"]),
    data("path", &["[(0,0),(1,1)]", "((0,0),(1,1))"]),
    data("tsquery", &["'a' & !'b'", "'a'"]),
    data("jsonpath", &["$.\"a\"[*]", "$"]),
    data("tid", &["(0,1)", "(4294967295,65535)"]),
    data("pg_snapshot", &["1:1:", "10:20:10,14,15"]),
    data("regtype", &["int4", "text[]"]),
    data("regclass", &["pg_class", "-"]),
    data("pg_lsn", &["0/0", "16/B374D848"]),
    data("bit(5)", &["00000", "10101"]),
    data("\"char\"", &["", "x"]),
];

impl Kind {
    /// A constant of this type as SQL, seldom null.
    pub(super) fn constant(self, chance: &mut Chance, schema: &str) -> String {
        if chance.happens(12) {
            return "null".to_owned();
        }
        let value = match self.name {
            "int" | "{s}.small" | "bigint" | "smallint" if chance.happens(85) => chance.below(14).to_string(),
            "uuid" if chance.happens(60) => {
                format!("00000000-0000-0000-0000-0000000000{:02x}", chance.below(12))
            }
            "text" if chance.happens(4) => long_text(chance),
            "bytea" if chance.happens(4) => format!("\\x{}", "00ff5c0a4e09".repeat(chance.below(900))),
            _ => (*chance.pick(self.values)).to_owned(),
        };
        let name = self.name.split(" collate ").next().unwrap_or_default();
        format!("'{}'::{}", value.replace('\'', "''"), name.replace("{s}", schema))
    }
}

/// Long enough for the server to keep it elsewhere, now compressed and now not.
fn long_text(chance: &mut Chance) -> String {
    if chance.happens(50) {
        return "round and round\t".repeat(chance.below(2000));
    }
    (0..chance.below(1200)).map(|_| format!("{:016x}\\", chance.next())).collect()
}
