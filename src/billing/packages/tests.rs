//! Which package pays for which bytes, and what is left.

use proptest::prelude::*;

use super::*;
use crate::billing::charge::bought as bought_in;
use crate::billing::exact::total;
use crate::billing::tests::{GB, day, month, number};
use crate::billing::{Amount, DEFAULT};
use crate::units::BillingMonth;

fn history() -> Catalogue {
    Catalogue::load("tencent-history").expect("a catalogue")
}

fn bought(at: &str, gigabytes: u32) -> Purchase {
    Purchase {
        account: "a".to_owned(),
        at: Timestamp::parse(at, Zone::CHINA).expect("a time"),
        gigabytes,
        fee: None,
    }
}

fn usage(on: &str, zone: Region, gigabytes: u64) -> Usage {
    Usage {
        day: day(on),
        item: Item::StandardTraffic,
        zone,
        bytes: gigabytes * GB,
    }
}

/// What packages of `purchases` pay for of `uses`, by the dated lists.
fn paid(purchases: &[Purchase], uses: &[Usage]) -> (State, Vec<Paid>) {
    let catalogue = history();
    let takes = Takes {
        catalogue: &catalogue,
        factor: Decimal::ONE,
    };
    consume(&State::new(purchases, Zone::CHINA), uses, &takes).expect("exact")
}

/// What is left of each package.
fn left(state: &State) -> Vec<Decimal> {
    state
        .packages()
        .iter()
        .map(|package| package.left)
        .collect()
}

#[test]
fn a_package_pays_from_the_day_of_its_purchase_to_the_same_date_of_the_next_year() {
    let one = [bought("2020-05-03T22:00", 100)];
    for (on, remaining) in [
        ("2020-05-02", 1),
        ("2020-05-03", 0),
        ("2021-05-02", 0),
        ("2021-05-03", 1),
    ] {
        let (_, paid) = paid(&one, &[usage(on, Region::Mainland, 1)]);
        assert_eq!(paid[0].remaining, remaining * GB, "{on}");
    }
    let leap = [bought("2020-02-29T10:00", 100)];
    let state = State::new(&leap, Zone::CHINA);
    assert_eq!(state.packages()[0].days.end, day("2021-02-28"));
}

#[test]
fn the_day_of_a_purchase_is_that_of_the_billing_clock() {
    let state = State::new(&[bought("2020-05-03T16:30Z", 100)], Zone::CHINA);
    assert_eq!(state.packages()[0].days.start, day("2020-05-04"));
}

#[test]
fn packages_do_not_extend_each_other_and_the_earliest_expiry_pays_first() {
    let two = [
        bought("2020-08-01T10:00", 500),
        bought("2020-05-18T10:00", 100),
    ];
    let (state, paid) = paid(&two, &[usage("2020-09-01", Region::Mainland, 130)]);
    assert_eq!(left(&state), [Decimal::ZERO, number("470")]);
    assert_eq!(state.packages()[1].days.end, day("2021-08-01"));
    let parts: Vec<(u32, u64)> = paid[0]
        .parts
        .iter()
        .map(|part| (state.packages()[part.package].gigabytes, part.bytes / GB))
        .collect();
    assert_eq!(parts, [(100, 100), (500, 30)]);
}

#[test]
fn equal_expiries_pay_by_purchase_then_by_order() {
    let sizes = |purchases: &[Purchase]| -> Vec<u32> {
        let state = State::new(purchases, Zone::CHINA);
        state.packages().iter().map(|p| p.gigabytes).collect()
    };
    let by_time = [
        bought("2020-05-18T11:00", 500),
        bought("2020-05-18T10:00", 100),
    ];
    assert_eq!(sizes(&by_time), [100, 500]);
    let by_order = [
        bought("2020-05-18T10:00", 500),
        bought("2020-05-18T10:00", 100),
    ];
    assert_eq!(sizes(&by_order), [500, 100]);
    // From 28 and 29 February both end on 28 February.
    let leap = [
        bought("2020-02-29T00:00", 500),
        bought("2020-02-28T00:00", 100),
    ];
    assert_eq!(sizes(&leap), [100, 500]);
}

#[test]
fn ratios_are_dated() {
    let one = [
        bought("2021-02-20T10:00", 100),
        bought("2022-01-01T10:00", 100),
    ];
    let takes = |on: &str, zone: Region| {
        let (_, paid) = paid(&one, &[usage(on, zone, 10)]);
        paid[0].parts.first().map(|part| part.taken.normalize())
    };
    assert_eq!(takes("2021-02-28", Region::Mainland), Some(number("10")));
    assert_eq!(takes("2021-02-28", Region::Sa), None);
    assert_eq!(takes("2021-03-01", Region::Sa), Some(number("18")));
    assert_eq!(takes("2022-01-03", Region::Sa), Some(number("18")));
    assert_eq!(takes("2022-01-04", Region::Sa), Some(number("39.615")));
    assert_eq!(takes("2022-01-04", Region::Ap1), Some(number("17.692")));
    assert_eq!(takes("2022-01-04", Region::Mainland), Some(number("10")));
}

#[test]
fn of_a_day_playback_pays_before_upstream_and_the_mainland_before_zones() {
    let push = Usage {
        item: Item::PushTraffic,
        ..usage("2022-02-01", Region::Mainland, 1)
    };
    let mut uses = vec![
        push,
        usage("2022-02-02", Region::Mainland, 1),
        usage("2022-02-01", Region::Sa, 1),
        usage("2022-02-01", Region::Eu, 1),
        usage("2022-02-01", Region::Mainland, 1),
        usage("2022-02-01", Region::Ap1, 1),
    ];
    let (_, paid) = paid(&[bought("2022-01-10T10:00", 100)], &uses);
    uses = vec![uses[4], uses[5], uses[3], uses[2], uses[0], uses[1]];
    let order: Vec<Usage> = paid.iter().map(|paid| paid.usage).collect();
    assert_eq!(order, uses);
    assert!(paid.iter().all(|paid| paid.remaining == 0));
}

#[test]
fn what_pays_for_less_than_a_byte_stays_in_the_package() {
    let one = [bought("2022-01-10T10:00", 100)];
    let (state, paid) = paid(&one, &[usage("2022-02-01", Region::Ap1, 100)]);
    // 100 GB / 1.7692 are 56,522,722,134.29 bytes.
    assert_eq!(paid[0].parts[0].bytes, 56_522_722_134);
    assert_eq!(paid[0].remaining, 100 * GB - 56_522_722_134);
    let byte = number("0.0000000017692");
    assert!(Decimal::ZERO < left(&state)[0] && left(&state)[0] < byte);
    assert_eq!(left(&state)[0] + paid[0].parts[0].taken, number("100"));
}

#[test]
fn a_package_costs_the_price_of_its_size_on_its_day() {
    let catalogue = history();
    let two = [
        bought("2022-01-03T10:00", 10_000),
        bought("2022-01-04T10:00", 10_000),
        bought("2022-01-04T11:00", 10_000),
    ];
    let when = BillingMonth::new(month("2022-01"), Zone::CHINA);
    let charges = bought_in(&two, when, &catalogue).expect("priced");
    let amounts: Vec<(Decimal, Amount)> = charges
        .iter()
        .map(|charge| (charge.quantity, charge.amount))
        .collect();
    assert_eq!(
        amounts,
        [
            (number("1"), Amount::new(number("2172"))),
            (number("2"), Amount::new(number("4700"))),
        ]
    );
    assert!(
        charges[0].how.contains("mobile live SDK"),
        "{:?}",
        charges[0]
    );
    assert_eq!(charges[1].id(), "a/traffic-package/10000/2022-01-04@2350");
    let february = BillingMonth::new(month("2022-02"), Zone::CHINA);
    let none = bought_in(&two, february, &catalogue).expect("priced");
    assert!(none.is_empty());
}

#[test]
fn the_gift_to_new_users_is_free_and_other_sizes_are_not_guessed() {
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue");
    let mut gift = bought("2026-10-01T10:00", 20);
    let when = BillingMonth::new(month("2026-10"), Zone::CHINA);
    let error = bought_in(std::slice::from_ref(&gift), when, &catalogue).expect_err("no price");
    assert!(error.to_string().contains("traffic-package 20"), "{error}");
    gift.fee = Some(Decimal::ZERO);
    let charges = bought_in(&[gift], when, &catalogue).expect("priced");
    assert!(charges[0].amount.is_zero());
    assert!(!charges[0].how.contains("SDK"));
}

proptest! {
    #[test]
    fn nothing_is_lost_and_months_fold_like_one(
        sizes in prop::collection::vec((0_u8..28, 1_u32..200), 0..4),
        uses in prop::collection::vec((0_i32..59, 1_usize..11, 0_u64..90_000_000_000), 0..30),
    ) {
        let purchases: Vec<Purchase> = sizes
            .iter()
            .map(|(on, size)| bought(&format!("2022-02-{:02}T10:00", on + 1), *size))
            .collect();
        let uses: Vec<Usage> = uses
            .iter()
            .map(|(on, zone, bytes)| Usage {
                day: day("2022-02-01") + on,
                item: Item::StandardTraffic,
                zone: Region::ALL[*zone],
                bytes: *bytes,
            })
            .collect();
        let catalogue = history();
        let takes = Takes { catalogue: &catalogue, factor: number("1.1") };
        let before = State::new(&purchases, Zone::CHINA);
        let (after, paid) = consume(&before, &uses, &takes).expect("exact");
        let taken = paid.iter().flat_map(|paid| &paid.parts).map(|part| part.taken);
        let taken = total(taken).expect("exact");
        prop_assert_eq!(
            total(left(&before)).expect("exact"),
            total(left(&after).into_iter().chain([taken])).expect("exact")
        );
        prop_assert!(left(&after).iter().all(|left| !left.is_sign_negative()));
        for paid in &paid {
            let covered: u64 = paid.parts.iter().map(|part| part.bytes).sum();
            prop_assert_eq!(covered + paid.remaining, paid.usage.bytes);
        }
        let march = day("2022-03-01");
        let (first, second): (Vec<Usage>, Vec<Usage>) = uses.iter().partition(|u| u.day < march);
        let (between, mut parts) = consume(&before, &first, &takes).expect("exact");
        let (folded, of_second) = consume(&between, &second, &takes).expect("exact");
        parts.extend(of_second);
        prop_assert_eq!((folded, parts), (after, paid));
    }
}
