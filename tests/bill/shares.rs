//! What each domain costs of an open month: lines split by what made them.

use rust_decimal::Decimal;

use cdn_meter::billing::{Charge, Cost, Extras, StandardMode};

use crate::world::{Asked, CONTRACT, MBPS, Sent, catalogue, costs, number};

fn sent(domain: &str, at: &str, bytes: u64) -> Sent {
    Sent {
        domain: format!("{domain}.example.cn"),
        at: at.to_owned(),
        bytes,
        region: "mainland".to_owned(),
    }
}

const REGISTRY: &str = r#"
[[domain]]
name = "a.example.cn"
account = "acct"
[[domain]]
name = "b.example.cn"
account = "acct"
[[domain]]
name = "m.example.cn"
account = "acct"
mini_program_since = "2026-01-01"
"#;

/// Lines that have shares, with them.
fn shared(mode: StandardMode, named: &str, sent: &[Sent]) -> Vec<(Charge, Vec<Cost>)> {
    let catalogue = catalogue(named).expect("a catalogue");
    costs(
        sent,
        &Asked {
            registry: REGISTRY,
            catalogue: &catalogue,
            mode,
            overhead: "1",
            extras: Extras::default(),
        },
    )
}

/// Domain, bytes and amount of each share.
fn amounts(costs: &[Cost]) -> Vec<(&str, i128, String)> {
    let amount = |cost: &Cost| format!("{:.8}", cost.amount);
    let costs = costs.iter();
    costs
        .map(|cost| (&cost.domain[..1], cost.bytes, amount(cost)))
        .collect()
}

#[test]
fn c11_a_day_is_split_by_the_bytes_of_the_day_and_the_last_digit_goes_to_who_lost_most() {
    let lines = shared(
        StandardMode::Flow,
        cdn_meter::billing::DEFAULT,
        &[
            sent("a", "2026-10-03T01:00", 1),
            sent("b", "2026-10-03T02:00", 2_000_000_002),
            sent("b", "2026-10-04T02:00", 500_000_000),
            sent("m", "2026-10-03T03:00", 7_000_000_000),
        ],
    );
    let [mini, third, fourth] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(
        amounts(&mini.1),
        [("m", 7_000_000_000, "28.00000000".to_owned())]
    );
    // 2.000000003 GB at 0.26 are 0.52000000078, so 0.52000000 on the bill: nothing of it is a's.
    assert_eq!(
        amounts(&third.1),
        [
            ("a", 1, "0.00000000".to_owned()),
            ("b", 2_000_000_002, "0.52000000".to_owned())
        ]
    );
    assert_eq!(third.1[0].quantity, number("0.000000001"));
    assert_eq!(
        amounts(&fourth.1),
        [("b", 500_000_000, "0.13000000".to_owned())]
    );
}

#[test]
fn c11_a_peak_is_split_by_what_was_sent_in_its_slot() {
    let lines = shared(
        StandardMode::DailyPeak,
        cdn_meter::billing::DEFAULT,
        &[
            // b is the busiest of the day, and not there in the slot in which the account is.
            sent("b", "2026-10-03T01:00", 50 * MBPS),
            sent("a", "2026-10-03T02:00", 40 * MBPS),
            sent("b", "2026-10-03T02:04", 20 * MBPS),
        ],
    );
    let [(charge, costs)] = &lines[..] else {
        panic!("{lines:?}");
    };
    assert_eq!(charge.bytes, i128::from(60 * MBPS));
    // 60 Mbps at 0.65.
    assert_eq!(
        amounts(costs),
        [
            ("a", i128::from(40 * MBPS), "26.00000000".to_owned()),
            ("b", i128::from(20 * MBPS), "13.00000000".to_owned())
        ]
    );
    assert_eq!(costs[1].quantity, number("20"));
}

#[test]
fn c11_months_by_contract_are_split_by_the_slots_that_they_are_taken_from() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("contract.toml");
    std::fs::write(&path, CONTRACT).expect("written");
    let path = path.display().to_string();
    let average = [
        sent("a", "2026-10-03T01:00", 30 * MBPS),
        sent("b", "2026-10-03T01:00", 10 * MBPS),
        sent("a", "2026-10-04T05:00", 10 * MBPS),
        sent("b", "2026-10-04T06:00", 20 * MBPS),
    ];
    let lines = shared(StandardMode::MonthlyAverage, &path, &average);
    // The mean of 40 and 20 Mbps, times 31, times 2 of 31 days: 60, half of it a's.
    assert_eq!(
        amounts(&lines[0].1),
        [
            ("a", i128::from(30 * MBPS), "30.00000000".to_owned()),
            ("b", i128::from(30 * MBPS), "30.00000000".to_owned())
        ]
    );
    // 14 of the 288 samples of a day are dropped: the 15th is taken, and it is b's.
    let slot = |n: usize| {
        let (domain, times) = if n == 14 { ("b", 5) } else { ("a", 9) };
        let at = format!("2026-10-03T{:02}:{:02}", n / 12, n % 12 * 5);
        sent(domain, &at, times * MBPS)
    };
    let busy: Vec<Sent> = (0..15).map(slot).collect();
    let drop = cdn_meter::summary::DropRule::Floor;
    let lines = shared(StandardMode::Monthly95(drop), &path, &busy);
    // 5 Mbps × 31 × 1 of 31 days.
    assert_eq!(
        amounts(&lines[0].1),
        [("b", i128::from(5 * MBPS), "5.00000000".to_owned())]
    );
}

#[test]
fn c11_upstream_is_split_too() {
    let registry = r#"
[[domain]]
name = "a.example.cn"
account = "acct"
[[domain]]
name = "p.example.cn"
account = "acct"
kind = "push"
[[domain]]
name = "q.example.cn"
account = "acct"
kind = "push"
"#;
    let catalogue = catalogue(cdn_meter::billing::DEFAULT).expect("a catalogue");
    for mode in [StandardMode::Flow, StandardMode::DailyPeak] {
        let lines = costs(
            &[
                sent("a", "2026-10-03T01:00", MBPS),
                sent("p", "2026-10-03T01:00", 300 * MBPS),
                sent("q", "2026-10-03T01:00", 100 * MBPS),
            ],
            &Asked {
                registry,
                catalogue: &catalogue,
                mode,
                overhead: "1",
                extras: Extras::default(),
            },
        );
        let (charge, costs) = lines.last().expect("lines");
        assert!(charge.item.name().starts_with("push-"));
        let names: Vec<&str> = costs.iter().map(|cost| &cost.domain[..1]).collect();
        assert_eq!(names, ["p", "q"]);
        assert_eq!(
            costs[0].amount,
            costs[1].amount * Decimal::from(3),
            "{mode:?}"
        );
    }
}
