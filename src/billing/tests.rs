//! The examples of the price documents, priced from usage to bill.

use super::*;
use crate::registry::Class;
use crate::summary::{AccountUsage, DomainDays, Owner};
use crate::units::{Factor, Month, Region, SLOTS_PER_DAY, Zone};
use rust_decimal::Decimal;

pub(super) const GB: u64 = 1_000_000_000;
pub(super) const TB: u64 = 1000 * GB;
/// Bytes of 5 minutes at 1 Mbps.
pub(super) const MBPS: u64 = 37_500_000;

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
            region: *region,
            days: by_day,
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
    }
}

/// The bill of what was sent in a month.
fn billed(catalogue: &str, mode: StandardMode, of: &str, sent: &[Sent]) -> AccountBill {
    let catalogue = Catalogue::load(catalogue).expect("a catalogue");
    let of = month(of);
    let accounts = std::iter::once(Ok(used(of, sent)));
    let bill = bill(
        (of, Zone::CHINA),
        accounts,
        Vec::new(),
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
