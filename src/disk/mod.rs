//! The one door to the disk: what this program writes, it writes through here.
//!
//! Owns: files that are there whole or not at all, and folders of them (`durable.rs`); folders in which is published,
//! all or nothing (`published`); files that are written into a
//! folder nobody reads yet (`file.rs`); locks (`lock.rs`, `claim.rs`); the places at which tests kill the process or
//! have the disk fail (`failpoint.rs`).
//! Does not own: what is in a file, which files belong together, and what a store or a dataset is. SQLite writes the
//! ledger by itself.
//!
//! Invariants: what stands under its own name is whole and synced; what is unfinished has a name that says so, or
//! stands in a folder that does. Other rooms call nothing of the system that writes: `clippy.toml` names those calls.

mod claim;
mod durable;
mod error;
mod failpoint;
mod lock;
mod published;

pub use claim::{CLAIM, claim_folder, is_still, open_lock};
pub use durable::{
    DurableFile, Modes, TEMPORARY, hold_is_file, make_folder, names_in, open_file, sync_folder,
    sync_names,
};
pub use error::{DiskError, disk_error};
pub use failpoint::{
    FAILPOINTS, PUBLISHING_FAILPOINTS, STOPS, commit_interval, commit_rows, fail_at,
    is_without_exchange, reach, stop_at,
};
pub use lock::{Lock, host_name};
pub use published::{
    Act, BUILDING, Begun, JOURNAL, MARK, Scratch, Step, SwapError, Turn, is_there,
};
