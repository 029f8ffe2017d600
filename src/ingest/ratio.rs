//! The part of a source's rows that may be rejected.

use std::str::FromStr;

use rust_decimal::Decimal;

/// A part of a source's rows, exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RejectRatio(Decimal);

impl RejectRatio {
    /// No row at all.
    pub const ZERO: RejectRatio = RejectRatio(Decimal::ZERO);

    /// Whether it is from 0 to 1.
    pub fn is_part_of_one(self) -> bool {
        !self.0.is_sign_negative() && self.0 <= Decimal::ONE
    }

    /// As a number.
    pub(super) fn number(self) -> Decimal {
        self.0
    }
}

impl FromStr for RejectRatio {
    type Err = rust_decimal::Error;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(RejectRatio)
    }
}
