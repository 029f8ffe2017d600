//! The FOCUS export of bills, on its way to publishing.

use std::path::Path;

use clap::{Args, ValueEnum};

use super::Failure;
use crate::billing::{Bill, BillTerms};
use crate::report::{Build, Building, CostsReader, Dataset, FocusTerms, FocusVersion, write_focus};

/// Arguments about the export.
#[derive(Args)]
pub(super) struct FocusArgs {
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
    pub(super) fn begin(&self, build: &Build) -> Result<Option<Focus>, Failure> {
        if !self.focus {
            return Ok(None);
        }
        let version = match self.focus_version {
            Version::V1_2 => FocusVersion::V1_2,
            Version::V1_4 => FocusVersion::V1_4,
        };
        Ok(Some(Focus {
            terms: FocusTerms {
                version,
                provider: self.focus_provider.clone(),
            },
            parquet: build.dataset(Dataset::Focus)?,
            csv: build.dataset(Dataset::FocusCsv)?,
        }))
    }
}

/// Datasets that are being written.
pub(super) struct Focus {
    terms: FocusTerms,
    parquet: Building,
    csv: Building,
}

impl Focus {
    /// Adds a month's bill, the shares of which are in the folder `costs`.
    pub(super) fn add(&self, bill: &Bill, by: &BillTerms<'_>, costs: &Path) -> Result<(), Failure> {
        let folders = (self.parquet.month(bill.month)?, self.csv.month(bill.month)?);
        Ok(write_focus(
            bill,
            by,
            &self.terms,
            CostsReader::begin(costs)?,
            &folders.0,
            &folders.1,
        )?)
    }

    /// The version, by its number.
    pub(super) fn version(&self) -> &'static str {
        match self.terms.version {
            FocusVersion::V1_2 => "1.2",
            FocusVersion::V1_4 => "1.4",
        }
    }

    /// Both, to be published.
    pub(super) fn into_datasets(self) -> [Building; 2] {
        [self.parquet, self.csv]
    }
}
