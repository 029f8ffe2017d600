//! A folder that is built beside its place, where nothing may be, and takes it whole.
//!
//! It is built in `.writing-<name>-<random>`, which is its command's alone (`claim.rs`); what a killed command left
//! there for the same place is removed by the next.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use super::claim::{CLAIM, claim_folder, open_lock};
use super::durable::{Modes, TEMPORARY, make_folder, names_in, sync_folder};
use super::error::{DiskError, disk_error};
use super::file::remove;

/// What is built, in the folder beside its place.
const NEW: &str = "new";

/// A folder on its way. Dropped unfinished, it is removed.
#[derive(Debug)]
pub struct Beside {
    place: PathBuf,
    path: PathBuf,
    lock: File,
}

impl Beside {
    /// Begins it, with the modes `modes`. What killed commands left for the same place is removed. `None` where
    /// something else than an empty folder is at the place.
    ///
    /// Errors: [`DiskError`].
    pub fn begin(place: &Path, modes: Modes) -> Result<Option<Self>, DiskError> {
        let is_free = match place.exists() {
            true => place.is_dir() && names_in(place)?.is_empty(),
            false => true,
        };
        let (true, Some(name)) = (is_free, place.file_name()) else {
            return Ok(None);
        };
        let prefix = format!("{TEMPORARY}{}-", name.to_string_lossy());
        let parent = parent_of(place);
        remove_left(parent, &prefix)?;
        let claimed = claim_folder(parent, &prefix);
        let (path, lock) = claimed.map_err(disk_error("make a folder beside", place))?;
        let beside = Beside {
            place: place.to_owned(),
            path,
            lock,
        };
        modes.set(&beside.path)?;
        make_folder(&beside.building(), modes)?;
        Ok(Some(beside))
    }

    /// What is built.
    pub fn building(&self) -> PathBuf {
        self.path.join(NEW)
    }

    /// Has what was built take its place; `false` where another command was faster.
    ///
    /// Errors: [`DiskError`].
    pub fn finish(self) -> Result<bool, DiskError> {
        use std::io::ErrorKind::{AlreadyExists, DirectoryNotEmpty, NotADirectory};
        // An empty folder may be there, and is replaced.
        match fs::rename(self.building(), &self.place) {
            Ok(()) => sync_folder(parent_of(&self.place)).map(|()| true),
            Err(error)
                if [AlreadyExists, DirectoryNotEmpty, NotADirectory].contains(&error.kind()) =>
            {
                Ok(false)
            }
            Err(error) => Err(disk_error("rename", &self.place)(error)),
        }
    }
}

impl Drop for Beside {
    fn drop(&mut self) {
        let _ = remove_claimed(&self.path);
        // Closing is not enough: a process that another thread has just forked has the file open, too.
        let _ = self.lock.unlock();
    }
}

/// The folder that a place is in.
fn parent_of(place: &Path) -> &Path {
    match place.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    }
}

/// Removes a folder to build in, its lock last: without it nobody could tell whose it is.
fn remove_claimed(path: &Path) -> Result<(), DiskError> {
    let paths = [path.join(NEW), path.join(CLAIM), path.to_owned()];
    let mut there = paths.iter().filter(|path| path.exists());
    there.try_for_each(|path| remove(path))
}

/// Removes what killed commands built: folders whose lock can be taken. Others are left alone.
fn remove_left(parent: &Path, prefix: &str) -> Result<(), DiskError> {
    let is_ours = |name: &String| {
        let digits = name.strip_prefix(prefix).unwrap_or_default();
        digits.len() == 16 && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
    };
    for name in names_in(parent)?.into_iter().filter(is_ours) {
        let path = parent.join(name);
        let Ok(lock) = open_lock(&path.join(CLAIM)) else {
            continue;
        };
        if lock.try_lock().is_ok() {
            remove_claimed(&path)?;
        }
        let _ = lock.unlock();
    }
    Ok(())
}
