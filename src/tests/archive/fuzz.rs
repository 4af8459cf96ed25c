//! Fuzz targets: random archives, lines and dumps against a plain model of what is right.
//!
//! They run as ordinary tests with 256 cases each. For a long run:
//! `PROPTEST_CASES=1000000 cargo test --release --test engine archive::fuzz`.

use std::collections::BTreeSet;

use proptest::prelude::*;
use tandem::archive::copy_text::{read_row, write_row};
use tandem::archive::{DumpEvent, TableHasher};

use super::dump::{DUMP, read_dump};
use super::forgery::{Forge, MANIFEST};
use super::hostile_dumps::BETWEEN_TABLES;
use super::{read, rows_of, run};

/// A well-chained frame; an honest trailer is the one that fits what came before.
#[derive(Debug, Clone)]
enum Op {
    Table(u32),
    Rows(String),
    Packed(String),
    TableEnd(Honesty),
    End(Honesty),
    Unknown(u8, Vec<u8>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Honesty {
    Honest,
    Lying,
}

proptest! {
    #[test]
    fn the_reader_takes_exactly_what_the_grammar_allows(ops in ops(), piece in 1..300usize) {
        let (archive, expected) = forge(&ops);
        match (run(read(&archive, piece)), expected) {
            (Ok((_, events)), Some(tables)) => prop_assert_eq!(rows_of(&events), tables),
            (Err(_), None) => {}
            (Ok(_), None) => prop_assert!(false, "a wrong archive was taken"),
            (Err(error), Some(_)) => prop_assert!(false, "a right archive was refused: {}", error),
        }
    }

    #[test]
    fn a_line_is_read_as_it_is_written(line in proptest::collection::vec(byte(), 0..80)) {
        if let Ok(row) = read_row(&line) {
            let mut again = Vec::new();
            write_row(row.iter().map(|value| value.as_deref()), &mut again);
            prop_assert_eq!(again.pop(), Some(b'\n'));
            prop_assert_eq!(read_row(&again).unwrap(), row);
        }
    }

    /// The hash and the codec must agree on what a row is, or rows would be counted that PostgreSQL reads otherwise.
    #[test]
    fn what_the_codec_refuses_is_not_hashed(line in proptest::collection::vec(byte(), 0..40)) {
        let is_zero_refused = line.windows(2).any(|pair| pair[0] == b'\\' && matches!(pair[1], b'0'..=b'7' | b'x'));
        let has_newline = line.contains(&b'\n');
        let row = read_row(&line);
        let width = line.iter().filter(|&&byte| byte == b'\t').count() + 1;
        let columns: Vec<String> = (0..width).map(|at| format!("c{at:02}")).collect();
        let mut hasher = TableHasher::new(&columns);
        let hashed = hasher.update(&[&line[..], b"\n"].concat());
        if !has_newline && !is_zero_refused {
            prop_assert_eq!(row.is_ok(), hashed.is_ok());
        }
    }

    #[test]
    fn a_dump_of_shuffled_and_hostile_lines_does_nothing_outside_its_tables(
        lines in proptest::collection::vec(line(), 0..40),
        piece in 1..200usize,
    ) {
        let dump = lines.concat();
        if let Ok(events) = run(read_dump(dump.as_bytes(), piece)) {
            let known: BTreeSet<&str> = DUMP.lines().collect();
            let (mut in_table, mut begun) = (false, 0);
            for line in dump.split_terminator('\n') {
                if in_table {
                    in_table = line != "\\.";
                } else {
                    prop_assert!(known.contains(line) || line.starts_with("--"), "{line:?} was taken");
                    in_table = line.ends_with("FROM stdin;");
                    begun += usize::from(in_table);
                }
            }
            let tables = events.iter().filter(|event| matches!(event, DumpEvent::Table { .. })).count();
            prop_assert_eq!(tables, begun);
        }
    }
}

/// Mostly what a good archive is made of, in mostly good order, so that many are good.
fn ops() -> impl Strategy<Value = Vec<Op>> {
    let table = (0..2u32, proptest::collection::vec(rows(), 0..3)).prop_map(|(index, rows)| {
        let mut ops = vec![Op::Table(index)];
        ops.extend(rows);
        ops.push(Op::TableEnd(Honesty::Honest));
        ops
    });
    let stray = prop_oneof![
        Just(Op::TableEnd(Honesty::Lying)),
        Just(Op::End(Honesty::Lying)),
        Just(Op::End(Honesty::Honest)),
        (0..4u32).prop_map(Op::Table),
        rows(),
        (0..9u8, proptest::collection::vec(any::<u8>(), 0..40))
            .prop_map(|(kind, bytes)| Op::Unknown(kind, bytes)),
    ];
    let tables = proptest::collection::vec(table, 1..4).prop_map(|tables| tables.concat());
    (tables, proptest::option::weighted(0.3, (any::<prop::sample::Index>(), stray))).prop_map(
        |(mut ops, stray)| {
            ops.push(Op::End(Honesty::Honest));
            if let Some((at, stray)) = stray {
                ops.insert(at.index(ops.len()), stray);
            }
            ops
        },
    )
}

fn rows() -> impl Strategy<Value = Op> {
    let good = proptest::collection::vec("[a-z]{0,3}\t([a-z]|\\\\t|\\\\N){0,70}\n", 0..6);
    let odd = "([ab\t\n\\\\.N]|\\\\t){1,12}";
    let text = prop_oneof![8 => good.prop_map(|rows| rows.concat()), 1 => odd];
    (text, any::<bool>()).prop_map(|(text, packed)| if packed { Op::Packed(text) } else { Op::Rows(text) })
}

/// The archive, and its tables' rows if it is a good one.
fn forge(ops: &[Op]) -> (Vec<u8>, Option<Vec<Vec<u8>>>) {
    const WIDTHS: [usize; 2] = [2, 1];
    let mut forge = Forge::begun();
    let mut model = Model { tables: Vec::new(), open: None, sums: [None; 2], is_good: true, is_over: false };
    for op in ops {
        model.is_good &= !model.is_over;
        match op {
            Op::Table(index) => {
                let may_repeat = *index == 1;
                let is_new = model.sums.get(*index as usize).is_some_and(|sum| sum.is_none() || may_repeat);
                model.is_good &= model.open.is_none() && is_new;
                model.open = Some(*index as usize % 2);
                model.tables.push(Vec::new());
                forge = forge.table(*index);
            }
            Op::Rows(text) | Op::Packed(text) => {
                model.is_good &= model.open.is_some() && !text.is_empty();
                if let Some(rows) = model.tables.last_mut() {
                    rows.extend_from_slice(text.as_bytes());
                }
                forge =
                    if matches!(op, Op::Rows(_)) { forge.rows(text) } else { forge.packed_or_stored(text) };
            }
            Op::TableEnd(honesty) => {
                let rows = model.tables.last().cloned().unwrap_or_default();
                let index = model.open.take();
                let (count, hash) = model.close(index, &rows, WIDTHS);
                model.is_good &= *honesty == Honesty::Honest;
                forge =
                    forge.table_end(count, rows.len() as u64, hash ^ u128::from(*honesty == Honesty::Lying));
            }
            Op::End(honesty) => {
                model.is_good &= model.open.is_none() && model.sums.iter().all(Option::is_some);
                model.is_good &= *honesty == Honesty::Honest;
                model.is_over = true;
                let rows = 1 + u64::from(*honesty == Honesty::Lying);
                forge = forge.frame(6, model.end_record(rows).as_bytes());
            }
            Op::Unknown(kind, payload) => {
                model.is_good = false;
                forge = forge.frame(*kind, payload);
            }
        }
    }
    let is_good = model.is_good && model.is_over;
    (forge.bytes, is_good.then_some(model.tables))
}

struct Model {
    /// The rows of each piece.
    tables: Vec<Vec<u8>>,
    open: Option<usize>,
    /// Rows, bytes and hash of each section that came.
    sums: [Option<(u64, u64, u128)>; 2],
    is_good: bool,
    is_over: bool,
}

impl Model {
    fn close(&mut self, index: Option<usize>, rows: &[u8], widths: [usize; 2]) -> (u64, u128) {
        let Some(index) = index else {
            self.is_good = false;
            return (0, 0);
        };
        let width = widths[index];
        let lines: Vec<&[u8]> = rows.split(|&byte| byte == b'\n').collect();
        let (rest, lines) = lines.split_last().unwrap();
        let is_right = |line: &&[u8]| read_row(line).is_ok_and(|row| row.len() == width);
        self.is_good &= rest.is_empty() && lines.iter().all(is_right);
        let columns = [&["y", "x"][..], &["z"]][index];
        let mut hasher = TableHasher::new(columns);
        let hash = hasher.update(rows).map_or(0, |()| hasher.finish().1);
        let sum = self.sums[index].get_or_insert((0, 0, 0));
        *sum = (sum.0 + lines.len() as u64, sum.1 + rows.len() as u64, sum.2.wrapping_add(hash));
        (lines.len() as u64, hash)
    }

    /// `factor` 1 is the truth.
    fn end_record(&self, factor: u64) -> String {
        let mut content = blake3::Hasher::new();
        content.update(blake3::hash(MANIFEST.as_bytes()).as_bytes());
        let (mut all_rows, mut all_bytes) = (0, 0);
        for (rows, bytes, hash) in self.sums.map(Option::unwrap_or_default) {
            content.update(&rows.to_le_bytes()).update(&bytes.to_le_bytes()).update(&hash.to_le_bytes());
            (all_rows, all_bytes) = (all_rows + rows, all_bytes + bytes);
        }
        let hash = content.update(b"[]").finalize().to_hex();
        let all_rows = (all_rows + 1) * factor - 1;
        format!(
            r#"{{"sequences":[],"tables":2,"rows":{all_rows},"raw_bytes":{all_bytes},"content_hash":"{hash}"}}"#
        )
    }
}

/// Bytes that mean something in COPY text, more often than others.
fn byte() -> impl Strategy<Value = u8> {
    prop_oneof![
        3 => prop::sample::select(&b"\\\\\\\t\n\r\0.Nbfnrtvx0179aF"[..]),
        1 => any::<u8>(),
    ]
}

fn line() -> impl Strategy<Value = String> {
    let good: Vec<&'static str> = DUMP.split_inclusive('\n').collect();
    let block = "COPY public.g (a) FROM stdin;\n1\n\\.\n";
    prop_oneof![
        10 => prop::sample::select(good).prop_map(str::to_owned),
        5 => Just(block.to_owned()),
        1 => prop::sample::select(BETWEEN_TABLES).prop_map(|line| format!("{line}\n")),
        5 => Just("--\n-- PostgreSQL database dump complete\n--\n\n".to_owned()),
    ]
}
