//! What every command that publishes usage takes.

use std::path::{Path, PathBuf};

use clap::Args;

use crate::cli::Failure;
use crate::cli::args::events::ClockArgs;
use crate::cli::progress::{Terminal, say};
use crate::months::{Place, Publishing};
use crate::registry::Registry;
use crate::report::{Build, Terms};
use crate::units::Factor;

/// Arguments about what usage is worth to whom.
#[derive(Args)]
pub(in crate::cli) struct TermsArgs {
    /// Dated domain facts, TOML or the CSV of DescribeLiveDomains; without it every class is unknown
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[command(flatten)]
    pub(in crate::cli) clock: ClockArgs,
    /// Log-to-bill factor, shown in columns of its own; bytes stay as logged
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(in crate::cli) overhead_factor: Factor,
    /// Requests that each log line stands for, shown like the overhead factor
    #[arg(long, value_name = "FACTOR", default_value = "1")]
    pub(in crate::cli) sampling_factor: Factor,
    /// Exit with 1 if there is traffic of domains that the registry does not know
    #[arg(long)]
    pub(in crate::cli) strict: bool,
    /// Print the report as JSON instead of tables
    #[arg(long)]
    pub(in crate::cli) json: bool,
}

impl TermsArgs {
    /// Whether there is a registry to read.
    pub(in crate::cli) fn has_registry(&self) -> bool {
        self.registry.is_some()
    }

    /// The file of the registry.
    pub(in crate::cli) fn registry_file(&self) -> Option<&Path> {
        self.registry.as_deref()
    }

    /// Reads the registry.
    pub(in crate::cli) fn registry(&self) -> Result<Registry, Failure> {
        Ok(match &self.registry {
            Some(path) => Registry::load(path, self.clock.billing_zone)?,
            None => Registry::empty(self.clock.billing_zone),
        })
    }

    /// Reads the registry, without which nothing can be priced.
    pub(in crate::cli) fn registry_to_price(&self) -> Result<Registry, Failure> {
        if !self.has_registry() {
            return Err(Failure::start(
                "nothing can be priced without knowing what domains are; give it with --registry FILE",
            ));
        }
        self.registry()
    }

    /// The terms with this registry.
    pub(in crate::cli) fn with<'a>(&self, registry: &'a Registry) -> Terms<'a> {
        Terms {
            registry,
            overhead: self.overhead_factor,
            sampling: self.sampling_factor,
        }
    }
}

/// Arguments about the datasets.
#[derive(Args)]
pub(in crate::cli) struct PublishArgs {
    #[command(flatten)]
    pub(in crate::cli) terms: TermsArgs,
    /// Folder for the datasets
    #[arg(long, value_name = "DIR", default_value = "out")]
    pub(in crate::cli) out: PathBuf,
}

impl PublishArgs {
    /// Begins to build in the folder, and says what was found there.
    fn build(&self) -> Result<Build, Failure> {
        let build = Build::begin(&self.out, |out| {
            say(&format!(
                "another command publishes in {}: waiting for it",
                out.display()
            ));
        })?;
        let out = self.out.display();
        if !build.taken_back.is_empty() {
            say(&format!(
                "a command was killed while it published in {out}: {} are as they were before it",
                build.taken_back.join(", ")
            ));
        }
        for path in &build.unknown {
            say(&format!(
                "{} is a build of an earlier version, or cannot be looked into; remove it if that does not run",
                path.display()
            ));
        }
        Ok(build)
    }

    /// The folder, with nothing in it to publish yet.
    pub(in crate::cli) fn place(&self) -> Result<Place<'_>, Failure> {
        Ok(Place::new(self.build()?, &Terminal))
    }

    /// Reads the registry and begins the datasets, so that what is wrong is known before any work.
    pub(in crate::cli) fn begin(&self) -> Result<Publishing<'_>, Failure> {
        let registry = self.terms.registry()?;
        let place = self.place()?;
        let factors = (self.terms.overhead_factor, self.terms.sampling_factor);
        Ok(Publishing::begin(registry, factors, place)?)
    }
}
