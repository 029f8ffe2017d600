//! Whether licence fees come back: every condition with its rule, and what nobody can be sure of.
//!
//! Pure. The traffic is what the caller counts between two instants: of all mini-program domains of the
//! account (R44). It is known by slots of 5 minutes, so of a slot that begins before the first purchase, or
//! ends after the request, no log tells how much is in the window: that much is uncertain.
//!
//! A request is eligible only if the logs prove it: they are there of all the window, and what they do not tell
//! keeps within the limit. A time without logs is uncertain, since nothing logged is not nothing used, unless
//! whoever asks says that the logs are complete; then the answer says that it rests on that. Rejected lines
//! of the time count as what they may stand for at most, whosever they are: they have no domain. Lines of which
//! the bytes could not be read, lines that do not say how many they sent, damaged files that were salvaged, and
//! figures that a store has set aside may hide any traffic. What is proven to be over the limit is not eligible whatever else is unknown.
//! Files that were refused are in no store: their time is one without logs.
//!
//! A licence that cost nothing (of the beta, or a free month) has no fee to come back. Whether it is the first
//! "purchase" that the 14 days count from no source says (R42): they are counted from the first fee, and where
//! counting from the free one would make the answer worse, it is uncertain.
//!
//! Source: the seed's section on refunds; BILLING §1.4 for what it leaves open.

mod unknown;

use std::ops::Range;

use rust_decimal::Decimal;

pub use unknown::{Gap, Unknown};

use super::exact::{Inexact, sum};
use crate::units::{DAY_SECS, Timestamp, Zone, counted};

/// Bytes up to which a licence is refunded, inclusive (R40, R41).
pub const REFUND_BYTES_MAX: u64 = 20_000_000_000;
/// Logged bytes from which what is billed may be over the limit: 20 GB / 1.15, rounded up (R45, R60).
pub const UNCERTAIN_BYTES: u64 = 17_391_304_348;
const WINDOW_DAYS: i64 = 14;

/// A licence fee that was paid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Paid<'a> {
    /// When.
    pub at: Timestamp,
    /// How much.
    pub fee: Decimal,
    /// The ISO 4217 code of its currency.
    pub currency: &'a str,
}

/// The traffic between two instants, as far as slots tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Bytes of slots that lie between them as a whole.
    pub least: u64,
    /// Bytes of all slots that touch what is between them.
    pub most: u64,
    /// Whether there are logs of any of those slots, of whatever domain.
    pub has_logs: bool,
    /// What is not known of it.
    pub unknown: Unknown,
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
    /// Whether times without logs had no traffic.
    pub are_logs_complete: bool,
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
    /// The traffic in it, up to the request.
    pub counted: Counted,
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
    /// The fees that come back if it is granted, all that were paid up to the request: one for each currency, in
    /// the order of the purchases. Those that are nothing are left out, but for a first.
    pub amounts: Vec<(String, Decimal)>,
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

/// Looks at a request of an account that paid `paid`, be it nothing. `count` counts its mini-program traffic
/// between two instants.
///
/// Errors: [`RefundError`].
pub fn evaluate(
    request: &Request,
    paid: &[Paid<'_>],
    zone: Zone,
    basis: Basis,
    count: impl Fn(Range<Timestamp>) -> Counted,
) -> Result<Evaluation, RefundError> {
    let before = paid.iter().filter(|paid| paid.at <= request.at);
    let had = before.clone().map(|paid| paid.at).min();
    let had = had.ok_or(RefundError::NothingBought)?;
    let with_fee = before.clone().filter(|paid| !paid.fee.is_zero());
    let first = with_fee.map(|paid| paid.at).min();
    let windows_from = |first| windows(first, request.at, zone, &count);
    let windows = windows_from(first.unwrap_or(had))?;
    let of_window = |windows: &[Window; 2]| {
        let are_complete = request.are_logs_complete;
        let mut findings = vec![in_time(windows), traffic(windows, basis, are_complete)];
        findings.extend(unknown::findings(windows, are_complete, zone));
        findings
    };
    let mut findings = conditions(request);
    let by_fee = of_window(&windows);
    let gravest = |of: &[Finding]| of.iter().map(|finding| finding.verdict).max();
    let of_fee = gravest(&by_fee);
    findings.extend(by_fee);
    match first {
        None => findings.push(Finding {
            rule: "R40",
            verdict: Verdict::NotEligible,
            says: "no fee was paid, so none comes back".to_owned(),
        }),
        Some(first) if had < first => {
            let by_had = of_window(&windows_from(had)?);
            if of_fee < gravest(&by_had) {
                findings.push(free_before(had));
            }
        }
        Some(_) => {}
    }
    Ok(Evaluation {
        verdict: gravest(&findings).unwrap_or(Verdict::Uncertain),
        findings,
        windows,
        amounts: amounts(before)?,
    })
}

/// Fees by their currency, which are never added to one another.
fn amounts<'a>(
    paid: impl Iterator<Item = &'a Paid<'a>>,
) -> Result<Vec<(String, Decimal)>, Inexact> {
    let mut amounts: Vec<(String, Decimal)> = Vec::new();
    for Paid { fee, currency, .. } in paid {
        match amounts.iter_mut().find(|(of, _)| of == currency) {
            Some((_, amount)) => *amount = sum(*amount, *fee)?,
            None => amounts.push(((*currency).to_owned(), *fee)),
        }
    }
    let is_any = amounts.iter().any(|(_, amount)| !amount.is_zero());
    match is_any {
        true => amounts.retain(|(_, amount)| !amount.is_zero()),
        false => amounts.truncate(1),
    }
    Ok(amounts)
}

/// What there is to say where a licence that cost nothing was had before, and counts as the first one or not.
fn free_before(had: Timestamp) -> Finding {
    Finding {
        rule: "R42",
        verdict: Verdict::Uncertain,
        says: format!(
            "a licence that cost nothing was had from {} on, and no source says whether the 14 days are counted \
             from it",
            had.rfc3339()
        ),
    }
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
    count: impl Fn(Range<Timestamp>) -> Counted,
) -> Result<[Window; 2], RefundError> {
    let window = |reading, end_secs: i64| -> Result<Window, RefundError> {
        let end = Timestamp::from_unix_secs(end_secs).ok_or(RefundError::TooLate)?;
        Ok(Window {
            reading,
            span: first..end,
            counted: count(first..end.min(request)),
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

fn traffic(windows: &[Window; 2], basis: Basis, are_logs_complete: bool) -> Finding {
    let verdicts = windows
        .each_ref()
        .map(|window| of_traffic(window, basis, are_logs_complete));
    let verdict = match verdicts {
        [a, b] if a == b => a,
        _ => Verdict::Uncertain,
    };
    let [a, b] = windows.each_ref().map(|window| &window.counted);
    let traffic = traffic_text(a, b);
    let is_over_by = |bytes: fn(&Counted) -> u128| {
        let over = [a, b]
            .map(|of| of.least <= REFUND_BYTES_MAX && u128::from(REFUND_BYTES_MAX) < bytes(of));
        over.contains(&true)
    };
    let is_split = is_over_by(|of| of.most.into());
    let is_by_rejected = is_over_by(Counted::possible);
    let without_mark = a
        .unknown
        .lines_without_mark
        .max(b.unknown.lines_without_mark);
    let is_unmarked = without_mark != 0 && REFUND_BYTES_MAX < a.least.min(b.least);
    let says = match verdict {
        Verdict::Eligible if !a.has_logs && !b.has_logs => {
            "the store holds no logs of this time, which had no traffic, as --logs-complete says".to_owned()
        }
        Verdict::Eligible => format!("{traffic}, not over {REFUND_BYTES_MAX} B"),
        Verdict::NotEligible => format!("{traffic}, over {REFUND_BYTES_MAX} B"),
        Verdict::Uncertain if !a.has_logs || !b.has_logs => {
            "no logs: the store holds nothing of this time, so nobody knows the traffic; ingest its logs, or say \
             --logs-complete if there was no traffic"
                .to_owned()
        }
        Verdict::Uncertain if is_unmarked => format!(
            "{traffic}: over {REFUND_BYTES_MAX} B, but {} of the time may be of no viewer: export \
             ClientRequestSource, which tells",
            counted(without_mark, "line")
        ),
        Verdict::Uncertain if is_split => format!(
            "{traffic}: of the 5 minutes in which the time begins or ends, logs do not tell what is in it"
        ),
        Verdict::Uncertain if is_by_rejected => {
            format!("{traffic}: over {REFUND_BYTES_MAX} B with rejected lines, if they are of it")
        }
        Verdict::Uncertain => {
            format!("{traffic}: near {REFUND_BYTES_MAX} B; logs show 5 to 15 % less than is billed")
        }
    };
    let rule = match verdict {
        Verdict::Uncertain => "R45",
        _ => "R41",
    };
    Finding {
        rule,
        verdict,
        says,
    }
}

/// What the traffic of one reading says.
fn of_traffic(window: &Window, basis: Basis, are_logs_complete: bool) -> Verdict {
    let counted = &window.counted;
    let has_logs = counted.has_logs || are_logs_complete;
    let possible = counted.possible();
    match basis {
        _ if REFUND_BYTES_MAX < counted.least => match counted.unknown.lines_without_mark {
            0 => Verdict::NotEligible,
            _ => Verdict::Uncertain,
        },
        _ if !has_logs || u128::from(REFUND_BYTES_MAX) < possible => Verdict::Uncertain,
        Basis::Logged if u128::from(UNCERTAIN_BYTES) <= possible => Verdict::Uncertain,
        _ => Verdict::Eligible,
    }
}

impl Counted {
    /// Bytes that may be between the two instants at most, as far as any line says how many.
    fn possible(&self) -> u128 {
        u128::from(self.most).saturating_add(self.unknown.rejected_bytes)
    }
}

/// The traffic by both readings of 14 days.
fn traffic_text(a: &Counted, b: &Counted) -> String {
    match a == b {
        true => format!("{} of mini-program traffic", bytes_text(a)),
        false => format!(
            "{} or {}, as 14 days are read, of mini-program traffic",
            bytes_text(a),
            bytes_text(b)
        ),
    }
}

fn bytes_text(of: &Counted) -> String {
    let bytes = match of.least == of.most {
        true => format!("{} B", of.most),
        false => format!("{} to {} B", of.least, of.most),
    };
    let Unknown {
        rejected_lines,
        rejected_bytes,
        unread_lines,
        ..
    } = of.unknown;
    match rejected_lines - unread_lines {
        0 => bytes,
        lines => format!(
            "{bytes} and at most {rejected_bytes} B on {}",
            counted(lines, "rejected line")
        ),
    }
}

#[cfg(test)]
mod tests;
