//! What logs do not tell of a time, and what that means for a request.

use std::ops::Range;

use super::{Finding, REFUND_BYTES_MAX, Verdict, Window};
use crate::units::{Timestamp, Zone, counted};

/// Times without logs that a finding names.
const GAPS_SHOWN_MAX: usize = 3;

/// What logs do not tell of the traffic between two instants.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unknown {
    /// Times without logs, in order.
    pub gaps: Vec<Gap>,
    /// Rejected lines that may be of the time and the account.
    pub rejected_lines: u64,
    /// Bytes that they may stand for, of those whose bytes could be read.
    pub rejected_bytes: u128,
    /// Those of them whose bytes could not be read.
    pub unread_lines: u64,
    /// Metered lines that do not say how many bytes they sent, and may have sent any number.
    pub lines_without_bytes: u64,
    /// Metered lines that do not say whether a viewer asked: what a server asked another for is no traffic of viewers.
    pub lines_without_mark: u64,
    /// Damaged archives of which what could be read counts.
    pub salvaged: usize,
    /// Contents that the store holds and does not publish.
    pub set_aside: usize,
}

/// A time without logs of a domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gap {
    /// The domain.
    pub domain: String,
    /// From when until when.
    pub span: Range<Timestamp>,
}

/// What may hide traffic, of the longer reading; nothing where the traffic decides.
pub(super) fn findings(windows: &[Window; 2], are_logs_complete: bool, zone: Zone) -> Vec<Finding> {
    let [a, b] = windows;
    let longer = if a.span.end < b.span.end { b } else { a };
    let of_longer = &longer.counted;
    let is_none = !of_longer.has_logs && !are_logs_complete;
    if is_none || [a, b].iter().all(|of| REFUND_BYTES_MAX < of.counted.least) {
        return Vec::new();
    }
    let unknown = &of_longer.unknown;
    let mut found = Vec::new();
    let mut find = |verdict, says| {
        found.push(Finding {
            rule: "R45",
            verdict,
            says,
        });
    };
    match (&unknown.gaps[..], are_logs_complete) {
        ([], _) => {}
        (gaps, true) => find(
            Verdict::Eligible,
            format!(
                "{}, which had no traffic, as --logs-complete says",
                gaps_text(gaps, zone)
            ),
        ),
        (gaps, false) => find(
            Verdict::Uncertain,
            format!(
                "{}: ingest those that are missing, or say --logs-complete if there was no traffic",
                gaps_text(gaps, zone)
            ),
        ),
    }
    for (number, noun, what) in hiding(unknown)
        .into_iter()
        .filter(|(number, ..)| *number != 0)
    {
        find(
            Verdict::Uncertain,
            format!("{} {what}", counted(number, noun)),
        );
    }
    found
}

/// What may hide traffic besides times without logs: how many, of what, and what of them.
fn hiding(unknown: &Unknown) -> [(u64, &'static str, &'static str); 4] {
    [
        (
            unknown.unread_lines,
            "rejected line",
            "of the time, of which not even the bytes could be read: see the store's quarantine",
        ),
        (
            unknown.lines_without_bytes,
            "line",
            "of the time may have sent any number of bytes: how many is not said",
        ),
        (
            unknown.salvaged as u64,
            "damaged file",
            "of the time, of which what could be read counts and nothing more is known: fetch it again",
        ),
        (
            unknown.set_aside as u64,
            "content",
            "that the store has set aside, of whatever time",
        ),
    ]
}

/// The first of the times without logs, and how many more there are.
fn gaps_text(gaps: &[Gap], zone: Zone) -> String {
    let of = |Gap { domain, span }: &Gap| {
        let [start, end] = [span.start, span.end].map(|at| zone.clock_text(at));
        format!("of {domain} for {start} to {end}")
    };
    let first: Vec<String> = gaps.iter().take(GAPS_SHOWN_MAX).map(of).collect();
    let more = match gaps.len() - first.len() {
        0 => String::new(),
        more => format!(" and {}", counted(more as u64, "more such time")),
    };
    format!("no logs {}{more}", first.join(", "))
}
