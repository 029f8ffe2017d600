//! The traffic of an account's mini-program domains between two instants, as far as the logs of a store tell.

use std::collections::{BTreeSet, HashMap};
use std::ops::Range;

use super::error::MonthError;
use super::given::Given;
use crate::billing::refund::{Counted, Gap, Unknown};
use crate::registry::{Class, speaks_of};
use crate::store::{Coverage, Covered, Tells};
use crate::summary::Book;
use crate::units::{Month, SLOT_SECS, Slot, Timestamp};

/// What a store holds of some months.
#[derive(Debug, Default)]
pub struct Logged {
    /// Bytes of slots of the account's mini-program domains, in no order.
    bytes: Vec<(u32, u64)>,
    /// What contents tell.
    coverage: Coverage,
    /// The account's mini-program domains: those that the registry names, and those that have lines; of a
    /// wildcard without any, itself.
    domains: BTreeSet<String>,
    /// Contents that the store does not publish.
    set_aside: usize,
}

impl Logged {
    /// Reads all months that `span` touches.
    ///
    /// Errors: [`MonthError`].
    pub fn read(
        account: &str,
        given: &Given<'_>,
        span: Range<Timestamp>,
    ) -> Result<Self, MonthError> {
        let Given {
            store,
            registry,
            rows_max,
            ..
        } = *given;
        let zone = registry.zone();
        let mut logged = Logged {
            set_aside: store.set_aside()?.len(),
            ..Logged::default()
        };
        let mut months = vec![Month::of_slot(span.start.slot(), zone)];
        let last = Month::of_slot(span.end.slot(), zone);
        while let Some(next) = months.last().and_then(|month| month.next()) {
            if last < next {
                break;
            }
            months.push(next);
        }
        for month in &months {
            let of_month = month.slots(zone);
            let usage = store.usage(of_month.clone(), rows_max)?;
            let book = Book::new(usage.table, usage.domains, registry, zone)?;
            for used in book.months().flat_map(|usage| usage.accounts(registry)) {
                let used = used?;
                let is_meant =
                    |class: Class| class == Class::MiniProgram && used.account == account;
                let of_class = used.slots.iter().filter(|((class, _), _)| is_meant(*class));
                let bytes =
                    of_class.flat_map(|(_, bytes)| of_month.clone().zip(bytes.iter().copied()));
                logged.bytes.extend(bytes);
            }
        }
        let is_meant = |domain: &str| {
            let mut of_months = months
                .iter()
                .map(|month| registry.attribution(domain, *month));
            of_months.any(|of| of.class == Class::MiniProgram && of.account == Some(account))
        };
        logged.coverage = store.coverage(touched(&span), is_meant)?;
        let heard = &logged.coverage.heard;
        // Of what is below a wildcard only lines tell the names.
        let is_heard_below =
            |name: &String| name.starts_with("*.") && heard.iter().any(|of| speaks_of(name, of));
        let named = registry.named(account).filter(|name| is_meant(name));
        logged
            .domains
            .extend(named.filter(|name| !is_heard_below(name)));
        logged.domains.extend(heard.iter().cloned());
        if logged.domains.is_empty() {
            logged.domains.insert(account.to_owned());
        }
        Ok(logged)
    }

    /// The traffic between two instants; a slot that lies between them in part may be in it, or not.
    pub fn count(&self, span: &Range<Timestamp>) -> Counted {
        let touched = touched(span);
        let length = i64::from(SLOT_SECS);
        let whole = slot(span.start.as_unix_secs() + length - 1)..slot(span.end.as_unix_secs());
        let of = |slots: &Range<u32>| {
            let bytes = self.bytes.iter().filter(|(slot, _)| slots.contains(slot));
            bytes.map(|(_, bytes)| *bytes).sum()
        };
        Counted {
            least: of(&whole),
            most: of(&touched),
            // Of no time there is nothing to know.
            has_logs: touched.is_empty()
                || self
                    .coverage
                    .contents
                    .iter()
                    .any(|of| do_meet(&of.slots, &touched)),
            unknown: self.unknown(span, &touched),
        }
    }

    fn unknown(&self, span: &Range<Timestamp>, touched: &Range<u32>) -> Unknown {
        let mut unknown = Unknown {
            gaps: self.gaps(span),
            set_aside: self.set_aside,
            ..Unknown::default()
        };
        let is_in = |of: &&Covered| do_meet(&of.lines, touched);
        for of in self.coverage.contents.iter().filter(is_in) {
            unknown.rejected_lines += of.rejected.lines;
            unknown.unread_lines += of.rejected.unread_lines;
            let bytes = of.rejected.bytes_at_most;
            unknown.rejected_bytes = unknown.rejected_bytes.saturating_add(bytes);
            if of.tells != Tells::OfNone {
                unknown.lines_without_bytes += of.without_bytes;
                unknown.lines_without_mark += of.without_mark;
                unknown.salvaged += usize::from(of.is_salvaged);
            }
        }
        unknown
    }

    /// The times between two instants of which no log tells of a domain, in order.
    fn gaps(&self, span: &Range<Timestamp>) -> Vec<Gap> {
        let mut of_all = Vec::new();
        let mut of_one: HashMap<&str, Vec<Range<u32>>> = HashMap::new();
        let contents = self.coverage.contents.iter();
        for of in contents.filter(|of: &&Covered| !of.slots.is_empty()) {
            match &of.tells {
                Tells::OfNone => {}
                Tells::OfOne(domain) => of_one.entry(domain).or_default().push(of.slots.clone()),
                Tells::OfAll => of_all.push(of.slots.clone()),
            }
        }
        let of_all = joined(of_all);
        let mut gaps = Vec::new();
        for domain in &self.domains {
            let mut known = of_one.remove(&domain[..]).unwrap_or_default();
            if self.coverage.heard.contains(domain) {
                known.extend_from_slice(&of_all);
            }
            gaps.extend(between(span, &joined(known)).into_iter().map(|span| Gap {
                domain: domain.clone(),
                span,
            }));
        }
        gaps.sort_by_key(|gap| gap.span.start);
        gaps
    }
}

/// What is in any of `ranges`, in order, in ranges that do not touch.
fn joined(mut ranges: Vec<Range<u32>>) -> Vec<Range<u32>> {
    ranges.sort_unstable_by_key(|slots| slots.start);
    let mut joined: Vec<Range<u32>> = Vec::new();
    for slots in ranges {
        match joined.last_mut() {
            Some(last) if slots.start <= last.end => last.end = last.end.max(slots.end),
            _ => joined.push(slots),
        }
    }
    joined
}

/// The times between two instants that are not `known`, ranges of slots in order.
fn between(span: &Range<Timestamp>, known: &[Range<u32>]) -> Vec<Range<Timestamp>> {
    let instant = |slot: u32| Slot::from_index(slot).map_or(span.end, Slot::start);
    let (mut gaps, mut until) = (Vec::new(), span.start);
    for slots in known {
        let start = instant(slots.start).min(span.end);
        if until < start {
            gaps.push(until..start);
        }
        until = until.max(instant(slots.end));
    }
    if until < span.end {
        gaps.push(until..span.end);
    }
    gaps
}

/// Whether slots are in both.
fn do_meet(a: &Range<u32>, b: &Range<u32>) -> bool {
    a.start.max(b.start) < a.end.min(b.end)
}

/// The slots that touch what is between two instants.
fn touched(span: &Range<Timestamp>) -> Range<u32> {
    let start = slot(span.start.as_unix_secs());
    let end = slot(span.end.as_unix_secs() + i64::from(SLOT_SECS) - 1);
    start..end.max(start)
}

/// The number of the slot of an instant, in seconds since the epoch.
fn slot(secs: i64) -> u32 {
    u32::try_from(secs / i64::from(SLOT_SECS)).unwrap_or(u32::MAX)
}
