//! The store: which contents count, and their usage, durably and exactly once.
//!
//! ```text
//! STORE/ledger.sqlite    sources, contents, segments, commits: all that is believed
//! STORE/segments/        usage, one Parquet file or more per commit
//! STORE/quarantine/      rejected lines of the contents that count, NDJSON
//! STORE/closed/          closed months, as they were published
//! STORE/lock             held by the one process that writes
//! ```
//! Owns: segments, ledger, what a content is to those that were counted before, commits.
//! Does not own: reading logs, what a domain is sold as.
//!
//! A commit writes its segment files first (beside, synced, renamed, the folder synced), then names
//! them in one transaction of the ledger, together with the contents and sources that they hold
//! (DESIGN D3). A crash before the transaction leaves files that nobody names, which are removed
//! when the store is next opened to write; a crash after it leaves nothing to do.
//!
//! Rejected lines that are accepted later move to another fate within their content (`retry.rs`). Files
//! that are counted anew get contents of the same digests in the place of theirs (`recount.rs`).
//!
//! Invariants: `SEG-1` a segment counts iff the ledger names it; `SPAN-1` a content's own lines start
//! where its parent ends; `SUM-1` the rows of a content in all segments have the bytes and requests
//! that the ledger notes of it; a content counts once, however many names hold it, unless a copy is
//! asked for that counts apart: it has a lineage of its own. All that is published is at most
//! `Bytes::SUM_MAX` (`limit.rs`).

mod against;
mod change;
mod close;
mod commit;
mod compact;
mod counted;
mod coverage;
mod durable;
mod entries;
mod error;
mod explain;
mod failpoint;
mod identify;
mod known;
mod lateness;
mod ledger;
mod limit;
mod read;
mod recount;
mod retry;
mod scan;
mod segment;
mod succession;
mod verify;

use std::collections::BTreeSet;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use rusqlite::Connection;

pub use against::{Cells, Counted, CountedRows, sum_cells};
pub use change::Change;
pub use close::{Close, CloseTerms, ClosedFile, Closing};
pub use commit::{Added, Ancestry, COMMIT_INTERVAL, Delivery, ROWS_PENDING_MAX, Reading};
pub use compact::{Compaction, SMALL_SEGMENTS_MAX};
pub use coverage::{Coverage, Covered, Tells};
pub use error::StoreError;
pub use explain::{Explained, Explanation};
pub use failpoint::{FAILPOINTS, PUBLISHING_FAILPOINTS, fail_at, is_without_exchange};
pub use identify::{Identity, Known, SHARED, identify};
pub use lateness::Lateness;
pub use ledger::SCHEMA_VERSION;
pub use limit::SetAside;
pub use read::{Rejected, StoreUsage, WithoutBytes};
pub use recount::{Recount, RecountPart, Recounted};
pub use retry::{Quarantined, Regained};
pub use succession::{Names, Unsure};
pub use verify::{Finding, Verification};

use crate::source::Seed;
use close::CLOSED;
use commit::Pending;
use durable::{TEMPORARY, holds_usage, make_folder, names_in, sync_folder};
use error::file_error;

const LEDGER: &str = "ledger.sqlite";
const SEGMENTS: &str = "segments";
const QUARANTINE: &str = "quarantine";
const LOCK: &str = "lock";
/// How often the lock is tried, and the pause after each time.
const LOCK_TRIALS: u32 = 10;
const LOCK_PAUSE: Duration = Duration::from_millis(20);

/// An open store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    seed: Seed,
    state: Mutex<State>,
    /// Files that a crash had left and that were removed at opening.
    swept: usize,
    /// Held while this process may write, or while nobody must. Dropped after the ledger is closed.
    lock: Option<Lock>,
}

/// The lock of a store, which a file of it carries.
#[derive(Debug)]
struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that another thread has just forked has the file open too.
        let _ = self.0.unlock();
    }
}

#[derive(Debug)]
struct State {
    ledger: Connection,
    pending: Pending,
}

/// What is noted with every commit.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// The instant, as RFC 3339 in UTC.
    pub at: String,
    /// The command.
    pub command: String,
}

impl Store {
    /// Opens the store at `root` to write, and makes it if there is none; `seed` is for a new one.
    ///
    /// Errors: [`StoreError`].
    pub fn open_to_write(root: &Path, seed: Seed, occasion: Occasion) -> Result<Self, StoreError> {
        let path = root.join(LEDGER);
        if !path.exists() && holds_other_things(root)? {
            return Err(StoreError::InTheWay { path: root.into() });
        }
        failpoint::reach("store.create");
        make_folder(root)?;
        [SEGMENTS, QUARANTINE, CLOSED]
            .iter()
            .try_for_each(|name| make_folder(&root.join(name)))?;
        let lock = lock(root)?;
        if !path.exists() && holds_usage(root)? {
            return Err(StoreError::LedgerLost { path: root.into() });
        }
        let ledger = ledger::open_to_write(root, &path, seed, &occasion)?;
        failpoint::reach("store.created");
        let mut store = Store::new(root, ledger, Some(lock), occasion)?;
        store.swept = store.sweep()?;
        Ok(store)
    }

    /// Opens the store at `root` to read. A process that writes to it is not in the way.
    ///
    /// Errors: [`StoreError`].
    pub fn open_to_read(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(LEDGER);
        if !path.exists() {
            return Err(ledger::no_ledger(root)?);
        }
        let occasion = Occasion {
            at: String::new(),
            command: String::new(),
        };
        let (ledger, lock) = ledger::open_to_read(root, &path)?;
        Store::new(root, ledger, lock, occasion)
    }

    fn new(
        root: &Path,
        ledger: Connection,
        lock: Option<Lock>,
        occasion: Occasion,
    ) -> Result<Self, StoreError> {
        Ok(Store {
            root: root.to_owned(),
            seed: ledger::seed(&ledger)?,
            state: Mutex::new(State {
                ledger,
                pending: Pending::new(occasion),
            }),
            swept: 0,
            lock,
        })
    }

    /// What its digests start from.
    pub fn seed(&self) -> Seed {
        self.seed
    }

    /// Its folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Files of commits that were cut short, removed when the store was opened.
    pub fn swept(&self) -> usize {
        self.swept
    }

    /// Removes files that no commit names.
    ///
    /// Errors: a ledger that has lost the names of files would have us remove what counts.
    fn sweep(&self) -> Result<usize, StoreError> {
        let state = self.lock_state();
        let orphans = orphans(&self.root, &state.ledger)?;
        let is_finished = |path: &PathBuf| {
            let name = path.file_name().unwrap_or_default();
            !name.to_string_lossy().starts_with(TEMPORARY)
        };
        if orphans.iter().any(is_finished)
            && let Some(problem) = ledger::unsound(&state.ledger)?
        {
            return Err(StoreError::LedgerDamaged { problem });
        }
        for path in &orphans {
            failpoint::reach("sweep.remove");
            remove(path)?;
        }
        let folders = orphans.iter().filter_map(|path| path.parent());
        folders
            .collect::<BTreeSet<_>>()
            .into_iter()
            .try_for_each(sync_folder)?;
        Ok(orphans.len())
    }

    /// Whether another process has the store open to write: what no commit names may be its work.
    fn is_written_by_another(&self) -> Result<bool, StoreError> {
        let path = self.root.join(LOCK);
        if self.lock.is_some() || !path.exists() {
            return Ok(false);
        }
        let lock = File::open(&path).map_err(file_error("open", &path))?;
        Ok(matches!(
            lock.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        ))
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A transaction that a panic cut short is rolled back with the connection.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What no commit names.
fn orphans(root: &Path, ledger: &Connection) -> Result<Vec<PathBuf>, StoreError> {
    let mut orphans = Vec::new();
    for (folder, named) in ledger::named(ledger)? {
        let folder = root.join(folder);
        let names = names_in(&folder)?;
        let names = names.iter().filter(|name| !named.contains(*name));
        orphans.extend(names.map(|name| folder.join(name)));
    }
    Ok(orphans)
}

/// Removes a file or folder.
fn remove(path: &Path) -> Result<(), StoreError> {
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
    .map_err(file_error("remove", path))
}

/// Takes the lock of the one writer.
fn lock(root: &Path) -> Result<Lock, StoreError> {
    let path = root.join(LOCK);
    let file = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(&path)
        .map_err(file_error("open", &path))?;
    // A reader looks whether it is held, which takes it for a moment.
    for _ in 0..LOCK_TRIALS {
        match file.try_lock() {
            Ok(()) => return Ok(Lock(file)),
            Err(TryLockError::WouldBlock) => std::thread::sleep(LOCK_PAUSE),
            Err(TryLockError::Error(source)) => return Err(file_error("lock", &path)(source)),
        }
    }
    Err(StoreError::Locked { path: root.into() })
}

/// Whether a folder without a ledger holds what no store would leave there.
fn holds_other_things(root: &Path) -> Result<bool, StoreError> {
    if !root.exists() {
        return Ok(false);
    }
    // A crash while the store was made leaves these.
    let ours = |name: &String| {
        [SEGMENTS, QUARANTINE, CLOSED, LOCK].contains(&&name[..]) || name.starts_with(LEDGER)
    };
    Ok(!names_in(root)?.iter().all(ours))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_dropped_is_free_though_a_forked_process_has_it_open() {
        let root = tempfile::tempdir().expect("a folder");
        let held = lock(root.path()).expect("locked");
        let forked = held.0.try_clone().expect("open twice");
        assert!(matches!(lock(root.path()), Err(StoreError::Locked { .. })));
        drop(held);
        lock(root.path()).expect("locked again");
        drop(forked);
    }
}
