//! Golden cases of traffic: what was sent, and what is on the bill of a month.
//!
//! `cases.toml` holds them; the answers were worked out by hand from the rules, never by running the
//! program.

use rust_decimal::Decimal;
use serde::Deserialize;

use cdn_meter::billing::services::{Metered, Service};
use cdn_meter::billing::{Amount, Bill, Charge, Events, Extras, StandardMode, Status};
use cdn_meter::units::{Region, Timestamp, Zone};

use crate::world::{Asked, Sent, bills, catalogue, number};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Case {
    pub rules: Vec<String>,
    what: String,
    month: String,
    #[serde(default = "shipped")]
    catalogue: String,
    #[serde(default)]
    peak: bool,
    #[serde(default = "one")]
    overhead: String,
    registry: String,
    sent: Vec<Sent>,
    /// An event file.
    #[serde(default)]
    events: Option<String>,
    #[serde(default)]
    services: Vec<Counted>,
    #[serde(default)]
    charges: Vec<Line>,
    #[serde(default)]
    review: Vec<Line>,
    /// By account.
    #[serde(default)]
    payable: Vec<(String, String)>,
    #[serde(default)]
    adjustment: Option<String>,
    /// Class and bytes.
    #[serde(default)]
    unpriced: Vec<(String, u64)>,
}

/// What another meter counted, of account `a`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    on: String,
    service: Service,
    #[serde(default)]
    variant: String,
    #[serde(default = "mainland")]
    zone: String,
    quantity: u64,
}

/// What a case says of a line; what it leaves out is not looked at.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    item: String,
    #[serde(default)]
    domain: String,
    #[serde(default)]
    variant: Option<String>,
    #[serde(default)]
    zone: String,
    /// As exact as the bill has it, 8 places.
    amount: String,
    quantity: Option<String>,
    price: Option<String>,
    settled_on: Option<String>,
    /// The start of its period, UTC.
    from: Option<String>,
    rules: Option<Vec<String>>,
    /// What its explanation holds.
    how: Option<String>,
    /// What its source holds.
    source: Option<String>,
}

fn shipped() -> String {
    cdn_meter::billing::DEFAULT.to_owned()
}

fn one() -> String {
    "1".to_owned()
}

fn mainland() -> String {
    "mainland".to_owned()
}

impl Case {
    fn extras(&self) -> Extras {
        let zone = Zone::CHINA;
        let events = self.events.as_ref();
        let events = events.map(|text| Events::parse(text, "case", zone).expect("events"));
        let record = |of: &Counted| {
            let midnight = Timestamp::parse(&format!("{}T00:00", of.on), zone);
            Metered {
                account: "a".to_owned(),
                service: of.service,
                variant: of.variant.clone(),
                zone: Region::by_name(&of.zone).expect("a zone"),
                day: midnight.expect("a day").slot().day(zone),
                quantity: of.quantity,
            }
        };
        let services = self.services.iter().map(record).collect();
        Extras::new(events, services, zone).expect("possible")
    }
}

pub fn cases() -> Vec<Case> {
    let file: File = toml::from_str(include_str!("cases.toml")).expect("cases");
    file.case
}

#[test]
fn every_case_gives_the_bill_that_its_rules_say() {
    for case in cases() {
        let catalogue = catalogue(&case.catalogue).expect("a catalogue");
        let mode = match case.peak {
            true => StandardMode::DailyPeak,
            false => StandardMode::Flow,
        };
        let asked = Asked {
            registry: &case.registry,
            catalogue: &catalogue,
            mode,
            overhead: &case.overhead,
            extras: case.extras(),
        };
        let bills = bills(&case.sent, &asked).expect("billed");
        let bill = bills
            .iter()
            .find(|bill| bill.month.to_string() == case.month);
        check(
            &case,
            bill.unwrap_or_else(|| panic!("{}: no bill", case.what)),
        );
    }
}

fn check(case: &Case, bill: &Bill) {
    let what = &case.what;
    let of_status = |status| -> Vec<&Charge> {
        let charges = bill.accounts.iter().flat_map(|account| &account.charges);
        charges.filter(|charge| charge.status == status).collect()
    };
    same(what, bill, &case.charges, &of_status(Status::Charged));
    same(what, bill, &case.review, &of_status(Status::NeedsReview));
    let payable: Vec<(String, String)> = bill
        .accounts
        .iter()
        .map(|account| (account.account.clone(), format!("{:.2}", account.payable)))
        .collect();
    assert_eq!(payable, case.payable, "{what}");
    if let Some(adjustment) = &case.adjustment {
        assert_eq!(bill.accounts[0].adjustment, number(adjustment), "{what}");
    }
    let unpriced: Vec<(String, u64)> = bill
        .unpriced
        .iter()
        .map(|unpriced| (unpriced.class.name().to_owned(), unpriced.bytes))
        .collect();
    assert_eq!(unpriced, case.unpriced, "{what}");
}

fn same(what: &str, bill: &Bill, expected: &[Line], found: &[&Charge]) {
    let ids: Vec<String> = found.iter().map(|charge| charge.id()).collect();
    assert_eq!(expected.len(), found.len(), "{what}: {ids:?}");
    for (line, charge) in expected.iter().zip(found) {
        let what = format!("{what}: {}", charge.id());
        let zone = charge.zone.map_or("", |zone| zone.name());
        assert_eq!(
            (&line.item[..], &line.domain[..], &line.zone[..]),
            (charge.item.name(), &charge.domain[..], zone),
            "{what}"
        );
        let rounded = charge.amount.round(8).expect("small");
        assert_eq!(rounded, number(&line.amount), "{what}");
        match charge.status {
            Status::Charged => assert_eq!(charge.detail, rounded, "{what}"),
            Status::NeedsReview => assert_eq!(charge.detail, Decimal::ZERO, "{what}"),
        }
        if let Some(quantity) = &line.quantity {
            let shown = Amount::new(charge.quantity).round(9).expect("small");
            assert_eq!(shown, number(quantity), "{what}");
        }
        if let Some(price) = &line.price {
            assert_eq!(charge.unit_price, number(price), "{what}");
        }
        if let Some(variant) = &line.variant {
            assert_eq!(&charge.variant, variant, "{what}");
        }
        for (words, text) in [(&line.how, &charge.how), (&line.source, &charge.source)] {
            let words = words.as_deref().unwrap_or_default();
            assert!(text.contains(words), "{what}: {text}");
        }
        if let Some(day) = &line.settled_on {
            assert_eq!(&charge.settled_on(bill.month), day, "{what}");
        }
        if let Some(from) = &line.from {
            assert_eq!(&charge.period(bill.zone).start.rfc3339(), from, "{what}");
        }
        for rule in line.rules.iter().flatten() {
            assert!(charge.rules.contains(rule), "{what}: {:?}", charge.rules);
        }
    }
}
