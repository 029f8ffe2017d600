//! What closed months said of domains holds: a registry that takes it back is refused, or says why.
//!
//! A mini-program domain stays one (R22), and its traffic is not refunded (R26). So every command that reads
//! a registry beside closed months refuses one by which a domain is none in a month that was closed with it
//! as one, be it dropped, dated later or made something else. An entry that was *wrong* is mended by a
//! `[[correction]]` of the registry: the month is corrected then, on the bill of the month after the last
//! closed one, and that bill says so.

use super::Failure;
use super::metering::now_unix_secs;
use crate::registry::{Class, Mended, Registry};
use crate::report::{MendedReport, read_summary};
use crate::store::{Close, Store, StoreError};
use crate::summary::SummaryRow;
use crate::units::{Timestamp, Zone, day_text};

/// Refuses a registry that takes back what a closed month of `store` said; answers what its corrections mend.
pub(super) fn check_closed(
    store: &Store,
    registry: &Registry,
) -> Result<Vec<MendedReport>, Failure> {
    let closes = store.closes()?;
    if closes.is_empty() {
        return Ok(Vec::new());
    }
    let (digest, mut mended) = (registry.digest(), Vec::new());
    for close in closes {
        let zone = close.terms.zone;
        if zone != registry.zone() {
            return Err(StoreError::Clock { zone }.into());
        }
        if digest == close.terms.registry_digest {
            continue;
        }
        let month = close.terms.month;
        let rows = read_summary(&store.closed_folder(month, "summary"))?;
        for rows in rows.chunk_by(|a, b| a.domain == b.domain) {
            let row = &rows[0];
            let is_back = row.class == Class::MiniProgram
                && registry.attribution(&row.domain, month).class != Class::MiniProgram;
            if is_back {
                mended.push(mend(row, &close, registry)?);
            }
        }
    }
    Ok(mended)
}

/// What mends a row of a closed month, of which the registry does not say any more that it is of a
/// mini-program domain.
fn mend(row: &SummaryRow, close: &Close, registry: &Registry) -> Result<MendedReport, Failure> {
    let (domain, month, zone) = (&row.domain, row.month, registry.zone());
    let Some(Mended {
        wrong_since,
        on,
        reason,
    }) = registry.mended(domain, month)
    else {
        return Err(Failure::start(format!(
            "{domain} was a mini-program domain in {month}, which is closed, and this registry takes that back; \
             a mini-program domain stays one (R22): mend the registry; if the entry was wrong when {month} was \
             closed, say so in a [[correction]] with name, wrong_mini_program_since, on and reason"
        )));
    };
    let wrong = |problem: String| {
        Failure::start(format!(
            "the [[correction]] of {domain} is dated {}, {problem}; date it to the day on which the mistake was \
             found",
            day_text(on)
        ))
    };
    let closed_on = Timestamp::parse(&close.at, zone).map_or(i64::MAX, |at| day(at, zone));
    if i64::from(on) < closed_on {
        let at = &close.at;
        return Err(wrong(format!(
            "and {month} was closed with that entry after it, at {at}"
        )));
    }
    if zone.day_of(now_unix_secs()) < i64::from(on) {
        return Err(wrong("which has not come yet".to_owned()));
    }
    Ok(MendedReport {
        month: month.to_string(),
        domain: domain.clone(),
        wrong_since: day_text(wrong_since),
        on: day_text(on),
        reason: reason.to_owned(),
    })
}

fn day(at: Timestamp, zone: Zone) -> i64 {
    zone.day_of(at.as_unix_secs())
}
