//! Peak and 95th percentile of 5-minute samples, by the convention of CDN bills.
//!
//! No provider states how 5 % of the samples is rounded, so the rule is printed with every
//! figure: N, the samples dropped, and the sample taken. Source: FEATURES §3.

use crate::units::{Bytes, SLOTS_PER_DAY};

/// The rule in words, for reports and file metadata.
pub const INDEX_RULE: &str = "samples = 288 x days with traffic (zero slots of those days count); \
     drop floor(samples x 5 %) highest, take the next";

/// A 95th percentile with what it was taken from.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Percentile {
    /// Bytes of the sample that is taken.
    pub slot_bytes: Bytes,
    /// Samples in all.
    pub samples: u32,
    /// Highest samples dropped.
    pub dropped: u32,
}

impl Percentile {
    /// The 95th percentile of the slots whose bytes are `busy`, zero slots left out, on
    /// `effective_days` days with traffic. `busy` is reordered.
    pub fn of(busy: &mut [u64], effective_days: u32) -> Self {
        let samples = effective_days * SLOTS_PER_DAY;
        let dropped = samples / 20;
        let slot_bytes = match (dropped as usize) < busy.len() {
            // The sample behind the dropped ones, counted from the highest.
            true => {
                *busy
                    .select_nth_unstable_by(dropped as usize, |a, b| b.cmp(a))
                    .1
            }
            false => 0,
        };
        Percentile {
            slot_bytes: Bytes::new(slot_bytes),
            samples,
            dropped,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worked_example_of_one_effective_day() {
        // June, one effective day: 15 slots of 500, 74 of 100, 199 of zero; 14 are dropped.
        let mut busy: Vec<u64> = [vec![100; 74], vec![500; 15]].concat();
        let percentile = Percentile::of(&mut busy, 1);
        assert_eq!((percentile.samples, percentile.dropped), (288, 14));
        assert_eq!(percentile.slot_bytes, Bytes::new(500));
    }

    #[test]
    fn the_ranks_of_whole_months() {
        // Table of FEATURES §3: rank counted from below is N - dropped.
        for (days, rank) in [(28, 7661), (29, 7935), (30, 8208), (31, 8482), (14, 3831)] {
            let mut busy: Vec<u64> = (1..=u64::from(days * SLOTS_PER_DAY)).collect();
            assert_eq!(
                Percentile::of(&mut busy, days).slot_bytes,
                Bytes::new(rank),
                "{days} days"
            );
        }
    }

    #[test]
    fn a_domain_with_few_busy_slots_has_a_percentile_of_zero() {
        assert_eq!(Percentile::of(&mut [7; 14], 1).slot_bytes, Bytes::ZERO);
        assert_eq!(Percentile::of(&mut [7; 15], 1).slot_bytes, Bytes::new(7));
        assert_eq!(Percentile::of(&mut [], 0), Percentile::default());
    }
}
