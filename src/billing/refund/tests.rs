//! Requests for refunds, by their rules.

use super::*;

fn time(text: &str) -> Timestamp {
    Timestamp::parse(text, Zone::CHINA).expect("a time")
}

fn paid(at: &str) -> Paid<'static> {
    Paid {
        at: time(at),
        fee: Decimal::from(30_000),
        currency: "CNY",
    }
}

fn yuan(amount: u32) -> Vec<(String, Decimal)> {
    vec![("CNY".to_owned(), amount.into())]
}

fn request(at: &str) -> Request {
    Request {
        at: time(at),
        is_category_mismatch: true,
        is_banned: false,
        is_suspect: false,
        are_logs_complete: false,
    }
}

/// What logs tell to the byte.
fn exactly(bytes: u64) -> Counted {
    Counted {
        least: bytes,
        most: bytes,
        has_logs: true,
        unknown: Unknown::default(),
    }
}

fn verdict(at: &str, bought: &[&str], bytes: u64, basis: Basis) -> Evaluation {
    let paid: Vec<Paid> = bought.iter().map(|at| paid(at)).collect();
    evaluate(&request(at), &paid, Zone::CHINA, basis, |_| exactly(bytes)).expect("evaluated")
}

#[test]
fn r40_all_conditions_have_to_hold() {
    let good = verdict("2020-05-10T12:00", &["2020-05-01T10:00"], 0, Basis::Logged);
    assert_eq!(
        (good.verdict, good.amounts),
        (Verdict::Eligible, yuan(30_000))
    );
    let other = Request {
        is_category_mismatch: false,
        ..request("2020-05-10T12:00")
    };
    let found = evaluate(
        &other,
        &[paid("2020-05-01T10:00")],
        Zone::CHINA,
        Basis::Logged,
        |_| exactly(0),
    );
    assert_eq!(found.expect("evaluated").verdict, Verdict::NotEligible);
}

#[test]
fn r41_the_limit_is_inclusive_to_the_byte() {
    let of = |bytes| {
        verdict(
            "2020-05-10T12:00",
            &["2020-05-01T10:00"],
            bytes,
            Basis::Billed,
        )
        .verdict
    };
    assert_eq!(of(20_000_000_000), Verdict::Eligible);
    assert_eq!(of(20_000_000_001), Verdict::NotEligible);
}

#[test]
fn r42_the_first_licence_counts_and_all_are_refunded() {
    let late = verdict(
        "2020-05-21T10:00",
        &["2020-05-01T10:00", "2020-05-20T10:00"],
        0,
        Basis::Logged,
    );
    assert_eq!(late.verdict, Verdict::NotEligible);
    let bought = ["2020-05-03T10:00", "2020-05-01T10:00"];
    let both = verdict("2020-05-10T10:00", &bought, 12_000_000_000, Basis::Logged);
    assert_eq!(
        (both.verdict, both.amounts),
        (Verdict::Eligible, yuan(60_000))
    );
}

#[test]
fn r43_the_readings_of_14_days_are_both_reported() {
    let of = |at| verdict(at, &["2020-05-01T10:00"], 0, Basis::Logged);
    assert_eq!(of("2020-05-14T23:59:59").verdict, Verdict::Eligible);
    let between = of("2020-05-15T09:59:59");
    assert_eq!(between.verdict, Verdict::Uncertain);
    assert_eq!(between.windows[0].span.end, time("2020-05-15T10:00"));
    assert_eq!(between.windows[1].span.end, time("2020-05-15T00:00"));
    assert_eq!(of("2020-05-15T10:00").verdict, Verdict::NotEligible);
}

#[test]
fn r44_traffic_is_counted_from_the_first_licence_up_to_the_request() {
    let spans = std::cell::RefCell::new(Vec::new());
    let paid = [paid("2020-05-01T10:00")];
    evaluate(
        &request("2020-05-10T12:00"),
        &paid,
        Zone::CHINA,
        Basis::Logged,
        |span| {
            spans.borrow_mut().push(span);
            exactly(0)
        },
    )
    .expect("evaluated");
    let expected = time("2020-05-01T10:00")..time("2020-05-10T12:00");
    assert_eq!(spans.into_inner(), [expected.clone(), expected]);
}

#[test]
fn r45_close_below_the_limit_logs_cannot_tell() {
    let of = |bytes| {
        verdict(
            "2020-05-10T12:00",
            &["2020-05-01T10:00"],
            bytes,
            Basis::Logged,
        )
        .verdict
    };
    assert_eq!(of(17_391_304_347), Verdict::Eligible);
    assert_eq!(of(17_391_304_348), Verdict::Uncertain);
    assert_eq!(of(18_181_818_182), Verdict::Uncertain, "the 1.10 point");
    assert_eq!(of(20_000_000_000), Verdict::Uncertain);
    assert_eq!(of(20_000_000_001), Verdict::NotEligible);
    // The limit itself: 115 % of one byte less is not over 20 GB, of this it is.
    assert!(u128::from(UNCERTAIN_BYTES) * 115 > u128::from(REFUND_BYTES_MAX) * 100);
    assert!(u128::from(UNCERTAIN_BYTES - 1) * 115 <= u128::from(REFUND_BYTES_MAX) * 100);
}

#[test]
fn r46_and_r48_bans_and_suspicion_end_it() {
    for (is_banned, is_suspect) in [(true, false), (false, true)] {
        let request = Request {
            is_banned,
            is_suspect,
            ..request("2020-05-10T12:00")
        };
        let paid = [paid("2020-05-01T10:00")];
        let found = evaluate(&request, &paid, Zone::CHINA, Basis::Logged, |_| exactly(0));
        let found = found.expect("evaluated");
        assert_eq!(found.verdict, Verdict::NotEligible);
        let rules: Vec<_> = found
            .findings
            .iter()
            .filter(|finding| finding.verdict == Verdict::NotEligible)
            .map(|finding| finding.rule)
            .collect();
        assert_eq!(rules, [if is_banned { "R46" } else { "R48" }]);
    }
}

#[test]
fn nothing_bought_is_nothing_refunded() {
    let outcome = evaluate(
        &request("2020-05-10T12:00"),
        &[],
        Zone::CHINA,
        Basis::Logged,
        |_| exactly(0),
    );
    assert_eq!(outcome, Err(RefundError::NothingBought));
}

fn counted(counted: Counted, basis: Basis) -> Evaluation {
    let paid = [paid("2020-05-01T10:01:30")];
    let at = request("2020-05-10T12:00");
    evaluate(&at, &paid, Zone::CHINA, basis, |_| counted.clone()).expect("evaluated")
}

#[test]
fn c4_what_only_a_part_of_a_slot_may_hold_is_uncertain() {
    for (least, most, verdict) in [
        (0, 30_000_000_000, Verdict::Uncertain),
        (20_000_000_000, 20_000_000_001, Verdict::Uncertain),
        (20_000_000_001, 30_000_000_000, Verdict::NotEligible),
        (0, 17_000_000_000, Verdict::Eligible),
    ] {
        let found = counted(
            Counted {
                least,
                most,
                ..exactly(0)
            },
            Basis::Logged,
        );
        assert_eq!(found.verdict, verdict, "{least} to {most}");
        let says = &found.findings[4].says;
        let is_slot = says.contains("of the 5 minutes in which the time begins or ends");
        assert_eq!(is_slot, verdict == Verdict::Uncertain, "{says}");
    }
}

#[test]
fn c4_without_logs_nobody_knows_the_traffic() {
    for basis in [Basis::Logged, Basis::Billed] {
        let none = Counted {
            has_logs: false,
            ..exactly(0)
        };
        let found = counted(none, basis);
        assert_eq!(found.verdict, Verdict::Uncertain);
        assert!(found.findings[4].says.starts_with("no logs"));
    }
}

#[test]
fn c4_what_cost_nothing_does_not_come_back_and_may_be_the_first() {
    let free = Paid {
        at: time("2020-04-20T10:00"),
        fee: Decimal::ZERO,
        currency: "USD",
    };
    let of = |at: &str, paid: &[Paid<'_>]| {
        let found = evaluate(&request(at), paid, Zone::CHINA, Basis::Logged, |_| {
            exactly(0)
        });
        let found = found.expect("evaluated");
        (found.verdict, found.amounts)
    };
    let none = (
        Verdict::NotEligible,
        vec![("USD".to_owned(), Decimal::ZERO)],
    );
    assert_eq!(of("2020-04-22T10:00", &[free]), none);
    let both = [free, paid("2020-05-01T10:00")];
    let verdict = |at| of(at, &both);
    // Within 14 days of the free one, too; only of the one with a fee; of neither.
    assert_eq!(
        verdict("2020-05-02T10:00"),
        (Verdict::Eligible, yuan(30_000))
    );
    assert_eq!(
        verdict("2020-05-10T10:00"),
        (Verdict::Uncertain, yuan(30_000))
    );
    assert_eq!(verdict("2020-05-20T10:00").0, Verdict::NotEligible);
}

/// The answer, and what is said of the traffic and of what may hide some.
fn with_unknown(bytes: u64, unknown: Unknown, are_logs_complete: bool) -> (Verdict, String) {
    let asked = Request {
        are_logs_complete,
        ..request("2020-05-10T12:00")
    };
    let paid = [paid("2020-05-01T10:01:30")];
    let found = evaluate(&asked, &paid, Zone::CHINA, Basis::Logged, |_| Counted {
        unknown: unknown.clone(),
        ..exactly(bytes)
    });
    let found = found.expect("evaluated");
    let says = found.findings[4..].iter().map(|finding| &finding.says[..]);
    (found.verdict, says.collect::<Vec<_>>().join("; "))
}

#[test]
fn c4_a_time_without_logs_is_uncertain_unless_they_are_said_to_be_complete() {
    let gaps = || Unknown {
        gaps: (2..7)
            .map(|day| Gap {
                domain: "a.cn".to_owned(),
                span: time(&format!("2020-05-0{day}T00:00"))
                    ..time(&format!("2020-05-0{day}T02:00")),
            })
            .collect(),
        ..Unknown::default()
    };
    let (verdict, says) = with_unknown(5, gaps(), false);
    assert_eq!(verdict, Verdict::Uncertain);
    let named = "no logs of a.cn for 2020-05-02T00:00 to 2020-05-02T02:00, \
                 of a.cn for 2020-05-03T00:00 to 2020-05-03T02:00, \
                 of a.cn for 2020-05-04T00:00 to 2020-05-04T02:00 and 2 more such times";
    assert!(says.contains(named), "{says}");
    let (verdict, says) = with_unknown(5, gaps(), true);
    assert_eq!(verdict, Verdict::Eligible);
    assert!(
        says.contains(named) && says.contains("--logs-complete"),
        "{says}"
    );
    // What is proven is proven.
    let (verdict, says) = with_unknown(20_000_000_001, gaps(), false);
    assert_eq!(verdict, Verdict::NotEligible);
    assert!(!says.contains("no logs"), "{says}");
}

#[test]
fn c4_rejected_lines_count_as_what_they_may_be() {
    let rejected = |bytes, unread_lines| Unknown {
        rejected_lines: 3,
        rejected_bytes: bytes,
        unread_lines,
        ..Unknown::default()
    };
    for (bytes, of, verdict) in [
        (10, rejected(17_391_304_337, 0), Verdict::Eligible),
        (10, rejected(17_391_304_338, 0), Verdict::Uncertain),
        (0, rejected(u128::MAX, 0), Verdict::Uncertain),
        (0, rejected(0, 3), Verdict::Uncertain),
        (20_000_000_001, rejected(0, 3), Verdict::NotEligible),
    ] {
        let (found, says) = with_unknown(bytes, of.clone(), true);
        assert_eq!(found, verdict, "{of:?}: {says}");
    }
    let (_, says) = with_unknown(10, rejected(20_000_000_000, 0), false);
    assert!(
        says.contains(
            "10 B and at most 20000000000 B on 3 rejected lines of mini-program traffic: over"
        ),
        "{says}"
    );
}

#[test]
fn c4_bytes_that_no_line_says_and_figures_set_aside_are_uncertain() {
    for (unknown, words) in [
        (
            Unknown {
                lines_without_bytes: 7,
                ..Unknown::default()
            },
            "7 lines of the time may have sent any number of bytes",
        ),
        (
            Unknown {
                set_aside: 1,
                ..Unknown::default()
            },
            "1 content that the store has set aside",
        ),
    ] {
        let (verdict, says) = with_unknown(5, unknown, true);
        assert_eq!(verdict, Verdict::Uncertain);
        assert!(says.contains(words), "{says}");
    }
}
