//! A month is frozen: its usage, bill, prices and registry are kept in the store as they are, for good.

use super::bills::{Shown, freeze_bill};
use super::corrections::{Corrections, How};
use super::error::{FreezeError, MonthError};
use super::given::Given;
use super::monotone::{check_closed, freeze_registry};
use super::prices::Prices;
use super::publishing::holds_unknown;
use super::purchases::Purchases;
use super::watch::{Notice, Watch};
use crate::meter::Usage;
use crate::report::{BillReport, Terms, usage_digest, write_month};
use crate::store::{Close, CloseTerms, Closing, Lateness, Store, StoreError};
use crate::summary::Book;
use crate::units::{BillingMonth, Factor, Month, SLOT_SECS, Timestamp, Zone};

/// Logs go on growing for two to three hours after the traffic (R63).
const WAIT_HOURS: u32 = 3;

/// A month that is being frozen; dropped before it is finished, it stays open.
#[derive(Debug)]
pub struct Freezing<'a> {
    given: Given<'a>,
    month: Month,
    closing: Closing<'a>,
    book: Book,
    /// How late the bytes of the month came, by format.
    pub lateness: Vec<Lateness>,
}

/// The bill that is frozen with a month.
#[derive(Debug)]
pub struct FrozenBill {
    /// What there is to say of it.
    pub report: BillReport,
    /// Whether anything was bought or counted in the month, be it for nothing.
    pub is_bought: bool,
}

/// The usage that is frozen with a month.
#[derive(Debug)]
pub struct FrozenUsage {
    /// What the month is closed with.
    pub terms: CloseTerms,
    /// Whether there is traffic of domains that the registry does not know.
    pub has_unknown: bool,
}

impl<'a> Freezing<'a> {
    /// Begins to freeze a month, which may still grow if `is_early`.
    ///
    /// Errors: [`FreezeError`].
    pub fn begin(given: Given<'a>, month: Month, is_early: bool) -> Result<Self, FreezeError> {
        let (store, zone) = (given.store, given.registry.zone());
        if !store.set_aside()?.is_empty() {
            return Err(FreezeError::SetAside);
        }
        let closing = store.begin_close(month, zone)?;
        if !is_early {
            check_ended(month, zone, given.now_unix_secs)?;
        }
        let checked = check_closed(store, given.registry, given.now_unix_secs);
        checked.map_err(MonthError::from)?;
        let slots = month.slots(zone);
        let lateness = store.lateness(slots.clone())?;
        let usage = store.usage(slots, given.rows_max)?;
        let book = Book::new(usage.table, usage.domains, given.registry, zone);
        Ok(Freezing {
            given,
            month,
            closing,
            book: book.map_err(MonthError::from)?,
            lateness,
        })
    }

    /// Whether the month has any usage.
    pub fn has_usage(&self) -> bool {
        !self.book.month(self.month).rows.is_empty()
    }

    /// Prices the month, corrections of closed ones included, and keeps its bill.
    ///
    /// Errors: [`MonthError`].
    pub fn bill(
        &self,
        prices: &Prices,
        mut purchases: Purchases,
        is_new_currency: bool,
        watch: &dyn Watch,
    ) -> Result<FrozenBill, MonthError> {
        let (store, usage) = (self.given.store, self.book.month(self.month));
        let how = How {
            is_rerating: false,
            is_new_currency,
        };
        let corrections = Corrections::find(&self.given, &mut purchases, (prices, how))?;
        tell_open(store, &purchases, usage.billing_month(), watch)?;
        // What costs nothing has no line, and is closed all the same: its fee would rewrite the month.
        let is_bought = purchases.months(usage.zone).contains(&usage.month);
        let mut shown = Shown::default();
        shown.note_gaps(store)?;
        let report = freeze_bill(
            (prices, &mut purchases),
            usage,
            self.given.registry,
            (corrections, &shown),
            |dataset| self.closing.folder(dataset),
        )?;
        Ok(FrozenBill { report, is_bought })
    }

    /// Keeps the month's usage by these factors, of the log to the bill and of sampling, and what the registry says;
    /// `prices` are those of its bill, if it has one.
    ///
    /// Errors: [`MonthError`].
    pub fn freeze_usage(
        &self,
        (overhead, sampling): (Factor, Factor),
        prices: Option<&Prices>,
    ) -> Result<FrozenUsage, MonthError> {
        let (registry, usage) = (self.given.registry, self.book.month(self.month));
        let terms = Terms {
            registry,
            overhead,
            sampling,
        };
        let folders = ["summary", "usage_5min"].map(|dataset| self.closing.folder(dataset));
        let rows = write_month(&usage, &terms, &folders[0], &folders[1])?;
        freeze_registry(registry, &self.closing.folder("registry"))?;
        let mut total = Usage::default();
        rows.iter().try_for_each(|row| total.add(&row.usage))?;
        Ok(FrozenUsage {
            has_unknown: holds_unknown(&rows),
            terms: CloseTerms {
                month: usage.month,
                zone: usage.zone,
                registry_digest: registry.digest(),
                catalogue_digest: prices.map(|prices| prices.catalogue.digest().to_owned()),
                usage_digest: usage_digest(&rows),
                overhead_factor: overhead.to_string(),
                sampling_factor: sampling.to_string(),
                usage: total,
            },
        })
    }

    /// Closes the month with all that was kept.
    ///
    /// Errors: [`StoreError`]; the month is not closed then.
    pub fn finish(self, terms: CloseTerms) -> Result<Close, StoreError> {
        self.closing.finish(terms)
    }
}

/// Tells of months before a month that have something to bill and are open: until they are closed, what changes
/// in them rewrites their bills.
fn tell_open(
    store: &Store,
    purchases: &Purchases,
    when: BillingMonth,
    watch: &dyn Watch,
) -> Result<(), MonthError> {
    let closes = store.closes()?;
    let mut months = [store.months(when.zone)?, purchases.months(when.zone)].concat();
    months.retain(|of| *of < when.month && closes.iter().all(|close| close.terms.month != *of));
    months.sort_unstable();
    months.dedup();
    for open in months {
        watch.tell(&Notice::StillOpen(open));
    }
    Ok(())
}

/// Refuses a month that may still grow.
fn check_ended(month: Month, zone: Zone, now_unix_secs: i64) -> Result<(), FreezeError> {
    let end = month.slots(zone).end;
    let safe = i64::from(end) * i64::from(SLOT_SECS) + i64::from(WAIT_HOURS) * 3_600;
    if safe <= now_unix_secs {
        return Ok(());
    }
    Err(FreezeError::Growing {
        month,
        hours: WAIT_HOURS,
        safe: Timestamp::from_unix_secs(safe).map_or_else(String::new, Timestamp::rfc3339),
    })
}
