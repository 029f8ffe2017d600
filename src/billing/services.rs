//! Value-added services: charges of what other meters counted, since no log of playback tells it.
//!
//! Pure: records in, charges out. What a service costs and how much of it is free or counted as begun is
//! data of the catalogue; how the records of a day or month become one quantity is here. Charges of a
//! month are priced as on its last day.
//!
//! | service | settled by | a record is | records become |
//! |---|---|---|---|
//! | transcoding, live | day | seconds of one output | their begun minutes, added up |
//! | recording | month | the most channels at a time of a day, each format one | the most of the month |
//! | screenshots, porn detection | month | pictures | their sum |
//! | mobile live SDK | purchase | licences | their sum |
//! | VOD storage | day | the most bytes of a day | the most |
//! | VOD traffic | day | bytes | their sum |
//! | VOD transcoding, VOD editing | day | seconds of one output | their begun minutes, added up |
//! | IM plan | purchase | months | their sum |
//! | IM over-use | month | users or groups beyond the plan | the most of the month |
//!
//! Transcoding is begun by playback, a watermark by pushing and mixing by a signal: outputs of the last
//! two are records even if nobody watched them. Pictures that are looked at for pornography are records
//! of screenshots as well. Packages pay for transcoding of live streams before anything of it is priced
//! (see [`super::transcoding`]).
//!
//! Files are transcoded to classes of their own: by their shorter side alone (see [`vod_variant`]). An
//! adaptive stream is one record for each of its sizes, and an edited file one of what comes out of it.
//! `remux` and `audio` are transcoding, too. What else video on demand does (retrieval from an archive,
//! recognition of pictures and speech) is in no catalogue that ships.
//!
//! Source: BILLING §3 (267/39889, 267/52708, 267/39172, 267/52707, 454/8008, 266/2838, 266/14666, 269/40267; read
//! 2026-11); that monthly figures of instant messaging are the most of the calendar month is documented
//! (269, the price page).

use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, Days, Price};
use super::charge::Charge;
use super::error::BillingError;
use super::exact::{Amount, Inexact, product, sum};
use super::text;
use super::tiers;
use super::transcoding::Paid;
use crate::units::{Bytes, Month};

pub use super::metered::{AUDIO, Codec, Metered, Service, transcoding_variant, vod_variant};

/// What is settled together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Period {
    Day,
    Month,
}

/// How the records of a period become one quantity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fold {
    Sum,
    SumOfUnits,
    Most,
}

impl Service {
    const fn terms(self) -> (Period, Fold) {
        match self {
            Service::Transcoding | Service::VodTranscoding | Service::VodEditing => {
                (Period::Day, Fold::SumOfUnits)
            }
            Service::VodStorage => (Period::Day, Fold::Most),
            Service::MobileLicence | Service::VodTraffic | Service::ImPlan => {
                (Period::Day, Fold::Sum)
            }
            Service::Screenshot | Service::PornDetection => (Period::Month, Fold::Sum),
            Service::Recording | Service::ImOverUse => (Period::Month, Fold::Most),
        }
    }

    /// A quantity in the unit that is priced.
    fn priced(self, quantity: u64) -> Decimal {
        match self {
            Service::VodStorage | Service::VodTraffic => {
                Bytes::new(quantity).to_gigabytes().as_decimal()
            }
            _ => quantity.into(),
        }
    }
}

/// The charges of what was used in a month, by account, service, variant, zone and day; what is not of
/// the month is left out. Nothing used is no line, nor is what packages `paid`.
///
/// Errors: [`BillingError`] where the catalogue has no price, or a number is too large.
pub fn charges(
    metered: &[Metered],
    month: Month,
    catalogue: &Catalogue,
    paid: &Paid,
) -> Result<Vec<Charge>, BillingError> {
    let days = month.all_days();
    let mut groups: BTreeMap<_, Vec<&Metered>> = BTreeMap::new();
    for record in metered {
        if record.quantity == 0 || !days.contains(&record.day) {
            continue;
        }
        let start = match record.service.terms().0 {
            Period::Day => record.day,
            Period::Month => days.start,
        };
        let key = (
            &record.account,
            record.service,
            &record.variant,
            record.zone,
            start,
        );
        groups.entry(key).or_default().push(record);
    }
    let mut charges = Vec::new();
    for records in groups.values() {
        charges.extend(settled(records, &days, catalogue, paid)?);
    }
    Ok(charges)
}

/// The charges of records that are settled together, of which there is at least one.
fn settled(
    records: &[&Metered],
    month: &Days,
    catalogue: &Catalogue,
    paid: &Paid,
) -> Result<Vec<Charge>, BillingError> {
    let Some(first) = records.first() else {
        return Ok(Vec::new());
    };
    let service = first.service;
    let (days, priced_on) = match service.terms().0 {
        Period::Day => (first.day..first.day + 1, first.day),
        Period::Month => (month.clone(), month.end - 1),
    };
    let price = catalogue.price_of(service.item(), &first.variant, first.zone, priced_on)?;
    let by_packages = paid.minutes_of(first);
    let units = sum(units(records, price)?, -by_packages)?;
    let quantity = quantity(records)?;
    let beyond = match by_packages.is_zero() {
        true => String::new(),
        false => format!(
            ", {} begun {} paid by packages",
            by_packages.normalize(),
            text::minutes(by_packages)
        ),
    };
    let of_month = part_of_month(records, month, price);
    let parts = tiers::price(price.model, &price.tiers, units)?.into_iter();
    let charge = |part: tiers::Priced| {
        let mut charge = Charge::of(price, catalogue, &first.account, days.clone());
        charge.zone = (!price.zones.is_empty()).then_some(first.zone);
        charge.quantity = part.quantity;
        charge.unit_price = part.price;
        charge.how = format!(
            "{quantity} {}{beyond}: {} × {}",
            service.counted(),
            part.quantity.normalize(),
            part.price.normalize()
        );
        if matches!(service, Service::VodStorage | Service::VodTraffic) {
            charge.bytes = quantity.into();
        }
        let Some((used, all)) = of_month else {
            charge.amount = Amount::new(part.amount);
            return Ok(charge);
        };
        charge.amount = Amount::ratio(product(part.amount, used.into())?, all);
        charge.how = format!("{} × {used} of {all} days", charge.how);
        Ok(charge)
    };
    parts.map(charge).collect()
}

/// Days with usage and days of the month, where the price is of a whole month.
fn part_of_month(records: &[&Metered], month: &Days, price: &Price) -> Option<(u32, u32)> {
    let mut days: Vec<i32> = records.iter().map(|record| record.day).collect();
    days.sort_unstable();
    days.dedup();
    let used = u32::try_from(days.len()).ok()?;
    price.by_days.then(|| (used, month.len() as u32))
}

/// Units that are priced of all records.
fn units(records: &[&Metered], price: &Price) -> Result<Decimal, Inexact> {
    let Some(first) = records.first() else {
        return Ok(Decimal::ZERO);
    };
    match first.service.terms().1 {
        Fold::SumOfUnits => records.iter().try_fold(Decimal::ZERO, |units, record| {
            sum(units, price.units(record.service.priced(record.quantity))?)
        }),
        Fold::Sum | Fold::Most => price.units(first.service.priced(quantity(records)?)),
    }
}

/// What was metered of all records.
fn quantity(records: &[&Metered]) -> Result<u64, Inexact> {
    let mut quantities = records.iter().map(|record| record.quantity);
    match records.first().map(|record| record.service.terms().1) {
        Some(Fold::Most) => Ok(quantities.max().unwrap_or(0)),
        _ => quantities
            .try_fold(0_u64, |sum, quantity| sum.checked_add(quantity))
            .ok_or(Inexact),
    }
}

impl Service {
    /// What its records count.
    const fn counted(self) -> &'static str {
        match self {
            Service::Transcoding | Service::VodTranscoding | Service::VodEditing => "seconds",
            Service::Recording => "channels at a time",
            Service::Screenshot | Service::PornDetection => "pictures",
            Service::MobileLicence => "licences",
            Service::VodStorage => "B at a time",
            Service::VodTraffic => "B",
            Service::ImPlan => "months",
            Service::ImOverUse => "beyond the plan",
        }
    }
}

#[cfg(test)]
mod tests;
