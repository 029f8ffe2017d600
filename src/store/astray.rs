//! Files that no commit names: what to do with them when a store is opened to write.
//!
//! | in segments/, quarantine/, closed/ | |
//! |---|---|
//! | unfinished files of ours, `.writing-…` | removed: nothing was ever told of them |
//! | finished files of ours, by their names | moved to `lost+found/`, under the folder that they were in |
//! | anything else | left where it is, and named |
//!
//! A crash before a commit leaves finished files in the normal course; a crash after a compaction or a retry leaves
//! those that it replaced. Nothing of them counts, and the logs of the former are read again. But it is not
//! the ledger's word alone that what may be usage is thrown away upon: it may be an older copy. One that misses
//! a commit is told by the mark (`mark.rs`), without one by the number in the names of files if it misses more than
//! one, and refused. A closed month has no number in its name: without a mark, none is there unnamed unless the seal
//! says that a commit was begun.
//!
//! What is in `lost+found/` is nobody's: it may be deleted once `verify` is clean, and every run that moves something
//! there says how much it holds.

use std::collections::{BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::error::{StoreError, file_error};
use super::seal::Seal;
use super::{CLOSED, QUARANTINE, SEGMENTS, ledger, mark};
use crate::disk::{Modes, TEMPORARY, make_folder, names_in, reach, remove, rename, sync_folder};
use crate::units::Month;

/// Where finished files go that no commit names.
pub(super) const LOST: &str = "lost+found";

/// What opening a store to write did with files that no commit names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Astray {
    /// Unfinished files that were removed.
    pub removed: u64,
    /// Finished files that were moved, by their places in the store before.
    pub moved: Vec<String>,
    /// What is not ours and was left where it is.
    pub foreign: Vec<String>,
    /// Files in `lost+found/` now, and their bytes; counted where something was moved.
    pub lost: (u64, u64),
}

/// What a name in a folder of the store is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Unfinished,
    /// With the commit that it was written for, where its name says so.
    Finished(Option<i64>),
    Foreign,
}

impl Kind {
    /// What `name` is in `folder`.
    pub(super) fn of(folder: &str, name: &str) -> Self {
        let numbers = |end: &str, widths: [usize; 2]| {
            let (commit, other) = name.strip_suffix(end)?.split_once('-')?;
            let is_number = |text: &str, width| {
                width <= text.len() && text.bytes().all(|digit| digit.is_ascii_digit())
            };
            let is_ours = is_number(commit, widths[0]) && is_number(other, widths[1]);
            commit.parse().ok().filter(|_| is_ours)
        };
        if let Some(name) = name.strip_prefix(TEMPORARY) {
            return match Kind::of(folder, name) {
                Kind::Finished(_) => Kind::Unfinished,
                _ => Kind::Foreign,
            };
        }
        let commit: Option<i64> = match folder {
            SEGMENTS => numbers(".parquet", [8, 4]),
            QUARANTINE => numbers(".ndjson", [8, 1]),
            _ => {
                let month = name.parse::<Month>();
                let is_ours = month.is_ok_and(|month| month.to_string() == name);
                return if is_ours {
                    Kind::Finished(None)
                } else {
                    Kind::Foreign
                };
            }
        };
        commit.map_or(Kind::Foreign, |commit| Kind::Finished(Some(commit)))
    }
}

/// A file or folder that no commit names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Unnamed {
    pub(super) folder: &'static str,
    pub(super) name: String,
    pub(super) kind: Kind,
}

impl Unnamed {
    /// Its place in the store.
    pub(super) fn place(&self) -> String {
        format!("{}/{}", self.folder, self.name)
    }
}

/// What no commit names, by folder and name.
pub(super) fn unnamed(root: &Path, ledger: &Connection) -> Result<Vec<Unnamed>, StoreError> {
    let mut found = Vec::new();
    for (folder, named) in ledger::named(ledger)? {
        let path = root.join(folder);
        // A store that was made before there were closed months.
        if named.is_empty() && !path.exists() {
            continue;
        }
        let names = names_in(&path)?.into_iter();
        found.extend(
            names
                .filter(|name| !named.contains(name))
                .map(|name| Unnamed {
                    kind: Kind::of(folder, &name),
                    folder,
                    name,
                }),
        );
    }
    Ok(found)
}

/// Puts away what no commit names.
///
/// Errors: [`StoreError`]: nothing was touched where the ledger misses what its files show.
pub(super) fn sweep(root: &Path, ledger: &Connection) -> Result<Astray, StoreError> {
    is_newest(root, ledger)?;
    named_are_there(root, ledger)?;
    let found = unnamed(root, ledger)?;
    if found.iter().any(|of| of.kind != Kind::Foreign)
        && let Some(problem) = ledger::unsound(ledger)?
    {
        return Err(StoreError::LedgerDamaged { problem });
    }
    put_away(root, found)
}

/// Removes what is unfinished, and moves what is finished.
pub(super) fn put_away(root: &Path, found: Vec<Unnamed>) -> Result<Astray, StoreError> {
    let (mut astray, mut folders) = (Astray::default(), BTreeSet::new());
    for of in found {
        let path = root.join(of.folder).join(&of.name);
        match of.kind {
            Kind::Foreign => astray.foreign.push(of.place()),
            Kind::Unfinished => {
                reach("sweep.remove");
                remove(&path)?;
                astray.removed += 1;
                folders.insert(root.join(of.folder));
            }
            Kind::Finished(_) => {
                reach("sweep.move");
                folders.insert(set_aside(root, of.folder, &of.name)?);
                astray.moved.push(of.place());
                folders.insert(root.join(of.folder));
            }
        }
    }
    folders.iter().try_for_each(|folder| sync_folder(folder))?;
    if !astray.moved.is_empty() {
        let lost = lost(root)?;
        let bytes = lost.iter().map(|(_, bytes)| bytes).sum();
        astray.lost = (lost.len() as u64, bytes);
    }
    Ok(astray)
}

/// Refuses a ledger that misses what the mark or the names of files show: a commit that was cut short has the next
/// number, and no later one was begun.
pub(super) fn is_newest(root: &Path, ledger: &Connection) -> Result<(), StoreError> {
    let marked = mark::hold(root, ledger)?;
    // Months, then the seal, then the ledger: whatever a writer does meanwhile, what is there of a close is begun
    // by the one or named by the other.
    let months = folders_of_months(root)?;
    let is_settled = Seal::read(root)?.is_some_and(|seal| seal.begun.is_none());
    let (commit, name) = newest_by_names(root)?;
    let found = ledger::newest_commit(ledger)?;
    if found + 1 < commit {
        return Err(StoreError::LedgerBehind { found, name });
    }
    // A ledger with the commit that is marked misses none: what it does not name was left by a crash of a version
    // that announced no close, or is somebody's.
    if marked == Some(found) {
        return Ok(());
    }
    let [.., (folder, named)] = ledger::named(ledger)?;
    let unnamed = months.into_iter().find(|month| !named.contains(month));
    match unnamed.filter(|_| is_settled) {
        Some(month) => Err(StoreError::LedgerBehind {
            found,
            name: format!("{folder}/{month}"),
        }),
        None => Ok(()),
    }
}

/// The months of which there are folders as closes leave them.
fn folders_of_months(root: &Path) -> Result<Vec<String>, StoreError> {
    let path = root.join(CLOSED);
    let mut names = match path.exists() {
        true => names_in(&path)?,
        false => Vec::new(),
    };
    names.retain(|name| matches!(Kind::of(CLOSED, name), Kind::Finished(_)));
    Ok(names)
}

/// The newest commit by the names of files, and the place of one of it; 0 where there is none.
pub(super) fn newest_by_names(root: &Path) -> Result<(i64, String), StoreError> {
    let mut newest = (0, String::new());
    for folder in [SEGMENTS, QUARANTINE] {
        let path = root.join(folder);
        let names = if path.exists() {
            names_in(&path)?
        } else {
            Vec::new()
        };
        for name in names {
            if let Kind::Finished(Some(commit)) = Kind::of(folder, &name) {
                newest = newest.max((commit, format!("{folder}/{name}")));
            }
        }
    }
    Ok(newest)
}

/// Moves what is `name` in a folder of the store to where nothing of this name is; answers the folder that it is in.
pub(super) fn set_aside(root: &Path, folder: &str, name: &str) -> Result<PathBuf, StoreError> {
    let modes = Modes::of(root)?;
    let path = root.join(folder).join(name);
    let folder = root.join(LOST).join(folder);
    make_folder(&root.join(LOST), modes)?;
    make_folder(&folder, modes)?;
    let place = free_place(&folder, name);
    rename(&path, &place).map_err(file_error("move", &path))?;
    Ok(folder)
}

/// Where in a folder nothing is: under a name, or under that and a number.
pub(super) fn free_place(folder: &Path, name: &str) -> PathBuf {
    let names = (1..).map(|copy| match copy {
        1 => name.to_owned(),
        copy => format!("{name}.{copy}"),
    });
    let mut places = names.map(|name| folder.join(name));
    let is_free = |place: &PathBuf| fs::symlink_metadata(place).is_err();
    places.find(is_free).expect("numbers do not end")
}

/// The files in `lost+found/` by their places there, and the bytes of each.
pub(super) fn lost(root: &Path) -> Result<Vec<(String, u64)>, StoreError> {
    let top = root.join(LOST);
    let (mut lost, mut folders) = (Vec::new(), vec![top.clone()]);
    while let Some(folder) = folders.pop().filter(|folder| folder.is_dir()) {
        for name in names_in(&folder)? {
            let path = folder.join(name);
            let found = fs::symlink_metadata(&path).map_err(file_error("look at", &path))?;
            match (found.is_dir(), path.strip_prefix(&top)) {
                (false, Ok(place)) => lost.push((place.display().to_string(), found.len())),
                _ => folders.push(path),
            }
        }
    }
    lost.sort_unstable();
    Ok(lost)
}

/// Refuses to go on where a file of usage that counts is gone or has another length.
fn named_are_there(root: &Path, ledger: &Connection) -> Result<(), StoreError> {
    let folder = root.join(SEGMENTS);
    let there: HashSet<String> = names_in(&folder)?.into_iter().collect();
    for segment in ledger::segments(ledger)? {
        if !there.contains(&segment.name) {
            return Err(StoreError::Lost { name: segment.name });
        }
        let path = folder.join(&segment.name);
        let found = fs::metadata(&path).map_err(file_error("look at", &path))?;
        if found.len() != segment.bytes {
            return Err(StoreError::Damaged {
                name: segment.name,
                problem: "its length is not the one that was written".to_owned(),
            });
        }
    }
    Ok(())
}

/// The folders of a store that hold what commits name.
pub(super) const FOLDERS: [&str; 3] = [SEGMENTS, QUARANTINE, CLOSED];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_name_is_depends_on_the_folder() {
        let of = Kind::of;
        assert_eq!(
            of(SEGMENTS, "00000012-0003.parquet"),
            Kind::Finished(Some(12))
        );
        assert_eq!(
            of(SEGMENTS, "100000000-0003.parquet"),
            Kind::Finished(Some(100_000_000))
        );
        assert_eq!(
            of(SEGMENTS, ".writing-00000012-0003.parquet"),
            Kind::Unfinished
        );
        assert_eq!(
            of(QUARANTINE, "00000012-3.ndjson"),
            Kind::Finished(Some(12))
        );
        assert_eq!(of(CLOSED, "2026-10"), Kind::Finished(None));
        assert_eq!(of(CLOSED, ".writing-2026-10"), Kind::Unfinished);
        for foreign in [
            "2026-10.bak",
            "2026-1",
            ".DS_Store",
            ".writing-.writing-2026-10",
            "",
        ] {
            assert_eq!(of(CLOSED, foreign), Kind::Foreign, "{foreign}");
        }
        for foreign in [
            "12-3.parquet",
            "00000012-0003.parquet~",
            "2026-10",
            ".writing-notes",
        ] {
            assert_eq!(of(SEGMENTS, foreign), Kind::Foreign, "{foreign}");
        }
    }
}
