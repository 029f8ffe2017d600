//! `cdn-meter close`: a month is frozen.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::bill::PriceArgs;
use super::bills::{FrozenPrices, Prices, Shown, freeze_bill};
use super::corrections::{Corrections, How};
use super::ledger::Ledger;
use super::metering::{
    MemoryArgs, StoreArgs, WriterArgs, now_unix_secs, open_to_write, say_set_aside,
};
use super::monotone::{check_closed, freeze_registry};
use super::nearest::nearest_months;
use super::out::{after, out};
use super::progress::say;
use super::publishing::{TermsArgs, holds_unknown};
use super::{Failure, Finish, print_json};
use crate::meter::Usage;
use crate::registry::Registry;
use crate::report::{BillReport, print_bill, usage_digest, write_month};
use crate::store::{Close, CloseTerms, Closing, Lateness, Store};
use crate::summary::{Book, MonthUsage};
use crate::units::{BillingMonth, Month, SLOT_SECS, Timestamp, counted};

/// Logs go on growing for two to three hours after the traffic (R63).
const WAIT_HOURS: u32 = 3;

/// Freeze a month: what comes for it later becomes adjustments, never a rewrite
///
/// The month's datasets are kept in the store as they are published from then on, to the byte; the
/// close names their digests, the registry's, and the close before. Shows how late the bytes of
/// the month came, by format. The month is billed, too, and its charges are kept with its prices and
/// notes; a month in which something was bought, be it for nothing, or corrected and nothing used can
/// be closed, too. Closed months are corrected by the prices that they were billed by: what
/// `bill --rerate` shows is never frozen. A close cannot be undone; a month that is closed is left as it is, exit
/// code 0, or 1 if it was closed with other prices, another mode or other factors than are given. Where there is
/// nothing to close nothing is touched, exit code 1.
#[derive(Args)]
pub(super) struct CloseArgs {
    /// The billing month, such as 2026-10
    #[arg(long, value_name = "MONTH")]
    month: Month,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    writer: WriterArgs,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    prices: PriceArgs,
    /// Freeze usage only; the month is not billed, and nothing corrects a bill later
    #[arg(long)]
    no_bill: bool,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Only show how late bytes came and what would be frozen
    #[arg(long)]
    dry_run: bool,
    /// Close a month that has not ended three hours ago
    #[arg(long)]
    early: bool,
}

pub(super) fn close(args: &CloseArgs) -> Result<Finish, Failure> {
    let (month, zone) = (args.month, args.terms.billing_zone);
    let (registry, store) = begin(args)?;
    let closes = store.closes()?;
    let is_it = |close: &&Close| close.terms.month == month && close.terms.zone == zone;
    if let Some(close) = closes.iter().find(is_it) {
        return already_closed(args, &registry, (&store, close));
    }
    check_nothing_aside(&store)?;
    let closing = store.begin_close(month, zone)?;
    check_ended(args)?;
    check_closed(&store, &registry)?;

    let slots = month.slots(zone);
    let lateness = store.lateness(slots.clone())?;
    let usage = store.usage(slots, args.memory.rows_max())?;
    let book = Book::new(usage.table, usage.domains, &registry, zone)?;
    let usage = book.month(month);
    let prices = match args.no_bill {
        true => None,
        false => Some(args.prices.prices(&args.terms)?),
    };
    let place = (&store, &closing);
    let report = prices
        .as_ref()
        .map(|prices| freeze_priced(args, prices, usage, &registry, place));
    let (report, is_bought) = report.transpose()?.unzip();
    let has_lines = report
        .as_ref()
        .is_some_and(|bill| !bill.accounts.is_empty());
    if usage.rows.is_empty() && !has_lines && is_bought != Some(true) {
        return nothing(args, &store);
    }
    let Some(terms) = freeze_usage(args, prices.as_ref(), usage, &registry, &closing)? else {
        return Ok(Finish::Attention);
    };
    let close = match args.dry_run {
        true => None,
        false => Some(closing.finish(terms.clone())?),
    };
    let shown = match args.terms.json {
        true => print_json(&close_json(&terms, close.as_ref(), &lateness, &report)),
        false => print(&terms, close.as_ref(), &lateness, report.as_ref()),
    };
    let done = match &close {
        None => format!("{month} was not closed (--dry-run)"),
        Some(close) => format!("{month} is closed, with the digest {}", close.digest),
    };
    shown.map_err(after(done))?;
    Ok(Finish::Done)
}

/// The registry and the store, if a month can be closed with them for good.
fn begin(args: &CloseArgs) -> Result<(Registry, Store), Failure> {
    if !args.terms.has_registry() {
        return Err(Failure::start(
            "a month is closed with the classes of a registry, for good; give it with --registry FILE",
        ));
    }
    let registry = args.terms.registry()?;
    Ok((
        registry,
        open_to_write(&args.store.store, "close", &args.writer)?,
    ))
}

/// Says that a month is closed, which a job that is run again asks for: nothing changes.
///
/// A registry, events and services grow, and what they say of a closed month is adjusted and corrected by itself: it
/// is said. Another catalogue, mode, shortfall or factor is something that was asked for and is not so: exit code 1.
fn already_closed(
    args: &CloseArgs,
    registry: &Registry,
    (store, close): (&Store, &Close),
) -> Result<Finish, Failure> {
    let (month, terms) = (args.month, &close.terms);
    say(&format!(
        "{month} is closed since {}, and stays as it was closed; nothing was changed",
        close.at
    ));
    if registry.digest() != terms.registry_digest {
        say(
            "the registry is another one than then: what it changes is adjusted, and corrected on the next bill",
        );
    }
    let others = asked_otherwise(args, (store, close))?;
    if !others.is_empty() {
        say(&format!(
            "it was closed with {} than are given now",
            others.join(", ")
        ));
    }
    match args.terms.json {
        true => print_json(&close_json(terms, Some(close), &[], &None))?,
        false => print(terms, Some(close), &[], None)?,
    }
    Ok(match others.is_empty() {
        true => Finish::Done,
        false => Finish::Attention,
    })
}

/// What is asked for otherwise than a month was closed with; of what was bought and counted it is only said.
fn asked_otherwise(
    args: &CloseArgs,
    (store, close): (&Store, &Close),
) -> Result<Vec<&'static str>, Failure> {
    let mut others = Vec::new();
    let mut note = |is_same: bool, what| {
        if !is_same {
            others.push(what);
        }
    };
    let factors = [&args.terms.overhead_factor, &args.terms.sampling_factor];
    let then = [&close.terms.overhead_factor, &close.terms.sampling_factor];
    note(
        factors.map(ToString::to_string) == then.map(String::clone),
        "other factors",
    );
    let frozen = FrozenPrices::read(store, close)?;
    note(
        frozen.is_some() != args.no_bill,
        "another choice of --no-bill",
    );
    let Some(frozen) = frozen.filter(|_| !args.no_bill) else {
        return Ok(others);
    };
    let prices = args.prices.prices(&args.terms)?;
    note(
        prices.catalogue.digest() == frozen.prices.catalogue.digest(),
        "another catalogue",
    );
    note(prices.mode == frozen.prices.mode, "another --standard-mode");
    note(
        prices.shortfall == frozen.prices.shortfall,
        "another --package-shortfall",
    );
    let ledger = args.prices.extras.ledger(args.terms.billing_zone)?;
    let now = ledger.digests();
    for (is_same, what) in [
        (now.events == frozen.extras.events, "--events names others"),
        (
            now.services == frozen.extras.services,
            "--services names others",
        ),
    ] {
        if !is_same {
            say(&format!(
                "{what} than it was closed with, or none: what differs is corrected on the next bill that is \
                 given the same"
            ));
        }
    }
    Ok(others)
}

/// Refuses to close while figures are set aside.
fn check_nothing_aside(store: &Store) -> Result<(), Failure> {
    if !store.set_aside()?.is_empty() {
        say_set_aside(store)?;
        return Err(Failure::start(
            "not closed: figures that were set aside would be missing for good; count their files anew",
        ));
    }
    Ok(())
}

/// Prices the month, corrections of closed ones included, and keeps its bill; tells also whether anything was
/// bought or counted in it.
fn freeze_priced(
    args: &CloseArgs,
    prices: &Prices,
    usage: MonthUsage<'_>,
    registry: &Registry,
    (store, closing): (&Store, &Closing<'_>),
) -> Result<(BillReport, bool), Failure> {
    let mut ledger = args.prices.extras.ledger(usage.zone)?;
    let how = How {
        is_rerating: false,
        is_new_currency: args.prices.new_currency,
    };
    let (by, rows_max) = ((prices, how), args.memory.rows_max());
    let corrections = Corrections::find(store, registry, &mut ledger, by, rows_max)?;
    tell_open(store, &ledger, usage.billing_month())?;
    // What costs nothing has no line, and is closed all the same: its fee would rewrite the month.
    let is_bought = ledger.months(usage.zone).contains(&usage.month);
    let mut shown = Shown::default();
    shown.note_gaps(store)?;
    let report = freeze_bill(
        (prices, &mut ledger),
        usage,
        registry,
        (corrections, &shown),
        |dataset| closing.folder(dataset),
    )?;
    Ok((report, is_bought))
}

/// Keeps the month's usage, and answers what it is closed with; `None` if it is not to be closed.
fn freeze_usage(
    args: &CloseArgs,
    prices: Option<&Prices>,
    usage: MonthUsage<'_>,
    registry: &Registry,
    closing: &Closing<'_>,
) -> Result<Option<CloseTerms>, Failure> {
    let terms = args.terms.with(registry);
    let folders = (closing.folder("summary"), closing.folder("usage_5min"));
    let rows = write_month(&usage, &terms, &folders.0, &folders.1)?;
    if holds_unknown(&rows) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        if args.terms.strict {
            say("not closed: --strict");
            return Ok(None);
        }
    }
    freeze_registry(registry, &closing.folder("registry"))?;
    let mut total = Usage::default();
    rows.iter().try_for_each(|row| total.add(&row.usage))?;
    Ok(Some(CloseTerms {
        month: usage.month,
        zone: usage.zone,
        registry_digest: registry.digest(),
        catalogue_digest: prices.map(|prices| prices.catalogue.digest().to_owned()),
        usage_digest: usage_digest(&rows),
        overhead_factor: args.terms.overhead_factor.to_string(),
        sampling_factor: args.terms.sampling_factor.to_string(),
        usage: total,
    }))
}

/// Says that there is nothing to close; nothing is touched.
fn nothing(args: &CloseArgs, store: &Store) -> Result<Finish, Failure> {
    let (month, zone) = (args.month, args.terms.billing_zone);
    say(&format!(
        "nothing to close: the store holds no usage of {month} on the clock {zone}, its bill has no line, and \
         nothing was bought or counted in it{}; nothing was changed. What was bought or counted in it comes \
         with --events and --services, and without --no-bill",
        nearest_months(month, &store.months(zone)?)
    ));
    if args.terms.json {
        print_json(&json!({ "month": month.to_string(), "closed_at": null }))?;
    }
    Ok(Finish::Attention)
}

/// Names months before a month that have something to bill and are open: until they are closed, what changes
/// in them rewrites their bills.
fn tell_open(store: &Store, ledger: &Ledger, when: BillingMonth) -> Result<(), Failure> {
    let closes = store.closes()?;
    let mut months = [store.months(when.zone)?, ledger.months(when.zone)].concat();
    months.retain(|of| *of < when.month && closes.iter().all(|close| close.terms.month != *of));
    months.sort_unstable();
    months.dedup();
    for open in months {
        say(&format!(
            "{open} is still open: until it is closed, what changes in it rewrites its bill"
        ));
    }
    Ok(())
}

/// Refuses a month that may still grow, unless asked for.
fn check_ended(args: &CloseArgs) -> Result<(), Failure> {
    let end = args.month.slots(args.terms.billing_zone).end;
    let safe = i64::from(end) * i64::from(SLOT_SECS) + i64::from(WAIT_HOURS) * 3_600;
    if args.early || args.dry_run || safe <= now_unix_secs() {
        return Ok(());
    }
    let safe = Timestamp::from_unix_secs(safe).map_or_else(String::new, Timestamp::rfc3339);
    Err(Failure::start(format!(
        "{} may still grow: logs are complete {WAIT_HOURS} hours after the traffic at the earliest; \
         close it after {safe}, or now with --early",
        args.month
    )))
}

fn print(
    terms: &CloseTerms,
    close: Option<&Close>,
    lateness: &[Lateness],
    bill: Option<&BillReport>,
) -> io::Result<()> {
    let mut out = out();
    if !lateness.is_empty() {
        writeln!(
            out,
            "lateness  hours from the end of a slot until its bytes were counted"
        )?;
    }
    for of in lateness {
        writeln!(
            out,
            "          {:<12} {:>22}  99 % within {}, 99.9 % within {}, all within {}",
            of.format,
            of.bytes.to_string(),
            of.most_within,
            of.nearly_all_within,
            of.all_within
        )?;
    }
    let usage = &terms.usage;
    writeln!(
        out,
        "month     {} on the clock {}: {} ({} GB), {}",
        terms.month,
        terms.zone,
        usage.bytes,
        usage.bytes.to_gigabytes(),
        counted(usage.requests, "request")
    )?;
    writeln!(out, "registry  {}", terms.registry_digest)?;
    if let Some(bill) = bill {
        print_bill(&mut out, bill)?;
    }
    match close {
        None => writeln!(out, "not closed (--dry-run)")?,
        Some(close) => {
            let files = counted(close.files.len() as u64, "file");
            writeln!(out, "closed    {}, {files}", close.at)?;
            let none = "none: this is the first close";
            writeln!(
                out,
                "previous  {}",
                close.previous.as_deref().unwrap_or(none)
            )?;
            writeln!(
                out,
                "digest    {}  (keep it: it proves this close and all before it)",
                close.digest
            )?;
        }
    }
    out.flush()
}

fn close_json(
    terms: &CloseTerms,
    close: Option<&Close>,
    lateness: &[Lateness],
    bill: &Option<BillReport>,
) -> serde_json::Value {
    let lateness: Vec<_> = lateness
        .iter()
        .map(|of| {
            json!({
                "format": of.format,
                "bytes": of.bytes.as_u64(),
                "hours_to_99_pct": of.most_within,
                "hours_to_99_9_pct": of.nearly_all_within,
                "hours_to_all": of.all_within,
            })
        })
        .collect();
    json!({
        "month": terms.month.to_string(),
        "billing_zone": terms.zone.to_string(),
        "bytes": terms.usage.bytes.as_u64(),
        "requests": terms.usage.requests,
        "registry_digest": terms.registry_digest,
        "usage_digest": terms.usage_digest,
        "lateness": lateness,
        "bill": bill,
        "closed_at": close.map(|close| &close.at),
        "previous": close.and_then(|close| close.previous.as_ref()),
        "digest": close.map(|close| &close.digest),
        "statement": close.map(Close::statement),
    })
}
