//! What all work on the months of a store goes by.

use crate::registry::Registry;
use crate::store::Store;

/// What all work on the months of a store goes by.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The store.
    pub store: &'a Store,
    /// Whose domains are, and as what they are sold; its clock is that of the months.
    pub registry: &'a Registry,
    /// The time, in seconds since the epoch: months read no clock.
    pub now_unix_secs: i64,
    /// Rows of usage that may be in memory at a time.
    pub rows_max: usize,
}
