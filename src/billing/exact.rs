//! Exact arithmetic of money, and the only place where money is rounded.
//!
//! The decimal crate's own operators round without a word where 28 digits are not enough; what is
//! billed has to be exact or refused, so products and sums are checked here.

use rust_decimal::Decimal;

/// Places of an amount on the detail of a bill (R30).
pub const DETAIL_PLACES: u32 = 8;
/// Places of a quantity as it is written.
pub const QUANTITY_PLACES: u32 = 18;
/// Places of what is paid (R30).
pub const PAYABLE_PLACES: u32 = 2;

/// A number is too large to be kept exactly.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a price, quantity or amount has more than 28 digits; it cannot be billed exactly")]
pub struct Inexact;

/// `a` × `b`, to the last digit.
///
/// Errors: [`Inexact`].
pub fn product(a: Decimal, b: Decimal) -> Result<Decimal, Inexact> {
    let (a, b) = (a.normalize(), b.normalize());
    let mantissa = a.mantissa().checked_mul(b.mantissa()).ok_or(Inexact)?;
    decimal(mantissa, a.scale() + b.scale())
}

/// `a` × `b`, or a little more where that has too many digits: for bounds, which need not be exact.
///
/// Errors: [`Inexact`], where even its whole part has too many digits.
pub fn product_up(a: Decimal, b: Decimal) -> Result<Decimal, Inexact> {
    product(a, b).or_else(|Inexact| {
        // The crate rounds to the nearest: one more of the last place is not less.
        let near = a.checked_mul(b).ok_or(Inexact)?;
        let last_place = Decimal::new(1, near.scale());
        near.checked_add(last_place).ok_or(Inexact)
    })
}

/// `a` + `b`, to the last digit.
///
/// Errors: [`Inexact`].
pub fn sum(a: Decimal, b: Decimal) -> Result<Decimal, Inexact> {
    let (a, b) = (a.normalize(), b.normalize());
    let scale = a.scale().max(b.scale());
    let mantissa = aligned(a, scale)?.checked_add(aligned(b, scale)?);
    decimal(mantissa.ok_or(Inexact)?, scale)
}

/// `number` as a whole number of units of 10^-`scale`; it has no more places.
fn aligned(number: Decimal, scale: u32) -> Result<i128, Inexact> {
    let factor = power_of_ten(scale - number.scale())?;
    number.mantissa().checked_mul(factor).ok_or(Inexact)
}

/// How often `b`, which is more than 0, goes into `a`, which is not negative.
///
/// Errors: [`Inexact`].
pub fn quotient(a: Decimal, b: Decimal) -> Result<i128, Inexact> {
    let (a, b) = (a.normalize(), b.normalize());
    let scale = a.scale().max(b.scale());
    let (a, b) = (aligned(a, scale)?, aligned(b, scale)?);
    a.checked_div(b).ok_or(Inexact)
}

/// The sum of all, to the last digit.
///
/// Errors: [`Inexact`].
pub fn total(numbers: impl IntoIterator<Item = Decimal>) -> Result<Decimal, Inexact> {
    numbers.into_iter().try_fold(Decimal::ZERO, sum)
}

/// `mantissa` / 10^`scale`, with no zeros behind; it may have more places than a decimal can hold
/// as long as those are zeros.
pub(super) fn decimal(mut mantissa: i128, mut scale: u32) -> Result<Decimal, Inexact> {
    while 0 < scale && mantissa % 10 == 0 {
        mantissa /= 10;
        scale -= 1;
    }
    Decimal::try_from_i128_with_scale(mantissa, scale).map_err(|_| Inexact)
}

fn power_of_ten(exponent: u32) -> Result<i128, Inexact> {
    10_i128.checked_pow(exponent).ok_or(Inexact)
}

/// An exact amount of money: a decimal over a whole number, since months are divided into days and
/// slots into seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Amount {
    numerator: Decimal,
    /// More than 0.
    denominator: u32,
}

impl Default for Amount {
    fn default() -> Self {
        Amount::ZERO
    }
}

impl Amount {
    /// Nothing.
    pub const ZERO: Amount = Amount {
        numerator: Decimal::ZERO,
        denominator: 1,
    };

    /// An amount that is a decimal.
    pub fn new(amount: Decimal) -> Self {
        Amount {
            numerator: amount,
            denominator: 1,
        }
    }

    /// `numerator` / `denominator`.
    ///
    /// Panics: where `denominator` is 0.
    pub fn ratio(numerator: Decimal, denominator: u32) -> Self {
        assert_ne!(denominator, 0, "an amount is not divided by nothing");
        Amount {
            numerator,
            denominator,
        }
    }

    /// The same amount with the other sign.
    #[must_use]
    pub fn negated(self) -> Self {
        Amount {
            numerator: -self.numerator,
            ..self
        }
    }

    /// The sum of all, exact.
    ///
    /// Errors: [`Inexact`].
    pub fn total(amounts: &[Amount]) -> Result<Self, Inexact> {
        amounts.iter().try_fold(Amount::ZERO, |all, amount| {
            if all.denominator == amount.denominator {
                let numerator = sum(all.numerator, amount.numerator)?;
                return Ok(Amount { numerator, ..all });
            }
            let denominator = all.denominator.checked_mul(amount.denominator);
            Ok(Amount {
                numerator: sum(
                    product(all.numerator, amount.denominator.into())?,
                    product(amount.numerator, all.denominator.into())?,
                )?,
                denominator: denominator.ok_or(Inexact)?,
            })
        })
    }

    /// Whether it is less than nothing.
    pub fn is_negative(self) -> bool {
        self.numerator < Decimal::ZERO
    }

    /// Whether it is nothing.
    pub fn is_zero(self) -> bool {
        self.numerator.is_zero()
    }

    /// Rounded half away from zero (R31: silent; both signs of adjustment occur, so not truncation).
    ///
    /// Errors: [`Inexact`].
    pub fn round(self, places: u32) -> Result<Decimal, Inexact> {
        decimal(self.scaled(places)?, places)
    }

    /// Rounded like [`Amount::round`], as a whole number of units of 10^-`places`.
    ///
    /// Errors: [`Inexact`].
    pub fn scaled(self, places: u32) -> Result<i128, Inexact> {
        let (floor, rest) = self.floor(places)?;
        // A half goes away from zero: up if positive, down (that is, it stays) if negative.
        let twice = rest.over.checked_mul(2).ok_or(Inexact)?;
        let is_up = match self.numerator.is_sign_negative() {
            false => rest.of <= twice,
            true => rest.of < twice,
        };
        Ok(floor + i128::from(is_up))
    }

    /// How many units of 10^-`places` of `price`, which is more than 0, it is, a half rounded up. Not
    /// below zero.
    ///
    /// Errors: [`Inexact`].
    pub fn over(self, price: Decimal, places: u32) -> Result<Decimal, Inexact> {
        let (amount, price) = (self.numerator.normalize(), price.normalize());
        // Both are brought to whole numbers of one unit, twice as fine as the last place.
        let scale = amount.scale().max(price.scale());
        let doubled = aligned(amount, scale)?.checked_mul(2).ok_or(Inexact)?;
        let doubled = doubled.checked_mul(power_of_ten(places)?).ok_or(Inexact)?;
        let price = aligned(price, scale)?.checked_mul(self.denominator.into());
        let halves = doubled.checked_div(price.ok_or(Inexact)?).ok_or(Inexact)?;
        decimal((halves + 1) / 2, places)
    }

    /// The smallest whole number that is not less.
    ///
    /// Errors: [`Inexact`].
    pub fn ceiling(self) -> Result<Decimal, Inexact> {
        self.round_up(0)
    }

    /// The smallest number of so many places that is not less: for bounds, which rounding to the
    /// nearest would break.
    ///
    /// Errors: [`Inexact`].
    pub fn round_up(self, places: u32) -> Result<Decimal, Inexact> {
        let (floor, rest) = self.floor(places)?;
        decimal(floor + i128::from(rest.over != 0), places)
    }

    /// The largest number of units of 10^-`places` that is not more, and what is over.
    fn floor(self, places: u32) -> Result<(i128, Rest), Inexact> {
        let number = self.numerator.normalize();
        let (mantissa, scale) = (number.mantissa(), number.scale());
        let mantissa = power_of_ten(places.saturating_sub(scale))?
            .checked_mul(mantissa)
            .ok_or(Inexact)?;
        let of = power_of_ten(scale.saturating_sub(places))?
            .checked_mul(i128::from(self.denominator))
            .ok_or(Inexact)?;
        let over = mantissa.rem_euclid(of);
        Ok((mantissa.div_euclid(of), Rest { over, of }))
    }
}

/// `over` / `of`, from 0 to less than 1.
#[derive(Clone, Copy, Debug)]
struct Rest {
    over: i128,
    of: i128,
}

impl Rest {
    /// By what rests are compared: their first twelve digits. What differs beyond has no say.
    fn rank(self) -> i128 {
        const DIGITS: i128 = 1_000_000_000_000;
        match self.of.checked_div(DIGITS) {
            Some(1..) => self.over / (self.of / DIGITS),
            _ => self.over * DIGITS / self.of,
        }
    }
}

/// Shares out `total`, which has at most `places` places, so that the shares add up to it: each part
/// gets its amount rounded down, and what is left goes, unit by unit, to those that lost most by it,
/// the first of equals first (R33).
///
/// Errors: [`Inexact`] if a number is too large, or `total` is further from the sum of the parts than
/// one unit per part.
pub fn apportion(total: Decimal, parts: &[Amount], places: u32) -> Result<Vec<Decimal>, Inexact> {
    let mut shares = Vec::with_capacity(parts.len());
    let mut rests = Vec::with_capacity(parts.len());
    for part in parts {
        let (floor, rest) = part.floor(places)?;
        shares.push(floor);
        rests.push(rest);
    }
    let (wanted, exact) = Amount::new(total).floor(places)?;
    let given = shares
        .iter()
        .try_fold(0_i128, |sum, share| sum.checked_add(*share))
        .ok_or(Inexact)?;
    let left = usize::try_from(wanted - given).map_err(|_| Inexact)?;
    if exact.over != 0 || parts.len() < left {
        return Err(Inexact);
    }
    let ranks = rests.iter().map(|rest| -rest.rank());
    let mut order: Vec<(i128, usize)> = ranks.zip(0..).collect();
    order.sort_unstable();
    for (_, place) in order.into_iter().take(left) {
        shares[place] += 1;
    }
    shares
        .into_iter()
        .map(|share| decimal(share, places))
        .collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect("a number")
    }

    #[test]
    fn products_and_sums_are_exact_or_refused() {
        let bytes = number("20.001000001");
        assert_eq!(product(bytes, number("4")), Ok(number("80.004000004")));
        assert_eq!(
            sum(number("0.000000001"), number("7.9")),
            Ok(number("7.900000001"))
        );
        let wide = number("1234567890123.456789012345678");
        assert_eq!(product(wide, number("1.000000001")), Err(Inexact));
        assert_eq!(sum(wide, number("0.0000000000000000001")), Err(Inexact));
        assert_eq!(product(wide, number("1.000")), Ok(wide));
    }

    #[test]
    fn halves_go_away_from_zero() {
        for (amount, places, rounded) in [
            ("80.004000004", 8, "80.00400000"),
            ("0.000000005", 8, "0.00000001"),
            ("0.000000004", 8, "0"),
            ("-0.000000005", 8, "-0.00000001"),
            ("-0.000000004", 8, "0"),
            ("0.005", 2, "0.01"),
            ("129.99999999974", 8, "130"),
        ] {
            assert_eq!(
                Amount::new(number(amount)).round(places),
                Ok(number(rounded)),
                "{amount}"
            );
        }
        let third = Amount::ratio(number("2"), 3);
        assert_eq!(third.round(2), Ok(number("0.67")));
        assert_eq!(third.negated().round(2), Ok(number("-0.67")));
    }

    #[test]
    fn what_is_begun_counts_as_whole() {
        for (amount, of, ceiling) in [
            ("0", 7, "0"),
            ("14", 7, "2"),
            ("14.1", 7, "3"),
            ("1", 7, "1"),
        ] {
            let amount = Amount::ratio(number(amount), of);
            assert_eq!(amount.ceiling(), Ok(number(ceiling)));
        }
    }

    #[test]
    fn an_amount_over_a_price_is_a_quantity() {
        for (amount, of, price, quantity) in [
            ("604.8000042336", 1, "0.63", "960.00000672"),
            ("1", 3, "1", "0.333333333"),
            ("2", 3, "1", "0.666666667"),
            ("0.0000000005", 1, "1", "0.000000001"),
            ("0.00000000049", 1, "1", "0"),
            ("0", 7, "0.26", "0"),
        ] {
            let amount = Amount::ratio(number(amount), of);
            assert_eq!(amount.over(number(price), 9), Ok(number(quantity)));
        }
        assert_eq!(Amount::ZERO.over(Decimal::ZERO, 9), Err(Inexact));
    }

    #[test]
    fn bounds_are_not_less_than_what_they_bound() {
        // The square of 1 - 10⁻²⁸ is 10⁻⁵⁶ more than the number below it.
        let nines = number("0.9999999999999999999999999999");
        assert_eq!(product(nines, nines), Err(Inexact));
        assert_eq!(product_up(nines, nines), Ok(nines));
        assert_eq!(product_up(nines, number("2")), product(nines, number("2")));
        assert_eq!(product_up(Decimal::MAX, number("1.5")), Err(Inexact));
        for (amount, bound) in [
            ("0.144", "0.15"),
            ("0.14", "0.14"),
            ("0.000000001", "0.01"),
            ("-0.019", "-0.01"),
        ] {
            assert_eq!(Amount::new(number(amount)).round_up(2), Ok(number(bound)));
        }
    }

    #[test]
    fn what_is_left_goes_to_who_lost_most() {
        let thirds = [Amount::ratio(number("1"), 3); 3];
        let shares = apportion(number("1"), &thirds, 2).expect("shared out");
        assert_eq!(shares, [number("0.34"), number("0.33"), number("0.33")]);
        assert_eq!(apportion(number("2"), &thirds, 2), Err(Inexact));
    }

    proptest! {
        #[test]
        fn shares_add_up_and_are_within_one_unit(
            parts in prop::collection::vec((-1_000_000_i64..1_000_000, 0_u32..12, 1_u32..40), 1..20),
            places in 0_u32..9,
        ) {
            let parts: Vec<Amount> = parts
                .into_iter()
                .map(|(mantissa, scale, denominator)| {
                    Amount::ratio(Decimal::new(mantissa, scale), denominator)
                })
                .collect();
            let floors: Vec<i128> = parts
                .iter()
                .map(|part| part.floor(places).expect("small").0)
                .collect();
            let low: i128 = floors.iter().sum();
            for left in [0, parts.len() / 2, parts.len()] {
                let wanted = decimal(low + left as i128, places).expect("small");
                let shares = apportion(wanted, &parts, places).expect("shared out");
                prop_assert_eq!(total(shares.iter().copied()), Ok(wanted));
                let unit = Decimal::new(1, places);
                for (share, floor) in shares.iter().zip(&floors) {
                    let floor = decimal(*floor, places).expect("small");
                    prop_assert!(*share == floor || *share == floor + unit);
                }
            }
        }
    }
}
