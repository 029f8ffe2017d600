//! Effective-dated prices and rules, each with its source: data, not code.
//!
//! Two catalogues ship with the program; anybody's own has the same form (TOML). A catalogue is
//! checked as a whole when it is read: no day has two prices or two sets of rules, no day between
//! two prices has none, tiers begin at 0 and ascend, prices are exact decimals in one currency.

mod error;
mod read;

use std::ops::Range;
use std::path::Path;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

pub use error::CatalogueError;

use super::tiers::{Model, Tier};
use crate::units::{Region, hex};

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
}

impl Item {
    /// All items.
    pub const ALL: [Item; 4] = [
        Item::MiniProgramTraffic,
        Item::StandardTraffic,
        Item::StandardPeak,
        Item::PluginLicence,
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
        }
    }

    /// What one unit of its price is.
    pub const fn unit(self) -> &'static str {
        match self {
            Item::MiniProgramTraffic | Item::StandardTraffic => "GB",
            Item::StandardPeak => "Mbps",
            Item::PluginLicence => "Licenses",
        }
    }
}

/// Whether mini-program traffic has a price of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum MiniProgram {
    /// It does (R11).
    OwnPrice,
    /// It is priced with standard traffic (Tencent from 2020-10-12).
    AsStandard,
}

/// Rules of a range of days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rules {
    /// When they hold.
    pub days: Days,
    /// How mini-program traffic is priced.
    pub mini_program: MiniProgram,
    /// The zone that pays for clients of whom the log tells nothing.
    pub unknown_region: Region,
    /// The zone that pays for clients abroad of whom the log tells no more.
    pub overseas_region: Region,
}

impl Rules {
    /// The zone that pays for a region.
    pub fn zone(&self, region: Region) -> Region {
        match region {
            Region::Unknown => self.unknown_region,
            Region::Overseas => self.overseas_region,
            region => region,
        }
    }
}

/// A price of an item in some zones and days.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Price {
    /// What it prices.
    pub item: Item,
    /// Where; empty: everywhere.
    pub zones: Vec<Region>,
    /// When.
    pub days: Days,
    /// How.
    pub model: Model,
    /// At least one, from 0 on, ascending.
    pub tiers: Vec<Tier>,
    /// Rules of BILLING that it follows.
    pub rules: Vec<String>,
    /// Key of its source in [`Catalogue::sources`].
    pub source: String,
    /// Where it stands, such as `mini-program-live:41`.
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
        let mut catalogue = read::catalogue(text, origin)?;
        catalogue.digest = hex(&Sha256::digest(text));
        text.clone_into(&mut catalogue.text);
        Ok(catalogue)
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
            day: read::day_text(day),
        })
    }

    /// The price of an item in a zone on a day.
    ///
    /// Errors: [`CatalogueError::NoPrice`].
    pub fn price(&self, item: Item, zone: Region, day: i32) -> Result<&Price, CatalogueError> {
        let fits = |price: &&Price| {
            let is_there = price.zones.is_empty() || price.zones.contains(&zone);
            price.item == item && is_there && price.days.contains(&day)
        };
        let price = self.prices.iter().find(fits);
        price.ok_or_else(|| CatalogueError::NoPrice {
            catalogue: self.name.clone(),
            item: item.name(),
            zone: zone.name(),
            day: read::day_text(day),
        })
    }

    /// The highest price of a gigabyte, of whatever it may be, on any of `days`.
    pub fn dearest_gigabyte(&self, days: &Days) -> Decimal {
        let is_meant = |price: &&Price| {
            let in_force = price.days.start < days.end && days.start < price.days.end;
            in_force && price.item.unit() == "GB"
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

/// A day as text, such as `2026-10-15`.
pub(super) fn day_text(day: i32) -> String {
    read::day_text(day)
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
