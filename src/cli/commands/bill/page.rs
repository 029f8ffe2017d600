//! The page of a bill, on its way to its file.
//!
//! A page is written whole beside its place before anything is published, so that what is wrong with the place or
//! the disk is known by then, and takes the place by a rename after it. What a symbolic link points to is replaced,
//! not the link. What is no plain file (a device, a pipe) is opened before and written to after publishing, and
//! stays what it is. `-` is standard output, and so are `/dev/stdout` and its other names, whatever is behind it: it
//! is written to by the handle that the program has, and then nothing else is printed there. A plain file behind
//! another descriptor (`/dev/fd/3`) is written to at its end.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::os::fd::AsFd as _;
use std::path::{Path, PathBuf};

use crate::cli::Failure;
use crate::cli::out::plain;
use crate::disk::{Replacement, append_to};
use crate::report::Statement;

/// What stands for standard output.
const OUTPUT: &str = "-";
/// Its other names, but for those with the number of the process, and those of standard error.
const OUTPUTS: [&str; 3] = ["/dev/stdout", "/dev/fd/1", "/proc/self/fd/1"];
const ERRORS: [&str; 3] = ["/dev/stderr", "/dev/fd/2", "/proc/self/fd/2"];
/// Links that are followed to a file that is not there.
const LINKS_MAX: usize = 40;

/// A page that is ready.
pub(in crate::cli) struct Page {
    text: String,
    /// As it was named.
    name: PathBuf,
    place: Place,
}

/// Where a page goes.
enum Place {
    /// A file, which was written beside it.
    Beside(Replacement),
    /// What is written to as it is.
    Straight(File),
    Output,
}

impl Page {
    /// Makes a page ready for `name`.
    ///
    /// Errors: nothing was published, and the message says so.
    pub(in crate::cli) fn prepare(statement: &Statement, name: &Path) -> Result<Self, Failure> {
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
    pub(in crate::cli) fn is_output(&self) -> bool {
        matches!(self.place, Place::Output)
    }

    /// Puts the page in its place; `done` says what was done before.
    pub(in crate::cli) fn put(&self, done: &str) -> Result<(), Failure> {
        let put = match &self.place {
            Place::Beside(page) => page.put(),
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

/// What a name leads to.
enum Target {
    Output,
    Errors,
    /// What is not replaced: a device, a pipe, what a descriptor holds.
    Straight,
    /// A file, be it there or not.
    File(PathBuf),
}

/// Whether a page of this name takes standard output.
pub(in crate::cli) fn is_output(name: &Path) -> bool {
    matches!(target(name), Ok(Target::Output))
}

/// The plain file that a page of this name replaces or is written to; `None` where it is none, or cannot be told.
pub(in crate::cli) fn place_of(name: &Path) -> Option<PathBuf> {
    match target(name).ok()? {
        Target::File(place) => Some(place),
        Target::Straight => name.canonicalize().ok().filter(|place| place.is_file()),
        Target::Output | Target::Errors => None,
    }
}

/// Follows `name`, link by link.
fn target(name: &Path) -> io::Result<Target> {
    if name.as_os_str() == OUTPUT {
        return Ok(Target::Output);
    }
    let mut place = name.to_owned();
    for _ in 0..LINKS_MAX {
        if let Some(of_process) = of_process(&place) {
            return Ok(of_process);
        }
        match fs::read_link(&place) {
            Ok(target) => place = place.with_file_name("").join(target),
            // It is no link, or not there.
            Err(error)
                if [ErrorKind::InvalidInput, ErrorKind::NotFound].contains(&error.kind()) =>
            {
                return of_file(place);
            }
            Err(error) => return Err(error),
        }
    }
    Err(io::Error::other("too many symbolic links"))
}

/// What `place` is if it names a descriptor of this process.
fn of_process(place: &Path) -> Option<Target> {
    let is_named = |names: [&str; 3], number: u8| {
        let own = format!("/proc/{}/fd/{number}", std::process::id());
        names.map(Path::new).contains(&place) || place == Path::new(&own)
    };
    let folder = place.parent()?.canonicalize().ok()?;
    match folder.starts_with("/proc") {
        _ if is_named(OUTPUTS, 1) => Some(Target::Output),
        _ if is_named(ERRORS, 2) => Some(Target::Errors),
        true => Some(Target::Straight),
        false => None,
    }
}

fn of_file(place: PathBuf) -> io::Result<Target> {
    match fs::metadata(&place) {
        Ok(there) if there.is_dir() => Err(ErrorKind::IsADirectory.into()),
        Ok(there) if !there.is_file() => Ok(Target::Straight),
        Ok(_) => Ok(Target::File(fs::canonicalize(place)?)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Target::File(place)),
        Err(error) => Err(error),
    }
}

impl Place {
    fn find(text: &str, name: &Path) -> io::Result<Self> {
        match target(name)? {
            Target::Output => Ok(Place::Output),
            Target::Errors => {
                let errors = io::stderr().as_fd().try_clone_to_owned()?;
                Ok(Place::Straight(errors.into()))
            }
            // What is behind a descriptor may be a file that has something already.
            Target::Straight => Ok(Place::Straight(append_to(name)?)),
            Target::File(place) => Ok(Place::Beside(Replacement::write(place, text.as_bytes())?)),
        }
    }
}
