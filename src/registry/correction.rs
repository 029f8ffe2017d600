//! Entries that were wrong: how a domain that a closed month took for a mini-program domain is mended.
//!
//! A mini-program domain stays one (R22), and its fees do not come back (R26). What may be wrong is the
//! registry: a month closed by a wrong entry needs a way out that nobody takes by accident, and that stays
//! in sight. So besides mending the entry itself, a `[[correction]]` says what it said, when that was found
//! and why, and it stays in the registry for good. It speaks of months from the wrong date on that were
//! closed up to its day, and of none that was closed later. What a close kept of its registry has to have the
//! date that the correction calls wrong; and nothing is said twice.

use super::entry::{Added, Pattern};
use crate::units::Month;

/// A correction as it is read.
#[derive(Clone, Debug)]
pub(super) struct Correction {
    /// Which names it speaks of.
    pub(super) pattern: Pattern,
    /// What the entry said.
    pub(super) wrong: Added,
    /// The day on which it was found, since 1970-01-01.
    pub(super) on: i32,
    pub(super) reason: String,
}

/// An entry that was wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mended<'a> {
    /// The day from which on it made the domain a mini-program domain, since 1970-01-01.
    pub wrong_since: i32,
    /// The day on which that was found, since 1970-01-01.
    pub on: i32,
    /// Why it was wrong.
    pub reason: &'a str,
}

impl Correction {
    /// Whether it speaks of a domain in a month.
    pub(super) fn speaks_of(&self, domain: &str, month: Month) -> bool {
        self.pattern.covers(domain) && self.wrong.month <= month
    }

    /// Whether both say of the same entry that it was found wrong on the same day.
    pub(super) fn is_again(&self, other: &Correction) -> bool {
        (&self.pattern, self.wrong.day, self.on) == (&other.pattern, other.wrong.day, other.on)
    }

    pub(super) fn mended(&self) -> Mended<'_> {
        Mended {
            wrong_since: self.wrong.day,
            on: self.on,
            reason: &self.reason,
        }
    }

    /// Everything that it says, in one line that no entry gives: names hold no `!`.
    pub(super) fn canonical(&self) -> String {
        let Correction {
            pattern,
            wrong,
            on,
            reason,
        } = self;
        format!("!\t{pattern}\t{}\t{on}\t{reason}", wrong.unix_secs)
    }
}
