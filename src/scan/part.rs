//! What a scan of a span found, so that whoever reads it needs nothing else: names in place of numbers of a run.
//!
//! Parts of neighbouring spans join into the part of both, in whatever order they come, and the parts of all spans of
//! an input join into that of one whole scan, to the byte. A part can be written as text by any form that serde knows.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::findings::Findings;
use super::rejects::{REJECT_OVERHEAD_BYTES, REJECTS_KEPT_BYTES_MAX, RejectedLine};
use crate::meter::{Counts, Overflow, UsageRow};
use crate::record::{Doubt, Layout, Reject, Skip};
use crate::source::PartDigests;
use crate::units::{Slot, Span, hex};

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
    /// What beside its name tells how they were read: a header, a template.
    pub notation: Option<String>,
    /// What its bytes count.
    pub bytes_in: String,
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
    /// Bytes of rows that went to no viewer. As text, as they are wider than what readers of JSON hold.
    pub not_viewer_bytes: String,
    /// Bytes of rejected lines, as far as they could be read; as text.
    pub rejected_bytes: String,
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
    #[error("parts at {0} were scanned of different inputs, or by different formats")]
    Unlike(u64),
    /// Their sums are too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
}

impl Part {
    /// The part of a span of which these are the findings and usage; `name_of` gives names of domains by number.
    ///
    /// Errors: [`Overflow`].
    pub(super) fn new(
        span: Span,
        version: Option<String>,
        layout: &Layout,
        found: Findings,
        rows: &[UsageRow],
        name_of: impl Fn(u32) -> String,
    ) -> Result<Self, Overflow> {
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
            bytes_in: layout.bytes_in().name().to_owned(),
            counts: PartCounts::new(&found.counts, numbered),
            rows: table.into_values().collect(),
            rejects,
            rejects_not_kept: found.rejects.not_kept,
            digests: (found.digests != PartDigests::default())
                .then(|| PartOfContent::new(&found.digests)),
        })
    }

    /// The part of both spans.
    ///
    /// Errors: [`JoinError`].
    pub fn join(self, other: Part) -> Result<Part, JoinError> {
        let (mut first, next) = match (self.from, self.to) <= (other.from, other.to) {
            true => (self, other),
            false => (other, self),
        };
        if first.to != next.from {
            return Err(JoinError::Apart(first.from, first.to, next.from, next.to));
        }
        let read_as = |part: &Part| {
            (
                part.version.clone(),
                part.format.clone(),
                part.bytes_in.clone(),
            )
        };
        if read_as(&first) != read_as(&next) || first.digests.is_some() != next.digests.is_some() {
            return Err(JoinError::Unlike(next.from));
        }
        first.to = next.to;
        let mut table = BTreeMap::new();
        for row in first.rows.into_iter().chain(next.rows) {
            add_row(&mut table, row)?;
        }
        first.rows = table.into_values().collect();
        let lines_before = first.counts.numbered;
        first
            .rejects
            .extend(next.rejects.into_iter().map(|mut reject| {
                reject.line += lines_before;
                reject
            }));
        first.rejects_not_kept += next.rejects_not_kept;
        first.keep_to_limit();
        first.counts.add(next.counts)?;
        if let (Some(digests), Some(next)) = (&mut first.digests, next.digests) {
            digests.chunks.extend(next.chunks);
            if digests.end < next.end {
                (digests.end, digests.last_byte) = (next.end, next.last_byte);
            }
        }
        Ok(first)
    }

    /// Keeps as much of rejected lines as one scan does.
    fn keep_to_limit(&mut self) {
        let mut kept = 0;
        let whole = self.rejects.len();
        self.rejects.retain(|reject| {
            let cost = reject.text.len() / 2 + REJECT_OVERHEAD_BYTES;
            let is_kept = kept + cost <= REJECTS_KEPT_BYTES_MAX;
            kept += if is_kept { cost } else { 0 };
            is_kept
        });
        self.rejects_not_kept += (whole - self.rejects.len()) as u64;
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
            not_viewer_bytes: counts.not_viewer_bytes.to_string(),
            rejected_bytes: counts.rejected_bytes.to_string(),
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
            let number = |text: &str| text.parse::<u128>().map_err(|_| Overflow);
            let total = number(sum)?.checked_add(number(&more)?).ok_or(Overflow)?;
            *sum = total.to_string();
        }
        Ok(())
    }
}

impl PartOfContent {
    fn new(digests: &PartDigests) -> Self {
        let chunks = digests.chunks.iter();
        let (end, last_byte) = digests.end;
        PartOfContent {
            chunks: chunks
                .map(|(number, digest)| (*number, digest.to_string()))
                .collect(),
            end,
            last_byte,
        }
    }
}
