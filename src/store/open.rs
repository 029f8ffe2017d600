//! Opening the ledger: only what its seal speaks for is read or written (`seal.rs`).
//!
//! The ledger is one file with a rollback journal, which SQLite empties at every commit and a reader never
//! makes or touches. Ledgers of versions 1 to 3 were in WAL mode and have no seal: they are read as ever, and get
//! both when they are first opened to write.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, Instant};

use rusqlite::backup::Backup;
use rusqlite::{Connection, OpenFlags, TransactionBehavior, params};

use super::astray::{Astray, sweep};
use super::error::StoreError;
use super::ledger::{newest_commit, unsound};
use super::quarantine::note_digests;
use super::seal::{FileState, SEAL, Seal, Sealer, beside, has_hot_journal, has_wal};
use super::{CLOSED, LEDGER, Occasion, QUARANTINE, SEGMENTS, lock, mark};
use crate::disk::{Lock, TEMPORARY, names_in, sync_folder};
use crate::source::Seed;

/// Version of the schema. A ledger of an older version is brought up to it when opened to write.
pub const SCHEMA_VERSION: i64 = 4;
/// The first version whose ledgers are sealed.
const SEALED_VERSION: i64 = 4;
/// The steps from each version to the next; they are never edited, only added to.
pub(super) const MIGRATIONS: [&str; SCHEMA_VERSION as usize] = [
    include_str!("schema.sql"),
    concat!(
        include_str!("schema-2-closing.sql"),
        include_str!("schema-2-copies.sql"),
    ),
    include_str!("schema-3-names.sql"),
    concat!(
        include_str!("schema-4-quarantine.sql"),
        include_str!("schema-4-forget.sql"),
    ),
];
/// How long to wait for another process's transaction.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
/// How long to wait before looking again whether it has ended.
const BUSY_PAUSE: Duration = Duration::from_millis(5);
/// Prepared statements that are kept.
const STATEMENTS_KEPT: usize = 64;

/// A ledger that is open to write.
pub(super) struct Writable {
    pub(super) ledger: Connection,
    pub(super) sealer: Sealer,
    /// What was done with files that no commit names.
    pub(super) astray: Astray,
}

/// What a ledger is brought up to date from, and with.
struct Upgrade<'a> {
    /// Its version; 0 where it is to be made.
    found: i64,
    /// Its last commit.
    commit: i64,
    /// What the digests of a new store start from.
    seed: Seed,
    occasion: &'a Occasion,
}

/// Opens the ledger to write, and makes it or brings it up to date; what no commit names is put away. The store's
/// lock is held.
pub(super) fn open_to_write(
    root: &Path,
    path: &Path,
    seed: Seed,
    occasion: &Occasion,
) -> Result<Writable, StoreError> {
    let seal = Seal::read(root)?;
    let is_empty = fs::metadata(path).map_or(true, |file| file.len() == 0);
    if is_empty && is_lost(root)? {
        return Err(StoreError::LedgerLost { path: root.into() });
    }
    let flags = OpenFlags::default();
    let mut ledger = match &seal {
        Some(seal) if !is_empty => open_sealed(root, path, seal, flags)?,
        _ => open_with(path, flags)?,
    };
    let found = version(root, &ledger)?;
    check_unsealed(root, &ledger, seal.is_some())?;
    if found == 0 && has_counted(root)? {
        return Err(StoreError::LedgerLost { path: root.into() });
    }
    // Before the seal is written again: that a commit was begun tells what the unnamed may be.
    let astray = match found {
        0 => Astray::default(),
        _ => sweep(root, &ledger)?,
    };
    prepare_to_write(&ledger)?;
    let commit = match found {
        0 => 0,
        _ => newest_commit(&ledger)?,
    };
    let is_begun = seal.as_ref().is_some_and(|seal| seal.begun.is_some());
    let is_new = seal.is_none();
    let mut sealer = match seal.filter(|_| !is_begun && !is_empty) {
        Some(seal) => Sealer::resume(root, path, seal),
        None => Sealer::begin_with(root, path, commit)?,
    };
    if found < SCHEMA_VERSION {
        let upgrade = Upgrade {
            found,
            commit,
            seed,
            occasion,
        };
        migrate(root, &mut ledger, &mut sealer, &upgrade)?;
    } else if is_begun || is_new {
        sealer.write()?;
    }
    mark::raise(root, commit)?;
    Ok(Writable {
        ledger,
        sealer,
        astray,
    })
}

/// Brings a ledger up to date, or makes it.
fn migrate(
    root: &Path,
    ledger: &mut Connection,
    sealer: &mut Sealer,
    upgrade: &Upgrade<'_>,
) -> Result<(), StoreError> {
    let Upgrade { found, commit, .. } = *upgrade;
    // A store that is being made has nothing to lose, and no seal.
    if found != 0 {
        sealer.begin(commit)?;
    }
    let transaction = ledger.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for step in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    if found == 0 {
        transaction.execute(
            "INSERT INTO store (id, seed, created_at) VALUES (1, ?1, ?2)",
            params![upgrade.seed.0.cast_signed(), upgrade.occasion.at],
        )?;
    }
    note_digests(root, &transaction)?;
    transaction.pragma_update(None, "user_version", SCHEMA_VERSION)?;
    transaction.commit()?;
    sealer.finish(commit)?;
    Ok(sync_folder(root)?)
}

/// Seals and marks a ledger as it is, on the word of whoever asks for it: SQLite has to find nothing wrong in it. Nobody
/// may have the store open to write. Answers its last commit.
///
/// Errors: [`StoreError`], `LedgerDamaged` where SQLite finds something.
pub fn reseal(root: &Path) -> Result<i64, StoreError> {
    let path = root.join(LEDGER);
    let ledger = open_unchecked(&path)?;
    leave_wal(&ledger)?;
    let commit = newest_commit(&ledger)?;
    Sealer::begin_with(root, &path, commit)?.write()?;
    mark::set(root, commit)?;
    Ok(commit)
}

/// Opens a ledger whatever its seal says, to look what of it can be saved.
///
/// Errors: [`StoreError`], `LedgerDamaged` where SQLite finds it unsound.
pub(super) fn open_unchecked(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ledger = open_with(path, flags)?;
    if_sound(ledger)
}

/// The same, of a ledger that is only looked at: nothing beside it is believed, nothing is written.
///
/// Errors: as [`open_unchecked`].
pub(super) fn look_unchecked(path: &Path) -> Result<Connection, StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ledger = open_immutable(path, flags)?;
    if_sound(ledger)
}

fn if_sound(ledger: Connection) -> Result<Connection, StoreError> {
    match unsound(&ledger)? {
        Some(problem) => Err(StoreError::LedgerDamaged { problem }),
        None => Ok(ledger),
    }
}

/// A copy of a ledger in memory, brought up to date: what is done to it is done to nothing else.
pub(super) fn in_memory(root: &Path, ledger: &Connection) -> Result<Connection, StoreError> {
    let mut copy = Connection::open_in_memory()?;
    Backup::new(ledger, &mut copy)?.run_to_completion(i32::MAX, BUSY_PAUSE, None)?;
    copy.pragma_update(None, "foreign_keys", true)?;
    let found = version(root, &copy)?;
    let transaction = copy.transaction()?;
    for step in &MIGRATIONS[found as usize..] {
        transaction.execute_batch(step)?;
    }
    transaction.commit()?;
    Ok(copy)
}

/// Has a ledger commit as all of ours do.
pub(super) fn prepare_to_write(ledger: &Connection) -> Result<(), StoreError> {
    leave_wal(ledger)?;
    // Every commit is on disk before it is believed, and nothing of it is written into the ledger before:
    // what waits for ten seconds must not keep readers out.
    ledger.pragma_update(None, "synchronous", "FULL")?;
    ledger.pragma_update(None, "cache_spill", false)?;
    Ok(())
}

/// Puts all that stands in files of WAL mode into the ledger's own, and has it use a rollback journal.
fn leave_wal(ledger: &Connection) -> Result<(), StoreError> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        let mode = ledger.pragma_update_and_check(None, "journal_mode", "TRUNCATE", |row| {
            row.get::<_, String>(0)
        });
        match mode {
            Ok(mode) if mode == "truncate" => return Ok(()),
            // A reader of an older version has it open.
            Ok(_) => {}
            Err(error) if is_busy(&error) => {}
            Err(error) => return Err(error.into()),
        }
        if until <= Instant::now() {
            return Err(StoreError::BusyReaders);
        }
        std::thread::sleep(BUSY_PAUSE);
    }
}

/// Opens the ledger to read. The lock, where there is one, has to be held meanwhile.
pub(super) fn open_to_read(
    root: &Path,
    path: &Path,
) -> Result<(Connection, Option<Lock>), StoreError> {
    let until = Instant::now() + BUSY_TIMEOUT;
    loop {
        let seal = Seal::read(root)?;
        let opened = match &seal {
            None => Some(open_unsealed_to_read(root, path)),
            Some(seal) if seal.begun.is_some() && lock::is_held(root)? => None,
            Some(seal) => Some(read_sealed(root, path, seal)),
        };
        // Where it changed meanwhile, a commit was made, and what was seen is not of one state.
        if Seal::read(root)? != seal {
            continue;
        }
        match opened {
            Some(opened) => return opened,
            None if until <= Instant::now() => return Err(StoreError::BusyWriter),
            None => std::thread::sleep(BUSY_PAUSE),
        }
    }
}

fn read_sealed(
    root: &Path,
    path: &Path,
    seal: &Seal,
) -> Result<(Connection, Option<Lock>), StoreError> {
    let is_empty = fs::metadata(path).map_or(true, |file| file.len() == 0);
    if is_empty {
        return Err(no_ledger(root)?);
    }
    // What a crash left half written is rolled back by whoever reads first, if they may write.
    let access = match seal.begun {
        None => OpenFlags::SQLITE_OPEN_READ_ONLY,
        Some(_) => OpenFlags::SQLITE_OPEN_READ_WRITE,
    };
    let flags = access | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let ledger = open_sealed(root, path, seal, flags)?;
    if version(root, &ledger)? == 0 {
        return Err(no_ledger(root)?);
    }
    ledger.pragma_update(None, "query_only", true)?;
    Ok((ledger, None))
}

/// Opens a ledger that is what its seal says, or what a crash makes of that.
fn open_sealed(
    root: &Path,
    path: &Path,
    seal: &Seal,
    flags: OpenFlags,
) -> Result<Connection, StoreError> {
    let foreign = |end| StoreError::LedgerForeign {
        path: beside(path, end),
    };
    if has_wal(path) {
        return Err(foreign("-wal"));
    }
    let is_hot = has_hot_journal(path)?;
    let Some(begun) = seal.begun else {
        return match (is_hot, FileState::of(path)? == seal.file) {
            (true, _) => Err(foreign("-journal")),
            (false, false) => Err(differs(path, seal)),
            (false, true) => open_with(path, flags),
        };
    };
    let ledger = open_with(path, flags)?;
    let found = match version(root, &ledger) {
        Err(StoreError::Ledger(error)) if is_hot && cannot_write(&error) => {
            return Err(StoreError::CutShort { path: root.into() });
        }
        Err(error) => return Err(error),
        Ok(0) => 0,
        Ok(_) => newest_commit(&ledger)?,
    };
    // None of our locks is held between two questions, so that the file may be opened and closed.
    let is_before = FileState::of(path)? == seal.file;
    let is_after = || Ok::<_, StoreError>(found == begun && !is_hot && unsound(&ledger)?.is_none());
    match is_before || is_after()? {
        true => Ok(ledger),
        false => Err(differs(path, seal)),
    }
}

/// What is wrong with a ledger that is not what its seal says.
fn differs(path: &Path, seal: &Seal) -> StoreError {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let found = open_immutable(path, flags).and_then(|ledger| newest_commit(&ledger));
    match found {
        Ok(found) if found < seal.commit => StoreError::LedgerOlder {
            found,
            made: seal.commit,
            by: SEAL.to_owned(),
        },
        _ => StoreError::LedgerDamaged {
            problem: format!(
                "its bytes are not those of commit {}, as ledger.seal has them",
                seal.commit
            ),
        },
    }
}

/// Opens a ledger of versions 1 to 3.
fn open_unsealed_to_read(
    root: &Path,
    path: &Path,
) -> Result<(Connection, Option<Lock>), StoreError> {
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let (ledger, lock) = match has_wal(path) {
        true => (open_with(path, flags)?, None),
        // It was cut short as it was made: that is rolled back.
        false if has_hot_journal(path)? => {
            let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            (open_with(path, flags)?, None)
        }
        // All is in the ledger's own file; the lock keeps it so. SQLite would make files beside it, which
        // are ours then, and lock its owner out.
        false => {
            let lock = lock::share(root)?;
            (open_immutable(path, flags)?, lock)
        }
    };
    check_unsealed(root, &ledger, false)?;
    match version(root, &ledger)? {
        0 => Err(no_ledger(root)?),
        _ => Ok((ledger, lock)),
    }
}

/// Refuses a ledger that must have had a seal: one without a commit may have been cut short as it was made.
fn check_unsealed(root: &Path, ledger: &Connection, is_sealed: bool) -> Result<(), StoreError> {
    let must_be = SEALED_VERSION <= version(root, ledger)?
        && (newest_commit(ledger)? != 0 || has_counted(root)?);
    match must_be && !is_sealed {
        true => Err(StoreError::SealLost { path: root.into() }),
        false => Ok(()),
    }
}

fn open_immutable(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let uri = format!("file:{}?immutable=1", escaped(path));
    open_with(Path::new(&uri), flags | OpenFlags::SQLITE_OPEN_URI)
}

fn open_with(path: &Path, flags: OpenFlags) -> Result<Connection, StoreError> {
    let ledger = Connection::open_with_flags(path, flags)?;
    ledger.busy_timeout(BUSY_TIMEOUT)?;
    ledger.set_prepared_statement_cache_capacity(STATEMENTS_KEPT);
    ledger.pragma_update(None, "foreign_keys", true)?;
    Ok(ledger)
}

/// Whether there must have been a ledger with something in it.
pub(super) fn is_lost(root: &Path) -> Result<bool, StoreError> {
    Ok(Seal::read(root)?.is_some() || has_counted(root)?)
}

/// Whether files tell that there were commits.
fn has_counted(root: &Path) -> Result<bool, StoreError> {
    Ok(holds_usage(root)? || mark::newest(root)?.is_some())
}

/// Whether there are finished files of usage or of rejected lines: a ledger must have named them.
fn holds_usage(root: &Path) -> Result<bool, StoreError> {
    for folder in [SEGMENTS, QUARANTINE, CLOSED].map(|name| root.join(name)) {
        let names = match folder.exists() {
            true => names_in(&folder)?,
            false => Vec::new(),
        };
        if names.iter().any(|name| !name.starts_with(TEMPORARY)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Why there is no ledger to go by, or an empty one.
pub(super) fn no_ledger(root: &Path) -> Result<StoreError, StoreError> {
    let path = root.to_owned();
    Ok(match is_lost(root)? {
        true => StoreError::LedgerLost { path },
        false => StoreError::Missing { path },
    })
}

fn cannot_write(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{CannotOpen, ReadOnly};
    matches!(error.sqlite_error_code(), Some(CannotOpen | ReadOnly))
}

fn is_busy(error: &rusqlite::Error) -> bool {
    use rusqlite::ErrorCode::{DatabaseBusy, DatabaseLocked};
    matches!(
        error.sqlite_error_code(),
        Some(DatabaseBusy | DatabaseLocked)
    )
}

/// A path as a part of a URI.
fn escaped(path: &Path) -> String {
    let byte = |byte: &u8| match byte {
        b'/' | b'.' | b'-' | b'_' | b'0'..=b'9' | b'a'..=b'z' | b'A'..=b'Z' => {
            char::from(*byte).to_string()
        }
        byte => format!("%{byte:02x}"),
    };
    path.as_os_str().as_bytes().iter().map(byte).collect()
}

/// Whether a ledger is of a version that is sealed.
pub(super) fn is_sealed_version(root: &Path, ledger: &Connection) -> Result<bool, StoreError> {
    Ok(SEALED_VERSION <= version(root, ledger)?)
}

fn version(root: &Path, ledger: &Connection) -> Result<i64, StoreError> {
    let found = ledger.pragma_query_value(None, "user_version", |row| row.get(0))?;
    if SCHEMA_VERSION < found {
        return Err(StoreError::TooNew {
            path: root.into(),
            found,
            known: SCHEMA_VERSION,
        });
    }
    Ok(found)
}
