//! Log files as they are on disk, damaged ones too, and what of them is read; what a crash leaves.

use std::fs;
use std::io::{Read as _, Write};
use std::path::Path;

use cdn_meter::store::Store;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use rusqlite::Connection;

use crate::model::{Read, Text};

/// A file as it is on disk.
#[derive(Clone)]
pub struct File {
    pub log: usize,
    pub text: Text,
    pub is_packed: bool,
    pub is_corrupt: bool,
    /// Its whole lines before the damage.
    readable: Option<Text>,
}

impl File {
    pub fn new(log: usize, text: Text, is_packed: bool) -> File {
        File {
            log,
            text,
            is_packed,
            is_corrupt: false,
            readable: None,
        }
    }

    /// Its bytes on disk. A damaged one has lost the end of its archive, or half of it.
    pub fn store(&mut self) -> Vec<u8> {
        let mut stored = match self.is_packed {
            true => gzip(&self.text),
            false => self.text.to_vec(),
        };
        if self.is_corrupt {
            let lost = [9, stored.len() / 2][self.text.len() % 2];
            stored.truncate(stored.len() - lost);
            self.readable = readable(&stored);
        }
        stored
    }

    /// What a run reads of it.
    pub fn read(&self, is_salvaging: bool) -> Option<Read<'_>> {
        let text = match self.is_corrupt {
            false => Some(&self.text),
            true => self.readable.as_ref().filter(|_| is_salvaging),
        };
        text.map(|text| Read {
            text,
            is_salvaged: self.is_corrupt,
        })
    }
}

fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(text).expect("packed");
    encoder.finish().expect("packed")
}

/// The whole lines of a damaged archive, up to the damage.
fn readable(stored: &[u8]) -> Option<Text> {
    let mut text = Vec::new();
    let damage = GzDecoder::new(stored).read_to_end(&mut text);
    damage.expect_err("it is damaged");
    let whole = text.iter().rposition(|byte| *byte == b'\n')? + 1;
    Some(Text::from(&text[..whole]))
}

/// Files as a commit leaves them that was cut short, under the names that the next one may take.
pub fn leave_orphans(store: &Path) {
    let ledger = Connection::open(store.join("ledger.sqlite")).expect("opened");
    let next = "SELECT coalesce(max(id), 0) + 1 FROM commits";
    let Ok(next) = ledger.query_row(next, [], |row| row.get::<_, i64>(0)) else {
        return;
    };
    for (folder, end) in [("segments", "-0000.parquet"), ("quarantine", "-1.ndjson")] {
        let folder = store.join(folder);
        fs::create_dir_all(&folder).expect("made");
        fs::write(folder.join(format!("{next:08}{end}")), "PAR1").expect("written");
        fs::write(folder.join(format!(".writing-{next:08}{end}")), "PA").expect("written");
    }
}

/// Every rejected line that counts stands in the quarantine, once: none here is too many to be kept.
pub fn rejects_are_kept(store: &Store, place: &Path) -> Result<(), String> {
    for quarantined in store.quarantined().expect("read") {
        let files = quarantined.files.iter();
        let kept = files.map(|name| fs::read(place.join("quarantine").join(name)).expect("read"));
        let kept: usize = kept
            .map(|text| text.split(|byte| *byte == b'\n').count() - 1)
            .sum();
        if kept as u64 != quarantined.rejected {
            return Err(format!("{kept} lines are kept of {quarantined:?}"));
        }
    }
    Ok(())
}
