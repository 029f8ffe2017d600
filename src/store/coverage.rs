//! Of which time a store has logs: from when until when each content that counts goes on, and of whom it tells.
//!
//! A log is one record from its first line to its last: where it is silent, nothing was sent. So a
//! content speaks for all the time from its first slot to its last, those of what it grew from
//! included, and logs are cut by the hour where they are delivered (R61), so for the whole of the
//! hours at both ends, but for no time after it was counted; one that was salvaged lost its end, and
//! speaks for no more than what it holds. Between two contents nothing is known: a file may be missing,
//! or there was none to write.
//!
//! A log of one domain tells of that one alone, as CDNs deliver them. One of several domains is that of a
//! server: if it has lines of one that is asked for, it tells of all of them of which anything is heard, and
//! of none otherwise. Of a domain without a line no log tells: its own may be missing.
//!
//! A rejected line has no time. It lies in the hours of its log as it was delivered; in a log that grew, it
//! lies somewhere between the line before what was added and the instant at which that was counted. So a
//! known gap is a log that was counted once, never grew, and has rejected lines hours away from all that
//! were metered.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::ops::Range;

use super::change::SALVAGED;
use super::error::StoreError;
use super::ledger::SegmentFile;
use super::read::Rejected;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger, limit};
use crate::record::{BytesIn, LineFormat as _, Template};
use crate::units::SLOT_SECS;

/// Slots of an hour, by which logs are delivered.
const SLOTS_PER_HOUR: u32 = 3_600 / SLOT_SECS;
/// How far beyond the slots that are asked for contents are looked at: 31 days. A log that is silent for longer
/// says nothing.
const BEYOND_SLOTS: u32 = 31 * 24 * SLOTS_PER_HOUR;

/// The time of which one content tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Covered {
    /// Slots, by number, in whole hours; empty where it has no metered line.
    pub slots: Range<u32>,
    /// Of which of the domains that were asked for.
    pub tells: Tells,
    /// Slots in which its own lines may be, whatever became of them.
    pub lines: Range<u32>,
    /// Its own rejected lines, whosever they are.
    pub rejected: Rejected,
    /// Its own metered lines that may have sent any number of bytes: those that do not say how many, or say
    /// none with headers and some without. In a format of templates `-` is none, as Apache writes it of a
    /// body, where any line of the same log has a number.
    pub without_bytes: u64,
    /// Its own metered lines that do not say whether a viewer asked.
    pub without_mark: u64,
    /// Whether its archive is damaged and nothing has confirmed yet what could be read of it.
    pub is_salvaged: bool,
}

/// Of which of the domains that were asked for a content tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tells {
    /// Of none of them.
    #[default]
    OfNone,
    /// Of this one.
    OfOne(String),
    /// Of all of which anything is heard.
    OfAll,
}

/// What contents tell of some time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Coverage {
    /// Of which time each content tells.
    pub contents: Vec<Covered>,
    /// The domains that were asked for and have lines.
    pub heard: BTreeSet<String>,
}

/// What the ledger notes of a content.
struct Noted {
    id: i64,
    parent: Option<i64>,
    /// Of all of it, in bytes: more than that of its parent.
    length: i64,
    metered: u64,
    /// When it was counted, in seconds since the epoch.
    counted_at: i64,
    is_salvaged: bool,
    /// Whether it grew from another, or another from it.
    is_of_growing: bool,
    rejected: Rejected,
    /// Its own metered lines that do not say how many bytes they sent.
    without_bytes: u64,
    /// Those that do not say whether a viewer asked.
    without_mark: u64,
    /// Those that say none with headers, and some without.
    without_total: u64,
    /// Whether `-` may be no byte.
    has_dash_for_none: bool,
    /// Whether something grew from it, so that another file begins with it, byte for byte.
    is_confirmed: bool,
}

/// What the rows of a content say.
#[derive(Clone)]
struct Heard {
    first: u32,
    last: u32,
    /// The first of its domains.
    domain: String,
    is_several: bool,
    /// Whether one of its domains was asked for.
    is_meant: bool,
}

impl Heard {
    /// The same of two of which one grew from the other.
    fn with(mut self, other: &Heard) -> Self {
        (self.first, self.last) = (self.first.min(other.first), self.last.max(other.last));
        self.is_several |= other.is_several || self.domain != other.domain;
        self.is_meant |= other.is_meant;
        self
    }

    fn tells(self) -> Tells {
        match self {
            Heard {
                is_meant: false, ..
            } => Tells::OfNone,
            Heard {
                is_several: true, ..
            } => Tells::OfAll,
            Heard { domain, .. } => Tells::OfOne(domain),
        }
    }
}

impl Store {
    /// Of which time the contents that count tell, those that may tell of `slots`; `is_meant` names the
    /// domains that are asked for.
    ///
    /// Errors: [`StoreError`].
    pub fn coverage(
        &self,
        slots: Range<u32>,
        is_meant: impl Fn(&str) -> bool,
    ) -> Result<Coverage, StoreError> {
        self.steadily(|| self.coverage_once(&slots, &is_meant))
    }

    fn coverage_once(
        &self,
        slots: &Range<u32>,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<Coverage, StoreError> {
        let beyond =
            slots.start.saturating_sub(BEYOND_SLOTS)..slots.end.saturating_add(BEYOND_SLOTS);
        let (segments, mut noted) = {
            let state = self.lock_state();
            let published = limit::published(&state.ledger)?;
            let mut noted = noted(&state.ledger)?;
            noted.retain(|content| published.contains(&content.id));
            (ledger::segments_in(&state.ledger, &beyond)?, noted)
        };
        // What a content grew from comes first. Its number may be higher, where it was counted anew.
        noted.sort_unstable_by_key(|content| (content.length, content.id));
        say_what_is_none(&mut noted);
        let (mut heard, domains) = self.heard(&segments, beyond, is_meant)?;
        let mut covered = Vec::new();
        for content in noted {
            let before = content
                .parent
                .and_then(|parent| heard.get(&parent))
                .cloned();
            let own = heard.remove(&content.id);
            if own.is_none() && content.metered != 0 {
                // All that it has to tell is of another time.
                continue;
            }
            let lines = lines(&content, own.as_ref(), before.as_ref());
            let whole = match (own, before) {
                (Some(own), Some(before)) => Some(own.with(&before)),
                (own, before) => own.or(before),
            };
            if let Some(whole) = &whole {
                heard.insert(content.id, whole.clone());
            }
            covered.push(of_content(content, whole, lines));
        }
        Ok(Coverage {
            contents: covered,
            heard: domains,
        })
    }

    /// What the rows of contents in `slots` tell, and the domains of them that are asked for.
    fn heard(
        &self,
        segments: &[SegmentFile],
        slots: Range<u32>,
        is_meant: &dyn Fn(&str) -> bool,
    ) -> Result<(HashMap<i64, Heard>, BTreeSet<String>), StoreError> {
        let wanted = Wanted {
            slots,
            domain: None,
        };
        let mut heard: HashMap<i64, Heard> = HashMap::new();
        let mut domains = BTreeSet::new();
        for segment in segments {
            let mut meant: BTreeMap<usize, bool> = BTreeMap::new();
            scan_sound(&self.root.join(SEGMENTS), segment, &wanted, |row| {
                let Some(row) = row else {
                    meant.clear();
                    return Ok(());
                };
                let is_meant = *meant.entry(row.domain_key).or_insert_with(|| {
                    let is_meant = is_meant(row.domain);
                    if is_meant {
                        domains.insert(row.domain.to_owned());
                    }
                    is_meant
                });
                let slot = row.tally.cell.slot_index();
                let of = heard.entry(row.content).or_insert_with(|| Heard {
                    first: slot,
                    last: slot,
                    domain: row.domain.to_owned(),
                    is_several: false,
                    is_meant,
                });
                (of.first, of.last) = (of.first.min(slot), of.last.max(slot));
                of.is_several |= of.domain != row.domain;
                of.is_meant |= is_meant;
                Ok(())
            })?;
        }
        Ok((heard, domains))
    }
}

/// Takes lines of templates for such without a byte where any line of the same log has a number; `noted`
/// are in the order in which they grew.
fn say_what_is_none(noted: &mut [Noted]) {
    let mut root_of: HashMap<i64, i64> = HashMap::new();
    let mut have_number: HashSet<i64> = HashSet::new();
    for content in &*noted {
        let of_parent = content.parent.and_then(|parent| root_of.get(&parent));
        let root = of_parent.copied().unwrap_or(content.id);
        root_of.insert(content.id, root);
        if content.without_bytes < content.metered {
            have_number.insert(root);
        }
    }
    for content in noted.iter_mut().filter(|content| content.has_dash_for_none) {
        if have_number.contains(&root_of[&content.id]) {
            content.without_bytes = 0;
        }
    }
}

fn of_content(content: Noted, whole: Option<Heard>, lines: Range<u32>) -> Covered {
    let slots = match &whole {
        Some(heard) if content.metered != 0 => {
            let end = match content.is_salvaged {
                true => heard.last,
                false => hour_end(heard.last)
                    .min(content.counted_in())
                    .max(heard.last),
            };
            hour_start(heard.first)..end
        }
        _ => 0..0,
    };
    Covered {
        slots,
        lines,
        tells: whole.map_or(Tells::OfNone, Heard::tells),
        rejected: content.rejected,
        without_bytes: content.without_bytes.saturating_add(content.without_total),
        without_mark: content.without_mark,
        is_salvaged: content.is_salvaged && !content.is_confirmed,
    }
}

/// The slots in which the own lines of a content may be: `own` are those of its metered ones, `before` those of
/// what it grew from.
fn lines(content: &Noted, own: Option<&Heard>, before: Option<&Heard>) -> Range<u32> {
    let start = match (own, before) {
        (_, Some(before)) => before.last,
        (Some(own), None) => hour_start(own.first),
        (None, None) => 0,
    };
    let delivered = own.map(|own| hour_end(own.last));
    let end = match delivered {
        Some(end) if !content.is_of_growing => end,
        // Nobody logs what is yet to come.
        _ => content.counted_in() + 1,
    };
    // A clock that is behind its logs does not hide them.
    start..end.max(delivered.unwrap_or(start + 1))
}

fn hour_start(slot: u32) -> u32 {
    slot - slot % SLOTS_PER_HOUR
}

/// The first slot behind the hour of `slot`.
fn hour_end(slot: u32) -> u32 {
    (slot + 1).next_multiple_of(SLOTS_PER_HOUR)
}

impl Noted {
    /// The slot in which it was counted.
    fn counted_in(&self) -> u32 {
        let slot = self.counted_at / i64::from(SLOT_SECS);
        u32::try_from(slot).unwrap_or(u32::MAX - 1)
    }
}

fn noted(ledger: &rusqlite::Connection) -> Result<Vec<Noted>, StoreError> {
    let sql = "SELECT content.id, parent, metered, rejected, counts ->> 'rejected_bytes_at_most',
            counts ->> 'rejected_unread_lines',
            coalesce(counts -> 'doubts' ->> 'no-bytes', 0),
            content.id IN (SELECT content FROM history WHERE change = ?1 AND content IS NOT NULL),
            unixepoch(at),
            parent IS NOT NULL OR content.id IN (SELECT parent FROM content WHERE parent IS NOT NULL),
            length, format IS ?2 AND bytes_in IS NOT ?3,
            coalesce(counts -> 'doubts' ->> 'no-total', 0),
            content.id IN (SELECT parent FROM content WHERE dropped_by IS NULL AND parent IS NOT NULL),
            coalesce(counts -> 'doubts' ->> 'no-viewer-mark', 0)
        FROM content JOIN commits ON commits.id = content.commit_id WHERE dropped_by IS NULL";
    let mut statement = ledger.prepare(sql)?;
    let mut rows = statement.query(rusqlite::params![
        SALVAGED,
        Template::NAME,
        BytesIn::Total.name()
    ])?;
    let mut all = Vec::new();
    while let Some(row) = rows.next()? {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let (id, metered) = (row.get(0)?, count(2)?);
        let bytes: String = row.get(4)?;
        let bytes_at_most = bytes.parse().map_err(|_| StoreError::Counts {
            content: id,
            problem: "say no number of rejected bytes",
        })?;
        all.push(Noted {
            id,
            parent: row.get(1)?,
            metered,
            rejected: Rejected {
                lines: count(3)?,
                bytes_at_most,
                unread_lines: count(5)?,
            },
            without_bytes: count(6)?,
            is_salvaged: row.get(7)?,
            counted_at: row.get(8)?,
            is_of_growing: row.get(9)?,
            length: row.get(10)?,
            has_dash_for_none: row.get(11)?,
            without_total: count(12)?,
            is_confirmed: row.get(13)?,
            without_mark: count(14)?,
        });
    }
    Ok(all)
}
