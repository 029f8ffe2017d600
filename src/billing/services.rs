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

use super::catalogue::{Catalogue, Days, Item, Price};
use super::charge::Charge;
use super::error::BillingError;
use super::exact::{Amount, Inexact, product, sum};
use super::text;
use super::tiers;
use super::transcoding::Paid;
use crate::units::{Bytes, Month, Region};

/// A service that is charged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Service {
    /// Variants: see [`transcoding_variant`] and [`AUDIO`]. Seconds.
    Transcoding,
    /// Channels.
    Recording,
    /// Pictures.
    Screenshot,
    /// Pictures.
    PornDetection,
    /// Variants: `basic`, `enterprise`. Licences of a year; what comes with a traffic package is none.
    MobileLicence,
    /// Variants: none, or `infrequent`, `archive`, `deep-archive`; in the mainland or overseas. Bytes.
    VodStorage,
    /// In a zone. Bytes.
    VodTraffic,
    /// Variants: see [`vod_variant`], [`AUDIO`], and `remux`. Seconds.
    VodTranscoding,
    /// Variants: see [`vod_variant`]. Seconds.
    VodEditing,
    /// Variants: `trial`, `pro`, `flagship`. Months.
    ImPlan,
    /// Variants: `users` (of a day, active), `groups`. What is beyond the plan.
    ImOverUse,
}

/// The variant of transcoding to audio alone.
pub const AUDIO: &str = "audio";

/// What video is coded with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Codec {
    /// H.264.
    H264,
    /// H.265.
    H265,
    /// H.264 at top speed.
    TopSpeedH264,
    /// H.265 at top speed.
    TopSpeedH265,
}

impl Codec {
    const fn name(self) -> &'static str {
        match self {
            Codec::H264 => "h264",
            Codec::H265 => "h265",
            Codec::TopSpeedH264 => "top-speed-h264",
            Codec::TopSpeedH265 => "top-speed-h265",
        }
    }
}

/// What a meter counted.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Metered {
    /// Who used it.
    pub account: String,
    /// What.
    pub service: Service,
    /// Which of it, see [`Service`]; empty where there is only one.
    pub variant: String,
    /// Where, for services whose price depends on it; else the mainland.
    pub zone: Region,
    /// When: a day since 1970-01-01 by the billing clock.
    pub day: i32,
    /// How much, in the unit that [`Service`] tells.
    pub quantity: u64,
}

/// The variant of video of a size in pixels, such as `h264-720p`: the smallest class that holds its
/// long and its short side.
pub fn transcoding_variant(codec: Codec, width: u32, height: u32) -> String {
    const CLASSES: [(u32, u32, &str); 4] = [
        (640, 480, "480p"),
        (1280, 720, "720p"),
        (1936, 1088, "1080p"),
        (2560, 1440, "2k"),
    ];
    let (long, short) = (width.max(height), width.min(height));
    let class = CLASSES
        .iter()
        .find(|class| long <= class.0 && short <= class.1);
    format!("{}-{}", codec.name(), class.map_or("4k", |class| class.2))
}

/// The variant of a file of a size in pixels, such as `h264-720p`: the smallest class that holds its
/// shorter side, as [`transcoding_variant`] is of live streams.
pub fn vod_variant(codec: Codec, width: u32, height: u32) -> String {
    const CLASSES: [(u32, &str); 4] = [(480, "480p"), (720, "720p"), (1080, "1080p"), (1440, "2k")];
    let short = width.min(height);
    let class = CLASSES.iter().find(|class| short <= class.0);
    format!("{}-{}", codec.name(), class.map_or("4k", |class| class.1))
}

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
    /// All services.
    pub const ALL: [Service; 11] = [
        Service::Transcoding,
        Service::Recording,
        Service::Screenshot,
        Service::PornDetection,
        Service::MobileLicence,
        Service::VodStorage,
        Service::VodTraffic,
        Service::VodTranscoding,
        Service::VodEditing,
        Service::ImPlan,
        Service::ImOverUse,
    ];

    /// The item of its charges.
    pub const fn item(self) -> Item {
        match self {
            Service::Transcoding => Item::Transcoding,
            Service::Recording => Item::Recording,
            Service::Screenshot => Item::Screenshot,
            Service::PornDetection => Item::PornDetection,
            Service::MobileLicence => Item::MobileLicence,
            Service::VodStorage => Item::VodStorage,
            Service::VodTraffic => Item::VodTraffic,
            Service::VodTranscoding => Item::VodTranscoding,
            Service::VodEditing => Item::VodEditing,
            Service::ImPlan => Item::ImPlan,
            Service::ImOverUse => Item::ImOverUse,
        }
    }

    /// The service of an item; `None` where it is none.
    pub fn of_item(item: Item) -> Option<Self> {
        let mut all = Service::ALL.into_iter();
        all.find(|service| service.item() == item)
    }

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
