//! What closed months would cost now, less what was billed for them: lines of the bill after them.
//!
//! Currencies are never added. A bill takes the corrections of months that were billed in its own
//! currency; those of others wait, unlost, since what was billed for a month never holds them: the
//! bill says so, and the next one after it that is in their currency takes them. Whether they may
//! wait does not depend on what came late: they do if any closed month was billed in the currency
//! of the bill. If none was, and there is something to correct, the bill is refused with the
//! currency to bill in, since a wrong catalogue is likely, unless the change is said to be meant
//! ([`How::is_new_currency`]): then they wait, too. To price closed months anew is for those of the catalogue's currency; where
//! others may wait, they stay as they were priced, and the bill names both.
//!
//! To price them anew ([`How::is_rerating`]) is a preview: freezing a month has no such way. What is billed of a closed month is what its own
//! prices make of it, before and after, so a correction by other prices that was frozen once would be
//! taken back by the next bill.

use std::collections::BTreeMap;

use super::costs::share;
use super::error::{BilledBesides, MonthError};
use super::frozen::FrozenPrices;
use super::given::Given;
use super::monotone::check_closed;
use super::prices::Prices;
use super::purchases::Purchases;
use super::store_months::{owners_now, usage_of_closed};
use crate::billing::{
    Assumed, Bill, BillTerms, Charge, Differences, Makers, Status, assumed, assumed_since,
    corrections, costs,
};
use crate::registry::{Class, Registry, speaks_of};
use crate::report::{
    LeftAloneReport, MendedReport, RerateReport, WaitingReport, read_charges, read_summary,
};
use crate::store::{Close, Store};
use crate::summary::{Book, FrozenOwners, Owners};
use crate::units::{BillingMonth, Month, Zone};

/// Corrections of closed months: they are lines of the bill of the first month after all of them.
#[derive(Default)]
pub(super) struct Corrections {
    month: Option<Month>,
    /// The months that are closed.
    closed: Vec<Month>,
    found: Found,
    may_wait: bool,
    /// Where closed months were to be priced anew.
    pub(super) rerated: Option<RerateReport>,
}

/// What is said of closed months when a bill is asked for.
#[derive(Clone, Copy, Debug, Default)]
pub struct How {
    /// Whether they are priced anew, by the prices of the bill.
    pub is_rerating: bool,
    /// Whether the bill may be in a currency in which none of them was billed, so that their corrections wait.
    pub is_new_currency: bool,
}

/// What corrects closed months.
#[derive(Default)]
struct Found {
    lines: Vec<Charge>,
    /// Those in another currency than the bill's.
    waiting: Vec<Charge>,
    /// The wrong entries of the registry that some of the lines come from.
    mended: Vec<MendedReport>,
    /// What closed months have of usage of regions that are no zone, less what bills said of it.
    assumed: Vec<Assumed>,
}

/// What closed months are corrected from.
struct Closed<'a> {
    store: &'a Store,
    registry: &'a Registry,
    /// All lines that were ever billed for them.
    billed: Vec<Charge>,
    frozen: BTreeMap<Month, FrozenPrices>,
    /// The prices of the bill, and whether closed months are priced anew by them.
    prices: &'a Prices,
    is_rerating: bool,
    /// Whether those of other currencies than the bill's wait. Where they may not, pricing them anew says so.
    may_wait: bool,
    rows_max: usize,
}

impl Corrections {
    /// What the closed months of a store would cost now, less what was billed for them so far. They
    /// are priced as they were billed, or by the present prices if `how` says so. The purchases are followed
    /// through all months of the store.
    pub(super) fn find(
        given: &Given<'_>,
        purchases: &mut Purchases,
        (prices, how): (&Prices, How),
    ) -> Result<Self, MonthError> {
        let Given {
            store,
            registry,
            now_unix_secs,
            rows_max,
        } = *given;
        let mended = check_closed(store, registry, now_unix_secs)?;
        let closes = store.closes()?;
        let frozen = frozen_prices(store, &closes, purchases)?;
        let closed = Closed {
            store,
            registry,
            billed: all_billed(store, &closes)?,
            may_wait: how.is_new_currency
                || frozen
                    .values()
                    .any(|of| of.prices.is_in_currency_of(prices)),
            frozen,
            prices,
            is_rerating: how.is_rerating,
            rows_max,
        };
        purchases.follow(store, registry, |month| closed.prices_of(month), rows_max)?;
        let Some(last) = closes.iter().map(|close| close.terms.month).max() else {
            return Ok(Corrections::default());
        };
        let (mut found, mut differences) = (Found::default(), Differences::default());
        for close in &closes {
            closed.correct(close, purchases, &mut found, &mut differences)?;
        }
        let bill_of = |close: &Close| match closed.frozen.get(&close.terms.month) {
            Some(frozen) => Ok(Some((frozen.bill(store, close)?, frozen.prices.terms()))),
            None => Ok(None),
        };
        let closes = (store, &closes[..]);
        share(&mut found.lines, differences, closes, registry, bill_of)?;
        found.mended = tell_mended(&mut found.lines, &mended, registry);
        Ok(Corrections {
            month: last.next(),
            closed: closes.1.iter().map(|close| close.terms.month).collect(),
            found,
            may_wait: closed.may_wait,
            rerated: closed.rerated(),
        })
    }

    /// What is on a month's bill of it.
    pub(super) fn take(&mut self, month: Month) -> Result<Taken, MonthError> {
        if self.month != Some(month) {
            return Ok(Taken::default());
        }
        let found = std::mem::take(&mut self.found);
        // The bill refuses lines in another currency.
        if !self.may_wait && !found.waiting.is_empty() {
            return Ok(Taken {
                lines: found.waiting,
                ..Taken::default()
            });
        }
        Ok(Taken {
            waiting: waiting_reports(&found.waiting)?,
            rerated: self.rerated.clone(),
            lines: found.lines,
            mended: found.mended,
            assumed: found.assumed,
        })
    }

    /// The month whose bill corrects closed ones, and these.
    pub(super) fn corrects(&self) -> Option<(Month, Vec<Month>)> {
        Some((self.month?, self.closed.clone()))
    }

    /// The month whose bill is still to take lines.
    pub(super) fn waiting(&self) -> Option<Month> {
        self.month.filter(|_| !self.found.is_empty())
    }
}

impl Found {
    fn is_empty(&self) -> bool {
        self.lines.is_empty() && self.waiting.is_empty()
    }
}

impl Closed<'_> {
    /// What a month is priced by: what it was billed by, or the bill's own prices where that was asked for
    /// and they are in its currency.
    fn prices_of(&self, month: Month) -> &Prices {
        match self.frozen.get(&month) {
            Some(frozen) if !self.is_rerating || self.is_left_alone(frozen) => &frozen.prices,
            _ => self.prices,
        }
    }

    /// Whether a month is not to be priced anew by the prices of the bill.
    fn is_left_alone(&self, frozen: &FrozenPrices) -> bool {
        self.may_wait && !frozen.prices.is_in_currency_of(self.prices)
    }

    /// Which months are priced anew and which are not, where that was asked for.
    fn rerated(&self) -> Option<RerateReport> {
        let months = self.is_rerating.then(|| self.frozen.iter())?;
        let (left_alone, anew): (Vec<_>, Vec<_>) =
            months.partition(|(_, frozen)| self.is_left_alone(frozen));
        let left_alone = left_alone.into_iter();
        Some(RerateReport {
            priced_anew: anew.iter().map(|(month, _)| month.to_string()).collect(),
            left_alone: left_alone
                .map(|(month, frozen)| LeftAloneReport {
                    month: month.to_string(),
                    currency: frozen.prices.catalogue.currency.clone(),
                })
                .collect(),
        })
    }

    /// Adds what corrects a closed month to what was `found`.
    fn correct(
        &self,
        close: &Close,
        purchases: &mut Purchases,
        found: &mut Found,
        differences: &mut Differences,
    ) -> Result<(), MonthError> {
        let (month, zone) = (close.terms.month, close.terms.zone);
        let Some(frozen) = self.frozen.get(&month) else {
            return Ok(());
        };
        if self.is_as_billed(close, frozen, purchases)? {
            return Ok(());
        }
        let prices = self.prices_of(month);
        let usage = self.store.usage(month.slots(zone), self.rows_max)?;
        let book = Book::new(usage.table, usage.domains, self.registry, zone)?;
        let owners = owners_now(self.store, close, self.registry, &prices.terms())?;
        let accounts = book.months().flat_map(|usage| usage.accounts(&owners));
        let when = BillingMonth::new(month, zone);
        let now = purchases.bill(when, accounts, Vec::new(), prices)?;
        let mut lines = corrections(month, &self.billed, &now, &prices.catalogue)?;
        for line in lines.iter_mut() {
            if line.status == Status::NeedsReview && owners.was_unknown(&line.domain) {
                line.how = format!(
                    "nobody knew the domain when {month} was closed, so nothing of it was billed then; if it was \
                     settled all the same: {}",
                    line.how
                );
            }
        }
        if lines.is_empty() {
            return Ok(());
        }
        if !prices.is_in_currency_of(self.prices) {
            found.waiting.extend(lines);
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
        purchases: &Purchases,
    ) -> Result<bool, MonthError> {
        let slots = close.terms.month.slots(close.terms.zone);
        let is_corrected = |charge: &Charge| charge.corrects == Some(close.terms.month);
        Ok(!self.is_rerating
            && !purchases.has_packages()
            && frozen.extras == *purchases.digests()
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
    ) -> Result<Vec<Assumed>, MonthError> {
        let (store, month) = (self.store, close.terms.month);
        let summary = read_summary(&store.closed_folder(month, "summary")?)?;
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

/// What the bill of a month takes of corrections.
#[derive(Default)]
pub(super) struct Taken {
    /// Its lines.
    pub(super) lines: Vec<Charge>,
    /// The wrong entries of the registry that some of them come from.
    pub(super) mended: Vec<MendedReport>,
    /// What it says of usage of regions that are no zone.
    pub(super) assumed: Vec<Assumed>,
    /// What waits for a bill in its own currency.
    pub(super) waiting: Vec<WaitingReport>,
    /// Which closed months are priced anew, where that was asked for.
    pub(super) rerated: Option<RerateReport>,
}

/// What waits, month by month.
fn waiting_reports(waiting: &[Charge]) -> Result<Vec<WaitingReport>, MonthError> {
    let of_months = waiting.chunk_by(|a, b| a.corrects == b.corrects);
    let reports = of_months
        .map(WaitingReport::new)
        .collect::<Result<Vec<_>, _>>();
    Ok(reports?.into_iter().flatten().collect())
}

/// Adds to `differences` what each domain has now of the lines that correct a month, whose usage is in `book`.
fn add_now(
    differences: &mut Differences,
    lines: &[Charge],
    (now, terms): (&Bill, &BillTerms<'_>),
    (book, owners): (&Book, &dyn Owners),
) -> Result<(), MonthError> {
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
    purchases: &Purchases,
) -> Result<BTreeMap<Month, FrozenPrices>, MonthError> {
    let mut frozen = BTreeMap::new();
    for close in closes {
        let month = close.terms.month;
        let Some(of_month) = FrozenPrices::read(store, close)? else {
            continue;
        };
        let (then, now) = (&of_month.extras, purchases.digests());
        for (then, now, besides) in [
            (&then.events, &now.events, BilledBesides::Events),
            (&then.services, &now.services, BilledBesides::Services),
        ] {
            if !then.is_empty() && now.is_empty() {
                return Err(MonthError::NotGiven { month, besides });
            }
        }
        frozen.insert(month, of_month);
    }
    Ok(frozen)
}

/// All lines that were ever billed for closed months.
fn all_billed(store: &Store, closes: &[Close]) -> Result<Vec<Charge>, MonthError> {
    let mut billed = Vec::new();
    for close in closes
        .iter()
        .filter(|close| close.terms.catalogue_digest.is_some())
    {
        let folder = store.closed_folder(close.terms.month, "charges")?;
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

/// Months that have lines besides those of usage, in order: what was bought or counted in them by any of the
/// purchases, and corrections; of `only` that month if one is named.
pub(super) fn months_besides(
    purchases: &[&Purchases],
    corrections: &Corrections,
    only: Option<Month>,
    zone: Zone,
) -> Vec<Month> {
    let months = purchases
        .iter()
        .flat_map(|purchases| purchases.months(zone));
    let mut months: Vec<Month> = months.chain(corrections.waiting()).collect();
    months.retain(|month| only.is_none_or(|only| only == *month));
    months.sort_unstable();
    months.dedup();
    months
}
