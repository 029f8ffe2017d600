//! The datasets that OUT may hold, which derives from which, and why they could not be published.
//!
//! | dataset | derives from |
//! |---|---|
//! | `usage_5min` | what a store or a run counts, and the registry |
//! | `summary` | `usage_5min` |
//! | `adjustments` | `usage_5min`, and the months that are closed |
//! | `charges` | `usage_5min`, `adjustments`, and prices |
//! | `costs` | `charges` |
//! | `focus` | `charges`, `costs` |
//! | `focus_csv` | `focus` |
//!
//! Who reads all of OUT must not find figures side by side that do not agree. So what is published goes in
//! together (`publish.rs`), and what stands there of an earlier command stays only if it says the same: it was
//! made of the same usage, by the same version, registry, clock and factors (`origin.rs`), its files are what was
//! written (`made_of.rs`), and nothing that it derives from was priced anew. Else it is removed, and named. With one
//! month named, all this is of the folders of that month, and of bills that rest on it or on which its bill rests
//! (`plan.rs`). What others keep under the name of a dataset is never removed (`standing.rs`).

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{DiskError, SwapError};
use crate::store::StoreError;
use crate::summary::SummaryError;

/// A dataset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dataset {
    /// Usage by 5-minute slots.
    Usage5min,
    /// Usage by months.
    Summary,
    /// What came for closed months since.
    Adjustments,
    /// Lines of bills.
    Charges,
    /// What of them each domain made.
    Costs,
    /// The bill as FOCUS, Parquet.
    Focus,
    /// The bill as FOCUS, CSV.
    FocusCsv,
}

impl Dataset {
    /// All, each behind those that it derives from.
    pub const ALL: [Dataset; 7] = [
        Dataset::Usage5min,
        Dataset::Summary,
        Dataset::Adjustments,
        Dataset::Charges,
        Dataset::Costs,
        Dataset::Focus,
        Dataset::FocusCsv,
    ];

    /// The names of their folders.
    pub(super) const NAMES: [&'static str; Dataset::ALL.len()] = {
        let mut names = [""; Dataset::ALL.len()];
        let mut at = 0;
        while at < names.len() {
            names[at] = Dataset::ALL[at].name();
            at += 1;
        }
        names
    };

    /// The name of its folder.
    pub const fn name(self) -> &'static str {
        match self {
            Dataset::Usage5min => "usage_5min",
            Dataset::Summary => "summary",
            Dataset::Adjustments => "adjustments",
            Dataset::Charges => "charges",
            Dataset::Costs => "costs",
            Dataset::Focus => "focus",
            Dataset::FocusCsv => "focus_csv",
        }
    }

    /// What it is worked out from.
    pub const fn derives_from(self) -> &'static [Dataset] {
        match self {
            Dataset::Usage5min => &[],
            Dataset::Summary | Dataset::Adjustments => &[Dataset::Usage5min],
            Dataset::Charges => &[Dataset::Usage5min, Dataset::Adjustments],
            Dataset::Costs => &[Dataset::Charges],
            Dataset::Focus => &[Dataset::Charges, Dataset::Costs],
            Dataset::FocusCsv => &[Dataset::Focus],
        }
    }

    /// Whether `other` is among what it is worked out from, over any number of steps.
    pub fn rests_on(self, other: Dataset) -> bool {
        let mut from = self.derives_from().iter();
        from.any(|of| *of == other || of.rests_on(other))
    }

    /// Whether prices are in it: what usage it was made of does not tell all of it.
    pub fn is_priced(self) -> bool {
        self == Dataset::Charges || self.rests_on(Dataset::Charges)
    }
}

/// Why datasets could not be published. Nothing of them was, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PublishError {
    /// A file or folder could not be written.
    #[error(
        "cannot write {path}: {source}; nothing was published, what was there before is unchanged"
    )]
    Write {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// What was built could not be swapped in.
    #[error(transparent)]
    Swap(SwapError),
    /// What tells what datasets were made of is not what was written.
    #[error(
        "{path} is damaged, or of another version of cdn-meter: it tells what the datasets there were made of, and is \
         not believed; nothing was touched; remove that file: then what is not published anew with the rest is removed"
    )]
    MadeOfDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A month that is published alone would stand beside others that it cannot be added to.
    #[error(
        "{path} was made with another {what} ({then}, as .made-of tells) than this month would be ({now}), and readers \
         take both for one dataset; nothing was published; leave out --month to publish all of it anew, or choose another --out"
    )]
    OtherMonths {
        /// The folder of another month.
        path: PathBuf,
        /// What is not the same.
        what: String,
        /// What it was.
        then: String,
        /// What it is.
        now: String,
    },
    /// A month that is published alone would stand beside others of which nothing tells what they were made of.
    #[error(
        "{path} may be of another store or clock than this month: no .made-of tells, as where it was removed or an \
         earlier version published; nothing was published; leave out --month to publish all of it anew, or choose \
         another --out"
    )]
    UntoldMonths {
        /// The folder of another month.
        path: PathBuf,
    },
    /// What stands at the dataset's place is not, or not all, ours.
    #[error(
        "{path} is in the way: cdn-meter did not write all of it ({what}), and destroys nothing of others; move that \
         or choose another --out"
    )]
    InTheWay {
        /// The place.
        path: PathBuf,
        /// What is not ours, in words.
        what: String,
    },
    /// A file of a closed month is not what it was.
    #[error("the closed file {path} cannot be read: {problem}; `cdn-meter verify` tells more")]
    Frozen {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// A sum does not fit the 64-bit signed integers of the datasets.
    #[error(
        "the sum {count} is over 2^63 - 1, which Parquet readers cannot hold; meter fewer files at once"
    )]
    TooLarge {
        /// The sum.
        count: u64,
    },
    /// A sum does not fit in 64 bits.
    #[error(transparent)]
    Overflow(#[from] crate::meter::Overflow),
    /// A month could not be summed up.
    #[error(transparent)]
    Summary(#[from] SummaryError),
    /// The store could not be asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A number of a bill cannot be written exactly.
    #[error(transparent)]
    Inexact(#[from] crate::billing::Inexact),
    /// Lines of CSV could not be written.
    #[error("cannot write CSV: {0}")]
    Csv(#[from] csv::Error),
    /// Columns could not be made.
    #[error("cannot make columns: {0}; nothing was published")]
    Columns(#[from] arrow::error::ArrowError),
    /// A Parquet file could not be written.
    #[error("cannot write Parquet: {0}; nothing was published, what was there before is unchanged")]
    Parquet(#[from] parquet::errors::ParquetError),
}

impl From<DiskError> for PublishError {
    fn from(error: DiskError) -> Self {
        PublishError::Write {
            path: error.path,
            source: error.source,
        }
    }
}

impl From<SwapError> for PublishError {
    fn from(error: SwapError) -> Self {
        match error {
            SwapError::Disk(error) => error.into(),
            error => PublishError::Swap(error),
        }
    }
}

pub(super) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_owned();
    |source| PublishError::Write { path, source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b3_the_table_of_derivation_has_every_dataset_and_one_root() {
        let docs = include_str!("dataset.rs");
        for (at, dataset) in Dataset::ALL.into_iter().enumerate() {
            let names = dataset
                .derives_from()
                .iter()
                .map(|of| format!("`{}`", of.name()));
            let names = names.collect::<Vec<_>>().join(", ");
            let row = format!("//! | `{}` | {names}", dataset.name());
            assert!(docs.contains(&row), "{row}");
            // Each stands behind what it derives from, so the order has no circle.
            let mut before = dataset.derives_from().iter();
            assert!(before.all(|of| Dataset::ALL[..at].contains(of)));
            assert!(at == 0 || dataset.rests_on(Dataset::Usage5min));
        }
    }
}
