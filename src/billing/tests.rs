//! The examples of the price documents, priced from usage to bill.

use super::packages::{Packages, Purchase, Shortfall};
use super::*;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays, Owner};
use crate::units::{BillingMonth, Factor, Month, Region, SLOTS_PER_DAY, Timestamp, Zone};
use rust_decimal::Decimal;

pub(super) const GB: u64 = 1_000_000_000;
pub(super) const TB: u64 = 1000 * GB;
/// Bytes of 5 minutes at 1 Mbps.
pub(super) const MBPS: u64 = 37_500_000;

/// A catalogue of what only contracts have.
pub(super) const CONTRACT: &str = r#"
name = "contract"
currency = "CNY"
[sources]
contract = "A contract"
[[rules]]
mini-program = "own-price"
unknown-region = "mainland"
overseas-region = "AP1"
[[price]]
item = "standard-monthly-average"
model = "reached"
tiers = [{ from = "0", price = "30" }, { from = "400", price = "20" }]
rules = []
source = "contract"
[[price]]
item = "standard-monthly-95"
model = "flat"
tiers = [{ from = "0", price = "30" }]
rules = []
source = "contract"
"#;

pub(super) fn number(text: &str) -> Decimal {
    Decimal::from_str_exact(text).expect("a number")
}

pub(super) fn month(text: &str) -> Month {
    text.parse().expect("a month")
}

/// A day as days since 1970-01-01.
pub(super) fn day(text: &str) -> i32 {
    let date: jiff::civil::Date = text.parse().expect("a day");
    (date - jiff::civil::date(1970, 1, 1)).get_days()
}

/// Usage of account `a`: on a day, from a slot of it on, a class of domain sends bytes to a region.
pub(super) struct Sent(pub &'static str, pub u32, pub Class, pub Region, pub u64);

/// Standard usage of a day, in its first slot.
pub(super) fn standard(day: &'static str, region: Region, bytes: u64) -> Sent {
    Sent(day, 0, Class::Standard, region, bytes)
}

/// What account `a` used in a month.
pub(super) fn used(of: Month, sent: &[Sent]) -> AccountUsage {
    let mut used = AccountUsage {
        account: "a".to_owned(),
        domains: Vec::new(),
        slots: std::collections::BTreeMap::new(),
    };
    let days = of.days() as usize;
    for (number, Sent(on, slot, class, region, bytes)) in sent.iter().enumerate() {
        let on = (day(on) - of.first_day()) as usize;
        let mut by_day = vec![0; days];
        by_day[on] = *bytes;
        used.domains.push(DomainDays {
            domain: format!("{number}.example.com"),
            owner: Owner {
                account: "a".to_owned(),
                class: *class,
                app_id: String::new(),
            },
            mini_program_from: None,
            is_settled: false,
            region: *region,
            days: by_day,
            before: Vec::new(),
            rows: 0..0,
        });
        let slots = used.slots.entry((*class, *region));
        let slots = slots.or_insert_with(|| vec![0; days * SLOTS_PER_DAY as usize]);
        slots[on * SLOTS_PER_DAY as usize + *slot as usize] += bytes;
    }
    used
}

/// Terms without factors.
pub(super) fn terms(catalogue: &Catalogue, mode: StandardMode) -> BillTerms<'_> {
    BillTerms {
        catalogue,
        mode,
        overhead: Factor::ONE,
        sampling: Factor::ONE,
        shortfall: Shortfall::default(),
    }
}

/// The bill of a month with packages, and the packages after it.
fn billed_with(
    catalogue: &str,
    mode: StandardMode,
    packages: &Packages,
    sent: &[Sent],
) -> (AccountBill, Packages) {
    let catalogue = Catalogue::load(catalogue).expect("a catalogue");
    let of = month(&sent[0].0[..7]);
    let accounts = std::iter::once(Ok(used(of, sent)));
    let billed = bill(
        BillingMonth::new(of, Zone::CHINA),
        accounts,
        with(packages),
        &terms(&catalogue, mode),
    );
    let mut bill = billed.expect("billed");
    (bill.accounts.remove(0), bill.packages)
}

/// Only packages.
fn with(packages: &Packages) -> Besides<'static> {
    Besides {
        packages: packages.clone(),
        ..Besides::default()
    }
}

/// A package of account `a`.
fn package(at: &str, gigabytes: u32) -> Packages {
    let bought = Purchase {
        account: "a".to_owned(),
        at: Timestamp::parse(at, Zone::CHINA).expect("a time"),
        gigabytes,
        fee: None,
    };
    Packages::new(&[bought], Zone::CHINA)
}

/// Package gigabytes that are left of the only package of account `a`.
fn left(packages: &Packages) -> Decimal {
    packages.of("a").packages()[0].left.normalize()
}

/// Lines as item, quantity and amount.
fn lines(bill: &AccountBill) -> Vec<(Item, Decimal, Decimal)> {
    let line = |c: &Charge| (c.item, c.quantity.normalize(), c.detail.normalize());
    bill.charges.iter().map(line).collect()
}

/// The bill of what was sent in a month.
fn billed(catalogue: &str, mode: StandardMode, of: &str, sent: &[Sent]) -> AccountBill {
    let catalogue = Catalogue::load(catalogue).expect("a catalogue");
    let of = month(of);
    let accounts = std::iter::once(Ok(used(of, sent)));
    let bill = bill(
        BillingMonth::new(of, Zone::CHINA),
        accounts,
        Besides::default(),
        &terms(&catalogue, mode),
    );
    bill.expect("billed").accounts.remove(0)
}

#[track_caller]
fn check(catalogue: &str, mode: StandardMode, sent: &[Sent], details: &str) {
    let bill = billed(catalogue, mode, &sent[0].0[..7], sent);
    assert_eq!(bill.details, number(details));
}

const HISTORY: &str = "tencent-history";

#[test]
fn the_examples_of_traffic_by_bytes() {
    let on = "2026-10-15";
    let flow = StandardMode::Flow;
    check(
        DEFAULT,
        flow,
        &[standard(on, Region::Mainland, 90 * GB)],
        "23.40",
    );
    let abroad = [
        standard(on, Region::of_country(b"HK"), TB),
        standard(on, Region::of_country(b"RU"), 6 * TB),
    ];
    check(DEFAULT, flow, &abroad, "2800");
}

#[test]
fn the_examples_of_traffic_by_daily_peak() {
    let (on, peak) = ("2026-10-15", StandardMode::DailyPeak);
    check(
        DEFAULT,
        peak,
        &[standard(on, Region::Mainland, 50 * MBPS)],
        "32.50",
    );
    let macao = Region::of_country(b"MO");
    check(DEFAULT, peak, &[standard(on, macao, 600 * MBPS)], "684");
}

#[test]
fn half_a_terabyte_costs_less_than_a_byte_less() {
    let flow = StandardMode::Flow;
    let sent = |bytes| [standard("2021-12-31", Region::Mainland, bytes)];
    check(HISTORY, flow, &sent(500 * GB - 1), "130");
    check(HISTORY, flow, &sent(500 * GB), "125");
    let exact = billed(HISTORY, flow, "2021-12", &sent(500 * GB - 1));
    assert_eq!(
        exact.charges[0].amount,
        Amount::new(number("129.99999999974"))
    );
}

#[test]
fn the_price_list_changes_with_the_day_of_2022_01_04() {
    let flow = StandardMode::Flow;
    let sent = |on| [standard(on, Region::Mainland, 500 * GB)];
    check(HISTORY, flow, &sent("2022-01-03"), "125");
    check(HISTORY, flow, &sent("2022-01-04"), "130");
    let abroad = |on| [standard(on, Region::Ap2, 100 * GB)];
    check(HISTORY, flow, &abroad("2022-01-03"), "45");
    check(HISTORY, flow, &abroad("2022-01-04"), "76");
    let peak = |on| [standard(on, Region::Mainland, 100 * MBPS)];
    check(HISTORY, StandardMode::DailyPeak, &peak("2022-01-03"), "64");
    check(HISTORY, StandardMode::DailyPeak, &peak("2022-01-04"), "65");
}

#[test]
fn what_a_package_leaves_picks_the_tier_alone() {
    // Example 1: 11 TB of the day, 10 TB of the package.
    let packages = package("2026-10-01T10:00", 10_000);
    let sent = [standard("2026-10-15", Region::Mainland, 11 * TB)];
    let (bill, after) = billed_with(DEFAULT, StandardMode::Flow, &packages, &sent);
    assert_eq!(bill.payable, number("260"));
    assert_eq!(
        lines(&bill),
        [
            (Item::StandardTraffic, number("1000"), number("260")),
            (Item::PackageTraffic, number("10000"), Decimal::ZERO),
        ]
    );
    let how = &bill.charges[1].how;
    assert!(
        how.contains("10000 GB bought on 2026-10-01 (0 left)"),
        "{how}"
    );
    assert_eq!(left(&after), Decimal::ZERO);
}

#[test]
fn c9_history_prices_what_is_beyond_a_package_at_the_tier_of_the_day() {
    // 11 TB of a day, 10 TB of a package for 2172: 1 TB at 0.23, which 11 TB reach, and not at 0.25.
    for (bought, on, payable, words) in [
        (
            "2020-01-01T10:00",
            "2020-05-01",
            "230",
            "1000 GB of the day that packages do not pay for in mainland pay, as all 11000 GB of it do, \
             the tier from 2000 GB",
        ),
        (
            "2021-01-04T10:00",
            "2022-01-03",
            "230",
            "as all 11000 GB of it do",
        ),
        // The example of the text of 2022: the remainder alone.
        (
            "2022-01-04T10:00",
            "2022-01-04",
            "260",
            "1000 GB of the day that packages do not pay for in mainland reach the tier from 0 GB",
        ),
    ] {
        let packages = package(bought, 10_000);
        let sent = [standard(on, Region::Mainland, 11 * TB)];
        let (bill, _) = billed_with(HISTORY, StandardMode::Flow, &packages, &sent);
        assert_eq!(bill.payable, number(payable), "{on}");
        assert!(
            bill.charges[0].how.contains(words),
            "{}",
            bill.charges[0].how
        );
    }
}

#[test]
fn c9_a_day_that_packages_do_not_pay_for_is_as_it_was() {
    let sent = [
        standard("2021-10-15", Region::Mainland, 1000 * GB),
        standard("2021-10-16", Region::Mainland, 600 * GB),
    ];
    let packages = package("2021-10-16T10:00", 100);
    let (bill, _) = billed_with(HISTORY, StandardMode::Flow, &packages, &sent);
    // 1000 × 0.25, and 500 of 600 GB at 0.25.
    assert_eq!(bill.payable, number("375"));
}

#[test]
fn what_a_package_lacks_abroad_is_a_switch() {
    // Example 2: 1046.15 GB of a package of 1000 GB, 46.15 of them in AP1.
    let sent = [
        standard("2026-10-15", Region::Mainland, 869_230_000_000),
        standard("2026-10-15", Region::Ap1, 100 * GB),
    ];
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let packages = package("2026-10-01T10:00", 1000);
    let bill = |shortfall| {
        let terms = BillTerms {
            shortfall,
            ..terms(&catalogue, StandardMode::Flow)
        };
        let of = month("2026-10");
        let accounts = std::iter::once(Ok(used(of, &sent)));
        let bill = bill(
            BillingMonth::new(of, Zone::CHINA),
            accounts,
            with(&packages),
            &terms,
        );
        bill.expect("billed").accounts.remove(0)
    };
    let real = bill(Shortfall::RealGigabytes);
    assert_eq!(real.charges[0].quantity, number("26.085236265"));
    assert_eq!(real.details.round_dp(4), number("11.9992"));
    let as_published = bill(Shortfall::PackageGigabytes);
    assert_eq!(as_published.details, number("21.2290"));
    assert_eq!(Shortfall::default(), Shortfall::RealGigabytes);
}

#[test]
fn packages_are_frozen_and_not_extended_where_bandwidth_is_settled() {
    let packages = package("2026-10-01T10:00", 1000);
    let sent = [standard("2026-10-15", Region::Mainland, 50 * MBPS)];
    let (bill, after) = billed_with(DEFAULT, StandardMode::DailyPeak, &packages, &sent);
    assert_eq!(bill.payable, number("32.50"));
    assert_eq!(after, packages);
}

#[test]
fn r18_packages_pay_for_mini_program_traffic_only_where_it_has_no_price_of_its_own() {
    let mini = |on, region| Sent(on, 0, Class::MiniProgram, region, 5 * GB);
    let packages = package("2020-10-01T10:00", 1000);
    let flow = StandardMode::Flow;
    let before = [mini("2020-10-11", Region::Mainland)];
    let (bill, after) = billed_with(HISTORY, flow, &packages, &before);
    assert_eq!(bill.payable, number("20"));
    assert_eq!(after, packages);
    let since = [mini("2020-10-12", Region::Mainland)];
    let (bill, after) = billed_with(HISTORY, flow, &packages, &since);
    assert_eq!(bill.payable, Decimal::ZERO);
    assert_eq!(left(&after), number("995"));
    let abroad = [
        mini("2021-03-01", Region::Ap1),
        standard("2021-03-01", Region::Ap1, GB),
    ];
    let (bill, after) = billed_with(HISTORY, flow, &packages, &abroad);
    assert_eq!(left(&after), number("998.2"), "of standard traffic only");
    assert_eq!(bill.payable, number("2.25"));
}

#[test]
fn packages_of_a_month_are_those_that_the_months_before_left() {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let packages = package("2026-08-20T10:00", 1000);
    let months: [&[Sent]; 2] = [
        &[standard("2026-08-19", Region::Mainland, 100 * GB)],
        &[standard("2026-09-02", Region::Mainland, 600 * GB)],
    ];
    let terms = terms(&catalogue, StandardMode::Flow);
    let mut state = packages.of("a");
    for sent in months {
        let of = month(&sent[0].0[..7]);
        state = packages_after(of, &used(of, sent), &state, &terms).expect("exact");
    }
    assert_eq!(state.packages()[0].left, number("400"));
    let mut october = packages;
    october.replace("a", state);
    let sent = [standard("2026-10-15", Region::Mainland, 500 * GB)];
    let (bill, _) = billed_with(DEFAULT, StandardMode::Flow, &october, &sent);
    assert_eq!(bill.payable, number("26"));
}

#[test]
fn r17_upstream_is_charged_where_it_is_ten_times_the_playback_and_over_100_mbps() {
    let push = |slot, bytes| Sent("2026-10-15", slot, Class::Push, Region::Mainland, bytes);
    let play = |bytes| standard("2026-10-15", Region::Mainland, bytes);
    let (rest, busy) = (101 * GB - 101 * MBPS, 101 * MBPS);
    // 97 GB of it in slots below the peak.
    let spread = |bytes: u64| (1..=100).map(move |slot| push(slot, bytes / 100));
    let flow = StandardMode::Flow;
    let example: Vec<Sent> = spread(rest)
        .chain([push(0, busy + rest % 100), play(10 * GB)])
        .collect();
    check(DEFAULT, flow, &example, "28.86");
    let bill = billed(DEFAULT, flow, "2026-10", &example);
    assert_eq!(
        lines(&bill),
        [
            (Item::StandardTraffic, number("10"), number("2.6")),
            (Item::PushTraffic, number("101"), number("26.26")),
        ]
    );
    // A tenth is played: free. The peak is 100 Mbps: free.
    let much: Vec<Sent> = spread(rest)
        .chain([push(0, busy), play(10 * GB + 100 * GB / 1000)])
        .collect();
    check(DEFAULT, flow, &much, "2.626");
    let slow: Vec<Sent> = spread(rest)
        .chain([push(0, 100 * MBPS), play(GB)])
        .collect();
    check(DEFAULT, flow, &slow, "0.26");
    // By bandwidth both have a peak.
    let peaks = billed(DEFAULT, StandardMode::DailyPeak, "2026-10", &example);
    let items: Vec<Item> = peaks.charges.iter().map(|charge| charge.item).collect();
    assert_eq!(items, [Item::StandardPeak, Item::PushPeak]);
    // Before 2021-07-01 it was free, and where the mini-program has its own price its playback counts.
    let on = |day: &'static str, sent: &[Sent]| -> Vec<Sent> {
        let moved = sent
            .iter()
            .map(|Sent(_, slot, class, region, bytes)| Sent(day, *slot, *class, *region, *bytes));
        moved.collect()
    };
    check(HISTORY, flow, &on("2021-06-30", &example), "2.6");
    check(HISTORY, flow, &on("2021-07-01", &example), "28.86");
}

#[test]
fn what_is_free_of_upstream_is_told_and_packages_pay_for_the_rest() {
    let push = |on, bytes| Sent(on, 0, Class::Push, Region::Mainland, bytes);
    let sent = [push("2026-10-15", 50 * GB), push("2026-10-16", GB)];
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let of = month("2026-10");
    let packages = package("2026-10-01T10:00", 1000);
    let accounts = std::iter::once(Ok(used(of, &sent)));
    let terms = terms(&catalogue, StandardMode::Flow);
    let bill = bill(
        BillingMonth::new(of, Zone::CHINA),
        accounts,
        with(&packages),
        &terms,
    )
    .expect("billed");
    assert_eq!(
        (bill.unpriced[0].class, bill.unpriced[0].bytes),
        (Class::Push, GB)
    );
    let line = &bill.accounts[0].charges[0];
    assert_eq!(
        (line.item, &line.variant[..]),
        (Item::PackageTraffic, "push-traffic")
    );
    assert_eq!(left(&bill.packages), number("950"));
}

#[test]
fn what_is_billed_takes_packages_not_what_is_logged() {
    let packages = package("2026-10-01T10:00", 1000);
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let of = month("2026-10");
    let used = used(of, &[standard("2026-10-15", Region::Mainland, 1000 * GB)]);
    let terms = BillTerms {
        overhead: "1.1".parse().expect("a factor"),
        ..terms(&catalogue, StandardMode::Flow)
    };
    let when = BillingMonth::new(of, Zone::CHINA);
    let accounts = std::iter::once(Ok(used));
    let bill = bill(when, accounts, with(&packages), &terms).expect("billed");
    // 1100 GB are billed, 1000 of them are paid for; a byte of the log is not split.
    let remaining = &bill.accounts[0].charges[0];
    assert_eq!(remaining.bytes, 90_909_090_910);
    assert_eq!(remaining.quantity, number("100.000000001"));
    assert_eq!(left(&bill.packages), number("0.000000001"));
}
