//! What is shared by whole numbers, such as the amount of a line by the bytes of those who made it.

use rust_decimal::Decimal;

use super::exact::{Amount, Inexact, decimal};

/// Shares out `total`, which has at most `places` places, by whole numbers: each share is total × weight /
/// all weights, rounded down, and what is left goes, unit by unit, to those that lost most by it, the
/// first of equals first (R33). Something of no weight gets nothing.
///
/// Errors: [`Inexact`] if a number is too large, or there is something to share and all weights are 0.
pub fn shares(total: Decimal, weights: &[u64], places: u32) -> Result<Vec<Decimal>, Inexact> {
    let units = Amount::new(total).scaled(places)?;
    if decimal(units, places)? != total {
        return Err(Inexact);
    }
    let units = shared_units(units, weights)?.into_iter();
    units.map(|share| decimal(share, places)).collect()
}

/// [`shares`] of whole units.
pub(super) fn shared_units(units: i128, weights: &[u64]) -> Result<Vec<i128>, Inexact> {
    let mut weight = weights.iter();
    let weight = weight.try_fold(0_u64, |sum, of| sum.checked_add(*of));
    let all = u128::from(weight.ok_or(Inexact)?);
    if all == 0 {
        return match units {
            0 => Ok(vec![0; weights.len()]),
            _ => Err(Inexact),
        };
    }
    let (sign, units) = (units.signum(), units.unsigned_abs());
    // Whole multiples of all weights are shared first: what is left is less than 2^64, as a weight is, so
    // no product is too large.
    let (times, left) = (units / all, units % all);
    let mut parts = Vec::with_capacity(weights.len());
    let mut order = Vec::with_capacity(weights.len());
    let mut given = 0;
    for (place, of) in weights.iter().enumerate() {
        let product = left * u128::from(*of);
        let part = times * u128::from(*of) + product / all;
        given += part;
        parts.push(part);
        order.push((std::cmp::Reverse(product % all), place));
    }
    let left = usize::try_from(units - given).map_err(|_| Inexact)?;
    order.sort_unstable();
    for (_, place) in order.into_iter().take(left) {
        parts[place] += 1;
    }
    let signed = |part| i128::try_from(part).map(|part| sign * part);
    let parts = parts.into_iter().map(signed);
    parts.collect::<Result<_, _>>().map_err(|_| Inexact)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect("a number")
    }

    #[test]
    fn c11_shares_add_up_and_what_is_left_goes_to_who_lost_most() {
        let share = |total, weights: &[u64], places| {
            let shares = shares(number(total), weights, places).expect("exact");
            shares.iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(share("1", &[1, 1, 1], 2), ["0.34", "0.33", "0.33"]);
        assert_eq!(share("-1", &[1, 1, 1], 2), ["-0.34", "-0.33", "-0.33"]);
        assert_eq!(share("0.05", &[1, 0, 2], 2), ["0.02", "0", "0.03"]);
        assert_eq!(share("0.01", &[1, u64::MAX - 1], 2), ["0", "0.01"]);
        assert_eq!(shares(number("0.01"), &[0, 0], 2), Err(Inexact));
        assert_eq!(shares(number("0.001"), &[1], 2), Err(Inexact));
    }

    proptest! {
        #[test]
        fn c11_shares_of_anything_add_up_to_it(
            units in -(1_i128 << 90)..1 << 90,
            weights in proptest::collection::vec(0..u64::MAX / 8, 1..8),
        ) {
            let all: u128 = weights.iter().map(|of| u128::from(*of)).sum();
            prop_assume!(all != 0);
            let parts = shared_units(units, &weights).expect("they fit");
            prop_assert_eq!(parts.iter().sum::<i128>(), units);
            for (part, of) in parts.iter().zip(&weights) {
                // Within one unit of what is due: a quotient of 256 bits, compared without one.
                let due = units.unsigned_abs() / all * u128::from(*of)
                    + units.unsigned_abs() % all * u128::from(*of) / all;
                prop_assert!(part.unsigned_abs().abs_diff(due) <= 1);
                prop_assert!(*of != 0 || *part == 0);
            }
        }
    }
}
