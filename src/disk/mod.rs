//! The one door to the disk: what this program writes, it writes through here.
//!
//! Owns: files of a store that are there whole or not at all, and its folders (`durable.rs`); a folder that takes its
//! place whole (`beside.rs`); folders in which is published, all or nothing (`published`); a file that takes the place
//! of another (`replacement.rs`); what is made in folders that nobody reads yet, and names that change (`file.rs`);
//! locks (`lock.rs`, `claim.rs`); reading no more than a limit (`bounded.rs`); the places at which tests kill the
//! process or have the disk fail (`failpoint.rs`).
//! Does not own: what is in a file, which files belong together, what a store or a dataset is. SQLite writes the
//! ledger by itself.
//!
//! Invariants: a [`DurableFile`] under its own name is whole and synced, its name once the folder is
//! ([`sync_folder`]); what is unfinished has a name that says so, or stands in a folder that does. No other room calls
//! what writes to the file system: `.clippy.toml` names those calls, and `tests/tidy` reads it.

#![expect(
    clippy::disallowed_methods,
    reason = "this is where the file system is written to"
)]

mod beside;
mod bounded;
mod claim;
mod durable;
mod error;
mod failpoint;
mod file;
mod lock;
mod published;
mod replacement;

pub use beside::Beside;
pub use bounded::{open_bounded, read_bounded, read_start, read_text_bounded};
use claim::{CLAIM, claim_folder, is_still, open_lock};
pub use durable::{
    DurableFile, Modes, TEMPORARY, hold_is_file, make_folder, names_in, open_file, sync_folder,
    sync_names,
};
pub use error::{DiskError, disk_error};
pub use failpoint::{
    FAILPOINTS, PUBLISHING_FAILPOINTS, STOPS, commit_interval, commit_rows, fail_at,
    is_without_exchange, reach, stop_at,
};
pub use file::{
    append_to, copy_contents, create_file, create_private, link_or_copy, make_folders, remove,
    rename, sync_file, write_file,
};
pub use lock::{Lock, host_name};
pub use published::{
    Act, BUILDING, Begun, JOURNAL, MARK, Scratch, Step, SwapError, Turn, is_there,
};
pub use replacement::Replacement;
