//! Why a swap could not be done. Nothing of it was, unless it says so.

use std::io;
use std::path::PathBuf;

use crate::disk::DiskError;

/// Why something could not be published. Nothing of it was, unless it says so.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SwapError {
    /// A file or folder could not be written.
    #[error(transparent)]
    Disk(#[from] DiskError),
    /// Some places were swapped, then one could not be, nor could the others be taken back.
    #[error(
        "cannot publish {path}: {source}; and what was swapped in before it could not all be taken back: {undo}; \
         new are {new}, as they were before are {old}; the next command that publishes there takes the new ones back"
    )]
    Half {
        /// The first that could not be swapped.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
        /// Why the others could not be taken back.
        undo: io::Error,
        /// What is new, as a list.
        new: String,
        /// What is old, as a list.
        old: String,
    },
    /// A command was killed while it swapped, and what it swapped in cannot be taken back now.
    #[error(
        "cannot take back what a killed command published, at {path}: {source}; until the next command that \
         publishes there has done so, what stands there is of two commands"
    )]
    NotTakenBack {
        /// The file or folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Another command publishes there, and does not end.
    #[error(
        "another command holds {path} and has not ended in {minutes} minutes: end it, or choose another --out"
    )]
    Busy {
        /// Its journal.
        path: PathBuf,
        /// How long it was waited for.
        minutes: u64,
    },
    /// All was published, and the system would not say that it lasts.
    #[error(
        "all was published in {path}, but it may not survive a loss of power: {source}; run the command again"
    )]
    NotDurable {
        /// The folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A command was killed while it swapped, and what it swapped out is gone.
    #[error(
        "{path} says that publishing was cut short, and the folder of that build, which has what was there before, \
         is gone: datasets here may not agree; remove that file, then publish all of them again"
    )]
    CutShort {
        /// The file that says so.
        path: PathBuf,
    },
    /// A journal is not what was written.
    #[error(
        "{path} is damaged, or of another version of cdn-meter: it may tell what a killed command had published, and \
         is not believed; nothing was touched; {half}"
    )]
    JournalDamaged {
        /// The journal.
        path: PathBuf,
        /// What is half published, in words.
        half: String,
    },
    /// Half a publication, of which no journal tells.
    #[error(
        "{path} is half published: a command was killed while it swapped datasets, and its journal _PUBLISHING is \
         empty or gone; nothing was touched; {half}"
    )]
    HalfLeft {
        /// The folder.
        path: PathBuf,
        /// What is, in words.
        half: String,
    },
}
