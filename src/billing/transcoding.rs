//! Transcoding packages: which begun minutes they pay for, and what is left of them.
//!
//! | kind | pays for | its minutes are those of |
//! |---|---|---|
//! | `standard` | `h264-…`, `h265-…`, `audio` | `h264-480p` |
//! | `top-speed` | `top-speed-…` | `top-speed-h264-480p` |
//!
//! They pay for transcoding of standard, low latency and mini-program live alike, and for nothing of video
//! on demand. A minute of another class takes as many minutes of a package as its price is of the price of
//! the package's own class. Such a quotient may have no end (0.1256 / 0.066), so what is left is kept as
//! what it is worth, minutes × price of the own class on the day of the purchase, and a minute takes its
//! own price of the day: exact, and the same while the price of the own class stays, which it always has.
//!
//! Packages are valid like those of traffic, do not extend each other, and the earliest expiry pays first.
//! Where less is left than a day takes, it pays for as many whole minutes as it can; the others are priced.
//! No source says which class of a day is paid first: here it is the order of their names.
//!
//! Pure: what was bought and all that was counted in, what was paid in a month out. What is left when a
//! month begins is worked out anew from the first purchase on, every month by the prices that it is billed
//! by itself: what packages paid in a closed month stays what it was, whatever later catalogues say.
//!
//! Source: 267/34174, standard and top-speed transcoding packages (texts of 2020 and 2022; read 2026-11).

use std::collections::BTreeMap;
use std::ops::Range;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, Item, Price};
use super::charge::{Bought, Charge};
use super::error::BillingError;
use super::exact::{Amount, Inexact, QUANTITY_PLACES, product, quotient, sum};
use super::metered::{Metered, Service};
use super::text;
use crate::units::{BillingMonth, Month, Region, Timestamp, a_year_from, day_text};

const MINUTES_PER_HOUR: u32 = 60;

/// What a package pays for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// Standard transcoding, and transcoding to audio alone.
    Standard,
    /// Transcoding at top speed.
    TopSpeed,
}

impl Kind {
    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Kind::Standard => "standard",
            Kind::TopSpeed => "top-speed",
        }
    }

    /// The variant of transcoding whose minutes a package holds.
    const fn own_class(self) -> &'static str {
        match self {
            Kind::Standard => "h264-480p",
            Kind::TopSpeed => "top-speed-h264-480p",
        }
    }

    /// The kind that pays for a variant of transcoding.
    fn of_variant(variant: &str) -> Self {
        match variant.starts_with("top-speed-") {
            true => Kind::TopSpeed,
            false => Kind::Standard,
        }
    }
}

/// A package that was bought.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Who bought it.
    pub account: String,
    /// When: it pays for all of that day.
    pub at: Timestamp,
    /// What it pays for.
    pub kind: Kind,
    /// Its size.
    pub hours: u32,
    /// What it cost, where it was not the catalogue's price.
    pub fee: Option<Decimal>,
}

/// A package of an account.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Whose it is.
    pub account: String,
    /// What it pays for.
    pub kind: Kind,
    /// Its size.
    pub hours: u32,
    /// The day on which it was bought, and all others for which it pays.
    pub days: Range<i32>,
    /// What one of its minutes is worth.
    price: Decimal,
    /// What is left of it, minutes × price.
    worth: Decimal,
}

impl Package {
    /// Whole minutes of its own class that are left.
    ///
    /// Errors: [`Inexact`].
    pub fn minutes_left(&self) -> Result<i128, Inexact> {
        quotient(self.worth, self.price)
    }

    /// The first day on which it pays no more, such as `2027-10-01`.
    pub fn until_text(&self) -> String {
        day_text(self.days.end)
    }

    /// Takes what whole minutes at `price` are worth, of `minutes` as many as it can; answers how many.
    fn pay(&mut self, minutes: Decimal, price: Decimal) -> Result<Decimal, Inexact> {
        let most = quotient(self.worth, price)?;
        let paid = Decimal::try_from_i128_with_scale(most, 0).map_err(|_| Inexact)?;
        let paid = paid.min(minutes.floor());
        self.worth = sum(self.worth, -product(paid, price)?)?;
        Ok(paid)
    }
}

/// Minutes of one class and day: day, account, variant, zone.
type Place<'a> = (i32, &'a str, &'a str, Region);

/// What packages paid of the transcoding of a month.
#[derive(Debug, Default)]
pub struct Paid {
    minutes: BTreeMap<(i32, String, String, Region), Decimal>,
    /// Lines of nothing, each of which says what was paid.
    pub lines: Vec<Charge>,
    /// The packages when the month ends, of all accounts, those first that pay first.
    pub packages: Vec<Package>,
}

impl Paid {
    /// Minutes that packages paid of those that `record` is of.
    pub(super) fn minutes_of(&self, record: &Metered) -> Decimal {
        if record.service != Service::Transcoding || self.minutes.is_empty() {
            return Decimal::ZERO;
        }
        let (account, variant) = (record.account.clone(), record.variant.clone());
        let paid = self
            .minutes
            .get(&(record.day, account, variant, record.zone));
        paid.copied().unwrap_or_default()
    }
}

/// What packages paid of a month, after all that they paid before it; `catalogue_of` tells what each month is
/// billed by.
///
/// Errors: [`BillingError`], where a catalogue has no price of a class, or a number is too large.
pub fn paid<'c>(
    purchases: &[Purchase],
    metered: &[Metered],
    when: BillingMonth,
    catalogue_of: impl Fn(Month) -> &'c Catalogue,
) -> Result<Paid, BillingError> {
    let catalogue_of_day = |day: i32| catalogue_of(Month::of_day(day));
    let end = when.month.all_days().end;
    let mut paid = Paid::default();
    for purchase in purchases {
        let day = purchase.at.slot().day(when.zone);
        if day < end {
            let package = package(purchase, day, catalogue_of_day(day))?;
            paid.packages.push(package);
        }
    }
    // Of equal expiry the earlier purchase pays first, then the first in the file.
    paid.packages
        .sort_by_key(|package| (package.days.end, package.days.start));
    for (place, minutes) in minutes_before(end, &paid.packages, metered, catalogue_of_day)? {
        paid.pay(place, minutes, when.month, catalogue_of_day(place.0))?;
    }
    Ok(paid)
}

/// A package of which nothing was used yet, bought on `day`.
fn package(purchase: &Purchase, day: i32, catalogue: &Catalogue) -> Result<Package, BillingError> {
    let days = a_year_from(day);
    let price = price_of(
        catalogue,
        purchase.kind.own_class(),
        Region::Mainland,
        days.start,
    )?;
    let (price, minutes) = (
        price.tiers[0].price,
        u64::from(purchase.hours) * u64::from(MINUTES_PER_HOUR),
    );
    Ok(Package {
        account: purchase.account.clone(),
        kind: purchase.kind,
        hours: purchase.hours,
        days,
        price,
        worth: product(minutes.into(), price)?,
    })
}

/// The price of a minute of a class, which is flat, as prices of variants are.
fn price_of<'a>(
    catalogue: &'a Catalogue,
    variant: &str,
    zone: Region,
    day: i32,
) -> Result<&'a Price, BillingError> {
    Ok(catalogue.price_of(Item::Transcoding, variant, zone, day)?)
}

/// Begun minutes of days before `end` on which their account has a package, in the order of payment.
fn minutes_before<'a, 'c>(
    end: i32,
    packages: &[Package],
    metered: &'a [Metered],
    catalogue_of_day: impl Fn(i32) -> &'c Catalogue,
) -> Result<BTreeMap<Place<'a>, Decimal>, BillingError> {
    let mut minutes = BTreeMap::new();
    if packages.is_empty() {
        return Ok(minutes);
    }
    for record in metered {
        let is_meant = record.service == Service::Transcoding && record.day < end;
        let has_package = |package: &Package| {
            package.account == record.account && package.days.contains(&record.day)
        };
        if !is_meant || !packages.iter().any(has_package) {
            continue;
        }
        let catalogue = catalogue_of_day(record.day);
        let price = price_of(catalogue, &record.variant, record.zone, record.day)?;
        let place = (
            record.day,
            &record.account[..],
            &record.variant[..],
            record.zone,
        );
        let of_place: &mut Decimal = minutes.entry(place).or_default();
        *of_place = sum(*of_place, price.units(record.quantity.into())?)?;
    }
    Ok(minutes)
}

impl Paid {
    /// Pays for minutes of a class and day; what is paid of `month` is noted.
    fn pay(
        &mut self,
        place: Place<'_>,
        minutes: Decimal,
        month: Month,
        catalogue: &Catalogue,
    ) -> Result<(), BillingError> {
        let (day, account, variant, zone) = place;
        let price = price_of(catalogue, variant, zone, day)?;
        let kind = Kind::of_variant(variant);
        let (mut left, mut parts, mut taken) = (minutes, Vec::new(), Decimal::ZERO);
        for package in &mut self.packages {
            let is_its = package.account == account && package.kind == kind;
            if !is_its || !package.days.contains(&day) || price.tiers[0].price.is_zero() {
                continue;
            }
            let paid = package.pay(left, price.tiers[0].price)?;
            if paid.is_zero() {
                continue;
            }
            left = sum(left, -paid)?;
            let worth = Amount::new(product(paid, price.tiers[0].price)?);
            taken = sum(taken, worth.over(package.price, QUANTITY_PLACES)?)?;
            parts.push(format!(
                "{} by the {} h bought on {} ({} min of {} left)",
                paid.normalize(),
                package.hours,
                day_text(package.days.start),
                package.minutes_left()?,
                kind.own_class(),
            ));
        }
        if Month::of_day(day) != month || parts.is_empty() {
            return Ok(());
        }
        let paid = sum(minutes, -left)?;
        let mut line = Charge::of(price, catalogue, account, day..day + 1);
        line.item = Item::PackageTranscoding;
        line.zone = (!price.zones.is_empty()).then_some(zone);
        line.quantity = paid;
        line.package_quantity = Some(taken);
        line.how = format!(
            "{} of {} begun {} at {} each {} paid by {} transcoding packages: {}",
            paid.normalize(),
            minutes.normalize(),
            text::minutes(minutes),
            price.tiers[0].price.normalize(),
            if paid == Decimal::ONE { "is" } else { "are" },
            kind.name(),
            parts.join(", "),
        );
        self.lines.push(line);
        let place = (day, account.to_owned(), variant.to_owned(), zone);
        self.minutes.insert(place, paid);
        Ok(())
    }
}

impl Bought for Purchase {
    fn at(&self) -> Timestamp {
        self.at
    }

    fn line(&self, day: i32, catalogue: &Catalogue) -> Result<Charge, BillingError> {
        let size = format!("{}-{}h", self.kind.name(), self.hours);
        let item = Item::TranscodingPackage;
        let mut charge = Charge::purchase(item, &size, &self.account, day, self.fee, catalogue)?;
        charge.cite(&["R47"]);
        charge.how = format!(
            "{} transcoding package of {} h of {}, valid to {}, exclusive",
            self.kind.name(),
            self.hours,
            self.kind.own_class(),
            day_text(a_year_from(day).end),
        );
        Ok(charge)
    }
}

#[cfg(test)]
mod tests;
