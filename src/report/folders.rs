//! What stands in OUT, by names: datasets, the folders of their months, and the files beside them.

use std::ffi::OsStr;
use std::fs;
use std::io;
use std::path::Path;

use super::dataset::Dataset;
use crate::disk::{BUILDING, JOURNAL};
use crate::units::Month;

/// What the names of a dataset's folders start with, each of a month.
pub(super) const MONTH_KEY: &str = "billing_month=";
/// The file of rejected lines.
pub const QUARANTINE_FILE: &str = "quarantine.ndjson";
/// The file of what all was made of.
pub(super) const MADE_OF: &str = ".made-of";

/// The name of the folder of a month in a dataset.
pub(super) fn folder_name(month: Month) -> String {
    format!("{MONTH_KEY}{}", month.first_day_text())
}

/// The months that a dataset has folders of.
pub(super) fn months_in(place: &Path) -> Vec<Month> {
    let entries = fs::read_dir(place).into_iter().flatten().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    let month = |name: String| {
        let month: Month = name.strip_prefix(MONTH_KEY)?.get(..7)?.parse().ok()?;
        (folder_name(month) == name).then_some(month)
    };
    let mut months: Vec<Month> = names.filter_map(month).collect();
    months.sort_unstable();
    months
}

/// All that is no folder below `folder` of `root`, by its place in `root`, in order.
pub(super) fn files_below(root: &Path, folder: &str) -> io::Result<Vec<String>> {
    let mut files = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(root.join(&folder))? {
            let entry = entry?;
            let place = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type()?.is_dir() {
                true => folders.push(place),
                false => files.push(place),
            }
        }
    }
    files.sort_unstable();
    Ok(files)
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
