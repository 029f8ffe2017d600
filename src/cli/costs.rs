//! What domains cost, on its way to publishing: of open months, of closed ones, and of what corrects them.

use std::path::Path;

use super::Failure;
use super::months::usage_of_closed;
use crate::billing::{Bill, BillTerms, Charge, Cost, Differences, Makers, costs};
use crate::registry::Registry;
use crate::report::{Building, CostSums, CostsReader, CostsWriter, read_summary};
use crate::store::{Close, Store};
use crate::summary::FrozenOwners;

/// The dataset, and the folder of closed months that hold it.
pub(super) const COSTS: &str = "costs";

/// Writes the shares of a bill that `makers` made into `folder`, and answers their sums.
pub(super) fn write_costs(
    bill: &Bill,
    makers: Option<Makers<'_>>,
    terms: &BillTerms<'_>,
    folder: &Path,
) -> Result<CostSums, Failure> {
    let mut sums = CostSums::default();
    let mut writer = CostsWriter::begin(bill, terms, folder)?;
    costs(
        bill,
        makers,
        terms,
        |charge, shares| -> Result<(), Failure> {
            sums.add(charge, &shares)?;
            Ok(writer.add(charge, shares)?)
        },
    )?;
    writer.finish()?;
    Ok(sums)
}

/// Puts the shares of a closed month into the dataset, and answers their sums: as they were frozen; or
/// worked out, if it was closed by a program that did not keep them.
pub(super) fn take_costs(
    (store, close): (&Store, &Close),
    bill: &Bill,
    terms: &BillTerms<'_>,
    registry: &Registry,
    dataset: &Building,
) -> Result<CostSums, Failure> {
    let (month, mut sums) = (close.terms.month, CostSums::default());
    let frozen = store.closed_folder(month, COSTS);
    if frozen.is_dir() {
        dataset.take_month(month, &frozen)?;
        each_frozen((store, close), bill, terms, registry, |charge, shares| {
            Ok(sums.add(charge, &shares)?)
        })?;
        return Ok(sums);
    }
    let mut writer = CostsWriter::begin(bill, terms, &dataset.month(month)?)?;
    each_frozen((store, close), bill, terms, registry, |charge, shares| {
        sums.add(charge, &shares)?;
        Ok(writer.add(charge, shares)?)
    })?;
    writer.finish()?;
    Ok(sums)
}

/// Hands every line of a closed bill that has shares, with them, to `each`.
fn each_frozen(
    (store, close): (&Store, &Close),
    bill: &Bill,
    terms: &BillTerms<'_>,
    registry: &Registry,
    mut each: impl FnMut(&Charge, Vec<Cost>) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let month = close.terms.month;
    let folder = store.closed_folder(month, COSTS);
    if folder.is_dir() {
        let mut reader = CostsReader::begin(&folder)?;
        let lines = bill.accounts.iter().flat_map(|account| &account.charges);
        for charge in lines.filter(|charge| charge.is_shared()) {
            each(charge, reader.of(charge)?)?;
        }
        return Ok(());
    }
    let summary = read_summary(&store.closed_folder(month, "summary"))?;
    let owners = FrozenOwners::new(&summary, registry);
    let book = usage_of_closed(store, close, &owners)?;
    let makers = book.months().next().map(|usage| Makers {
        usage,
        owners: &owners,
    });
    costs(bill, makers, terms, each)
}

/// The lines of a bill that are wanted, with their shares, which are in the folder `costs`: those whose
/// names hold the text, and those that a domain of this name made, with its shares alone.
pub(super) fn lines_with(wanted: &str, bill: Bill, costs: &Path) -> Result<Vec<Charge>, Failure> {
    let mut reader = CostsReader::begin(costs)?;
    let mut lines = Vec::new();
    let accounts = bill.accounts.into_iter();
    for mut charge in accounts.flat_map(|account| account.charges) {
        let mut shares = match charge.is_shared() {
            true => reader.of(&charge)?,
            false => Vec::new(),
        };
        if shares.iter().any(|share| share.domain == wanted) {
            shares.retain(|share| share.domain == wanted);
        } else if !charge.id().contains(wanted) {
            continue;
        }
        charge.shares = shares;
        lines.push(charge);
    }
    Ok(lines)
}

/// All shares that were billed for the closed months of a store.
pub(super) struct BilledCosts<'a>(
    pub(super) &'a Store,
    pub(super) &'a [Close],
    pub(super) &'a Registry,
);

impl BilledCosts<'_> {
    /// Gives the corrections of a month their shares: what each domain has of its lines `now`, less what
    /// it had of all that was billed. `bill_of` tells the bill of a close and its terms, if it has one.
    pub(super) fn share<'a>(
        &self,
        lines: &mut [Charge],
        (now, makers): (&Bill, Option<Makers<'_>>),
        terms: &BillTerms<'_>,
        bill_of: impl Fn(&Close) -> Result<Option<(Bill, BillTerms<'a>)>, Failure>,
    ) -> Result<(), Failure> {
        let mut differences = Differences::of(lines);
        if differences.is_empty() {
            return Ok(());
        }
        costs(
            now,
            makers,
            terms,
            |charge, shares| -> Result<(), Failure> { Ok(differences.add(charge, &shares)?) },
        )?;
        // A line is billed with its month, and corrected with later ones.
        let is_meant = |close: &&Close| now.month <= close.terms.month;
        for close in self.1.iter().filter(is_meant) {
            let Some((bill, terms)) = bill_of(close)? else {
                continue;
            };
            let place = (self.0, close);
            each_frozen(place, &bill, &terms, self.2, |charge, shares| {
                match charge.month() == now.month {
                    true => Ok(differences.take(charge, shares)?),
                    false => Ok(()),
                }
            })?;
        }
        differences.give(lines);
        Ok(())
    }
}
