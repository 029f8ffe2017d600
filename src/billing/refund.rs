//! Whether licence fees come back: every condition with its rule, and what nobody can be sure of.
//!
//! Pure. The traffic is what the caller counts between two instants: of all mini-program domains of the
//! account (R44). Source: the seed's section on refunds; BILLING §1.4 for what it leaves open.

use std::ops::Range;

use rust_decimal::Decimal;

use super::exact::{Inexact, total};
use crate::units::{DAY_SECS, Timestamp, Zone};

/// Bytes up to which a licence is refunded, inclusive (R40, R41).
pub const REFUND_BYTES_MAX: u64 = 20_000_000_000;
/// Logged bytes from which what is billed may be over the limit: 20 GB / 1.15, rounded up (R45, R60).
pub const UNCERTAIN_BYTES: u64 = 17_391_304_348;
const WINDOW_DAYS: i64 = 14;

/// A licence fee that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub fee: Decimal,
}

/// What is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Request {
    /// When.
    pub at: Timestamp,
    /// Whether the reason is that the mini-program's category does not fit.
    pub is_category_mismatch: bool,
    /// Whether the account or its mini-program was banned (R46).
    pub is_banned: bool,
    /// Whether abuse is suspected (R48).
    pub is_suspect: bool,
}

/// Where the bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Basis {
    /// From the provider's bill: the limit is exact.
    Billed,
    /// From logs, which show 5 to 15 % less than is billed.
    Logged,
}

/// An answer; the gravest of the findings is that of the request.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The condition holds.
    Eligible,
    /// No source decides, or logs cannot tell.
    Uncertain,
    /// It does not.
    NotEligible,
}

impl Verdict {
    /// The name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::Eligible => "eligible",
            Verdict::Uncertain => "uncertain",
            Verdict::NotEligible => "not eligible",
        }
    }
}

/// One condition.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Its rule.
    pub rule: &'static str,
    /// Whether it holds.
    pub verdict: Verdict,
    /// What was found.
    pub says: String,
}

/// One reading of "14 days" (R43).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Window {
    /// In words.
    pub reading: &'static str,
    /// From the first purchase until then, exclusive.
    pub span: Range<Timestamp>,
    /// Bytes in it, up to the request.
    pub bytes: u64,
    /// Whether the request is in it.
    pub is_in_time: bool,
}

/// What there is to say to a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Evaluation {
    /// The gravest finding.
    pub verdict: Verdict,
    /// Every condition.
    pub findings: Vec<Finding>,
    /// Both readings of the window.
    pub windows: [Window; 2],
    /// The fees that come back if it is granted: all that were paid up to the request.
    pub amount: Decimal,
}

/// Why a request cannot be looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RefundError {
    /// Nothing was bought.
    #[error("no licence was bought before the request; there is nothing to refund")]
    NothingBought,
    /// The fees cannot be added up.
    #[error(transparent)]
    Inexact(#[from] Inexact),
    /// The window ends after 2099.
    #[error("14 days after the first licence are beyond the year 2099")]
    TooLate,
}

/// Looks at a request of an account that paid `paid`. `bytes_in` counts its mini-program traffic
/// between two instants.
///
/// Errors: [`RefundError`].
pub fn evaluate(
    request: &Request,
    paid: &[Paid],
    (zone, basis): (Zone, Basis),
    bytes_in: impl Fn(Range<Timestamp>) -> u64,
) -> Result<Evaluation, RefundError> {
    let before = paid.iter().filter(|paid| paid.at <= request.at);
    let first = before.clone().map(|paid| paid.at).min();
    let first = first.ok_or(RefundError::NothingBought)?;
    let windows = windows(first, request.at, zone, bytes_in)?;
    let mut findings = conditions(request);
    findings.push(in_time(&windows));
    findings.push(traffic(&windows, basis));
    let gravest = findings.iter().map(|finding| finding.verdict).max();
    Ok(Evaluation {
        verdict: gravest.unwrap_or(Verdict::Uncertain),
        findings,
        windows,
        amount: total(before.map(|paid| paid.fee))?,
    })
}

fn conditions(request: &Request) -> Vec<Finding> {
    let condition = |rule, holds: bool, yes: &str, no: &str| Finding {
        rule,
        verdict: match holds {
            true => Verdict::Eligible,
            false => Verdict::NotEligible,
        },
        says: if holds { yes } else { no }.to_owned(),
    };
    vec![
        condition(
            "R40",
            request.is_category_mismatch,
            "the category does not fit",
            "the reason is not a category that does not fit",
        ),
        condition(
            "R46",
            !request.is_banned,
            "nobody is banned",
            "the account or its mini-program is banned",
        ),
        condition(
            "R48",
            !request.is_suspect,
            "nothing is suspected",
            "abuse is suspected",
        ),
    ]
}

/// Both readings: 14 times 24 hours, and 14 calendar days of which the first is that of the purchase.
fn windows(
    first: Timestamp,
    request: Timestamp,
    zone: Zone,
    bytes_in: impl Fn(Range<Timestamp>) -> u64,
) -> Result<[Window; 2], RefundError> {
    let window = |reading, end_secs: i64| -> Result<Window, RefundError> {
        let end = Timestamp::from_unix_secs(end_secs).ok_or(RefundError::TooLate)?;
        Ok(Window {
            reading,
            span: first..end,
            bytes: bytes_in(first..end.min(request)),
            is_in_time: request < end,
        })
    };
    let elapsed = first.as_unix_secs() + WINDOW_DAYS * DAY_SECS;
    let calendar = zone.midnight(zone.day_of(first.as_unix_secs()) + WINDOW_DAYS);
    Ok([
        window("14 times 24 hours from the first purchase", elapsed)?,
        window("14 days, that of the first purchase included", calendar)?,
    ])
}

fn in_time(windows: &[Window; 2]) -> Finding {
    let (verdict, says) = match windows.each_ref().map(|window| window.is_in_time) {
        [true, true] => (Verdict::Eligible, "within 14 days of the first licence"),
        [false, false] => (
            Verdict::NotEligible,
            "more than 14 days after the first licence (R42)",
        ),
        _ => (
            Verdict::Uncertain,
            "within 14 days by one reading and not by the other",
        ),
    };
    Finding {
        rule: "R43",
        verdict,
        says: says.to_owned(),
    }
}

fn traffic(windows: &[Window; 2], basis: Basis) -> Finding {
    let of = |bytes: u64| match basis {
        _ if REFUND_BYTES_MAX < bytes => Verdict::NotEligible,
        Basis::Logged if UNCERTAIN_BYTES <= bytes => Verdict::Uncertain,
        _ => Verdict::Eligible,
    };
    let verdicts = windows.each_ref().map(|window| of(window.bytes));
    let verdict = match verdicts {
        [a, b] if a == b => a,
        _ => Verdict::Uncertain,
    };
    let rule = match verdict {
        Verdict::Uncertain => "R45",
        _ => "R41",
    };
    let [a, b] = windows.each_ref().map(|window| window.bytes);
    let bytes = match a == b {
        true => format!("{a} B"),
        false => format!("{a} B or {b} B, as 14 days are read,"),
    };
    let says = match verdict {
        Verdict::Eligible => {
            format!("{bytes} of mini-program traffic, not over {REFUND_BYTES_MAX} B")
        }
        Verdict::NotEligible => {
            format!("{bytes} of mini-program traffic, over {REFUND_BYTES_MAX} B")
        }
        Verdict::Uncertain => format!(
            "{bytes} of mini-program traffic: near {REFUND_BYTES_MAX} B; logs show 5 to 15 % less than is billed"
        ),
    };
    Finding {
        rule,
        verdict,
        says,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn time(text: &str) -> Timestamp {
        Timestamp::parse(text, Zone::CHINA).expect("a time")
    }

    fn paid(at: &str) -> Paid {
        Paid {
            at: time(at),
            fee: Decimal::from(30_000),
        }
    }

    fn request(at: &str) -> Request {
        Request {
            at: time(at),
            is_category_mismatch: true,
            is_banned: false,
            is_suspect: false,
        }
    }

    fn verdict(at: &str, bought: &[&str], bytes: u64, basis: Basis) -> Evaluation {
        let paid: Vec<Paid> = bought.iter().map(|at| paid(at)).collect();
        evaluate(&request(at), &paid, (Zone::CHINA, basis), |_| bytes).expect("evaluated")
    }

    #[test]
    fn r40_all_conditions_have_to_hold() {
        let good = verdict("2020-05-10T12:00", &["2020-05-01T10:00"], 0, Basis::Logged);
        assert_eq!(
            (good.verdict, good.amount),
            (Verdict::Eligible, Decimal::from(30_000))
        );
        let other = Request {
            is_category_mismatch: false,
            ..request("2020-05-10T12:00")
        };
        let found = evaluate(
            &other,
            &[paid("2020-05-01T10:00")],
            (Zone::CHINA, Basis::Logged),
            |_| 0,
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
            (both.verdict, both.amount),
            (Verdict::Eligible, Decimal::from(60_000))
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
            (Zone::CHINA, Basis::Logged),
            |span| {
                spans.borrow_mut().push(span);
                0
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
            let found = evaluate(&request, &paid, (Zone::CHINA, Basis::Logged), |_| 0);
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
            (Zone::CHINA, Basis::Logged),
            |_| 0,
        );
        assert_eq!(outcome, Err(RefundError::NothingBought));
    }
}
