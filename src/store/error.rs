//! Why the store could not keep, or could not be trusted with, usage.

use std::io;
use std::path::{Path, PathBuf};

use crate::disk::{DiskError, disk_error};
use crate::units::{Month, Zone};

/// Why a store cannot be used. What was committed before stays as it was.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StoreError {
    /// There is no store.
    #[error("{path} is no store: there is no ledger in it; `cdn-meter ingest` makes one")]
    Missing {
        /// The folder.
        path: PathBuf,
    },
    /// The folder holds other things.
    #[error("{path} is in the way: it is not empty and has no ledger; choose another --store")]
    InTheWay {
        /// The folder.
        path: PathBuf,
    },
    /// The store is a backup.
    #[error("{path} is a backup, which stays as it is; `cdn-meter restore` makes a store of it")]
    IsBackup {
        /// The folder.
        path: PathBuf,
    },
    /// What we would make, its owner could not read.
    #[error(
        "the store {path} belongs to user {owner}, and this is user {user}, whose files that user could not read: \
         run as user {owner} or as root, or let a group of both write (`chmod -R g+rwX`); nothing was changed"
    )]
    OfAnother {
        /// The folder.
        path: PathBuf,
        /// Whose it is.
        owner: u32,
        /// Who we are.
        user: u32,
    },
    /// Somebody else writes.
    #[error(
        "another cdn-meter writes to the store {path}{holder}; let it end, or wait for it with \
         --wait SECONDS (reading commands need not wait)"
    )]
    Locked {
        /// The folder.
        path: PathBuf,
        /// Who it is, behind a colon; empty where it did not tell.
        holder: String,
    },
    /// Written by a later version.
    #[error(
        "the ledger of {path} has version {found}, and this program knows versions up to {known}; \
         use the cdn-meter that wrote it, or a newer one"
    )]
    TooNew {
        /// The folder.
        path: PathBuf,
        /// Its version.
        found: i64,
        /// Ours.
        known: i64,
    },
    /// Something is where a backup or a restored store is to be.
    #[error(
        "{path} is there, and nothing is written over it: name a folder that is not there or empty"
    )]
    Exists {
        /// The folder.
        path: PathBuf,
    },
    /// There is no backup.
    #[error("{path} is no backup: there is no backup.manifest in it; `cdn-meter backup` makes one")]
    NoBackup {
        /// The folder.
        path: PathBuf,
    },
    /// A backup is not as it was made.
    #[error("{path} is not what was backed up: use another backup; nothing was restored")]
    BackupDamaged {
        /// The file.
        path: PathBuf,
    },
    /// A file of the store is not what the ledger notes of it.
    #[error(
        "{name} is not what the ledger says: its bytes are not those that were written; restore it from a \
         copy, or see `cdn-meter repair`"
    )]
    NotAsNoted {
        /// Its place in the store.
        name: String,
    },
    /// The month is frozen.
    #[error(
        "{month} was closed at {at} and stays as it is; usage that came later is in the dataset \
         `adjustments` of `cdn-meter summary`"
    )]
    Closed {
        /// The month.
        month: Month,
        /// When.
        at: String,
    },
    /// Months were closed on another clock.
    #[error("the closed months of this store are on the clock {zone}; use --billing-zone {zone}")]
    Clock {
        /// Their clock.
        zone: Zone,
    },
    /// The file system refuses.
    #[error("cannot {action} {path}: {source}; what was committed before is unchanged")]
    File {
        /// What was tried.
        action: &'static str,
        /// With what.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// There was a ledger.
    #[error(
        "the ledger of {path} is gone or empty, and there was something in it: restore ledger.sqlite \
         from a copy, or ingest the logs into a new store; nothing was changed"
    )]
    LedgerLost {
        /// The folder.
        path: PathBuf,
    },
    /// The ledger's file is not what was written.
    #[error(
        "the ledger of the store is damaged ({problem}): restore ledger.sqlite from a copy, or \
         ingest the logs into a new store"
    )]
    LedgerDamaged {
        /// What is wrong.
        problem: String,
    },
    /// The ledger is one that was written before.
    #[error(
        "ledger.sqlite is an older copy: it has commit {found}, and the store has made {made} by {by}; restore \
         ledger.sqlite and ledger.seal from a copy of commit {made}, or see `cdn-meter repair`, which says what \
         is lost and goes on from the older one; nothing was changed"
    )]
    LedgerOlder {
        /// Its last commit.
        found: i64,
        /// The last one that was made.
        made: i64,
        /// The file that tells.
        by: String,
    },
    /// The same, told by a file.
    #[error(
        "ledger.sqlite is an older copy: it has commit {found}, and {name} is of a later one; restore \
         the newest copy of ledger.sqlite and ledger.seal, or see `cdn-meter repair`; if it is {name} that does not \
         belong here, move it away; nothing was changed"
    )]
    LedgerBehind {
        /// Its last commit.
        found: i64,
        /// The file's place in the store.
        name: String,
    },
    /// SQLite would believe a file that is none of the ledger's.
    #[error(
        "{path} does not belong to the ledger as it is: move it away, or restore all files of the store \
         from one copy; nothing was changed"
    )]
    LedgerForeign {
        /// The file.
        path: PathBuf,
    },
    /// There is no seal.
    #[error(
        "ledger.seal of {path} is gone, so nothing tells whether ledger.sqlite is the newest: restore it \
         from a copy, or see `cdn-meter repair`; nothing was changed"
    )]
    SealLost {
        /// The folder.
        path: PathBuf,
    },
    /// The seal is not what was written.
    #[error(
        "{path} is damaged, so nothing tells whether ledger.sqlite is the newest: restore it from a copy, \
         or see `cdn-meter repair`; nothing was changed"
    )]
    SealDamaged {
        /// The seal.
        path: PathBuf,
    },
    /// A commit was half written, and we may not roll it back.
    #[error(
        "a commit to {path} was cut short, and this user may not write there: let its owner run \
         `cdn-meter verify`, which rolls it back"
    )]
    CutShort {
        /// The folder.
        path: PathBuf,
    },
    /// A ledger of an older version is being read.
    #[error("the ledger is being read by an older cdn-meter; wait for it to end, and try again")]
    BusyReaders,
    /// A commit does not come to its end.
    #[error("another cdn-meter has been committing for half a minute; try again")]
    BusyWriter,
    /// The last commit is made and not sealed.
    #[error(
        "what was to be kept is kept, and the seal of the ledger could not be renewed after it: {0}; the \
         next command that writes renews it"
    )]
    Unsealed(Box<StoreError>),
    /// Something is to be kept in a store that was opened to read, or to try.
    #[error("the store was not opened to write: nothing of this was kept")]
    NotToWrite,
    /// Something is to be kept after a commit that failed.
    #[error("an earlier commit of this run failed; nothing counts that came after it")]
    GivenUp,
    /// The ledger is in use for longer than we wait.
    #[error(
        "another cdn-meter reads or writes the ledger of the store, and did so for half a minute; what was \
         committed before is unchanged; let it end, and try again"
    )]
    Busy,
    /// The ledger refuses.
    #[error(
        "the ledger of the store failed: {0}; what was committed before is unchanged, \
         `cdn-meter verify` tells more"
    )]
    Ledger(rusqlite::Error),
    /// A segment cannot be written or read.
    #[error("the segment {name} failed: {source}; `cdn-meter verify` tells more")]
    Segment {
        /// Its file.
        name: String,
        /// The reason.
        source: parquet::errors::ParquetError,
    },
    /// A segment is not there.
    #[error(
        "the segment {name} is not what the ledger says: it is missing; restore it from a copy, \
         or ingest its logs into a new store"
    )]
    Lost {
        /// Its file.
        name: String,
    },
    /// A segment holds something else than the ledger says.
    #[error(
        "the segment {name} is not what the ledger says: {problem}; restore it from a copy, \
         or ingest its logs into a new store"
    )]
    Damaged {
        /// Its file.
        name: String,
        /// The difference.
        problem: String,
    },
    /// A quarantine file is not there.
    #[error(
        "quarantine/{name} is not what the ledger says: it is missing; restore it from a copy, or have `cdn-meter \
         repair --drop-lost` give up the rejected lines that it kept"
    )]
    QuarantineLost {
        /// Its file.
        name: String,
    },
    /// A quarantine file holds something else than what was written.
    #[error(
        "quarantine/{name} is not what the ledger says: its bytes are not those that were written; restore it \
         from a copy, or have `cdn-meter repair --drop-lost` give up the rejected lines that it kept"
    )]
    QuarantineDamaged {
        /// Its file.
        name: String,
    },
    /// A file of a closed month is not what it was closed with.
    #[error(
        "closed/{name} is not what the month was closed with: {problem}; restore it from a copy, or from \
         where the month was published"
    )]
    ClosedDamaged {
        /// Its place in the folder of closed months.
        name: String,
        /// The difference.
        problem: &'static str,
    },
    /// The counts of a content contradict its rejected lines.
    #[error(
        "the ledger's counts of content {content} {problem}; restore the store from a copy, \
         or ingest its logs into a new one"
    )]
    Counts {
        /// Its number.
        content: i64,
        /// The contradiction.
        problem: &'static str,
    },
    /// A count does not fit the 64-bit signed integers of ledger and segments.
    #[error("the sum {count} is over 2^63 - 1, which no CDN sent; its numbers cannot be trusted")]
    TooLarge {
        /// The sum.
        count: u64,
    },
    /// A sum is too large.
    #[error(transparent)]
    Overflow(#[from] crate::meter::Overflow),
    /// We are wrong.
    #[error(transparent)]
    Broken(#[from] crate::units::invariant::Broken),
    /// More usage than the memory limit.
    #[error(transparent)]
    TableFull(#[from] crate::meter::TableFull),
    /// More usage than the memory limit holds with all that is made of it.
    #[error(transparent)]
    MemoryFull(#[from] crate::meter::MemoryFull),
    /// More domains than a run holds.
    #[error(transparent)]
    TooManyDomains(#[from] crate::meter::TooManyDomains),
}

impl StoreError {
    /// Whether a file was not there: it may have been replaced since the ledger was read.
    pub(super) fn is_missing_file(&self) -> bool {
        match self {
            StoreError::File { source, .. } => source.kind() == io::ErrorKind::NotFound,
            error => matches!(error, StoreError::Lost { .. }),
        }
    }

    /// Whether the user asked for something that is not there, rather than that state was lost.
    pub fn is_of_request(&self) -> bool {
        matches!(
            self,
            StoreError::Missing { .. }
                | StoreError::InTheWay { .. }
                | StoreError::IsBackup { .. }
                | StoreError::OfAnother { .. }
                | StoreError::Locked { .. }
                | StoreError::TooNew { .. }
                | StoreError::Closed { .. }
                | StoreError::Clock { .. }
                | StoreError::Exists { .. }
                | StoreError::NoBackup { .. }
                | StoreError::BusyReaders
                | StoreError::BusyWriter
                | StoreError::Busy
                | StoreError::TableFull(_)
                | StoreError::MemoryFull(_)
                | StoreError::TooManyDomains(_)
        )
    }
}

impl From<DiskError> for StoreError {
    fn from(error: DiskError) -> Self {
        StoreError::File {
            action: error.deed,
            path: error.path,
            source: error.source,
        }
    }
}

impl From<rusqlite::Error> for StoreError {
    fn from(error: rusqlite::Error) -> Self {
        use rusqlite::Error::{
            FromSqlConversionFailure, IntegralValueOutOfRange, InvalidColumnType, SqliteFailure,
        };
        use rusqlite::ErrorCode::{DatabaseBusy, DatabaseCorrupt, DatabaseLocked, NotADatabase};
        if let SqliteFailure(failure, _) = &error
            && matches!(failure.code, DatabaseBusy | DatabaseLocked)
        {
            return StoreError::Busy;
        }
        let is_damage = match &error {
            SqliteFailure(failure, _) => matches!(failure.code, DatabaseCorrupt | NotADatabase),
            FromSqlConversionFailure(..) | IntegralValueOutOfRange(..) | InvalidColumnType(..) => {
                true
            }
            _ => false,
        };
        match is_damage {
            true => StoreError::LedgerDamaged {
                problem: error.to_string(),
            },
            false => StoreError::Ledger(error),
        }
    }
}

/// Turns the system's reason into an error about `path`.
pub(super) fn file_error(
    action: &'static str,
    path: &Path,
) -> impl FnOnce(io::Error) -> StoreError {
    let refused = disk_error(action, path);
    move |source| refused(source).into()
}

/// A count as the ledger and the segments hold it.
pub(super) fn int64(count: u64) -> Result<i64, StoreError> {
    i64::try_from(count).map_err(|_| StoreError::TooLarge { count })
}

#[cfg(test)]
mod tests {
    use rusqlite::ffi;

    use super::*;

    #[test]
    fn d13_a_ledger_that_is_in_use_is_a_matter_of_trying_again_and_no_loss() {
        for code in [ffi::SQLITE_BUSY, ffi::SQLITE_LOCKED] {
            let failure = rusqlite::Error::SqliteFailure(ffi::Error::new(code), None);
            let error = StoreError::from(failure);
            assert!(error.is_of_request(), "{error}");
            assert!(error.to_string().contains("try again"), "{error}");
        }
    }
}
