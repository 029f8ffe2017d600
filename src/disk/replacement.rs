//! A file that somebody named, and that takes the place of what is there: written and synced beside it, then renamed.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};

/// A file that is ready to take its place. Dropped before, it is removed.
#[derive(Debug)]
pub struct Replacement {
    beside: PathBuf,
    place: PathBuf,
}

impl Replacement {
    /// Writes what is to take the place `place`.
    ///
    /// Errors: those of the system; nothing is left then.
    pub fn write(place: PathBuf, bytes: &[u8]) -> io::Result<Self> {
        let name = place.file_name().ok_or(ErrorKind::InvalidInput)?;
        let random = RandomState::new().build_hasher().finish();
        let mut beside_name = std::ffi::OsString::from(".");
        beside_name.push(name);
        beside_name.push(format!("-{random:016x}"));
        let beside = place.with_file_name(beside_name);
        match write_new(&beside, bytes, &place) {
            Ok(()) => Ok(Replacement { beside, place }),
            Err(error) => {
                // What was begun is of no use to anybody.
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }

    /// Puts it in its place.
    ///
    /// Errors: those of the system.
    pub fn put(&self) -> io::Result<()> {
        fs::rename(&self.beside, &self.place)
    }
}

impl Drop for Replacement {
    fn drop(&mut self) {
        // After the rename there is nothing under this name; before, it is of no use.
        let _ = fs::remove_file(&self.beside);
    }
}

/// Writes a new file that is to take a place, with the permissions of what is there before it has a word.
fn write_new(path: &Path, bytes: &[u8], place: &Path) -> io::Result<()> {
    let mut options = File::options();
    options.write(true).create_new(true);
    let mut file = match fs::metadata(place) {
        Ok(there) => {
            let file = options.mode(0o600).open(path)?;
            file.set_permissions(there.permissions())?;
            file
        }
        Err(_) => options.open(path)?,
    };
    file.write_all(bytes)?;
    file.sync_all()
}
