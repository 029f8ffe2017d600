//! The TOML form of a catalogue, and its checks.
//!
//! ```toml
//! name = "mini-program-live"
//! currency = "CNY"               # an ISO 4217 code in which somebody pays; of stated fees, too
//!
//! [sources]
//! seed = "doc 1078/34643, purchase guide, text of 2020-05-18"
//!
//! [[rules]]                      # from and until are days of the billing clock, until exclusive;
//! from = 2020-04-09              # without them the entry is open at that end
//! mini-program = "own-price"     # or "as-standard"
//! push = "free"                  # or "as-standard", on days of much upstream; left out: free
//! beyond-packages = "own-tier"   # the tier of what packages do not pay of a day; or "day-tier", that of
//!                                # all of the day; left out: own-tier
//! unknown-region = "mainland"    # who pays for clients of whom the log tells nothing
//! overseas-region = "AP1"        # … and no more than that they are abroad
//!
//! [[price]]
//! item = "standard-traffic"      # see `Item`
//! zones = ["mainland"]           # left out: everywhere
//! model = "reached"              # flat | reached | reached-upper | progressive, see `Model`
//! tiers = [{ from = "0", price = "0.26" }, { from = "2000", price = "0.25" }]
//! rules = ["R11"]
//! source = "seed"
//!
//! [[price]]
//! item = "screenshot"
//! model = "flat"
//! variants = [{ name = "png", price = "0.1" }]  # flat prices of variants, instead of tiers
//! free = 1000                    # what is free of each quantity that is settled; left out: nothing
//! per = 1000                     # the price is of so many, begun ones count; left out: of exactly 1
//! by-days = true                 # the price is of a month, and of it the days with usage are paid
//! rules = []
//! source = "seed"
//!
//! [[package-ratio]]              # package gigabytes that a gigabyte takes; without: packages do not pay
//! item = "standard-traffic"      # or "push-traffic"
//! zones = ["AP1"]
//! ratio = "1.7692"
//! source = "seed"
//! ```

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::Path;

use jiff::civil;
use rust_decimal::Decimal;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{
    BeyondPackages, CATALOGUE_BYTES_MAX, Catalogue, CatalogueError, Days, Item, MiniProgram,
    PackageRatio, Price, Push, Rules,
};
use crate::billing::text;
use crate::billing::tiers::{Model, Tier};
use crate::disk::read_text_bounded;
use crate::units::{Region, day_text};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    name: String,
    currency: String,
    sources: BTreeMap<String, String>,
    rules: Vec<Spanned<RulesEntry>>,
    price: Vec<Spanned<PriceEntry>>,
    #[serde(default, rename = "package-ratio")]
    package_ratio: Vec<Spanned<RatioEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RulesEntry {
    from: Option<Datetime>,
    until: Option<Datetime>,
    mini_program: MiniProgram,
    #[serde(default)]
    push: Push,
    #[serde(default)]
    beyond_packages: BeyondPackages,
    unknown_region: String,
    overseas_region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct PriceEntry {
    item: Item,
    #[serde(default)]
    zones: Vec<String>,
    from: Option<Datetime>,
    until: Option<Datetime>,
    model: Model,
    #[serde(default)]
    tiers: Vec<TierEntry>,
    #[serde(default)]
    variants: Vec<VariantEntry>,
    #[serde(default)]
    free: u32,
    per: Option<NonZeroU32>,
    #[serde(default)]
    by_days: bool,
    rules: Vec<String>,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct VariantEntry {
    name: String,
    price: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RatioEntry {
    item: Item,
    #[serde(default)]
    zones: Vec<String>,
    from: Option<Datetime>,
    until: Option<Datetime>,
    ratio: String,
    source: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TierEntry {
    from: String,
    price: String,
}

/// The text of a catalogue's file.
pub(super) fn text_of(path: &Path) -> Result<String, CatalogueError> {
    read_text_bounded(path, CATALOGUE_BYTES_MAX).map_err(|source| CatalogueError::Read {
        path: path.to_owned(),
        source,
    })
}

/// A checked catalogue, but for its text and digest.
pub(super) fn catalogue(text: &str, origin: &str) -> Result<Catalogue, CatalogueError> {
    let file: CatalogueFile = toml::from_str(text).map_err(|error| {
        let (place, reason) = text::syntax(text, origin, &error);
        CatalogueError::Syntax { place, reason }
    })?;
    let entries = Entries { text, origin };
    if file.currency.len() != 3 || !file.currency.bytes().all(|b| b.is_ascii_uppercase()) {
        return Err(CatalogueError::Value {
            place: origin.to_owned(),
            problem: "currency is an ISO 4217 code, such as CNY".to_owned(),
        });
    }
    let mut rules = Vec::new();
    let mut in_force = Vec::new();
    for entry in &file.rules {
        let place = entries.place(entry);
        let checked = entries.rules(entry.get_ref(), &place)?;
        in_force.push((place, checked.days.clone()));
        rules.push(checked);
    }
    follow_on("the rules", in_force)?;
    let mut prices = Vec::new();
    for entry in &file.price {
        let place = entries.place(entry);
        known(&file.sources, &entry.get_ref().source, &place)?;
        prices.extend(entries.prices(entry.get_ref(), &place)?);
    }
    let mut ratios = Vec::new();
    for entry in &file.package_ratio {
        let place = entries.place(entry);
        known(&file.sources, &entry.get_ref().source, &place)?;
        ratios.push(entries.ratio(entry.get_ref(), place)?);
    }
    prices_follow_on(&prices)?;
    ratios_follow_on(&ratios)?;
    Ok(Catalogue {
        name: file.name,
        currency: file.currency,
        sources: file.sources.into_iter().collect(),
        rules,
        prices,
        ratios,
        text: String::new(),
        digest: String::new(),
    })
}

/// What entries are read from.
struct Entries<'a> {
    text: &'a str,
    origin: &'a str,
}

impl Entries<'_> {
    fn place<T>(&self, entry: &Spanned<T>) -> String {
        text::place(self.text, self.origin, entry.span().start)
    }

    fn rules(&self, entry: &RulesEntry, place: &str) -> Result<Rules, CatalogueError> {
        let region = |name: &String| match region(name, place)? {
            Region::Unknown | Region::Overseas => Err(CatalogueError::Value {
                place: place.to_owned(),
                problem: format!("`{name}` is no zone with a price; name mainland, AP1 … SA"),
            }),
            region => Ok(region),
        };
        Ok(Rules {
            days: days(entry.from, entry.until, place)?,
            mini_program: entry.mini_program,
            push: entry.push,
            beyond_packages: entry.beyond_packages,
            unknown_region: region(&entry.unknown_region)?,
            overseas_region: region(&entry.overseas_region)?,
        })
    }

    /// The prices of an entry: of each variant one, or one.
    fn prices(&self, entry: &PriceEntry, place: &str) -> Result<Vec<Price>, CatalogueError> {
        if entry.variants.is_empty() {
            let tiers = tiers(entry, place)?;
            return Ok(vec![self.price(entry, "", tiers, place)?]);
        }
        if !entry.tiers.is_empty() || entry.model != Model::Flat {
            return Err(wrong(place, "variants have flat prices, and no tiers"));
        }
        let prices = entry.variants.iter().map(|variant| {
            if variant.name.is_empty() {
                return Err(wrong(place, "a variant has a name"));
            }
            let tier = Tier {
                from: Decimal::ZERO,
                price: number(&variant.price, place)?,
            };
            self.price(entry, &variant.name, vec![tier], place)
        });
        prices.collect()
    }

    fn price(
        &self,
        entry: &PriceEntry,
        variant: &str,
        tiers: Vec<Tier>,
        place: &str,
    ) -> Result<Price, CatalogueError> {
        if entry.item == Item::MiniProgramTraffic && entry.model != Model::Flat {
            return Err(wrong(place, "mini-program traffic has a flat price (R11)"));
        }
        let is_counted = entry.free != 0 || entry.per.is_some() || entry.by_days;
        if is_counted && !entry.item.is_service() {
            return Err(wrong(
                place,
                "free, per and by-days are for services, not for traffic and bandwidth",
            ));
        }
        Ok(Price {
            item: entry.item,
            variant: variant.to_owned(),
            zones: zones(&entry.zones, place)?,
            days: days(entry.from, entry.until, place)?,
            model: entry.model,
            tiers,
            free: entry.free,
            per: entry.per,
            by_days: entry.by_days,
            rules: entry.rules.clone(),
            source: entry.source.clone(),
            place: place.to_owned(),
        })
    }

    fn ratio(&self, entry: &RatioEntry, place: String) -> Result<PackageRatio, CatalogueError> {
        if !matches!(entry.item, Item::StandardTraffic | Item::PushTraffic) {
            return Err(wrong(
                &place,
                "packages pay for standard-traffic and push-traffic only (R18)",
            ));
        }
        let ratio = number(&entry.ratio, &place)?;
        if ratio.is_zero() {
            return Err(wrong(&place, "a ratio is more than 0"));
        }
        Ok(PackageRatio {
            item: entry.item,
            zones: zones(&entry.zones, &place)?,
            days: days(entry.from, entry.until, &place)?,
            ratio,
            source: entry.source.clone(),
            place,
        })
    }
}

fn wrong(place: &str, problem: &str) -> CatalogueError {
    CatalogueError::Value {
        place: place.to_owned(),
        problem: problem.to_owned(),
    }
}

fn number(text: &str, place: &str) -> Result<Decimal, CatalogueError> {
    super::exact_decimal(text).ok_or_else(|| {
        let problem = format!("`{text}` is no number from 0 with at most 8 decimals");
        wrong(place, &problem)
    })
}

/// Refuses the key of a source that nothing is known of.
fn known(sources: &BTreeMap<String, String>, key: &str, place: &str) -> Result<(), CatalogueError> {
    match sources.contains_key(key) {
        true => Ok(()),
        false => {
            let problem = format!("[sources] has no `{key}`; say what it is");
            Err(wrong(place, &problem))
        }
    }
}

fn tiers(entry: &PriceEntry, place: &str) -> Result<Vec<Tier>, CatalogueError> {
    let mut tiers = Vec::with_capacity(entry.tiers.len());
    for tier in &entry.tiers {
        tiers.push(Tier {
            from: number(&tier.from, place)?,
            price: number(&tier.price, place)?,
        });
    }
    if tiers.first().is_none_or(|first| !first.from.is_zero()) {
        return Err(wrong(place, "the first tier is from 0 on"));
    }
    if !tiers.is_sorted_by(|a, b| a.from < b.from) {
        return Err(wrong(place, "tiers ascend, each from a larger quantity on"));
    }
    if (entry.model == Model::Flat) != (tiers.len() == 1) {
        let problem = "a flat price is one tier, and one tier is a flat price";
        return Err(wrong(place, problem));
    }
    Ok(tiers)
}

fn zones(names: &[String], place: &str) -> Result<Vec<Region>, CatalogueError> {
    names.iter().map(|name| region(name, place)).collect()
}

fn region(name: &str, place: &str) -> Result<Region, CatalogueError> {
    Region::by_name(name).ok_or_else(|| CatalogueError::Value {
        place: place.to_owned(),
        problem: format!(
            "`{name}` is no zone; the zones are {}",
            Region::ALL.map(Region::name).join(", ")
        ),
    })
}

fn days(
    from: Option<Datetime>,
    until: Option<Datetime>,
    place: &str,
) -> Result<Days, CatalogueError> {
    let day = |date: Datetime| {
        let text = date.to_string();
        let day: Option<civil::Date> = text.parse().ok().filter(|_| date.time.is_none());
        day.map(day_number).ok_or_else(|| CatalogueError::Value {
            place: place.to_owned(),
            problem: format!("`{text}` is no day; write one like 2020-04-09"),
        })
    };
    let from = from.map(day).transpose()?.unwrap_or(i32::MIN);
    let until = until.map(day).transpose()?.unwrap_or(i32::MAX);
    match from < until {
        true => Ok(from..until),
        false => Err(CatalogueError::Value {
            place: place.to_owned(),
            problem: "until is a day after from; it is the first day without".to_owned(),
        }),
    }
}

fn day_number(day: civil::Date) -> i32 {
    (day - civil::date(1970, 1, 1)).get_days()
}

/// The prices of each item, variant and zone follow on from one another.
fn prices_follow_on(prices: &[Price]) -> Result<(), CatalogueError> {
    let mut kinds: Vec<(Item, &str)> = prices.iter().map(kind).collect();
    kinds.sort_unstable();
    kinds.dedup();
    for (item, variant) in kinds {
        for zone in Region::ALL {
            let of_zone = prices.iter().filter(|price| {
                let is_there = price.zones.is_empty() || price.zones.contains(&zone);
                kind(price) == (item, variant) && is_there
            });
            let in_force = of_zone.map(|price| (price.place.clone(), price.days.clone()));
            let name = format!("{} {variant}", item.name());
            let what = format!("the price of {} in zone {}", name.trim_end(), zone.name());
            follow_on(&what, in_force.collect())?;
        }
    }
    Ok(())
}

fn kind(price: &Price) -> (Item, &str) {
    (price.item, &price.variant)
}

/// The ratios of each item and zone follow on from one another.
fn ratios_follow_on(ratios: &[PackageRatio]) -> Result<(), CatalogueError> {
    for item in [Item::StandardTraffic, Item::PushTraffic] {
        for zone in Region::ALL {
            let of_zone = ratios.iter().filter(|ratio| {
                ratio.item == item && (ratio.zones.is_empty() || ratio.zones.contains(&zone))
            });
            let in_force = of_zone.map(|ratio| (ratio.place.clone(), ratio.days.clone()));
            let what = format!(
                "the package ratio of {} in zone {}",
                item.name(),
                zone.name()
            );
            follow_on(&what, in_force.collect())?;
        }
    }
    Ok(())
}

/// Refuses entries that speak of the same day, or leave days between them out.
fn follow_on(what: &str, mut entries: Vec<(String, Days)>) -> Result<(), CatalogueError> {
    entries.sort_by_key(|(_, days)| days.start);
    for pair in entries.windows(2) {
        let [(earlier, before), (place, after)] = pair else {
            continue;
        };
        let (place, what) = (place.clone(), what.to_owned());
        if after.start < before.end {
            return Err(CatalogueError::Overlap {
                place,
                what,
                day: day_text(after.start),
                earlier: earlier.clone(),
            });
        }
        if before.end < after.start {
            return Err(CatalogueError::Gap {
                place,
                what,
                from: day_text(before.end),
                until: day_text(after.start),
            });
        }
    }
    Ok(())
}
