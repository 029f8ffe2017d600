//! One account's usage in a month: what is settled together, day by day and slot by slot.

use std::collections::{BTreeMap, HashMap};
use std::ops::Range;

use super::book::MonthUsage;
use super::month::SummaryRow;
use crate::meter::{Overflow, UsageRow};
use crate::registry::{Attribution, Class, Match, Registry};
use crate::units::{Month, Region, SLOTS_PER_DAY};

/// Says whose a domain is, and what it is sold as in a month.
pub trait Owners: Sync {
    /// Attribution of a domain in a month.
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_>;

    /// The account of a domain, which does not depend on the month.
    fn account(&self, domain: &str) -> Option<&str>;

    /// What is said of a domain: one of which something is said by its name keeps a row of its own.
    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a>;

    /// Days of a month, ascending, on which a mini-program domain is a standard one besides: it was billed so,
    /// and that stays.
    fn settled_days(&self, _domain: &str, _month: Month) -> &[i32] {
        &[]
    }
}

impl Owners for Registry {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        Registry::attribution(self, domain, month)
    }

    fn account(&self, domain: &str) -> Option<&str> {
        Registry::account(self, domain)
    }

    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a> {
        Registry::matched(self, domain)
    }
}

/// The owners of a closed month, as they were frozen; of what the month did not know, the registry's.
#[derive(Debug)]
pub struct FrozenOwners<'a> {
    owners: HashMap<&'a str, Attribution<'a>>,
    registry: &'a Registry,
}

impl<'a> FrozenOwners<'a> {
    /// The owners of a closed month's `summary`.
    pub fn new(summary: &'a [SummaryRow], registry: &'a Registry) -> Self {
        let label = |text: &'a String| (!text.is_empty()).then_some(&text[..]);
        let owner = |row: &'a SummaryRow| {
            let attribution = Attribution {
                class: row.class,
                account: label(&row.account),
                app_id: label(&row.app_id),
                mini_program_from: registry
                    .attribution(&row.domain, row.month)
                    .mini_program_from,
            };
            (&row.domain[..], attribution)
        };
        FrozenOwners {
            owners: summary.iter().map(owner).collect(),
            registry,
        }
    }
}

impl Owners for FrozenOwners<'_> {
    fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        match self.owners.get(domain) {
            Some(attribution) => *attribution,
            None => self.registry.attribution(domain, month),
        }
    }

    fn account(&self, domain: &str) -> Option<&str> {
        match self.owners.get(domain) {
            Some(attribution) => attribution.account,
            None => self.registry.account(domain),
        }
    }

    fn matched<'a>(&'a self, domain: &'a str) -> Match<'a> {
        match self.owners.contains_key(domain) {
            true => Match::Exact,
            false => self.registry.matched(domain),
        }
    }
}

/// Whose a domain is, and what it is sold as.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Owner {
    /// Its account; empty where there is none.
    pub account: String,
    /// Its class.
    pub class: Class,
    /// AppID of the mini-program; empty where there is none.
    pub app_id: String,
}

impl Owner {
    /// The owner that an attribution names.
    pub fn of(attribution: &Attribution<'_>) -> Self {
        Owner {
            account: attribution.account.unwrap_or_default().to_owned(),
            class: attribution.class,
            app_id: attribution.app_id.unwrap_or_default().to_owned(),
        }
    }
}

/// The usage of an account in a month.
#[derive(Debug)]
pub struct AccountUsage {
    /// The account; empty where there is none.
    pub account: String,
    /// Each domain and region, in that order.
    pub domains: Vec<DomainDays>,
    /// Bytes of each slot of the month, all domains of a class and region together.
    pub slots: BTreeMap<(Class, Region), Vec<u64>>,
}

/// The bytes of one domain and region, day by day.
#[derive(Debug)]
pub struct DomainDays {
    /// The domain.
    pub domain: String,
    /// Whose it is, and what it is sold as.
    pub owner: Owner,
    /// The day from which on it is a mini-program domain by the registry, since 1970-01-01.
    pub mini_program_from: Option<i32>,
    /// Whether it is what stays billed of a mini-program domain as a standard one, which stands before it with
    /// all of its bytes: see [`Owners::settled_days`].
    pub is_settled: bool,
    /// Region of the clients.
    pub region: Region,
    /// Bytes of each day of the month.
    pub days: Vec<u64>,
    /// Bytes of the slots before it became a mini-program domain, if that was in this month; slots are counted
    /// from the first of the month, and ascend.
    pub before: Vec<(u32, u64)>,
    /// Where its rows stand in those of the month, see [`MonthUsage::slots_of`].
    pub rows: Range<usize>,
}

/// The accounts of a month, in order of their names.
pub(super) fn accounts<'a>(
    usage: MonthUsage<'a>,
    owners: &'a dyn Owners,
) -> impl Iterator<Item = Result<AccountUsage, Overflow>> + 'a {
    let mut rest = usage.rows;
    let mut from = 0;
    let account_of = move |row: &UsageRow| owners.account(usage.name(row.domain));
    std::iter::from_fn(move || {
        let account = account_of(rest.first()?);
        // Domains are numbered in the order of their accounts, so an account's rows are together.
        let end = rest.partition_point(|row| account_of(row) <= account);
        let (rows, others) = rest.split_at(end);
        rest = others;
        let place = from..from + rows.len();
        from = place.end;
        Some(fold(&usage, account.unwrap_or_default(), place, owners))
    })
}

fn fold(
    usage: &MonthUsage<'_>,
    account: &str,
    place: Range<usize>,
    owners: &dyn Owners,
) -> Result<AccountUsage, Overflow> {
    let mut from = place.start;
    // Worked out once: the calendar is slow, and domains are many.
    let (slots, month) = (usage.month.slots(usage.zone), usage.month.all_days());
    let mut of_account = AccountUsage {
        account: account.to_owned(),
        domains: Vec::new(),
        slots: BTreeMap::new(),
    };
    let of_one = |a: &UsageRow, b: &UsageRow| {
        a.domain == b.domain && a.tally.cell.region() == b.tally.cell.region()
    };
    for rows in usage.rows[place].chunk_by(of_one) {
        let name = usage.name(rows[0].domain);
        let attribution = owners.attribution(name, usage.month);
        let region = rows[0].tally.cell.region();
        let samples = of_account
            .slots
            .entry((attribution.class, region))
            .or_insert_with(|| vec![0; slots.len()]);
        let (mut of_domain, added) = domain_days(name, (rows, from), &attribution, &month);
        for row in rows {
            let slot = row.tally.cell.slot_index() - slots.start;
            if slot < added {
                of_domain.before.push((slot, row.tally.bytes));
            }
            let slot = slot as usize;
            add(&mut samples[slot], row.tally.bytes)?;
            let day = slot / SLOTS_PER_DAY as usize;
            add(&mut of_domain.days[day], row.tally.bytes)?;
        }
        from += rows.len();
        let days = owners.settled_days(name, usage.month);
        let settled = (!days.is_empty()).then(|| settled(&of_domain, days, month.start));
        of_account.domains.push(of_domain);
        if let Some(settled) = settled {
            let samples = of_account.slots.entry((settled.owner.class, region));
            let samples = samples.or_insert_with(|| vec![0; slots.len()]);
            for (slot, bytes) in &settled.before {
                add(&mut samples[*slot as usize], *bytes)?;
            }
            of_account.domains.push(settled);
        }
    }
    Ok(of_account)
}

/// The days of a domain and region, whose rows begin at `from`, before a byte of them is counted; and the slots of
/// the month before the domain was added as a mini-program domain in it.
fn domain_days(
    name: &str,
    (rows, from): (&[UsageRow], usize),
    attribution: &Attribution<'_>,
    month: &Range<i32>,
) -> (DomainDays, u32) {
    let added = attribution
        .mini_program_from
        .filter(|day| month.contains(day));
    let added = added.map_or(0, |day| (day - month.start).unsigned_abs() * SLOTS_PER_DAY);
    let of_domain = DomainDays {
        domain: name.to_owned(),
        mini_program_from: attribution.mini_program_from,
        is_settled: false,
        owner: Owner::of(attribution),
        region: rows[0].tally.cell.region(),
        days: vec![0; month.len()],
        before: Vec::new(),
        rows: from..from + rows.len(),
    };
    (of_domain, added)
}

/// What stays billed of a mini-program domain as a standard one: that of some days before it was added;
/// `first` is the first of the month.
fn settled(of: &DomainDays, days: &[i32], first: i32) -> DomainDays {
    let is_meant = |number: u32| {
        let day = first.saturating_add_unsigned(number);
        days.binary_search(&day).is_ok()
    };
    let slots = of.before.iter().copied();
    let bytes = (0_u32..).zip(&of.days);
    DomainDays {
        domain: of.domain.clone(),
        owner: Owner {
            class: Class::Standard,
            ..of.owner.clone()
        },
        is_settled: true,
        mini_program_from: of.mini_program_from,
        region: of.region,
        days: bytes
            .map(|(number, bytes)| if is_meant(number) { *bytes } else { 0 })
            .collect(),
        before: slots
            .filter(|(slot, _)| is_meant(slot / SLOTS_PER_DAY))
            .collect(),
        rows: of.rows.clone(),
    }
}

fn add(sum: &mut u64, bytes: u64) -> Result<(), Overflow> {
    *sum = sum.checked_add(bytes).ok_or(Overflow)?;
    Ok(())
}
