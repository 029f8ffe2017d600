//! What a command takes that exports bills as FOCUS.

use clap::{Args, ValueEnum};

use crate::cli::Failure;
use crate::months::Focus;
use crate::report::{Build, FocusTerms, FocusVersion};

/// Arguments about the export.
#[derive(Args)]
pub(in crate::cli) struct FocusArgs {
    /// Write the bill as FOCUS, too: OUT/focus as Parquet and OUT/focus_csv
    #[arg(long)]
    focus: bool,
    /// Version of FOCUS; validators know 1.2
    #[arg(long, value_name = "VERSION", value_enum, default_value_t = Version::V1_2)]
    focus_version: Version,
    /// Who provides, publishes and invoices
    #[arg(long, value_name = "NAME", default_value = "Tencent Cloud")]
    focus_provider: String,
}

/// Versions of FOCUS.
#[derive(Clone, Copy, ValueEnum)]
enum Version {
    /// Of 2025
    #[value(name = "1.2")]
    V1_2,
    /// Of 2026
    #[value(name = "1.4")]
    V1_4,
}

impl FocusArgs {
    /// Begins the datasets, if they were asked for.
    pub(in crate::cli) fn begin(&self, build: &Build) -> Result<Option<Focus>, Failure> {
        if !self.focus {
            return Ok(None);
        }
        let version = match self.focus_version {
            Version::V1_2 => FocusVersion::V1_2,
            Version::V1_4 => FocusVersion::V1_4,
        };
        let terms = FocusTerms {
            version,
            provider: self.focus_provider.clone(),
        };
        Ok(Some(Focus::begin(terms, build)?))
    }
}
