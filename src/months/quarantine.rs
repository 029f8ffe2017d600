//! `OUT/quarantine.ndjson`, on its way: the rejected lines that are of what is published.
//!
//! A run into a store writes all that the store holds as rejected now, whenever they came in, and what it rejected
//! of files that it refused, which no store keeps. A run that keeps nothing writes its own. Where there are none,
//! there is no file. What `summary` and `bill` find there of another state of the store, or damaged, they write anew,
//! by what the store holds, and say so.

use std::fs::{self, File};
use std::io::{self, BufWriter, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use super::error::MonthError;
use super::watch::{Notice, Watch};
use crate::disk::create_private;
use crate::ingest::{Quarantine, SourceReport};
use crate::report::{Build, Origin, QUARANTINE_FILE, is_quarantine_stale};
use crate::store::Store;

/// The file, built under another name and only if there are rejected lines.
#[derive(Debug)]
pub struct QuarantineFile {
    building: PathBuf,
    /// Whether a store keeps those of files that are not refused.
    is_of_store: bool,
    /// Its lines hold addresses of clients.
    mode: u32,
    file: Option<Quarantine<BufWriter<File>>>,
}

/// Writes the file anew where the one in OUT is not of what `store` holds now; whether there are lines then.
pub(super) fn renew(
    build: &Build,
    store: &Store,
    origin: &Origin<'_>,
    watch: &dyn Watch,
) -> Result<Option<bool>, MonthError> {
    if !is_quarantine_stale(build, origin)? {
        return Ok(None);
    }
    let path = build.out().join(QUARANTINE_FILE);
    let was = fs::symlink_metadata(&path);
    let is_group_readable = was.is_ok_and(|was| was.permissions().mode() & 0o040 != 0);
    let file = QuarantineFile::new(build, true, is_group_readable);
    let has_lines = file.finish(Some(store))?;
    watch.tell(&Notice::QuarantineStale {
        path: &path,
        has_lines,
    });
    Ok(Some(has_lines))
}

impl QuarantineFile {
    /// Begins it, before there is any line; `is_of_store` says whether a store keeps those that count.
    pub fn new(build: &Build, is_of_store: bool, is_group_readable: bool) -> Self {
        QuarantineFile {
            building: build.file(QUARANTINE_FILE),
            is_of_store,
            mode: if is_group_readable { 0o640 } else { 0o600 },
            file: None,
        }
    }

    /// Keeps the rejected lines of a source that was read.
    ///
    /// Errors: the system's.
    pub fn keep(&mut self, source: &SourceReport) -> io::Result<()> {
        if source.rejects.lines.is_empty() || self.is_of_store && !source.is_refused() {
            return Ok(());
        }
        self.open()?.write(source)
    }

    fn open(&mut self) -> io::Result<&mut Quarantine<BufWriter<File>>> {
        Ok(match &mut self.file {
            Some(file) => file,
            none => {
                let file = create_private(&self.building, self.mode)?;
                none.insert(Quarantine::new(BufWriter::new(file)))
            }
        })
    }

    /// Adds what a store holds as rejected.
    fn add(&mut self, store: &Store) -> Result<(), MonthError> {
        for content in store.quarantined()? {
            for name in &content.files {
                let mut lines = store.open_quarantine(name)?;
                io::copy(&mut lines, self.open()?.out())?;
            }
        }
        Ok(())
    }

    /// Completes the file, with what `store` holds; whether there are any lines.
    pub(super) fn finish(mut self, store: Option<&Store>) -> Result<bool, MonthError> {
        if let Some(store) = store {
            self.add(store)?;
        }
        let Some(file) = self.file else {
            return Ok(false);
        };
        let mut file = file.into_inner();
        file.flush()?;
        file.get_ref().sync_all()?;
        Ok(true)
    }
}
