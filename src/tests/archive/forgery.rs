//! Archives whose hashes are all right and whose contents are not: what a hostile peer would send.
//!
//! The frames are made here from the format's description, not by the writer: that also proves the description.

use super::{Contents, read, refusal};

pub(super) const MANIFEST: &str = r#"{"format":1,"order":"heap","catalog":null,"sections":[
    {"table":{"schema":"public","name":"a"},"columns":["y","x"],"partitioned":false},
    {"table":{"schema":"public","name":"b"},"columns":["z"],"partitioned":true}]}"#;

/// An archive in the making.
#[derive(Clone)]
pub(super) struct Forge {
    pub(super) bytes: Vec<u8>,
    previous: [u8; 32],
}

impl Forge {
    fn empty() -> Self {
        let bytes = b"\x89TNDM\r\n\x1a\x01\0\0\0".to_vec();
        let previous = blake3::hash(&bytes).into();
        Self { bytes, previous }
    }

    pub(super) fn begun() -> Self {
        Self::empty().frame(1, MANIFEST.as_bytes())
    }

    pub(super) fn frame(self, kind: u8, payload: &[u8]) -> Self {
        let len = payload.len();
        self.frame_claiming(kind, len, len, payload)
    }

    fn frame_claiming(mut self, kind: u8, payload_len: usize, raw_len: usize, payload: &[u8]) -> Self {
        let mut head = vec![kind];
        head.extend_from_slice(&(payload_len as u32).to_le_bytes());
        head.extend_from_slice(&(raw_len as u32).to_le_bytes());
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.previous).update(&head).update(blake3::hash(payload).as_bytes());
        self.previous = hasher.finalize().into();
        self.bytes.extend_from_slice(&head);
        self.bytes.extend_from_slice(&self.previous);
        self.bytes.extend_from_slice(payload);
        self
    }

    pub(super) fn table(self, index: u32) -> Self {
        self.frame(2, &index.to_le_bytes())
    }

    pub(super) fn rows(self, rows: &str) -> Self {
        self.frame(3, rows.as_bytes())
    }

    pub(super) fn table_end(self, rows: u64, raw_bytes: u64, hash: u128) -> Self {
        let payload = [&rows.to_le_bytes()[..], &raw_bytes.to_le_bytes(), &hash.to_le_bytes()].concat();
        self.frame(5, &payload)
    }

    /// Packed, unless that makes it longer.
    pub(super) fn packed_or_stored(self, rows: &str) -> Self {
        let payload = zstd::bulk::compress(rows.as_bytes(), 3).unwrap();
        if payload.len() < rows.len() {
            self.frame_claiming(4, payload.len(), rows.len(), &payload)
        } else {
            self.rows(rows)
        }
    }

    async fn refused(self, reason: &str) {
        let error = refusal(&self.bytes).await;
        assert!(error.contains(reason), "expected {reason:?}, got {error:?}");
    }
}

/// What the description says of one row of table a, whose columns are y and x.
fn row_hash(y: &str, x: &str) -> u128 {
    let hash = blake3::hash(format!("{:\n<64}", format!("{x}\t{y}")).as_bytes());
    u128::from_le_bytes(hash.as_bytes()[..16].try_into().unwrap())
}

#[tokio::test]
async fn an_archive_made_by_the_description_is_read() {
    let forge = Forge::begun().table(1).table_end(0, 0, 0).table(0).rows("1\t2\n").rows("3\t4\n");
    let sum = row_hash("1", "2").wrapping_add(row_hash("3", "4"));
    let forge = forge.table_end(2, 8, sum);
    let mut content = blake3::Hasher::new();
    content.update(blake3::hash(MANIFEST.as_bytes()).as_bytes());
    content.update(&[&2u64.to_le_bytes()[..], &8u64.to_le_bytes(), &sum.to_le_bytes()].concat());
    content.update(&[0; 32]).update(b"[]");
    let hash = content.finalize().to_hex();
    let end = format!(r#"{{"sequences":[],"tables":2,"rows":2,"raw_bytes":8,"content_hash":"{hash}"}}"#);

    let (_, events) = read(&forge.clone().frame(6, end.as_bytes()).bytes, 9).await.unwrap();
    assert_eq!(events.len(), 7);

    for wrong in [
        end.replace("\"rows\":2", "\"rows\":3"),
        end.replace("\"tables\":2", "\"tables\":1"),
        end.replace(&hash[..4], if hash.starts_with("0000") { "1111" } else { "0000" }),
        end.replace("[]", r#"[{"name":{"schema":"s","name":"q"},"last_value":1,"is_called":true}]"#),
    ] {
        forge.clone().frame(6, wrong.as_bytes()).refused("does not fit what came before").await;
    }
    forge
        .clone()
        .frame(6, end.replace("{\"sequences", "{\"more\":1,\"sequences").as_bytes())
        .refused("end record")
        .await;
    forge.frame(6, b"[]").refused("end record").await;
}

#[tokio::test]
async fn frames_out_of_place_are_refused() {
    let begun = Forge::begun;
    Forge::empty().table(0).refused("the manifest is missing").await;
    begun().frame(1, MANIFEST.as_bytes()).refused("kind 1 does not belong here").await;
    begun().rows("1\t2\n").refused("kind 3 does not belong here").await;
    begun().table_end(0, 0, 0).refused("kind 5 does not belong here").await;
    begun().table(0).table(1).refused("kind 2 does not belong here").await;
    begun().table(0).frame(6, b"{}").refused("kind 6 does not belong here").await;
    begun().table(2).refused("there is no section 2").await;
    begun().table(u32::MAX).refused("there is no section").await;
    begun().table(0).table_end(0, 0, 0).table(0).refused("comes twice").await;
    begun().frame(0, b"").refused("no frame of kind 0").await;
    begun().frame(7, b"x").refused("no frame of kind 7").await;
    let end = br#"{"sequences":[],"tables":2,"rows":0,"raw_bytes":0,"content_hash":""}"#;
    begun().table(0).table_end(0, 0, 0).frame(6, end).refused("rows of section 1 are missing").await;
}

#[tokio::test]
async fn sequences_that_repeat_are_refused() {
    let value = r#"{"name":{"schema":"s","name":"q"},"last_value":1,"is_called":true}"#;
    let end =
        format!(r#"{{"sequences":[{value},{value}],"tables":2,"rows":0,"raw_bytes":0,"content_hash":""}}"#);
    let forge = Forge::begun().table(0).table_end(0, 0, 0).table(1).table_end(0, 0, 0);
    forge.frame(6, end.as_bytes()).refused("s.q comes twice").await;
}

#[tokio::test]
async fn trailers_that_do_not_fit_the_rows_are_refused() {
    let open = Forge::begun().table(0).rows("1\t2\n");
    let hash = row_hash("1", "2");
    for (rows, raw_bytes, hash) in [(2, 4, hash), (1, 5, hash), (1, 4, hash ^ 1), (0, 0, 0)] {
        open.clone().table_end(rows, raw_bytes, hash).refused("trailer does not fit").await;
    }
}

#[tokio::test]
async fn rows_that_postgresql_would_read_otherwise_are_refused() {
    for (rows, reason) in [
        ("\\.\n", "end mark"),
        ("1\t2\\.\n", "end mark"),
        ("1\t\\\\\\.\n", "end mark"),
        ("1\t2\\\n3\t4\n", "separator is escaped"),
        ("1\\\t2\n", "separator is escaped"),
        ("1\t2\r\n", "control character"),
        ("1\t\0\n", "control character"),
        ("1\n", "fields"),
        ("1\t2\t3\n", "fields"),
        ("\n", "fields"),
    ] {
        let open = Forge::begun().table(0);
        open.clone().rows(rows).table_end(1, rows.len() as u64, 0).refused(reason).await;
        open.packed_if_smaller(rows).refused(reason).await;
        // The same, cut into a frame for each byte.
        let bytes = rows.bytes().fold(open.clone(), |forge, byte| forge.frame(3, &[byte]));
        bytes.table_end(1, rows.len() as u64, 0).refused(reason).await;
    }
    let unended = Forge::begun().table(0).rows("1\t2");
    unended.table_end(1, 3, row_hash("1", "2")).refused("inside a row").await;
}

impl Forge {
    /// The rows behind so many good ones that the frame packs.
    fn packed_if_smaller(&self, rows: &str) -> Self {
        let raw = format!("{}{rows}", "1\t2\n".repeat(100));
        self.clone().packed_or_stored(&raw)
    }
}

#[tokio::test]
async fn bombs_and_impossible_lengths_are_refused_by_their_header() {
    let open = Forge::begun().table(0);
    let zeros = zstd::bulk::compress(&vec![0; 4 << 20], 19).unwrap();
    open.clone().frame_claiming(4, zeros.len(), 4 << 20, &zeros).refused("not possible here").await;
    for (kind, payload_len, raw_len) in [
        (3, u32::MAX as usize, u32::MAX as usize),
        (3, (4 << 20) + 1, (4 << 20) + 1),
        (3, 0, 0),
        (3, 4, 5),
        (4, 1 << 20, (4 << 20) + 1),
        (4, 10, 10),
        (4, 0, 0),
        (4, 0, 1),
        (2, 5, 5),
        (5, 31, 31),
        (6, 0, 0),
        (6, (16 << 20) + 1, (16 << 20) + 1),
    ] {
        open.clone().frame_claiming(kind, payload_len, raw_len, b"").refused("not possible here").await;
    }
}

#[tokio::test]
async fn packed_frames_that_hold_more_or_less_than_they_claim_are_refused() {
    let raw = "1\t2\n".repeat(500);
    let payload = zstd::bulk::compress(raw.as_bytes(), 3).unwrap();
    let open = Forge::begun().table(0);
    open.clone()
        .frame_claiming(4, payload.len(), raw.len() - 4, &payload)
        .refused("cannot be unpacked")
        .await;
    open.clone().frame_claiming(4, payload.len(), raw.len() + 4, &payload).refused("holds 2000 bytes").await;
    open.frame_claiming(4, 9, 1_000, b"not zstd!").refused("cannot be unpacked").await;
}

#[tokio::test]
async fn manifests_that_make_no_sense_are_refused() {
    for (manifest, reason) in [
        ("", "not possible here"),
        ("{", "the manifest"),
        ("[]", "the manifest"),
        (&MANIFEST.replace("\"format\":1", "\"format\":2"), "format 2"),
        (&MANIFEST.replace("\"format\":1", "\"format\":1,\"run\":\"rm\""), "unknown field"),
        (&MANIFEST.replace("\"b\"", "\"a\""), "public.a stands twice"),
        (&MANIFEST.replace("\"y\"", "\"x\""), "a column of public.a stands twice"),
    ] {
        Forge::empty().frame(1, manifest.as_bytes()).refused(reason).await;
    }
    let deep = format!("{{\"format\":1,\"order\":\"heap\",\"catalog\":{}", "[".repeat(100_000));
    Forge::empty().frame(1, deep.as_bytes()).refused("the manifest: EOF").await;
}

#[tokio::test]
async fn a_refusal_says_nothing_about_values() {
    let open = Forge::begun().table(0).rows("secret\tsecret\tsecret\n");
    assert!(!refusal(&open.table_end(1, 21, 0).bytes).await.contains("secret"));
    let unfit = Contents::new(&[("a", &["x"], "secret\tsecret\n")]);
    let error = unfit.archive(tandem::archive::Compression::Stored, 9).await.unwrap_err();
    assert!(!error.to_string().contains("secret"));
}
