//! What closed months would cost now, less what was billed for them: lines of the bill after them.

use std::collections::BTreeMap;

use super::Failure;
use super::bills::{FrozenPrices, Prices};
use super::costs::share;
use super::ledger::Ledger;
use super::monotone::check_closed;
use super::months::{owners_now, usage_of_closed};
use crate::billing::{
    Assumed, Bill, BillTerms, Charge, Differences, Makers, assumed, assumed_since, corrections,
    costs,
};
use crate::registry::{Class, Registry, speaks_of};
use crate::report::{MendedReport, read_charges, read_summary};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, Owners};
use crate::units::Month;

/// Corrections of closed months: they are lines of the bill of the first month after all of them.
#[derive(Default)]
pub(super) struct Corrections {
    month: Option<Month>,
    found: Corrected,
}

/// What corrects closed months on one bill.
#[derive(Default)]
pub(super) struct Corrected {
    pub(super) lines: Vec<Charge>,
    /// The wrong entries of the registry that some of the lines come from.
    pub(super) mended: Vec<MendedReport>,
    /// What closed months have of usage of regions that are no zone, less what bills said of it.
    pub(super) assumed: Vec<Assumed>,
}

/// What closed months are corrected from.
struct Closed<'a> {
    store: &'a Store,
    registry: &'a Registry,
    /// All lines that were ever billed for them.
    billed: Vec<Charge>,
    frozen: BTreeMap<Month, FrozenPrices>,
    /// The prices by which all of them are priced anew, where that was asked for.
    anew: Option<&'a Prices>,
    rows_max: usize,
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
        let closed = Closed {
            store,
            registry,
            billed: all_billed(store, &closes)?,
            frozen,
            anew: is_rerating.then_some(prices),
            rows_max,
        };
        let (mut found, mut differences) = (Corrected::default(), Differences::default());
        for close in &closes {
            closed.correct(close, ledger, &mut found, &mut differences)?;
        }
        let bill_of = |close: &Close| match closed.frozen.get(&close.terms.month) {
            Some(frozen) => Ok(Some((frozen.bill(store, close)?, frozen.prices.terms()))),
            None => Ok(None),
        };
        let closes = (store, &closes[..]);
        share(&mut found.lines, differences, closes, registry, bill_of)?;
        found.mended = tell_mended(&mut found.lines, &mended, registry);
        let month = last.next();
        Ok(Corrections { month, found })
    }

    /// What is on a month's bill of it.
    pub(super) fn take(&mut self, month: Month) -> Corrected {
        match self.month == Some(month) {
            true => std::mem::take(&mut self.found),
            false => Corrected::default(),
        }
    }

    /// The month whose bill is still to take lines.
    pub(super) fn waiting(&self) -> Option<Month> {
        self.month.filter(|_| !self.found.lines.is_empty())
    }
}

impl Closed<'_> {
    /// Adds what corrects a closed month to what was `found`.
    fn correct(
        &self,
        close: &Close,
        ledger: &mut Ledger,
        found: &mut Corrected,
        differences: &mut Differences,
    ) -> Result<(), Failure> {
        let (month, zone) = (close.terms.month, close.terms.zone);
        let Some(frozen) = self.frozen.get(&month) else {
            return Ok(());
        };
        if self.is_as_billed(close, frozen, ledger)? {
            return Ok(());
        }
        let prices = self.anew.unwrap_or(&frozen.prices);
        let usage = self.store.usage(month.slots(zone), self.rows_max)?;
        let book = Book::new(usage.table, usage.domains, self.registry, zone)?;
        let owners = owners_now(self.store, close, self.registry, &prices.terms())?;
        let accounts = book.months().flat_map(|usage| usage.accounts(&owners));
        let now = ledger.bill((month, zone), accounts, Vec::new(), prices)?;
        let lines = corrections(month, &self.billed, (&now, &prices.catalogue))?;
        if lines.is_empty() {
            return Ok(());
        }
        let now_by = (&now, &prices.terms());
        add_now(differences, &lines, now_by, (&book, &owners))?;
        let before = self.assumed_before(close, frozen)?;
        let is_corrected = |account: &str| lines.iter().any(|line| line.account == account);
        let assumed = assumed_since(month, &now.assumed, &before, is_corrected)?;
        found.assumed.extend(assumed);
        found.lines.extend(lines);
        Ok(())
    }

    /// Whether nothing of which a closed month is made can have changed.
    fn is_as_billed(
        &self,
        close: &Close,
        frozen: &FrozenPrices,
        ledger: &Ledger,
    ) -> Result<bool, Failure> {
        let slots = close.terms.month.slots(close.terms.zone);
        let is_corrected = |charge: &Charge| charge.corrects == Some(close.terms.month);
        Ok(self.anew.is_none()
            && !ledger.has_packages()
            && frozen.extras == *ledger.digests()
            && self.registry.digest() == close.terms.registry_digest
            && self.store.is_untouched_since(close.through, &slots)?
            && !self.billed.iter().any(is_corrected))
    }

    /// What was priced as that of a zone in a closed month: as it was frozen, and as later bills told. It is
    /// worked out, since there are months that were closed before it was told.
    fn assumed_before(
        &self,
        close: &Close,
        frozen: &FrozenPrices,
    ) -> Result<Vec<Assumed>, Failure> {
        let (store, month) = (self.store, close.terms.month);
        let summary = read_summary(&store.closed_folder(month, "summary"))?;
        let owners = FrozenOwners::new(&summary, self.registry);
        let book = usage_of_closed(store, close, &owners)?;
        let mut before = Vec::new();
        for usage in book.months() {
            let owners = &owners;
            let makers = Makers { usage, owners };
            let bill = frozen.bill(store, close)?;
            before.extend(assumed(&bill, makers, &frozen.prices.terms())?);
        }
        let told = self.frozen.values().flat_map(FrozenPrices::assumed);
        before.extend(told.filter(|of| of.corrects == Some(month)));
        Ok(before)
    }
}

/// Adds to `differences` what each domain has now of the lines that correct a month, whose usage is in `book`.
fn add_now(
    differences: &mut Differences,
    lines: &[Charge],
    (now, terms): (&Bill, &BillTerms<'_>),
    (book, owners): (&Book, &dyn Owners),
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
