//! What datasets of OUT were made of, and what their files are: told in a file beside them, so that what stands there
//! of an earlier command can be held against what is published now.
//!
//! ```text
//! cdn-meter made-of/2
//! made<TAB>summary<TAB>*<TAB>name=value<TAB>…        of all months of a dataset
//! made<TAB>charges<TAB>2026-10<TAB>name=value<TAB>…  of one of them
//! file<TAB>summary/billing_month=2026-10-01/part-00000.parquet<TAB>bytes<TAB>SHA-256
//! check<TAB><64 digits>                              SHA-256 of the lines above
//! ```
//! It speaks for a dataset only while the dataset's files are, to the byte, those that it names: another OUT's, copied
//! in, speaks for nothing here. Where there is none, or one of a version that noted no files, it speaks for nothing,
//! either. One that is not as it was written is believed in nothing: who finds it stops, and touches nothing.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use rayon::prelude::*;
use sha2::{Digest as _, Sha256};

use super::dataset::{Dataset, PublishError, write_error};
use super::folders::{MADE_OF, files_below, folder_name, months_in};
use super::origin::{Facts, Origin};
use crate::disk::open_file;
use crate::store::StoreError;
use crate::units::{Month, hex};

const TITLE: &str = "cdn-meter made-of/2";
/// What stands for all months.
const ALL: &str = "*";
/// Bytes of a file that are read at a time.
const READ_BYTES: usize = 1 << 16;

/// What a file is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FileFacts {
    bytes: u64,
    sha256: String,
}

/// Files by their place in a folder.
pub(super) type FilesOf = BTreeMap<String, FileFacts>;

/// What is noted of datasets.
#[derive(Debug, Default)]
pub(super) struct MadeOf {
    /// By dataset and month.
    made: BTreeMap<(String, String), Facts>,
    files: FilesOf,
}

impl MadeOf {
    /// Reads what is noted in `out`.
    ///
    /// Errors: [`PublishError`], `MadeOfDamaged` where it is not as it was written.
    pub(super) fn read(out: &Path) -> Result<Self, PublishError> {
        let path = out.join(MADE_OF);
        let mut text = Vec::new();
        match open_file(&path).and_then(|mut file| file.read_to_end(&mut text)) {
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(MadeOf::default()),
            Err(error) => return Err(write_error(&path)(error)),
        }
        let text = String::from_utf8_lossy(&text);
        let is_older = |line: &str| {
            line.split('\t')
                .nth(2)
                .is_some_and(|of| of.starts_with("registry="))
        };
        match MadeOf::parse(&text) {
            Some(made_of) => Ok(made_of),
            None if !text.is_empty() && text.lines().all(is_older) => Ok(MadeOf::default()),
            None => Err(PublishError::MadeOfDamaged { path }),
        }
    }

    /// The notes with this very text.
    fn parse(text: &str) -> Option<Self> {
        let mut made_of = MadeOf::default();
        for line in text.lines().skip(1) {
            let mut parts = line.split('\t');
            match parts.next()? {
                "made" => {
                    let of = (parts.next()?.to_owned(), parts.next()?.to_owned());
                    let fact = |part: &str| {
                        let (name, value) = part.split_once('=')?;
                        Some((name.to_owned(), value.to_owned()))
                    };
                    made_of
                        .made
                        .insert(of, parts.map(fact).collect::<Option<Facts>>()?);
                }
                "file" => {
                    let place = parts.next()?.to_owned();
                    let bytes = parts.next()?.parse().ok()?;
                    let sha256 = parts.next()?.to_owned();
                    made_of.files.insert(place, FileFacts { bytes, sha256 });
                }
                _ => {}
            }
        }
        (made_of.text() == text).then_some(made_of)
    }

    pub(super) fn text(&self) -> String {
        let mut text = format!("{TITLE}\n");
        for ((dataset, month), facts) in &self.made {
            text.push_str(&format!("made\t{dataset}\t{month}"));
            let facts = facts.iter();
            facts.for_each(|(name, value)| text.push_str(&format!("\t{name}={value}")));
            text.push('\n');
        }
        for (place, FileFacts { bytes, sha256 }) in &self.files {
            text.push_str(&format!("file\t{place}\t{bytes}\t{sha256}\n"));
        }
        let check = hex(&Sha256::digest(&text));
        text.push_str(&format!("check\t{check}\n"));
        text
    }

    /// Notes what a dataset that is built in the folder `built`, or a month of it, is made of, and its files.
    pub(super) fn note(
        &mut self,
        dataset: Dataset,
        (built, files): (&Path, &FilesOf),
        month: Option<Month>,
        origin: &Origin<'_>,
    ) -> Result<(), StoreError> {
        self.forget(dataset, month);
        let mut months = vec![month];
        if month.is_none() {
            months.extend(months_in(built).into_iter().map(Some));
        }
        for month in months {
            let at = month.map_or_else(|| ALL.to_owned(), |month| month.to_string());
            let facts = origin.facts_of(dataset, month)?;
            self.made.insert((dataset.name().to_owned(), at), facts);
        }
        let folder = folder_of(dataset, month);
        let of_it = files.iter().filter(|(place, _)| place.starts_with(&folder));
        self.files
            .extend(of_it.map(|(place, of)| (place.clone(), of.clone())));
        Ok(())
    }

    /// Notes a file of OUT itself, and what it is made of; `None` where it is gone.
    pub(super) fn note_file(
        &mut self,
        name: &str,
        of: Option<FileFacts>,
        origin: &Origin<'_>,
    ) -> Result<(), StoreError> {
        self.files.remove(name);
        let key = (name.to_owned(), ALL.to_owned());
        self.made.remove(&key);
        if let Some(of) = of {
            self.files.insert(name.to_owned(), of);
            self.made
                .insert(key, origin.facts_of(Dataset::Usage5min, None)?);
        }
        Ok(())
    }

    /// Whether a file of OUT itself was made of the same, and is as it was written.
    pub(super) fn is_same_file(
        &self,
        (out, name): (&Path, &str),
        origin: &Origin<'_>,
    ) -> Result<bool, PublishError> {
        let key = (name.to_owned(), ALL.to_owned());
        let (Some(facts), Some(of)) = (self.made.get(&key), self.files.get(name)) else {
            return Ok(false);
        };
        Ok(origin.is_of_state(facts)? && file_facts(&out.join(name)).is_ok_and(|now| now == *of))
    }

    /// Forgets a dataset, or a month of it.
    pub(super) fn forget(&mut self, dataset: Dataset, month: Option<Month>) {
        let folder = folder_of(dataset, month);
        self.files.retain(|place, _| !place.starts_with(&folder));
        let month = month.map(|month| month.to_string());
        self.made.retain(|(of, at), _| {
            of != dataset.name() || month.as_ref().is_some_and(|month| month != at)
        });
    }

    /// What is noted of a month of a dataset.
    pub(super) fn of_month(&self, dataset: Dataset, month: Month) -> Option<&Facts> {
        let of = |month: &str| {
            self.made
                .get(&(dataset.name().to_owned(), month.to_owned()))
        };
        of(&month.to_string()).or_else(|| of(ALL))
    }

    /// Whether a dataset, or a month of it, was made of the same.
    ///
    /// Errors: [`StoreError`].
    pub(super) fn is_same(
        &self,
        dataset: Dataset,
        month: Option<Month>,
        (origin, is_billed): (&Origin<'_>, bool),
    ) -> Result<bool, StoreError> {
        if let Some(month) = month {
            return match self.of_month(dataset, month) {
                Some(facts) => origin.is_same((dataset, Some(month)), facts, is_billed),
                None => Ok(false),
            };
        }
        // Notes of some months do not speak for the others.
        let name = dataset.name();
        let mut has_all = false;
        for ((of, month), facts) in &self.made {
            if of != name {
                continue;
            }
            has_all |= month == ALL;
            if !origin.is_same((dataset, month.parse().ok()), facts, is_billed)? {
                return Ok(false);
            }
        }
        Ok(has_all)
    }

    /// Whether all files that are noted of a folder, such as `summary`, are there with their lengths, if any is.
    pub(super) fn lists(&self, out: &Path, folder: &str) -> bool {
        let mut files = self.of_folder(folder).peekable();
        files.peek().is_some()
            && files.all(|(place, of)| {
                fs::metadata(out.join(place)).is_ok_and(|file| file.len() == of.bytes)
            })
    }

    pub(super) fn has(&self, place: &str) -> bool {
        self.files.contains_key(place)
    }

    fn of_folder(&self, folder: &str) -> impl Iterator<Item = (&String, &FileFacts)> {
        let prefix = format!("{folder}/");
        let from = self.files.range(prefix.clone()..);
        from.take_while(move |(place, _)| place.starts_with(&prefix))
    }

    /// The first file of a dataset, or a month of it, that is not what is noted.
    pub(super) fn unlike(
        &self,
        out: &Path,
        dataset: Dataset,
        month: Option<Month>,
    ) -> Result<Option<String>, PublishError> {
        let folder = folder_of(dataset, month);
        let folder = folder.trim_end_matches('/');
        let there = files_of(out, folder)?;
        let noted: FilesOf = self
            .of_folder(folder)
            .map(|(place, of)| (place.clone(), of.clone()))
            .collect();
        let places = noted.keys().chain(there.keys());
        let mut unlike = places.filter(|place| noted.get(*place) != there.get(*place));
        Ok(unlike.next().cloned())
    }
}

/// Where the files of a dataset, or a month of it, are.
fn folder_of(dataset: Dataset, month: Option<Month>) -> String {
    match month {
        Some(month) => format!("{}/{}/", dataset.name(), folder_name(month)),
        None => format!("{}/", dataset.name()),
    }
}

/// What the visible files below `folder` of `root` are, `_SUCCESS` left out.
pub(super) fn files_of(root: &Path, folder: &str) -> Result<FilesOf, PublishError> {
    let places = files_below(root, folder).map_err(write_error(&root.join(folder)))?;
    let is_data = |place: &String| {
        let name = place.rsplit('/').next().unwrap_or_default();
        name != "_SUCCESS" && !name.starts_with('.')
    };
    let places: Vec<String> = places.into_iter().filter(is_data).collect();
    let facts = places.into_par_iter().map(|place| {
        let path = root.join(&place);
        let facts = file_facts(&path).map_err(write_error(&path))?;
        Ok((place, facts))
    });
    facts.collect()
}

/// What a file is.
pub(super) fn file_facts(path: &Path) -> io::Result<FileFacts> {
    let (mut file, mut bytes) = (open_file(path)?, 0);
    let (mut digest, mut part) = (Sha256::new(), vec![0; READ_BYTES]);
    loop {
        let read = file.read(&mut part)?;
        if read == 0 {
            let sha256 = hex(&digest.finalize());
            return Ok(FileFacts { bytes, sha256 });
        }
        digest.update(&part[..read]);
        bytes += read as u64;
    }
}
