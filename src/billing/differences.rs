//! What each domain has of a correction: what it has of the line now, less all it ever had.

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::charge::{Charge, Cost};
use super::correction::{Key, key};
use super::exact::{Inexact, sum};
use crate::registry::Class;
use crate::units::Region;

/// Shares that are added up for the lines that correct a month.
#[derive(Debug)]
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
    /// None yet, for the corrections `lines`.
    pub fn of(lines: &[Charge]) -> Self {
        let keys = lines.iter().filter(|line| line.is_shared()).map(key);
        Differences {
            of: keys.map(|key| (key, BTreeMap::new())).collect(),
        }
    }

    /// Whether no line is to have shares.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
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
