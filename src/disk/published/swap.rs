//! One thing of OUT at a time: put in, taken out, and all of it taken back.
//!
//! A dataset, or a month of one, goes in by one exchange of two names, so that readers see the old one or the new
//! one. Where a file system has no such exchange (NFS and some others: EINVAL, ENOSYS, ENOTSUP), the old one is
//! moved aside and the new one in, by two renames: a reader may find nothing there for a moment, and never a
//! part. A file takes the place of another by a plain rename, with a second name of the old one kept.
//!
//! Every step can be taken back, also by another process after this one was killed between any two lines, and
//! twice over: whether it was done is told by what stands where. A new folder has an empty file in it that names
//! its build until all is published.

use std::fs::{self, File};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};

use rustix::fs::{CWD, RenameFlags, renameat_with};
use rustix::io::Errno;

use crate::disk::{fail_at, is_without_exchange, sync_names};

/// What the name of the file starts with that is in new folders until all is published.
pub const MARK: &str = ".new-of";

/// What is built, and what was swapped out, in the folder of a build.
pub(super) const NEW: &str = "new";
pub(super) const OLD: &str = "old";

/// What happens to a place of OUT.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Act {
    /// A folder takes the place of another, or of none.
    Put,
    /// A folder is taken out.
    Take,
    /// A file takes the place of another, or of none.
    File,
}

const ACTS: [(Act, &str); 3] = [(Act::Put, "put"), (Act::Take, "take"), (Act::File, "file")];
/// What journals of the version before call it: both are taken back alike.
const ACTS_BEFORE: [(Act, &str); 2] = [(Act::File, "add-file"), (Act::File, "replace-file")];

/// One change of OUT; its place is a path in it, such as `summary` or `costs/billing_month=2026-10-01`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// What happens.
    pub act: Act,
    /// Where.
    pub place: String,
}

/// Where steps are done.
#[derive(Clone, Copy, Debug)]
pub(super) struct Ground<'a> {
    pub(super) out: &'a Path,
    /// The folder of the build.
    pub(super) build: &'a Path,
}

impl Step {
    /// Whether readers see what stands there: names that begin with a dot are told to nobody.
    pub(super) fn is_seen(&self) -> bool {
        !self.place.starts_with('.')
    }

    /// A line of the journal.
    pub(super) fn line(&self) -> String {
        let name = ACTS.iter().find(|(act, _)| *act == self.act);
        format!("{}\t{}\n", name.map_or("", |(_, name)| name), self.place)
    }

    /// Reads a line of the journal.
    pub(super) fn parse(line: &str) -> Option<Self> {
        let (name, place) = line.split_once('\t')?;
        let mut acts = ACTS.iter().chain(&ACTS_BEFORE);
        let act = acts.find(|(_, of)| *of == name)?.0;
        let place = place.to_owned();
        Some(Step { act, place })
    }

    /// Makes what goes in durable, and marks it if it is a folder, so that it is known there.
    pub(super) fn mark(&self, on: Ground<'_>) -> io::Result<()> {
        let new = on.built(self);
        match self.act {
            Act::Put => {
                File::create(new.join(on.mark()))?;
                sync_names(&new)
            }
            Act::Take => Ok(()),
            Act::File => File::open(new)?.sync_all(),
        }
    }

    /// Takes the mark away, once all is published; nothing depends on it any more.
    pub(super) fn unmark(&self, on: Ground<'_>) {
        let _ = fs::remove_file(on.place(self).join(on.mark()));
    }

    /// Does it.
    pub(super) fn swap(&self, on: Ground<'_>) -> io::Result<()> {
        let (place, new, old) = (on.place(self), on.built(self), on.taken_out(self));
        fail_at("publish.swap")?;
        if let Some(folder) = old.parent() {
            fs::create_dir_all(folder)?;
        }
        match self.act {
            Act::Put if is_there(&place) => exchange(&new, &place, &old)?,
            Act::Put => rename_to_none(&new, &place)?,
            Act::Take => rename_to_none(&place, &old)?,
            Act::File => {
                if is_there(&place) {
                    second_name(&place, &old)?;
                    fail_at("publish.between")?;
                }
                fs::rename(&new, &place)?;
            }
        }
        fail_at("publish.swapped")
    }

    /// Whether what it puts in is in, or what it takes out is out.
    pub(super) fn is_done(&self, on: Ground<'_>) -> bool {
        match self.act {
            Act::Put => is_there(&on.place(self).join(on.mark())),
            Act::Take => is_there(&on.taken_out(self)),
            Act::File => !is_there(&on.built(self)),
        }
    }

    /// Takes it back, whatever of it was done.
    pub(super) fn take_back(&self, on: Ground<'_>) -> io::Result<()> {
        let (place, new, old) = (on.place(self), on.built(self), on.taken_out(self));
        fail_at("publish.undo")?;
        let is_done = self.is_done(on);
        match self.act {
            Act::Put if is_there(&old) => {
                // It was moved aside.
                if is_done {
                    fs::rename(&place, &new)?;
                }
                rename_to_none(&old, &place)
            }
            // What it was exchanged with stands at its place.
            Act::Put if is_done && is_there(&new) => Ok(renameat_with(
                CWD,
                &new,
                CWD,
                &place,
                RenameFlags::EXCHANGE,
            )?),
            Act::Put if is_done && is_there(&place) => fs::rename(&place, &new),
            Act::Take if is_done => rename_to_none(&old, &place),
            Act::File => {
                if is_done && is_there(&place) {
                    fs::rename(&place, &new)?;
                }
                match (is_there(&old), is_there(&place)) {
                    (true, false) => fs::rename(&old, &place),
                    // A second name, of what was not replaced yet.
                    (true, true) => fs::remove_file(&old),
                    _ => Ok(()),
                }
            }
            _ => Ok(()),
        }
    }
}

impl Ground<'_> {
    pub(super) fn place(&self, step: &Step) -> PathBuf {
        self.out.join(&step.place)
    }

    fn built(&self, step: &Step) -> PathBuf {
        self.build.join(NEW).join(&step.place)
    }

    fn taken_out(&self, step: &Step) -> PathBuf {
        self.build.join(OLD).join(&step.place)
    }

    fn mark(&self) -> String {
        let build = self.build.file_name().unwrap_or_default();
        format!("{MARK}{}", build.to_string_lossy())
    }
}

/// Whether anything has this name, a link to nothing included.
pub fn is_there(path: &Path) -> bool {
    fs::symlink_metadata(path).is_ok()
}

/// Whether a file system says that it has no such rename.
fn is_unknown(error: Errno) -> bool {
    [Errno::INVAL, Errno::NOSYS, Errno::NOTSUP, Errno::OPNOTSUPP].contains(&error)
}

/// Puts `new` in the place of what is there, which is then at `new`, or at `old` if two renames were needed.
fn exchange(new: &Path, place: &Path, old: &Path) -> io::Result<()> {
    let exchanged = match is_without_exchange() {
        true => Err(Errno::INVAL),
        false => renameat_with(CWD, new, CWD, place, RenameFlags::EXCHANGE),
    };
    match exchanged {
        Err(error) if is_unknown(error) => {
            fs::rename(place, old)?;
            fail_at("publish.between")?;
            fs::rename(new, place)
        }
        exchanged => Ok(exchanged?),
    }
}

/// Renames to a name that nothing has.
fn rename_to_none(from: &Path, to: &Path) -> io::Result<()> {
    let renamed = match is_without_exchange() {
        true => Err(Errno::INVAL),
        false => renameat_with(CWD, from, CWD, to, RenameFlags::NOREPLACE),
    };
    match renamed {
        // Nobody else publishes meanwhile.
        Err(error) if is_unknown(error) => match is_there(to) {
            true => Err(ErrorKind::AlreadyExists.into()),
            false => fs::rename(from, to),
        },
        renamed => Ok(renamed?),
    }
}

/// Gives a file a second name; a copy has to do where it cannot have two.
fn second_name(file: &Path, name: &Path) -> io::Result<()> {
    match fs::hard_link(file, name) {
        Ok(()) => Ok(()),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Err(error),
        Err(_) => fs::copy(file, name).and_then(|_| File::open(name)?.sync_all()),
    }
}
