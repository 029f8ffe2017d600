//! Peak and 95th percentile of 5-minute samples, by the convention of CDN bills.
//!
//! No provider states how 5 % of the samples is rounded, so the rule is printed with every
//! figure: N, the samples dropped, and the sample taken. Source: FEATURES §3.

use crate::units::{Bytes, SLOTS_PER_DAY};

/// The rule in words, for reports and file metadata.
pub const INDEX_RULE: &str = "samples = 288 x days with traffic (zero slots of those days count); \
     drop floor(samples x 5 %) highest, take the next";

/// How many of the samples 5 % are, where that is no whole number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropRule {
    /// Rounded down: nobody is given what no text gives.
    #[default]
    Floor,
    /// Rounded up.
    Ceil,
    /// The nearest.
    Nearest,
}

impl DropRule {
    /// Samples that are dropped.
    pub const fn of(self, samples: u32) -> u32 {
        match self {
            DropRule::Floor => samples / 20,
            DropRule::Ceil => samples.div_ceil(20),
            DropRule::Nearest => (samples + 10) / 20,
        }
    }
}

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
        Percentile::dropping(busy, effective_days, DropRule::Floor)
    }

    /// The same, with another way to round what is dropped.
    pub fn dropping(busy: &mut [u64], effective_days: u32, drop: DropRule) -> Self {
        let samples = effective_days * SLOTS_PER_DAY;
        let dropped = drop.of(samples);
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
        for (days, floor, ceil, nearest) in [
            (28, 7661, 7660, 7661),
            (29, 7935, 7934, 7934),
            (30, 8208, 8208, 8208),
            (31, 8482, 8481, 8482),
            (14, 3831, 3830, 3830),
        ] {
            let mut busy: Vec<u64> = (1..=u64::from(days * SLOTS_PER_DAY)).collect();
            for (drop, rank) in [
                (DropRule::Floor, floor),
                (DropRule::Ceil, ceil),
                (DropRule::Nearest, nearest),
            ] {
                assert_eq!(
                    Percentile::dropping(&mut busy, days, drop).slot_bytes,
                    Bytes::new(rank),
                    "{days} days, {drop:?}"
                );
            }
            let default = Percentile::dropping(&mut busy, days, DropRule::default());
            assert_eq!(Percentile::of(&mut busy, days), default);
        }
    }

    #[test]
    fn a_domain_with_few_busy_slots_has_a_percentile_of_zero() {
        assert_eq!(Percentile::of(&mut [7; 14], 1).slot_bytes, Bytes::ZERO);
        assert_eq!(Percentile::of(&mut [7; 15], 1).slot_bytes, Bytes::new(7));
        assert_eq!(Percentile::of(&mut [], 0), Percentile::default());
    }
}
