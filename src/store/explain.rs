//! Explaining a figure: the contents that a domain's usage comes from, down to files and spans.

use std::collections::BTreeMap;
use std::ops::Range;

use rusqlite::params;

use super::error::StoreError;
use super::read::Snapshot;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger};
use crate::meter::Usage;
use crate::source::Digest;
use crate::units::Span;

/// One content's part in a figure.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Explained {
    /// The names that hold the content, or what grew from it.
    pub names: Vec<String>,
    /// Its own lines: decompressed bytes.
    pub span: Span,
    /// Lines in that span.
    pub lines: u64,
    /// Digest of the content up to the end of the span.
    pub digest: Digest,
    /// Its format, if there was a line to tell it from.
    pub format: Option<String>,
    /// When it was committed, RFC 3339 in UTC.
    pub committed_at: String,
    /// First and last slot of the rows, by number.
    pub slots: (u32, u32),
    /// What it adds to the figure.
    pub usage: Usage,
}

/// Where a domain's usage comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Explanation {
    /// By content, in the order in which they were committed.
    pub parts: Vec<Explained>,
    /// The sum of the parts.
    pub total: Usage,
}

impl Store {
    /// Where the usage of `domain` in `slots` comes from.
    ///
    /// Errors: [`StoreError`].
    pub fn explain(&self, domain: &str, slots: Range<u32>) -> Result<Explanation, StoreError> {
        self.steadily(|| self.explain_once(domain, slots.clone()))
    }

    fn explain_once(&self, domain: &str, slots: Range<u32>) -> Result<Explanation, StoreError> {
        let mut found: BTreeMap<i64, (Usage, (u32, u32))> = BTreeMap::new();
        let Snapshot { segments, live } = self.snapshot(&slots)?;
        let folder = self.root.join(SEGMENTS);
        let wanted = Wanted {
            slots,
            domain: Some(domain),
        };
        for segment in segments {
            scan_sound(&folder, &segment, &wanted, |row| {
                let Some(row) = row.filter(|row| live.contains(&row.content)) else {
                    return Ok(());
                };
                let slot = row.tally.cell.slot_index();
                let (usage, (first, last)) = found
                    .entry(row.content)
                    .or_insert((Usage::default(), (slot, slot)));
                (*first, *last) = ((*first).min(slot), (*last).max(slot));
                Ok(usage.add_tally(&row.tally)?)
            })?;
        }
        let mut explanation = Explanation::default();
        for (content, (usage, slots)) in found {
            explanation.total.add(&usage)?;
            explanation
                .parts
                .push(self.explained(content, usage, slots)?);
        }
        Ok(explanation)
    }

    /// Hands the names of the domains that have usage to `each`, some of them several times.
    ///
    /// Errors: [`StoreError`].
    pub fn each_domain(&self, mut each: impl FnMut(&str)) -> Result<(), StoreError> {
        self.steadily(|| {
            let slots = self.slots()?;
            let Snapshot { segments, live } = self.snapshot(&slots)?;
            let folder = self.root.join(SEGMENTS);
            let wanted = Wanted {
                slots,
                domain: None,
            };
            for segment in segments {
                let mut last = None;
                scan_sound(&folder, &segment, &wanted, |row| {
                    let row = row.filter(|row| live.contains(&row.content));
                    if let Some(row) = row.filter(|row| last != Some(row.domain_key)) {
                        last = Some(row.domain_key);
                        each(row.domain);
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
    }

    fn explained(
        &self,
        content: i64,
        usage: Usage,
        slots: (u32, u32),
    ) -> Result<Explained, StoreError> {
        let state = self.lock_state();
        let names = ledger::names_of(&state.ledger, content)?;
        let sql = "SELECT from_offset, length, lines, digest, format, at
            FROM content JOIN commits ON commits.id = content.commit_id WHERE content.id = ?1";
        let unsigned = |count: i64| count.cast_unsigned();
        let explained = state.ledger.query_row(sql, params![content], |row| {
            Ok(Explained {
                names,
                span: Span::new(unsigned(row.get(0)?), unsigned(row.get(1)?)),
                lines: unsigned(row.get(2)?),
                digest: Digest::from_bytes(row.get(3)?),
                format: row.get(4)?,
                committed_at: row.get(5)?,
                slots,
                usage,
            })
        })?;
        Ok(explained)
    }
}
