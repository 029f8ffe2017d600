//! A line of a bill down to its rules, its price and its usage.
//!
//! The usage behind a line is that which it was billed for, by the terms by which it was billed: of a closed
//! month what was frozen, by the catalogue, mode, policy of regions and registry of then, whatever holds today.
//! A correction is explained from both sides: less what the month was closed with, and what corrections
//! told before it, plus what counts now, by the registry of now. Where what counts changed again since its
//! bill was closed, that is told, too, so that the parts always add up to the bytes of the line.

use super::error::MonthError;
use super::frozen::FrozenPrices;
use super::given::Given;
use super::prices::Prices;
use super::store_months::{owners_now, usage_of_closed};
use crate::billing::{BillTerms, Charge, Status, parts_of};
use crate::report::{read_charges, read_summary};
use crate::store::Close;
use crate::summary::{Book, FrozenOwners, Owners};
use crate::units::Month;

/// Lines that are explained at most.
const LINES_MAX: usize = 50;

/// A line that is to be explained, and the month of the bill on which it is.
#[derive(Debug)]
pub struct Found {
    /// The line.
    pub charge: Charge,
    /// The month of its bill.
    pub bill: Month,
}

/// What bytes of a line are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// Usage that was frozen with a closed month.
    Closed,
    /// What earlier bills corrected.
    Corrected,
    /// Usage that counts now.
    Now,
    /// What changed after the bill of the line was closed.
    Since,
}

impl Side {
    /// Its name in JSON.
    pub const fn name(self) -> &'static str {
        match self {
            Side::Closed => "closed",
            Side::Corrected => "corrected",
            Side::Now => "now",
            Side::Since => "since",
        }
    }
}

/// Bytes of which a line is made: less than 0 where they are taken off.
#[derive(Debug)]
pub struct Part {
    /// What they are.
    pub side: Side,
    /// Domain and region; empty for what is not of one.
    pub place: (String, &'static str),
    /// How many.
    pub bytes: i128,
}

/// A line, and what it is made of; nothing for what is not made of bytes.
#[derive(Debug)]
pub struct Explained {
    /// The line.
    pub charge: Charge,
    /// The month of its bill.
    pub bill: Month,
    /// What it is made of, as far as that is bytes.
    pub parts: Vec<Part>,
}

/// What lines are explained from.
#[derive(Debug)]
pub struct Sources<'a> {
    /// The store, and whose its domains are.
    pub given: Given<'a>,
    /// By which open months are priced.
    pub prices: &'a Prices,
    /// Whether they correct closed months, too.
    pub is_rerating: bool,
}

/// Explains lines.
///
/// Errors: [`MonthError`].
pub fn explained(found: Vec<Found>, by: &Sources<'_>) -> Result<Vec<Explained>, MonthError> {
    let lines = found.into_iter().take(LINES_MAX);
    let lines = lines.map(|Found { charge, bill }| Explained {
        charge,
        bill,
        parts: Vec::new(),
    });
    let mut lines: Vec<Explained> = lines.collect();
    lines.sort_by_key(|line| line.charge.month());
    let closes = by.given.store.closes()?;
    for lines in lines.chunk_by_mut(|a, b| a.charge.month() == b.charge.month()) {
        let month = lines[0].charge.month();
        match closes.iter().find(|close| close.terms.month == month) {
            None => {
                let book = by.book_now(month)?;
                let usage = (&book, by.given.registry as &dyn Owners);
                add_usage(lines, usage, (&by.prices.terms(), Side::Now), |_| 1)?;
            }
            Some(close) => explain_closed(lines, by, &closes, close)?,
        }
    }
    Ok(lines)
}

impl Sources<'_> {
    /// The usage of a month that counts now.
    fn book_now(&self, month: Month) -> Result<Book, MonthError> {
        let Given {
            store,
            registry,
            rows_max,
            ..
        } = self.given;
        let zone = registry.zone();
        let usage = store.usage(month.slots(zone), rows_max)?;
        Ok(Book::new(usage.table, usage.domains, registry, zone)?)
    }
}

/// Explains the lines of a closed month, and those that correct it.
fn explain_closed(
    lines: &mut [Explained],
    by: &Sources<'_>,
    closes: &[Close],
    close: &Close,
) -> Result<(), MonthError> {
    let (store, month) = (by.given.store, close.terms.month);
    let frozen = FrozenPrices::read(store, close)?;
    let frozen = frozen.as_ref().map_or(by.prices, |frozen| &frozen.prices);
    let summary = read_summary(&store.closed_folder(month, "summary")?)?;
    let owners = FrozenOwners::new(&summary, by.given.registry);
    let book = usage_of_closed(store, close, &owners)?;
    // A correction takes off what was frozen, and makes it anew of what counts now.
    let by_frozen = (&frozen.terms(), Side::Closed);
    add_usage(lines, (&book, &owners), by_frozen, |charge| {
        match (charge.corrects, charge.status) {
            (None, _) => 1,
            (Some(_), Status::Charged) => -1,
            // What may be asked for is of usage that stays billed.
            (Some(_), Status::NeedsReview) => 0,
        }
    })?;
    if lines.iter().all(|line| line.charge.corrects.is_none()) {
        return Ok(());
    }
    // Months of other currencies are not rerated.
    let now = match by.is_rerating && frozen.is_in_currency_of(by.prices) {
        true => by.prices,
        false => frozen,
    };
    let owners = owners_now(store, close, by.given.registry, &now.terms())?;
    let usage = (&by.book_now(month)?, &owners as &dyn Owners);
    let by_now = (&now.terms(), Side::Now);
    add_usage(lines, usage, by_now, |charge| {
        charge.corrects.is_some().into()
    })?;
    let mut billed = Vec::new();
    for close in closes
        .iter()
        .filter(|close| close.terms.catalogue_digest.is_some())
    {
        let bill = close.terms.month;
        let charges = read_charges(&store.closed_folder(bill, "charges")?, close.terms.zone)?;
        let of_month = charges.charges.into_iter();
        let of_month = of_month.filter(|charge| charge.month() == month);
        billed.extend(of_month.map(|charge| Found { charge, bill }));
    }
    let is_closed = |bill| closes.iter().any(|close| close.terms.month == bill);
    let is_correction = |line: &&mut Explained| {
        line.charge.corrects.is_some() && line.charge.status == Status::Charged
    };
    for line in lines.iter_mut().filter(is_correction) {
        line.add_other_bills(&billed, is_closed(line.bill));
    }
    Ok(())
}

/// Adds the usage that lines are made of, as often as `times` says of a line: 1, 0, or -1 where it is taken
/// off.
fn add_usage(
    lines: &mut [Explained],
    (book, owners): (&Book, &dyn Owners),
    (terms, side): (&BillTerms<'_>, Side),
    times: fn(&Charge) -> i128,
) -> Result<(), MonthError> {
    for used in book.months().flat_map(|usage| usage.accounts(owners)) {
        let used = used?;
        for Explained { charge, parts, .. } in &mut *lines {
            let times = times(charge);
            if times == 0 || charge.account != used.account {
                continue;
            }
            let usage = parts_of(charge, &used, terms)?.into_iter();
            parts.extend(usage.map(|(domain, region, bytes)| Part {
                side,
                place: (domain, region.name()),
                bytes: times * i128::from(bytes),
            }));
        }
    }
    Ok(())
}

impl Explained {
    /// Adds to a correction what other corrections of the same told, all of `billed` for the month that they
    /// correct; `is_closed` says whether its own bill is.
    fn add_other_bills(&mut self, billed: &[Found], is_closed: bool) {
        if !self.charge.item.is_of_logs() {
            return;
        }
        let of_same = || billed.iter().filter(|of| of.charge.is_same(&self.charge));
        let of_closed = || of_same().filter(|of| of.charge.corrects.is_none());
        let earlier = of_same().filter(|of| of.charge.corrects.is_some() && of.bill < self.bill);
        let earlier: Vec<_> = earlier.map(|of| (of.bill, of.charge.bytes)).collect();
        let frozen: i128 = of_closed().map(|of| of.charge.bytes).sum();
        let sum = |side| -> i128 {
            let of_side = self.parts.iter().filter(|part| part.side == side);
            of_side.map(|part| part.bytes).sum()
        };
        // Where packages paid for a part, the parts are of all of the day, and nothing follows from their sum.
        let is_whole = sum(Side::Closed) == -frozen;
        self.parts
            .extend(earlier.into_iter().map(|(bill, bytes)| Part {
                side: Side::Corrected,
                place: (format!("the bill of {bill}"), ""),
                bytes: -bytes,
            }));
        let told: i128 = self.parts.iter().map(|part| part.bytes).sum();
        let since = self.charge.bytes - told;
        if is_closed && is_whole && since != 0 {
            self.parts.push(Part {
                side: Side::Since,
                place: (format!("after the bill of {}", self.bill), ""),
                bytes: since,
            });
        }
    }
}
