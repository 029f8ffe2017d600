//! `cdn-meter licence`: for how long AppIDs are licensed, and whether fees come back.

use std::io::{self, Write};
use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};
use serde_json::json;

use crate::billing::licence::{LeapDay, LicenceRules, Term, terms};
use crate::billing::refund::{Basis, Evaluation, Gap, Request, Verdict, evaluate};
use crate::billing::{Catalogue, DEFAULT, Events};
use crate::cli::args::clock::now_unix_secs;
use crate::cli::args::events::EventArgs;
use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::commands::say_nothing_known;
use crate::cli::out::out;
use crate::cli::{Failure, Finish, print_json};
use crate::months::{Logged, Nearest, check_closed, fees_paid};
use crate::registry::Registry;
use crate::units::{Timestamp, shown};

/// Tell for how long mini-program plugins are licensed, and whether their fees come back
#[derive(Args)]
pub(in crate::cli) struct LicenceArgs {
    #[command(subcommand)]
    command: LicenceCommand,
}

#[derive(Subcommand)]
enum LicenceCommand {
    /// Show the terms of all licences, and which hold at an instant
    Status(StatusArgs),
    /// Say whether the licence fees of an account can be refunded, and why
    ///
    /// The traffic is that of the store: logs show less than is billed, so near 20 GB the answer is
    /// uncertain, and so it is where the store has no logs of a part of the time, or lines that were rejected
    /// and may be more. A file is a log of the hours from its first line to its last: of one domain if it has
    /// no other, else of all of the account's mini-program domains that have lines, if it has some of one of
    /// them. Exit code
    /// 0 if eligible, else 1.
    Refund(RefundArgs),
}

#[derive(Args)]
struct StatusArgs {
    #[command(flatten)]
    events: EventArgs,
    /// When a year from 29 February ends
    #[arg(long, value_enum, default_value_t = Leap::Clamp)]
    leap_day: Leap,
    /// Refuse AppIDs that two accounts hold, as later texts do
    #[arg(long)]
    forbid_shared_app_id: bool,
}

/// When a year from 29 February ends.
#[derive(Clone, Copy, ValueEnum)]
enum Leap {
    /// On 28 February
    Clamp,
    /// On 1 March
    March,
}

#[derive(Args)]
struct RefundArgs {
    #[command(flatten)]
    events: EventArgs,
    /// Who asks
    #[arg(long, value_name = "NAME")]
    account: String,
    /// The reason is not that the category of the mini-program does not fit
    #[arg(long)]
    other_reason: bool,
    /// The account or its mini-program is banned
    #[arg(long)]
    banned: bool,
    /// Abuse is suspected
    #[arg(long)]
    suspected_abuse: bool,
    /// The figures of the store are those of the bill: the limit is exact
    #[arg(long)]
    as_billed: bool,
    /// All logs that there are of the account are in the store: times without any had no traffic
    ///
    /// For logs that are not written where nothing was asked for, such as those that a CDN delivers by the hour
    /// and domain.
    #[arg(long)]
    logs_complete: bool,
    /// Dated domain facts: which domains are the account's mini-program domains
    #[arg(long, value_name = "FILE")]
    registry: PathBuf,
    /// Prices of licences whose event states no fee
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    catalogue: String,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

pub(in crate::cli) fn licence(args: &LicenceArgs) -> Result<Finish, Failure> {
    match &args.command {
        LicenceCommand::Status(args) => status(args),
        LicenceCommand::Refund(args) => refund(args),
    }
}

fn status(args: &StatusArgs) -> Result<Finish, Failure> {
    let (zone, at) = (args.events.zone(), args.events.at()?);
    let events = args.events.events()?;
    let purchases: Vec<_> = events
        .licences
        .into_iter()
        .map(|(bought, _)| bought)
        .collect();
    let rules = LicenceRules {
        zone,
        leap_day: match args.leap_day {
            Leap::Clamp => LeapDay::Clamp,
            Leap::March => LeapDay::March,
        },
        may_share_app_id: !args.forbid_shared_app_id,
    };
    let terms = terms(&purchases, &rules).map_err(Failure::start)?;
    match args.events.json {
        true => print_json(
            &terms
                .iter()
                .map(|term| term_json(term, at))
                .collect::<Vec<_>>(),
        )?,
        false => print_terms(&terms, at)?,
    }
    Ok(Finish::Done)
}

/// What a term is at an instant.
fn state_at(term: &Term, at: Timestamp) -> &'static str {
    match at {
        at if at < term.from => "not yet",
        at if at < term.until => "valid",
        _ => "expired",
    }
}

fn term_json(term: &Term, at: Timestamp) -> serde_json::Value {
    json!({
        "account": term.account,
        "app_id": term.app_id,
        "from": term.from.rfc3339(),
        "until": term.until.rfc3339(),
        "licences": term.licences,
        "state": state_at(term, at),
    })
}

fn print_terms(terms: &[Term], at: Timestamp) -> io::Result<()> {
    let mut out = out();
    writeln!(out, "licences at {}", at.rfc3339())?;
    for term in terms {
        writeln!(
            out,
            "{:<16}  {:<20}  {} to {}  {:>2} {:<8}  {}",
            shown(&term.account),
            shown(&term.app_id),
            term.from.rfc3339(),
            term.until.rfc3339(),
            term.licences,
            if term.licences == 1 {
                "licence"
            } else {
                "licences"
            },
            state_at(term, at)
        )?;
    }
    out.flush()
}

fn refund(args: &RefundArgs) -> Result<Finish, Failure> {
    let (zone, at) = (args.events.zone(), args.events.at()?);
    let (catalogue, events) = (Catalogue::load(&args.catalogue)?, args.events.events()?);
    let paid = fees_paid(&args.account, (&events, &catalogue), zone)?;
    if paid.is_empty() {
        return nothing_of(args, &events);
    }
    let registry = Registry::load(&args.registry, zone)?;
    let store = open_to_read(&args.store.store)?;
    check_closed(&store, &registry, now_unix_secs())?;
    let request = Request {
        at,
        is_category_mismatch: !args.other_reason,
        is_banned: args.banned,
        is_suspect: args.suspected_abuse,
        are_logs_complete: args.logs_complete,
    };
    let basis = match args.as_billed {
        true => Basis::Billed,
        false => Basis::Logged,
    };
    let first = paid.iter().map(|paid| paid.at).min().unwrap_or(at);
    let given = args.memory.given(&store, &registry);
    let logged = Logged::read(&args.account, &given, first..at)?;
    let count = |span| logged.count(&span);
    let found = evaluate(&request, &paid, zone, basis, count).map_err(Failure::start)?;
    match args.events.json {
        true => print_json(&evaluation_json(&found))?,
        false => print_evaluation(&found, &args.account)?,
    }
    Ok(match found.verdict {
        Verdict::Eligible => Finish::Done,
        Verdict::Uncertain | Verdict::NotEligible => Finish::Attention,
    })
}

/// Says that an account bought no licence.
fn nothing_of(args: &RefundArgs, events: &Events) -> Result<Finish, Failure> {
    let accounts = events.licences.iter().map(|(bought, _)| &bought.account);
    say_nothing_known(
        &Nearest::among(&args.account, accounts),
        &format!(
            "no licence was bought by the account {} in these events, so there is no fee to refund",
            args.account
        ),
        args.events.json.then(|| json!({ "verdict": "unknown" })),
    )
}

fn gap_json(Gap { domain, span }: &Gap) -> serde_json::Value {
    json!({ "from": span.start.rfc3339(), "until": span.end.rfc3339(), "domain": domain })
}

fn evaluation_json(found: &Evaluation) -> serde_json::Value {
    let findings = found.findings.iter().map(|finding| {
        json!({ "rule": finding.rule, "verdict": finding.verdict.name(), "says": finding.says })
    });
    let windows = found.windows.iter().map(|window| {
        json!({
            "reading": window.reading,
            "from": window.span.start.rfc3339(),
            "until": window.span.end.rfc3339(),
            "bytes": window.counted.most,
            "bytes_at_least": window.counted.least,
            "has_logs": window.counted.has_logs,
            "gaps": window.counted.unknown.gaps.iter().map(gap_json).collect::<Vec<_>>(),
            "rejected_lines": window.counted.unknown.rejected_lines,
            "rejected_bytes_at_most": window.counted.unknown.rejected_bytes.to_string(),
            "rejected_unread_lines": window.counted.unknown.unread_lines,
            "lines_without_bytes": window.counted.unknown.lines_without_bytes,
            "salvaged": window.counted.unknown.salvaged,
            "set_aside": window.counted.unknown.set_aside,
            "is_in_time": window.is_in_time,
        })
    });
    let amounts = found.amounts.iter();
    let amounts = amounts.map(
        |(currency, amount)| json!({ "amount": format!("{amount:.2}"), "currency": currency }),
    );
    let amounts: Vec<_> = amounts.collect();
    // Of several currencies there is no sum.
    let only = |name: &str| match &amounts[..] {
        [only] => only[name].clone(),
        _ => serde_json::Value::Null,
    };
    json!({
        "verdict": found.verdict.name(),
        "amount": only("amount"),
        "findings": findings.collect::<Vec<_>>(),
        "windows": windows.collect::<Vec<_>>(),
        "currency": only("currency"),
        "amounts": amounts,
    })
}

fn print_evaluation(found: &Evaluation, account: &str) -> io::Result<()> {
    let mut out = out();
    let amounts = found.amounts.iter();
    let amounts = amounts.map(|(currency, amount)| format!("{amount:.2} {currency}"));
    writeln!(
        out,
        "refund    {}: {} ({} of fees)",
        shown(account),
        found.verdict.name(),
        amounts.collect::<Vec<_>>().join(" and ")
    )?;
    for finding in &found.findings {
        let verdict = finding.verdict.name();
        writeln!(
            out,
            "          {:<4} {verdict:<12}  {}",
            finding.rule,
            shown(&finding.says)
        )?;
    }
    for window in &found.windows {
        writeln!(
            out,
            "          {}: until {}, {} B so far",
            window.reading,
            window.span.end.rfc3339(),
            window.counted.most
        )?;
    }
    writeln!(
        out,
        "          value-added services follow their own rules of refund (R47)"
    )?;
    out.flush()
}
