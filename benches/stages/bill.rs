//! From a month's usage to charges, and what a plain loop over its rows takes for less.

use std::collections::BTreeMap;

use cdn_meter::billing::packages::Shortfall;
use cdn_meter::billing::{Besides, BillTerms, Catalogue, DEFAULT, StandardMode, Status, bill};
use cdn_meter::meter::{Cell, Domains, Tally, UsageRow, UsageTable};
use cdn_meter::registry::Registry;
use cdn_meter::summary::{Book, MonthUsage};
use cdn_meter::units::{Factor, Region, Slot, Timestamp};
use rust_decimal::Decimal;

use super::report::ZONE;
use super::stage::Stage;

const DOMAINS: usize = 100_000;
const ACCOUNTS: usize = 100;
/// Rows of a domain: every 200th slot of October.
const ROWS: u32 = 44;
const SLOT_STEP: u32 = 200;
/// Log text that a row stands for at least: one line.
const LINE_BYTES: u64 = 300;

/// The stages of this room.
pub fn stages() -> Vec<Stage<'static>> {
    let (registry, book) = month();
    let text_bytes = (DOMAINS * ROWS as usize) as u64 * LINE_BYTES;
    let (naive_registry, naive_book) = month();
    let catalogue = Catalogue::load(DEFAULT).expect("a catalogue that ships");
    let expected = naive(only_month(&naive_book), &naive_registry);
    vec![
        Stage::new("bill", "100000-domains", text_bytes, move || {
            let payable = billed(only_month(&book), &registry, &catalogue);
            assert_eq!(payable, expected);
        })
        .against("bill/100000-domains/naive"),
        Stage::new("bill", "100000-domains/naive", text_bytes, move || {
            assert_eq!(naive(only_month(&naive_book), &naive_registry), expected);
        }),
    ]
}

/// A month of which every second domain is a mini-program domain.
fn month() -> (Registry, Book) {
    let mut listing = String::new();
    let domains = Domains::new();
    let mut rows = Vec::with_capacity(DOMAINS * ROWS as usize);
    let first = Timestamp::parse("2026-10-01T00:00", ZONE).expect("a time");
    for number in 0..DOMAINS {
        let name = format!("d{number}.example.com");
        let account = number % ACCOUNTS;
        listing += &format!("[[domain]]\nname = \"{name}\"\naccount = \"a{account:03}\"\n");
        if number % 2 == 0 {
            listing += "mini_program_since = \"2026-03-01\"\n";
        }
        let domain = domains.intern(&name).expect("a name");
        rows.extend((0..ROWS).map(|row| {
            let slot = first.slot().index() + (row * SLOT_STEP) % (31 * 288);
            let slot = Slot::from_index(slot).expect("a slot of October");
            let tally = Tally {
                bytes: 1_000_003 * (number as u64 + 1) + u64::from(row),
                error_bytes: 0,
                cell: Cell::new(Region::Mainland, slot),
                requests: 1,
                error_requests: 0,
                doubtful_requests: 0,
            };
            UsageRow { tally, domain }
        }));
    }
    let registry = Registry::from_toml(&listing, "bench", ZONE).expect("a registry");
    let mut table = UsageTable::new(rows.len());
    table.append(&mut rows).expect("they fit");
    let book = Book::new(table, domains.names(), &registry, ZONE).expect("sums fit");
    (registry, book)
}

fn only_month(book: &Book) -> MonthUsage<'_> {
    book.months().next().expect("October")
}

/// What all accounts pay.
fn billed(usage: MonthUsage<'_>, registry: &Registry, catalogue: &Catalogue) -> Decimal {
    let terms = BillTerms {
        catalogue,
        mode: StandardMode::Flow,
        overhead: Factor::ONE,
        sampling: Factor::ONE,
        shortfall: Shortfall::default(),
    };
    let clock = usage.billing_month();
    let bill = bill(clock, usage.accounts(registry), Besides::default(), &terms).expect("billed");
    let charges = bill.accounts.iter().flat_map(|account| &account.charges);
    assert!(
        charges
            .clone()
            .all(|charge| charge.status == Status::Charged)
    );
    assert!(
        DOMAINS / 2 < charges.count(),
        "a line for every mini-program domain"
    );
    bill.accounts.iter().map(|account| account.payable).sum()
}

/// The same sum by a map of days, row after row, with the prices written down: no lines, no words.
fn naive(usage: MonthUsage<'_>, registry: &Registry) -> Decimal {
    let mut mini: BTreeMap<String, u64> = BTreeMap::new();
    let mut days: BTreeMap<(String, i32), u64> = BTreeMap::new();
    for row in usage.rows {
        let attribution = registry.attribution(usage.name(row.domain), usage.month);
        let account = attribution.account.unwrap_or_default().to_owned();
        let slot = Slot::from_index(row.tally.cell.slot_index()).expect("a slot");
        match attribution.class.name() {
            "mini_program" => *mini.entry(account).or_default() += row.tally.bytes,
            _ => *days.entry((account, slot.day(ZONE))).or_default() += row.tally.bytes,
        }
    }
    let gigabytes = |bytes: u64| Decimal::from_i128_with_scale(bytes.into(), 9);
    let mut amounts: BTreeMap<String, Decimal> = BTreeMap::new();
    for (account, bytes) in mini {
        *amounts.entry(account).or_default() += gigabytes(bytes) * Decimal::from(4);
    }
    for ((account, _), bytes) in days {
        const TIERS: [(u64, i64); 6] = [
            (1_000_000, 16),
            (100_000, 19),
            (50_000, 22),
            (10_000, 24),
            (2_000, 25),
            (0, 26),
        ];
        let reached = TIERS
            .iter()
            .find(|(from, _)| *from * 1_000_000_000 <= bytes);
        let cents = reached.expect("the last is from 0").1;
        *amounts.entry(account).or_default() += gigabytes(bytes) * Decimal::new(cents, 2);
    }
    let half_up = rust_decimal::RoundingStrategy::MidpointAwayFromZero;
    amounts
        .values()
        .map(|amount| amount.round_dp_with_strategy(2, half_up))
        .sum()
}
