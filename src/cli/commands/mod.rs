//! The commands, each with its arguments, what it calls, and what it prints.

pub(super) mod arrears;
pub(super) mod backup;
pub(super) mod bill;
pub(super) mod catalogue;
pub(super) mod close;
pub(super) mod compact;
pub(super) mod explain;
pub(super) mod forget;
pub(super) mod formats;
pub(super) mod ingest;
pub(super) mod licence;
pub(super) mod reconcile;
pub(super) mod run;
pub(super) mod summary;
pub(super) mod verify;
