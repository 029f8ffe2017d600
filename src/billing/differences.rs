//! What each domain has of a correction: what it has of the line now, less all it ever had.
//!
//! Lines of all months are kept at once: what two of them have in common holds their days, so that those of
//! different months never meet, and each bill that ever corrected one is read once.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::charge::{Charge, Cost};
use super::correction::{Key, key};
use super::exact::{Inexact, sum};
use crate::registry::Class;
use crate::units::{Month, Region};

/// Shares that are added up for lines that correct closed months.
#[derive(Debug, Default)]
pub struct Differences {
    of: BTreeMap<Key, BTreeMap<(String, Class, Region), Sums>>,
}

#[derive(Debug, Default)]
struct Sums {
    bytes: i128,
    quantity: Decimal,
    package_gigabytes: Decimal,
    amount: Decimal,
}

impl Differences {
    /// Begins to add up for the corrections `lines`, too; answers whether any of them is to have shares.
    pub fn expect(&mut self, lines: &[Charge]) -> bool {
        let mut is_any = false;
        for line in lines.iter().filter(|line| line.is_shared()) {
            self.of.entry(key(line)).or_default();
            is_any = true;
        }
        is_any
    }

    /// The first month of which a line is to have shares.
    pub fn first_month(&self) -> Option<Month> {
        let days = self.of.keys().map(|(.., (start, _))| *start);
        days.min().map(Month::of_day)
    }

    /// Adds shares of a line as it would be now; of others than those that are corrected, nothing.
    ///
    /// Errors: [`Inexact`].
    pub fn add(&mut self, line: &Charge, costs: &[Cost]) -> Result<(), Inexact> {
        let Some(of_line) = self.of.get_mut(&key(line)) else {
            return Ok(());
        };
        for cost in costs {
            let of_domain = (cost.domain.clone(), cost.class, cost.region);
            let sums = of_line.entry(of_domain).or_default();
            sums.bytes = sums.bytes.checked_add(cost.bytes).ok_or(Inexact)?;
            sums.quantity = sum(sums.quantity, cost.quantity)?;
            sums.package_gigabytes = sum(sums.package_gigabytes, cost.package_gigabytes)?;
            sums.amount = sum(sums.amount, cost.amount)?;
        }
        Ok(())
    }

    /// Takes away shares of a line that was billed.
    ///
    /// Errors: [`Inexact`].
    pub fn take(&mut self, line: &Charge, mut costs: Vec<Cost>) -> Result<(), Inexact> {
        for cost in &mut costs {
            cost.bytes = -cost.bytes;
            cost.quantity = -cost.quantity;
            cost.package_gigabytes = -cost.package_gigabytes;
            cost.amount = -cost.amount;
        }
        self.add(line, &costs)
    }

    /// Gives the lines their shares; domains for which nothing changed have none.
    pub fn give(mut self, lines: &mut [Charge]) {
        for line in lines {
            let shares = self.of.remove(&key(line)).unwrap_or_default().into_iter();
            let shares = shares.map(|((domain, class, region), sums)| Cost {
                domain,
                class,
                region,
                bytes: sums.bytes,
                quantity: sums.quantity,
                package_gigabytes: sums.package_gigabytes,
                amount: sums.amount,
            });
            let is_something = |cost: &Cost| {
                let numbers = [cost.quantity, cost.package_gigabytes, cost.amount];
                cost.bytes != 0 || numbers.iter().any(|number| !number.is_zero())
            };
            line.shares = shares.filter(is_something).collect();
        }
    }
}
