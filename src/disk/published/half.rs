//! Half a publication, told by its own marks: whatever became of the journal, it is never taken for a whole one.
//!
//! What a build swapped in has its mark until all is published, and what it swapped out is in its folder (swap.rs).
//! So a folder of a build that was not published (journal.rs), but of which OUT has marks, or which holds what was
//! taken out, was swapped by halves; so was what bears the mark of a build whose folder is gone. A build of which
//! there is neither never began to swap.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::error::SwapError;
use super::journal::{BUILDING, BUILDING_NOW, Journal, Written};
use super::swap::{MARK, OLD};

/// A folder in which is published: where it is, and the names of folders that may be swapped in it, as may those in
/// them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Out<'a> {
    pub(super) path: &'a Path,
    pub(super) folders: &'static [&'static str],
}

/// Marks in `out`: the places that bear one, by build.
fn marks(out: Out<'_>) -> BTreeMap<String, Vec<String>> {
    let mut marks: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut note = |folder: &Path, place: &str| {
        let mut others = Vec::new();
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            match name.strip_prefix(MARK) {
                Some(build) => marks
                    .entry(build.to_owned())
                    .or_default()
                    .push(place.to_owned()),
                None => others.push(name),
            }
        }
        others
    };
    for name in out.folders {
        let folder = out.path.join(name);
        for below in note(&folder, name) {
            note(&folder.join(&below), &format!("{name}/{below}"));
        }
    }
    marks
}

/// Whether there is any file below a folder, or a link.
fn holds_files(folder: &Path) -> bool {
    let mut entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.any(|entry| match entry.file_type() {
        Ok(kind) if kind.is_dir() => holds_files(&entry.path()),
        _ => true,
    })
}

/// Takes away the marks of a build that was published whole; `false` where one stays.
pub(super) fn forget_marks(out: Out<'_>, build: &str) -> bool {
    let places = marks(out).remove(build).unwrap_or_default();
    let mut places = places.iter();
    places.all(|place| fs::remove_file(out.path.join(place).join(format!("{MARK}{build}"))).is_ok())
}

/// Whether a build says in its folder when it was published. Those of the version before did not: one of them of
/// which no journal tells was published whole, or never began.
fn is_telling(build: &str) -> bool {
    build.starts_with(BUILDING_NOW)
}

/// Whether the folder of a build, whose command does not run, is of half a publication.
fn is_half(out: Out<'_>, build: &str) -> bool {
    let folder = out.path.join(build);
    is_telling(build)
        && !Journal::is_published(&folder)
        && (marks(out).contains_key(build) || holds_files(&folder.join(OLD)))
}

/// Whether what is in the folder of a build may be needed to put OUT right.
pub(super) fn is_needed(out: Out<'_>, build: &str) -> bool {
    match Written::read(out.path) {
        Ok(Written::Nothing) => is_half(out, build),
        Ok(Written::Whole(journal)) => journal.build == build || is_half(out, build),
        // One that cannot be read may tell of it.
        Ok(Written::Damaged) | Err(_) => true,
    }
}

/// What is half published in `out`, by build, while nobody swaps: what is new.
fn all(out: Out<'_>) -> BTreeMap<String, Vec<String>> {
    // Who has just published takes marks and what was swapped out away, and only then what says so: that is asked
    // for first.
    let (mut published, mut others) = (BTreeSet::new(), Vec::new());
    for entry in fs::read_dir(out.path).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        match name.starts_with(BUILDING) {
            true if Journal::is_published(&entry.path()) => drop(published.insert(name)),
            true => others.push(name),
            false => {}
        }
    }
    let mut all = marks(out);
    for build in others {
        if holds_files(&out.path.join(&build).join(OLD)) {
            all.entry(build).or_default();
        }
    }
    all.retain(|build, _| is_telling(build) && !published.contains(build));
    all
}

/// Whether anything of a build that is gone is marked in `out`.
pub(super) fn has_orphans(out: Out<'_>) -> bool {
    let marks = marks(out);
    let mut builds = marks.keys().filter(|build| is_telling(build));
    builds.any(|build| !out.path.join(build).is_dir())
}

/// What is half published, in words; to be asked by who holds the journal. `these` says what is to be removed then.
pub(super) fn told(out: Out<'_>, these: &str) -> String {
    let text = |(build, new): (&String, &Vec<String>)| {
        let new = match new.is_empty() {
            true => "nothing new is in".to_owned(),
            false => format!("new are {}", new.join(", ")),
        };
        match out.path.join(build).is_dir() {
            true => format!("{new}, and what was there before is in {build}"),
            false => format!("{new}, and {build}, which had what was there before, is gone"),
        }
    };
    let texts: Vec<String> = all(out).iter().map(text).collect();
    match texts.is_empty() {
        true => {
            "nothing here is half published: remove that file, and run the command again".to_owned()
        }
        false => format!(
            "this is half published: {}; remove {these}, then publish all anew, or choose another --out",
            texts.join("; ")
        ),
    }
}

/// Refuses half a publication; to be asked by who holds the journal.
pub(super) fn refuse(out: Out<'_>) -> Result<(), SwapError> {
    match all(out).is_empty() {
        true => Ok(()),
        false => Err(SwapError::HalfLeft {
            path: PathBuf::from(out.path),
            half: told(out, "all these"),
        }),
    }
}
