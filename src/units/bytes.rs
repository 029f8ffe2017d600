//! Byte counts and what is derived from them exactly: gigabytes, megabits per second, factors.

use std::fmt;

use rust_decimal::Decimal;

use super::time::SLOT_SECS;

/// A number of bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// No bytes.
    pub const ZERO: Bytes = Bytes(0);
    /// The most that one log line may say: 1 PiB, a day at 100 Gbit/s. No response is as long, so a
    /// line that says more says nothing.
    pub const LINE_MAX: Bytes = Bytes(1 << 50);
    /// The most that a store counts and a run publishes in all: what the signed 64-bit integers of
    /// ledger, segments and datasets hold.
    pub const SUM_MAX: Bytes = Bytes(i64::MAX as u64);

    /// A count of `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Bytes(bytes)
    }

    /// The count.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The sum, or `None` where it does not fit in 64 bits.
    #[must_use]
    pub fn checked_add(self, other: Bytes) -> Option<Bytes> {
        self.0.checked_add(other.0).map(Bytes)
    }

    /// The same amount in gigabytes of 10⁹ bytes, exact.
    pub fn to_gigabytes(self) -> Gigabytes {
        Gigabytes(Decimal::from_i128_with_scale(
            i128::from(self.0),
            Gigabytes::SCALE,
        ))
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} B", self.0)
    }
}

/// A number of gigabytes (10⁹ bytes), exact to the byte.
///
/// Source: rule R12 (units are decimal: 1 TB = 1000 GB).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Gigabytes(Decimal);

impl Gigabytes {
    /// Decimal places that hold one byte.
    pub const SCALE: u32 = 9;

    /// The quantity, with scale 9.
    pub fn as_decimal(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Gigabytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.9}", self.0)
    }
}

/// A bandwidth averaged over one slot, in decimal megabits per second.
///
/// Rounded half up at scale 9, because bytes × 8 / 300 s / 10⁶ has a factor of three in its
/// divisor. What is billed from bandwidth starts from the slot's bytes, never from this number.
/// Source: rule R65.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mbps(Decimal);

impl Mbps {
    /// Decimal places kept.
    pub const SCALE: u32 = 9;

    /// The average bandwidth of a slot in which `bytes` were sent.
    pub fn from_slot_bytes(bytes: Bytes) -> Self {
        const PICOS_PER_BYTE_NUMERATOR: i128 = 8 * 1_000; // × 10⁹ (scale) / 10⁶ (mega)
        let seconds = i128::from(SLOT_SECS);
        let scaled = i128::from(bytes.as_u64()) * PICOS_PER_BYTE_NUMERATOR;
        let rounded = (scaled + seconds / 2) / seconds;
        Mbps(Decimal::from_i128_with_scale(rounded, Mbps::SCALE))
    }

    /// The quantity, with scale 9.
    pub fn as_decimal(self) -> Decimal {
        self.0
    }
}

impl fmt::Display for Mbps {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.3}", self.0)
    }
}

/// A multiplier that the operator states: a log-to-bill factor (R60) or a sampling factor.
///
/// Shape: more than 0, at most 10,000, at most four decimal places, so that bytes × two factors
/// stays exact at scale 17.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Factor(u32);

impl Factor {
    /// The factor that changes nothing.
    pub const ONE: Factor = Factor(10_000);
    /// Decimal places that a factor may have.
    pub const SCALE: u32 = 4;

    /// The factor.
    pub fn as_decimal(self) -> Decimal {
        Decimal::from_i128_with_scale(i128::from(self.0), Factor::SCALE)
    }

    /// The factor times 10⁴, a whole number.
    pub fn scaled(self) -> u32 {
        self.0
    }
}

/// Why a text is not a [`Factor`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a factor is a number over 0 and up to 10000 with at most 4 decimals, such as 1.10")]
pub struct FactorError;

impl std::str::FromStr for Factor {
    type Err = FactorError;

    fn from_str(text: &str) -> Result<Self, FactorError> {
        let number = Decimal::from_str_exact(text).map_err(|_| FactorError)?;
        let scaled = number
            .checked_mul(Decimal::from(10_000))
            .ok_or(FactorError)?;
        if !scaled.fract().is_zero() {
            return Err(FactorError);
        }
        let scaled = u32::try_from(scaled.trunc()).map_err(|_| FactorError)?;
        match scaled {
            1..=100_000_000 => Ok(Factor(scaled)),
            _ => Err(FactorError),
        }
    }
}

impl fmt::Display for Factor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.as_decimal().normalize())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_gigabyte_is_a_thousand_million_bytes_to_the_byte() {
        assert_eq!(Bytes::new(1).to_gigabytes().to_string(), "0.000000001");
        assert_eq!(
            Bytes::new(1_000_000_000).to_gigabytes().to_string(),
            "1.000000000"
        );
        assert_eq!(
            Bytes::new(20_001_000_001).to_gigabytes().to_string(),
            "20.001000001"
        );
        assert_eq!(
            Bytes::new(1 << 40).to_gigabytes().to_string(),
            "1099.511627776"
        );
        assert_eq!(
            Bytes::new(u64::MAX).to_gigabytes().to_string(),
            "18446744073.709551615"
        );
    }

    #[test]
    fn thirty_megabytes_in_a_slot_are_800_kilobits_per_second() {
        assert_eq!(
            Mbps::from_slot_bytes(Bytes::new(30_000_000)).to_string(),
            "0.800"
        );
        let third = Mbps::from_slot_bytes(Bytes::new(1)).as_decimal();
        assert_eq!(
            third.to_string(),
            "0.000000027",
            "1 B is 26.67 nano-Mbps, rounded half up"
        );
    }

    #[test]
    fn factors_are_exact_or_refused() {
        assert_eq!("1.10".parse::<Factor>().map(|f| f.scaled()), Ok(11_000));
        assert_eq!(
            "1.1".parse::<Factor>().map(|f| f.to_string()),
            Ok("1.1".into())
        );
        for bad in ["0", "-1", "1.00001", "10001", "", "x", "1e3"] {
            assert_eq!(bad.parse::<Factor>(), Err(FactorError), "{bad}");
        }
    }
}
