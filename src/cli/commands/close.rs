//! `cdn-meter close`: a month is frozen.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::prices::PriceArgs;
use crate::cli::args::publishing::TermsArgs;
use crate::cli::args::store::{StoreArgs, WriterArgs, open_to_write, say_set_aside};
use crate::cli::out::{after, out};
use crate::cli::progress::{Terminal, say};
use crate::cli::{Failure, Finish, print_json};
use crate::months::{
    FreezeError, Freezing, FrozenBill, FrozenPrices, Given, Prices, nearest_months,
};
use crate::registry::Registry;
use crate::report::{BillReport, print_bill};
use crate::store::{Close, CloseTerms, Lateness, Store};
use crate::units::{Month, counted};

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
pub(in crate::cli) struct CloseArgs {
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

pub(in crate::cli) fn close(args: &CloseArgs) -> Result<Finish, Failure> {
    let (month, zone) = (args.month, args.terms.clock.billing_zone);
    let (registry, store) = begin(args)?;
    let closes = store.closes()?;
    let is_it = |close: &&Close| close.terms.month == month && close.terms.zone == zone;
    if let Some(close) = closes.iter().find(is_it) {
        return already_closed(args, &registry, (&store, close));
    }
    let given = args.memory.given(&store, &registry);
    let freezing = begin_freezing(args, given)?;
    let prices = match args.no_bill {
        true => None,
        false => Some(args.prices.prices(&args.terms)?),
    };
    let bill = prices.as_ref().map(|prices| bill(args, prices, &freezing));
    let bill = bill.transpose()?;
    let is_nothing = |bill: &FrozenBill| bill.report.accounts.is_empty() && !bill.is_bought;
    if !freezing.has_usage() && bill.as_ref().is_none_or(is_nothing) {
        return nothing(args, &store);
    }
    let report = bill.map(|bill| bill.report);
    let factors = (args.terms.overhead_factor, args.terms.sampling_factor);
    let usage = freezing.freeze_usage(factors, prices.as_ref())?;
    if usage.has_unknown && !may_be_unknown(args) {
        return Ok(Finish::Attention);
    }
    let (lateness, terms) = (freezing.lateness.clone(), usage.terms);
    let close = match args.dry_run {
        true => None,
        false => Some(freezing.finish(terms.clone())?),
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

/// Begins to freeze; what is set aside is named.
fn begin_freezing<'a>(args: &CloseArgs, given: Given<'a>) -> Result<Freezing<'a>, Failure> {
    let begun = Freezing::begin(given, args.month, args.early || args.dry_run);
    if let Err(FreezeError::SetAside) = &begun {
        say_set_aside(given.store)?;
    }
    Ok(begun?)
}

/// Prices the month, and keeps its bill.
fn bill(args: &CloseArgs, prices: &Prices, freezing: &Freezing<'_>) -> Result<FrozenBill, Failure> {
    let purchases = args
        .prices
        .extras
        .purchases(args.terms.clock.billing_zone)?;
    Ok(freezing.bill(prices, purchases, args.prices.new_currency, &Terminal)?)
}

/// Says that there is traffic of unknown domains; whether the month may be closed all the same.
fn may_be_unknown(args: &CloseArgs) -> bool {
    say("there is traffic of domains that the registry does not know (class unknown)");
    if args.terms.strict {
        say("not closed: --strict");
    }
    !args.terms.strict
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
    let purchases = args
        .prices
        .extras
        .purchases(args.terms.clock.billing_zone)?;
    let now = purchases.digests();
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

/// Says that there is nothing to close; nothing is touched.
fn nothing(args: &CloseArgs, store: &Store) -> Result<Finish, Failure> {
    let (month, zone) = (args.month, args.terms.clock.billing_zone);
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
