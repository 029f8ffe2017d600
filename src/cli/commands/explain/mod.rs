//! `cdn-meter explain`: a figure down to files, spans and lines.

mod lines;

use std::io::{self, Write};
use std::ops::Range;

use clap::Args;
use serde_json::json;

use crate::cli::args::events::ClockArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::out::out;
use crate::cli::progress::say;
use crate::cli::{Failure, Finish, print_json};
use crate::months::{Nearest, nearest_months};
use crate::store::{Explained, Explanation, Store};
use crate::units::{Domain, Month, Slot, Timestamp, counted, shown as shown_text};
use lines::{LinesArgs, Shown};

/// Show which files, spans and lines the usage of a domain comes from
///
/// The parts add up to what counts now: of a closed month, to what was closed and its adjustments. Exit code 1
/// if there is none.
#[derive(Args)]
pub(in crate::cli) struct ExplainArgs {
    /// The domain
    domain: String,
    /// Billing month, such as 2026-10; all of the store if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Only the 5-minute slot that holds this instant, such as 2026-10-03T12:05+08:00; without a
    /// zone it is on the billing clock
    #[arg(long, value_name = "INSTANT", conflicts_with = "month")]
    at: Option<String>,
    #[command(flatten)]
    clock: ClockArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    lines: LinesArgs,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

pub(in crate::cli) fn explain(args: &ExplainArgs) -> Result<Finish, Failure> {
    let domain = parse_domain(&args.domain)?;
    let store = open_to_read(&args.store.store)?;
    let slots = slots(args, &store)?;
    let explanation = store.explain(domain.as_str(), slots.clone())?;
    let mut lines = args.lines.begin(domain.as_str(), slots, store.seed())?;
    let parts = explanation.parts.iter();
    let shown: Vec<_> = parts
        .map(|part| lines.as_mut().map(|lines| lines.of(part)))
        .collect();
    match args.json {
        true => print_json(&explanation_json(domain.as_str(), &explanation, &shown))?,
        false => print(domain.as_str(), &explanation, &shown)?,
    }
    if explanation.parts.is_empty() {
        return say_nothing_of(domain.as_str(), args, &store);
    }
    Ok(match lines.is_some_and(|lines| lines.is_incomplete) {
        true => Finish::Attention,
        false => Finish::Done,
    })
}

/// Says that a domain has no usage, and which domains there are of nearly that name.
fn say_nothing_of(domain: &str, args: &ExplainArgs, store: &Store) -> Result<Finish, Failure> {
    let mut near = Nearest::to(domain);
    let mut is_there = false;
    store.each_domain(|name| {
        is_there |= name == domain;
        near.look_at(name);
    })?;
    if is_there {
        let zone = args.clock.billing_zone;
        let parts = store.explain(domain, store.slots()?)?.parts.into_iter();
        let slots = parts.flat_map(|part| [part.slots.0, part.slots.1]);
        let months = slots.filter_map(Slot::from_index);
        let months: Vec<Month> = months.map(|slot| Month::of_slot(slot, zone)).collect();
        let near = args.month.map(|month| nearest_months(month, &months));
        say(&format!(
            "there is no usage of {domain} in that time{}; without --month and --at all of it is shown",
            near.unwrap_or_default()
        ));
        return Ok(Finish::Attention);
    }
    say(&format!(
        "the store has no usage of {domain}{}",
        near.text()
    ));
    Ok(Finish::Attention)
}

fn parse_domain(text: &str) -> Result<Domain, Failure> {
    Domain::parse(text.as_bytes()).map_err(|error| {
        Failure::start(match text.trim() {
            "" => "the domain is empty; name one that the store has, such as www.example.com"
                .to_owned(),
            _ => format!("{text}: {error}"),
        })
    })
}

fn slots(args: &ExplainArgs, store: &Store) -> Result<Range<u32>, Failure> {
    if let Some(text) = &args.at {
        let instant = Timestamp::parse(text, args.clock.billing_zone).ok_or_else(|| {
            Failure::start(format!(
                "--at {text}: not an instant such as 2026-10-03T12:05+08:00"
            ))
        })?;
        let slot = instant.slot().index();
        return Ok(slot..slot + 1);
    }
    Ok(match args.month {
        Some(month) => month.slots(args.clock.billing_zone),
        None => store.slots()?,
    })
}

fn print(domain: &str, explanation: &Explanation, shown: &[Option<Shown>]) -> io::Result<()> {
    let mut out = out();
    for (part, shown) in explanation.parts.iter().zip(shown) {
        print_part(&mut out, part)?;
        if let Some(shown) = shown {
            shown.print(&mut out)?;
        }
    }
    writeln!(
        out,
        "{domain}: {}, {} in {}",
        explanation.total.bytes,
        counted(explanation.total.requests, "request"),
        counted(explanation.parts.len() as u64, "part")
    )?;
    out.flush()
}

fn print_part(out: &mut impl Write, part: &Explained) -> io::Result<()> {
    writeln!(
        out,
        "{:>22} {:>12} {:<8}  {}  bytes {} of content {}, {}, {} to {}, committed {}",
        part.usage.bytes.to_string(),
        part.usage.requests,
        if part.usage.requests == 1 {
            "request"
        } else {
            "requests"
        },
        shown_text(&part.names.join(", ")),
        part.span,
        part.digest,
        counted(part.lines, "line"),
        slot_text(part.slots.0),
        slot_text(part.slots.1),
        part.committed_at
    )
}

fn explanation_json(
    domain: &str,
    explanation: &Explanation,
    shown: &[Option<Shown>],
) -> serde_json::Value {
    let parts = explanation.parts.iter().zip(shown);
    json!({
        "domain": domain,
        "bytes": explanation.total.bytes.as_u64(),
        "requests": explanation.total.requests,
        "parts": parts.map(part_json).collect::<Vec<_>>(),
    })
}

fn part_json((part, shown): (&Explained, &Option<Shown>)) -> serde_json::Value {
    json!({
        "names": part.names,
        "from": part.span.from,
        "to": part.span.to,
        "lines": part.lines,
        "digest": part.digest.to_string(),
        "format": part.format,
        "committed_at": part.committed_at,
        "first_slot": slot_text(part.slots.0),
        "last_slot": slot_text(part.slots.1),
        "bytes": part.usage.bytes.as_u64(),
        "requests": part.usage.requests,
        "log": shown.as_ref().map(Shown::json),
    })
}

fn slot_text(index: u32) -> String {
    Slot::from_index(index).map_or_else(String::new, |slot| slot.start().rfc3339())
}
