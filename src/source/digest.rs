//! Digests of decompressed content, made so that one content is recognised as the start of another.
//!
//! ```text
//! content   chunk 0 | chunk 1 | … | last chunk, as long as it is       chunks of 1 MiB
//! digest    hash(digests of the chunks, length)
//! opening   hash(content up to the end of its 1st, 2nd, 4th, 8th … record line), in its first 64 KiB;
//!           if a hole leaves no line in these: hash(length of the hole, what is behind it up to
//!           the end of such a line), in the first 64 KiB behind it
//! mark      hash(chunk up to an offset that was asked for)
//! ```
//! Chunks let workers digest ranges of a file at once; marks tell whether a file that has grown
//! still begins with what was counted of it; openings find the contents to compare with at all.
//!
//! The hash is XXH3-128 with a seed of the store's own. It meets accidents, not adversaries: who can
//! write the logs can write any bill. It runs at some ten times the speed of parsing.

use std::collections::hash_map::RandomState;
use std::fmt;
use std::hash::{BuildHasher as _, Hasher as _};
use std::sync::Arc;

use memchr::memchr_iter;
use twox_hash::XxHash3_128;
use twox_hash::xxhash3_128::Hasher;

/// Decompressed bytes of a chunk.
pub const DIGEST_CHUNK_BYTES: u64 = 1 << 20;
/// Bytes at the start of a content that its opening looks at.
pub const OPENING_BYTES: usize = 64 << 10;

/// What a store's hashes start from, so that nobody can prepare contents that collide in it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// One that is nobody's to choose: that of a new store.
    pub fn random() -> Self {
        Seed(RandomState::new().build_hasher().finish())
    }
}

/// 128 bits that stand for bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(u128);

impl Digest {
    /// The digest of `bytes`.
    pub fn of(seed: Seed, bytes: &[u8]) -> Self {
        Digest(XxHash3_128::oneshot_with_seed(seed.0, bytes))
    }

    /// The digest of a content by those of its chunks, in order.
    pub fn of_content(seed: Seed, chunks: &[Digest], length: u64) -> Self {
        let mut text = Vec::with_capacity(chunks.len() * 16 + 8);
        chunks
            .iter()
            .for_each(|chunk| text.extend_from_slice(&chunk.to_bytes()));
        text.extend_from_slice(&length.to_le_bytes());
        Digest::of(seed, &text)
    }

    /// Big end first, as it is shown.
    pub const fn to_bytes(self) -> [u8; 16] {
        self.0.to_be_bytes()
    }

    /// The digest that [`Digest::to_bytes`] gave these bytes.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Digest(u128::from_be_bytes(bytes))
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({self})")
    }
}

/// The first record lines of a content: hashes up to the end of lines 1, 2, 4, 8 and so on.
///
/// Blank lines and those that start with `#` are hashed but not counted: files of one format begin
/// with the same headers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Opening {
    /// The hash up to the end of the first record line, by which contents are found before they are
    /// read: `None` where that line is not among the first bytes.
    pub first: Option<Digest>,
    /// All of them.
    pub hashes: Vec<Digest>,
}

impl Opening {
    /// The opening of a content that starts with `sample`; only its first [`OPENING_BYTES`] count.
    pub fn of(seed: Seed, sample: &[u8]) -> Self {
        let hashes = hashes(Hasher::with_seed(seed.0), sample);
        Opening {
            first: hashes.first().copied(),
            hashes,
        }
    }

    /// The opening of a content that starts with `hole` zeros and `sample`.
    fn behind_hole(seed: Seed, hole: u64, sample: &[u8]) -> Self {
        let mut hasher = Hasher::with_seed(seed.0);
        hasher.write(&hole.to_le_bytes());
        Opening {
            first: None,
            hashes: hashes(hasher, sample),
        }
    }

    /// Whether a content with this opening may be the start of one that opens with `longer`.
    ///
    /// `false` also where there is no record line to tell by.
    pub fn may_begin(&self, longer: &Opening) -> bool {
        !self.tells_nothing() && longer.hashes.starts_with(&self.hashes)
    }

    /// Whether there is no record line to tell by.
    pub fn tells_nothing(&self) -> bool {
        self.hashes.is_empty()
    }
}

/// What `hasher` makes of `sample` up to the end of its record lines 1, 2, 4, 8 and so on.
fn hashes(mut hasher: Hasher, sample: &[u8]) -> Vec<Digest> {
    let sample = &sample[..sample.len().min(OPENING_BYTES)];
    let (mut from, mut hashed, mut records) = (0, 0, 0u32);
    let mut hashes = Vec::new();
    for newline in memchr_iter(b'\n', sample) {
        let is_record = !matches!(sample[from], b'#' | b'\n' | b'\r');
        from = newline + 1;
        records += u32::from(is_record);
        if is_record && records.is_power_of_two() {
            hasher.write(&sample[hashed..from]);
            hashed = from;
            hashes.push(Digest(hasher.finish_128()));
        }
    }
    hashes
}

/// What is known of one content, apart from its usage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Content {
    /// Decompressed bytes.
    pub length: u64,
    /// Over all of them.
    pub digest: Digest,
    /// Of each chunk; the last is as long as it is.
    pub chunks: Vec<Digest>,
    /// Of its first lines.
    pub opening: Opening,
    /// Whether more lines can follow without changing the last one.
    pub is_whole_lines: bool,
}

/// The digests of one part of a content, which starts at a chunk.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PartDigests {
    /// By number; the last of a content is as long as it is.
    pub chunks: Vec<(u64, Digest)>,
    /// By offset: of the chunk up to there.
    pub marks: Vec<(u64, Digest)>,
    /// Where it ends, and the byte before that.
    pub end: (u64, Option<u8>),
    /// How the content opens behind the hole that it starts with, if that ends in the first part.
    behind_hole: Option<Opening>,
}

impl PartDigests {
    /// Adds another part of the same content.
    pub fn append(&mut self, other: PartDigests) {
        self.end = self.end.max(other.end);
        self.behind_hole = self.behind_hole.take().or(other.behind_hole);
        self.chunks.extend(other.chunks);
        self.marks.extend(other.marks);
        self.chunks.sort_unstable();
        self.marks.sort_unstable();
    }

    /// The content whose parts these are, all of them; `opening` is that of its first bytes.
    pub fn into_content(self, seed: Seed, opening: Opening) -> Content {
        let (length, last_byte) = self.end;
        let chunks: Vec<Digest> = self.chunks.into_iter().map(|(_, digest)| digest).collect();
        debug_assert_eq!(chunks.len() as u64, length.div_ceil(DIGEST_CHUNK_BYTES));
        let behind_hole = self.behind_hole.filter(|_| opening.tells_nothing());
        let opening = behind_hole.unwrap_or(opening);
        Content {
            length,
            digest: Digest::of_content(seed, &chunks, length),
            chunks,
            opening,
            is_whole_lines: last_byte == Some(b'\n'),
        }
    }
}

/// Digests the bytes of `[from, to)` of a content as they are read.
pub struct PartHasher {
    seed: Seed,
    /// What was taken so far ends here.
    at: u64,
    to: u64,
    chunk: Hasher,
    marks: Arc<[u64]>,
    /// The hole that the content starts with; `None` where it starts otherwise, or elsewhere.
    hole: Option<Hole>,
    found: PartDigests,
}

/// Zeros at the start of a content, and the first bytes behind them.
#[derive(Default)]
struct Hole {
    len: u64,
    behind: Vec<u8>,
}

impl Hole {
    /// Takes what comes next; `false` if the content starts with no hole.
    fn update(&mut self, mut bytes: &[u8]) -> bool {
        if self.behind.is_empty() {
            let zeros = bytes.iter().position(|&byte| byte != 0);
            let zeros = zeros.unwrap_or(bytes.len());
            self.len += zeros as u64;
            bytes = &bytes[zeros..];
        }
        let left = OPENING_BYTES - self.behind.len();
        self.behind
            .extend_from_slice(&bytes[..left.min(bytes.len())]);
        self.len != 0
    }
}

impl fmt::Debug for PartHasher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PartHasher([.., {}) of [.., {}))", self.at, self.to)
    }
}

impl PartHasher {
    /// For `[from, to)`, where `from` is the start of a chunk; `marks` ascend.
    pub fn new(seed: Seed, from: u64, to: u64, marks: &Arc<[u64]>) -> Self {
        debug_assert_eq!(from % DIGEST_CHUNK_BYTES, 0);
        PartHasher {
            seed,
            at: from,
            to,
            chunk: Hasher::with_seed(seed.0),
            marks: Arc::clone(marks),
            hole: (from == 0).then(Hole::default),
            found: PartDigests::default(),
        }
    }

    /// Takes the bytes at `offset`. What was taken before, or is not of the part, is passed over.
    pub fn update(&mut self, offset: u64, bytes: &[u8]) {
        let passed = usize::try_from(self.at - offset.min(self.at)).unwrap_or(usize::MAX);
        let mut bytes = bytes.get(passed..).unwrap_or_default();
        while !bytes.is_empty() && self.at < self.to {
            let chunk_end = (self.at / DIGEST_CHUNK_BYTES + 1) * DIGEST_CHUNK_BYTES;
            let next = self.marks.partition_point(|mark| *mark <= self.at);
            let mark = self.marks.get(next).copied().unwrap_or(u64::MAX);
            let stop = chunk_end.min(mark).min(self.to);
            let taken;
            (taken, bytes) = bytes.split_at(bytes.len().min((stop - self.at) as usize));
            self.chunk.write(taken);
            self.hole.take_if(|hole| !hole.update(taken));
            self.at += taken.len() as u64;
            self.found.end = (self.at, taken.last().copied());
            if self.at == chunk_end {
                self.close_chunk();
            } else if self.at == mark {
                let digest = Digest(self.chunk.finish_128());
                self.found.marks.push((mark, digest));
            }
        }
    }

    fn close_chunk(&mut self) {
        let done = std::mem::replace(&mut self.chunk, Hasher::with_seed(self.seed.0));
        let number = (self.at - 1) / DIGEST_CHUNK_BYTES;
        self.found.chunks.push((number, Digest(done.finish_128())));
    }

    /// The digests of what was taken.
    pub fn finish(mut self) -> PartDigests {
        if !self.at.is_multiple_of(DIGEST_CHUNK_BYTES) {
            self.close_chunk();
        }
        let hole = self.hole.filter(|hole| hole.len != 0);
        self.found.behind_hole =
            hole.map(|hole| Opening::behind_hole(self.seed, hole.len, &hole.behind));
        self.found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SEED: Seed = Seed(7);

    fn text(len: usize) -> Vec<u8> {
        (0..len).map(|at| (at * 31 / 7 % 251) as u8).collect()
    }

    /// Digests `text` as `cuts` cut it into parts, each fed in pieces of `piece` bytes.
    fn digests(text: &[u8], parts: &[u64], piece: usize, marks: &[u64]) -> PartDigests {
        let marks: Arc<[u64]> = marks.into();
        let mut all = PartDigests::default();
        for pair in parts.windows(2) {
            let mut hasher = PartHasher::new(SEED, pair[0], pair[1], &marks);
            // A range is read from one byte early to beyond its end, as `decode` does.
            let from = pair[0].saturating_sub(1) as usize;
            let to = text.len().min(pair[1] as usize + 5);
            for (number, bytes) in text[from..to].chunks(piece).enumerate() {
                hasher.update((from + number * piece) as u64, bytes);
            }
            all.append(hasher.finish());
        }
        all
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(48))]
        #[test]
        fn digests_do_not_depend_on_how_the_content_is_read(
            len in 0..3 * DIGEST_CHUNK_BYTES as usize + 10,
            pieces in (1_000..700_000usize, 1_000..2_000_000usize),
            mark in 1..3 * DIGEST_CHUNK_BYTES,
        ) {
            let text = text(len);
            let end = len as u64;
            let mut parts = vec![0];
            parts.extend((1..=3).map(|n| n * DIGEST_CHUNK_BYTES).filter(|at| *at < end));
            parts.push(end);
            let one = digests(&text, &[0, end], pieces.0, &[mark]);
            let many = digests(&text, &parts, pieces.1, &[mark]);
            prop_assert_eq!(&one, &many);
            // A mark is the digest that the content would have had as its last chunk.
            if mark < end && mark % DIGEST_CHUNK_BYTES != 0 {
                let prefix = digests(&text[..mark as usize], &[0, mark], 4096, &[]);
                prop_assert_eq!(one.marks.clone(), vec![(mark, prefix.chunks.last().expect("one").1)]);
            }
        }
    }

    #[test]
    fn an_opening_counts_record_lines_only() {
        let of = |text: &str| Opening::of(SEED, text.as_bytes());
        let (one, two) = (of("#v\n\na\nb"), of("#v\n\na\nb\n"));
        assert_eq!((one.hashes.len(), two.hashes.len()), (1, 2));
        assert!(one.may_begin(&two) && !two.may_begin(&one));
        assert!(!of("#v\n").may_begin(&two), "headers tell nothing");
        assert!(!of("#v\n\nc\n").may_begin(&two));
    }

    #[test]
    fn a9_behind_a_hole_a_content_opens_with_what_is_there() {
        let content = |hole: usize, text: &str, parts: &[u64], piece| {
            let text = [&vec![0; hole][..], text.as_bytes()].concat();
            let mut cuts = vec![0];
            cuts.extend(parts);
            cuts.push(text.len() as u64);
            let opening = Opening::of(SEED, &text);
            digests(&text, &cuts, piece, &[]).into_content(SEED, opening)
        };
        let lines = "line\n".repeat(300_000);
        for hole in [OPENING_BYTES, (3 << 20) + 5] {
            let long = content(hole, &lines, &[], 1 << 20).opening;
            assert!(long.first.is_none() && 10 < long.hashes.len(), "{long:?}");
            let cut = (hole as u64 / DIGEST_CHUNK_BYTES + 1) * DIGEST_CHUNK_BYTES;
            assert_eq!(content(hole, &lines, &[cut], 999).opening, long);
            let short = content(hole, &lines[..50], &[], 7_777).opening;
            assert!(short.may_begin(&long) && !long.may_begin(&short));
            let other = content(hole, "other\n", &[], 4_096).opening;
            assert!(!other.may_begin(&long) && !other.tells_nothing());
            assert!(content(hole, "li", &[], 4_096).opening.tells_nothing());
            let shifted = content(hole + 1, &lines[..50], &[], 4_096).opening;
            assert!(!shifted.may_begin(&long));
        }
        // Where a line ends among the first bytes, the zeros are a part of it.
        let near = content(9, &lines, &[], 4_096).opening;
        let text = ["\0".repeat(9), lines].concat();
        assert_eq!(near, Opening::of(SEED, text.as_bytes()));
    }

    #[test]
    fn another_seed_gives_other_digests() {
        assert_ne!(Digest::of(SEED, b"a"), Digest::of(Seed(8), b"a"));
        let digest = Digest::of(SEED, b"a");
        assert_eq!(Digest::from_bytes(digest.to_bytes()), digest);
    }
}
