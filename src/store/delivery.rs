//! What comes into a store: what a source was found to hold, what that is to what counts, and what becomes of it.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use super::change::Change;
use crate::meter::{Counts, Usage, UsageRow};
use crate::source::{Content, Digest};
use crate::units::Slot;

/// What a source was found to hold.
#[derive(Clone, Copy, Debug)]
pub struct Delivery<'a> {
    /// The logical name.
    pub name: &'a str,
    /// The stamp of the file, if it proves something.
    pub stamp: Option<&'a str>,
    /// How it is stored.
    pub compression: Option<&'static str>,
    /// Its content.
    pub content: &'a Content,
    /// Digests of it up to lengths of known contents.
    pub marks: &'a [(u64, Digest)],
    /// Of a damaged archive: decompressed bytes up to its last whole line, which are the content.
    pub kept: Option<u64>,
    /// What its name stands for, where that is known.
    pub names: Option<Names>,
}

/// What a new content is to the known ones.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ancestry<'a> {
    /// The known content that it begins with.
    pub parent: Option<i64>,
    /// Where its own lines start.
    pub from: u64,
    /// Contents that it begins with but for their unfinished last line.
    pub supersedes: &'a [i64],
    /// The name that holds the same content, which is counted again on request.
    pub copy_of: Option<&'a str>,
    /// Its lineage, where that is not its parent's.
    pub lineage: Option<i64>,
}

impl Ancestry<'_> {
    /// A content of its lineage.
    pub(super) fn grown_from(&self) -> Option<i64> {
        self.parent.or(self.supersedes.first().copied())
    }
}

/// What the reading of a content found: its own lines' fates and usage.
#[derive(Debug)]
pub struct Reading {
    /// Its format.
    pub format: Option<&'static str>,
    /// What its bytes count.
    pub bytes_in: Option<&'static str>,
    /// The fates of its lines.
    pub counts: Counts,
    /// The rejected ones as NDJSON, if there are any.
    pub rejects: Option<Vec<u8>>,
    /// Its usage.
    pub rows: Vec<UsageRow>,
}

/// What became of a new content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Added {
    /// It counts.
    Counts(Change),
    /// All that counts would pass [`crate::units::Bytes::SUM_MAX`] with it: nothing was noted of it.
    OverLimit,
    /// It may be a newer version of what its name holds, or the next log: nothing was noted of it.
    Unsure(Unsure),
}

/// What became of a name that is to hold a known content.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Held {
    /// It holds it.
    Holds(Change),
    /// It may be a newer version of what the name holds, or a file that was moved over that: nothing was noted.
    Unsure(Unsure),
}

/// What a segment holds of each content, by its place in the list; and the rows of it.
pub(super) type Parts = BTreeMap<u32, (Usage, u64)>;

/// What names of files stand for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Names {
    /// For one delivery each: another content is a newer version of it.
    Deliveries,
    /// For logs that move on from name to name.
    Rotation,
}

/// First slot and last of metered lines.
pub type Slots = RangeInclusive<u32>;

/// The times of two logs that do not tell whether one is a newer version of the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unsure {
    /// Of what the name held.
    pub before: Slots,
    /// Of what it is to hold.
    pub now: Slots,
}

impl Unsure {
    /// From when until when a log has lines, in UTC.
    pub fn text(slots: &Slots) -> String {
        let instant = |slot: u32| Slot::from_index(slot).map(|slot| slot.start().rfc3339());
        let end = instant(slots.end() + 1).unwrap_or_default();
        format!("{} to {end}", instant(*slots.start()).unwrap_or_default())
    }
}
