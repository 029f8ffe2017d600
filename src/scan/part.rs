//! What a scan of a span found, so that whoever reads it needs nothing else: names in place of numbers of a run.
//!
//! Parts of neighbouring spans join into the part of both, in whatever order they come, and the parts of all spans of
//! an input join into that of one whole scan, to the byte. A part can be written as text by any form that serde knows.
//!
//! What it has not: which source the input is, and how its content opens, by which a store finds what it may begin
//! with.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::Request;
use super::findings::Findings;
use super::rejects::{REJECT_OVERHEAD_BYTES, REJECTS_KEPT_BYTES_MAX, RejectedLine};
use crate::meter::{Counts, Overflow, UsageRow};
use crate::record::{Doubt, Layout, Reject, Skip};
use crate::source::{PartDigests, Seed};
use crate::units::{Slot, hex};

/// What a scan of a span found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Part {
    /// The span, in decompressed bytes: its lines are those that start in it.
    pub from: u64,
    /// Where the span ends.
    pub to: u64,
    /// What tells whether the input is the one that other spans were scanned of.
    pub version: Option<String>,
    /// The format that its lines were read by.
    pub format: String,
    /// What beside its name tells how they were read, a header or a template: as the span begins …
    pub notation: Option<String>,
    /// … and as it ends.
    pub notation_at_end: Option<String>,
    /// What its bytes count.
    pub bytes_in: String,
    /// The domain of its lines without a host.
    pub fallback_domain: Option<String>,
    /// Lines, by fate.
    pub counts: PartCounts,
    /// Usage, one row for each domain, region and slot, in this order.
    pub rows: Vec<PartRow>,
    /// Rejected lines as far as they are kept, by offset.
    pub rejects: Vec<PartReject>,
    /// Rejected lines that are counted only.
    pub rejects_not_kept: u64,
    /// Digests of what the span holds, where they were asked for.
    pub digests: Option<PartOfContent>,
}

/// Lines by fate, and their bytes.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCounts {
    /// Lines in all.
    pub lines: u64,
    /// Those that are numbered: all but holes.
    pub numbered: u64,
    /// Lines metered.
    pub metered: u64,
    /// Lines skipped, by reason.
    pub skipped: BTreeMap<String, u64>,
    /// Lines rejected, by reason.
    pub rejected: BTreeMap<String, u64>,
    /// Lines metered in doubt, by what is doubted.
    pub doubts: BTreeMap<String, u64>,
    /// Lines metered that have no field for their bytes.
    pub without_field: u64,
    /// Downstream bytes.
    pub bytes: u64,
    /// Bytes of rows that went to no viewer. Written as text: they are wider than what readers of JSON hold.
    #[serde(with = "as_text")]
    pub not_viewer_bytes: u128,
    /// Bytes of rejected lines, as far as they could be read; written as text.
    #[serde(with = "as_text")]
    pub rejected_bytes: u128,
    /// Rejected lines of which they could not.
    pub rejected_unread: u64,
}

/// Usage of a domain and region in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartRow {
    /// Whose it is.
    pub domain: String,
    /// Where it was sent.
    pub region: String,
    /// When the slot starts, in seconds since the epoch.
    pub slot_start: i64,
    /// Downstream bytes.
    pub bytes: u64,
    /// Metered lines.
    pub requests: u64,
    /// Bytes of responses with status 400 or above.
    pub error_bytes: u64,
    /// Those responses.
    pub error_requests: u64,
    /// Lines metered in doubt.
    pub doubtful_requests: u64,
}

/// A rejected line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartReject {
    /// Where it starts.
    pub offset: u64,
    /// Its number among the numbered lines of the part, from 0.
    pub line: u64,
    /// Why.
    pub reason: String,
    /// Its bytes, where they could be read.
    pub bytes_at_most: Option<u64>,
    /// What beside the name of its format tells how it was read.
    pub layout: Option<String>,
    /// Its text, in hexadecimal: it may be anything.
    pub text: String,
}

/// Digests of a part of a content, in hexadecimal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartOfContent {
    /// What they start from.
    pub seed: u64,
    /// Chunks by number.
    pub chunks: BTreeMap<u64, String>,
    /// Where what was read of the span ends.
    pub end: u64,
    /// The byte before that.
    pub last_byte: Option<u8>,
}

/// Why two parts are not joined.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum JoinError {
    /// Something is between them, or they share something.
    #[error("parts of {0}..{1} and of {2}..{3} are no neighbours")]
    Apart(u64, u64, u64, u64),
    /// They are of different inputs, or of one that changed, or were read otherwise.
    #[error("parts at {0} were scanned of different inputs, or in different ways")]
    Unlike(u64),
    /// One of them is not what a scan makes.
    #[error("the part {0}..{1} contradicts itself")]
    Contradiction(u64, u64),
    /// Their sums are too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl Part {
    /// The part of a span of which these are the findings and usage; `name_of` gives names of domains by number.
    ///
    /// Errors: [`Overflow`].
    pub(super) fn new(
        request: &Request<'_>,
        version: Option<String>,
        layout_at_end: &Layout,
        found: Findings,
        rows: &[UsageRow],
        name_of: impl Fn(u32) -> String,
    ) -> Result<Self, Overflow> {
        let (span, layout) = (request.span, request.layout);
        let mut table = BTreeMap::new();
        let mut names = BTreeMap::new();
        for row in rows {
            let number = row.domain.index();
            let domain = names.entry(number).or_insert_with(|| name_of(number));
            let row = PartRow::new(domain.clone(), row);
            add_row(&mut table, row)?;
        }
        let numbered = found.runs.iter().map(|run| run.lines).sum();
        let mut rejects: Vec<PartReject> = found.rejects.lines.iter().map(reject).collect();
        rejects.sort_unstable_by_key(|reject| reject.offset);
        Ok(Part {
            from: span.from,
            to: span.to,
            version,
            format: layout.name().to_owned(),
            notation: layout.notation(),
            notation_at_end: layout_at_end.notation(),
            bytes_in: layout.bytes_in().name().to_owned(),
            fallback_domain: request.fallback_domain.map(str::to_owned),
            counts: PartCounts::new(&found.counts, numbered),
            rows: table.into_values().collect(),
            rejects,
            rejects_not_kept: found.rejects.not_kept,
            digests: request
                .seed
                .map(|seed| PartOfContent::new(seed, &found.digests)),
        })
    }

    /// The part of both spans.
    ///
    /// Errors: [`JoinError`].
    pub fn join(self, other: Part) -> Result<Part, JoinError> {
        self.check()?;
        other.check()?;
        let (mut first, next) = match (self.from, self.to) <= (other.from, other.to) {
            true => (self, other),
            false => (other, self),
        };
        if first.to != next.from {
            return Err(JoinError::Apart(first.from, first.to, next.from, next.to));
        }
        if !first.is_followed_alike_by(&next) {
            return Err(JoinError::Unlike(next.from));
        }
        (first.to, first.notation_at_end) = (next.to, next.notation_at_end);
        let mut table = BTreeMap::new();
        for row in first.rows.into_iter().chain(next.rows) {
            add_row(&mut table, row)?;
        }
        first.rows = table.into_values().collect();
        let mut not_kept = next.rejects_not_kept;
        for mut reject in next.rejects {
            let line = reject.line.checked_add(first.counts.numbered);
            reject.line = line.ok_or(Overflow)?;
            match first.rejects_not_kept {
                0 => first.rejects.push(reject),
                _ => not_kept = not_kept.checked_add(1).ok_or(Overflow)?,
            }
        }
        first.keep_to_limit(not_kept)?;
        first.counts.add(next.counts)?;
        if let (Some(digests), Some(next)) = (&mut first.digests, next.digests) {
            digests.chunks.extend(next.chunks);
            if digests.end < next.end {
                (digests.end, digests.last_byte) = (next.end, next.last_byte);
            }
        }
        Ok(first)
    }

    /// Whether the lines of `next` were read as these would have been, of what may be the same input.
    fn is_followed_alike_by(&self, next: &Part) -> bool {
        let seed = |part: &Part| part.digests.as_ref().map(|digests| digests.seed);
        self.version == next.version
            && (&self.format, &self.bytes_in) == (&next.format, &next.bytes_in)
            && self.notation_at_end == next.notation
            && self.fallback_domain == next.fallback_domain
            && seed(self) == seed(next)
    }

    /// Holds what every scan makes true: a part may come from anywhere.
    fn check(&self) -> Result<(), JoinError> {
        let counts = &self.counts;
        let mut others = counts.skipped.values().chain(counts.rejected.values());
        let fates = others.try_fold(counts.metered, |sum, count| sum.checked_add(*count));
        match self.from <= self.to && fates == Some(counts.lines) {
            true => Ok(()),
            false => Err(JoinError::Contradiction(self.from, self.to)),
        }
    }

    /// Keeps as much of rejected lines as one scan does: none behind one that is not kept. Of the last of them, so
    /// many more were not.
    fn keep_to_limit(&mut self, more_not_kept: u64) -> Result<(), Overflow> {
        let before = self.rejects_not_kept;
        let (mut kept_bytes, mut kept) = (0, 0);
        for reject in &self.rejects {
            kept_bytes += reject.text.len() / 2 + REJECT_OVERHEAD_BYTES;
            if REJECTS_KEPT_BYTES_MAX < kept_bytes {
                break;
            }
            kept += 1;
        }
        let dropped = (self.rejects.len() - kept) as u64;
        self.rejects.truncate(kept);
        let not_kept = before.checked_add(dropped);
        let not_kept = not_kept.and_then(|sum| sum.checked_add(more_not_kept));
        self.rejects_not_kept = not_kept.ok_or(Overflow)?;
        Ok(())
    }
}

type Table = BTreeMap<(String, String, i64), PartRow>;

/// Adds a row to those of its domain, region and slot.
fn add_row(table: &mut Table, row: PartRow) -> Result<(), Overflow> {
    let key = (row.domain.clone(), row.region.clone(), row.slot_start);
    let Some(sum) = table.get_mut(&key) else {
        table.insert(key, row);
        return Ok(());
    };
    for (sum, more) in [
        (&mut sum.bytes, row.bytes),
        (&mut sum.requests, row.requests),
        (&mut sum.error_bytes, row.error_bytes),
        (&mut sum.error_requests, row.error_requests),
        (&mut sum.doubtful_requests, row.doubtful_requests),
    ] {
        *sum = sum.checked_add(more).ok_or(Overflow)?;
    }
    Ok(())
}

impl PartRow {
    fn new(domain: String, row: &UsageRow) -> Self {
        let tally = &row.tally;
        let slot =
            Slot::from_index(tally.cell.slot_index()).expect("rows hold slots of timestamps");
        PartRow {
            domain,
            region: tally.cell.region().name().to_owned(),
            slot_start: slot.start_unix_secs(),
            bytes: tally.bytes,
            requests: u64::from(tally.requests),
            error_bytes: tally.error_bytes,
            error_requests: u64::from(tally.error_requests),
            doubtful_requests: u64::from(tally.doubtful_requests),
        }
    }
}

fn reject(line: &RejectedLine) -> PartReject {
    PartReject {
        offset: line.offset,
        line: line.line,
        reason: line.reason.name().to_owned(),
        bytes_at_most: line.bytes_at_most.map(|bytes| bytes.as_u64()),
        layout: line.layout.as_deref().map(str::to_owned),
        text: hex(&line.text),
    }
}

impl PartCounts {
    fn new(counts: &Counts, numbered: u64) -> Self {
        let named = |names: &[&'static str], counts: &[u64]| {
            let present = names.iter().zip(counts).filter(|(_, count)| **count != 0);
            present
                .map(|(name, count)| ((*name).to_owned(), *count))
                .collect()
        };
        PartCounts {
            lines: counts.lines,
            numbered,
            metered: counts.metered,
            skipped: named(&Skip::NAMES, &counts.skipped),
            rejected: named(&Reject::ALL.map(Reject::name), &counts.rejected),
            doubts: named(&Doubt::ALL.map(Doubt::name), &counts.doubts),
            without_field: counts.without_field,
            bytes: counts.bytes.as_u64(),
            not_viewer_bytes: counts.not_viewer_bytes,
            rejected_bytes: counts.rejected_bytes,
            rejected_unread: counts.rejected_unread,
        }
    }

    fn add(&mut self, other: PartCounts) -> Result<(), Overflow> {
        for (sum, more) in [
            (&mut self.lines, other.lines),
            (&mut self.numbered, other.numbered),
            (&mut self.metered, other.metered),
            (&mut self.without_field, other.without_field),
            (&mut self.bytes, other.bytes),
            (&mut self.rejected_unread, other.rejected_unread),
        ] {
            *sum = sum.checked_add(more).ok_or(Overflow)?;
        }
        for (sums, more) in [
            (&mut self.skipped, other.skipped),
            (&mut self.rejected, other.rejected),
            (&mut self.doubts, other.doubts),
        ] {
            for (name, count) in more {
                let sum = sums.entry(name).or_default();
                *sum = sum.checked_add(count).ok_or(Overflow)?;
            }
        }
        for (sum, more) in [
            (&mut self.not_viewer_bytes, other.not_viewer_bytes),
            (&mut self.rejected_bytes, other.rejected_bytes),
        ] {
            *sum = sum.checked_add(more).ok_or(Overflow)?;
        }
        Ok(())
    }
}

impl PartOfContent {
    fn new(seed: Seed, digests: &PartDigests) -> Self {
        let chunks = digests.chunks.iter();
        let (end, last_byte) = digests.end;
        PartOfContent {
            seed: seed.0,
            chunks: chunks
                .map(|(number, digest)| (*number, digest.to_string()))
                .collect(),
            end,
            last_byte,
        }
    }
}

/// Numbers as decimal text.
mod as_text {
    use serde::de::Error;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(
        number: &u128,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_str(number)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<u128, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(D::Error::custom)
    }
}
