//! The numbered invariants that this version can check, each with its sentence.
//!
//! `SEG-1` and `MONTH-1` speak of files and are held by the tests of the rooms that write them.

/// An invariant that did not hold: a bug of ours, so nothing may be published.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{id} is broken ({sentence}): {facts}; nothing was published, please report this")]
pub struct Broken {
    /// Number of the invariant.
    pub id: &'static str,
    /// What should hold.
    pub sentence: &'static str,
    /// What was found.
    pub facts: String,
}

/// `LINE-1`: lines read = metered + skipped + rejected.
///
/// Errors: [`Broken`] with both sides.
pub fn lines_reconcile(read: u64, metered: u64, skipped: u64, rejected: u64) -> Result<(), Broken> {
    let fates = u128::from(metered) + u128::from(skipped) + u128::from(rejected);
    match u128::from(read) == fates {
        true => Ok(()),
        false => Err(Broken {
            id: "LINE-1",
            sentence: "lines read = metered + skipped + rejected",
            facts: format!(
                "{read} read, {metered} + {skipped} + {rejected} = {fates} accounted for"
            ),
        }),
    }
}

/// `SUM-2`: a fold preserves totals.
///
/// Errors: [`Broken`] with both sides.
pub fn totals_agree<T: PartialEq + std::fmt::Debug>(
    what: &str,
    before: T,
    after: T,
) -> Result<(), Broken> {
    match before == after {
        true => Ok(()),
        false => Err(Broken {
            id: "SUM-2",
            sentence: "merge, compaction and summary preserve totals",
            facts: format!("{what}: {before:?} before, {after:?} after"),
        }),
    }
}

/// `SPAN-1`: the spans of a source, in order, are contiguous from zero.
///
/// Errors: [`Broken`] with the first span that does not start where the one before ended.
pub fn spans_are_contiguous(spans: impl IntoIterator<Item = super::Span>) -> Result<u64, Broken> {
    let mut expected = 0;
    for span in spans {
        if span.from != expected {
            return Err(Broken {
                id: "SPAN-1",
                sentence: "the spans of a source are contiguous from zero",
                facts: format!("{span} follows offset {expected}"),
            });
        }
        expected = span.to;
    }
    Ok(expected)
}

/// `PRICE-1`: the lines sum to the bill.
///
/// Errors: [`Broken`] with both sides.
pub fn lines_sum_to_the_bill<T: PartialEq + std::fmt::Debug>(
    account: &str,
    bill: T,
    lines: T,
) -> Result<(), Broken> {
    match bill == lines {
        true => Ok(()),
        false => Err(Broken {
            id: "PRICE-1",
            sentence: "rounding once per charge line; the lines sum to the bill",
            facts: format!("account {account}: {bill:?} billed, lines of {lines:?}"),
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Span;

    #[test]
    fn a_lost_or_invented_line_is_found() {
        assert!(lines_reconcile(10, 7, 2, 1).is_ok());
        assert!(lines_reconcile(10, 7, 2, 0).is_err());
        assert!(lines_reconcile(10, 7, 2, 2).is_err());
    }

    #[test]
    fn a_gap_or_an_overlap_of_spans_is_found() {
        assert_eq!(
            spans_are_contiguous([Span::new(0, 5), Span::new(5, 9)]),
            Ok(9)
        );
        assert!(spans_are_contiguous([Span::new(0, 5), Span::new(6, 9)]).is_err());
        assert!(spans_are_contiguous([Span::new(0, 5), Span::new(4, 9)]).is_err());
        assert!(spans_are_contiguous([Span::new(1, 5)]).is_err());
    }
}
