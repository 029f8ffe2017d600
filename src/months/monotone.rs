//! What closed months said of domains holds: a registry that takes it back is refused, or says why.
//!
//! A mini-program domain stays one (R22), and its traffic is not refunded (R26). So every close keeps all
//! that its registry said, and every command that reads a registry beside closed months refuses one by which
//! a name, or what is below a wildcard, is no mini-program domain in a month that was closed by then and in
//! which it was said to be one: be it dropped, dated later or made something else, with traffic or without.
//! A close that was made before registries were kept tells by its usage and by what its bill corrected.
//!
//! An entry that was *wrong* is mended by a `[[correction]]` of the registry, which has to tell the date that
//! the entry had: the month is corrected then, on the bill of the month after the last closed one, and that
//! bill says so.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;

use super::error::RegistryRefused;
use crate::billing::Item;
use crate::disk::DurableFile;
use crate::registry::{Class, Mended, Registry, TakenBack};
use crate::report::{MendedReport, PublishError, read_charges, read_summary};
use crate::store::{Close, Store, StoreError};
use crate::units::{Month, Timestamp, Zone, day_text};

/// The file of what a registry said.
const FACTS: &str = "facts.tsv";

/// Keeps what the registry says of which a month is closed, in `folder`.
pub(super) fn freeze_registry(registry: &Registry, folder: &Path) -> io::Result<()> {
    let facts = registry.facts();
    let kept = DurableFile::keep((folder, FACTS), facts.as_bytes());
    kept.map_err(|error| error.source)
}

/// What closes said of a name in a month, and the registry does not say any more.
struct Said<'a> {
    /// The days since which it was a mini-program domain, by each of them; `None` where it is not known.
    since: Vec<Option<i32>>,
    /// The last of them.
    close: &'a Close,
}

/// Refuses a registry that takes back what a closed month of `store` said; answers what its corrections mend,
/// by month and name, which may be a wildcard. A correction that is dated after `now_unix_secs` mends nothing.
///
/// Errors: [`RegistryRefused`].
pub fn check_closed(
    store: &Store,
    registry: &Registry,
    now_unix_secs: i64,
) -> Result<Vec<MendedReport>, RegistryRefused> {
    let closes = store.closes()?;
    if let Some(other) = closes.iter().find(|of| of.terms.zone != registry.zone()) {
        let zone = other.terms.zone;
        return Err(StoreError::Clock { zone }.into());
    }
    let digest = registry.digest();
    let mut said: BTreeMap<(Month, String), Said<'_>> = BTreeMap::new();
    let mut closed = Vec::new();
    for (at, close) in closes.iter().enumerate() {
        closed.push(close.terms.month);
        let is_said_again = closes[at + 1..].iter().any(|later| {
            facts_are_kept(later) && later.terms.registry_digest == close.terms.registry_digest
        });
        if digest == close.terms.registry_digest || (facts_are_kept(close) && is_said_again) {
            continue;
        }
        for (name, month, since) in taken_back(store, close, registry, &closed)? {
            let of = said.entry((month, name));
            let of = of.or_insert(Said {
                since: Vec::new(),
                close,
            });
            of.since.push(since);
            of.close = close;
        }
    }
    let said = said.iter();
    said.map(|((month, name), said)| mend((name, *month), said, registry, now_unix_secs))
        .collect()
}

pub(super) fn facts_are_kept(close: &Close) -> bool {
    let name = format!("registry/{FACTS}");
    close.files.iter().any(|file| file.name == name)
}

/// What a close said and the registry does not say any more: a name, a month of those that were `closed` by
/// then, and the day since which it was a mini-program domain.
fn taken_back(
    store: &Store,
    close: &Close,
    registry: &Registry,
    closed: &[Month],
) -> Result<Vec<(String, Month, Option<i32>)>, RegistryRefused> {
    if facts_are_kept(close) {
        let taken = registry.taken_back(&facts(store, close)?, closed);
        let each = |of: TakenBack| {
            let TakenBack {
                name,
                months,
                since,
            } = of;
            let months = months.into_iter();
            months.map(move |month| (name.clone(), month, Some(since)))
        };
        return Ok(taken.into_iter().flat_map(each).collect());
    }
    let mut said = billed_as_mini_program(store, close)?;
    said.sort_unstable();
    said.dedup();
    said.retain(|(domain, month)| registry.attribution(domain, *month).class != Class::MiniProgram);
    let said = said.into_iter();
    Ok(said.map(|(domain, month)| (domain, month, None)).collect())
}

/// The registry that a month was closed with.
pub(super) fn facts(store: &Store, close: &Close) -> Result<Registry, RegistryRefused> {
    let path = store
        .closed_folder(close.terms.month, "registry")?
        .join(FACTS);
    let damaged = |problem: String| PublishError::Frozen {
        path: path.clone(),
        problem,
    };
    let text = fs::read_to_string(&path).map_err(|error| damaged(error.to_string()))?;
    let (digest, zone) = (&close.terms.registry_digest, close.terms.zone);
    let then = Registry::from_facts(&text, digest, zone);
    Ok(then.ok_or_else(|| damaged("it is not what the month was closed with".to_owned()))?)
}

/// What the usage and the corrections of a close say: domains, each in a month.
fn billed_as_mini_program(
    store: &Store,
    close: &Close,
) -> Result<Vec<(String, Month)>, RegistryRefused> {
    let month = close.terms.month;
    let rows = read_summary(&store.closed_folder(month, "summary")?)?.into_iter();
    let rows = rows.filter(|row| row.class == Class::MiniProgram);
    let mut said: Vec<_> = rows.map(|row| (row.domain, month)).collect();
    if close.terms.catalogue_digest.is_some() {
        let billed = read_charges(&store.closed_folder(month, "charges")?, close.terms.zone)?;
        // A correction that takes bytes away mended something.
        let added = billed
            .charges
            .into_iter()
            .filter(|charge| charge.item == Item::MiniProgramTraffic && charge.bytes > 0);
        said.extend(added.map(|charge| (charge.domain.clone(), charge.month())));
    }
    Ok(said)
}

/// What mends a name that was a mini-program domain in a closed month, and that the registry has as none.
fn mend(
    (name, month): (&str, Month),
    said: &Said<'_>,
    registry: &Registry,
    now_unix_secs: i64,
) -> Result<MendedReport, RegistryRefused> {
    let zone = registry.zone();
    let are_known = said.since.iter().all(Option::is_some);
    let is_what_was_said =
        |of: &Mended<'_>| !are_known || said.since.contains(&Some(of.wrong_since));
    let of_date = registry.mended(name, month).filter(is_what_was_said);
    let Some(Mended {
        wrong_since,
        on,
        reason,
    }) = of_date.max_by_key(|of| of.on)
    else {
        return Err(refused((name, month), said, registry));
    };
    let wrong = |problem: String| {
        RegistryRefused::TakenBack(format!(
            "the [[correction]] of {name} is dated {}, {problem}; date it to the day on which the mistake was \
             found",
            day_text(on)
        ))
    };
    let (at, closing) = (&said.close.at, said.close.terms.month);
    let closed_on = Timestamp::parse(at, zone).map_or(i64::MAX, |at| day(at, zone));
    if i64::from(on) < closed_on {
        return Err(wrong(format!(
            "and {closing} was closed with that entry after it, at {at}"
        )));
    }
    if zone.day_of(now_unix_secs) < i64::from(on) {
        return Err(wrong("which has not come yet".to_owned()));
    }
    Ok(MendedReport {
        month: month.to_string(),
        domain: name.to_owned(),
        wrong_since: day_text(wrong_since),
        on: day_text(on),
        reason: reason.to_owned(),
    })
}

/// Why nothing mends what was said.
fn refused((name, month): (&str, Month), said: &Said<'_>, registry: &Registry) -> RegistryRefused {
    let closing = said.close.terms.month;
    let since = said.since.iter().flatten().max().map(|day| day_text(*day));
    if let (Some(of), Some(since)) = (registry.mended(name, month).last(), &since) {
        return RegistryRefused::TakenBack(format!(
            "the [[correction]] of {name} says that the wrong entry had {}, but {closing} was closed with \
             mini_program_since {since}; write that as its wrong_mini_program_since",
            day_text(of.wrong_since)
        ));
    }
    let by = match closing == month {
        true => String::new(),
        false => format!(" by the registry that {closing} was closed with"),
    };
    let dated = since.map_or(String::new(), |since| format!(" ({since})"));
    RegistryRefused::TakenBack(format!(
        "{name} was a mini-program domain in {month}, which is closed{by}, and this registry takes that back; \
         a mini-program domain stays one (R22): mend the registry; if the entry was wrong when {closing} was \
         closed, say so in a [[correction]] with name, wrong_mini_program_since{dated}, on and reason"
    ))
}

fn day(at: Timestamp, zone: Zone) -> i64 {
    zone.day_of(at.as_unix_secs())
}
