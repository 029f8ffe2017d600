//! Which known content a content is, begins with, or is the start of: decided from digests alone.

use crate::source::{Content, DIGEST_CHUNK_BYTES, Digest};

/// The lineage that all names share.
pub const SHARED: i64 = 0;

/// A content of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its number in the ledger.
    pub id: i64,
    /// What it is.
    pub content: Content,
    /// What it is counted once in: [`SHARED`], or the copy that it is or grew from.
    pub lineage: i64,
}

/// What a content is to those that are known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Identity {
    /// The same, byte for byte.
    Same(i64),
    /// Its lines from `from` on are new; before, it is `parent`.
    New {
        /// The known content that it begins with.
        parent: Option<i64>,
        /// Where its own lines start.
        from: u64,
        /// Known contents that it begins with but for their unfinished last line: it replaces them.
        supersedes: Vec<i64>,
    },
    /// It has to be read again, counting from `resume`.
    Again {
        /// Where its own lines start, as far as can be told.
        resume: u64,
    },
    /// All of it that can be compared is the start of these longer known contents.
    Within(Vec<i64>),
}

/// Tells what `content`, read with `marks` and counted from `resumed`, is to `known` contents.
///
/// Lineages are told apart: the one of what the name holds, `own`, comes first if the content goes on
/// there; else it is the same as a known one, or may be a part of one, in any lineage; else it grew
/// from the longest. Among equals the first in `known` is taken.
pub fn identify(
    known: &[Known],
    own: Option<i64>,
    content: &Content,
    marks: &[(u64, Digest)],
    resumed: u64,
) -> Identity {
    let mut best: Option<((u8, u64), Identity)> = None;
    for lineage in lineages(known, own) {
        let of_lineage = known.iter().filter(|known| known.lineage == lineage);
        let identity = identify_within(of_lineage, content, marks);
        let rank = rank(&identity, own == Some(lineage));
        if best.as_ref().is_none_or(|(best, _)| *best < rank) {
            best = Some((rank, identity));
        }
    }
    match best {
        Some((_, Identity::New { from, .. })) if from != resumed => {
            Identity::Again { resume: from }
        }
        Some((_, identity)) => identity,
        None => unreachable!("the lineage that all names share is always looked at"),
    }
}

/// The lineages of `known` in their order, and the shared one.
pub(super) fn lineages(known: &[Known], own: Option<i64>) -> Vec<i64> {
    let mut lineages: Vec<i64> = Vec::new();
    let all = own
        .into_iter()
        .chain(known.iter().map(|known| known.lineage));
    for lineage in all.chain([SHARED]) {
        if !lineages.contains(&lineage) {
            lineages.push(lineage);
        }
    }
    lineages
}

/// Which lineage's answer is taken: the largest.
fn rank(identity: &Identity, is_own: bool) -> (u8, u64) {
    match identity {
        // Nothing can be told before it is read again.
        Identity::Again { .. } => (5, 0),
        Identity::New {
            parent: None,
            supersedes,
            ..
        } if supersedes.is_empty() => (0, 0),
        _ if is_own => (4, 0),
        Identity::Same(_) => (3, 0),
        Identity::Within(_) => (2, 0),
        Identity::New { from, .. } => (1, *from),
    }
}

/// Tells what `content` is to the contents of one lineage; `Again` where a mark is missing.
fn identify_within<'a>(
    known: impl Iterator<Item = &'a Known> + Clone,
    content: &Content,
    marks: &[(u64, Digest)],
) -> Identity {
    let same = known.clone().find(|other| is_same(content, &other.content));
    if let Some(same) = same {
        return Identity::Same(same.id);
    }
    let longer = known
        .clone()
        .filter(|longer| may_be_within(content, &longer.content));
    let longer: Vec<i64> = longer.map(|longer| longer.id).collect();
    if !longer.is_empty() {
        return Identity::Within(longer);
    }
    let mut begun = Vec::new();
    for shorter in known {
        match begins_with(content, marks, &shorter.content) {
            Some(true) => begun.push(shorter),
            Some(false) => {}
            // It was not known when the reading began.
            None => {
                return Identity::Again {
                    resume: shorter.content.length,
                };
            }
        }
    }
    let (whole, unfinished): (Vec<&Known>, Vec<&Known>) = begun
        .into_iter()
        .partition(|known| known.content.is_whole_lines);
    let parent = whole.into_iter().max_by_key(|known| known.content.length);
    Identity::New {
        parent: parent.map(|parent| parent.id),
        from: parent.map_or(0, |parent| parent.content.length),
        supersedes: unfinished.into_iter().map(|known| known.id).collect(),
    }
}

/// Whether two contents are one, byte for byte.
pub(super) fn is_same(content: &Content, other: &Content) -> bool {
    (other.length, other.digest) == (content.length, content.digest)
}

/// Whether a file that held `before` may have shrunk to `content`. Without a line there is nothing to
/// tell by, and then it may.
pub(super) fn may_have_shrunk(content: &Content, before: &Content) -> bool {
    let tells_nothing = content.opening.tells_nothing() && content.length < before.length;
    tells_nothing || may_be_within(content, before)
}

/// Whether nothing tells `content` from the start of the longer `other`.
fn may_be_within(content: &Content, other: &Content) -> bool {
    let whole_chunks = (content.length / DIGEST_CHUNK_BYTES) as usize;
    content.length < other.length
        && content.opening.may_begin(&other.opening)
        && content.chunks[..whole_chunks] == other.chunks[..whole_chunks]
}

/// Whether `content` begins with the shorter `other`; `None` where no mark was asked for.
pub(super) fn begins_with(
    content: &Content,
    marks: &[(u64, Digest)],
    other: &Content,
) -> Option<bool> {
    if other.length == 0 || content.length <= other.length {
        return Some(false);
    }
    let whole_chunks = (other.length / DIGEST_CHUNK_BYTES) as usize;
    if content.chunks[..whole_chunks] != other.chunks[..whole_chunks] {
        return Some(false);
    }
    match other.chunks.get(whole_chunks) {
        None => Some(true),
        Some(last) => marks
            .iter()
            .find(|(offset, _)| *offset == other.length)
            .map(|(_, digest)| digest == last),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::{Opening, PartHasher, Seed};
    use proptest::prelude::*;
    use std::sync::Arc;

    const SEED: Seed = Seed(1);

    fn read(text: &[u8], marks: &[u64]) -> (Content, Vec<(u64, Digest)>) {
        let marks: Arc<[u64]> = marks.into();
        let mut hasher = PartHasher::new(SEED, 0, u64::MAX, &marks);
        hasher.update(0, text);
        let digests = hasher.finish();
        let marks = digests.marks.clone();
        let opening = Opening::of(SEED, text);
        (digests.into_content(SEED, opening), marks)
    }

    fn known(texts: &[Vec<u8>]) -> Vec<Known> {
        let known = |(id, text): (usize, &Vec<u8>)| Known {
            id: id as i64,
            content: read(text, &[]).0,
            lineage: SHARED,
        };
        texts.iter().enumerate().map(known).collect()
    }

    /// Lines that can be told apart, now and then long enough to fill chunks.
    fn lines(from: u32, count: u32, width: usize) -> Vec<u8> {
        let line = |n: u32| format!("{n:>width$}\n").into_bytes();
        (from..from + count).flat_map(line).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        #[test]
        fn the_longest_known_start_is_found_and_nothing_else(
            counts in (1u32..40, 1u32..40, 1u32..40),
            width in prop_oneof![3 => 4..40usize, 1 => 30_000..60_000usize],
            has_newline in any::<bool>(),
        ) {
            let short = lines(0, counts.0, width);
            let mut middle = lines(0, counts.0 + counts.1, width);
            let long = lines(0, counts.0 + counts.1 + counts.2, width);
            let other = lines(1_000, counts.1, width);
            if !has_newline {
                middle.pop();
            }
            let all = known(&[short.clone(), middle.clone(), other]);
            let marks: Vec<u64> = {
                let mut lengths: Vec<_> = all.iter().map(|known| known.content.length).collect();
                lengths.sort_unstable();
                lengths
            };
            let (content, found) = read(&long, &marks);
            let (parent, from, supersedes) = match has_newline {
                true => (Some(1), middle.len() as u64, vec![]),
                false => (Some(0), short.len() as u64, vec![1]),
            };
            prop_assert_eq!(
                identify(&all, None, &content, &found, from),
                Identity::New { parent, from, supersedes }
            );
            prop_assert_eq!(
                identify(&all, None, &content, &found, 0),
                Identity::Again { resume: from }
            );
            // The other way round: what is the start of a known content is within it.
            let whole = known(&[long]);
            prop_assert_eq!(identify(&whole, None, &read(&short, &[]).0, &[], 0), Identity::Within(vec![0]));
            prop_assert_eq!(identify(&all, None, &read(&short, &[]).0, &[], 0), Identity::Same(0));
        }
    }

    #[test]
    fn a_start_that_was_not_marked_asks_for_another_reading() {
        let all = known(&[lines(0, 3, 8)]);
        let (content, marks) = read(&lines(0, 4, 8), &[]);
        assert_eq!(
            identify(&all, None, &content, &marks, 0),
            Identity::Again { resume: 27 }
        );
    }

    #[test]
    fn a_copy_goes_on_in_its_own_lineage() {
        let (short, long, longer) = (lines(0, 3, 8), lines(0, 5, 8), lines(0, 7, 8));
        let mut all = known(&[short.clone(), long.clone(), short.clone(), longer.clone()]);
        (all[2].lineage, all[3].lineage) = (2, 2);
        let grown = |parent, from| Identity::New {
            parent: Some(parent),
            from,
            supersedes: vec![],
        };
        let is = |text: &[u8], own, resumed| {
            let (content, marks) = read(text, &[27, 45, 63]);
            identify(&all, own, &content, &marks, resumed)
        };
        assert_eq!(is(&short, None, 0), Identity::Same(0));
        assert_eq!(is(&short, Some(2), 0), Identity::Same(2));
        // The copy grew to what the other had grown to, and the other way round.
        assert_eq!(is(&long, Some(2), 27), Identity::Within(vec![3]));
        assert_eq!(is(&longer, Some(SHARED), 45), grown(1, 45));
        assert_eq!(is(&longer, None, 0), Identity::Same(3));
        // Of both, the longer one is its start; with neither, it is shared.
        assert_eq!(is(&lines(0, 9, 8), None, 63), grown(3, 63));
        let other = Identity::New {
            parent: None,
            from: 0,
            supersedes: vec![],
        };
        assert_eq!(is(&lines(100, 2, 8), Some(2), 0), other);
    }

    #[test]
    fn empty_contents_begin_nothing() {
        let all = known(&[Vec::new()]);
        let (content, marks) = read(b"a\n", &[0]);
        let new = Identity::New {
            parent: None,
            from: 0,
            supersedes: vec![],
        };
        assert_eq!(identify(&all, None, &content, &marks, 0), new);
        assert_eq!(
            identify(&all, None, &read(b"", &[]).0, &[], 0),
            Identity::Same(0)
        );
    }
}
