//! The TOML form of a catalogue, and its checks.
//!
//! ```toml
//! name = "mini-program-live"
//! currency = "CNY"
//!
//! [sources]
//! seed = "doc 1078/34643, purchase guide, text of 2020-05-18"
//!
//! [[rules]]                      # from and until are days of the billing clock, until exclusive;
//! from = 2020-04-09              # without them the entry is open at that end
//! mini-program = "own-price"     # or "as-standard"
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
//! ```

use std::collections::BTreeMap;
use std::path::Path;

use jiff::civil;
use serde::Deserialize;
use toml::Spanned;
use toml::value::Datetime;

use super::{
    CATALOGUE_BYTES_MAX, Catalogue, CatalogueError, Days, Item, MiniProgram, Price, Rules,
};
use crate::billing::text;
use crate::billing::tiers::{Model, Tier};
use crate::units::Region;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct CatalogueFile {
    name: String,
    currency: String,
    sources: BTreeMap<String, String>,
    rules: Vec<Spanned<RulesEntry>>,
    price: Vec<Spanned<PriceEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct RulesEntry {
    from: Option<Datetime>,
    until: Option<Datetime>,
    mini_program: MiniProgram,
    unknown_region: String,
    overseas_region: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PriceEntry {
    item: Item,
    #[serde(default)]
    zones: Vec<String>,
    from: Option<Datetime>,
    until: Option<Datetime>,
    model: Model,
    tiers: Vec<TierEntry>,
    rules: Vec<String>,
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
    text::load(path, CATALOGUE_BYTES_MAX).map_err(|source| CatalogueError::Read {
        path: path.to_owned(),
        source,
    })
}

/// A checked catalogue, but for its text and digest.
pub(super) fn catalogue(text: &str, origin: &str) -> Result<Catalogue, CatalogueError> {
    let file: CatalogueFile = toml::from_str(text).map_err(|error| CatalogueError::Syntax {
        origin: origin.to_owned(),
        reason: error.to_string().trim_end().to_owned(),
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
        let price = entries.price(entry.get_ref(), place)?;
        if !file.sources.contains_key(&price.source) {
            return Err(CatalogueError::Value {
                place: price.place,
                problem: format!("[sources] has no `{}`; say what it is", price.source),
            });
        }
        prices.push(price);
    }
    prices_follow_on(&prices)?;
    Ok(Catalogue {
        name: file.name,
        currency: file.currency,
        sources: file.sources.into_iter().collect(),
        rules,
        prices,
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
            unknown_region: region(&entry.unknown_region)?,
            overseas_region: region(&entry.overseas_region)?,
        })
    }

    fn price(&self, entry: &PriceEntry, place: String) -> Result<Price, CatalogueError> {
        let wrong = |problem: &str| CatalogueError::Value {
            place: place.clone(),
            problem: problem.to_owned(),
        };
        let mut tiers = Vec::with_capacity(entry.tiers.len());
        for tier in &entry.tiers {
            let number = |text: &String| {
                super::exact_decimal(text).ok_or_else(|| {
                    wrong(&format!(
                        "`{text}` is no number from 0 with at most 8 decimals"
                    ))
                })
            };
            tiers.push(Tier {
                from: number(&tier.from)?,
                price: number(&tier.price)?,
            });
        }
        if tiers.first().is_none_or(|first| !first.from.is_zero()) {
            return Err(wrong("the first tier is from 0 on"));
        }
        if !tiers.is_sorted_by(|a, b| a.from < b.from) {
            return Err(wrong("tiers ascend, each from a larger quantity on"));
        }
        if (entry.model == Model::Flat) != (tiers.len() == 1) {
            return Err(wrong(
                "a flat price is one tier, and one tier is a flat price",
            ));
        }
        if entry.item == Item::MiniProgramTraffic && entry.model != Model::Flat {
            return Err(wrong("mini-program traffic has a flat price (R11)"));
        }
        let zones = entry.zones.iter().map(|name| region(name, &place));
        Ok(Price {
            item: entry.item,
            zones: zones.collect::<Result<_, _>>()?,
            days: days(entry.from, entry.until, &place)?,
            model: entry.model,
            tiers,
            rules: entry.rules.clone(),
            source: entry.source.clone(),
            place,
        })
    }
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

/// A day as text.
pub(super) fn day_text(day: i32) -> String {
    let since = jiff::Span::new().try_days(day);
    let date = since.and_then(|since| civil::date(1970, 1, 1).checked_add(since));
    date.map_or_else(|_| "ever".to_owned(), |date| date.to_string())
}

/// The prices of each item and zone follow on from one another.
fn prices_follow_on(prices: &[Price]) -> Result<(), CatalogueError> {
    let mut items: Vec<Item> = prices.iter().map(|price| price.item).collect();
    items.sort_unstable();
    items.dedup();
    for item in items {
        for zone in Region::ALL {
            let of_zone = prices.iter().filter(|price| {
                price.item == item && (price.zones.is_empty() || price.zones.contains(&zone))
            });
            let in_force = of_zone.map(|price| (price.place.clone(), price.days.clone()));
            let what = format!("the price of {} in zone {}", item.name(), zone.name());
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
