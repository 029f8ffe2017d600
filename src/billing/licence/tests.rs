//! Terms of licences, by their rules.

use proptest::prelude::*;

use super::*;

const RULES: LicenceRules = LicenceRules {
    zone: Zone::CHINA,
    leap_day: LeapDay::Clamp,
    may_share_app_id: true,
};

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, Zone::CHINA).expect("a time")
}

fn bought(account: &str, app_id: &str, at: &str) -> Purchase {
    Purchase {
        account: account.to_owned(),
        app_id: app_id.to_owned(),
        at: time(at),
        state: PluginState::PendingPayment,
        until: None,
    }
}

/// The only term, as its two ends.
fn only(purchases: &[Purchase]) -> (Timestamp, Timestamp) {
    let terms = terms(purchases, &RULES).expect("terms");
    assert_eq!(terms.len(), 1, "{terms:?}");
    (terms[0].from, terms[0].until)
}

#[test]
fn r02_a_year_ends_on_the_same_date_at_the_same_time() {
    let (from, until) = only(&[bought("a", "wx1", "2020-05-18T10:30")]);
    assert_eq!(
        (from, until),
        (time("2020-05-18T10:30"), time("2021-05-18T10:30"))
    );
}

#[test]
fn r02_a_year_from_the_29th_of_february_is_a_switch() {
    let leap = [bought("a", "wx1", "2020-02-29T10:00")];
    assert_eq!(only(&leap).1, time("2021-02-28T10:00"));
    let march = LicenceRules {
        leap_day: LeapDay::March,
        ..RULES
    };
    assert_eq!(
        terms(&leap, &march).expect("terms")[0].until,
        time("2021-03-01T10:00")
    );
    let four = [2020, 2021, 2022, 2023].map(|year| match year {
        2020 => bought("a", "wx1", "2020-02-29T10:00"),
        year => bought("a", "wx1", &format!("{year}-01-01T00:00")),
    });
    assert_eq!(
        only(&four).1,
        time("2024-02-29T10:00"),
        "four years end on a leap day"
    );
}

#[test]
fn r03_a_licence_binds_one_app_id() {
    let error = terms(&[bought("a", "", "2020-05-18T10:00")], &RULES).expect_err("none");
    assert!(error.to_string().contains("R03"), "{error}");
    let two = [
        bought("a", "wx1", "2020-05-18T10:00"),
        bought("a", "wx2", "2020-05-18T10:00"),
    ];
    assert_eq!(terms(&two, &RULES).expect("terms").len(), 2, "one each");
}

#[test]
fn r04_licences_of_one_account_follow_on() {
    let first = bought("a", "wx1", "2020-05-18T10:00");
    let second = bought("a", "wx1", "2020-08-01T09:00");
    let (_, until) = only(&[first.clone(), second.clone()]);
    assert_eq!(until, time("2022-05-18T10:00"));
    assert_eq!(only(&[second, first]).1, until);
}

#[test]
fn c10_each_licence_is_for_the_time_that_it_adds() {
    let mut gift = bought("a", "wx1", "2020-06-01T00:00");
    gift.until = Some(time("2020-07-01T00:00"));
    let bought = [
        gift,
        bought("a", "wx1", "2020-08-01T09:00"),
        bought("a", "wx1", "2020-05-18T10:00"),
    ];
    let terms = terms(&bought, &RULES).expect("terms");
    let each: Vec<_> = terms[0]
        .each
        .iter()
        .map(|(_, valid)| valid.clone())
        .collect();
    assert_eq!(
        each,
        [
            time("2020-05-18T10:00")..time("2021-05-18T10:00"),
            time("2020-06-01T00:00")..time("2020-07-01T00:00"),
            time("2021-05-18T10:00")..time("2022-05-18T10:00"),
        ]
    );
}

#[test]
fn r05_after_expiry_it_begins_anew() {
    let two = [
        bought("a", "wx1", "2020-05-18T10:00"),
        bought("a", "wx1", "2021-06-01T10:00"),
    ];
    let terms = terms(&two, &RULES).expect("terms");
    assert_eq!(terms.len(), 2);
    assert_eq!(terms[1].until, time("2022-06-01T10:00"));
    assert!(!is_licensed(&terms, "wx1", time("2021-05-20T00:00")));
}

#[test]
fn r05_at_the_instant_of_expiry_both_readings_agree() {
    let two = [
        bought("a", "wx1", "2020-05-18T10:00"),
        bought("a", "wx1", "2021-05-18T10:00"),
    ];
    assert_eq!(
        only(&two),
        (time("2020-05-18T10:00"), time("2022-05-18T10:00"))
    );
}

#[test]
fn r06_accounts_do_not_extend_each_other() {
    let two = [
        bought("a", "wx1", "2020-05-18T10:00"),
        bought("b", "wx1", "2020-08-01T10:00"),
    ];
    let found = terms(&two, &RULES).expect("terms");
    let until: Vec<Timestamp> = found.iter().map(|term| term.until).collect();
    assert_eq!(until, [time("2021-05-18T10:00"), time("2021-08-01T10:00")]);
    let later = LicenceRules {
        may_share_app_id: false,
        ..RULES
    };
    let error = terms(&two, &later).expect_err("refused");
    assert!(
        error.to_string().contains("wx1 is licensed by a and by b"),
        "{error}"
    );
}

#[test]
fn r07_nobody_buys_while_under_review() {
    for (state, is_possible) in [
        (PluginState::UnderReview, false),
        (PluginState::PendingPayment, true),
        (PluginState::Active, true),
        (PluginState::Expired, true),
    ] {
        let purchase = Purchase {
            state,
            ..bought("a", "wx1", "2020-05-18T10:00")
        };
        assert_eq!(terms(&[purchase], &RULES).is_ok(), is_possible, "{state:?}");
    }
}

#[test]
fn r08_what_is_left_of_the_beta_is_kept_and_followed_on() {
    let migrated = Purchase {
        until: Some(time("2020-09-01T00:00")),
        ..bought("a", "wx1", "2020-05-18T10:00")
    };
    assert_eq!(
        only(std::slice::from_ref(&migrated)).1,
        time("2020-09-01T00:00")
    );
    let two = [bought("a", "wx1", "2020-08-01T10:00"), migrated.clone()];
    assert_eq!(only(&two).1, time("2021-09-01T00:00"));
    let late = [migrated, bought("a", "wx1", "2020-10-01T10:00")];
    let found = terms(&late, &RULES).expect("terms");
    let until: Vec<Timestamp> = found.iter().map(|term| term.until).collect();
    assert_eq!(until, [time("2020-09-01T00:00"), time("2021-10-01T10:00")]);
}

#[test]
fn r09_traffic_without_a_licence_is_told() {
    let terms = terms(&[bought("a", "wx1", "2020-05-18T10:00")], &RULES).expect("terms");
    assert!(!is_licensed(&terms, "wx1", time("2020-05-18T09:59")));
    assert!(is_licensed(&terms, "wx1", time("2021-05-18T09:59")));
    assert!(!is_licensed(&terms, "wx1", time("2021-05-18T10:00")));
    assert!(!is_licensed(&terms, "wx2", time("2020-06-01T00:00")));
}

proptest! {
    #[test]
    fn the_order_of_purchases_never_matters_and_no_year_is_lost(
        mut days in prop::collection::vec(0_i64..3_000, 1..12),
    ) {
        let purchases = |days: &[i64]| -> Vec<Purchase> {
            let start = time("2020-01-01T00:00").as_unix_secs();
            let at = |day: &i64| Timestamp::from_unix_secs(start + day * 86_400).expect("in range");
            days.iter()
                .map(|day| Purchase { at: at(day), ..bought("a", "wx1", "2020-01-01T00:00") })
                .collect()
        };
        let found = terms(&purchases(&days), &RULES).expect("terms");
        let licences: u32 = found.iter().map(|term| term.licences).sum();
        prop_assert_eq!(licences as usize, days.len());
        for pair in found.windows(2) {
            prop_assert!(pair[0].until < pair[1].from);
        }
        days.reverse();
        prop_assert_eq!(terms(&purchases(&days), &RULES).expect("terms"), found);
    }
}
