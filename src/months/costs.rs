//! What domains cost, on its way to publishing: of open months, of closed ones, and of what corrects them.

use std::path::Path;

use super::error::MonthError;
use super::nearest::Nearest;
use super::store_months::usage_of_closed;
use crate::billing::{Bill, BillTerms, Charge, Cost, Differences, Makers, costs};
use crate::registry::Registry;
use crate::report::{Building, CostSums, CostsReader, CostsWriter, read_summary};
use crate::store::{Close, Store};
use crate::summary::FrozenOwners;

/// The folder of closed months that holds them.
pub(super) const COSTS: &str = "costs";

/// Writes the shares of a bill that `makers` made into `folder`, and answers their sums.
pub(super) fn write_costs(
    bill: &Bill,
    makers: Option<Makers<'_>>,
    terms: &BillTerms<'_>,
    folder: &Path,
) -> Result<CostSums, MonthError> {
    let mut sums = CostSums::default();
    let mut writer = CostsWriter::begin(bill, terms, folder)?;
    costs(
        bill,
        makers,
        terms,
        |charge, shares| -> Result<(), MonthError> {
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
) -> Result<CostSums, MonthError> {
    let (month, mut sums) = (close.terms.month, CostSums::default());
    if has_costs(close) {
        each_frozen((store, close), bill, terms, registry, |charge, shares| {
            Ok(sums.add(charge, &shares)?)
        })?;
        dataset.take_month(month, &store.closed_folder(month, COSTS)?)?;
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

/// Whether a month was closed with shares: what it was closed with says so, not what is there.
fn has_costs(close: &Close) -> bool {
    let mut datasets = close.files.iter().map(|file| file.name.split_once('/'));
    datasets.any(|name| name.is_some_and(|(dataset, _)| dataset == COSTS))
}

/// Hands every line of a closed bill that has shares, with them, to `each`.
fn each_frozen(
    (store, close): (&Store, &Close),
    bill: &Bill,
    terms: &BillTerms<'_>,
    registry: &Registry,
    mut each: impl FnMut(&Charge, Vec<Cost>) -> Result<(), MonthError>,
) -> Result<(), MonthError> {
    let month = close.terms.month;
    if has_costs(close) {
        let mut reader = CostsReader::begin(&store.closed_folder(month, COSTS)?)?;
        let lines = bill.accounts.iter().flat_map(|account| &account.charges);
        for charge in lines.filter(|charge| charge.is_shared()) {
            each(charge, reader.of(charge)?)?;
        }
        return Ok(reader.finish()?);
    }
    let summary = read_summary(&store.closed_folder(month, "summary")?)?;
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
pub(super) fn lines_with(
    near: &mut Nearest,
    bill: Bill,
    costs: &Path,
) -> Result<Vec<Charge>, MonthError> {
    let mut reader = CostsReader::begin(costs)?;
    let mut lines = Vec::new();
    let accounts = bill.accounts.into_iter();
    for mut charge in accounts.flat_map(|account| account.charges) {
        let mut shares = match charge.is_shared() {
            true => reader.of(&charge)?,
            false => Vec::new(),
        };
        let (id, wanted) = (charge.id(), near.wanted().to_owned());
        shares.iter().for_each(|share| near.look_at(&share.domain));
        near.look_at(&id);
        if shares.iter().any(|share| share.domain == wanted) {
            shares.retain(|share| share.domain == wanted);
        } else if !id.contains(&wanted) {
            continue;
        }
        charge.shares = shares;
        lines.push(charge);
    }
    reader.finish()?;
    Ok(lines)
}

/// Gives corrections their shares: what each domain has of their lines now, which is in `differences`, less
/// what it had of all that was billed by `closes`, each of which is read once. `bill_of` tells the bill of a
/// close and its terms, if it has one.
pub(super) fn share<'a>(
    lines: &mut [Charge],
    mut differences: Differences,
    (store, closes): (&Store, &[Close]),
    registry: &Registry,
    bill_of: impl Fn(&Close) -> Result<Option<(Bill, BillTerms<'a>)>, MonthError>,
) -> Result<(), MonthError> {
    // A line is billed with its month, and corrected with later ones.
    let first = differences.first_month();
    let is_meant = |close: &&Close| first.is_some_and(|first| first <= close.terms.month);
    for close in closes.iter().filter(is_meant) {
        let Some((bill, terms)) = bill_of(close)? else {
            continue;
        };
        let place = (store, close);
        each_frozen(place, &bill, &terms, registry, |charge, shares| {
            Ok(differences.take(charge, shares)?)
        })?;
    }
    differences.give(lines);
    Ok(())
}
