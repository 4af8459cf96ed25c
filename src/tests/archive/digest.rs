//! The content hash of a table: about its rows, not about their order, their columns' order or how they arrive.

use proptest::prelude::*;
use tandem::archive::TableHasher;
use tandem::archive::digest::hex;

#[test]
fn the_order_of_columns_and_rows_does_not_matter() {
    let one = digest(&["id", "name", "city"], "1\tAda\tRome\n2\tBob\tOslo\n");
    assert_eq!(digest(&["city", "id", "name"], "Oslo\t2\tBob\nRome\t1\tAda\n"), one);
    assert_eq!(digest(&["name", "city", "id"], "Ada\tRome\t1\nBob\tOslo\t2\n"), one);
}

#[test]
fn another_value_another_column_another_count_gives_another_hash() {
    let columns = ["a", "b"];
    let hashes = [
        digest(&columns, "1\t2\n"),
        digest(&columns, "2\t1\n"),
        digest(&columns, "1\t\\N\n"),
        digest(&columns, "1\t\n"),
        digest(&columns, "1\t2\n1\t2\n"),
        digest(&columns, "1\t2\n1\t2\n1\t2\n"),
        digest(&columns, ""),
    ];
    for (at, hash) in hashes.iter().enumerate() {
        assert!(!hashes[..at].contains(hash), "hash {at} is not its own");
    }
}

#[test]
fn parts_that_were_hashed_apart_add_up() {
    let (rows, hash) = digest(&["a"], "1\n2\n3\n");
    let mut sum = TableHasher::new(&["a"]);
    for part in ["2\n", "3\n1\n"] {
        let (rows, hash) = digest(&["a"], part);
        sum.add(rows, hash);
    }
    assert_eq!(sum.finish(), (rows, hash));
}

/// These values are part of the format: archives and peers hold them.
#[test]
fn the_hash_stays_what_it_is() {
    let long = format!("1\t{}\n", "x".repeat(20_000));
    let hashes = [
        digest(&["id", "name"], "1\tAda\n2\t\\N\n"),
        digest(&["b", "a"], "1\t2\n"),
        digest(&["b", "a"], &long),
        digest::<&str>(&[], "\n\n"),
    ];
    assert_eq!(
        hashes.map(|(_, hash)| hex(hash)),
        [
            "252ff55317bfdedd16ef0834ae6e2a67",
            "45005ef8edf2cb590e20b1b350afc78e",
            "121ba85f1bbf35d4f4c4dc5e6a59ba2c",
            "6a65e277a85d4823e1302749fa43c8a4",
        ]
    );
}

#[test]
fn rows_without_columns_are_counted() {
    assert_eq!(digest::<&str>(&[], "\n\n\n").0, 3);
}

proptest! {
    #[test]
    fn pieces_of_any_size_give_the_same_hash(
        rows in proptest::collection::vec(row(3), 0..30),
        piece in 1..200usize,
    ) {
        for columns in [["a", "b", "c"], ["b", "c", "a"]] {
            let text = rows.concat();
            let mut hasher = TableHasher::new(&columns);
            for piece in text.as_bytes().chunks(piece) {
                hasher.update(piece).unwrap();
            }
            prop_assert!(hasher.is_at_row_end());
            prop_assert_eq!(hasher.finish(), digest(&columns, &text));
            prop_assert_eq!(digest(&columns, &text), described(&columns, &text));
        }
    }

    /// Rows of 1, 2, … blocks, and those whose length is just at the edge, more of them than are hashed at once.
    #[test]
    fn rows_of_every_length_are_hashed_as_described(lengths in proptest::collection::vec(0..400usize, 0..150)) {
        let rows: Vec<String> = lengths.iter().map(|&len| format!("{}\t{len}\n", "z".repeat(len))).collect();
        for columns in [["a", "b"], ["b", "a"]] {
            prop_assert_eq!(digest(&columns, &rows.concat()), described(&columns, &rows.concat()));
        }
    }

    #[test]
    fn arbitrary_bytes_are_hashed_or_refused_alike_in_pieces(
        text in proptest::collection::vec(
            prop_oneof![Just(b'\t'), Just(b'\n'), Just(b'\\'), Just(b'.'), Just(b'x'), any::<u8>()], 0..60),
        piece in 1..8usize,
    ) {
        let mut whole = TableHasher::new(&["b", "a"]);
        let mut pieces = TableHasher::new(&["b", "a"]);
        let refused = whole.update(&text).is_err();
        let mut refused_in_pieces = false;
        for piece in text.chunks(piece) {
            refused_in_pieces |= pieces.update(piece).is_err();
            if refused_in_pieces {
                break;
            }
        }
        prop_assert_eq!(refused, refused_in_pieces);
        if !refused {
            prop_assert_eq!(whole.finish(), pieces.finish());
        }
    }
}

/// Mostly short fields, now and then one beyond the length at which a field is hashed apart.
fn row(width: usize) -> impl Strategy<Value = String> {
    let long = (16_300..16_500usize).prop_map(|len| "y".repeat(len));
    let field = prop_oneof![20 => "([a-z ]|\\\\t|\\\\\\\\){0,12}", 2 => Just("\\N".to_owned()), 1 => long];
    proptest::collection::vec(field, width).prop_map(|fields| fields.join("\t") + "\n")
}

fn digest<S: AsRef<str>>(columns: &[S], text: &str) -> (u64, u128) {
    let mut hasher = TableHasher::new(columns);
    hasher.update(text.as_bytes()).unwrap();
    hasher.finish()
}

/// The description in words of one syllable.
fn described(columns: &[&str], text: &str) -> (u64, u128) {
    let mut sum = 0u128;
    for line in text.lines() {
        let mut fields: Vec<(&str, &str)> = columns.iter().copied().zip(line.split('\t')).collect();
        fields.sort();
        let fields: Vec<Vec<u8>> = fields
            .iter()
            .map(|(_, value)| match value.len() {
                0..=16_384 => value.as_bytes().to_vec(),
                _ => [b"\0", &blake3::hash(value.as_bytes()).as_bytes()[..]].concat(),
            })
            .collect();
        let mut row = fields.join(&b'\t');
        row.resize((row.len() / 64 + 1) * 64, b'\n');
        let hash = blake3::hash(&row);
        sum = sum.wrapping_add(u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap()));
    }
    (text.lines().count() as u64, sum)
}
