//! What is told along the way of work on months, and by what it is stopped.

use std::path::Path;

use crate::report::{Left, Removed, RerateReport};
use crate::store::Close;
use crate::units::Month;

/// Who asked for work on months: a terminal, a service, or nobody (`()`).
pub trait Watch {
    /// Something to know that no answer holds.
    fn tell(&self, notice: &Notice<'_>);

    /// Whether to stop: nothing is published then.
    fn is_stopped(&self) -> bool {
        false
    }

    /// All is ready: from here on it is no use to wait for an orderly end, as the next command takes back what is
    /// half done.
    fn begin_to_publish(&self) {}
}

impl Watch for () {
    fn tell(&self, _: &Notice<'_>) {}
}

/// Something to know, in the order in which it happens.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Notice<'a> {
    /// Which closed months are priced anew, and which are not.
    Rerated(&'a RerateReport),
    /// A month before the one that is frozen has something to bill and is open.
    StillOpen(Month),
    /// A month was closed with other factors than are asked for, and keeps them.
    FactorsStay(&'a Close),
    /// What came for a closed month since, in the folder of adjustments.
    Adjusted {
        /// The close.
        close: &'a Close,
        /// How many adjustments there are.
        adjustments: usize,
        /// What they add up to.
        bytes: i128,
        /// Where they go.
        folder: &'a Path,
    },
    /// The file of rejected lines was of an earlier command, damaged or gone.
    QuarantineStale {
        /// The file.
        path: &'a Path,
        /// Whether it is written anew; else there are no lines.
        has_lines: bool,
    },
    /// A dataset of an earlier command was removed, as it may not agree.
    Removed(&'a Removed),
    /// What others keep under the name of a dataset is left.
    Left(&'a Left),
    /// Rejected lines are in this file.
    RejectedIn(&'a Path),
    /// The store was written to while it was read for what is published in this folder.
    WrittenMeanwhile(&'a Path),
}
