//! Backups: a consistent copy of a store that may be written to meanwhile, and a store made of one.
//!
//! ```text
//! DIR/                   a store as any other, which every command that reads can be pointed at
//! DIR/backup.manifest    the commit that it is of; length and SHA-256 of every file
//! ```
//! The ledger is copied by SQLite, which waits for no writer and keeps none waiting for long. What that copy names is
//! linked where the file system can (files of a store are never written to again, only taken away), else copied; with
//! `copy` always, since a disk that damages a file damages all its links. Every file is read once and has to
//! have the digest that the ledger notes. A file that is gone since the ledger was copied because a writer put another in
//! its place has the backup begun anew. A backup is built beside its place, in a folder that is its command's alone, and
//! renamed, so it is whole or not there, and of two to one place the later one is refused.
//!
//! Restoring checks all of it first, copies, and never writes over anything.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read as _;
use std::path::Path;
use std::time::Duration;

use rusqlite::Connection;
use rusqlite::backup::Backup as LedgerCopy;
use sha2::{Digest as _, Sha256};

use super::astray::FOLDERS;
use super::close;
use super::error::{StoreError, file_error};
use super::open::is_sealed_version;
use super::scan::sha256;
use super::seal::{SEAL, Sealer};
use super::{CLOSED, LEDGER, QUARANTINE, SEGMENTS, Store, ledger, mark};
use crate::disk::{
    Beside, DurableFile, Modes, link_or_copy, make_folder, names_in, open_file, remove, stop_at,
    sync_file, sync_folder,
};
use crate::units::hex;

/// The list of a backup's files.
pub(super) const MANIFEST: &str = "backup.manifest";
const TITLE: &str = "cdn-meter backup/1";
/// A pause while a commit is being made.
const PAUSE: Duration = Duration::from_millis(20);

/// A backup that was made, or that a store was made of.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backup {
    /// The last commit in it.
    pub commit: i64,
    /// When it was made, RFC 3339 in UTC.
    pub at: String,
    /// Its files, and their bytes.
    pub files: u64,
    /// Bytes of them.
    pub bytes: u64,
    /// Files that are links to those of the store.
    pub linked: u64,
    /// Quarantine files that the store has lost; their rejected lines were not kept.
    pub missing: Vec<String>,
}

/// Length and SHA-256 of files by their places.
type Files = BTreeMap<String, (u64, String)>;

impl Store {
    /// Copies the store to `place`, where nothing may be; with links only where `is_copy` is not set.
    ///
    /// Errors: [`StoreError`]; nothing is at `place` then.
    pub fn backup(&self, place: &Path, at: &str, is_copy: bool) -> Result<Backup, StoreError> {
        let beside = begin(place, Modes::of(&self.root)?)?;
        let building = beside.building();
        let built = self.steadily(|| {
            clear(&building)?;
            self.build(&building, at, is_copy)
        })?;
        finish(beside, place)?;
        Ok(built)
    }

    fn build(&self, building: &Path, at: &str, is_copy: bool) -> Result<Backup, StoreError> {
        let modes = Modes::of(&self.root)?;
        FOLDERS
            .iter()
            .try_for_each(|folder| make_folder(&building.join(folder), modes))?;
        let path = building.join(LEDGER);
        modes.make_missing(&path)?;
        let mut copy = Connection::open(&path)?;
        self.copy_ledger(&mut copy)?;
        let mut backup = Backup {
            commit: ledger::newest_commit(&copy)?,
            at: at.to_owned(),
            ..Backup::default()
        };
        stop_at("backup.copied");
        let mut files = Files::new();
        for (place, noted) in named_files(&copy)? {
            let from = self.root.join(&place);
            if place.starts_with(QUARANTINE) && !from.exists() {
                if !self.names(&place)? {
                    // A retry has replaced it since: what counts now has to be copied.
                    return Err(StoreError::Lost { name: place });
                }
                backup.missing.push(place);
                continue;
            }
            let to = building.join(&place);
            if let Some(parent) = to.parent() {
                make_parents(parent, building, modes)?;
            }
            backup.linked += u64::from(link_or_copy(&from, &to, is_copy)?);
            let (found, bytes) = sha256(building, &place)?;
            let found = hex(&found);
            if noted.is_some_and(|noted| noted != found) {
                return Err(StoreError::NotAsNoted { name: place });
            }
            files.insert(place, (bytes, found));
        }
        let is_sealed = is_sealed_version(&self.root, &copy)?;
        copy.close().map_err(|(_, error)| error)?;
        sync_file(&path)?;
        if is_sealed {
            Sealer::begin_with(building, &path, backup.commit)?.write()?;
        }
        for name in [LEDGER, SEAL]
            .iter()
            .filter(|name| building.join(name).exists())
        {
            let (found, bytes) = sha256(building, name)?;
            files.insert((*name).to_owned(), (bytes, hex(&found)));
        }
        backup.files = files.len() as u64;
        backup.bytes = files.values().map(|(bytes, _)| bytes).sum();
        write_manifest(building, &backup, &files)?;
        sync_tree(building)?;
        Ok(backup)
    }

    fn copy_ledger(&self, copy: &mut Connection) -> Result<(), StoreError> {
        let state = self.lock_state();
        LedgerCopy::new(&state.ledger, copy)?.run_to_completion(i32::MAX, PAUSE, None)?;
        Ok(())
    }

    /// Whether the newest ledger names the quarantine file at `place`.
    fn names(&self, place: &str) -> Result<bool, StoreError> {
        let [_, (folder, named), _] = ledger::named(&self.lock_state().ledger)?;
        Ok(named.iter().any(|name| format!("{folder}/{name}") == place))
    }
}

/// Makes a store at `root`, where nothing may be, of the backup in `from`.
///
/// Errors: [`StoreError`]; nothing is at `root` then.
pub fn restore(from: &Path, root: &Path) -> Result<Backup, StoreError> {
    let (backup, files) = read_manifest(from)?;
    for (name, noted) in &files {
        let is_as_noted = match sha256(from, name) {
            Ok((found, bytes)) => (bytes, hex(&found)) == *noted,
            Err(error) if error.is_missing_file() => false,
            Err(error) => return Err(error),
        };
        if !is_as_noted {
            let path = from.join(name);
            return Err(StoreError::BackupDamaged { path });
        }
    }
    let modes = Modes::of(from)?;
    let beside = begin(root, modes)?;
    let building = beside.building();
    FOLDERS
        .iter()
        .try_for_each(|folder| make_folder(&building.join(folder), modes))?;
    for name in files.keys() {
        let to = building.join(name);
        if let Some(parent) = to.parent() {
            make_parents(parent, &building, modes)?;
        }
        link_or_copy(&from.join(name), &to, true)?;
    }
    if files.contains_key(SEAL) {
        mark::set(&building, backup.commit)?;
    }
    stop_at("restore.copied");
    sync_tree(&building)?;
    finish(beside, root)?;
    Ok(backup)
}

/// The places of all files that a ledger names, with their SHA-256 where it notes one.
pub(super) fn named_files(
    ledger: &Connection,
) -> Result<Vec<(String, Option<String>)>, StoreError> {
    let mut files = Vec::new();
    for segment in ledger::segments(ledger)? {
        let place = format!("{SEGMENTS}/{}", segment.name);
        files.push((place, Some(hex(&segment.sha256))));
    }
    let digest = match ledger::has_column(ledger, "quarantine", "sha256")? {
        true => "sha256",
        false => "NULL",
    };
    let mut statement = ledger.prepare(&format!("SELECT name, {digest} FROM quarantine"))?;
    let mut rows = statement.query([])?;
    while let Some(row) = rows.next()? {
        let (name, digest): (String, Option<Vec<u8>>) = (row.get(0)?, row.get(1)?);
        files.push((
            format!("{QUARANTINE}/{name}"),
            digest.map(|digest| hex(&digest)),
        ));
    }
    for close in close::closes(ledger)? {
        let month = close.terms.month;
        let of_close = close.files.into_iter();
        files.extend(
            of_close.map(|file| (format!("{CLOSED}/{month}/{}", file.name), Some(file.sha256))),
        );
    }
    Ok(files)
}

/// Begins to build a folder beside `place`, where nothing may be.
fn begin(place: &Path, modes: Modes) -> Result<Beside, StoreError> {
    Beside::begin(place, modes)?.ok_or_else(|| StoreError::Exists { path: place.into() })
}

/// Has what was built take its place.
fn finish(beside: Beside, place: &Path) -> Result<(), StoreError> {
    match beside.finish()? {
        true => Ok(()),
        false => Err(StoreError::Exists { path: place.into() }),
    }
}

/// Empties a folder of ours, if it is there.
fn clear(building: &Path) -> Result<(), StoreError> {
    if building.exists() {
        for name in names_in(building)? {
            remove(&building.join(name))?;
        }
    }
    Ok(())
}

fn make_parents(folder: &Path, top: &Path, modes: Modes) -> Result<(), StoreError> {
    if folder.is_dir() || folder == top {
        return Ok(());
    }
    if let Some(parent) = folder.parent() {
        make_parents(parent, top, modes)?;
    }
    Ok(make_folder(folder, modes)?)
}

/// Makes all names below a folder durable.
fn sync_tree(folder: &Path) -> Result<(), StoreError> {
    for name in names_in(folder)? {
        let path = folder.join(name);
        if path.is_dir() {
            sync_tree(&path)?;
        }
    }
    Ok(sync_folder(folder)?)
}

fn write_manifest(folder: &Path, backup: &Backup, files: &Files) -> Result<(), StoreError> {
    let mut text = format!("{TITLE}\nat\t{}\ncommit\t{}\n", backup.at, backup.commit);
    // A string takes what is written to it.
    for (name, (bytes, sha256)) in files {
        let _ = writeln!(text, "file\t{name}\t{bytes}\t{sha256}");
    }
    let check = hex(&Sha256::digest(text.as_bytes()));
    let _ = writeln!(text, "check\t{check}");
    Ok(DurableFile::keep((folder, MANIFEST), text.as_bytes())?)
}

fn read_manifest(folder: &Path) -> Result<(Backup, Files), StoreError> {
    let path = folder.join(MANIFEST);
    let mut text = Vec::new();
    match open_file(&path).and_then(|mut file| file.read_to_end(&mut text)) {
        Ok(_) => {}
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            return Err(StoreError::NoBackup {
                path: folder.into(),
            });
        }
        Err(error) => return Err(file_error("read", &path)(error)),
    };
    let text = std::str::from_utf8(&text).ok();
    text.and_then(parse_manifest)
        .ok_or(StoreError::BackupDamaged { path })
}

fn parse_manifest(text: &str) -> Option<(Backup, Files)> {
    let (facts, check) = text.strip_suffix('\n')?.rsplit_once("\ncheck\t")?;
    let facts = format!("{facts}\n");
    if hex(&Sha256::digest(facts.as_bytes())) != check {
        return None;
    }
    let mut lines = facts.lines();
    if lines.next()? != TITLE {
        return None;
    }
    let mut backup = Backup {
        at: lines.next()?.strip_prefix("at\t")?.to_owned(),
        commit: lines.next()?.strip_prefix("commit\t")?.parse().ok()?,
        ..Backup::default()
    };
    let file = |line: &str| {
        let mut fields = line.strip_prefix("file\t")?.split('\t');
        let (name, bytes, sha256) = (fields.next()?, fields.next()?, fields.next()?);
        // A path that leads elsewhere is none that we wrote.
        let is_ours = Path::new(name)
            .components()
            .all(|part| matches!(part, std::path::Component::Normal(_)));
        is_ours.then(|| Some((name.to_owned(), (bytes.parse().ok()?, sha256.to_owned()))))?
    };
    let files = lines.map(file).collect::<Option<Files>>()?;
    backup.files = files.len() as u64;
    backup.bytes = files.values().map(|(bytes, _)| bytes).sum();
    Some((backup, files))
}
