//! What every command that prices usage takes.

use clap::{Args, ValueEnum};

use crate::billing::{Catalogue, DEFAULT, StandardMode};
use crate::cli::Failure;
use crate::cli::args::extras::ExtrasArgs;
use crate::cli::args::publishing::TermsArgs;
use crate::months::{Bills, How, Prices};
use crate::report::Build;
use crate::summary::DropRule;

/// Arguments about prices.
#[derive(Args)]
pub(in crate::cli) struct PriceArgs {
    /// Prices and rules: mini-program-live, tencent-history, or a TOML file of the same form
    #[arg(long, value_name = "NAME", default_value = DEFAULT)]
    pub(in crate::cli) catalogue: String,
    /// How the traffic of standard domains is settled
    #[arg(long, value_enum, default_value_t = Mode::Flow)]
    standard_mode: Mode,
    /// Bill in another currency than any closed month was billed in: what corrects those waits for a bill in theirs
    ///
    /// Without it such a bill is refused if there is anything to correct, since a wrong catalogue is likely.
    /// Once a month was closed in the currency, it is not needed any more.
    #[arg(long)]
    pub(in crate::cli) new_currency: bool,
    #[command(flatten)]
    pub(in crate::cli) extras: ExtrasArgs,
}

/// How standard traffic is settled.
#[derive(Clone, Copy, ValueEnum)]
enum Mode {
    /// Every day by its bytes
    Flow,
    /// Every day by its busiest 5 minutes
    DailyPeak,
    /// Every month by the mean of its days' busiest 5 minutes, at the price of your own catalogue
    MonthlyAverage,
    /// Every month by its 95th percentile, 5 % rounded down, at the price of your own catalogue
    #[value(name = "monthly-95")]
    Monthly95,
    /// The same, 5 % rounded up
    #[value(name = "monthly-95-ceil")]
    Monthly95Ceil,
    /// The same, 5 % rounded to the nearest
    #[value(name = "monthly-95-nearest")]
    Monthly95Nearest,
}

impl PriceArgs {
    /// Reads the catalogue.
    pub(in crate::cli) fn prices(&self, terms: &TermsArgs) -> Result<Prices, Failure> {
        Ok(Prices {
            catalogue: Catalogue::load(&self.catalogue)?,
            mode: match self.standard_mode {
                Mode::Flow => StandardMode::Flow,
                Mode::DailyPeak => StandardMode::DailyPeak,
                Mode::MonthlyAverage => StandardMode::MonthlyAverage,
                Mode::Monthly95 => StandardMode::Monthly95(DropRule::Floor),
                Mode::Monthly95Ceil => StandardMode::Monthly95(DropRule::Ceil),
                Mode::Monthly95Nearest => StandardMode::Monthly95(DropRule::Nearest),
            },
            overhead: terms.overhead_factor,
            sampling: terms.sampling_factor,
            shortfall: self.extras.shortfall(),
        })
    }

    /// Reads the catalogue and what was bought, and begins the datasets.
    pub(in crate::cli) fn begin(&self, terms: &TermsArgs, build: &Build) -> Result<Bills, Failure> {
        let prices = self.prices(terms)?;
        let purchases = self.extras.purchases(terms.clock.billing_zone)?;
        let how = How {
            is_rerating: false,
            is_new_currency: self.new_currency,
        };
        Ok(Bills::begin(build, prices, purchases, how)?)
    }
}
