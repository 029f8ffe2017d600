//! The store: which contents count, and their usage, durably and exactly once.
//!
//! ```text
//! STORE/ledger.sqlite    sources, contents, segments, commits: all that is believed
//! STORE/ledger.seal      what the ledger's file was after its last commit (`seal.rs`)
//! STORE/commit-00000008  which commit is the newest, by its name alone (`mark.rs`)
//! STORE/segments/        usage, one Parquet file or more per commit
//! STORE/quarantine/      rejected lines of the contents that count, NDJSON
//! STORE/closed/          closed months, as they were published
//! STORE/lost+found/      finished files that no commit names (`astray.rs`); may be deleted
//! STORE/lock             held by the one process that writes
//! ```
//! Owns: segments, ledger, what a content is to those that were counted before, commits.
//! Does not own: reading logs, what a domain is sold as.
//!
//! A commit writes its segment files first (beside, synced, renamed, the folder synced), then names
//! them in one transaction of the ledger, together with the contents and sources that they hold
//! (DESIGN D3), and seals the ledger. A crash before the transaction leaves files that nobody names, which are
//! put away when the store is next opened to write; a crash after it leaves nothing to do.
//!
//! Nothing is read back unchecked: the ledger against its seal when it is opened; segments, quarantine files and
//! the files of closed months against the digests that the ledger notes, whenever they are read.
//!
//! Rejected lines that are accepted later move to another fate within their content (`retry.rs`). Files
//! that are counted anew get contents of the same digests in the place of theirs (`recount.rs`). What
//! should never have counted is taken out (`forget.rs`).
//!
//! Invariants: `SEG-1` a segment counts iff the ledger names it; `SPAN-1` a content's own lines start
//! where its parent ends; `SUM-1` the rows of a content in all segments have the bytes and requests
//! that the ledger notes of it; a content counts once, however many names hold it, unless a copy is
//! asked for that counts apart: it has a lineage of its own. All that is published is at most
//! `Bytes::SUM_MAX` (`limit.rs`).

mod against;
mod astray;
mod backup;
mod change;
mod close;
mod commit;
mod compact;
mod counted;
mod coverage;
mod delivery;
mod entries;
mod error;
mod explain;
mod forget;
mod give_up;
mod identify;
mod known;
mod lateness;
mod ledger;
mod limit;
mod lock;
mod mark;
mod open;
mod order;
mod quarantine;
mod read;
mod recount;
mod remains;
mod repair;
mod retry;
mod scan;
mod seal;
mod segment;
mod succession;
mod turn;
mod verify;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use rusqlite::Connection;

pub use against::{Cells, Counted, CountedRows, sum_cells};
pub use astray::Astray;
pub use backup::{Backup, restore};
pub use change::Change;
pub use close::{Close, CloseTerms, ClosedFile, Closing};
pub use commit::{COMMIT_INTERVAL, ROWS_PENDING_MAX};
pub use compact::{Compaction, SMALL_SEGMENTS_MAX};
pub use coverage::{Coverage, Covered, Tells};
pub use delivery::{Added, Ancestry, Delivery, Held, Names, Reading, Unsure};
pub use error::StoreError;
pub use explain::{Explained, Explanation};
pub use forget::{ForgetError, Forgotten, REASON_BYTES_MAX};
pub use identify::{Identity, Known, SHARED, identify};
pub use lateness::Lateness;
pub use limit::SetAside;
pub use open::{SCHEMA_VERSION, reseal};
pub use read::{Rejected, StoreUsage, WithoutBytes};
pub use recount::{Anew, Recount, RecountPart, Recounted};
pub use repair::{Repair, RepairTerms, repair};
pub use retry::{Quarantined, Regained};
pub use turn::take_turn;
pub use verify::{Finding, Verification};

use crate::disk::{Lock, Modes, TEMPORARY, hold_is_file, make_folder, names_in, reach};
use crate::source::Seed;
use astray::{FOLDERS, LOST};
use commit::Pending;
use lock::LOCK;
use seal::{SEAL, Sealer};

const LEDGER: &str = "ledger.sqlite";
const SEGMENTS: &str = "segments";
const QUARANTINE: &str = "quarantine";
/// Where closed months are.
const CLOSED: &str = "closed";

/// An open store.
#[derive(Debug)]
pub struct Store {
    root: PathBuf,
    seed: Seed,
    state: Mutex<State>,
    /// Folders of closed months whose files were found to be as they were.
    checked: Mutex<HashSet<PathBuf>>,
    /// Files that no commit names, and what opening did with them.
    astray: Astray,
    /// Held while this process may write, or while nobody must. Dropped after the ledger is closed.
    lock: Option<Lock>,
}

#[derive(Debug)]
struct State {
    ledger: Connection,
    pending: Pending,
    /// Where the store is open to write.
    sealer: Option<Sealer>,
}

/// What is noted with every commit.
#[derive(Clone, Debug)]
pub struct Occasion {
    /// The instant, as RFC 3339 in UTC.
    pub at: String,
    /// The command.
    pub command: String,
}

/// How a store is opened to write.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Access {
    /// How long to wait for another process that writes to it.
    pub wait: Duration,
    /// Whether a group may read what is made: of a new store only.
    pub is_group_readable: bool,
}

impl Store {
    /// Opens the store at `root` to write, and makes it if there is none; `seed` is for a new one.
    ///
    /// Errors: [`StoreError`].
    pub fn open_to_write(
        root: &Path,
        seed: Seed,
        occasion: Occasion,
        access: Access,
    ) -> Result<Self, StoreError> {
        let path = root.join(LEDGER);
        hold_is_file(&path)?;
        if !path.exists() && holds_other_things(root)? {
            return Err(StoreError::InTheWay { path: root.into() });
        }
        if root.join(backup::MANIFEST).exists() {
            return Err(StoreError::IsBackup { path: root.into() });
        }
        reach("store.create");
        make_folder(root, Modes::of_new(access.is_group_readable))?;
        let modes = Modes::of(root)?;
        hold_readable_by_owner(modes, root)?;
        FOLDERS
            .iter()
            .try_for_each(|name| make_folder(&root.join(name), modes))?;
        let lock = lock::take(root, &occasion, &access)?;
        if !path.exists() && open::is_lost(root)? {
            return Err(StoreError::LedgerLost { path: root.into() });
        }
        // SQLite gives the files beside it the mode of the ledger.
        modes.make_missing(&path)?;
        let opened = open::open_to_write(root, &path, seed, &occasion)?;
        reach("store.created");
        let ledger = (opened.ledger, Some(opened.sealer));
        let mut store = Store::new(root, ledger, Some(lock), occasion)?;
        store.astray = opened.astray;
        Ok(store)
    }

    /// Opens the store at `root` to read. A process that writes to it is not in the way.
    ///
    /// Errors: [`StoreError`].
    pub fn open_to_read(root: &Path) -> Result<Self, StoreError> {
        let path = root.join(LEDGER);
        hold_is_file(&path)?;
        if !path.exists() {
            return Err(open::no_ledger(root)?);
        }
        let occasion = Occasion {
            at: String::new(),
            command: String::new(),
        };
        let (ledger, lock) = open::open_to_read(root, &path)?;
        astray::is_newest(root, &ledger)?;
        Store::new(root, (ledger, None), lock, occasion)
    }

    /// Opens the store at `root` to try what a writer would do, on a copy of its ledger in memory: nothing that is
    /// done to it is ever written.
    ///
    /// Errors: [`StoreError`].
    pub fn open_to_try(root: &Path, occasion: Occasion) -> Result<Self, StoreError> {
        let read = Store::open_to_read(root)?;
        let ledger = open::in_memory(root, &read.lock_state().ledger)?;
        Store::new(root, (ledger, None), None, occasion)
    }

    fn new(
        root: &Path,
        (ledger, sealer): (Connection, Option<Sealer>),
        lock: Option<Lock>,
        occasion: Occasion,
    ) -> Result<Self, StoreError> {
        Ok(Store {
            root: root.to_owned(),
            seed: ledger::seed(&ledger)?,
            state: Mutex::new(State {
                ledger,
                pending: Pending::new(occasion),
                sealer,
            }),
            checked: Mutex::default(),
            astray: Astray::default(),
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

    /// Files that no commit names, and what was done with them when the store was opened to write.
    pub fn astray(&self) -> &Astray {
        &self.astray
    }

    /// Whether the group of its folder may read it.
    ///
    /// Errors: [`StoreError`].
    pub fn is_group_readable(&self) -> Result<bool, StoreError> {
        Ok(Modes::of(&self.root)?.is_group_readable())
    }

    /// Whether another process has the store open to write: what no commit names may be its work.
    fn is_written_by_another(&self) -> Result<bool, StoreError> {
        Ok(self.lock.is_none() && lock::is_held(&self.root)?)
    }

    fn lock_state(&self) -> MutexGuard<'_, State> {
        // A transaction that a panic cut short is rolled back with the connection.
        take_turn(&self.state)
    }
}

/// Refuses to write where the owner could not read what is made.
///
/// Errors: [`StoreError`], `OfAnother`.
fn hold_readable_by_owner(modes: Modes, root: &Path) -> Result<(), StoreError> {
    match modes.unreadable_by_owner() {
        None => Ok(()),
        Some((owner, user)) => Err(StoreError::OfAnother {
            path: root.into(),
            owner,
            user,
        }),
    }
}

/// Whether there is a store at `root`, or what is left of one.
pub fn is_store(root: &Path) -> bool {
    let has_folders = || FOLDERS.iter().all(|name| root.join(name).is_dir());
    root.join(LEDGER).is_file() || has_folders()
}

/// Whether a folder without a ledger holds what no store would leave there.
fn holds_other_things(root: &Path) -> Result<bool, StoreError> {
    if !root.exists() {
        return Ok(false);
    }
    // A crash while the store was made leaves these.
    let ours = |name: &String| {
        let name = name.strip_prefix(TEMPORARY).unwrap_or(name);
        FOLDERS.contains(&name)
            || [LOCK, SEAL, LOST].contains(&name)
            || name.starts_with(LEDGER)
            || mark::is_mark(name)
    };
    Ok(!names_in(root)?.iter().all(ours))
}
