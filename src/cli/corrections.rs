//! What closed months would cost now, less what was billed for them: lines of the bill after them.
//!
//! Currencies are never added. A bill takes the corrections of months that were billed in its own currency; those
//! of others wait, unlost, since what was billed for a month never holds them: the bill says so, and the next
//! one after it that is in their currency takes them. A bill that could take none, while others wait, is refused
//! with the currency to bill in, so that none waits for ever. `--rerate` is for months of the catalogue's
//! currency; the others stay as they were priced.

use std::collections::BTreeMap;

use super::Failure;
use super::bills::{FrozenPrices, Prices};
use super::costs::share;
use super::ledger::Ledger;
use super::monotone::check_closed;
use crate::billing::{Bill, BillTerms, Charge, Differences, Makers, corrections, costs};
use crate::registry::{Class, Registry, speaks_of};
use crate::report::{MendedReport, WaitingReport, read_charges};
use crate::store::{Close, Store};
use crate::summary::Book;
use crate::units::Month;

/// Corrections of closed months: they are lines of the bill of the first month after all of them.
#[derive(Default)]
pub(super) struct Corrections {
    month: Option<Month>,
    lines: Vec<Charge>,
    /// Those in another currency than the bill's.
    waiting: Vec<Charge>,
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
        let currency = &prices.catalogue.currency;
        let is_own = |frozen: &FrozenPrices| frozen.prices.catalogue.currency == *currency;
        // Where all are in other currencies, pricing them says so.
        let has_own = frozen.values().any(is_own);
        let prices_of = |month: Month| match frozen.get(&month) {
            Some(frozen) if !is_rerating || (has_own && !is_own(frozen)) => &frozen.prices,
            _ => prices,
        };
        ledger.follow(store, registry, prices_of, rows_max)?;
        let Some(last) = closes.iter().map(|close| close.terms.month).max() else {
            return Ok(Corrections::default());
        };
        let billed = all_billed(store, &closes)?;
        let mut waiting = Vec::new();
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
            if prices_of(month).catalogue.currency != *currency {
                waiting.extend(of_month);
                continue;
            }
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
            waiting,
            mended,
        })
    }

    /// The lines of a month's bill, and what it says of them.
    pub(super) fn take(&mut self, month: Month) -> Result<Taken, Failure> {
        if self.month != Some(month) {
            return Ok(Taken::default());
        }
        let waiting = std::mem::take(&mut self.waiting);
        let lines = std::mem::take(&mut self.lines);
        // Not one of them is in the bill's currency, which it refuses.
        if lines.is_empty() && !waiting.is_empty() {
            return Ok(Taken {
                lines: waiting,
                ..Taken::default()
            });
        }
        Ok(Taken {
            lines,
            mended: std::mem::take(&mut self.mended),
            waiting: waiting_reports(&waiting)?,
        })
    }

    /// The month whose bill is still to take lines.
    pub(super) fn waiting(&self) -> Option<Month> {
        let has_lines = !self.lines.is_empty() || !self.waiting.is_empty();
        self.month.filter(|_| has_lines)
    }
}

/// What the bill of a month takes of corrections.
#[derive(Default)]
pub(super) struct Taken {
    /// Its lines.
    pub(super) lines: Vec<Charge>,
    /// The wrong entries of the registry that some of them come from.
    pub(super) mended: Vec<MendedReport>,
    /// What waits for a bill in its own currency.
    pub(super) waiting: Vec<WaitingReport>,
}

/// What waits, month by month.
fn waiting_reports(waiting: &[Charge]) -> Result<Vec<WaitingReport>, Failure> {
    let of_months = waiting.chunk_by(|a, b| a.corrects == b.corrects);
    let reports = of_months
        .map(WaitingReport::new)
        .collect::<Result<Vec<_>, _>>();
    Ok(reports
        .map_err(Failure::start)?
        .into_iter()
        .flatten()
        .collect())
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
