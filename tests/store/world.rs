//! Log files, a store that they are ingested into, and what happens to them, one step at a time.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use cdn_meter::ingest::{
    Events, IngestError, Options, Outcome, SourceReport, ingest, recount, retry_quarantine,
};
use cdn_meter::record::Layout;
use cdn_meter::source::{Seed, Source, Stamp, discover};
use cdn_meter::store::{Access, Change, ForgetError, Occasion, Store};

use crate::files::{File, leave_orphans, rejects_are_kept};
use crate::frozen::{ClosedMonth, close_next};
use crate::logs::{Format, OWN, Random, logs};
use crate::model::{Model, Said, Text, Usage};
use crate::older;
use crate::steps::{Cut, Run, Step};
use crate::support;

/// So that rotation, packing and copies meet each other.
pub const NAMES: [&str; 5] = ["a.log", "a.log.1", "a.log.2.gz", "b.log", "b.gz"];

/// Log files, a store, and the model of it.
pub struct World {
    folder: tempfile::TempDir,
    root: PathBuf,
    format: Format,
    logs: Vec<Text>,
    files: BTreeMap<String, File>,
    /// What had this stamp: no two texts may have the same, as the system sees to within its clock.
    stamps: HashMap<String, Text>,
    /// All that the store may be: several workers settle files in any order, and what is said of
    /// them need not tell in which.
    models: BTreeSet<Model>,
    closed: Vec<ClosedMonth>,
    /// Whether what can be read of damaged archives counts in this run.
    is_salvaging: bool,
    /// The store as it once was.
    older: Option<BTreeMap<PathBuf, Vec<u8>>>,
    /// The kinds of all that was said, and `given up`.
    pub seen: BTreeSet<&'static str>,
}

/// What differs from the model.
pub type Difference = String;

impl World {
    pub fn new(seed: u64) -> World {
        let mut random = Random(seed);
        let format = if random.one_in(3) {
            Format::CloudFront
        } else {
            Format::TencentCdn
        };
        let folder = tempfile::tempdir().expect("a folder");
        let root = folder.path().canonicalize().expect("a path").join("logs");
        fs::create_dir(&root).expect("made");
        World {
            folder,
            root,
            format,
            logs: logs(&mut random, format),
            files: BTreeMap::new(),
            stamps: HashMap::new(),
            models: BTreeSet::from([Model::default()]),
            closed: Vec::new(),
            is_salvaging: false,
            older: None,
            seen: BTreeSet::new(),
        }
    }

    fn name(&self, name: usize) -> String {
        self.root.join(NAMES[name]).display().to_string()
    }

    pub fn perform(&mut self, step: Step) -> Result<(), Difference> {
        match step {
            Step::Deliver(name, log, cut) => self.deliver(name, log, cut),
            Step::Redeliver(name) => self.change(name, |_| {}),
            Step::Resize(name, cut) => {
                let logs = self.logs.clone();
                self.change(name, |file| file.text = cut.of(&logs[file.log]));
            }
            Step::Rename(from, to) => self.rename(from, to),
            Step::Copy(from, to) => {
                if let Some(file) = self.files.get(&self.name(from)).cloned() {
                    self.put(to, file);
                }
            }
            Step::Rotate(log, cut) => {
                self.rename(1, 2);
                self.rename(0, 1);
                self.deliver(0, log, cut);
            }
            Step::RotateByCopy(log, cut) => {
                self.rename(1, 2);
                if let Some(file) = self.files.get(&self.name(0)).cloned() {
                    self.put(1, file);
                }
                self.deliver(0, log, cut);
            }
            Step::RotateByDate(log, cut) => {
                self.rename(0, 3);
                self.deliver(0, log, cut);
            }
            Step::Pack(name) => self.change(name, |file| file.is_packed = !file.is_packed),
            Step::Delete(name) => {
                let name = self.name(name);
                if self.files.remove(&name).is_some() {
                    fs::remove_file(name).expect("removed");
                }
            }
            Step::Corrupt(name) => self.change(name, |file| {
                (file.is_packed, file.is_corrupt) = (true, true);
            }),
            Step::Ingest(run) => return self.ingest(run, usize::MAX),
            Step::Kill(run, after) => return self.ingest(run, after),
            Step::Close => return self.close(),
            Step::Compact => return self.compact(),
            Step::RestoreOlder(parts) => return self.restore_older(parts),
            Step::Recount(name, run) => return self.recount(name, run),
            Step::Forget(name) => return self.forget(name),
            Step::Retry => return self.retry(),
        }
        Ok(())
    }

    fn deliver(&mut self, name: usize, log: usize, cut: Cut) {
        let log = log % self.logs.len();
        let text = cut.of(&self.logs[log]);
        let is_packed = NAMES[name].ends_with(".gz");
        self.put(name, File::new(log, text, is_packed));
    }

    /// Changes a file, if there is one.
    fn change(&mut self, name: usize, change: impl FnOnce(&mut File)) {
        if let Some(mut file) = self.files.get(&self.name(name)).cloned() {
            file.is_corrupt = false;
            change(&mut file);
            self.put(name, file);
        }
    }

    fn rename(&mut self, from: usize, to: usize) {
        let (from, to) = (self.name(from), self.name(to));
        if let Some(file) = self.files.remove(&from) {
            fs::rename(&from, &to).expect("renamed");
            self.files.insert(to, file);
        }
    }

    /// Writes a file so that its stamp is new, unless its text had that stamp before.
    fn put(&mut self, name: usize, mut file: File) {
        let (name, stored) = (self.name(name), file.store());
        let unread: Text = Text::from(&b"corrupt"[..]);
        let text = if file.is_corrupt {
            unread
        } else {
            file.text.clone()
        };
        loop {
            fs::write(&name, &stored).expect("written");
            let stamp = Stamp::of(&fs::metadata(&name).expect("there")).to_string();
            let known = self.stamps.entry(stamp).or_insert_with(|| text.clone());
            if *known == text {
                break;
            }
        }
        self.files.insert(name, file);
    }

    /// Ingests, and compares what is said and what counts with the model.
    pub fn ingest(&mut self, run: Run, give_up_after: usize) -> Result<(), Difference> {
        self.is_salvaging = run.is_salvage;
        let place = self.folder.path().join("store");
        // A ledger is there before anything that it could name.
        if run.has_orphans && place.join("ledger.sqlite").exists() {
            leave_orphans(&place);
        }
        let store = self.open("ingest")?;
        let events = GivingUp {
            left: AtomicU64::new(give_up_after as u64),
        };
        let said = match ingest(self.sources(run), &self.options(run), &events, &store) {
            Ok(ingested) => said(&ingested.sources),
            Err(IngestError::Quarantine(_)) if give_up_after != usize::MAX => {
                drop(store);
                self.seen.insert("given up");
                return self.compare(&place, &[]);
            }
            Err(error) => return Err(format!("ingesting: {error}")),
        };
        drop(store);
        let kind = |said: &Said| said.as_ref().map_or_else(|code| *code, Change::name);
        self.seen.extend(said.iter().map(|(_, said)| kind(said)));
        self.compare(&place, &said)
    }

    fn open(&self, command: &str) -> Result<Store, Difference> {
        let place = self.folder.path().join("store");
        let occasion = Occasion {
            at: "2026-11-23T00:00:00Z".to_owned(),
            command: command.to_owned(),
        };
        let opened = Store::open_to_write(
            &place,
            Seed(self.logs.len() as u64),
            occasion,
            Access::default(),
        );
        opened.map_err(|error| format!("opening: {error}"))
    }

    fn close(&mut self) -> Result<(), Difference> {
        let store = self.open("close")?;
        let counted = usage(&self.folder.path().join("store"))?;
        let closed = close_next(&store, &self.closed, &counted);
        if let Some(closed) = closed.map_err(|error| format!("closing: {error}"))? {
            self.closed.push(closed);
            self.seen.insert("closed");
        }
        drop(store);
        self.compare(&self.folder.path().join("store"), &[])
    }

    /// An older ledger is refused, whoever asks, and the newest one put back is as if nothing had been.
    fn restore_older(&mut self, parts: usize) -> Result<(), Difference> {
        let place = self.folder.path().join("store");
        match older::put_over(&mut self.older, &place, parts)? {
            None => return Ok(()),
            Some(kind) => self.seen.insert(kind),
        };
        self.compare(&place, &[])
    }

    fn compact(&mut self) -> Result<(), Difference> {
        let compacted = self.open("compact")?.compact();
        let compacted = compacted.map_err(|error| format!("compacting: {error}"))?;
        if compacted.rows != 0 {
            self.seen.insert("compacted");
        }
        self.compare(&self.folder.path().join("store"), &[])
    }

    fn forget(&mut self, name: usize) -> Result<(), Difference> {
        let name = self.name(name);
        let forgotten = self
            .open("forget")?
            .forget(std::slice::from_ref(&name), "a step", false);
        let kind = match &forgotten {
            Ok(_) => Ok(()),
            Err(ForgetError::Unknown(_)) => Err("unknown"),
            Err(ForgetError::Begins { .. }) => Err("begins"),
            Err(error) => return Err(format!("forgetting: {error}")),
        };
        let mut models = BTreeSet::new();
        for mut model in self.models.clone() {
            if model.take_out(&name) == kind {
                models.insert(model);
            }
        }
        if models.is_empty() {
            return Err(format!("forgetting {name}: {forgotten:?}, not the model"));
        }
        self.models = models;
        if kind.is_ok() {
            self.seen.insert("forgotten");
        }
        self.compare(&self.folder.path().join("store"), &[])
    }

    fn retry(&mut self) -> Result<(), Difference> {
        let options = Options {
            fallback_domain: Some(OWN.to_owned()),
            ..self.options(Run::default())
        };
        let retried = retry_quarantine(&self.open("ingest")?, &options);
        let contents = retried
            .map_err(|error| format!("retrying: {error}"))?
            .contents;
        let models = std::mem::take(&mut self.models);
        for mut model in models {
            if model.retry() == contents {
                self.models.insert(model);
            }
        }
        if contents != 0 {
            self.seen.insert("retried");
        }
        match self.models.is_empty() {
            true => Err(format!("retried {contents} contents, not the model")),
            false => self.compare(&self.folder.path().join("store"), &[]),
        }
    }

    fn recount(&mut self, name: usize, run: Run) -> Result<(), Difference> {
        self.is_salvaging = run.is_salvage;
        let run = Run {
            names: 1 << name,
            ..run
        };
        let store = self.open("ingest")?;
        let counted = recount(self.sources(run), &self.options(run), &(), &store);
        let counted = counted.map_err(|error| format!("counting anew: {error}"))?;
        drop(store);
        let all = self.models.clone();
        for (name, expected) in said(&counted.sources) {
            self.seen.insert(match &expected {
                Ok(change) => change.name(),
                Err(code) => code,
            });
            let file = &self.files[&name];
            let mut models = BTreeSet::new();
            for mut model in all.clone() {
                let found = model.recount(&name, file.read(self.is_salvaging), &|name| {
                    self.files.contains_key(name)
                });
                match found == expected {
                    true => drop(models.insert(model)),
                    false if all.len() == 1 => {
                        return Err(format!("{name} anew: {expected:?}, model {found:?}"));
                    }
                    false => {}
                }
            }
            self.models = models;
        }
        self.compare(&self.folder.path().join("store"), &[])
    }

    fn sources(&self, run: Run) -> Vec<Source> {
        let is_wanted = |(place, _): &(usize, &&str)| run.names >> place & 1 == 1;
        let wanted = NAMES.iter().enumerate().filter(is_wanted);
        let names = wanted.map(|(place, _)| self.name(place));
        let names: Vec<String> = names.filter(|name| self.files.contains_key(name)).collect();
        discover(&names).expect("they are there").sources
    }

    fn options(&self, run: Run) -> Options {
        let name = match self.format {
            Format::TencentCdn => "tencent-cdn",
            Format::CloudFront => "cloudfront",
        };
        Options {
            layout: Some(Layout::by_name(name, None).expect("a format")),
            reject_ratio_max: None,
            // Long after the files were written, their stamps tell every change.
            now_nanos: if run.is_trusting { i128::MAX / 2 } else { 0 },
            is_rehash: run.is_rehash,
            is_salvage: run.is_salvage,
            ..support::options(run.workers)
        }
    }

    /// Compares what was said of files and what counts now with the models.
    fn compare(&mut self, place: &Path, said: &[(String, Said)]) -> Result<(), Difference> {
        let found = usage(place)?;
        let mut models = self.after(said);
        models.retain(|model| model.usage() == found);
        if models.is_empty() {
            return Err(self.difference(said, &found));
        }
        self.models = models;
        let store = Store::open_to_read(place).map_err(|error| format!("opening: {error}"))?;
        let mut closed = self.closed.iter();
        let difference = closed.find_map(|closed| closed.difference(&store, &found));
        difference.map_or_else(|| rejects_are_kept(&store, place), Err)
    }

    /// The models after files came in, one after the other, in any order in which it is right what
    /// was said of each.
    fn after(&self, said: &[(String, Said)]) -> BTreeSet<Model> {
        // By the set of files that came in already, a bit for each.
        let mut models = vec![BTreeSet::new(); 1 << said.len()];
        models[0] = self.models.clone();
        for came in 0..models.len() {
            for (next, (name, expected)) in said.iter().enumerate() {
                let then = came | 1 << next;
                for mut model in models[came].clone() {
                    if then != came && self.deliver_to(&mut model, name) == *expected {
                        models[then].insert(model);
                    }
                }
            }
        }
        models.pop().expect("the set of all files")
    }

    fn deliver_to(&self, model: &mut Model, name: &str) -> Said {
        let file = &self.files[name];
        model.deliver(name, file.read(self.is_salvaging), &|name| {
            self.files.contains_key(name)
        })
    }

    fn difference(&self, said: &[(String, Said)], found: &Usage) -> Difference {
        let mut text = "nothing explains what was said and counted\n".to_owned();
        let mut model = self.models.first().expect("at least one").clone();
        for (name, said) in said {
            let expected = self.deliver_to(&mut model, name);
            let (log, len) = (self.files[name].log, self.files[name].text.len());
            text += &format!("  {name} ({len} bytes of log {log}): {said:?}, model {expected:?}\n");
        }
        text + &format!("  counted  {found:?}\n  expected {:?}", model.usage())
    }

    /// All that the store promises holds.
    pub fn verify(&self) -> Result<(), Difference> {
        let store = Store::open_to_read(&self.folder.path().join("store"));
        let verified = store.and_then(|store| store.verify());
        let verified = verified.map_err(|error| format!("verifying: {error}"))?;
        let mut sum = (0, 0);
        let model = self.models.first().expect("at least one");
        for (bytes, requests) in model.usage().into_values() {
            sum = (sum.0 + bytes, sum.1 + requests);
        }
        let total = (verified.usage.bytes.as_u64(), verified.usage.requests);
        match verified.findings.is_empty() && total == sum {
            true => Ok(()),
            false => Err(format!("verified {verified:?}, expected {sum:?}")),
        }
    }
}

/// Gives the run up when so many sources are settled, as a full disk would.
struct GivingUp {
    left: AtomicU64,
}

impl Events for GivingUp {
    fn advanced(&self, _stored_bytes: u64) {}

    fn settled(&self, _source: &SourceReport) -> std::io::Result<()> {
        match self.left.fetch_sub(1, Ordering::Relaxed) {
            0 => Err(std::io::Error::other("given up")),
            _ => Ok(()),
        }
    }
}

/// What was said of every source.
fn said(sources: &[SourceReport]) -> Vec<(String, Said)> {
    let said = |report: &SourceReport| {
        let said = match &report.outcome {
            Outcome::Committed(change) | Outcome::Known(change) => Ok(change.clone()),
            Outcome::Refused(refusal) => Err(refusal.name()),
        };
        (report.name.clone(), said)
    };
    sources.iter().map(said).collect()
}

/// What a store counts.
fn usage(place: &Path) -> Result<Usage, Difference> {
    let read = || {
        let store = Store::open_to_read(place)?;
        store.usage(store.slots()?, 1 << 20)
    };
    let read = read().map_err(|error| format!("reading: {error}"))?;
    let mut usage = Usage::new();
    for row in read.table.into_rows() {
        let domain = read.domains[row.domain.index() as usize].clone();
        let (bytes, requests) = usage
            .entry((domain, row.tally.cell.slot_index()))
            .or_default();
        *bytes += row.tally.bytes;
        *requests += u64::from(row.tally.requests);
    }
    Ok(usage)
}
