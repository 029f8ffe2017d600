//! The page of a bill, on its way to its file.
//!
//! A page is written whole beside its place before anything is published, so that what is wrong with the place or
//! the disk is known by then, and takes the place by a rename after it. What a symbolic link points to is replaced,
//! not the link. What is no plain file (a device, a pipe, `/dev/stdout`) is opened before and written to after
//! publishing, and stays what it is. `-` is standard output, and then nothing else is printed there.

use std::collections::hash_map::RandomState;
use std::fs::{self, File};
use std::hash::{BuildHasher as _, Hasher as _};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::Failure;
use super::out::plain;
use crate::report::Statement;

/// What stands for standard output.
pub(super) const OUTPUT: &str = "-";
/// Links that are followed to a file that is not there.
const LINKS_MAX: usize = 40;

/// A page that is ready.
pub(super) struct Page {
    text: String,
    /// As it was named.
    name: PathBuf,
    place: Place,
}

/// Where a page goes.
enum Place {
    /// A file, which was written beside it.
    Beside {
        beside: PathBuf,
        place: PathBuf,
    },
    /// What is written to as it is.
    Straight(File),
    Output,
}

impl Page {
    /// Makes a page ready for `name`.
    ///
    /// Errors: nothing was published, and the message says so.
    pub(super) fn prepare(statement: &Statement, name: &Path) -> Result<Self, Failure> {
        let text = statement.page();
        let place = Place::find(&text, name).map_err(|error| {
            let problem = format!(
                "cannot write the statement {}: {error}; check --html; nothing was published",
                name.display()
            );
            match error.kind() {
                ErrorKind::NotFound
                | ErrorKind::PermissionDenied
                | ErrorKind::NotADirectory
                | ErrorKind::IsADirectory
                | ErrorKind::InvalidInput
                | ErrorKind::InvalidFilename => Failure::start(problem),
                _ => Failure::state(problem),
            }
        })?;
        let name = name.to_owned();
        Ok(Page { text, name, place })
    }

    /// Whether standard output is the page's.
    pub(super) fn is_output(&self) -> bool {
        matches!(self.place, Place::Output)
    }

    /// Puts the page in its place; `done` says what was done before.
    pub(super) fn put(&self, done: &str) -> Result<(), Failure> {
        let put = match &self.place {
            Place::Beside { beside, place } => fs::rename(beside, place),
            Place::Straight(file) => {
                let mut file = file;
                file.write_all(self.text.as_bytes())
                    .and_then(|()| match file.sync_all() {
                        // Pipes and terminals have nothing to sync.
                        Err(error) if error.kind() == ErrorKind::InvalidInput => Ok(()),
                        synced => synced,
                    })
            }
            Place::Output => {
                let mut out = plain();
                out.write_all(self.text.as_bytes())
                    .and_then(|()| out.flush())
            }
        };
        let name = self.name.display();
        put.map_err(|error| {
            Failure::state(format!(
                "cannot write the statement {name}: {error}; {done}, only the statement is missing"
            ))
        })
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        if let Place::Beside { beside, .. } = &self.place {
            // After the rename there is nothing under this name; before, it is of no use.
            let _ = fs::remove_file(beside);
        }
    }
}

impl Place {
    fn find(text: &str, name: &Path) -> io::Result<Self> {
        if name.as_os_str() == OUTPUT {
            return Ok(Place::Output);
        }
        let is_of_system = name.starts_with("/dev") || name.starts_with("/proc");
        let place = match fs::metadata(name) {
            Ok(there) if there.is_dir() => return Err(ErrorKind::IsADirectory.into()),
            Ok(there) if !there.is_file() || is_of_system => {
                return Ok(Place::Straight(File::options().write(true).open(name)?));
            }
            Ok(_) => fs::canonicalize(name)?,
            Err(error) if error.kind() == ErrorKind::NotFound => end_of_links(name)?,
            Err(error) => return Err(error),
        };
        Place::beside(text, place)
    }

    fn beside(text: &str, place: PathBuf) -> io::Result<Self> {
        let name = place.file_name().ok_or(ErrorKind::InvalidInput)?;
        let random = RandomState::new().build_hasher().finish();
        let mut beside_name = std::ffi::OsString::from(".");
        beside_name.push(name);
        beside_name.push(format!("-{random:016x}"));
        let beside = place.with_file_name(beside_name);
        match write_new(&beside, text, &place) {
            Ok(()) => Ok(Place::Beside { beside, place }),
            Err(error) => {
                // What was begun is of no use to anybody.
                let _ = fs::remove_file(&beside);
                Err(error)
            }
        }
    }
}

/// Writes a new file that is to take a place, with the permissions of what is there.
fn write_new(path: &Path, text: &str, place: &Path) -> io::Result<()> {
    let mut file = File::options().write(true).create_new(true).open(path)?;
    file.write_all(text.as_bytes())?;
    if let Ok(there) = fs::metadata(place) {
        file.set_permissions(there.permissions())?;
    }
    file.sync_all()
}

/// Where links that point to nothing end.
fn end_of_links(name: &Path) -> io::Result<PathBuf> {
    let mut place = name.to_owned();
    for _ in 0..LINKS_MAX {
        match fs::read_link(&place) {
            Ok(target) => place = place.with_file_name("").join(target),
            // It is no link.
            Err(error) if error.kind() == ErrorKind::InvalidInput => return Ok(place),
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(place),
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}
