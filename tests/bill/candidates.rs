//! What candidate credits (R21) come to, whatever was sent and whatever packages pay: by day what the day would
//! have cost less, and nothing where it would not.

use proptest::prelude::*;
use rust_decimal::Decimal;

use cdn_meter::billing::{
    Bill, Catalogue, Charge, DEFAULT, Events, Extras, Item, SHIPPED, StandardMode,
};
use cdn_meter::units::Zone;

use crate::world::{Asked, Sent, bills, catalogue};

const GB: u64 = 1_000_000_000;
/// Bytes of 5 minutes at 1 Mbps.
const MBPS: u64 = 37_500_000;

/// Added on the day after all of what is sent here.
const MINI: &str = "mini_program_since = \"2026-10-04\"";
const STANDARD: &str = "";

fn registry(of_m: &str) -> String {
    format!(
        "[[domain]]\nname = \"a.example.cn\"\naccount = \"acct\"\n\
         [[domain]]\nname = \"p.example.cn\"\naccount = \"acct\"\nkind = \"push\"\n\
         [[domain]]\nname = \"m.example.cn\"\naccount = \"acct\"\n{of_m}\n"
    )
}

fn sent(domain: &str, bytes: u64, region: &str) -> Sent {
    Sent {
        domain: format!("{domain}.example.cn"),
        at: "2026-10-03T10:00".to_owned(),
        bytes,
        region: region.to_owned(),
    }
}

fn packages(gigabytes: &[u32]) -> Extras {
    let package = |gigabytes: &u32| {
        format!(
            "[[package]]\naccount = \"acct\"\nat = \"2026-10-03T09:00\"\ngigabytes = {gigabytes}\nfee = \"1\"\n"
        )
    };
    let text: String = gigabytes.iter().map(package).collect();
    if text.is_empty() {
        return Extras::default();
    }
    let events = Events::parse(&text, "events", Zone::CHINA).expect("events");
    Extras::new(Some(events), Vec::new(), Zone::CHINA).expect("extras")
}

/// The bill of what was sent, where `m.example.cn` is as `of_m` says.
fn billed(
    of_m: &str,
    (catalogue, mode): (&Catalogue, StandardMode),
    sent: &[Sent],
    of_packages: &[u32],
) -> Bill {
    let registry = registry(of_m);
    let asked = Asked {
        registry: &registry,
        catalogue,
        mode,
        overhead: "1",
        extras: packages(of_packages),
    };
    bills(sent, &asked).expect("billed").remove(0)
}

fn flow(sent: &[Sent], of_packages: &[u32]) -> Bill {
    let catalogue = catalogue(DEFAULT).expect("a catalogue");
    billed(MINI, (&catalogue, StandardMode::Flow), sent, of_packages)
}

fn exact(line: &Charge) -> Decimal {
    line.amount.round(18).expect("small")
}

/// Item, zone, bytes, and what is owed: an amount, or package gigabytes.
fn credits(bill: &Bill) -> Vec<(&'static str, &'static str, i128, String)> {
    let lines = bill
        .accounts
        .iter()
        .flat_map(|account| account.for_review());
    let owed = |line: &Charge| match line.item {
        Item::PackageTraffic => line.quantity,
        _ => exact(line),
    };
    lines
        .map(|line| {
            let zone = line.zone.map_or("", |zone| zone.name());
            let owed = owed(line).normalize().to_string();
            (line.item.name(), zone, line.bytes, owed)
        })
        .collect()
}

#[test]
fn c7_a_byte_that_a_used_up_package_pays_elsewhere_stops_no_bill() {
    // With m the package ends in AP2 on enough for a byte of NA.
    let lines = [
        sent("a", GB, "mainland"),
        sent("a", 100 * GB, "AP2"),
        sent("a", GB, "NA"),
        sent("m", 2 * GB, "mainland"),
    ];
    let bill = flow(&lines, &[100]);
    let found = credits(&bill);
    let bytes: i128 = found.iter().map(|(_, _, bytes, _)| bytes).sum();
    // 2 GB of packages went to m in the mainland, and were missing in AP2 to the byte.
    assert_eq!(bytes, 684_205_124, "{found:?}");
    let of_items: Vec<_> = found
        .iter()
        .map(|(item, zone, ..)| (*item, *zone))
        .collect();
    assert_eq!(
        of_items,
        [("standard-traffic", "AP2"), ("standard-traffic", "NA")]
    );
}

#[test]
fn c7_no_credit_is_asked_for_where_the_day_costs_no_less_without_the_domain() {
    // 2,010 GB reach 0.25, 1,990 GB would have paid 0.26: 14.90 more.
    let dearer = [
        sent("a", 1_990 * GB, "mainland"),
        sent("m", 20 * GB, "mainland"),
    ];
    assert_eq!(credits(&flow(&dearer, &[])), []);
    // Of peaks, too: 500 Mbps reach the second tier.
    let peaks = [
        sent("a", 499 * MBPS, "mainland"),
        sent("m", MBPS, "mainland"),
    ];
    let catalogue = catalogue(DEFAULT).expect("a catalogue");
    let by_peaks = (&catalogue, StandardMode::DailyPeak);
    assert_eq!(credits(&billed(MINI, by_peaks, &peaks, &[])), []);
    // With more elsewhere the day as a whole would have cost less: all zones tell of it.
    let mut mixed = dearer.to_vec();
    mixed.push(sent("m", 100 * GB, "AP1"));
    let bill = flow(&mixed, &[]);
    let gb = |gigabytes: u64| i128::from(gigabytes * GB);
    let line = |zone, bytes, owed: &str| ("standard-traffic", zone, bytes, owed.to_owned());
    assert_eq!(
        credits(&bill),
        [
            line("mainland", gb(20), "14.9"),
            line("AP1", gb(100), "-46"),
        ]
    );
    let how: Vec<_> = bill.accounts[0]
        .for_review()
        .map(|line| &line.how)
        .collect();
    assert!(
        how[0].contains("take it off what is asked for of the day"),
        "{how:?}"
    );
    assert!(how[1].contains("ask for a credit"), "{how:?}");
}

fn traffic() -> impl Strategy<Value = Vec<Sent>> {
    let bytes = prop_oneof![1..10_u64, 1..5 * GB, 1..3_000 * GB, 1..60_000 * GB];
    let domains = prop::sample::select(vec!["a", "m"]);
    let regions = ["mainland", "AP1", "AP2", "AP3", "NA", "EU", "ME", "SA"];
    let one = (domains, bytes, prop::sample::select(regions.to_vec()));
    let one = one.prop_map(|(domain, bytes, region)| sent(domain, bytes, region));
    prop::collection::vec(one, 1..10)
}

proptest! {
    /// Against what the day would have been without the domain, which a bill of its own tells.
    #[test]
    fn c7_candidate_credits_of_a_day_are_what_it_would_have_cost_less(
        traffic in traffic(),
        of_packages in prop::collection::vec(prop_oneof![1..10_u32, 100..5_000_u32], 0..3),
        ratios in prop::collection::vec(1..60_000_u32, 4),
        is_flow in any::<bool>(),
    ) {
        let mut text = SHIPPED[0].1.to_owned();
        for (of_zone, ratio) in ["1.7692", "2.9231", "1.6923", "2.6923"].iter().zip(ratios) {
            let ratio = Decimal::new(ratio.into(), 4).to_string();
            text = text.replace(&format!("ratio = \"{of_zone}\""), &format!("ratio = \"{ratio}\""));
        }
        let catalogue = Catalogue::parse(&text, "own").expect("a catalogue");
        let mode = if is_flow { StandardMode::Flow } else { StandardMode::DailyPeak };
        let by = (&catalogue, mode);
        let others: Vec<Sent> = traffic.iter().filter(|of| !of.domain.starts_with('m')).cloned().collect();
        let others = [&others[..], &[sent("a", 1, "SA")]].concat();
        let traffic = [&traffic[..], &[sent("a", 1, "SA")]].concat();
        let bill = billed(MINI, by, &traffic, &of_packages);
        let (then, without) = (
            billed(STANDARD, by, &traffic, &of_packages),
            billed(STANDARD, by, &others, &of_packages),
        );
        let cost = |bill: &Bill| -> Decimal {
            let lines = bill.accounts.iter().flat_map(|account| account.charged());
            lines.map(exact).sum()
        };
        let left = |bill: &Bill| -> Decimal {
            let packages = bill.packages.accounts().flat_map(|(_, state)| state.packages());
            packages.map(|package| package.left).sum()
        };
        let owed = |is_meant: bool| -> Decimal {
            let lines = bill.accounts.iter().flat_map(|account| account.for_review());
            let lines = lines.filter(|line| (line.item == Item::PackageTraffic) == is_meant);
            lines.map(|line| if is_meant { line.quantity } else { exact(line) }).sum()
        };
        let money = cost(&without) - cost(&then);
        let near = Decimal::new(1, 12);
        prop_assert!((owed(false) - money.min(Decimal::ZERO)).abs() <= near, "{} {money}", owed(false));
        let taken = left(&without) - left(&then);
        // What is less is what used-up packages leave.
        let taken = if taken < Decimal::new(1, 8) { Decimal::ZERO } else { taken };
        prop_assert_eq!(owed(true), taken);
    }
}
