//! What the files of a store tell where there is no ledger to go by: a plain statement, and nothing is made of it.
//!
//! Segments have the usage of everything that was ever counted and not compacted away, also of what a newer version
//! replaced or what was forgotten, and not which of it counts. So their sums are a bound and a guide to the logs that
//! have to be ingested again, and no bill.

use std::collections::BTreeMap;
use std::path::Path;

use super::astray::Kind;
use super::error::StoreError;
use super::scan::{Wanted, scan};
use super::{CLOSED, LEDGER, QUARANTINE, SEGMENTS};
use crate::disk::names_in;
use crate::units::{Month, Slot, Zone, counted};

/// Domains of a month that are told by name: those with the most bytes.
const DOMAINS_TOLD_MAX: usize = 10;
/// Domains of all months that are told apart; what comes beyond is in the sums alone.
const DOMAINS_KEPT_MAX: usize = 1 << 20;

/// Bytes and metered lines.
type Sum = (u128, u128);

/// What segments hold.
#[derive(Default)]
struct Held {
    months: BTreeMap<Month, Sum>,
    domains: BTreeMap<(Month, String), u128>,
    unread: Vec<String>,
}

/// What is left in a store without a ledger, a sentence each.
///
/// Errors: [`StoreError`], where a folder cannot be listed.
pub(super) fn of(root: &Path) -> Result<Vec<String>, StoreError> {
    let mut told = vec![format!(
        "{LEDGER} is gone or empty, and only it says which usage counts: restore {LEDGER} and ledger.seal from a copy, \
         or ingest the logs into a new store; nothing was changed"
    )];
    let of = |folder: &str| {
        let mut names = match root.join(folder).is_dir() {
            true => names_in(&root.join(folder))?,
            false => Vec::new(),
        };
        names.retain(|name| matches!(Kind::of(folder, name), Kind::Finished(_)));
        Ok::<_, StoreError>(names)
    };
    let mut held = Held::default();
    for name in of(SEGMENTS)? {
        held.read(&root.join(SEGMENTS), name);
    }
    told.extend(held.told());
    for month in of(CLOSED)? {
        told.push(format!(
            "{CLOSED}/{month} holds that month as it was published and closed"
        ));
    }
    let rejects = of(QUARANTINE)?.len();
    if rejects != 0 {
        told.push(format!(
            "{QUARANTINE} holds rejected lines in {}",
            counted(rejects as u64, "file")
        ));
    }
    Ok(told)
}

impl Held {
    fn read(&mut self, folder: &Path, name: String) {
        let scanned = scan(folder, &name, &Wanted::ALL, |row| {
            let Some(row) = row else { return Ok(()) };
            let Some(slot) = Slot::from_index(row.tally.cell.slot_index()) else {
                return Ok(());
            };
            let month = Month::of_slot(slot, Zone::CHINA);
            let sum = self.months.entry(month).or_default();
            sum.0 += u128::from(row.tally.bytes);
            sum.1 += u128::from(row.tally.requests);
            let domain = (month, row.domain.to_owned());
            if self.domains.len() < DOMAINS_KEPT_MAX || self.domains.contains_key(&domain) {
                *self.domains.entry(domain).or_default() += u128::from(row.tally.bytes);
            }
            Ok(())
        });
        if scanned.is_err() {
            self.unread.push(name);
        }
    }

    fn told(&self) -> Vec<String> {
        let mut told = Vec::new();
        let is_cut = DOMAINS_KEPT_MAX <= self.domains.len();
        for (month, (bytes, lines)) in &self.months {
            let of_month = self.domains.iter().filter(|((of, _), _)| of == month);
            let mut domains: Vec<(&str, u128)> = of_month
                .map(|((_, domain), bytes)| (&domain[..], *bytes))
                .collect();
            domains.sort_unstable_by_key(|(domain, bytes)| (std::cmp::Reverse(*bytes), *domain));
            let largest = domains.iter().take(DOMAINS_TOLD_MAX);
            let largest: Vec<String> = largest
                .map(|(domain, bytes)| format!("{domain} {bytes} B"))
                .collect();
            told.push(format!(
                "{SEGMENTS} hold of {month} by the clock {}: {bytes} B, {} of {}{}, what counts no more included: {}",
                Zone::CHINA,
                counted(*lines, "line"),
                counted(domains.len() as u64, "domain"),
                if is_cut { " or more" } else { "" },
                largest.join(", ")
            ));
        }
        for name in &self.unread {
            told.push(format!("{SEGMENTS}/{name} cannot be read to its end"));
        }
        told
    }
}
