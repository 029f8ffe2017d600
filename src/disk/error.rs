//! What the file system refused.

use std::io;
use std::path::{Path, PathBuf};

/// The file system refuses something.
#[derive(Debug, thiserror::Error)]
#[error("cannot {deed} {path}: {source}")]
pub struct DiskError {
    /// What was tried.
    pub deed: &'static str,
    /// With what.
    pub path: PathBuf,
    /// The system's reason.
    pub source: io::Error,
}

/// Turns the system's reason into an error about `path`.
pub fn disk_error(deed: &'static str, path: &Path) -> impl FnOnce(io::Error) -> DiskError {
    let path = path.to_owned();
    move |source| DiskError { deed, path, source }
}
