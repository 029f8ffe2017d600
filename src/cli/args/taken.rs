//! Places that a command is told to write to, which are never what it reads or keeps.
//!
//! | what is written | must not be in |
//! |---|---|
//! | a page (`--html`) | a store, a dataset, what OUT has beside datasets; nor be a file that was given or counted |
//! | OUT | a store, a dataset |
//! | a store, a backup | a dataset; if it is new, another store |
//!
//! A place is told by its path without links, as far as there is something, and by device and inode. A folder that
//! is not there yet counts, too: what is asked for makes it. All this is looked at before anything is made.

use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Component, Path, PathBuf};

use crate::cli::Failure;
use crate::ingest::is_quarantine;
use crate::report::{is_name_in_out, mark_of_folder};
use crate::source::name_of;
use crate::store::{Store, is_store};

/// What a page may not take the place of.
pub(in crate::cli) struct Taken<'a> {
    pub(in crate::cli) store: &'a Store,
    pub(in crate::cli) out: &'a Path,
    /// Files that were given, each behind the flag by which it was.
    pub(in crate::cli) read: Vec<(&'static str, &'a Path)>,
}

impl Taken<'_> {
    /// Refuses a page at `place`, which was given as `name`.
    pub(in crate::cli) fn check(&self, name: &Path, place: &Path) -> Result<(), Failure> {
        match self.what_is(&whole(place))? {
            None => Ok(()),
            Some(what) => Err(Failure::start(format!(
                "cannot write the statement {}: it would take the place of {what}; name another file with \
                 --html; nothing was published",
                name.display()
            ))),
        }
    }

    /// What `place`, a path without links, is of what is read or kept.
    fn what_is(&self, place: &Path) -> Result<Option<String>, Failure> {
        for (flag, path) in &self.read {
            if is_same(place, path) {
                return Ok(Some(format!("what {flag} names")));
            }
        }
        if let Some(folder) = store_around(place, self.store.root()) {
            return Ok(Some(format!("a file of the store {}", folder.display())));
        }
        if let Some(folder) = dataset_around(place, self.out) {
            return Ok(Some(format!("a file of the dataset {}", folder.display())));
        }
        let out = whole(self.out);
        let in_out = place
            .strip_prefix(&out)
            .ok()
            .and_then(|rest| rest.iter().next());
        if in_out.is_some_and(is_name_in_out) {
            return Ok(Some(format!("what is published in {}", self.out.display())));
        }
        if is_quarantine(place) {
            return Ok(Some("rejected lines".to_owned()));
        }
        let is_counted = self.store.is_named(&name_of(place))?;
        Ok(is_counted.then(|| "a log that the store counts".to_owned()))
    }
}

/// Refuses to publish in `out` if that is no folder, or is in a store or a dataset; `store` is the one of the command,
/// if it has one.
pub(in crate::cli) fn check_out(out: &Path, store: Option<&Path>) -> Result<(), Failure> {
    let place = whole(out);
    if place.exists() && !place.is_dir() {
        return Err(Failure::start(format!(
            "--out {} is no folder; name one, which is made if it is not there; nothing was done",
            out.display()
        )));
    }
    let mut around = place.ancestors();
    if let Some(dataset) = around.find(|folder| mark_of_folder(folder).is_some()) {
        return Err(in_dataset("folder of --out", out, dataset));
    }
    let around = match store {
        Some(store) => store_around(&place, store),
        None => place
            .ancestors()
            .find(|folder| is_store(folder))
            .map(PathBuf::from),
    };
    if let Some(folder) = around {
        return Err(Failure::start(format!(
            "--out {} is in the store {}; name a folder outside of it; nothing was done",
            out.display(),
            folder.display()
        )));
    }
    match store.and_then(|store| Some((store, dataset_around(&whole(store), out)?))) {
        None => Ok(()),
        Some((store, dataset)) => Err(in_dataset("store", store, &dataset)),
    }
}

/// Refuses to make, or to fill, a store at `path`, or a backup: `what` says which.
pub(in crate::cli) fn check_store(what: &str, path: &Path) -> Result<(), Failure> {
    let place = whole(path);
    let mut around = place
        .ancestors()
        .filter(|folder| !folder.as_os_str().is_empty());
    if let Some(dataset) = around
        .clone()
        .find(|folder| mark_of_folder(folder).is_some())
    {
        return Err(in_dataset(what, path, dataset));
    }
    // One that is there was made by an earlier version, and its usage is to be had.
    let mut outer = around.by_ref().skip(1);
    match outer.find(|folder| is_store(folder)) {
        Some(folder) if !is_store(&place) => Err(Failure::start(format!(
            "the {what} {} would be in the store {}; name a folder outside of it; nothing was done",
            path.display(),
            folder.display()
        ))),
        _ => Ok(()),
    }
}

fn in_dataset(what: &str, path: &Path, dataset: &Path) -> Failure {
    Failure::start(format!(
        "the {what} {} is in the dataset {}, which is replaced as a whole; name a folder outside of it; \
         nothing was done",
        path.display(),
        dataset.display()
    ))
}

/// The folder of a store that `place` is, or is in: `store`, whether it is there or not, or any other.
fn store_around(place: &Path, store: &Path) -> Option<PathBuf> {
    let mut around = place.ancestors();
    let found = around.find(|folder| is_same(folder, store) || is_store(folder));
    found.map(PathBuf::from)
}

/// The folder of a dataset that `place` is, or is in: one of `out`, whether it is there or not, or any other.
fn dataset_around(place: &Path, out: &Path) -> Option<PathBuf> {
    let out = whole(out);
    let is_of_out = |folder: &Path| {
        let name = folder.file_name().unwrap_or_default();
        folder.parent() == Some(&out) && crate::report::is_dataset_name(name)
    };
    let mut around = place.ancestors();
    let found = around.find(|folder| is_of_out(folder) || mark_of_folder(folder).is_some());
    found.map(PathBuf::from)
}

/// Whether both are one file or folder, or will be.
fn is_same(place: &Path, other: &Path) -> bool {
    let identity = |path: &Path| fs::metadata(path).ok().map(|of| (of.dev(), of.ino()));
    match (identity(place), identity(other)) {
        (Some(place), Some(other)) => place == other,
        (None, None) => place == whole(other),
        _ => false,
    }
}

/// A path without links, as far as there is something. What is missing is made as folders, so a `..` behind it leads
/// back to where it is, and what follows may be there.
fn whole(path: &Path) -> PathBuf {
    let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let mut whole = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(whole.pop()),
            part => {
                whole.push(part);
                whole = whole.canonicalize().unwrap_or(whole);
            }
        }
    }
    whole
}
