//! Publishing: what one command built is swapped in together, or not at all.
//!
//! ```text
//! OUT/.building-2-<random>/new/summary files, synced, then an empty _SUCCESS (build.rs)
//! OUT/_PUBLISHING                      what is about to change, and in which build's folder; made exclusively, held
//! OUT/summary, OUT/charges …           swapped one after the other (swap.rs), the folder synced
//! OUT/_PUBLISHING                      moved to OUT/.building-2-<random>/published: with this, all is published
//! ```
//! The order: what is to be removed goes first, the last of the derivation first; then datasets, each behind what
//! it derives from (`dataset.rs`); then the file of rejected lines and what all was made of. Whatever fails before the
//! end is taken back, and OUT is as it was. A command that is killed in between leaves `_PUBLISHING`, whose lock
//! then is free: the next command that begins to build in OUT takes back what was swapped. If the journal is damaged
//! (`journal.rs`), or gone and half a publication is there all the same (`half.rs`), that command refuses, and touches
//! nothing. Two commands that publish in OUT wait for each other here.
//!
//! What readers can rely on: every dataset is the old or the new one, whole; while `OUT/_PUBLISHING` is there, some
//! may be old and some new, so who reads several together waits until it is gone. It is gone within moments, unless
//! the command was killed: then the next one removes it. Source: DESIGN D8, FEATURES §4.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use rayon::prelude::*;

use super::build::{Build, Building, sync_folder};
use super::dataset::{Dataset, PublishError};
use super::half;
use super::journal::{Held, JOURNAL, Journal, PUBLISHED};
use super::made_of::{FilesOf, MADE_OF, MadeOf};
use super::origin::Origin;
use super::plan::Plan;
use super::standing::Standing;
use super::swap::{Ground, Step};
use crate::disk::fail_at;
use crate::units::Month;

/// The file of rejected lines.
pub const QUARANTINE_FILE: &str = "quarantine.ndjson";

/// What is published together.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The datasets that were built.
    pub datasets: Vec<Building>,
    /// What they were made of.
    pub origin: &'a Origin<'a>,
    /// The only month of them, where one was named: all others stay as they are.
    pub only: Option<Month>,
    /// Whether there are rejected lines; `None` leaves their file as it is.
    pub quarantine: Option<bool>,
}

/// A dataset of an earlier command that was removed, or a month of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed {
    /// What it was.
    pub dataset: Dataset,
    /// Where it was.
    pub path: PathBuf,
    /// The file of it that was not what was written, if it was made of the same.
    pub unlike: Option<String>,
}

/// What others keep under the name of a dataset, beside what is published.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// What it is, in words.
    pub what: String,
}

/// Whether the file of rejected lines that was written into OUT is not of what the store holds now, or gone. One that
/// we never wrote is none.
///
/// Errors: [`PublishError`].
pub fn is_quarantine_stale(build: &Build, origin: &Origin<'_>) -> Result<bool, PublishError> {
    let (out, name) = (build.out(), QUARANTINE_FILE);
    let (path, made_of) = (out.join(name), MadeOf::read(out)?);
    match Standing::of_quarantine(&path) {
        Standing::Nothing | Standing::Foreign(_) if !made_of.has(name) => Ok(false),
        standing => {
            standing.hold_ours(path)?;
            Ok(!made_of.is_same_file((out, name), origin)?)
        }
    }
}

/// Publishes what was built; answers what was removed because it may not agree with it, and what others keep there.
///
/// Errors: [`PublishError`]; all is as it was then, unless the error says what is not.
pub fn publish(
    build: &Build,
    publication: &Publication<'_>,
) -> Result<(Vec<Removed>, Vec<Left>), PublishError> {
    let out = build.out();
    let datasets = publication.datasets.par_iter();
    let files: Result<Vec<FilesOf>, PublishError> = datasets.map(Building::seal).collect();
    let mut turn = Turn::take(out, build.tell)?;
    let plan = Plan::make(build, publication, &files?)?;
    let on = Ground {
        out,
        build: &build.scratch().path,
    };
    if let Err((path, source)) = turn.swap_all(on, &plan.steps) {
        return Err(turn.take_back(on, &plan.steps, (path, source)));
    }
    let is_lasting = fail_at("publish.committed").and_then(|()| sync_out(out));
    plan.steps.iter().for_each(|step| step.unmark(on));
    let path = out.to_owned();
    is_lasting.map_err(|source| PublishError::NotDurable { path, source })?;
    Ok((plan.removed, plan.left))
}

/// The turn of a command to publish in OUT.
struct Turn(Held);

impl Turn {
    /// Waits for others that publish, and takes back what killed ones did.
    fn take(out: &Path, tell: fn(&Path)) -> Result<Self, PublishError> {
        let mut turn = Turn(Held::wait(out, tell)?);
        turn.put_right(out)?;
        Ok(turn)
    }

    /// Takes back what the journal tells of, and empties it; answers the places. What is swapped by halves and not
    /// told of is refused.
    fn put_right(&mut self, out: &Path) -> Result<Vec<String>, PublishError> {
        // What somebody left stays as it is until it is put right.
        self.0.is_kept = !self.0.is_new;
        let places = take_back_written(out)?;
        half::refuse(out)?;
        self.0.is_kept = false;
        Ok(places)
    }

    /// Does all steps, and says in the end that they are done; else what could not be written, and why.
    fn swap_all(&mut self, on: Ground<'_>, steps: &[Step]) -> Result<(), (PathBuf, io::Error)> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| (path, error)
        };
        let marks = steps.par_iter();
        marks.try_for_each(|step| step.mark(on).map_err(at(&on.place(step))))?;
        self.write(on, steps).map_err(at(&self.0.path))?;
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
            .and_then(|()| fs::rename(&self.0.path, on.build.join(PUBLISHED)))
            .map_err(at(&self.0.path))
    }

    /// Writes down what is about to change.
    fn write(&mut self, on: Ground<'_>, steps: &[Step]) -> io::Result<()> {
        let build = on.build.file_name().unwrap_or_default();
        let journal = Journal {
            build: build.to_string_lossy().into_owned(),
            steps: steps.to_vec(),
        };
        self.0.file.set_len(0)?;
        self.0.file.write_all(journal.text().as_bytes())?;
        self.0.file.sync_all()?;
        sync_out(on.out)?;
        fail_at("publish.journal")
    }

    /// Takes back what was done before something failed; what to say of it.
    fn take_back(
        &mut self,
        on: Ground<'_>,
        steps: &[Step],
        (path, source): (PathBuf, io::Error),
    ) -> PublishError {
        let taken_back = steps
            .iter()
            .rev()
            .try_for_each(|step| step.take_back(on))
            .and_then(|()| sync_out(on.out));
        let Err(undo) = taken_back else {
            return PublishError::Write { path, source };
        };
        // Without it the next command would not know what to take back.
        self.0.is_kept = true;
        let names = |is_new: bool| {
            let of = steps.iter().filter(|step| step.place != MADE_OF);
            let of = of.filter(|step| step.is_done(on) == is_new);
            let names: Vec<&str> = of.map(|step| &step.place[..]).collect();
            match names.is_empty() {
                true => "none".to_owned(),
                false => names.join(", "),
            }
        };
        PublishError::Half {
            path,
            source,
            undo,
            new: names(true),
            old: names(false),
        }
    }
}

/// Takes back what a killed command swapped in `out`, if one did; answers the places. One that runs is left alone.
pub(super) fn take_back_killed(out: &Path) -> Result<Vec<String>, PublishError> {
    match Held::of_killed(out)? {
        Some(held) => Turn(held).put_right(out),
        None => Ok(Vec::new()),
    }
}

/// Refuses half a publication of which no journal tells, once nobody publishes.
pub(super) fn refuse_half(out: &Path, tell: fn(&Path)) -> Result<(), PublishError> {
    Turn::take(out, tell).map(drop)
}

/// Takes back what the journal says, and empties it.
fn take_back_written(out: &Path) -> Result<Vec<String>, PublishError> {
    let path = out.join(JOURNAL);
    let Some(Journal { build, steps }) = Journal::read(out)? else {
        // It was not written yet, so nothing was done.
        return Ok(Vec::new());
    };
    let build = out.join(build);
    if !build.is_dir() {
        return Err(PublishError::CutShort { path });
    }
    let on = Ground { out, build: &build };
    for step in steps.iter().rev() {
        let place = on.place(step);
        step.take_back(on).map_err(not_taken_back(&place))?;
    }
    let empty = || {
        sync_out(out)?;
        let mut options = File::options();
        options.write(true).truncate(true).open(&path)?.sync_all()
    };
    empty().map_err(not_taken_back(&path))?;
    let places = steps.into_iter().map(|step| step.place);
    Ok(places.filter(|place| place != MADE_OF).collect())
}

/// What is said where a publication that was cut short cannot be taken back.
fn not_taken_back(path: &Path) -> impl FnOnce(io::Error) -> PublishError + use<> {
    let path = path.to_owned();
    move |source| PublishError::NotTakenBack { path, source }
}

/// Whether what is in the folder of a build may be needed to put OUT right.
pub(super) fn is_needed(out: &Path, build: &str) -> bool {
    let journal = Journal::read(out);
    // One that cannot be read may tell of it.
    journal.map_or(true, |of| of.is_some_and(|of| of.build == build)) || half::is_half(out, build)
}

/// Makes the names in OUT durable; who may write there and not list it cannot ask for more.
fn sync_out(path: &Path) -> io::Result<()> {
    match sync_folder(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}
