//! Folders to build in that are one command's alone.
//!
//! One is made under a name that nothing had, so two commands never share one, in whatever container, under whatever
//! process number they run. Its file `lock` is held as long as the command runs: a folder whose lock can be taken is
//! what a killed command left.

use std::collections::hash_map::RandomState;
use std::fs::{self, File, TryLockError};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use super::durable::open_file;

/// The file in a claimed folder that its command holds.
pub const CLAIM: &str = "lock";
/// Names that are tried until one is free.
const TRIALS: usize = 16;

/// Makes a folder in `parent` whose name is `prefix` and 16 digits; answers it and its lock, which is held.
///
/// Errors: those of the system.
pub fn claim_folder(parent: &Path, prefix: &str) -> io::Result<(PathBuf, File)> {
    for _ in 0..TRIALS {
        let digits = RandomState::new().build_hasher().finish();
        let path = parent.join(format!("{prefix}{digits:016x}"));
        match make_locked(&path) {
            Ok(Some(lock)) => return Ok((path, lock)),
            Ok(None) => {}
            // Another has this name, or took a folder without a lock for one that was left.
            Err(error)
                if [ErrorKind::AlreadyExists, ErrorKind::NotFound].contains(&error.kind())
                    && parent.is_dir() => {}
            Err(error) => return Err(error),
        }
    }
    Err(ErrorKind::AlreadyExists.into())
}

/// Makes a folder and takes its lock; `None` if another was faster.
fn make_locked(path: &Path) -> io::Result<Option<File>> {
    fs::create_dir(path)?;
    let path = path.join(CLAIM);
    let lock = File::options().write(true).create_new(true).open(&path)?;
    match lock.try_lock() {
        Err(TryLockError::WouldBlock) => return Ok(None),
        // Where nothing can be locked, nobody can take it for one that was left.
        Ok(()) | Err(TryLockError::Error(_)) => {}
    }
    Ok(is_still(&lock, &path)?.then_some(lock))
}

/// Whether an open file is the one that stands under this name.
///
/// Errors: those of the system.
pub fn is_still(file: &File, path: &Path) -> io::Result<bool> {
    let of = |metadata: fs::Metadata| (metadata.dev(), metadata.ino());
    match fs::metadata(path) {
        Ok(there) => Ok(of(there) == of(file.metadata()?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

/// Opens a lock of somebody else: some file systems lock only what is open to write.
///
/// Errors: those of the system, and where a pipe or a device stands in its place, which would have us wait for good.
pub fn open_lock(path: &Path) -> io::Result<File> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("it is no regular file; move it away"));
    }
    let unblocked = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let mut options = File::options();
    match options.write(true).custom_flags(unblocked).open(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => open_file(path),
        opened => opened,
    }
}
