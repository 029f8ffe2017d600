//! What every command takes that bills more than the traffic of logs.

use std::path::{Path, PathBuf};

use clap::{Args, ValueEnum};

use crate::billing::packages::Shortfall;
use crate::billing::{Events, Extras, read_services};
use crate::cli::Failure;
use crate::months::Purchases;
use crate::units::Zone;

/// Arguments about what is billed besides the traffic of logs.
#[derive(Args)]
pub(in crate::cli) struct ExtrasArgs {
    /// TOML file of what was bought: [[licence]], [[package]], [[transcoding-package]]
    ///
    /// Once a closed month was billed with it, every later bill needs it too.
    #[arg(long, value_name = "FILE")]
    events: Option<PathBuf>,
    /// CSV or Parquet file of what other meters counted, with the columns day, account, service, variant,
    /// zone and quantity; can be given several times
    ///
    /// A quantity is a whole number: seconds of one output of transcoding, vod-transcoding and
    /// vod-editing; bytes of vod-traffic, and the most bytes of a day of vod-storage; the most channels
    /// at a time of a day of recording; pictures of screenshot and porn-detection; licences of
    /// mobile-licence; months of im-plan; users or groups beyond the plan of im-over-use.
    #[arg(long, value_name = "FILE")]
    services: Vec<PathBuf>,
    /// What is billed of a day that traffic packages pay in part
    #[arg(long, value_enum, default_value_t = ShortfallArg::RealGigabytes)]
    package_shortfall: ShortfallArg,
}

/// What is billed of a day that packages pay in part.
#[derive(Clone, Copy, ValueEnum)]
enum ShortfallArg {
    /// The gigabytes that they do not pay for
    RealGigabytes,
    /// The package gigabytes that those would have taken, as a published example has it
    PackageGigabytes,
}

impl ExtrasArgs {
    /// The files, each behind its flag.
    pub(in crate::cli) fn files(&self) -> impl Iterator<Item = (&'static str, &Path)> {
        let events = self.events.iter().map(|path| ("--events", path.as_path()));
        events.chain(
            self.services
                .iter()
                .map(|path| ("--services", path.as_path())),
        )
    }

    /// Reads the files.
    pub(in crate::cli) fn purchases(&self, zone: Zone) -> Result<Purchases, Failure> {
        let events = self.events.as_ref().map(|path| Events::load(path, zone));
        let mut services = Vec::new();
        for path in &self.services {
            services.extend(read_services(path)?);
        }
        let extras = Extras::new(events.transpose()?, services, zone).map_err(Failure::start)?;
        Ok(Purchases::new(extras, zone))
    }

    pub(in crate::cli) fn shortfall(&self) -> Shortfall {
        match self.package_shortfall {
            ShortfallArg::RealGigabytes => Shortfall::RealGigabytes,
            ShortfallArg::PackageGigabytes => Shortfall::PackageGigabytes,
        }
    }
}
