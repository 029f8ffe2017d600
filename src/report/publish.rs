//! Publishing: what one command built is swapped in together, or not at all.
//!
//! ```text
//! OUT/.building-<random>/new/summary   files, synced, then an empty _SUCCESS (build.rs)
//! OUT/_PUBLISHING                      what is about to change, and in which build's folder; made exclusively, held
//! OUT/summary, OUT/charges …           swapped one after the other (swap.rs), the folder synced
//! OUT/_PUBLISHING                      removed: with this, all is published
//! ```
//! The order: what is to be removed goes first, the last of the derivation first; then datasets, each behind what
//! it derives from (`dataset.rs`); then the file of rejected lines and what all was made of. Whatever fails before the
//! end is taken back, and OUT is as it was. A command that is killed in between leaves `_PUBLISHING`, whose lock
//! then is free: the next command that begins to build in OUT takes back what was swapped. Two commands that publish
//! in OUT wait for each other here.
//!
//! What readers can rely on: every dataset is the old or the new one, whole; while `OUT/_PUBLISHING` is there, some
//! may be old and some new, so who reads several together waits until it is gone. It is gone within moments, unless
//! the command was killed: then the next one removes it. Source: DESIGN D8, FEATURES §4.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Read as _, Write as _};
use std::path::{Path, PathBuf};

use super::build::{Build, Building, folder_name, is_ours, sync_folder};
use super::dataset::{Dataset, PublishError, write_error};
use super::origin::{MADE_OF, MadeOf, Origin};
use super::swap::{Act, Ground, Step, is_there};
use crate::store::{fail_at, is_still, open_lock};
use crate::units::Month;

/// What is about to change; there while it does.
pub(super) const JOURNAL: &str = "_PUBLISHING";
/// Its first line, up to the folder of the build, and its last one.
const HEAD: &str = "cdn-meter publishing/1\t";
const END: &str = "end";
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
}

/// Publishes what was built; answers what was removed because it may not agree with it.
///
/// Errors: [`PublishError`]; all is as it was then, unless the error says what is not.
pub fn publish(build: &Build, publication: &Publication<'_>) -> Result<Vec<Removed>, PublishError> {
    let out = build.out();
    publication.datasets.iter().try_for_each(Building::seal)?;
    let mut turn = Turn::take(out)?;
    let plan = Plan::make(build, publication)?;
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
    Ok(plan.removed)
}

/// What is done, step by step.
#[derive(Default)]
struct Plan {
    steps: Vec<Step>,
    removed: Vec<Removed>,
}

impl Plan {
    fn make(build: &Build, publication: &Publication<'_>) -> Result<Self, PublishError> {
        let out = build.out();
        let made_of_path = out.join(MADE_OF);
        let mut made_of = MadeOf::read(out).map_err(write_error(&made_of_path))?;
        let mut plan = Plan::default();
        for dataset in Dataset::ALL.into_iter().rev() {
            plan.remove_other(out, dataset, publication, &mut made_of)?;
        }
        for dataset in Dataset::ALL {
            let mut built = publication.datasets.iter();
            if let Some(building) = built.find(|building| building.dataset == dataset) {
                plan.put(out, building, publication, &mut made_of)?;
            }
        }
        let file = |name: &str| Step {
            act: match is_there(&out.join(name)) {
                true => Act::ReplaceFile,
                false => Act::AddFile,
            },
            place: name.to_owned(),
        };
        match publication.quarantine {
            Some(true) => plan.steps.push(file(QUARANTINE_FILE)),
            Some(false) if is_there(&out.join(QUARANTINE_FILE)) => {
                plan.act(Act::Take, QUARANTINE_FILE);
            }
            _ => {}
        }
        if !publication.datasets.is_empty() {
            let path = build.file(MADE_OF);
            fs::write(&path, made_of.text())
                .and_then(|()| File::open(&path)?.sync_all())
                .map_err(write_error(&path))?;
            plan.steps.push(file(MADE_OF));
        }
        Ok(plan)
    }

    fn act(&mut self, act: Act, place: impl Into<String>) {
        let place = place.into();
        self.steps.push(Step { act, place });
    }

    /// Removes a dataset that is not published now and does not agree with what is.
    fn remove_other(
        &mut self,
        out: &Path,
        dataset: Dataset,
        publication: &Publication<'_>,
        made_of: &mut MadeOf,
    ) -> Result<(), PublishError> {
        let Publication {
            datasets, origin, ..
        } = publication;
        let place = out.join(dataset.name());
        let is_published = datasets.iter().any(|of| of.dataset == dataset);
        if datasets.is_empty()
            || is_published
            || !place.join("_SUCCESS").is_file()
            || !is_ours(&place)
        {
            return Ok(());
        }
        let is_priced_anew = datasets
            .iter()
            .any(|of| of.dataset.is_priced() && dataset.rests_on(of.dataset));
        // Where one month is published, all else stays; where that was all of it, nothing is left.
        let month = publication.only.map(folder_name);
        if month
            .as_ref()
            .is_some_and(|month| !is_there(&place.join(month)))
        {
            return Ok(());
        }
        if !is_priced_anew && made_of.is_same(dataset, publication.only, origin)? {
            return Ok(());
        }
        let place = match month {
            Some(month) if 1 < months_in(&place)? => {
                made_of.forget(dataset, publication.only);
                format!("{}/{month}", dataset.name())
            }
            _ => {
                made_of.forget(dataset, None);
                dataset.name().to_owned()
            }
        };
        self.removed.push(Removed {
            dataset,
            path: out.join(&place),
        });
        self.act(Act::Take, place);
        Ok(())
    }

    /// Puts in a dataset that was built, or its month.
    fn put(
        &mut self,
        out: &Path,
        building: &Building,
        publication: &Publication<'_>,
        made_of: &mut MadeOf,
    ) -> Result<(), PublishError> {
        let dataset = building.dataset;
        let place = out.join(dataset.name());
        if place.exists() && !is_ours(&place) {
            return Err(PublishError::InTheWay { path: place });
        }
        let only = publication
            .only
            .filter(|_| place.join("_SUCCESS").is_file());
        made_of.note(dataset, only, publication.origin);
        let Some(month) = only else {
            self.act(Act::Put, dataset.name());
            return Ok(());
        };
        let month = folder_name(month);
        let path = format!("{}/{month}", dataset.name());
        if building.path().join(&month).is_dir() {
            self.act(Act::Put, path);
        } else if is_there(&place.join(&month)) {
            self.act(Act::Take, path);
        }
        Ok(())
    }
}

/// Folders of months in a dataset.
fn months_in(place: &Path) -> Result<usize, PublishError> {
    let entries = fs::read_dir(place).map_err(write_error(place))?;
    Ok(entries.flatten().filter(|of| of.path().is_dir()).count())
}

/// The turn of a command to publish in OUT: it holds the journal.
struct Turn {
    file: File,
    path: PathBuf,
    /// Whether the journal has to stay.
    is_kept: bool,
}

impl Turn {
    /// Waits for others that publish, takes back what killed ones did, and begins a journal.
    fn take(out: &Path) -> Result<Self, PublishError> {
        let path = out.join(JOURNAL);
        let file = hold(&path).map_err(write_error(&path))?;
        // What is in it is of one that was killed.
        take_back_written(out, &path)?;
        Ok(Turn {
            file,
            path,
            is_kept: false,
        })
    }

    /// Does all steps, and says in the end that they are done; else what could not be written, and why.
    fn swap_all(&mut self, on: Ground<'_>, steps: &[Step]) -> Result<(), (PathBuf, io::Error)> {
        let at = |path: &Path| {
            let path = path.to_owned();
            move |error| (path, error)
        };
        for step in steps {
            step.mark(on).map_err(at(&on.place(step)))?;
        }
        self.write(on, steps).map_err(at(&self.path))?;
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
            .and_then(|()| fs::remove_file(&self.path))
            .map_err(at(&self.path))
    }

    /// Writes down what is about to change.
    fn write(&mut self, on: Ground<'_>, steps: &[Step]) -> io::Result<()> {
        let build = on.build.file_name().unwrap_or_default();
        let mut text = format!("{HEAD}{}\n", build.to_string_lossy());
        steps.iter().for_each(|step| text.push_str(&step.line()));
        text.push_str(END);
        text.push('\n');
        // One that was cut short may have left more than this.
        self.file.set_len(0)?;
        self.file.write_all(text.as_bytes())?;
        self.file.sync_all()?;
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
        self.is_kept = true;
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

impl Drop for Turn {
    fn drop(&mut self) {
        if !self.is_kept && is_still(&self.file, &self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

/// Makes a journal, or takes one that nobody holds any more; waits while somebody does.
fn hold(path: &Path) -> io::Result<File> {
    loop {
        let made = File::options().write(true).create_new(true).open(path);
        let file = match made {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => match open_lock(path) {
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                opened => {
                    let file = opened?;
                    file.lock()?;
                    file
                }
            },
            made => {
                let file = made?;
                // Where nothing can be locked, the name alone has to do.
                let _ = file.lock();
                file
            }
        };
        if is_still(&file, path)? {
            return Ok(file);
        }
    }
}

/// Takes back what a killed command swapped in `out`, if one did; answers the places. One that runs is left alone.
pub(super) fn take_back_killed(out: &Path) -> Result<Vec<String>, PublishError> {
    let path = out.join(JOURNAL);
    let file = match open_lock(&path) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(write_error(&path)(error)),
    };
    // Where nothing can be locked, nobody knows: publishing says so.
    if file.try_lock().is_err() || !is_still(&file, &path).map_err(write_error(&path))? {
        return Ok(Vec::new());
    }
    let places = take_back_written(out, &path)?;
    let removed = fs::remove_file(&path);
    let _ = file.unlock();
    removed.map_err(write_error(&path))?;
    Ok(places)
}

/// Takes back what a journal says, and empties it.
fn take_back_written(out: &Path, path: &Path) -> Result<Vec<String>, PublishError> {
    let Some((build, steps)) = read(path).map_err(write_error(path))? else {
        // It was not finished, so nothing was done.
        return Ok(Vec::new());
    };
    let build = out.join(build);
    if !build.is_dir() {
        let path = path.to_owned();
        return Err(PublishError::CutShort { path });
    }
    let on = Ground { out, build: &build };
    for step in steps.iter().rev() {
        let place = on.place(step);
        step.take_back(on).map_err(write_error(&place))?;
    }
    sync_out(out)
        .and_then(|()| {
            File::options()
                .write(true)
                .truncate(true)
                .open(path)?
                .sync_all()
        })
        .map_err(write_error(path))?;
    let places = steps.into_iter().map(|step| step.place);
    Ok(places.filter(|place| place != MADE_OF).collect())
}

/// The folder of the build and the steps of a journal; `None` where it is not finished.
fn read(path: &Path) -> io::Result<Option<(String, Vec<Step>)>> {
    let mut text = String::new();
    match File::open(path) {
        Ok(mut file) => file.read_to_string(&mut text)?,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error),
    };
    match (text.ends_with(&format!("\n{END}\n")), parse(&text)) {
        (false, _) => Ok(None),
        (true, Some(journal)) => Ok(Some(journal)),
        (true, None) => Err(io::Error::new(
            ErrorKind::InvalidData,
            "it is damaged, or of another version of cdn-meter; nothing was changed",
        )),
    }
}

fn parse(text: &str) -> Option<(String, Vec<Step>)> {
    let body = text.strip_suffix('\n')?.strip_suffix(END)?;
    let mut lines = body.lines();
    let build = lines.next()?.strip_prefix(HEAD)?;
    let is_inside = |path: &str| !path.contains("..") && !path.starts_with('/');
    let steps = lines.map(Step::parse).collect::<Option<Vec<_>>>()?;
    let are_inside = is_inside(build) && steps.iter().all(|step| is_inside(&step.place));
    are_inside.then(|| (build.to_owned(), steps))
}

/// Whether a journal in `out` needs the folder of a build.
pub(super) fn names_build(out: &Path, name: &str) -> bool {
    // One that cannot be read may.
    let read = read(&out.join(JOURNAL));
    read.map_or(true, |of| of.is_some_and(|(build, _)| build == name))
}

/// Makes the names in OUT durable; who may write there and not list it cannot ask for more.
fn sync_out(path: &Path) -> io::Result<()> {
    match sync_folder(path) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Ok(()),
        synced => synced,
    }
}
