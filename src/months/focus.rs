//! The FOCUS export of bills, on its way to publishing.

use std::path::Path;

use super::error::MonthError;
use crate::billing::{Bill, BillTerms};
use crate::report::{Build, Building, CostsReader, Dataset, FocusTerms, FocusVersion, write_focus};

/// Datasets that are being written.
#[derive(Debug)]
pub struct Focus {
    terms: FocusTerms,
    parquet: Building,
    csv: Building,
}

impl Focus {
    /// Begins the datasets.
    ///
    /// Errors: [`MonthError`].
    pub fn begin(terms: FocusTerms, build: &Build) -> Result<Self, MonthError> {
        Ok(Focus {
            terms,
            parquet: build.dataset(Dataset::Focus)?,
            csv: build.dataset(Dataset::FocusCsv)?,
        })
    }

    /// Adds a month's bill, the shares of which are in the folder `costs`.
    pub(super) fn add(
        &self,
        bill: &Bill,
        by: &BillTerms<'_>,
        costs: &Path,
    ) -> Result<(), MonthError> {
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
