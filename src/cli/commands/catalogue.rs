//! `cdn-meter catalogue`: what prices there are, and what a month costs by two of them.

use std::io::{self, Write};

use clap::{Args, Subcommand};

use crate::billing::{Catalogue, SHIPPED};
use crate::cli::args::clock::now_unix_secs;
use crate::cli::args::metering::MemoryArgs;
use crate::cli::args::prices::PriceArgs;
use crate::cli::args::publishing::TermsArgs;
use crate::cli::args::store::{StoreArgs, open_to_read};
use crate::cli::out::{out, plain};
use crate::cli::{Failure, Finish, print_json};
use crate::months::{Given, How, Way, compare};
use crate::report::{Comparison, print_comparison};
use crate::units::{Month, shown};

/// Show and check catalogues of prices, and compare what a month costs by two of them
#[derive(Args)]
pub(in crate::cli) struct CatalogueArgs {
    #[command(subcommand)]
    command: CatalogueCommand,
}

#[derive(Subcommand)]
enum CatalogueCommand {
    /// Print a catalogue as TOML: a start for one of your own
    Show {
        /// mini-program-live, tencent-history, or a TOML file
        name: String,
    },
    /// Check catalogues, all that ship if none is named
    Check {
        /// Names or TOML files
        names: Vec<String>,
    },
    /// Price the months of a store by two catalogues, side by side
    Diff(Box<DiffArgs>),
}

#[derive(Args)]
struct DiffArgs {
    /// The first catalogue
    a: String,
    /// The other
    b: String,
    #[command(flatten)]
    store: StoreArgs,
    /// One billing month, such as 2026-10; all months if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    #[command(flatten)]
    terms: TermsArgs,
    #[command(flatten)]
    prices: PriceArgs,
    #[command(flatten)]
    memory: MemoryArgs,
}

pub(in crate::cli) fn catalogue(args: &CatalogueArgs) -> Result<Finish, Failure> {
    let (mut people, mut file) = (out(), plain());
    match &args.command {
        CatalogueCommand::Show { name } => {
            file.write_all(Catalogue::load(name)?.text().as_bytes())?;
            file.flush()?;
        }
        CatalogueCommand::Check { names } => {
            let shipped = SHIPPED.map(|(name, _)| name.to_owned());
            let all = match &names[..] {
                [] => &shipped[..],
                names => names,
            };
            for name in all {
                let catalogue = Catalogue::load(name)?;
                writeln!(
                    people,
                    "{}: sound, {}, sha256 {}",
                    shown(&catalogue.name),
                    catalogue.currency,
                    catalogue.digest()
                )?;
            }
            people.flush()?;
        }
        CatalogueCommand::Diff(args) => diff(args)?,
    }
    Ok(Finish::Done)
}

fn diff(args: &DiffArgs) -> Result<(), Failure> {
    let registry = args.terms.registry_to_price()?;
    let store = open_to_read(&args.store.store)?;
    let mut ways = Vec::new();
    for name in [&args.a, &args.b] {
        let mut prices = args.prices.prices(&args.terms)?;
        prices.catalogue = Catalogue::load(name)?;
        let purchases = args.prices.extras.purchases(registry.zone())?;
        ways.push(Way::by(name, prices, purchases));
    }
    let given = Given {
        store: &store,
        registry: &registry,
        now_unix_secs: now_unix_secs(),
        rows_max: args.memory.rows_max(),
    };
    let found = compare((ways, How::default()), &given, args.month)?;
    Ok(show_comparisons(&found, args.terms.json)?)
}

/// Shows months side by side.
pub(super) fn show_comparisons(found: &[Comparison], is_json: bool) -> io::Result<()> {
    if is_json {
        return print_json(&found);
    }
    let mut out = out();
    for comparison in found {
        print_comparison(&mut out, comparison)?;
    }
    out.flush()
}
