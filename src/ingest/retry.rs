//! Reading rejected lines again, after a fix: by this program, with what it is told now.
//!
//! A line is read as it was, by the layout that stands beside it in the quarantine, unless a format is
//! named: then only contents of that format are retried, by what was named. Column layouts of files
//! with headers are those of the file in any case.
//!
//! A line stays as it is where it is rejected once more, so doing it twice changes nothing.

use std::borrow::Cow;
use std::io::BufRead;

use serde::Deserialize;

use super::{IngestError, Options};
use crate::meter::{Counts, Domains, Meter, UsageTable};
use crate::record::{BytesIn, Clock, Fate, Layout, Reject, Skip, scan};
use crate::store::{Quarantined, Regained, Store};
use crate::units::invariant;

/// What became of the rejected lines of all contents that count.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Retried {
    /// Contents of which lines have another fate now.
    pub contents: u64,
    /// The new fates: metered or skipped.
    pub counts: Counts,
    /// Lines that are rejected as before.
    pub rejected: u64,
    /// Lines of another format than the one that was named, or without what tells their layout.
    pub not_tried: u64,
    /// Lines that were counted and are not kept in full.
    pub not_kept: u64,
}

/// What is needed of a line of the quarantine.
#[derive(Deserialize)]
struct Row<'a> {
    reason: String,
    bytes_at_most: Option<u64>,
    #[serde(borrow)]
    layout: Option<Cow<'a, str>>,
    #[serde(borrow)]
    raw: Cow<'a, str>,
    raw_hex: Option<String>,
}

/// What a row of the quarantine turned out to be.
enum Outcome {
    Regained,
    Rejected,
    NotTried,
    NotKept,
}

/// Reads the rejected lines of all contents that count again, and commits what is not rejected now.
///
/// Errors: [`IngestError`]; what was committed before stays.
pub fn retry_quarantine(store: &Store, options: &Options) -> Result<Retried, IngestError> {
    let domains = Domains::new();
    let mut retrial = Retrial {
        options,
        meter: Meter::new(&domains, options.fallback_domain.as_deref()),
        clock: Clock::default(),
        retried: Retried::default(),
        regained: Regained::default(),
    };
    for quarantined in store.quarantined()? {
        if let Some(regained) = retrial.content(store, &quarantined)? {
            let counts = regained.counts;
            match store.regain(&quarantined, regained, &domains)? {
                true => {
                    retrial.retried.contents += 1;
                    retrial.retried.counts.add(&counts)?;
                }
                // All that counts would be more than a store holds.
                false => retrial.retried.rejected += counts.metered + counts.skipped_total(),
            }
        }
    }
    store.flush(&domains)?;
    store.compact_if_due()?;
    Ok(retrial.retried)
}

/// The work in hand.
struct Retrial<'run> {
    options: &'run Options,
    meter: Meter<'run>,
    clock: Clock,
    retried: Retried,
    /// Of the content that is looked at.
    regained: Regained,
}

impl Retrial<'_> {
    /// Reads the rejected lines of a content again; `None` if none has another fate.
    fn content(
        &mut self,
        store: &Store,
        quarantined: &Quarantined,
    ) -> Result<Option<Regained>, IngestError> {
        let mut kept = 0;
        for name in &quarantined.files {
            let mut file = store.open_quarantine(name)?;
            let mut line = Vec::new();
            while file.read_until(b'\n', &mut line)? != 0 {
                kept += 1;
                self.row(quarantined, &line)?;
                line.clear();
            }
        }
        self.retried.not_kept += quarantined.rejected.saturating_sub(kept);
        let mut regained = std::mem::take(&mut self.regained);
        let (mut rows, mut usage) = (Vec::new(), UsageTable::new(self.options.rows_max));
        self.meter.take_rows(&mut rows)?;
        usage.append(&mut rows)?;
        if regained.reasons.is_empty() {
            return Ok(None);
        }
        let (counts, total) = (&regained.counts, usage.total()?);
        invariant::totals_agree("bytes of retried lines", counts.bytes, total.bytes)?;
        invariant::totals_agree("retried lines", counts.metered, total.requests)?;
        regained.rows = usage.into_rows();
        Ok(Some(regained))
    }

    /// Reads one line again, and notes what became of it.
    fn row(&mut self, quarantined: &Quarantined, line: &[u8]) -> Result<(), IngestError> {
        let row: Option<Row<'_>> = serde_json::from_slice(line).ok();
        let outcome = match &row {
            Some(row) => self.judge(quarantined, row)?,
            None => Outcome::NotTried,
        };
        match outcome {
            Outcome::Regained => return Ok(()),
            Outcome::Rejected => self.retried.rejected += 1,
            Outcome::NotTried => self.retried.not_tried += 1,
            Outcome::NotKept => self.retried.not_kept += 1,
        }
        self.regained.left.extend_from_slice(line);
        Ok(())
    }

    fn judge(&mut self, quarantined: &Quarantined, row: &Row<'_>) -> Result<Outcome, IngestError> {
        if row.reason == Reject::TooLong.name() {
            return Ok(Outcome::NotKept);
        }
        let layout = layout_of(quarantined, row, self.options.layout.as_ref());
        let (Some(mut layout), Some(text)) = (layout, text_of(row)) else {
            return Ok(Outcome::NotTried);
        };
        let counts = &mut self.regained.counts;
        let (meter, clock) = (&mut self.meter, &mut self.clock);
        let mut outcome = Ok(Outcome::NotTried);
        scan(&mut layout, &text, clock, |judged| {
            outcome = match judged.fate {
                // Of a line that was kept with it: it was counted with the line, as one.
                Fate::Skipped(Skip::Hole) => return,
                Fate::Metered(record) => match meter.add(&record) {
                    Ok(()) => counts.meter(&record).map(|()| Outcome::Regained),
                    Err(_) => Ok(Outcome::Rejected),
                },
                Fate::Skipped(skip) => {
                    counts.skip(skip);
                    Ok(Outcome::Regained)
                }
                Fate::Rejected(_) => Ok(Outcome::Rejected),
            };
        });
        let outcome = outcome?;
        if let Outcome::Regained = outcome {
            self.note(row);
        }
        Ok(outcome)
    }

    /// Notes what a line that is rejected no more was counted as.
    fn note(&mut self, row: &Row<'_>) {
        let regained = &mut self.regained;
        *regained.reasons.entry(row.reason.clone()).or_default() += 1;
        match row.bytes_at_most {
            Some(bytes) => regained.bytes_at_most += u128::from(bytes),
            None => regained.unread += 1,
        }
    }
}

/// What a line is to be read by: as it was, or by the format that was `named` if that is the content's.
///
/// `None` also where the content's other lines are known to have been metered by another field: its
/// bytes would be of two kinds.
fn layout_of(quarantined: &Quarantined, row: &Row<'_>, named: Option<&Layout>) -> Option<Layout> {
    let format = quarantined.format.as_deref();
    let layout = match named {
        Some(named) if format.is_some_and(|format| format != named.name()) => None,
        Some(named) if !named.has_headers() => Some(named.clone()),
        _ => Layout::by_notation(format?, row.layout.as_deref()),
    };
    let is_alike = |layout: &Layout| {
        let (read, now) = (quarantined.bytes_in.as_deref(), layout.bytes_in().name());
        let is_unknown = |bytes_in| bytes_in == BytesIn::Unknown.name();
        read.is_none_or(|read| read == now || is_unknown(read) || is_unknown(now))
    };
    layout.filter(is_alike)
}

/// The line as it stood in its file.
fn text_of<'a>(row: &'a Row<'_>) -> Option<Cow<'a, [u8]>> {
    let Some(digits) = &row.raw_hex else {
        return Some(Cow::Borrowed(row.raw.as_bytes()));
    };
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let byte = |pair: &[u8; 2]| {
        let pair = std::str::from_utf8(pair).ok()?;
        u8::from_str_radix(pair, 16).ok()
    };
    pairs.iter().map(byte).collect()
}
