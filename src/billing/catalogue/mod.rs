//! Effective-dated prices and rules, each with its source: data, not code.
//!
//! Two catalogues ship with the program; anybody's own has the same form (TOML). A catalogue is
//! checked as a whole when it is read: no day has two prices or two sets of rules, no day between
//! two prices has none, tiers begin at 0 and ascend, prices are exact decimals in one currency.

pub(super) mod currency;
mod error;
mod read;
mod terms;

use std::num::NonZeroU32;
use std::ops::Range;
use std::path::Path;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

pub use error::CatalogueError;
pub use terms::{BeyondPackages, MiniProgram, Push, Rules};

use super::exact::{Amount, Inexact, sum};
use super::tiers::{Model, Tier};
use crate::units::{Region, day_text, hex};

/// Days since 1970-01-01 by the billing clock, half-open.
pub type Days = Range<i32>;

/// The rule set that our user works by.
pub const DEFAULT: &str = "mini-program-live";
/// The catalogues that ship with the program, by name.
pub const SHIPPED: [(&str, &str); 2] = [
    (DEFAULT, include_str!("mini-program-live.toml")),
    ("tencent-history", include_str!("tencent-history.toml")),
];
/// Largest catalogue file, in bytes.
pub const CATALOGUE_BYTES_MAX: u64 = 4 << 20;

/// What is priced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Item {
    /// Downstream playback of mini-program domains.
    MiniProgramTraffic,
    /// Downstream playback of standard domains, by bytes.
    StandardTraffic,
    /// Downstream playback of standard domains, by daily peak bandwidth.
    StandardPeak,
    /// A year of the plugin for one AppID.
    PluginLicence,
    /// Downstream playback of standard domains, by the mean of the month's daily peaks.
    StandardMonthlyAverage,
    /// Downstream playback of standard domains, by the month's 95th percentile.
    #[serde(rename = "standard-monthly-95")]
    StandardMonthly95,
    /// Upstream to push domains, by bytes.
    PushTraffic,
    /// Upstream to push domains, by daily peak bandwidth.
    PushPeak,
    /// Traffic that was paid for with traffic packages; its variants are the items that it would be.
    PackageTraffic,
    /// A traffic package; its variants are sizes in GB.
    TrafficPackage,
    /// A transcoding package; its variants are kinds and sizes, such as `standard-100h`.
    TranscodingPackage,
    /// Transcoding; its variants are codecs and resolutions.
    Transcoding,
    /// Transcoding that was paid for with packages; its variants are those of transcoding.
    PackageTranscoding,
    /// Recording of live streams.
    Recording,
    /// Pictures taken of live streams.
    Screenshot,
    /// Pictures that were looked at for pornography.
    PornDetection,
    /// A year of the mobile live SDK.
    MobileLicence,
    /// Files in video on demand.
    VodStorage,
    /// Playback of video on demand.
    VodTraffic,
    /// Transcoding of files; its variants are codecs and resolutions, `remux` and `audio`.
    VodTranscoding,
    /// Editing of files; its variants are codecs and resolutions.
    VodEditing,
    /// A month of instant messaging; its variants are plans.
    ImPlan,
    /// What instant messaging was used beyond its plan; its variants are what is counted.
    ImOverUse,
}

impl Item {
    /// All items.
    pub const ALL: [Item; 23] = [
        Item::MiniProgramTraffic,
        Item::StandardTraffic,
        Item::StandardPeak,
        Item::PluginLicence,
        Item::StandardMonthlyAverage,
        Item::StandardMonthly95,
        Item::PushTraffic,
        Item::PushPeak,
        Item::PackageTraffic,
        Item::TrafficPackage,
        Item::TranscodingPackage,
        Item::Transcoding,
        Item::PackageTranscoding,
        Item::Recording,
        Item::Screenshot,
        Item::PornDetection,
        Item::MobileLicence,
        Item::VodStorage,
        Item::VodTraffic,
        Item::VodTranscoding,
        Item::VodEditing,
        Item::ImPlan,
        Item::ImOverUse,
    ];

    /// The item of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Item::ALL.into_iter().find(|item| item.name() == name)
    }

    /// The name in catalogues, tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Item::MiniProgramTraffic => "mini-program-traffic",
            Item::StandardTraffic => "standard-traffic",
            Item::StandardPeak => "standard-peak",
            Item::PluginLicence => "plugin-licence",
            Item::StandardMonthlyAverage => "standard-monthly-average",
            Item::StandardMonthly95 => "standard-monthly-95",
            Item::PushTraffic => "push-traffic",
            Item::PushPeak => "push-peak",
            Item::PackageTraffic => "package-traffic",
            Item::TrafficPackage => "traffic-package",
            Item::TranscodingPackage => "transcoding-package",
            Item::Transcoding => "transcoding",
            Item::PackageTranscoding => "package-transcoding",
            Item::Recording => "recording",
            Item::Screenshot => "screenshot",
            Item::PornDetection => "porn-detection",
            Item::MobileLicence => "mobile-licence",
            Item::VodStorage => "vod-storage",
            Item::VodTraffic => "vod-traffic",
            Item::VodTranscoding => "vod-transcoding",
            Item::VodEditing => "vod-editing",
            Item::ImPlan => "im-plan",
            Item::ImOverUse => "im-over-use",
        }
    }

    /// What one unit of its price is.
    pub const fn unit(self) -> &'static str {
        match self {
            Item::MiniProgramTraffic
            | Item::StandardTraffic
            | Item::PushTraffic
            | Item::PackageTraffic
            | Item::VodTraffic => "GB",
            Item::StandardPeak
            | Item::StandardMonthlyAverage
            | Item::StandardMonthly95
            | Item::PushPeak => "Mbps",
            Item::PluginLicence | Item::MobileLicence => "Licenses",
            Item::TrafficPackage | Item::TranscodingPackage => "Packages",
            Item::Transcoding
            | Item::PackageTranscoding
            | Item::VodTranscoding
            | Item::VodEditing => "Minutes",
            Item::Recording => "Channels",
            Item::Screenshot | Item::PornDetection => "1000 Pictures",
            Item::VodStorage => "GB-Days",
            Item::ImPlan => "Months",
            Item::ImOverUse => "Units",
        }
    }

    /// Whether it says what packages paid.
    pub const fn is_paid_by_packages(self) -> bool {
        matches!(self, Item::PackageTraffic | Item::PackageTranscoding)
    }

    /// Whether somebody else meters it: its quantities are given, not taken from logs.
    pub const fn is_service(self) -> bool {
        matches!(
            self,
            Item::Transcoding
                | Item::Recording
                | Item::Screenshot
                | Item::PornDetection
                | Item::MobileLicence
                | Item::VodStorage
                | Item::VodTraffic
                | Item::VodTranscoding
                | Item::VodEditing
                | Item::ImPlan
                | Item::ImOverUse
        )
    }

    /// Whether it is bought ahead, for usage to come.
    pub const fn is_purchase(self) -> bool {
        matches!(
            self,
            Item::PluginLicence
                | Item::TrafficPackage
                | Item::TranscodingPackage
                | Item::MobileLicence
                | Item::ImPlan
        )
    }

    /// Whether bandwidth is priced: its bytes are those of slots.
    pub const fn is_bandwidth(self) -> bool {
        matches!(
            self,
            Item::StandardPeak
                | Item::StandardMonthlyAverage
                | Item::StandardMonthly95
                | Item::PushPeak
        )
    }

    /// Whether its bytes are those of logs.
    pub const fn is_of_logs(self) -> bool {
        matches!(
            self,
            Item::MiniProgramTraffic
                | Item::StandardTraffic
                | Item::PushTraffic
                | Item::PackageTraffic
        )
    }
}

/// A price of an item in some zones and days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What it prices.
    pub item: Item,
    /// What of it, such as `h264-720p`; empty where there is only one.
    pub variant: String,
    /// Where; empty: everywhere.
    pub zones: Vec<Region>,
    /// When.
    pub days: Days,
    /// How.
    pub model: Model,
    /// At least one, from 0 on, ascending.
    pub tiers: Vec<Tier>,
    /// What is free of each quantity that is settled.
    pub free: u32,
    /// How much a priced unit is; what is begun counts as a whole one. None: any quantity is priced as it is.
    pub per: Option<NonZeroU32>,
    /// Whether it is the price of a whole month, of which the days with usage pay their part.
    pub by_days: bool,
    /// Rules of BILLING that it follows.
    pub rules: Vec<String>,
    /// Key of its source in [`Catalogue::sources`].
    pub source: String,
    /// Where it stands, such as `mini-program-live:41`.
    pub place: String,
}

impl Price {
    /// Units that are priced of a quantity that is settled.
    ///
    /// Errors: [`Inexact`].
    pub fn units(&self, quantity: Decimal) -> Result<Decimal, Inexact> {
        let over = sum(quantity, -Decimal::from(self.free))?.max(Decimal::ZERO);
        match self.per {
            None => Ok(over),
            Some(per) => Amount::ratio(over, per.get()).ceiling(),
        }
    }
}

/// How much of a traffic package a gigabyte takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageRatio {
    /// What packages pay for.
    pub item: Item,
    /// Where; empty: everywhere.
    pub zones: Vec<Region>,
    /// When.
    pub days: Days,
    /// Package gigabytes for one gigabyte, more than 0.
    pub ratio: Decimal,
    /// Key of its source in [`Catalogue::sources`].
    pub source: String,
    /// Where it stands.
    pub place: String,
}

/// A checked catalogue.
#[derive(Clone, Debug)]
pub struct Catalogue {
    /// Its name, on every bill.
    pub name: String,
    /// ISO 4217 code of all its prices.
    pub currency: String,
    /// What its prices are taken from, by key.
    pub sources: Vec<(String, String)>,
    rules: Vec<Rules>,
    prices: Vec<Price>,
    ratios: Vec<PackageRatio>,
    text: String,
    digest: String,
}

impl Catalogue {
    /// The shipped catalogue `name`, or the one in the file of that name.
    ///
    /// Errors: [`CatalogueError`].
    pub fn load(name: &str) -> Result<Self, CatalogueError> {
        match SHIPPED.iter().find(|(shipped, _)| *shipped == name) {
            Some((_, text)) => Catalogue::parse(text, name),
            None => {
                let text = read::text_of(Path::new(name))?;
                Catalogue::parse(&text, name)
            }
        }
    }

    /// Reads and checks a catalogue. `origin` names the text in errors.
    ///
    /// Errors: [`CatalogueError`].
    pub fn parse(text: &str, origin: &str) -> Result<Self, CatalogueError> {
        let catalogue = Catalogue::parse_frozen(text, origin)?;
        currency::check(&catalogue.currency, origin)?;
        Ok(catalogue)
    }

    /// Reads a catalogue that a month was closed with: a code of a currency that passed then still does.
    ///
    /// Errors: [`CatalogueError`].
    pub fn parse_frozen(text: &str, origin: &str) -> Result<Self, CatalogueError> {
        let mut catalogue = read::catalogue(text, origin)?;
        catalogue.digest = hex(&Sha256::digest(text));
        text.clone_into(&mut catalogue.text);
        Ok(catalogue)
    }

    /// The same with one flat price of an item, whatever it costs in it; `text` and `digest` stay.
    ///
    /// Errors: [`CatalogueError`], if `price` is none.
    pub fn with_price(&self, item: Item, price: &str) -> Result<Self, CatalogueError> {
        let stated = "a price that was stated";
        let price = exact_decimal(price).ok_or_else(|| CatalogueError::Value {
            place: format!("price={price}"),
            problem: "this is no number from 0 with at most 8 decimals".to_owned(),
        })?;
        let mut changed = self.clone();
        changed.name = format!("{} with {price} for {}", self.name, item.name());
        changed.prices.retain(|price| price.item != item);
        changed.prices.push(Price {
            item,
            variant: String::new(),
            zones: Vec::new(),
            days: i32::MIN..i32::MAX,
            model: Model::Flat,
            tiers: vec![Tier {
                from: Decimal::ZERO,
                price,
            }],
            free: 0,
            per: None,
            by_days: false,
            rules: Vec::new(),
            source: stated.to_owned(),
            place: stated.to_owned(),
        });
        Ok(changed)
    }

    /// What it was read from: read again, it is the same catalogue.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// SHA-256 of its text, in hexadecimal.
    pub fn digest(&self) -> &str {
        &self.digest
    }

    /// The rules of a day.
    ///
    /// Errors: [`CatalogueError::NoRules`].
    pub fn rules(&self, day: i32) -> Result<&Rules, CatalogueError> {
        let rules = self.rules.iter().find(|rules| rules.days.contains(&day));
        rules.ok_or_else(|| CatalogueError::NoRules {
            catalogue: self.name.clone(),
            day: day_text(day),
        })
    }

    /// Whether it prices an item at all.
    pub fn has_price(&self, item: Item) -> bool {
        self.prices.iter().any(|price| price.item == item)
    }

    /// The price of an item without variants in a zone on a day.
    ///
    /// Errors: [`CatalogueError::NoPrice`].
    pub fn price(&self, item: Item, zone: Region, day: i32) -> Result<&Price, CatalogueError> {
        self.price_of(item, "", zone, day)
    }

    /// The price of an item's variant in a zone on a day.
    ///
    /// Errors: [`CatalogueError::NoPrice`].
    pub fn price_of(
        &self,
        item: Item,
        variant: &str,
        zone: Region,
        day: i32,
    ) -> Result<&Price, CatalogueError> {
        let fits = |price: &&Price| {
            let is_there = price.zones.is_empty() || price.zones.contains(&zone);
            let is_it = price.item == item && price.variant == variant;
            is_it && is_there && price.days.contains(&day)
        };
        let price = self.prices.iter().find(fits);
        price.ok_or_else(|| CatalogueError::NoPrice {
            catalogue: self.name.clone(),
            item: format!("{} {variant}", item.name()).trim_end().to_owned(),
            zone: zone.name(),
            day: day_text(day),
        })
    }

    /// How much of a package a gigabyte takes; `None` where packages do not pay.
    pub fn package_ratio(&self, item: Item, zone: Region, day: i32) -> Option<&PackageRatio> {
        self.ratios.iter().find(|ratio| {
            let is_there = ratio.zones.is_empty() || ratio.zones.contains(&zone);
            ratio.item == item && is_there && ratio.days.contains(&day)
        })
    }

    /// The highest price of an item, of any tier and zone, on any of `days`; nothing where it has none.
    pub fn dearest(&self, item: Item, days: &Days) -> Decimal {
        let is_meant = |price: &&Price| {
            let in_force = price.days.start < days.end && days.start < price.days.end;
            in_force && price.item == item
        };
        let tiers = self.prices.iter().filter(is_meant);
        let prices = tiers.flat_map(|price| price.tiers.iter().map(|tier| tier.price));
        prices.max().unwrap_or_default()
    }

    /// What a source's key stands for.
    pub fn source(&self, key: &str) -> &str {
        let found = self.sources.iter().find(|(known, _)| known == key);
        found.map_or("", |(_, title)| title)
    }
}

/// Days as text: one, or the first and the last of several.
pub(super) fn days_text(days: &Days) -> String {
    let (first, last) = (day_text(days.start), day_text(days.end - 1));
    match first == last {
        true => first,
        false => format!("{first}..{last}"),
    }
}

/// A price or bound as it is written.
fn exact_decimal(text: &str) -> Option<Decimal> {
    const PLACES_MAX: u32 = 8;
    let number = Decimal::from_str_exact(text).ok()?;
    (!number.is_sign_negative() && number.normalize().scale() <= PLACES_MAX).then_some(number)
}

#[cfg(test)]
mod tests;
