//! One priced line.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use rust_decimal::Decimal;

use super::catalogue::{Catalogue, CatalogueError, Days, Item, Price};
use super::error::BillingError;
use super::exact::{Amount, DETAIL_PLACES, Inexact, product, sum};
use crate::registry::Class;
use crate::units::{BillingMonth, Month, Region, Timestamp, Zone, a_year_from, day_text};

/// Whether a line is to be paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is on the bill.
    Charged,
    /// It may be owed, and no source says so: somebody has to look. It is in no sum.
    NeedsReview,
}

impl Status {
    /// The status of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        let all = [Status::Charged, Status::NeedsReview];
        all.into_iter().find(|status| status.name() == name)
    }

    /// The name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Status::Charged => "charged",
            Status::NeedsReview => "needs_review",
        }
    }
}

/// What tells a catalogue that priced a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PricedBy {
    /// Its name.
    pub name: String,
    /// Its SHA-256, in hexadecimal.
    pub digest: String,
    /// The ISO 4217 code of its prices.
    pub currency: String,
}

impl PricedBy {
    /// What tells this one.
    pub fn new(catalogue: &Catalogue) -> Self {
        PricedBy {
            name: catalogue.name.clone(),
            digest: catalogue.digest().to_owned(),
            currency: catalogue.currency.clone(),
        }
    }
}

/// A priced line of an account's bill.
#[derive(Clone, Debug)]
pub struct Charge {
    /// What is charged.
    pub item: Item,
    /// Who pays.
    pub account: String,
    /// The domain, where it is priced by domain; else empty.
    pub domain: String,
    /// What of the item it is, such as `h264-720p`; empty where the item has no variants.
    pub variant: String,
    /// AppID of the mini-program; empty where there is none.
    pub app_id: String,
    /// The zone, where the price depends on it.
    pub zone: Option<Region>,
    /// When it was used, or bought.
    pub days: Days,
    /// For when it is, where it is bought ahead for a while: a licence or a package.
    pub term: Option<Range<Timestamp>>,
    /// Bytes that were metered: of all of it, or of the busiest slot where bandwidth is priced; of a
    /// correction what there is more of them, or less.
    pub bytes: i128,
    /// Units that are priced, see [`Item::unit`]; bandwidth is rounded here, and only here.
    pub quantity: Decimal,
    /// What it took of packages, where they paid: package gigabytes, or minutes of the packages' own class, to 18
    /// places; of a correction what they took more, or less. `None` of other lines, and of months that were closed
    /// before it was kept.
    pub package_quantity: Option<Decimal>,
    /// Price of a unit.
    pub unit_price: Decimal,
    /// What it costs, exact.
    pub amount: Amount,
    /// What it costs on the detail of the bill, 8 places; 0 if it needs review.
    pub detail: Decimal,
    /// Its part of what is paid, 2 places; 0 if it needs review.
    pub payable: Decimal,
    /// Whether it is to be paid.
    pub status: Status,
    /// The closed month whose bill it corrects.
    pub corrects: Option<Month>,
    /// The catalogue that priced it, if that is not the bill's: corrections go by that of their month.
    pub priced_by: Option<Arc<PricedBy>>,
    /// Rules of BILLING that led to it.
    pub rules: Vec<String>,
    /// The catalogue's entry, such as `mini-program-live:17`.
    pub price: String,
    /// What the price is taken from.
    pub source: String,
    /// How it came about, in words.
    pub how: String,
    /// Of a correction what each domain has of it; else empty, see [`super::costs`].
    pub shares: Vec<Cost>,
    /// Of its days, by regions that are no zone: billed gigabytes that are priced as those of its zone.
    pub assumed: Vec<(Region, Decimal)>,
}

/// The instants between which days are, by the clock of `zone`.
pub(super) fn days_between(days: &Days, zone: Zone) -> Range<Timestamp> {
    let midnight = |day: i32| {
        let secs = zone.midnight(day.into());
        Timestamp::from_unix_secs(secs).unwrap_or(Timestamp::END)
    };
    midnight(days.start)..midnight(days.end)
}

/// What one domain, in one region, has of a line.
#[derive(Clone, Debug, PartialEq)]
pub struct Cost {
    /// The domain; empty where nobody knows any more which it was.
    pub domain: String,
    /// What it is sold as.
    pub class: Class,
    /// Region of the clients.
    pub region: Region,
    /// Its bytes of those that were metered.
    pub bytes: i128,
    /// Its part of the quantity.
    pub quantity: Decimal,
    /// What it took of packages, where they paid; else 0.
    pub package_gigabytes: Decimal,
    /// Its part of the amount on the detail of the bill, 8 places.
    pub amount: Decimal,
}

impl Charge {
    /// A line of nothing.
    pub(super) fn blank(item: Item, account: &str, days: Days) -> Self {
        Charge {
            item,
            account: account.to_owned(),
            domain: String::new(),
            variant: String::new(),
            app_id: String::new(),
            zone: None,
            days,
            term: None,
            bytes: 0,
            quantity: Decimal::ZERO,
            package_quantity: None,
            unit_price: Decimal::ZERO,
            amount: Amount::ZERO,
            detail: Decimal::ZERO,
            payable: Decimal::ZERO,
            status: Status::Charged,
            corrects: None,
            priced_by: None,
            rules: Vec::new(),
            price: String::new(),
            source: String::new(),
            how: String::new(),
            shares: Vec::new(),
            assumed: Vec::new(),
        }
    }

    /// A line of nothing yet, by a price of `catalogue`.
    pub(super) fn of(price: &Price, catalogue: &Catalogue, account: &str, days: Days) -> Self {
        Charge {
            variant: price.variant.clone(),
            rules: price.rules.clone(),
            price: price.place.clone(),
            source: catalogue.source(&price.source).to_owned(),
            ..Charge::blank(price.item, account, days)
        }
    }

    /// A purchase, none of it yet: each costs the `fee` that was stated, or the catalogue's price of the
    /// day.
    pub(super) fn purchase(
        item: Item,
        variant: &str,
        account: &str,
        day: i32,
        fee: Option<Decimal>,
        catalogue: &Catalogue,
    ) -> Result<Self, CatalogueError> {
        let days = day..day + 1;
        Ok(match fee {
            Some(fee) => Charge {
                variant: variant.to_owned(),
                unit_price: fee,
                source: "the fee that was stated".to_owned(),
                ..Charge::blank(item, account, days)
            },
            None => {
                let price = catalogue.price_of(item, variant, Region::Mainland, day)?;
                Charge {
                    unit_price: price.tiers[0].price,
                    ..Charge::of(price, catalogue, account, days)
                }
            }
        })
    }

    /// One more of a purchase.
    pub(super) fn add_one(&mut self) -> Result<(), Inexact> {
        self.quantity = sum(self.quantity, Decimal::ONE)?;
        self.amount = Amount::new(product(self.quantity, self.unit_price)?);
        Ok(())
    }

    /// The instants between which it was used, by the clock of `zone`.
    pub fn period(&self, zone: Zone) -> Range<Timestamp> {
        days_between(&self.days, zone)
    }

    /// The month in which it was used.
    pub fn month(&self) -> Month {
        Month::of_day(self.days.start)
    }

    /// The day on which it is settled on the bill of a month: the 1st of the month after for what is charged by
    /// the month (R13) and for corrections, which their bill settles whatever they correct; at once for what
    /// is bought (R01), else the day after.
    pub fn settled_on(&self, bill: Month) -> String {
        let by_month = bill.all_days().end;
        let day = match self.item {
            _ if self.corrects.is_some() => by_month,
            Item::MiniProgramTraffic
            | Item::StandardMonthlyAverage
            | Item::StandardMonthly95
            | Item::Recording
            | Item::Screenshot
            | Item::PornDetection
            | Item::ImOverUse => by_month,
            Item::PluginLicence
            | Item::TrafficPackage
            | Item::TranscodingPackage
            | Item::MobileLicence
            | Item::ImPlan => self.days.start,
            Item::StandardTraffic
            | Item::StandardPeak
            | Item::PushTraffic
            | Item::PushPeak
            | Item::PackageTraffic
            | Item::Transcoding
            | Item::PackageTranscoding
            | Item::VodStorage
            | Item::VodTraffic
            | Item::VodTranscoding
            | Item::VodEditing => self.days.end,
        };
        day_text(day)
    }

    /// What it is charged for by name: an AppID of licences, a domain where there is one; else empty.
    pub(super) fn subject(&self) -> &str {
        match self.item {
            Item::PluginLicence => &self.app_id,
            _ => &self.domain,
        }
    }

    /// Whether it has shares: it is in a sum, and traffic made it.
    pub fn is_shared(&self) -> bool {
        self.status == Status::Charged && (self.item.is_of_logs() || self.item.is_bandwidth())
    }

    /// Package gigabytes that may be owed, where it is not money: of a line that needs review.
    pub fn package_gigabytes_owed(&self) -> Option<Decimal> {
        let is_of_packages = self.item == Item::PackageTraffic;
        (is_of_packages && self.status == Status::NeedsReview).then_some(self.quantity)
    }

    /// Whether it is for upstream, or for what packages paid of it.
    pub(super) fn is_of_push(&self) -> bool {
        match self.item {
            Item::PushTraffic | Item::PushPeak => true,
            Item::PackageTraffic => self.variant == Item::PushTraffic.name(),
            _ => false,
        }
    }

    /// Whether its detail is its quantity times its price, but for the last place, which rounding may leave over.
    /// It is not where only a part of a month is priced, of what needs review, and of corrections whose price
    /// changed, which are the difference of two products.
    pub fn is_product(&self) -> bool {
        let product = product(self.quantity, self.unit_price);
        let rounded = product.and_then(|product| Amount::new(product).round(DETAIL_PLACES));
        let left = rounded.and_then(|rounded| sum(rounded, -self.detail));
        left.is_ok_and(|left| left.abs() <= Decimal::new(1, DETAIL_PLACES))
    }

    /// A name that no other charge of the month has.
    pub fn id(&self) -> String {
        let zone = self.zone.map_or("", Region::name);
        let what = [self.subject(), &self.variant, zone];
        let what = what.into_iter().filter(|text| !text.is_empty());
        let what: String = what.map(|text| format!("/{text}")).collect();
        let days = super::catalogue::days_text(&self.days);
        let price = self.unit_price.normalize();
        let kind = match (self.status, self.corrects) {
            (Status::NeedsReview, _) => "/review",
            (Status::Charged, Some(_)) => "/correction",
            (Status::Charged, None) => "",
        };
        format!(
            "{}/{}{what}/{days}@{price}{kind}",
            self.account,
            self.item.name()
        )
    }
}

/// A package that an account bought.
pub(super) trait Bought {
    /// When.
    fn at(&self) -> Timestamp;

    /// Its charge on its day, none of it yet.
    fn line(&self, day: i32, catalogue: &Catalogue) -> Result<Charge, BillingError>;
}

/// The lines of packages that were bought in a month; those that are alike are one line, counted.
///
/// Errors: [`BillingError`] where the catalogue has no price of a size.
pub(super) fn bought<P: Bought>(
    purchases: &[P],
    when: BillingMonth,
    catalogue: &Catalogue,
) -> Result<Vec<Charge>, BillingError> {
    let mut lines = BTreeMap::new();
    for purchase in purchases {
        let day = purchase.at().slot().day(when.zone);
        if when.contains(purchase.at()) {
            let mut line = purchase.line(day, catalogue)?;
            line.term = Some(days_between(&a_year_from(day), when.zone));
            let account = line.account.clone();
            let kind = (account, day, line.variant.clone(), line.unit_price);
            lines.entry(kind).or_insert(line).add_one()?;
        }
    }
    Ok(lines.into_values().collect())
}
