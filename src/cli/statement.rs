//! The page of a bill, on its way to its file.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};

use super::Failure;
use crate::report::Statement;

/// Writes a page: whole, or not at all.
pub(super) fn write_page(statement: &Statement, path: &Path) -> Result<(), Failure> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside: PathBuf = path.with_file_name(format!(".{name}-{}", std::process::id()));
    let write = || {
        let mut file = File::create(&beside)?;
        file.write_all(statement.page().as_bytes())?;
        file.sync_all()?;
        fs::rename(&beside, path)
    };
    write().map_err(|error| {
        // What was begun is of no use to anybody.
        let _ = fs::remove_file(&beside);
        Failure::start(format!(
            "cannot write the statement {}: {error}; check --html",
            path.display()
        ))
    })
}
