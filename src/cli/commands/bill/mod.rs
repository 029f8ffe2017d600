//! `cdn-meter bill`: from the store to priced charges.

mod explained;
mod page;

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::args::focus::FocusArgs;
use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::prices::PriceArgs;
use crate::cli::args::publishing::PublishArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::args::taken::{Taken, check_out};
use crate::cli::commands::catalogue::show_comparisons;
use crate::cli::out::{after, out, plain};
use crate::cli::progress::{Terminal, say};
use crate::cli::{Failure, Finish, print_json};
use crate::months::{
    How, Nearest, Shown, Sources, Way, WayError, compare, explained, nearest_months,
};
use crate::registry::Registry;
use crate::report::{BillReport, Statement, print_bill};
use crate::store::Store;
use crate::units::Month;
use explained::show_explained;
use page::{Page, is_output, place_of};

/// Price the months of a store: OUT/charges, OUT/costs, and a table of what each account pays
///
/// OUT/charges has every line, OUT/costs what each domain has of the lines that traffic made.
/// Mini-program domains pay their own price for the whole month in which they were added; standard
/// domains pay by the day. Traffic of domains that the registry does not know is shown and not
/// priced. Closed months are published as they were billed; what they would cost now, less all that
/// was billed for them, is on the bill of the month after the last closed one, line by line, with the
/// days of the original month.
#[derive(Args)]
pub(in crate::cli) struct BillArgs {
    #[command(flatten)]
    store: StoreArgs,
    /// One billing month, such as 2026-10; all months if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    #[command(flatten)]
    prices: PriceArgs,
    /// Show what closed months cost by this catalogue and mode; what differs is corrected, as a preview
    ///
    /// Without it they are corrected by the prices that they were billed by, and so does `close`, which
    /// never freezes what this shows. Months that were billed in another currency are left alone, and named.
    #[arg(long)]
    rerate: bool,
    /// Show of the lines whose charge_id holds this text, or that the domain of this name has a share of,
    /// what they are made of: rules, price, usage, what each domain costs
    #[arg(long, value_name = "TEXT")]
    explain: Option<String>,
    /// Print every line as CSV, with the columns of OUT/charges
    #[arg(long, conflicts_with_all = ["json", "explain"])]
    csv: bool,
    /// Price the same usage in another way, too, and show both side by side; nothing is written
    ///
    /// SETTINGS are some of mode=, price= (of a unit in that mode), catalogue=, events= and package=
    /// (a size in GB that every account buys as the month begins), such as mode=p95,price=30. Can be
    /// given several times.
    #[arg(long, value_name = "SETTINGS", conflicts_with_all = ["csv", "explain", "rerate", "html"])]
    what_if: Vec<String>,
    /// Write a page for people who pay, too: one HTML file that needs nothing else; - is standard output
    #[arg(long, value_name = "FILE")]
    html: Option<PathBuf>,
    #[command(flatten)]
    focus: FocusArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    #[command(flatten)]
    publishing: PublishArgs,
}

pub(in crate::cli) fn bill(args: &BillArgs) -> Result<Finish, Failure> {
    let publishing = &args.publishing;
    let registry = publishing.terms.registry_to_price()?;
    check_output(args)?;
    check_out(&publishing.out, Some(&args.store.store))?;
    let store = open_to_read(&args.store.store)?;
    check_page(args, &store)?;
    if !args.what_if.is_empty() {
        return what_if(args, &store, &registry);
    }
    let mut place = publishing.place()?;
    let terms = publishing.terms.with(&registry);
    place.take_store(&store, &terms, args.month)?;
    let given = args.memory.given(&store, &registry);
    let mut bills = args.prices.begin(&publishing.terms, &place.build)?;
    bills.how.is_rerating = args.rerate;
    bills.focus = args.focus.begin(&place.build)?;
    bills.shown.wanted = args.explain.as_deref().map(Nearest::to);
    bills.shown.csv = args.csv.then(|| Box::new(plain()) as Box<dyn Write>);
    bills.shown.statement = args.html.as_ref().map(|_| Statement::default());
    bills.correct(&given, &Terminal)?;
    place.is_read_at_once = bills.add_store(&given, args.month)?;
    let billed_by = bills.billed_by();
    let (datasets, shown, prices) = bills.finish();
    if let Some(month) = args.month.filter(|_| shown.reports.is_empty()) {
        return nothing_of(month, args, &store);
    }
    let statement = shown.statement.as_ref().zip(args.html.as_ref());
    let page = statement.map(|(statement, path)| Page::prepare(statement, path));
    let page = page.transpose()?;
    let is_still = place.publish(datasets, &terms, Some(billed_by))?;
    let done = format!("all was published in {}", publishing.out.display());
    if let Some(page) = &page {
        page.put(&done)?;
    }
    let by = Sources {
        given,
        prices: &prices,
        is_rerating: args.rerate,
    };
    let has_output = page.is_some_and(|page| page.is_output());
    let is_complete = show(args, shown, &by, (has_output, done))?;
    Ok(
        match is_complete && is_still && store.set_aside()?.is_empty() {
            true => Finish::Done,
            false => Finish::Attention,
        },
    )
}

/// Shows bills as it was asked for, unless standard output is the page's; `false` where what was asked for is not
/// there, or there is traffic that must not be.
fn show(
    args: &BillArgs,
    mut shown: Shown,
    by: &Sources<'_>,
    (has_output, done): (bool, String),
) -> Result<bool, Failure> {
    let is_json = args.publishing.terms.json;
    let is_found = args.explain.is_none() || !shown.found.is_empty();
    if let Some(near) = shown.wanted.as_ref().filter(|_| !is_found) {
        say(&format!(
            "no line of these bills has `{}` in its name, and no domain of this name made one; names \
             are in the column charge_id of charges, domains in costs{}",
            near.wanted(),
            near.text()
        ));
    }
    let printed = match &args.explain {
        _ if has_output || args.csv => Ok(()),
        Some(_) => {
            let lines = explained(std::mem::take(&mut shown.found), by)?;
            show_explained(&lines, is_json)
        }
        None if is_json => print_json(&shown.reports),
        None => print_bills(&shown.reports),
    };
    printed.map_err(after(done))?;
    let is_unknown = |bill: &BillReport| bill.unpriced.iter().any(|u| u.class == "unknown");
    if args.publishing.terms.strict && shown.reports.iter().any(is_unknown) {
        say("there is traffic of domains that the registry does not know (class unknown)");
        return Ok(false);
    }
    Ok(is_found)
}

/// Refuses to print anything beside a page.
fn check_output(args: &BillArgs) -> Result<(), Failure> {
    let html = args.html.as_ref();
    let is_page_alone = html.is_some_and(|path| is_output(path));
    match is_page_alone && (args.publishing.terms.json || args.csv || args.explain.is_some()) {
        true => Err(Failure::start(
            "--html takes all of standard output: leave out --json, --csv and --explain, or name a file for the page",
        )),
        false => Ok(()),
    }
}

/// Refuses a page that would take the place of what is read or kept.
fn check_page(args: &BillArgs, store: &Store) -> Result<(), Failure> {
    let Some(name) = &args.html else {
        return Ok(());
    };
    let catalogue = ("--catalogue", Path::new(&args.prices.catalogue));
    let registry = args.publishing.terms.registry_file();
    let read = args.prices.extras.files().chain([catalogue]);
    let taken = Taken {
        store,
        out: &args.publishing.out,
        read: read
            .chain(registry.map(|path| ("--registry", path)))
            .collect(),
    };
    match place_of(name) {
        Some(place) => taken.check(name, &place),
        None => Ok(()),
    }
}

/// Says that a month has no bill; all stays as it is.
fn nothing_of(month: Month, args: &BillArgs, store: &Store) -> Result<Finish, Failure> {
    let months = store.months(args.publishing.terms.clock.billing_zone)?;
    say(&format!(
        "nothing to bill in {month}: no usage in the store, nothing bought, nothing to correct{}; nothing was \
         published, {} stays as it is",
        nearest_months(month, &months),
        args.publishing.out.display()
    ));
    if args.publishing.terms.json {
        print_json(&[(); 0])?;
    }
    Ok(Finish::Attention)
}

/// Prices the same usage in other ways, too.
fn what_if(args: &BillArgs, store: &Store, registry: &Registry) -> Result<Finish, Failure> {
    let terms = &args.publishing.terms;
    let (prices, zone) = (args.prices.prices(terms)?, registry.zone());
    let mut ways = vec![Way::asked(prices, args.prices.extras.purchases(zone)?)];
    for text in &args.what_if {
        let way = Way::parse(text, &ways[0], zone).map_err(|error| match error {
            WayError::Setting { .. } | WayError::Unpriced { .. } => {
                Failure::start(format!("--what-if {text}: {error}"))
            }
            error => error.into(),
        })?;
        ways.push(way);
    }
    let how = How {
        is_rerating: false,
        is_new_currency: args.prices.new_currency,
    };
    let given = args.memory.given(store, registry);
    let found = compare((ways, how), &given, args.month)?;
    show_comparisons(&found, terms.json)?;
    Ok(Finish::Done)
}

/// Shows bills as tables.
fn print_bills(reports: &[BillReport]) -> io::Result<()> {
    let mut out = out();
    if reports.is_empty() {
        writeln!(
            out,
            "nothing to bill: no usage in the store, nothing bought, nothing to correct"
        )?;
    }
    reports
        .iter()
        .try_for_each(|bill| print_bill(&mut out, bill))?;
    out.flush()
}
