//! What a line of a bill is in FOCUS.
//!
//! | line | ChargeCategory, Class, Frequency | ListCost, ContractedCost | EffectiveCost |
//! |---|---|---|---|
//! | traffic, bandwidth, services | Usage, null, Usage-Based | price × quantity | BilledCost |
//! | licences, packages, plans | Purchase, null, One-Time | price × quantity | 0 |
//! | corrections | as the line, Correction | BilledCost | BilledCost |
//! | precision adjustment | Adjustment, null, One-Time | BilledCost | BilledCost |
//!
//! What is purchased is for usage to come. A correction is signed, has no unit price, and its charge
//! period is the original one.
//!
//! A line that traffic made is a row for each domain that has a share of it, with the domain as
//! resource; the regions of a domain are one row. Rows of an `x_ChargeId` add up to the line.
//!
//! Quantities have 9 places. Where a price times the quantity of a line is not what it costs, since
//! bandwidth is rounded for show or a month's price is paid for some of its days, or factors of bytes
//! make more places, PricingQuantity is what it costs over the price, at 9 places, so that the products
//! that FOCUS asks for hold to the last digit. BilledCost and EffectiveCost never depend on it.
//!
//! Licences and packages are not spread over the time that they are for: the EffectiveCost of a bill is less
//! than its BilledCost by what was bought. Their charge period is the time that they are for: of a licence that
//! follows on from another, from the end of that on. It is the day on which they were bought where that is all
//! that is known: plans of instant messaging, which another meter counts by the month, and months that were
//! closed before the time was kept.

use rust_decimal::Decimal;

use super::sku::{host, meter, region_name, service, unit};
use super::{COLUMNS, FocusTerms, FocusVersion, PRICE_PLACES, QUANTITY_PLACES};
use crate::billing::{
    AccountBill, Amount, Bill, BillTerms, Charge, Cost, Inexact, Item, add_exactly, divide,
    multiply_exactly,
};
use crate::report::PRECISION_ADJUSTMENT;
use crate::units::{Region, SLOT_SECS, Timestamp};

/// Account of domains that have none.
const NO_ACCOUNT: &str = "(none)";

/// A value of a row.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum FocusValue {
    Null,
    Text(String),
    Number(Decimal),
    Time(Timestamp),
}

impl From<&str> for FocusValue {
    fn from(text: &str) -> Self {
        match text {
            "" => FocusValue::Null,
            text => FocusValue::Text(text.to_owned()),
        }
    }
}

impl From<Decimal> for FocusValue {
    fn from(number: Decimal) -> Self {
        FocusValue::Number(number)
    }
}

impl From<Timestamp> for FocusValue {
    fn from(time: Timestamp) -> Self {
        FocusValue::Time(time)
    }
}

/// A row: a value for each of `COLUMNS`.
#[derive(Clone, Debug)]
pub(super) struct FocusRow {
    values: Vec<FocusValue>,
}

impl FocusRow {
    fn new() -> Self {
        FocusRow {
            values: vec![FocusValue::Null; COLUMNS.len()],
        }
    }

    /// The value of a column, by its place in `COLUMNS`.
    pub(super) fn value(&self, column: usize) -> &FocusValue {
        &self.values[column]
    }

    pub(super) fn set(&mut self, column: &'static str, value: impl Into<FocusValue>) {
        let at = COLUMNS.binary_search_by_key(&column, |(name, _)| name);
        self.values[at.expect("a column of the list")] = value.into();
    }

    fn set_all<V: Into<FocusValue> + Clone>(&mut self, columns: &[&'static str], value: V) {
        for column in columns {
            self.set(column, value.clone());
        }
    }
}

const COSTS: [&str; 5] = [
    "BilledCost",
    "ContractedCost",
    "EffectiveCost",
    "ListCost",
    "PricingCurrencyEffectiveCost",
];
const UNIT_PRICES: [&str; 4] = [
    "ContractedUnitPrice",
    "ListUnitPrice",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyListUnitPrice",
];

/// What rows are made from.
#[derive(Clone, Copy)]
pub(super) struct Maker<'a> {
    pub(super) bill: &'a Bill,
    pub(super) by: &'a BillTerms<'a>,
    pub(super) terms: &'a FocusTerms,
}

/// What a row has of a line: all of it, or one domain's share.
struct RowPart<'a> {
    /// The domain whose share it is.
    domain: Option<&'a str>,
    bytes: i128,
    quantity: Decimal,
    amount: Decimal,
}

impl Maker<'_> {
    /// What all rows of an account have in common.
    fn row(&self, account: &str) -> FocusRow {
        let mut row = FocusRow::new();
        let slots = self.bill.month.slots(self.bill.zone);
        let instant = |slot: u32| Timestamp::from_unix_secs(i64::from(slot) * i64::from(SLOT_SECS));
        let [start, end] = [slots.start, slots.end].map(|s| instant(s).unwrap_or(Timestamp::END));
        let account = match account {
            "" => NO_ACCOUNT,
            account => account,
        };
        row.set_all(&["BillingAccountId", "BillingAccountName"], account);
        let currency = &self.by.catalogue.currency[..];
        row.set_all(&["BillingCurrency", "PricingCurrency"], currency);
        row.set_all(&["BillingPeriodStart", "ChargePeriodStart"], start);
        row.set_all(&["BillingPeriodEnd", "ChargePeriodEnd"], end);
        row.set("InvoiceId", &format!("{account}/{}", self.bill.month)[..]);
        let provider = &self.terms.provider[..];
        row.set("InvoiceIssuerName", provider);
        row.set_all(
            match self.terms.version {
                FocusVersion::V1_2 => &["ProviderName", "PublisherName"],
                FocusVersion::V1_4 => &["ServiceProviderName", "HostProviderName"],
            },
            provider,
        );
        row.set("x_Catalogue", &self.by.catalogue.name[..]);
        row.set("x_CatalogueDigest", self.by.catalogue.digest());
        row
    }

    /// The rows of a line: one for each domain that has a share of it.
    pub(super) fn lines<'b>(
        &'b self,
        charge: &'b Charge,
        shares: &'b [Cost],
    ) -> Result<impl Iterator<Item = Result<FocusRow, Inexact>> + 'b, Inexact> {
        let parts = parts(charge, shares)?;
        let quantities = quantities(charge, &parts)?;
        let parts = parts.into_iter().zip(quantities);
        Ok(parts.map(|(part, quantity)| self.line(charge, &part, quantity)))
    }

    fn line(
        &self,
        charge: &Charge,
        part: &RowPart<'_>,
        priced: Decimal,
    ) -> Result<FocusRow, Inexact> {
        let mut row = self.row(&charge.account);
        let is_purchase = charge.item.is_purchase();
        let term = charge.term.clone();
        let period = term.unwrap_or_else(|| charge.period(self.bill.zone));
        row.set("ChargePeriodStart", period.start);
        row.set("ChargePeriodEnd", period.end);
        let (category, frequency) = match is_purchase {
            true => ("Purchase", "One-Time"),
            false => ("Usage", "Usage-Based"),
        };
        row.set("ChargeCategory", category);
        row.set("ChargeFrequency", frequency);
        row.set("ChargeDescription", &description(charge)[..]);
        row.set("PricingCategory", "Standard");
        row.set("PricingUnit", unit(charge.item));
        row.set("Tags", "{}");
        self.set_id(&mut row, &charge.id());
        row.set("x_Explanation", &charge.how[..]);
        row.set("x_Rules", &charge.rules.join(" ")[..]);
        if let Some(by) = &charge.priced_by {
            row.set("x_Catalogue", &by.name[..]);
            row.set("x_CatalogueDigest", &by.digest[..]);
        }
        row.set("x_Source", &charge.source[..]);
        if self.terms.version == FocusVersion::V1_4 {
            row.set("HostProviderName", host(charge.item, &self.terms.provider));
        }
        set_place(&mut row, charge, part.domain);
        self.set_sku(&mut row, charge);
        set_costs(&mut row, charge, part, priced)?;
        if !is_purchase {
            set_consumed(&mut row, charge, part)?;
        }
        Ok(row)
    }

    /// The name of a line, of which an invoice has one.
    fn set_id(&self, row: &mut FocusRow, id: &str) {
        row.set("x_ChargeId", id);
        if self.terms.version == FocusVersion::V1_4 {
            row.set("InvoiceDetailId", id);
        }
    }

    fn set_sku(&self, row: &mut FocusRow, charge: &Charge) {
        let item = charge.item.name();
        let sku = match &charge.variant[..] {
            "" => item.to_owned(),
            variant => format!("{item}/{variant}"),
        };
        let zone = charge.zone.map_or("", Region::name);
        let price = charge.unit_price.normalize();
        let own = &self.by.catalogue.name;
        let catalogue = charge.priced_by.as_ref().map_or(own, |by| &by.name);
        row.set(
            "SkuPriceId",
            &format!("{catalogue}/{sku}/{zone}@{price}")[..],
        );
        row.set("SkuId", &sku[..]);
        row.set("SkuMeter", meter(charge.item));
        set_service(row, charge.item);
    }

    /// The row that makes the details and what is paid agree (R30).
    pub(super) fn adjustment(&self, account: &AccountBill) -> Option<FocusRow> {
        if account.adjustment.is_zero() {
            return None;
        }
        let mut row = self.row(&account.account);
        row.set("ChargeCategory", "Adjustment");
        row.set("ChargeFrequency", "One-Time");
        row.set(
            "ChargeDescription",
            "What is paid, 2 places, less the sum of 8 places",
        );
        row.set_all(&COSTS, account.adjustment);
        set_service(&mut row, Item::StandardTraffic);
        row.set("Tags", "{}");
        self.set_id(
            &mut row,
            &format!("{}/{PRECISION_ADJUSTMENT}", account.account),
        );
        row.set("x_Rules", "R30");
        Some(row)
    }
}

/// What is charged, in words.
fn description(charge: &Charge) -> String {
    let of = [&charge.variant, &charge.domain, &charge.app_id];
    let of = of.into_iter().filter(|text| !text.is_empty());
    let of: String = of.map(|text| format!(", {text}")).collect();
    let zone = charge
        .zone
        .map_or(String::new(), |zone| format!(" in {}", zone.name()));
    format!("{}{zone}{of}", meter(charge.item))
}

fn set_service(row: &mut FocusRow, item: Item) {
    let columns = ["ServiceName", "ServiceCategory", "ServiceSubcategory"];
    for (column, value) in columns.into_iter().zip(service(item)) {
        row.set(column, value);
    }
}

/// The parts of a line: shares of a domain in several regions are one; a line without shares is one part.
fn parts<'a>(charge: &Charge, shares: &'a [Cost]) -> Result<Vec<RowPart<'a>>, Inexact> {
    let mut parts: Vec<RowPart<'_>> = Vec::new();
    for share in shares {
        let same = parts.iter_mut().next_back();
        let Some(part) = same.filter(|part| part.domain == Some(&share.domain)) else {
            parts.push(RowPart {
                domain: Some(&share.domain),
                bytes: share.bytes,
                quantity: share.quantity,
                amount: share.amount,
            });
            continue;
        };
        part.bytes = part.bytes.checked_add(share.bytes).ok_or(Inexact)?;
        part.quantity = add_exactly([part.quantity, share.quantity])?;
        part.amount = add_exactly([part.amount, share.amount])?;
    }
    if parts.is_empty() {
        parts.push(RowPart {
            domain: None,
            bytes: charge.bytes,
            quantity: charge.quantity,
            amount: charge.detail,
        });
    }
    Ok(parts)
}

/// What is priced of each part.
fn quantities(charge: &Charge, parts: &[RowPart<'_>]) -> Result<Vec<Decimal>, Inexact> {
    let quantity = priced_quantity(charge)?;
    let weights = parts.iter().map(|part| u64::try_from(part.bytes));
    match weights.collect::<Result<Vec<u64>, _>>() {
        _ if parts.len() == 1 => Ok(vec![quantity]),
        Ok(weights) if charge.corrects.is_none() => divide(quantity, &weights, QUANTITY_PLACES),
        // What corrects has signs; it has no price, so nothing hangs on its quantities.
        _ => {
            let parts = parts.iter();
            let rounded = parts.map(|part| Amount::new(part.quantity).round(QUANTITY_PLACES));
            rounded.collect()
        }
    }
}

/// Where and of what it is; `domain` has a share of it.
fn set_place(row: &mut FocusRow, charge: &Charge, domain: Option<&str>) {
    if let Some(zone) = charge.zone {
        row.set("RegionId", zone.name());
        row.set("RegionName", region_name(zone));
    }
    let domain = domain.filter(|domain| !domain.is_empty());
    let domain = domain.unwrap_or(&charge.domain);
    let (resource, kind) = match (domain, &charge.app_id[..]) {
        ("", "") => return,
        ("", app_id) => (app_id, "AppID"),
        (domain, _) => (domain, "Domain"),
    };
    row.set_all(&["ResourceId", "ResourceName"], resource);
    row.set("ResourceType", kind);
}

fn set_costs(
    row: &mut FocusRow,
    charge: &Charge,
    part: &RowPart<'_>,
    priced: Decimal,
) -> Result<(), Inexact> {
    row.set_all(&COSTS, part.amount);
    row.set("PricingQuantity", priced);
    if let Some(month) = charge.corrects {
        row.set("ChargeClass", "Correction");
        row.set("x_CorrectsMonth", &month.to_string()[..]);
    } else {
        row.set_all(&UNIT_PRICES, charge.unit_price);
        let cost = multiply_exactly(priced, charge.unit_price)?;
        row.set_all(&["ListCost", "ContractedCost"], cost);
    }
    if charge.item.is_purchase() {
        row.set_all(
            &["EffectiveCost", "PricingCurrencyEffectiveCost"],
            Decimal::ZERO,
        );
    }
    Ok(())
}

/// The quantity whose product with the price is what the line costs, at the places that a column holds.
fn priced_quantity(charge: &Charge) -> Result<Decimal, Inexact> {
    let shown = Amount::new(charge.quantity).round(QUANTITY_PLACES)?;
    if charge.corrects.is_some() || charge.unit_price.is_zero() {
        return Ok(shown);
    }
    let cost = multiply_exactly(shown, charge.unit_price)?;
    let places = QUANTITY_PLACES + PRICE_PLACES;
    match Amount::new(cost).scaled(places)? == charge.amount.scaled(places)? {
        true => Ok(shown),
        false => charge.amount.over(charge.unit_price, QUANTITY_PLACES),
    }
}

/// What was consumed: bytes where bytes are priced, else what is priced.
fn set_consumed(row: &mut FocusRow, charge: &Charge, part: &RowPart<'_>) -> Result<(), Inexact> {
    let (quantity, unit) = match unit(charge.item) {
        "GB" | "GB-Days" => (Decimal::from(part.bytes), "B"),
        unit => (Amount::new(part.quantity).round(QUANTITY_PLACES)?, unit),
    };
    row.set("ConsumedQuantity", quantity);
    row.set("ConsumedUnit", unit);
    Ok(())
}
