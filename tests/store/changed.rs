//! Files that somebody writes to while they are read: what counts was a content at some time.

use std::collections::VecDeque;
use std::fs::{self, File, FileTimes};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use cdn_meter::ingest::{Events, Outcome, READINGS_MAX, SourceReport, ingest};
use cdn_meter::source::{Seed, discover};
use cdn_meter::store::{Access, Change, Occasion, Store};
use flate2::Compression;
use flate2::write::GzEncoder;

use crate::program::{bytes, lines};
use crate::support;

/// Writes over a file, or appends to it, each time that some of it was read.
struct Writer {
    path: PathBuf,
    deeds: Mutex<VecDeque<Deed>>,
}

#[derive(Clone)]
enum Deed {
    Nothing,
    /// Puts bytes in the place of those that are there, from the start on.
    Overwrite(Vec<u8>),
    /// The same, with the times that it had before.
    OverwriteInSecret(Vec<u8>),
    Append(Vec<u8>),
    /// Cuts it to nothing, and writes this.
    Rewrite(Vec<u8>),
    /// Gives it another name, and makes a new one in its place.
    Rotate(Vec<u8>),
}

impl Writer {
    fn write(&self, deed: Deed) {
        let open = || File::options().write(true).open(&self.path).expect("there");
        match deed {
            Deed::Nothing => {}
            Deed::Overwrite(text) => open().write_all(&text).expect("written"),
            Deed::OverwriteInSecret(text) => {
                let before = fs::metadata(&self.path).expect("there");
                let times = FileTimes::new().set_modified(before.modified().expect("a time"));
                let mut file = open();
                file.write_all(&text).expect("written");
                file.set_times(times).expect("set");
            }
            Deed::Append(text) => {
                let file = File::options().append(true).open(&self.path);
                file.expect("there").write_all(&text).expect("written");
            }
            Deed::Rewrite(text) => {
                open().set_len(0).expect("cut");
                open().write_all(&text).expect("written");
            }
            Deed::Rotate(text) => {
                fs::rename(&self.path, self.path.with_extension("1")).expect("moved");
                fs::write(&self.path, text).expect("written");
            }
        }
    }
}

impl Events for Writer {
    fn advanced(&self, _stored_bytes: u64) {
        let deed = self.deeds.lock().expect("sound").pop_front();
        self.write(deed.unwrap_or(Deed::Nothing));
    }

    fn settled(&self, _source: &SourceReport) -> std::io::Result<()> {
        Ok(())
    }
}

fn open(folder: &Path) -> Store {
    let occasion = Occasion {
        at: "2026-11-27T00:00:00Z".to_owned(),
        command: "ingest".to_owned(),
    };
    Store::open_to_write(&folder.join("store"), Seed(7), occasion, Access::default())
        .expect("opened")
}

/// What became of `text`, to which `deeds` are done as it is read, and the bytes that count then.
fn read_while(text: &[u8], deeds: &[Deed]) -> (Outcome, u64) {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("a.log");
    fs::write(&path, text).expect("written");
    let writer = Writer {
        path: path.clone(),
        deeds: Mutex::new(deeds.iter().cloned().collect()),
    };
    let store = open(folder.path());
    let found = discover(&[path.display().to_string()]).expect("found");
    let options = support::options(1);
    let mut ingested = ingest(found.sources, &options, &writer, &store).expect("ingested");
    let usage = store.usage(store.slots().expect("slots"), 1 << 20);
    let total = usage.expect("read").table.total().expect("a sum");
    let outcome = ingested.sources.pop().expect("a source").outcome;
    (outcome, total.bytes.as_u64())
}

#[track_caller]
fn counts(text: &[u8], deeds: &[Deed], expected: u64) {
    let (outcome, counted) = read_while(text, deeds);
    assert!(
        matches!(outcome, Outcome::Committed(Change::New)),
        "{outcome:?}"
    );
    assert_eq!(counted, expected);
}

#[test]
fn d12_a_file_that_is_overwritten_while_it_is_read_is_read_again() {
    let (old, new) = (lines(10, 40), lines(50, 40));
    assert_eq!(old.len(), new.len());
    for deed in [Deed::Overwrite, Deed::OverwriteInSecret] {
        counts(old.as_bytes(), &[deed(new.clone().into())], bytes(50, 40));
    }
    // Longer, but not grown: it begins otherwise.
    let longer = lines(50, 60);
    let deeds = [Deed::Overwrite(longer.into())];
    counts(old.as_bytes(), &deeds, bytes(50, 60));
    // Cut and written anew.
    let deeds = [Deed::Rewrite(lines(90, 9).into())];
    counts(old.as_bytes(), &deeds, bytes(90, 9));
}

#[test]
fn d12_a_large_file_is_no_mixture_of_two() {
    // Several ranges, of which some are read before and some after it is overwritten.
    let count = 200_000;
    let (old, new) = (lines(100_000, count), lines(300_000, count));
    assert_eq!(old.len(), new.len());
    assert!(16 << 20 < old.len());
    for before in [0, 1] {
        let mut deeds = vec![Deed::Nothing; before];
        deeds.push(Deed::Overwrite(new.clone().into()));
        counts(old.as_bytes(), &deeds, bytes(300_000, count));
    }
}

#[test]
fn d12_an_archive_that_is_overwritten_while_it_is_read_is_read_again() {
    let gzip = |text: &str| {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::none());
        encoder.write_all(text.as_bytes()).expect("packed");
        encoder.finish().expect("packed")
    };
    let (old, new) = (gzip(&lines(10, 40)), gzip(&lines(50, 40)));
    assert_eq!(old.len(), new.len());
    counts(&old, &[Deed::Overwrite(new)], bytes(50, 40));
}

#[test]
fn d12_a_file_that_changes_whenever_it_is_read_is_refused_by_name() {
    let deed = |n: u64| Deed::Overwrite(lines(10 * n + 10, 40).into());
    let deeds: Vec<_> = (1..=u64::from(READINGS_MAX) * 2).map(deed).collect();
    let text = lines(10, 40);
    let (outcome, counted) = read_while(text.as_bytes(), &deeds);
    let Outcome::Refused(refusal) = outcome else {
        panic!("{outcome:?}");
    };
    assert_eq!(refusal.name(), "changed");
    assert!(refusal.to_string().contains("it changed while it was read"));
    assert_eq!(counted, 0);
}

#[test]
fn d12_growth_is_no_change_and_the_rest_comes_another_time() {
    let text = lines(10, 40);
    let deeds = [
        Deed::Append(lines(50, 5).into()),
        Deed::Append(lines(55, 5).into()),
    ];
    counts(text.as_bytes(), &deeds, bytes(10, 40));
    // So does a log that is rotated away: what was opened is what counts.
    let deeds = [Deed::Rotate(lines(90, 3).into())];
    counts(text.as_bytes(), &deeds, bytes(10, 40));
}
