//! What closed months would cost now, less what was billed for them: lines of the bill after them.

use std::collections::BTreeMap;

use super::Failure;
use super::bills::{FrozenPrices, Prices};
use super::costs::share;
use super::ledger::Ledger;
use super::monotone::check_closed;
use crate::billing::{Bill, BillTerms, Charge, Differences, Makers, corrections, costs};
use crate::registry::{Class, Registry, speaks_of};
use crate::report::{MendedReport, read_charges};
use crate::store::{Close, Store};
use crate::summary::Book;
use crate::units::Month;

/// Corrections of closed months: they are lines of the bill of the first month after all of them.
#[derive(Default)]
pub(super) struct Corrections {
    month: Option<Month>,
    lines: Vec<Charge>,
    /// The wrong entries of the registry that some of the lines come from.
    mended: Vec<MendedReport>,
}

impl Corrections {
    /// What the closed months of a store would cost now, less what was billed for them so far. They
    /// are priced as they were billed, or by the present prices if `is_rerating`. The ledger is followed
    /// through all months of the store.
    pub(super) fn find(
        store: &Store,
        registry: &Registry,
        ledger: &mut Ledger,
        (prices, is_rerating): (&Prices, bool),
        rows_max: usize,
    ) -> Result<Self, Failure> {
        let mended = check_closed(store, registry)?;
        let closes = store.closes()?;
        let frozen = frozen_prices(store, &closes, ledger)?;
        let prices_of = |month: Month| match frozen.get(&month) {
            Some(frozen) if !is_rerating => &frozen.prices,
            _ => prices,
        };
        ledger.follow(store, registry, prices_of, rows_max)?;
        let Some(last) = closes.iter().map(|close| close.terms.month).max() else {
            return Ok(Corrections::default());
        };
        let billed = all_billed(store, &closes)?;
        let (mut lines, mut differences) = (Vec::new(), Differences::default());
        for close in &closes {
            let (month, zone) = (close.terms.month, close.terms.zone);
            let Some(frozen) = frozen.get(&month) else {
                continue;
            };
            let slots = month.slots(zone);
            let is_as_billed = !is_rerating
                && !ledger.has_packages()
                && frozen.extras == *ledger.digests()
                && registry.digest() == close.terms.registry_digest
                && store.is_untouched_since(close.through, &slots)?
                && billed.iter().all(|charge| charge.corrects != Some(month));
            if is_as_billed {
                continue;
            }
            let usage = store.usage(slots, rows_max)?;
            let book = Book::new(usage.table, usage.domains, registry, zone)?;
            let accounts = book.months().flat_map(|usage| usage.accounts(registry));
            let now = ledger.bill((month, zone), accounts, Vec::new(), prices_of(month))?;
            let priced = (&now, &prices_of(month).catalogue);
            let of_month = corrections(month, &billed, priced)?;
            let terms = prices_of(month).terms();
            add_now(
                &mut differences,
                &of_month,
                (&now, &terms),
                (&book, registry),
            )?;
            lines.extend(of_month);
        }
        let bill_of = |close: &Close| match frozen.get(&close.terms.month) {
            Some(frozen) => Ok(Some((frozen.bill(store, close)?, frozen.prices.terms()))),
            None => Ok(None),
        };
        let closes = (store, &closes[..]);
        share(&mut lines, differences, closes, registry, bill_of)?;
        let mended = tell_mended(&mut lines, &mended, registry);
        let month = last.next();
        Ok(Corrections {
            month,
            lines,
            mended,
        })
    }

    /// The lines of a month's bill, and the wrong entries that some of them come from.
    pub(super) fn take(&mut self, month: Month) -> (Vec<Charge>, Vec<MendedReport>) {
        match self.month == Some(month) {
            true => (
                std::mem::take(&mut self.lines),
                std::mem::take(&mut self.mended),
            ),
            false => (Vec::new(), Vec::new()),
        }
    }

    /// The month whose bill is still to take lines.
    pub(super) fn waiting(&self) -> Option<Month> {
        self.month.filter(|_| !self.lines.is_empty())
    }
}

/// Adds to `differences` what each domain has now of the lines that correct a month, whose usage is in `book`.
fn add_now(
    differences: &mut Differences,
    lines: &[Charge],
    (now, terms): (&Bill, &BillTerms<'_>),
    (book, owners): (&Book, &Registry),
) -> Result<(), Failure> {
    if !differences.expect(lines) {
        return Ok(());
    }
    let usage = book.months().find(|usage| usage.month == now.month);
    let makers = usage.map(|usage| Makers { usage, owners });
    costs(now, makers, terms, |charge, shares| {
        Ok(differences.add(charge, &shares)?)
    })
}

/// What closed months were billed by. What was bought for one of them has to be told again: without, it
/// would be credited.
fn frozen_prices(
    store: &Store,
    closes: &[Close],
    ledger: &Ledger,
) -> Result<BTreeMap<Month, FrozenPrices>, Failure> {
    let mut frozen = BTreeMap::new();
    for close in closes {
        let month = close.terms.month;
        let Some(of_month) = FrozenPrices::read(store, close)? else {
            continue;
        };
        let (then, now) = (&of_month.extras, ledger.digests());
        for (then, now, flag) in [
            (&then.events, &now.events, "--events"),
            (&then.services, &now.services, "--services"),
        ] {
            if !then.is_empty() && now.is_empty() {
                return Err(Failure::start(format!(
                    "{month} was closed with {flag}; give it again, else what it billed would be credited"
                )));
            }
        }
        frozen.insert(month, of_month);
    }
    Ok(frozen)
}

/// All lines that were ever billed for closed months.
fn all_billed(store: &Store, closes: &[Close]) -> Result<Vec<Charge>, Failure> {
    let mut billed = Vec::new();
    for close in closes
        .iter()
        .filter(|close| close.terms.catalogue_digest.is_some())
    {
        let folder = store.closed_folder(close.terms.month, "charges");
        billed.extend(read_charges(&folder, close.terms.zone)?.charges);
    }
    Ok(billed)
}

/// Says on the lines of a domain that a wrong entry of the registry is why they are there (R26); answers of
/// which months and domains there are any. An entry of the very name says why before a wildcard does.
fn tell_mended(
    lines: &mut [Charge],
    mended: &[MendedReport],
    registry: &Registry,
) -> Vec<MendedReport> {
    let mut told = BTreeMap::new();
    for line in lines.iter_mut() {
        let Some(month) = line.corrects else {
            continue;
        };
        let of_month = month.to_string();
        let of_line =
            |of: &&MendedReport| of.month == of_month && speaks_of(&of.domain, &line.domain);
        let of = mended.iter().filter(of_line);
        let Some(of) = of.max_by_key(|of| (of.domain == line.domain, of.domain.len())) else {
            continue;
        };
        if registry.attribution(&line.domain, month).class == Class::MiniProgram {
            continue;
        }
        let domain = line.domain.clone();
        let of = MendedReport {
            domain: domain.clone(),
            ..of.clone()
        };
        line.cite_mended(&of.text());
        told.insert((month, domain), of);
    }
    told.into_values().collect()
}
