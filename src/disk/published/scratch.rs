//! What is built while it is being built: in a folder of the command's own, out of readers' sight.
//!
//! The folder is made under a name that nothing had, so two commands never share one, in whatever container,
//! under whatever process number they run. Whether its command still runs is told by the lock alone: a folder
//! whose lock can be taken is what a killed command left. It is removed, never published. A folder whose lock is
//! held, or of which the file system cannot tell, is left alone. Folders of versions that had no lock are left,
//! too, and named.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use super::error::SwapError;
use super::half::{Out, forget_marks, has_orphans, is_needed};
use super::journal::{BUILDING, BUILDING_NOW, PUBLISHED};
use super::swap::{NEW, OLD};
use super::turn::{Turn, refuse_half, take_back_killed};
use crate::disk::{CLAIM, claim_folder, disk_error, fail_at, open_lock};

/// The folder of a build; dropped unpublished, it is removed.
#[derive(Debug)]
pub struct Scratch {
    out: PathBuf,
    folders: &'static [&'static str],
    path: PathBuf,
    lock: File,
    /// Whether OUT was made for it.
    is_out_new: bool,
}

/// A build that was begun, and what was found before it.
#[derive(Debug)]
pub struct Begun {
    /// Its folder.
    pub scratch: Scratch,
    /// What a killed command had swapped in, and was taken back.
    pub taken_back: Vec<String>,
    /// Builds of earlier versions that may be running.
    pub unknown: Vec<PathBuf>,
}

impl Scratch {
    /// Begins to build for the folder `out`, which is made if missing, and in which `folders` may be swapped. What
    /// killed commands left there is taken back and removed. `tell` is called with `out` when another command that
    /// publishes there has to be waited for for longer than a moment.
    ///
    /// Errors: [`SwapError`].
    pub fn begin(
        out: &Path,
        folders: &'static [&'static str],
        tell: fn(&Path),
    ) -> Result<Begun, SwapError> {
        let is_out_new = !out.exists();
        fs::create_dir_all(out).map_err(disk_error("write", out))?;
        let of = Out { path: out, folders };
        let taken_back = take_back_killed(of)?;
        let (unknown, has_half) = remove_abandoned(of);
        if has_half || has_orphans(of) {
            refuse_half(of, tell)?;
        }
        let scratch = Scratch::make(of, is_out_new).map_err(disk_error("write", out))?;
        fail_at("publish.begin").map_err(disk_error("write", out))?;
        Ok(Begun {
            scratch,
            taken_back,
            unknown,
        })
    }

    fn make(out: Out<'_>, is_out_new: bool) -> io::Result<Self> {
        let (path, lock) = claim_folder(out.path, BUILDING_NOW)?;
        let scratch = Scratch {
            out: out.path.to_owned(),
            folders: out.folders,
            path,
            lock,
            is_out_new,
        };
        fs::create_dir(scratch.path.join(NEW))?;
        fs::create_dir(scratch.path.join(OLD))?;
        Ok(scratch)
    }

    /// The folder in which all is published.
    pub fn out(&self) -> &Path {
        &self.out
    }

    /// The folder in which all is built: what takes the place `summary` of OUT stands in `summary` of it.
    pub fn built(&self) -> PathBuf {
        self.path.join(NEW)
    }

    /// Waits for others that publish in OUT, and takes back what killed ones did. `tell` is called with OUT when that
    /// takes longer than a moment.
    ///
    /// Errors: [`SwapError`].
    pub fn turn(&self, tell: fn(&Path)) -> Result<Turn<'_>, SwapError> {
        Turn::take(self.of(), &self.path, tell)
    }

    fn of(&self) -> Out<'_> {
        Out {
            path: &self.out,
            folders: self.folders,
        }
    }

    /// The name of the folder.
    fn name(&self) -> &str {
        let name = self.path.file_name().unwrap_or_default();
        name.to_str().unwrap_or_default()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What was swapped out is in here until all is swapped: it is needed to take that back.
        if !is_needed(self.of(), self.name()) && forget_marks(self.of(), self.name()) {
            remove(&self.path);
        }
        // Closing is not enough: a process that another thread has just forked has the file open, too.
        let _ = self.lock.unlock();
        if self.is_out_new {
            // It stays if anything was published.
            let _ = fs::remove_dir(&self.out);
        }
    }
}

/// Removes the folder of a build, its lock last: without it nobody could tell whose it is.
///
/// Nothing depends on it, so what cannot be removed stays, out of readers' sight.
fn remove(path: &Path) {
    let folders = [NEW, OLD].map(|name| path.join(name));
    let is_removed = folders
        .iter()
        .all(|folder| match fs::remove_dir_all(folder) {
            Ok(()) => true,
            Err(error) => error.kind() == ErrorKind::NotFound,
        });
    if is_removed {
        let _ = fs::remove_file(path.join(PUBLISHED));
        let _ = fs::remove_file(path.join(CLAIM)).and_then(|()| fs::remove_dir(path));
    }
}

/// Removes what commands that were killed had begun to build in OUT; answers builds of which nothing tells
/// whether their command runs, and whether any seems to be half published.
fn remove_abandoned(out: Out<'_>) -> (Vec<PathBuf>, bool) {
    let (mut unknown, mut has_half) = (Vec::new(), false);
    for entry in fs::read_dir(out.path).into_iter().flatten().flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str().filter(|name| name.starts_with(BUILDING)) else {
            continue;
        };
        match open_lock(&path.join(CLAIM)) {
            Ok(lock) => {
                // A build that is needed has what is to be put back.
                if lock.try_lock().is_ok() {
                    match is_needed(out, name) {
                        true => has_half = true,
                        false if forget_marks(out, name) => remove(&path),
                        false => {}
                    }
                }
                let _ = lock.unlock();
            }
            // Only an empty folder can be removed like this: one that was left before it had its lock.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if fs::remove_dir(&path).is_err() && path.exists() {
                    unknown.push(path);
                }
            }
            Err(_) => unknown.push(path),
        }
    }
    (unknown, has_half)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::disk::{Act, Step};

    /// Publishes `text` at these places of OUT.
    fn publish(out: &Path, text: &str, places: &[(Act, &str)]) -> Result<(), SwapError> {
        let begun = Scratch::begin(out, &["things"], |_| {})?;
        let mut steps = Vec::new();
        for (act, place) in places {
            let new = begun.scratch.built().join(place);
            let file = match act {
                Act::File => new,
                _ => new.join("file"),
            };
            fs::create_dir_all(file.parent().expect("a folder")).expect("made");
            fs::write(file, text).expect("written");
            let (act, place) = (*act, (*place).to_owned());
            steps.push(Step { act, place });
        }
        begun.scratch.turn(|_| {})?.swap(&steps)
    }

    #[test]
    fn s2_whatever_is_swapped_goes_in_together_or_not_at_all() {
        let top = tempfile::tempdir().expect("a folder");
        let out = top.path().join("out");
        let stands = || {
            let read = |place: &str| fs::read_to_string(out.join(place)).expect("read");
            let names = fs::read_dir(&out).expect("listed").count();
            (read("things/file"), read("note"), names)
        };
        let both = [(Act::Put, "things"), (Act::File, "note")];
        publish(&out, "1", &both).expect("published");
        assert_eq!(stands(), ("1".to_owned(), "1".to_owned(), 2));
        let more = [&both[..], &[(Act::Put, "gone/below")]].concat();
        let error = publish(&out, "2", &more).expect_err("there is no folder `gone`");
        assert!(error.to_string().contains("gone/below"), "{error}");
        assert_eq!(stands(), ("1".to_owned(), "1".to_owned(), 2));
        publish(&out, "3", &both).expect("published");
        assert_eq!(stands(), ("3".to_owned(), "3".to_owned(), 2));
    }
}
