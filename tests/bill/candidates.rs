//! What candidate credits (R21) come to, whatever was sent and whatever packages pay: by day what the day would
//! have cost less, and nothing where it would not.

use proptest::prelude::*;
use rust_decimal::Decimal;

use cdn_meter::billing::{
    Bill, Catalogue, Charge, DEFAULT, Events, Extras, Item, SHIPPED, StandardMode,
};
use cdn_meter::units::{Month, Region, Zone};

use crate::world::{Asked, MBPS, Sent, bills, catalogue, closed_bill};

const GB: u64 = 1_000_000_000;

/// Added after all that it sent here.
const MINI: &str = "mini_program_since = \"2026-10-05\"";
const STANDARD: &str = "";

fn registry(of_m: &str) -> String {
    format!(
        "[[domain]]\nname = \"a.example.cn\"\naccount = \"acct\"\n\
         [[domain]]\nname = \"p.example.cn\"\naccount = \"acct\"\nkind = \"push\"\n\
         [[domain]]\nname = \"m.example.cn\"\naccount = \"acct\"\n{of_m}\n"
    )
}

fn sent(domain: &str, bytes: u64, region: &str) -> Sent {
    sent_on(3, domain, bytes, region)
}

fn sent_on(day: u32, domain: &str, bytes: u64, region: &str) -> Sent {
    Sent {
        domain: format!("{domain}.example.cn"),
        at: format!("2026-10-{day:02}T10:00"),
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

/// Days on which packages that a domain used up would have paid for others.
#[test]
fn c7_days_after_a_package_was_used_up_by_a_domain_have_credits_too() {
    let lines = [
        sent_on(3, "m", 60 * GB, "mainland"),
        sent_on(3, "a", 10 * GB, "mainland"),
        // 30 GB are left of 100 on the fourth: 20 are paid in money, and without m none would be.
        sent_on(4, "a", 50 * GB, "mainland"),
        // And 40 of the 60 on the sixth, when m is a mini-program domain already.
        sent_on(6, "a", 60 * GB, "mainland"),
        sent_on(6, "m", GB, "mainland"),
        // It would be used up by now.
        sent_on(7, "a", 5 * GB, "mainland"),
    ];
    let bill = flow(&lines, &[100]);
    let gb = |gigabytes: i128| gigabytes * i128::from(GB);
    let line = |item, bytes, owed: &str| (item, "mainland", bytes, owed.to_owned());
    assert_eq!(
        credits(&bill),
        [
            line("standard-traffic", gb(20), "-5.2"),
            line("standard-traffic", gb(40), "-10.4"),
            line("package-traffic", gb(60), "60"),
            line("package-traffic", gb(-20), "-20"),
            line("package-traffic", gb(-40), "-40"),
        ]
    );
    let lines: Vec<&Charge> = bill.accounts[0].for_review().collect();
    assert!(lines.iter().all(|line| line.domain == "m.example.cn"));
    let how = &lines[0].how;
    assert!(
        how.contains("packages would have paid") && how.contains("ask for a credit"),
        "{how}"
    );
    let how = &lines[3].how;
    assert!(how.contains("take 20 package gigabytes off"), "{how}");
}

#[test]
fn c7_what_is_left_of_a_package_that_a_domain_took_of_stays_owed_in_gigabytes() {
    let lines = [
        sent_on(3, "m", 60 * GB, "mainland"),
        sent_on(4, "a", 30 * GB, "mainland"),
    ];
    let bill = flow(&lines, &[100]);
    let owed = (
        "package-traffic",
        "mainland",
        i128::from(60 * GB),
        "60".to_owned(),
    );
    assert_eq!(credits(&bill), [owed]);
}

/// Of each charged line of standard traffic: its day of October, whether packages paid it, its gigabytes, and what the
/// explanation says is left.
fn standard_lines(bill: &Bill) -> Vec<(i32, bool, String, String)> {
    let charged = bill.accounts.iter().flat_map(|account| account.charged());
    let of_days = charged.filter(|line| {
        matches!(line.item, Item::StandardTraffic | Item::PackageTraffic)
            && line.zone == Some(Region::Mainland)
    });
    let first = "2026-10".parse::<Month>().expect("a month").first_day();
    of_days
        .map(|line| {
            let left = line.how.split_once(" (").map_or("", |(_, left)| left);
            let is_paid = line.item == Item::PackageTraffic;
            let gigabytes = line.quantity.normalize().to_string();
            (
                line.days.start - first + 1,
                is_paid,
                gigabytes,
                left.to_owned(),
            )
        })
        .collect()
}

#[test]
fn e1_lines_after_days_that_may_be_credited_know_what_those_took_of_packages() {
    let sent = [
        sent_on(3, "a", 10 * GB, "mainland"),
        sent_on(3, "m", 60 * GB, "mainland"),
        // 30 GB are left: 20 are paid in money.
        sent_on(4, "a", 50 * GB, "mainland"),
        sent_on(6, "a", 60 * GB, "mainland"),
    ];
    let bill = flow(&sent, &[100]);
    let line = |day, is_paid, gigabytes: &str, left: &str| {
        (day, is_paid, gigabytes.to_owned(), left.to_owned())
    };
    let theirs =
        "60 taken that day by domains that are mini-program domains of the month, 30 left)";
    assert_eq!(
        standard_lines(&bill),
        [
            line(4, false, "20", ""),
            line(6, false, "60", ""),
            line(3, true, "10", theirs),
            line(4, true, "30", "0 left)"),
        ]
    );
    // 20 and 60 GB at 0.26, as they were settled, 60 GB of m at 4, and the package; what may be asked for is in no sum.
    assert_eq!(
        cost(&bill),
        Decimal::new(208, 1) + Decimal::from(240) + Decimal::ONE
    );
    assert_eq!(left(&bill), Decimal::ZERO);
}

#[test]
fn e1_others_take_of_packages_first_on_a_day_on_which_they_run_out() {
    let sent = [
        sent_on(3, "m", 60 * GB, "mainland"),
        sent_on(3, "a", 70 * GB, "mainland"),
        sent_on(3, "a", 10 * GB, "AP1"),
    ];
    let bill = flow(&sent, &[100]);
    let of_mainland = standard_lines(&bill);
    let theirs = "30 taken that day by domains that are mini-program domains of the month, 0 left)";
    assert_eq!(of_mainland, [(3, true, "70".to_owned(), theirs.to_owned())]);
    // Zones behind the mainland found nothing left, and that may be asked for.
    let of_ap1 = |line: &&Charge| line.zone == Some(Region::Ap1);
    let charged: Vec<_> = bill.accounts[0].charged().filter(of_ap1).collect();
    assert_eq!((charged.len(), exact(charged[0])), (1, Decimal::new(46, 1)));
    assert_eq!(left(&bill), Decimal::ZERO);
}

fn traffic() -> impl Strategy<Value = Vec<Sent>> {
    let bytes = prop_oneof![1..10_u64, 1..5 * GB, 1..3_000 * GB, 1..60_000 * GB];
    let domains = prop::sample::select(vec!["a", "m"]);
    let regions = ["mainland", "AP1", "AP2", "AP3", "NA", "EU", "ME", "SA"];
    let one = (
        3..6_u32,
        domains,
        bytes,
        prop::sample::select(regions.to_vec()),
    );
    let one = one.prop_map(|(day, domain, bytes, region)| match domain {
        // It is added on the fifth.
        "m" => sent_on(day.min(4), domain, bytes, region),
        _ => sent_on(day, domain, bytes, region),
    });
    prop::collection::vec(one, 1..10)
}

proptest! {
    /// Against what the days would have been without the domain, which bills of their own tell. Days before one
    /// are billed with it: they use up packages.
    #[test]
    fn c7_candidate_credits_of_days_are_what_they_would_have_cost_less(
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
        let traffic = [&traffic[..], &[sent("a", 1, "SA")]].concat();
        let bill = billed(MINI, by, &traffic, &of_packages);
        let (mut owed_money, mut owed_gigabytes) = (Decimal::ZERO, Decimal::ZERO);
        let (mut money_before, mut left_before) = (Decimal::ZERO, Decimal::ZERO);
        for day in 3..6 {
            let until = |of: &&Sent| of.at[8..10].parse::<u32>().expect("a day") <= day;
            let then: Vec<Sent> = traffic.iter().filter(until).cloned().collect();
            let mut without = then.clone();
            without.retain(|of| !of.domain.starts_with('m'));
            let then = billed(STANDARD, by, &then, &of_packages);
            let without = billed(STANDARD, by, &without, &of_packages);
            let money = cost(&without) - cost(&then);
            let left = left(&without) - left(&then);
            let (of_day, taken) = (money - money_before, left - left_before);
            (money_before, left_before) = (money, left);
            // What is less is what used-up packages leave.
            let least = Decimal::new(1, 8);
            if of_day < Decimal::ZERO {
                owed_money += of_day;
            }
            if least <= taken || (of_day < Decimal::ZERO && taken <= -least) {
                owed_gigabytes += taken;
            }
        }
        let near = Decimal::new(1, 12);
        let asked = (owed(&bill, false), owed(&bill, true));
        prop_assert!((asked.0 - owed_money).abs() <= near, "{asked:?} {owed_money}");
        prop_assert_eq!(asked.1, owed_gigabytes);
    }
}

proptest! {
    /// What a month was billed with while nobody knew of the domain stays, its mini-program traffic is charged, and
    /// what may be asked for is what an open month would ask for.
    #[test]
    fn c7_a_closed_month_is_charged_as_both_and_asks_for_what_an_open_one_does(
        traffic in traffic(),
        of_packages in prop::collection::vec(100..5_000_u32, 0..3),
        is_flow in any::<bool>(),
    ) {
        let catalogue = catalogue(DEFAULT).expect("a catalogue");
        let mode = if is_flow { StandardMode::Flow } else { StandardMode::DailyPeak };
        let by = (&catalogue, mode);
        let (was, now) = (registry(STANDARD), registry(MINI));
        let asked = Asked {
            registry: &now,
            catalogue: &catalogue,
            mode,
            overhead: "1",
            extras: packages(&of_packages),
        };
        let closed = closed_bill(&traffic, &asked, &was).expect("billed");
        let open = billed(MINI, by, &traffic, &of_packages);
        let as_standard = billed(STANDARD, by, &traffic, &of_packages);
        let lines = |bill: &Bill, is_mini: bool| -> Vec<(String, Decimal)> {
            let lines = bill.accounts.iter().flat_map(|account| account.charged());
            let lines = lines.filter(|line| (line.item == Item::MiniProgramTraffic) == is_mini);
            lines.map(|line| (line.id(), exact(line))).collect()
        };
        prop_assert_eq!(lines(&closed, false), lines(&as_standard, false));
        prop_assert_eq!(lines(&closed, true), lines(&open, true));
        prop_assert_eq!(credits(&closed), credits(&open));
        prop_assert_eq!(left(&closed), left(&as_standard));
        prop_assert_eq!(left(&open), left(&as_standard), "whenever it was told");
    }
}

proptest! {
    /// Where a domain sent nothing that day the others are billed as they were settled when nobody knew of it, to
    /// the words of the explanation; what is left is what the notes say.
    #[test]
    fn e1_what_others_sent_elsewhere_is_billed_and_told_as_it_was_settled(
        traffic in traffic(),
        of_packages in prop::collection::vec(prop_oneof![1..10_u32, 100..5_000_u32], 1..3),
    ) {
        let catalogue = catalogue(DEFAULT).expect("a catalogue");
        let by = (&catalogue, StandardMode::Flow);
        let traffic = [&traffic[..], &[sent("a", 1, "SA")]].concat();
        let open = billed(MINI, by, &traffic, &of_packages);
        let settled = billed(STANDARD, by, &traffic, &of_packages);
        let first = "2026-10".parse::<Month>().expect("a month").first_day();
        let is_theirs = |line: &Charge| {
            let on = format!("2026-10-{:02}", line.days.start - first + 1);
            let there = traffic.iter().filter(|of| of.domain.starts_with('m'));
            let mut there = there.filter(|of| of.at.starts_with(&on));
            there.any(|of| line.zone == Region::by_name(&of.region))
        };
        let others = |bill: &Bill| -> Vec<(String, i128, Decimal, String)> {
            let lines = bill.accounts.iter().flat_map(|account| account.charged());
            let lines = lines.filter(|line| line.item != Item::MiniProgramTraffic);
            let lines = lines.filter(|line| line.zone.is_some() && !is_theirs(line));
            lines.map(|line| (line.id(), line.bytes, exact(line), line.how.clone())).collect()
        };
        prop_assert_eq!(others(&open), others(&settled));
        let now = registry(MINI);
        let asked = Asked {
            registry: &now,
            catalogue: &catalogue,
            mode: StandardMode::Flow,
            overhead: "1",
            extras: packages(&of_packages),
        };
        let closed = closed_bill(&traffic, &asked, &registry(STANDARD)).expect("billed");
        prop_assert_eq!(others(&closed), others(&settled));
        prop_assert_eq!(open.packages, settled.packages);
    }
}

fn cost(bill: &Bill) -> Decimal {
    let lines = bill.accounts.iter();
    let lines = lines.flat_map(|account| account.charged());
    lines.map(exact).sum()
}

/// What is left of packages.
fn left(bill: &Bill) -> Decimal {
    let packages = bill.packages.accounts();
    let packages = packages.flat_map(|(_, state)| state.packages());
    packages.map(|package| package.left).sum()
}

/// What is asked for: package gigabytes, or money.
fn owed(bill: &Bill, is_of_packages: bool) -> Decimal {
    let lines = bill.accounts.iter();
    let lines = lines.flat_map(|account| account.for_review());
    let lines = lines.filter(|line| (line.item == Item::PackageTraffic) == is_of_packages);
    let owed = |line: &Charge| match is_of_packages {
        true => line.quantity,
        false => exact(line),
    };
    lines.map(owed).sum()
}
