//! Datasets while they are being built: in a folder of the command's own, out of readers' sight.
//!
//! ```text
//! OUT/.building-2-<random>/lock        held, as long as the command runs
//! OUT/.building-2-<random>/new/…       what it builds; by an exchange, also what it swapped out
//! OUT/.building-2-<random>/old/…       what it took out, or moved aside
//! OUT/.building-2-<random>/published   its journal, once all is published
//! ```
//! The folder is made under a name that nothing had, so two commands never share one, in whatever container,
//! under whatever process number they run. Whether its command still runs is told by the lock alone: a folder
//! whose lock can be taken is what a killed command left. It is removed, never published. A folder whose lock is
//! held, or of which the file system cannot tell, is left alone. Folders of versions that had no lock are left,
//! too, and named.
//! The `2` tells those that say so when all is published from those of the version before.

use std::ffi::OsStr;
use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::{Dataset, PublishError, write_error};
use super::half::{self, forget_marks};
use super::journal::{JOURNAL, PUBLISHED};
use super::made_of::{FilesOf, MADE_OF, MadeOf, files_of};
use super::publish::{self, QUARANTINE_FILE};
use super::standing::{Standing, months_in};
use crate::disk::{CLAIM, claim_folder, fail_at, open_lock};
use crate::units::Month;

/// What the names of unfinished builds start with.
pub(super) const BUILDING: &str = ".building-";
/// The same of this version.
pub(super) const BUILDING_NOW: &str = ".building-2-";
/// What the names of a dataset's folders start with, each of a month.
pub(super) const MONTH_KEY: &str = "billing_month=";
/// What is built, and what was swapped out.
pub(super) const NEW: &str = "new";
pub(super) const OLD: &str = "old";

/// What one command builds in a folder; dropped unpublished, it is removed.
#[derive(Clone, Debug)]
pub struct Build {
    scratch: Arc<Scratch>,
    /// What a killed command had swapped in, and was taken back.
    pub taken_back: Vec<String>,
    /// Builds of earlier versions that may be running.
    pub unknown: Vec<PathBuf>,
    /// Called where another command that publishes is waited for.
    pub(super) tell: fn(&Path),
}

/// The folder of a build.
#[derive(Debug)]
pub(super) struct Scratch {
    pub(super) out: PathBuf,
    pub(super) path: PathBuf,
    lock: File,
    /// Whether OUT was made for it.
    is_out_new: bool,
}

/// A dataset that is being built.
#[derive(Debug)]
pub struct Building {
    pub(super) dataset: Dataset,
    path: PathBuf,
    scratch: Arc<Scratch>,
}

impl Build {
    /// Begins to build for the folder `out`, which is made if missing. What killed commands left there is taken
    /// back and removed. `tell` is called with `out` when another command that publishes there has to be waited for
    /// for longer than a moment.
    ///
    /// Errors: [`PublishError`].
    pub fn begin(out: &Path, tell: fn(&Path)) -> Result<Self, PublishError> {
        let is_out_new = !out.exists();
        fs::create_dir_all(out).map_err(write_error(out))?;
        let taken_back = publish::take_back_killed(out)?;
        let (unknown, has_half) = remove_abandoned(out);
        if has_half || half::has_orphans(out) {
            publish::refuse_half(out, tell)?;
        }
        let scratch = Scratch::make(out, is_out_new).map_err(write_error(out))?;
        fail_at("publish.begin").map_err(write_error(out))?;
        Ok(Build {
            scratch: Arc::new(scratch),
            taken_back,
            unknown,
            tell,
        })
    }

    /// Begins a dataset.
    ///
    /// Errors: [`PublishError`]; `InTheWay` if something else stands at its place.
    pub fn dataset(&self, dataset: Dataset) -> Result<Building, PublishError> {
        let out = &self.scratch.out;
        Standing::of(out, dataset, &MadeOf::read(out)?).hold_ours(out.join(dataset.name()))?;
        let path = self.scratch.path.join(NEW).join(dataset.name());
        fs::create_dir_all(&path).map_err(write_error(&path))?;
        Ok(Building {
            dataset,
            path,
            scratch: Arc::clone(&self.scratch),
        })
    }

    /// Where to build the file `name` of the same folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.path.join(NEW).join(name)
    }

    /// The folder in which all is published.
    pub fn out(&self) -> &Path {
        &self.scratch.out
    }

    pub(super) fn scratch(&self) -> &Scratch {
        &self.scratch
    }
}

impl Building {
    /// The folder to write into.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder in which it is published.
    pub fn out(&self) -> &Path {
        &self.scratch.out
    }

    /// The folder of a month's files, made if missing.
    ///
    /// Errors: [`PublishError`].
    pub fn month(&self, month: Month) -> Result<PathBuf, PublishError> {
        let folder = self.path.join(folder_name(month));
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
            // Its mode is the store's business: what is published is for everybody as ever.
            let copy = || {
                let mut file = File::create(&path)?;
                io::copy(&mut File::open(entry.path())?, &mut file)?;
                file.sync_all()
            };
            copy().map_err(write_error(&path))?;
        }
        Ok(())
    }

    /// The months that were built.
    pub(super) fn months(&self) -> Vec<Month> {
        months_in(&self.path)
    }

    /// Marks the dataset complete and makes all in it durable; answers its files. What is put into OUT of it gets a
    /// mark first ([`Step::mark`](super::swap::Step::mark)): that makes its names durable, too.
    pub(super) fn seal(&self) -> Result<FilesOf, PublishError> {
        let seal = || {
            fail_at("publish.seal")?;
            // An empty file is no more than its name.
            File::create(self.path.join("_SUCCESS"))?;
            for entry in fs::read_dir(&self.path)? {
                let folder = entry?.path();
                if folder.is_dir() {
                    sync_folder(&folder)?;
                }
            }
            Ok(())
        };
        let seal = || seal().map_err(write_error(&self.path));
        let digest = || files_of(&self.scratch.path.join(NEW), self.dataset.name());
        let (sealed, files) = rayon::join(seal, digest);
        sealed.and(files)
    }
}

/// The name of the folder of a month in a dataset.
pub(super) fn folder_name(month: Month) -> String {
    format!("{MONTH_KEY}{}", month.first_day_text())
}

impl Scratch {
    fn make(out: &Path, is_out_new: bool) -> io::Result<Self> {
        let (path, lock) = claim_folder(out, BUILDING_NOW)?;
        let scratch = Scratch {
            out: out.to_owned(),
            path,
            lock,
            is_out_new,
        };
        fs::create_dir(scratch.path.join(NEW))?;
        fs::create_dir(scratch.path.join(OLD))?;
        Ok(scratch)
    }

    /// The name of the folder.
    pub(super) fn name(&self) -> &str {
        let name = self.path.file_name().unwrap_or_default();
        name.to_str().unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What was swapped out is in here until all is swapped: it is needed to take that back.
        if !publish::is_needed(&self.out, self.name()) && forget_marks(&self.out, self.name()) {
            remove(&self.path);
        }
        // Closing is not enough: a process that another thread has just forked has the file open, too.
        let _ = self.lock.unlock();
        if self.is_out_new {
            // It stays if anything was published.
            let _ = fs::remove_dir(&self.out);
        }
    }
}

/// Removes the folder of a build, its lock last: without it nobody could tell whose it is.
///
/// Nothing depends on it, so what cannot be removed stays, out of readers' sight.
fn remove(path: &Path) {
    let folders = [NEW, OLD].map(|name| path.join(name));
    let is_removed = folders
        .iter()
        .all(|folder| match fs::remove_dir_all(folder) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        });
    if is_removed {
        let _ = fs::remove_file(path.join(PUBLISHED));
        let _ = fs::remove_file(path.join(CLAIM)).and_then(|()| fs::remove_dir(path));
    }
}

/// Removes what commands that were killed had begun to build in `out`; answers builds of which nothing tells
/// whether their command runs, and whether any seems to be half published.
fn remove_abandoned(out: &Path) -> (Vec<PathBuf>, bool) {
    let (mut unknown, mut has_half) = (Vec::new(), false);
    for entry in fs::read_dir(out).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| name.starts_with(BUILDING)) else {
            continue;
        };
        match open_lock(&path.join(CLAIM)) {
            Ok(lock) => {
                // A build that is needed has what is to be put back.
                if lock.try_lock().is_ok() {
                    match publish::is_needed(out, name) {
                        true => has_half = true,
                        false if forget_marks(out, name) => remove(&path),
                        false => {}
                    }
                }
                let _ = lock.unlock();
            }
            // Only an empty folder can be removed like this: one that was left before it had its lock.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if fs::remove_dir(&path).is_err() && path.exists() {
                    unknown.push(path);
                }
            }
            Err(_) => unknown.push(path),
        }
    }
    (unknown, has_half)
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

/// Whether a folder of this name in OUT is that of a dataset.
pub fn is_dataset_name(name: &OsStr) -> bool {
    Dataset::ALL.iter().any(|dataset| name == dataset.name())
}

/// Whether this program publishes in OUT under this name, or keeps something there for it.
pub fn is_name_in_out(name: &OsStr) -> bool {
    let is_build = name.as_encoded_bytes().starts_with(BUILDING.as_bytes());
    let others = [QUARANTINE_FILE, JOURNAL, MADE_OF];
    is_build || is_dataset_name(name) || others.iter().any(|other| name == *other)
}

/// Makes the names in a folder durable.
pub(super) fn sync_folder(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}
