//! Publishing datasets: built beside their place, swapped in whole.
//!
//! ```text
//! OUT/.building-<pid>/summary/…     files, synced, then an empty _SUCCESS
//! OUT/summary                       swapped with the above in one step, the old one then removed
//! ```
//! What of an earlier run is worked out from the same and is not written anew is removed in the same way
//! ([`Building::retired`]): who reads all of OUT must not find it beside newer figures.
//!
//! Readers see the old dataset or the new one. Whatever fails before the swap leaves the old one
//! as it was. Source: DESIGN D8, FEATURES §4.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};

use crate::summary::SummaryError;
use crate::units::Month;

/// What the names of unfinished builds start with; the builder's process number ends them.
const BUILDING: &str = ".building-";
/// What the names of a dataset's folders start with, each of a month.
const MONTH_KEY: &str = "billing_month=";

/// Why a dataset could not be published. Nothing of it was.
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
    /// What stands at the dataset's place is not a dataset of ours.
    #[error(
        "{path} is in the way: it is no dataset that cdn-meter wrote (no _SUCCESS in it); move it or choose another --out"
    )]
    InTheWay {
        /// The place.
        path: PathBuf,
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

pub(super) fn write_error(path: &Path) -> impl FnOnce(io::Error) -> PublishError {
    let path = path.to_owned();
    |source| PublishError::Write { path, source }
}

/// A dataset that is being built, out of readers' sight. Dropped unpublished, it is removed.
#[derive(Debug)]
pub struct Building {
    name: &'static str,
    out: PathBuf,
    /// The folder of this build; removed in the end.
    scratch: PathBuf,
    path: PathBuf,
    /// Whether nothing is to stand at its place any more.
    is_retired: bool,
}

impl Building {
    /// Starts building the dataset `name` of the folder `out`, which is made if missing.
    ///
    /// Errors: [`PublishError`].
    pub fn begin(out: &Path, name: &'static str) -> Result<Self, PublishError> {
        let scratch = out.join(format!("{BUILDING}{name}-{}", std::process::id()));
        let path = scratch.join(name);
        let place = out.join(name);
        if place.exists() && !is_ours(&place) {
            return Err(PublishError::InTheWay { path: place });
        }
        remove_abandoned(out);
        fs::create_dir_all(&path).map_err(write_error(&path))?;
        Ok(Building {
            name,
            out: out.to_owned(),
            scratch,
            path,
            is_retired: false,
        })
    }

    /// The dataset `name` of the same folder, if one of ours is there and is to be removed when this is published.
    pub fn retired(&self, name: &'static str) -> Option<Self> {
        let place = self.out.join(name);
        let scratch = self
            .out
            .join(format!("{BUILDING}{name}-{}", std::process::id()));
        place.join("_SUCCESS").is_file().then(|| Building {
            name,
            out: self.out.clone(),
            path: scratch.join(name),
            scratch,
            is_retired: true,
        })
    }

    /// The folder to write into.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder of a month's files, made if missing.
    ///
    /// Errors: [`PublishError`].
    pub fn month(&self, month: Month) -> Result<PathBuf, PublishError> {
        let name = format!("{MONTH_KEY}{}", month.first_day_text());
        let folder = self.path.join(name);
        fs::create_dir_all(&folder).map_err(write_error(&folder))?;
        Ok(folder)
    }

    /// Takes the files of a month from `folder` as they are.
    ///
    /// Errors: [`PublishError`].
    pub fn take_month(&self, month: Month, folder: &Path) -> Result<(), PublishError> {
        let place = self.month(month)?;
        for entry in fs::read_dir(folder).map_err(write_error(folder))? {
            let entry = entry.map_err(write_error(folder))?;
            let path = place.join(entry.file_name());
            fs::copy(entry.path(), &path)
                .and_then(|_| File::open(&path)?.sync_all())
                .map_err(write_error(&path))?;
        }
        Ok(())
    }

    /// Marks the dataset complete and makes all of it durable.
    fn seal(&self) -> Result<(), PublishError> {
        if self.is_retired {
            return fs::create_dir_all(&self.scratch).map_err(write_error(&self.scratch));
        }
        let marker = self.path.join("_SUCCESS");
        File::create(&marker)
            .and_then(|file| file.sync_all())
            .map_err(write_error(&marker))?;
        for entry in fs::read_dir(&self.path).map_err(write_error(&self.path))? {
            let folder = entry.map_err(write_error(&self.path))?.path();
            if folder.is_dir() {
                sync_folder(&folder)?;
            }
        }
        sync_folder(&self.path)
    }

    /// Swaps the dataset into its place.
    fn swap(&self) -> Result<(), PublishError> {
        let place = self.out.join(self.name);
        let swapped = match place.exists() {
            _ if self.is_retired => {
                renameat_with(CWD, &place, CWD, &self.path, RenameFlags::NOREPLACE)
            }
            true => renameat_with(CWD, &self.path, CWD, &place, RenameFlags::EXCHANGE),
            false => renameat_with(CWD, &self.path, CWD, &place, RenameFlags::NOREPLACE),
        };
        swapped.map_err(|error| write_error(&place)(error.into()))?;
        sync_folder(&self.out)
    }
}

impl Drop for Building {
    fn drop(&mut self) {
        // Nothing depends on it: a folder that stays behind is out of readers' sight.
        let _ = fs::remove_dir_all(&self.scratch);
    }
}

/// Publishes datasets that belong together: all are complete before the first is swapped in, and what is retired
/// goes first. Answers what was removed.
///
/// Errors: [`PublishError`]; before the first swap everything is as it was.
pub fn publish(mut datasets: Vec<Building>) -> Result<Vec<PathBuf>, PublishError> {
    datasets.sort_by_key(|dataset| !dataset.is_retired);
    datasets.iter().try_for_each(Building::seal)?;
    datasets.iter().try_for_each(Building::swap)?;
    let retired = datasets.iter().filter(|dataset| dataset.is_retired);
    Ok(retired
        .map(|dataset| dataset.out.join(dataset.name))
        .collect())
}

/// Removes what runs that were killed had begun to build in `out`.
///
/// Nothing depends on it, so what cannot be removed stays, out of readers' sight.
fn remove_abandoned(out: &Path) {
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let builder = name
            .strip_prefix(BUILDING)
            .and_then(|rest| rest.rsplit('-').next());
        let builder = builder.and_then(|pid| Pid::from_raw(pid.parse().ok()?));
        // Only "no such process" says that nobody will come back for it.
        if builder.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH)) {
            let path = entry.path();
            let _ = match path.is_dir() {
                true => fs::remove_dir_all(path),
                false => fs::remove_file(path),
            };
        }
    }
}

/// What a folder is that was published, whatever it is called now, or is being built; `None` of any other.
pub fn mark_of_folder(place: &Path) -> Option<&'static str> {
    let starts = |path: &Path, with: &str| {
        let name = path.file_name().unwrap_or_default();
        name.as_encoded_bytes().starts_with(with.as_bytes())
    };
    let holds_months = || {
        let mut entries = fs::read_dir(place).into_iter().flatten().flatten();
        entries.any(|entry| starts(&entry.path(), MONTH_KEY))
    };
    match place.join("_SUCCESS").is_file() {
        _ if starts(place, BUILDING) => Some("a dataset that is being built"),
        true if holds_months() => Some("a dataset"),
        _ => None,
    }
}

/// A dataset that was published, or an empty folder.
fn is_ours(place: &Path) -> bool {
    place.join("_SUCCESS").is_file()
        || fs::read_dir(place).is_ok_and(|mut entries| entries.next().is_none())
}

fn sync_folder(path: &Path) -> Result<(), PublishError> {
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(write_error(path))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn build(out: &Path, text: &str) -> Building {
        let building = Building::begin(out, "summary").expect("begun");
        fs::write(building.path().join("part-0.parquet"), text).expect("written");
        building
    }

    fn content(out: &Path) -> String {
        fs::read_to_string(out.join("summary/part-0.parquet")).expect("published")
    }

    #[test]
    fn a_new_dataset_replaces_the_old_one_whole_and_leaves_nothing_behind() {
        let out = tempfile::tempdir().expect("a folder");
        publish(vec![build(out.path(), "old")]).expect("published");
        publish(vec![build(out.path(), "new")]).expect("published");
        assert_eq!(content(out.path()), "new");
        assert_eq!(fs::read_dir(out.path()).expect("listed").count(), 1);
    }

    #[test]
    fn a_build_that_is_given_up_leaves_the_old_dataset() {
        let out = tempfile::tempdir().expect("a folder");
        publish(vec![build(out.path(), "old")]).expect("published");
        drop(build(out.path(), "new"));
        assert_eq!(content(out.path()), "old");
        assert_eq!(fs::read_dir(out.path()).expect("listed").count(), 1);
    }

    #[test]
    fn what_a_killed_run_had_begun_is_removed_and_what_a_running_one_builds_is_not() {
        let out = tempfile::tempdir().expect("a folder");
        let mut child = std::process::Command::new("true").spawn().expect("spawned");
        let dead = child.id();
        child.wait().expect("waited for");
        let abandoned = out.path().join(format!(".building-summary-{dead}/summary"));
        let quarantine = out.path().join(format!(".building-quarantine-{dead}"));
        let of_init = out.path().join(".building-summary-1");
        fs::create_dir_all(&abandoned).expect("made");
        fs::create_dir_all(&of_init).expect("made");
        fs::write(&quarantine, "{}").expect("written");
        publish(vec![build(out.path(), "new")]).expect("published");
        assert!(!abandoned.exists() && !quarantine.exists());
        assert!(of_init.exists());
    }

    #[test]
    fn a_folder_of_somebody_else_is_not_replaced() {
        let out = tempfile::tempdir().expect("a folder");
        fs::create_dir(out.path().join("summary")).expect("made");
        fs::write(out.path().join("summary/thesis.txt"), "precious").expect("written");
        let refused = Building::begin(out.path(), "summary");
        assert!(matches!(refused, Err(PublishError::InTheWay { .. })));
    }
}
