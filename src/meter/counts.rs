//! How many lines had which fate, and the bytes that go with them.

use super::usage::Overflow;
use crate::record::{Doubt, Record, Reject, Skip};
use crate::units::Bytes;
use crate::units::invariant::{self, Broken};

/// The fates of a number of lines.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines read; zeros in front of a line are one of their own ([`Skip::Hole`]).
    pub lines: u64,
    /// Lines metered.
    pub metered: u64,
    /// Lines skipped, by the number of [`Skip`].
    pub skipped: [u64; Skip::NAMES.len()],
    /// Lines rejected, by the number of [`Reject`].
    pub rejected: [u64; Reject::ALL.len()],
    /// Lines metered in doubt, by the number of [`Doubt`].
    pub doubts: [u64; Doubt::ALL.len()],
    /// Lines metered although they have no bytes field at all; they are among those in doubt.
    pub without_field: u64,
    /// Downstream bytes of the metered lines.
    pub bytes: Bytes,
    /// Bytes of skipped rows that went to no viewer. Wide enough for any number of lines …
    pub not_viewer_bytes: u128,
    /// Bytes of rejected lines whose bytes could be read: at most so much was not metered …
    /// … as this is, so that the sum does not depend on their order.
    pub rejected_bytes: u128,
    /// … besides what is on the rejected lines whose bytes could not be read.
    pub rejected_unread: u64,
}

/// The lines that are rows of a log, by fate: what tells whether its format fits. Blank lines, headers,
/// comments and lines of another logger are none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fates {
    /// Metered lines.
    pub metered: u64,
    /// Rejected lines.
    pub rejected: u64,
    /// Rows of requests that no viewer made.
    pub not_viewer: u64,
}

impl Fates {
    /// All of them.
    pub fn all(self) -> u64 {
        self.metered + self.rejected + self.not_viewer
    }

    /// These and others.
    pub fn with(self, other: Fates) -> Fates {
        Fates {
            metered: self.metered + other.metered,
            rejected: self.rejected + other.rejected,
            not_viewer: self.not_viewer + other.not_viewer,
        }
    }
}

impl Counts {
    /// The rows among the lines, by fate.
    pub fn fates(&self) -> Fates {
        Fates {
            metered: self.metered,
            rejected: self.rejected_total(),
            not_viewer: self.skipped[Skip::NotViewer(Bytes::ZERO).index()],
        }
    }

    /// Lines skipped in all.
    pub fn skipped_total(&self) -> u64 {
        self.skipped.iter().sum()
    }

    /// Lines rejected in all.
    pub fn rejected_total(&self) -> u64 {
        self.rejected.iter().sum()
    }

    /// Counts a metered line; `lines` is counted apart, so that `LINE-1` compares two counts.
    ///
    /// Errors: [`Overflow`] of the bytes.
    pub fn meter(&mut self, record: &Record<'_>) -> Result<(), Overflow> {
        self.metered += 1;
        self.bytes = self.bytes.checked_add(record.bytes).ok_or(Overflow)?;
        if let Some(doubt) = record.doubt {
            self.doubt(doubt);
        }
        Ok(())
    }

    /// Counts that a metered line is in doubt.
    #[inline(always)]
    pub fn doubt(&mut self, doubt: Doubt) {
        self.doubts[doubt.index()] += 1;
        self.without_field += u64::from(doubt == Doubt::NoBytesField);
    }

    /// Whether lines were metered, and none of them says how many bytes it sent.
    pub fn is_without_bytes(&self) -> bool {
        self.metered != 0 && self.doubts[Doubt::NoBytes.index()] == self.metered
    }

    /// Whether lines were metered, and no line has so much as a field for its bytes.
    ///
    /// A row of a request between machines that says its bytes shows that the file has the field.
    pub fn is_without_field(&self) -> bool {
        self.is_without_bytes() && self.without_field == self.metered && self.not_viewer_bytes == 0
    }

    /// Counts a skipped line.
    pub fn skip(&mut self, skip: Skip) {
        self.skipped[skip.index()] += 1;
        if let Skip::NotViewer(bytes) = skip {
            self.not_viewer_bytes += u128::from(bytes.as_u64());
        }
    }

    /// Counts a rejected line, with its bytes if they could be read.
    pub fn reject(&mut self, reason: Reject, bytes_at_most: Option<Bytes>) {
        self.rejected[reason as usize] += 1;
        match bytes_at_most {
            Some(bytes) => self.rejected_bytes += u128::from(bytes.as_u64()),
            None => self.rejected_unread += 1,
        }
    }

    /// Adds other counts.
    ///
    /// Errors: [`Overflow`] of the bytes.
    pub fn add(&mut self, other: &Counts) -> Result<(), Overflow> {
        self.lines += other.lines;
        self.metered += other.metered;
        let sum = |sums: &mut [u64], others: &[u64]| {
            sums.iter_mut()
                .zip(others)
                .for_each(|(sum, other)| *sum += other);
        };
        sum(&mut self.skipped, &other.skipped);
        sum(&mut self.rejected, &other.rejected);
        sum(&mut self.doubts, &other.doubts);
        self.without_field += other.without_field;
        self.bytes = self.bytes.checked_add(other.bytes).ok_or(Overflow)?;
        self.not_viewer_bytes += other.not_viewer_bytes;
        self.rejected_unread += other.rejected_unread;
        self.rejected_bytes += other.rejected_bytes;
        Ok(())
    }

    /// Whether ledger and datasets can hold its sums: both kinds of bytes are at most
    /// [`Bytes::SUM_MAX`].
    pub fn is_within_limit(&self) -> bool {
        let max = Bytes::SUM_MAX;
        self.bytes <= max && self.not_viewer_bytes <= u128::from(max.as_u64())
    }

    /// Holds `LINE-1`.
    ///
    /// Errors: [`Broken`].
    pub fn reconcile(&self) -> Result<(), Broken> {
        invariant::lines_reconcile(
            self.lines,
            self.metered,
            self.skipped_total(),
            self.rejected_total(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bound_is_the_same_however_rejects_are_shared_out() {
        let most = Some(Bytes::new(u64::MAX));
        let mut together = Counts::default();
        together.reject(Reject::Time, most);
        together.reject(Reject::Time, most);
        let (mut first, mut second) = (Counts::default(), Counts::default());
        first.reject(Reject::Time, most);
        second.reject(Reject::Time, most);
        assert_eq!(first.add(&second), Ok(()));
        assert_eq!(first, together);
        assert_eq!(together.rejected_bytes, 2 * u128::from(u64::MAX));
    }
}
