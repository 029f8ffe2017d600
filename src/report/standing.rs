//! What stands in OUT under the name of a dataset: ours, or what others keep there, which is never destroyed.
//!
//! Ours are the files that are noted (`made_of.rs`), as long as all of a folder are there; else those that are named
//! as ours are, `billing_month=…/part-….parquet` and the like. What programs leave beside files without anybody's
//! asking goes with them: `.DS_Store`, `._…`, `.nfs…`, `.fuse_hidden…` and `.….crc`. Where anything else is in a
//! dataset, it is not swapped out: who would publish there is told of it, and to move it. Beside what is published it
//! stays, and is named.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::dataset::{Dataset, PublishError};
use super::folders::{MONTH_KEY, files_below};
use super::made_of::MadeOf;
use crate::disk::{MARK, read_start};

/// Files of others that are named at a time.
const NAMED_MAX: usize = 3;
/// What a file of rejected lines begins with.
const QUARANTINE_START: &[u8] = b"{\"source\":";

/// What stands at a place.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Standing {
    Nothing,
    Ours,
    /// Something else: what, in words.
    Foreign(String),
}

impl Standing {
    /// What stands at the place of a dataset.
    pub(super) fn of(out: &Path, dataset: Dataset, made_of: &MadeOf) -> Self {
        let place = out.join(dataset.name());
        if fs::symlink_metadata(&place).is_err() {
            return Standing::Nothing;
        }
        let Ok(mut entries) = fs::read_dir(&place) else {
            return Standing::Foreign("no folder that can be read".to_owned());
        };
        if entries.next().is_none() {
            return Standing::Ours;
        }
        if !place.join("_SUCCESS").is_file() {
            return Standing::Foreign("no _SUCCESS in it".to_owned());
        }
        let Ok(files) = files_below(out, dataset.name()) else {
            return Standing::Foreign("not all of it can be read".to_owned());
        };
        let mut listed = BTreeMap::new();
        let foreign = files.iter().filter(|file| {
            let (folder, name) = file.rsplit_once('/').unwrap_or_default();
            let is_listed = *listed
                .entry(folder)
                .or_insert_with(|| made_of.lists(out, folder));
            !is_ours((folder, name), is_listed.then(|| made_of.has(file)))
        });
        let foreign: Vec<&str> = foreign.map(|file| &file[..]).collect();
        if foreign.is_empty() {
            return Standing::Ours;
        }
        let named = foreign[..foreign.len().min(NAMED_MAX)].join(", ");
        let more = match foreign.len().saturating_sub(NAMED_MAX) {
            0 => String::new(),
            more => format!(" and {more} more"),
        };
        Standing::Foreign(format!("{named}{more} in it"))
    }

    /// Refuses what is not ours.
    pub(super) fn hold_ours(self, place: PathBuf) -> Result<(), PublishError> {
        match self {
            Standing::Foreign(what) => Err(PublishError::InTheWay { path: place, what }),
            _ => Ok(()),
        }
    }

    /// What stands at the place of the file of rejected lines.
    pub(super) fn of_quarantine(path: &Path) -> Self {
        match read_start(path, QUARANTINE_START.len() as u64) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Standing::Nothing,
            Ok(start) if start.is_empty() || start == QUARANTINE_START => Standing::Ours,
            _ => Standing::Foreign("no file of rejected lines".to_owned()),
        }
    }
}

/// Whether a file of a dataset is ours, by the place of its folder in OUT and its name, or by whether it is noted
/// where those of its folder are.
fn is_ours((folder, name): (&str, &str), is_noted: Option<bool>) -> bool {
    let is_left = [".DS_Store", "._", ".nfs", ".fuse_hidden", MARK];
    if is_left.iter().any(|start| name.starts_with(start))
        || name.starts_with('.') && name.ends_with(".crc")
    {
        return true;
    }
    match (folder.split_once('/'), is_noted) {
        (None, _) => name == "_SUCCESS",
        (Some(_), Some(is_noted)) => is_noted,
        (Some((_, month)), None) => {
            let number = name.strip_prefix("part-");
            let end = number.and_then(|of| {
                of.trim_start_matches(|c: char| c.is_ascii_digit())
                    .strip_prefix('.')
            });
            month.starts_with(MONTH_KEY) && end.is_some_and(|end| ["parquet", "csv"].contains(&end))
        }
    }
}
