//! Values of every kind: equal means the same text, whatever the servers are set to.

use tandem::model::Phase;

use super::{assert_says, between, keep, mirror, pair, pair_of};
use crate::support;

/// Type, the source's value, and one on the target that is equal by the type's own operator, or another where that
/// cannot be. None of a kind is left out for which text and equality are not the same.
const KINDS: [(&str, &str, &str); 62] = [
    ("numeric", "1.10", "1.1"),
    ("numeric", "NaN", "1"),
    ("numeric", "Infinity", "-Infinity"),
    ("numeric(40,20)", "12345678901234567890.12345678901234567890", "0"),
    ("numeric(3,-2)", "1200", "0"),
    ("float4", "0.1", "0.2"),
    ("float8", "0.30000000000000004", "0.3"),
    ("float8", "-0", "0"),
    ("float8", "NaN", "1"),
    ("float8", "1e-320", "0"),
    ("float8", "-Infinity", "Infinity"),
    ("bool", "t", "f"),
    ("int2", "-32768", "0"),
    ("int8", "-9223372036854775808", "0"),
    ("oid", "4294967295", "0"),
    ("money", "-12.34", "12.34"),
    ("text", "", " "),
    ("text", r"\N", r"\\N"),
    ("text", r"\.", "."),
    ("text", "a\tb\nc\rd\\e\u{8}\u{b}\u{c}", "a"),
    ("text", "ä€😀\u{202e}", "a"),
    ("varchar(5)", "ab   ", "ab"),
    ("char(5)", "ab", "abc"),
    ("\"char\"", "x", "y"),
    ("name", "a name", "b"),
    ("bytea", r"\x00ff5c0a", r"\x"),
    ("bit(3)", "101", "111"),
    ("varbit", "", "1"),
    ("date", "0044-03-15 BC", "infinity"),
    ("date", "-infinity", "2024-02-29"),
    ("time", "24:00:00", "00:00:00"),
    ("timetz", "12:00:00.5-03:30", "12:00:00.5+00"),
    ("timestamp", "4713-01-01 00:00:00 BC", "infinity"),
    ("timestamptz", "2024-06-30 23:59:59.999999+14", "-infinity"),
    ("interval", "1 mon", "30 days"),
    ("interval", "-1 years +2 mons -3 days 04:05:06.7", "0"),
    ("uuid", "00000000-0000-0000-0000-00000000000a", "00000000-0000-0000-0000-00000000000b"),
    ("inet", "::ffff:1.2.3.4/120", "1.2.3.4"),
    ("cidr", "10.1.0.0/16", "10.1.2.0/24"),
    ("macaddr", "08:00:2b:01:02:03", "08:00:2b:01:02:04"),
    ("macaddr8", "08:00:2b:01:02:03:04:05", "08:00:2b:01:02:03:04:06"),
    ("json", r#"{"b": 1, "a":2,  "a": 3}"#, r#"{"b":1,"a":2,"a":3}"#),
    ("jsonb", r#"{"a": 1.10}"#, r#"{"a": 1.1}"#),
    ("jsonpath", r#"$."a"[*]"#, "$"),
    ("xml", "<a>x</a><!-- two --><b/>", "<a/>"),
    ("point", "(1,-0)", "(1,0)"),
    ("line", "{1,2,3}", "{1,2,4}"),
    ("lseg", "[(0,0),(1,1)]", "[(0,0),(1,2)]"),
    ("box", "(1,1),(0,0)", "(2,1),(0,0)"),
    ("path", "[(0,0),(1,1)]", "((0,0),(1,1))"),
    ("polygon", "((0,0),(1,1),(1,0))", "((0,0),(1,1),(2,0))"),
    ("circle", "<(0,0),5>", "<(0,0),6>"),
    ("int4range", "[1,5)", "empty"),
    ("numrange", "(1.10,2.50]", "(1.1,2.5]"),
    ("tstzrange", "[\"2024-01-01 00:00:00+00\",infinity)", "(,)"),
    ("int4multirange", "{[1,3),[5,9)}", "{}"),
    ("tsvector", "'a':1A 'b c':2", "'a'"),
    ("tsquery", "'a' & !'b'", "'a'"),
    ("text[]", r#"{"",NULL,"NULL","a,b","\"","\\"}"#, "{}"),
    ("int4[]", "[0:1][2:3]={{1,2},{3,4}}", "{{1,2},{3,4}}"),
    ("mood[]", "{sad,happy}", "{happy,sad}"),
    ("spot", "(1.10,\"a,\"\"b\")", "(1.1,\"a,\"\"b\")"),
];

#[tokio::test]
async fn every_kind_of_value_arrives_with_its_text() {
    let column = |(place, (kind, ..)): (usize, &(&str, &str, &str))| format!("c{place} {kind}");
    let columns: Vec<String> = KINDS.iter().enumerate().map(column).collect();
    let columns = columns.join(", ");
    let schema = format!(
        "create type mood as enum ('happy', 'sad'); create type spot as (x numeric, y text);
         create domain even as int check (value % 2 = 0);
         create table keyed (id int primary key, {columns}, last even);
         create table loose ({columns})"
    );
    let row = |of: fn(&(&str, &str, &str)) -> String| {
        let values: Vec<String> =
            KINDS.iter().map(|kind| format!("'{}'", of(kind).replace('\'', "''"))).collect();
        let values = values.join(", ");
        format!(
            "insert into keyed values (1, {values}, 2); insert into loose values ({values});
             insert into keyed (id) values (2); insert into loose default values;"
        )
    };
    let source = row(|(_, value, _)| (*value).to_owned());
    let target = row(|(_, _, other)| (*other).to_owned());
    let pair = pair(&schema, &source, &target).await;

    let kept = pair.verified(&keep()).await.result.unwrap();
    assert_eq!((kept.inserted, kept.updated), (1, 1));

    pair.mirrored().await;
}

#[tokio::test]
async fn servers_in_other_zones_and_with_other_notations_hold_the_same_values() {
    let settings = |zone: &str, style: &str, interval: &str| {
        format!(
            "do $$ begin
                 execute format('alter database %I set timezone = ''{zone}''', current_database());
                 execute format('alter database %I set datestyle = ''{style}''', current_database());
                 execute format('alter database %I set intervalstyle = ''{interval}''', current_database());
                 execute format('alter database %I set bytea_output = ''escape''', current_database());
                 execute format('alter database %I set extra_float_digits = -5', current_database());
                 execute format('alter database %I set search_path = nowhere', current_database());
             end $$;"
        )
    };
    let table = "create table public.event (id int primary key, at timestamp, moment timestamptz, day date, span interval,
                                     share float8, blob bytea, updated_at timestamp)";
    let pair = pair_of(
        &format!(
            "{} {table}; insert into public.event values (1, '2024-03-31 02:30', '2024-03-31 02:30+00', '2024-03-04',
             '1 day -02:03:04', 0.1, '\\x0102', '2024-01-01')",
            settings("Asia/Tokyo", "SQL, DMY", "sql_standard")
        ),
        &format!("{} {table}", settings("America/New_York", "German", "iso_8601")),
    )
    .await;

    let status = pair.pull(&mirror()).await;

    assert_eq!(status.phase, Phase::Verified, "{:?} {}", status.error, status.message);
    let whole =
        "select concat_ws('|', extract(epoch from at), extract(epoch from moment), day - '2000-01-01',
                 extract(epoch from span), float8send(share), md5(blob), extract(epoch from updated_at))
                 from public.event";
    assert_eq!(pair.source.value::<String>(whole).await, pair.target.value::<String>(whole).await);
    assert_says(&pair.log_of(&status).await, &["public.event.updated_at has no time zone"]);
    pair.writes_nothing_again(&mirror()).await;
}

#[tokio::test]
async fn databases_that_sort_differently_verify_equal() {
    let german = "encoding 'UTF8' locale_provider icu icu_locale 'en-US' locale 'C'";
    let (source, target) = (support::database("empty").await, support::database_with(german).await);
    let table = "create table word (id text primary key, n int); create table loose (word text);";
    let words = "('B', 1), ('Z', 2), ('_c', 3), ('a', 4), ('é', 5), ('aa', 6), ('', 7)";
    source
        .execute(&format!("{table} insert into word values {words}; insert into loose select id from word"))
        .await;
    target
        .execute(&format!("{table} insert into word values ('Z', 0), ('zz', 1), ('A', 9); insert into loose values ('é'), ('E')"))
        .await;
    let order = "select string_agg(id, ' ' order by id) from word";
    let pair = between(source, target).await;

    pair.mirrored().await;

    assert_ne!(pair.source.value::<String>(order).await, pair.target.value::<String>(order).await);
    assert!(pair.south.compare("north").await.is_identical());
}
