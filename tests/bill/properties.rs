//! Properties of pricing, whatever was sent.

use proptest::prelude::*;
use rust_decimal::Decimal;

use cdn_meter::billing::{Bill, Catalogue, Extras, SHIPPED, StandardMode, Status};

use crate::world::{Asked, Sent, bills, catalogue};

const REGISTRY: &str = r#"
[[domain]]
name = "mini-a.example.com"
account = "a"
mini_program_since = "2020-04-20"
[[domain]]
name = "mini-late.example.com"
account = "a"
mini_program_since = "2026-10-15"
[[domain]]
name = "www.example.com"
account = "a"
[[domain]]
name = "img.example.com"
account = "b"
[[domain]]
name = "mini-b.example.com"
account = "b"
mini_program_since = "2026-10-01"
[[domain]]
name = "push.example.com"
account = "b"
kind = "push"
"#;
const DOMAINS: [&str; 7] = [
    "mini-a.example.com",
    "mini-late.example.com",
    "www.example.com",
    "img.example.com",
    "mini-b.example.com",
    "push.example.com",
    "nobody.example.com",
];
const REGIONS: [&str; 5] = ["mainland", "unknown", "overseas", "AP1", "SA"];

fn sent() -> impl Strategy<Value = Vec<Sent>> {
    let bytes = prop_oneof![
        0..10_u64,
        0..3_000_000_000_u64,
        0..2_000_000_000_000_000_u64
    ];
    let one = (
        0..DOMAINS.len(),
        1..=31_u32,
        0..24_u32,
        bytes,
        0..REGIONS.len(),
    );
    let one = one.prop_map(|(domain, day, hour, bytes, region)| Sent {
        domain: DOMAINS[domain].to_owned(),
        at: format!("2026-10-{day:02}T{hour:02}:00"),
        bytes,
        region: REGIONS[region].to_owned(),
    });
    prop::collection::vec(one, 1..40)
}

fn bill(sent: &[Sent], mode: StandardMode, overhead: &str) -> Bill {
    let catalogue = catalogue(cdn_meter::billing::DEFAULT).expect("a catalogue");
    let asked = Asked {
        registry: REGISTRY,
        catalogue: &catalogue,
        mode,
        overhead,
        extras: Extras::default(),
    };
    let mut bills = bills(sent, &asked).expect("billed");
    assert_eq!(bills.len(), 1);
    bills.remove(0)
}

fn both_modes() -> [StandardMode; 2] {
    [StandardMode::Flow, StandardMode::DailyPeak]
}

fn bytes_of(sent: &[Sent], is_meant: impl Fn(&str) -> bool) -> u64 {
    let of_domain = sent.iter().filter(|sent| is_meant(&sent.domain));
    of_domain.map(|sent| sent.bytes).sum()
}

fn gigabytes(bytes: u64) -> Decimal {
    Decimal::from_i128_with_scale(bytes.into(), 9)
}

proptest! {
    #[test]
    fn lines_sum_to_the_bill_and_residues_are_bounded(sent in sent()) {
        for mode in both_modes() {
            for account in bill(&sent, mode, "1.10").accounts {
                let details: Decimal = account.charges.iter().map(|charge| charge.detail).sum();
                let payables: Decimal = account.charges.iter().map(|charge| charge.payable).sum();
                prop_assert_eq!(details, account.details);
                prop_assert_eq!(details + account.adjustment, account.payable);
                prop_assert_eq!(payables, account.payable);
                prop_assert!(account.adjustment.abs() <= Decimal::new(5, 3));
                for charge in account.charges {
                    let rounded = charge.amount.round(8).expect("small");
                    let off = (charge.detail - rounded).abs();
                    let is_charged = charge.status == Status::Charged;
                    prop_assert!(!is_charged || off <= Decimal::new(1, 8), "{}", charge.id());
                }
            }
        }
    }

    #[test]
    fn no_usage_makes_a_negative_charge(sent in sent()) {
        for mode in both_modes() {
            let bill = bill(&sent, mode, "1");
            for charge in bill.accounts.iter().flat_map(|account| &account.charges) {
                let is_charged = charge.status == Status::Charged;
                let exact = charge.amount.round(18).expect("small");
                prop_assert!(!is_charged || Decimal::ZERO < exact, "{}", charge.id());
                prop_assert!(Decimal::ZERO <= charge.detail && Decimal::ZERO <= charge.payable);
            }
        }
    }

    /// What a line cites is a rule, and the price is one of the catalogue.
    #[test]
    fn every_line_says_why(sent in sent()) {
        let bill = bill(&sent, StandardMode::Flow, "1");
        for charge in bill.accounts.iter().flat_map(|account| &account.charges) {
            prop_assert!(!charge.rules.is_empty() && !charge.how.is_empty());
            for id in &charge.rules {
                prop_assert!(cdn_meter::billing::rule(id).is_some(), "{id}");
            }
            prop_assert!(charge.price.starts_with("mini-program-live:"), "{}", charge.price);
        }
    }

    /// Every byte is on one line, or told to have no price (`CLASS-1`).
    #[test]
    fn bytes_are_billed_once(sent in sent()) {
        let bill = bill(&sent, StandardMode::Flow, "1");
        let charges = bill.accounts.iter().flat_map(|account| &account.charges);
        let charged = charges.filter(|charge| charge.status == Status::Charged);
        let billed: i128 = charged.map(|charge| charge.bytes).sum();
        let unpriced: u64 = bill.unpriced.iter().map(|unpriced| unpriced.bytes).sum();
        prop_assert_eq!(billed + i128::from(unpriced), i128::from(bytes_of(&sent, |_| true)));
    }

    /// Flat prices are additive: the price of merged usage is the sum of the prices. Reached tiers
    /// are not, on purpose; there, more of a day never costs more per gigabyte.
    #[test]
    fn mini_program_traffic_pays_by_its_bytes_alone(one in sent(), other in sent()) {
        let mini = |sent: &[Sent]| -> Decimal {
            let bill = bill(sent, StandardMode::Flow, "1");
            let charges = bill.accounts.iter().flat_map(|account| &account.charges);
            let mini = charges.filter(|charge| charge.item.name() == "mini-program-traffic");
            mini.map(|charge| charge.amount.round(9).expect("small")).sum()
        };
        let both: Vec<Sent> = one.iter().chain(&other).cloned().collect();
        prop_assert_eq!(mini(&both), mini(&one) + mini(&other));
        let bytes = bytes_of(&both, |domain| domain.starts_with("mini"));
        prop_assert_eq!(mini(&both), gigabytes(bytes) * Decimal::from(4));
    }

    #[test]
    fn more_of_a_day_never_costs_more_per_gigabyte(bytes in 1..3_000_000_000_000_000_u64, more in 0..3_000_000_000_000_000_u64) {
        let price = |bytes| {
            let sent = [Sent {
                domain: "www.example.com".to_owned(),
                at: "2026-10-10T10:00".to_owned(),
                bytes,
                region: "mainland".to_owned(),
            }];
            bill(&sent, StandardMode::Flow, "1").accounts[0].charges[0].unit_price
        };
        prop_assert!(price(bytes + more) <= price(bytes));
    }

    #[test]
    fn the_order_of_usage_makes_no_difference(sent in sent()) {
        let reversed: Vec<Sent> = sent.iter().rev().cloned().collect();
        let text = |sent: &[Sent]| format!("{:?}", bill(sent, StandardMode::Flow, "1"));
        prop_assert_eq!(text(&sent), text(&reversed));
    }
}

#[test]
fn what_cannot_be_billed_exactly_is_an_error() {
    let text = SHIPPED[0]
        .1
        .replace("price = \"4\"", "price = \"4.12345678\"");
    let catalogue = Catalogue::parse(&text, "own").expect("a catalogue");
    let mut asked = Asked {
        registry: REGISTRY,
        catalogue: &catalogue,
        mode: StandardMode::Flow,
        overhead: "1",
        extras: Extras::default(),
    };
    let sent = [Sent {
        domain: "mini-a.example.com".to_owned(),
        at: "2026-10-10T10:00".to_owned(),
        bytes: u64::MAX,
        region: "mainland".to_owned(),
    }];
    assert!(bills(&sent, &asked).is_ok(), "28 digits");
    asked.overhead = "9999.9999";
    let error = bills(&sent, &asked).map(|_| ()).expect_err("36 digits");
    assert!(error.to_string().contains("28 digits"), "{error}");
}
