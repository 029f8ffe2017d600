//! What a closed month would be now, less what it was when it was closed.
//!
//! A row of what was closed plus the adjustments of the same key is what counts now, to the byte.
//! Two things adjust: usage that came, or was replaced, after the close; and a registry that gives
//! a domain another account, class or AppID, which takes all of its usage from where it was and
//! puts it where it belongs.

use std::collections::HashMap;

use super::hosts::{OTHER_HOSTS, row_below};
use super::owners::{Owner, Owners};
use super::row::SummaryRow;
use crate::meter::{DomainId, Overflow, Usage, UsageRow};
use crate::registry::Match;
use crate::units::{Month, Region, Slot};

/// Why a closed month is adjusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// Usage came, or was replaced, after the close.
    Usage,
    /// The registry says now that the domain is somebody else's or something else.
    Attribution,
}

impl Reason {
    /// The name in files.
    pub const fn name(self) -> &'static str {
        match self {
            Reason::Usage => "usage",
            Reason::Attribution => "attribution",
        }
    }
}

/// Signed sums: bytes, requests, error bytes, error requests, doubtful requests.
pub type Delta = [i128; 5];

/// A change of one slot of a closed month.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Adjustment {
    /// The closed month.
    pub month: Month,
    /// Whose.
    pub owner: Owner,
    /// The domain.
    pub domain: String,
    /// Region of the clients.
    pub region: Region,
    /// The slot.
    pub slot: Slot,
    /// Why.
    pub reason: Reason,
    /// What is to be added; never all zero.
    pub delta: Delta,
}

/// A closed month as it was frozen.
#[derive(Debug)]
pub struct Frozen<'a> {
    /// The month.
    pub month: Month,
    /// Its summary.
    pub summary: &'a [SummaryRow],
    /// Its usage; domains are numbered as in the usage that it is compared with.
    pub rows: Vec<UsageRow>,
}

/// What has to be added to `frozen` to make it what counts now: `live`, in any order, whose domains
/// are called `names`, and `whose` they are now. The answer is in the order of account, class, AppID,
/// domain, region, slot.
///
/// Errors: [`Overflow`].
pub fn adjustments(
    frozen: Frozen<'_>,
    mut live: Vec<UsageRow>,
    names: &[String],
    whose: &dyn Owners,
) -> Result<Vec<Adjustment>, Overflow> {
    let month = frozen.month;
    let owners = frozen.summary.iter().map(|row| (&row.domain[..], row));
    let owners: HashMap<&str, &SummaryRow> = owners.collect();
    hold_folded(&mut live, names, &owners, whose);
    let mut before = frozen.rows;
    before.sort_unstable_by_key(UsageRow::key);
    live.sort_unstable_by_key(UsageRow::key);
    let mut found = Vec::new();
    let (mut before, mut live) = (&before[..], &live[..]);
    while let Some(domain) = [before, live]
        .iter()
        .filter_map(|rows| Some(rows.first()?.domain.index()))
        .min()
    {
        let of_domain = |rows: &mut &[UsageRow]| {
            let end = rows.partition_point(|row| row.domain.index() == domain);
            let (head, rest) = rows.split_at(end);
            *rows = rest;
            cells(head)
        };
        let name = &names[domain as usize];
        let now = Owner::of(&whose.attribution(name, month));
        let was = owners.get(&name[..]).map(|row| owner_of(row));
        let (was_used, is_used) = (of_domain(&mut before)?, of_domain(&mut live)?);
        let mut add = |owner: &Owner, reason, changes: Vec<((Region, Slot), Delta)>| {
            found.extend(
                changes
                    .into_iter()
                    .map(|((region, slot), delta)| Adjustment {
                        month,
                        owner: owner.clone(),
                        domain: name.clone(),
                        region,
                        slot,
                        reason,
                        delta,
                    }),
            );
        };
        match was {
            Some(was) if was != now && !is_used.is_empty() => {
                add(&was, Reason::Attribution, difference(&was_used, &[]));
                add(&now, Reason::Attribution, difference(&[], &is_used));
            }
            was => add(
                was.as_ref().unwrap_or(&now),
                Reason::Usage,
                difference(&was_used, &is_used),
            ),
        }
    }
    found.sort_unstable();
    Ok(found)
}

/// Gives to the rows of other hosts that the month was frozen with what has no row of its own in it: those below
/// the wildcard that speaks of them now, or of nobody. What nobody owns any more was below the longest wildcard that
/// was frozen with such a row.
fn hold_folded(
    live: &mut [UsageRow],
    names: &[String],
    frozen: &HashMap<&str, &SummaryRow>,
    whose: &dyn Owners,
) {
    let is_row = |name: &&str| name.starts_with(OTHER_HOSTS) && frozen.contains_key(name);
    let rows = names.iter().enumerate();
    let rows = rows.map(|(place, name)| (&name[..], DomainId::new(place as u32)));
    let rows: HashMap<&str, DomainId> = rows.filter(|(name, _)| is_row(name)).collect();
    if rows.is_empty() {
        return;
    }
    let row_of = |name: &String| -> Option<DomainId> {
        let below = |suffix: &str| rows.get(&row_below(suffix)[..]).copied();
        match whose.matched(name) {
            _ if frozen.contains_key(&name[..]) => None,
            Match::Exact => None,
            Match::Below(suffix) => below(suffix),
            Match::None => {
                let mut suffixes = name.match_indices('.').map(|(dot, _)| &name[dot + 1..]);
                let found = suffixes.find_map(below);
                found.or_else(|| rows.get(OTHER_HOSTS).copied())
            }
        }
    };
    let rows: Vec<Option<DomainId>> = names.iter().map(row_of).collect();
    for row in live {
        row.domain = rows[row.domain.index() as usize].unwrap_or(row.domain);
    }
}

fn owner_of(row: &SummaryRow) -> Owner {
    Owner {
        account: row.account.clone(),
        class: row.class,
        app_id: row.app_id.clone(),
    }
}

type CellUsage = ((Region, Slot), Delta);

/// The usage of each cell; `rows` are of one domain and sorted.
fn cells(rows: &[UsageRow]) -> Result<Vec<CellUsage>, Overflow> {
    let cells = rows.chunk_by(|a, b| a.tally.cell == b.tally.cell);
    cells
        .map(|rows| {
            let cell = rows[0].tally.cell;
            let slot = Slot::from_index(cell.slot_index()).expect("rows hold slots of timestamps");
            let mut usage = Usage::default();
            rows.iter()
                .try_for_each(|row| usage.add_tally(&row.tally))?;
            let sums = [
                usage.bytes.as_u64(),
                usage.requests,
                usage.error_bytes.as_u64(),
                usage.error_requests,
                usage.doubtful_requests,
            ];
            Ok(((cell.region(), slot), sums.map(i128::from)))
        })
        .collect()
}

/// `now` less `before`, both sorted by cell, where that is not zero.
fn difference(before: &[CellUsage], now: &[CellUsage]) -> Vec<CellUsage> {
    let mut changes: HashMap<(Region, Slot), Delta> = now.iter().copied().collect();
    for (cell, sums) in before {
        let delta = changes.entry(*cell).or_default();
        for (delta, sum) in delta.iter_mut().zip(sums) {
            *delta -= sum;
        }
    }
    changes.retain(|_, delta| *delta != Delta::default());
    changes.into_iter().collect()
}
