//! Usage: what is counted of a domain, narrow while it is collected and wide when it is summed.

use crate::record::Record;
use crate::units::{Bytes, Region, Slot};

use super::domains::DomainId;

/// A region and a slot in one number, so that one comparison tells cells apart.
///
/// ```text
/// bit 31 ......... 24 | 23 ............ 0
///       region number |     slot number
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell(u32);

impl Cell {
    /// No cell: a region number that does not exist.
    pub(super) const NONE: Cell = Cell(u32::MAX);

    /// The cell of a region and a slot.
    #[inline(always)]
    pub fn new(region: Region, slot: Slot) -> Self {
        Cell(u32::from(region.index()) << Slot::BITS | slot.index())
    }

    /// The region.
    pub fn region(self) -> Region {
        Region::ALL[(self.0 >> Slot::BITS) as usize]
    }

    /// The slot's number.
    pub fn slot_index(self) -> u32 {
        self.0 & ((1 << Slot::BITS) - 1)
    }
}

/// What was counted in one cell, in the width that fits a cache line twice.
///
/// A tally that would overflow is closed and another is opened beside it; the wide sums of
/// [`Usage`] are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tally {
    /// Downstream bytes.
    pub bytes: u64,
    /// Those of responses with status 400 or above.
    pub error_bytes: u64,
    /// Region and slot.
    pub cell: Cell,
    /// Metered lines.
    pub requests: u32,
    /// Those with status 400 or above.
    pub error_requests: u32,
    /// Those metered in doubt.
    pub doubtful_requests: u32,
}

impl Tally {
    /// Nothing counted, in `cell`.
    #[inline(always)]
    pub(super) fn empty(cell: Cell) -> Self {
        Tally {
            bytes: 0,
            error_bytes: 0,
            cell,
            requests: 0,
            error_requests: 0,
            doubtful_requests: 0,
        }
    }

    /// Counts one record; `false` if the tally is too full for it, and then nothing is counted.
    #[inline(always)]
    #[must_use]
    pub(super) fn count(&mut self, record: &Record<'_>) -> bool {
        let bytes = record.bytes.as_u64();
        let (Some(sum), Some(requests)) =
            (self.bytes.checked_add(bytes), self.requests.checked_add(1))
        else {
            return false;
        };
        self.bytes = sum;
        self.requests = requests;
        // Errors and doubts are parts of what was just added, so they cannot overflow before it.
        let is_error = record.is_error();
        self.error_bytes += if is_error { bytes } else { 0 };
        self.error_requests += u32::from(is_error);
        self.doubtful_requests += u32::from(record.doubt.is_some());
        true
    }

    /// Adds a tally of the same cell; `false` if the sum does not fit, and then nothing is added.
    #[must_use]
    fn absorb(&mut self, other: &Tally) -> bool {
        debug_assert_eq!(self.cell, other.cell);
        let (Some(bytes), Some(requests)) = (
            self.bytes.checked_add(other.bytes),
            self.requests.checked_add(other.requests),
        ) else {
            return false;
        };
        self.bytes = bytes;
        self.requests = requests;
        self.error_bytes += other.error_bytes;
        self.error_requests += other.error_requests;
        self.doubtful_requests += other.doubtful_requests;
        true
    }
}

/// A tally of one domain. The same (domain, cell) may stand in several rows: they add up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UsageRow {
    /// What was counted.
    pub tally: Tally,
    /// Whose it is.
    pub domain: DomainId,
}

impl UsageRow {
    /// Domain and cell in one number: the order in which rows are sorted and merged.
    #[inline(always)]
    pub fn key(&self) -> u64 {
        u64::from(self.domain.index()) << 32 | u64::from(self.tally.cell.0)
    }

    /// Adds `other` if it is of the same key and the sum fits in one row.
    #[must_use]
    pub fn try_absorb(&mut self, other: &UsageRow) -> bool {
        self.key() == other.key() && self.tally.absorb(&other.tally)
    }
}

/// A sum did not fit in 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a sum of bytes or requests is over 2^64 - 1; no usage was published")]
pub struct Overflow;

/// Wide sums of usage.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Downstream bytes.
    pub bytes: Bytes,
    /// Metered lines.
    pub requests: u64,
    /// Bytes of responses with status 400 or above.
    pub error_bytes: Bytes,
    /// Metered lines with status 400 or above.
    pub error_requests: u64,
    /// Lines metered in doubt.
    pub doubtful_requests: u64,
}

impl Usage {
    /// Adds a tally.
    ///
    /// Errors: [`Overflow`].
    pub fn add_tally(&mut self, tally: &Tally) -> Result<(), Overflow> {
        self.add(&Usage {
            bytes: Bytes::new(tally.bytes),
            requests: u64::from(tally.requests),
            error_bytes: Bytes::new(tally.error_bytes),
            error_requests: u64::from(tally.error_requests),
            doubtful_requests: u64::from(tally.doubtful_requests),
        })
    }

    /// Adds other usage.
    ///
    /// Errors: [`Overflow`].
    pub fn add(&mut self, other: &Usage) -> Result<(), Overflow> {
        let sum = |a: u64, b: u64| a.checked_add(b).ok_or(Overflow);
        *self = Usage {
            bytes: self.bytes.checked_add(other.bytes).ok_or(Overflow)?,
            requests: sum(self.requests, other.requests)?,
            error_bytes: self
                .error_bytes
                .checked_add(other.error_bytes)
                .ok_or(Overflow)?,
            error_requests: sum(self.error_requests, other.error_requests)?,
            doubtful_requests: sum(self.doubtful_requests, other.doubtful_requests)?,
        };
        Ok(())
    }
}
