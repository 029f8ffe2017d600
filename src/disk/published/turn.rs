//! The turn of a command to swap what it built into OUT; what killed commands did in theirs is taken back.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::error::SwapError;
use super::half::{self, Out};
use super::journal::{Held, JOURNAL, Journal, PUBLISHED, Written};
use super::swap::{Ground, Step};
use crate::disk::{disk_error, fail_at, sync_names};

/// The turn of a command to publish in OUT; it ends when this is dropped.
#[derive(Debug)]
pub struct Turn<'a> {
    held: Held,
    on: Ground<'a>,
}

impl<'a> Turn<'a> {
    /// Waits for others that publish, and takes back what killed ones did; `build` is the folder of the build.
    pub(super) fn take(out: Out<'a>, build: &'a Path, tell: fn(&Path)) -> Result<Self, SwapError> {
        let on = Ground {
            out: out.path,
            build,
        };
        let held = hold(out, tell)?;
        Ok(Turn { held, on })
    }

    /// Does all steps, in this order, and makes them last.
    ///
    /// Errors: [`SwapError`]; all is as it was then, unless the error says what is not.
    pub fn swap(mut self, steps: &[Step]) -> Result<(), SwapError> {
        if let Err((path, source)) = self.swap_all(steps) {
            return Err(self.take_back(steps, (path, source)));
        }
        let Ground { out, .. } = self.on;
        let is_lasting = fail_at("publish.committed").and_then(|()| sync_out(out));
        steps.iter().for_each(|step| step.unmark(self.on));
        let path = out.to_owned();
        is_lasting.map_err(|source| SwapError::NotDurable { path, source })
    }

    /// Does all steps, and says in the end that they are done; else what could not be written, and why.
    fn swap_all(&mut self, steps: &[Step]) -> Result<(), (PathBuf, io::Error)> {
        let on = self.on;
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| (path, error)
        };
        let marks = steps.par_iter();
        marks.try_for_each(|step| step.mark(on).map_err(at(&on.place(step))))?;
        self.write(steps).map_err(at(&self.held.path))?;
        for step in steps {
            step.swap(on).map_err(at(&on.place(step)))?;
        }
        let parents = steps.iter().map(|step| on.place(step));
        let mut parents: Vec<_> = parents
            .filter_map(|place| place.parent().map(Path::to_owned))
            .collect();
        parents.dedup();
        for parent in parents {
            sync_out(&parent).map_err(at(&parent))?;
        }
        fail_at("publish.commit")
            .and_then(|()| fs::rename(&self.held.path, on.build.join(PUBLISHED)))
            .map_err(at(&self.held.path))
    }

    /// Writes down what is about to change.
    fn write(&mut self, steps: &[Step]) -> io::Result<()> {
        let build = self.on.build.file_name().unwrap_or_default();
        let journal = Journal {
            build: build.to_string_lossy().into_owned(),
            steps: steps.to_vec(),
        };
        self.held.file.set_len(0)?;
        self.held.file.write_all(journal.text().as_bytes())?;
        self.held.file.sync_all()?;
        sync_out(self.on.out)?;
        fail_at("publish.journal")
    }

    /// Takes back what was done before something failed; what to say of it.
    fn take_back(mut self, steps: &[Step], (path, source): (PathBuf, io::Error)) -> SwapError {
        let on = self.on;
        let taken_back = steps
            .iter()
            .rev()
            .try_for_each(|step| step.take_back(on))
            .and_then(|()| sync_out(on.out));
        let Err(undo) = taken_back else {
            return disk_error("write", &path)(source).into();
        };
        // Without it the next command would not know what to take back.
        self.held.is_kept = true;
        let names = |is_new: bool| {
            let of = steps.iter().filter(|step| step.is_seen());
            let of = of.filter(|step| step.is_done(on) == is_new);
            let names: Vec<&str> = of.map(|step| &step.place[..]).collect();
            match names.is_empty() {
                true => "none".to_owned(),
                false => names.join(", "),
            }
        };
        SwapError::Half {
            path,
            source,
            undo,
            new: names(true),
            old: names(false),
        }
    }
}

/// Waits for others that publish in `out`, and takes back what killed ones did.
fn hold(out: Out<'_>, tell: fn(&Path)) -> Result<Held, SwapError> {
    let mut held = Held::wait(out.path, tell)?;
    put_right(&mut held, out)?;
    Ok(held)
}

/// Takes back what the journal tells of, and empties it; answers the places. What is swapped by halves and not
/// told of is refused.
fn put_right(held: &mut Held, out: Out<'_>) -> Result<Vec<String>, SwapError> {
    // What somebody left stays as it is until it is put right.
    held.is_kept = !held.is_new;
    let places = take_back_written(out)?;
    half::refuse(out)?;
    held.is_kept = false;
    Ok(places)
}

/// Takes back what a killed command swapped in `out`, if one did; answers the places. One that runs is left alone.
pub(super) fn take_back_killed(out: Out<'_>) -> Result<Vec<String>, SwapError> {
    match Held::of_killed(out.path)? {
        Some(mut held) => put_right(&mut held, out),
        None => Ok(Vec::new()),
    }
}

/// Refuses half a publication of which no journal tells, once nobody publishes.
pub(super) fn refuse_half(out: Out<'_>, tell: fn(&Path)) -> Result<(), SwapError> {
    hold(out, tell).map(drop)
}

/// Takes back what the journal says, and empties it.
fn take_back_written(out: Out<'_>) -> Result<Vec<String>, SwapError> {
    let path = out.path.join(JOURNAL);
    let Journal { build, steps } =
        match Written::read(out.path).map_err(disk_error("write", &path))? {
            // It was not written yet, so nothing was done.
            Written::Nothing => return Ok(Vec::new()),
            Written::Whole(journal) => journal,
            Written::Damaged => {
                let half = half::told(out, "that file and all these");
                return Err(SwapError::JournalDamaged { path, half });
            }
        };
    let build = out.path.join(build);
    if !build.is_dir() {
        return Err(SwapError::CutShort { path });
    }
    let on = Ground {
        out: out.path,
        build: &build,
    };
    for step in steps.iter().rev() {
        let place = on.place(step);
        step.take_back(on).map_err(not_taken_back(&place))?;
    }
    let empty = || {
        sync_out(out.path)?;
        let mut options = File::options();
        options.write(true).truncate(true).open(&path)?.sync_all()
    };
    empty().map_err(not_taken_back(&path))?;
    let seen = steps.into_iter().filter(Step::is_seen);
    Ok(seen.map(|step| step.place).collect())
}

/// What is said where a publication that was cut short cannot be taken back.
fn not_taken_back(path: &Path) -> impl FnOnce(io::Error) -> SwapError + use<> {
    let path = path.to_owned();
    move |source| SwapError::NotTakenBack { path, source }
}

/// Makes the names in OUT durable; who may write there and not list it cannot ask for more.
fn sync_out(path: &Path) -> io::Result<()> {
    match sync_names(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}
