//! One account's usage in a month: what is settled together, day by day and slot by slot.

use std::collections::BTreeMap;
use std::ops::Range;

use super::book::MonthUsage;
use super::owners::{Owner, Owners};
use crate::meter::{Overflow, UsageRow};
use crate::registry::{Attribution, Class};
use crate::units::{Region, SLOTS_PER_DAY};

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

impl<'a> MonthUsage<'a> {
    /// The usage of each account, in order of their names; `owners` give domains the accounts that
    /// the book was sorted by.
    pub fn accounts(
        self,
        owners: &'a dyn Owners,
    ) -> impl Iterator<Item = Result<AccountUsage, Overflow>> + 'a {
        accounts(self, owners)
    }

    /// Bytes of a domain and region in some slots of the month, which are counted from its first and
    /// ascend; `of` is one of those that [`MonthUsage::accounts`] answered.
    ///
    /// Errors: [`Overflow`].
    pub fn slots_of(&self, of: &DomainDays, slots: &[u32]) -> Result<u64, Overflow> {
        let first = self.month.slots(self.zone).start;
        let mut rows = &self.rows[of.rows.clone()];
        let mut sum = 0_u64;
        for slot in slots {
            let wanted = first + slot;
            let before = rows.partition_point(|row| row.tally.cell.slot_index() < wanted);
            rows = &rows[before..];
            let there = rows
                .iter()
                .take_while(|row| row.tally.cell.slot_index() == wanted);
            for row in there {
                sum = sum.checked_add(row.tally.bytes).ok_or(Overflow)?;
            }
        }
        Ok(sum)
    }
}

fn accounts<'a>(
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
        let (mut of_domain, added) = domain_days(name, rows, from, &attribution, &month);
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
    rows: &[UsageRow],
    from: usize,
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
