//! Tiered prices. Three evaluators that must never be taken for one another, each by its name.
//!
//! | model | a quantity that is exactly a bound | price of it |
//! |---|---|---|
//! | `reached` | is in the tier that begins there (500 GB of CSS pay 0.25) | one price for all |
//! | `reached-upper` | is in the tier that ends there (500 GB of VOD pay 0.24) | one price for all |
//! | `progressive` | makes no difference | each tier's part at that tier's price |
//!
//! Reached tiers are not monotone, on purpose: 499.999999999 GB cost more than 500 GB.
//! Source: BILLING §2 (267/34175, CDN purchase guide, 266/2838; read 2026-11).

use rust_decimal::Decimal;

use super::exact::{Inexact, product, sum};

/// Which evaluator prices a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Model {
    /// One price, whatever the quantity.
    Flat,
    /// The quantity picks one price for all of it; lower bounds are inclusive.
    Reached,
    /// The quantity picks one price for all of it; upper bounds are inclusive.
    ReachedUpper,
    /// Every tier's part of the quantity pays that tier's price.
    Progressive,
}

impl Model {
    /// The name in catalogues and explanations.
    pub const fn name(self) -> &'static str {
        match self {
            Model::Flat => "flat",
            Model::Reached => "reached",
            Model::ReachedUpper => "reached-upper",
            Model::Progressive => "progressive",
        }
    }
}

/// A price from a quantity on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tier {
    /// The lower bound.
    pub from: Decimal,
    /// Price of a unit.
    pub price: Decimal,
}

/// A tier's part of a quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Priced {
    /// Which tier, counted from 0.
    pub tier: usize,
    /// Units.
    pub quantity: Decimal,
    /// Price of a unit.
    pub price: Decimal,
    /// Both multiplied.
    pub amount: Decimal,
}

/// Prices `quantity`, which is not negative; `tiers` begin at 0 and ascend. Nothing costs nothing, so
/// no part is answered for it (R15).
///
/// Errors: [`Inexact`].
pub fn price(model: Model, tiers: &[Tier], quantity: Decimal) -> Result<Vec<Priced>, Inexact> {
    price_last(model, tiers, quantity, quantity)
}

/// Prices `quantity` as the last of `all`, which is not less: it pays the tier that all of it reaches, or,
/// where every tier has its part, those in which it is.
///
/// Errors: [`Inexact`].
pub fn price_last(
    model: Model,
    tiers: &[Tier],
    quantity: Decimal,
    all: Decimal,
) -> Result<Vec<Priced>, Inexact> {
    let priced = |tier: usize, quantity: Decimal| -> Result<Priced, Inexact> {
        let price = tiers[tier].price;
        Ok(Priced {
            tier,
            quantity,
            price,
            amount: product(quantity, price)?,
        })
    };
    if quantity.is_zero() {
        return Ok(Vec::new());
    }
    match model {
        Model::Flat => Ok(vec![priced(0, quantity)?]),
        Model::Reached => {
            let beyond = tiers.partition_point(|tier| tier.from <= all);
            Ok(vec![priced(beyond - 1, quantity)?])
        }
        Model::ReachedUpper => {
            let beyond = tiers.partition_point(|tier| tier.from < all);
            Ok(vec![priced(beyond - 1, quantity)?])
        }
        Model::Progressive => {
            let before = sum(all, -quantity)?;
            let mut parts = Vec::new();
            for (number, tier) in tiers.iter().enumerate() {
                let start = tier.from.max(before);
                let end = tiers.get(number + 1).map_or(all, |next| next.from.min(all));
                if start < end {
                    parts.push(priced(number, sum(end, -start)?)?);
                }
            }
            Ok(parts)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> Decimal {
        Decimal::from_str_exact(text).expect("a number")
    }

    fn tiers(rows: &[(&str, &str)]) -> Vec<Tier> {
        let tier = |(from, price): &(&str, &str)| Tier {
            from: number(from),
            price: number(price),
        };
        rows.iter().map(tier).collect()
    }

    fn cost(model: Model, tiers: &[Tier], quantity: &str) -> Decimal {
        let parts = price(model, tiers, number(quantity)).expect("exact");
        super::super::exact::total(parts.iter().map(|part| part.amount)).expect("exact")
    }

    /// CSS to 2022-01-03, CNY per GB and day.
    const CSS: [(&str, &str); 3] = [("0", "0.26"), ("500", "0.25"), ("2000", "0.23")];

    #[test]
    fn a_reached_lower_bound_is_inclusive_and_dearer_below_it() {
        let css = tiers(&CSS);
        assert_eq!(
            cost(Model::Reached, &css, "499.999999999"),
            number("129.99999999974")
        );
        assert_eq!(cost(Model::Reached, &css, "500"), number("125"));
        assert_eq!(cost(Model::Reached, &css, "0"), Decimal::ZERO);
    }

    #[test]
    fn vod_includes_the_upper_bound() {
        let vod = tiers(&[("0", "0.24"), ("500", "0.23")]);
        assert_eq!(cost(Model::ReachedUpper, &vod, "500"), number("120"));
        assert_eq!(cost(Model::ReachedUpper, &vod, "550"), number("126.5"));
    }

    #[test]
    fn progressive_tiers_pay_each_their_part() {
        let cdn = tiers(&[("0", "0.21"), ("2000", "0.20"), ("10000", "0.18")]);
        assert_eq!(cost(Model::Progressive, &cdn, "2000"), number("420"));
        assert_eq!(
            cost(Model::Progressive, &cdn, "12000"),
            number("420") + number("1600") + number("360")
        );
    }

    #[test]
    fn c9_the_last_of_a_quantity_pays_the_tier_of_all_of_it() {
        let last = |model, tiers: &[(&str, &str)], quantity, all| {
            let parts = price_last(model, &self::tiers(tiers), number(quantity), number(all));
            let parts = parts.expect("exact");
            super::super::exact::total(parts.iter().map(|part| part.amount)).expect("exact")
        };
        assert_eq!(last(Model::Reached, &CSS, "1000", "11000"), number("230"));
        assert_eq!(last(Model::Reached, &CSS, "1000", "1000"), number("250"));
        assert_eq!(last(Model::ReachedUpper, &CSS, "1", "500"), number("0.26"));
        assert_eq!(last(Model::Flat, &[("0", "3")], "2", "9"), number("6"));
        let progressive = last(Model::Progressive, &CSS, "600", "2100");
        assert_eq!(progressive, number("125") + number("23"));
        assert_eq!(last(Model::Reached, &CSS, "0", "11000"), Decimal::ZERO);
    }
}
