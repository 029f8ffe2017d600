//! Places where a crash is most telling: before and after each write, sync, rename, transaction.
//!
//! A build with debug assertions (`cargo test`, never `--release`) kills itself at the n-th visit
//! of a place that the environment names, as `CDN_METER_KILL_AT=segment.sync:2`. The crash suite
//! goes through all of them. With `CDN_METER_COMMIT_ROWS=20` such a build commits whenever so many rows
//! wait, so that a small ingest has many commits; `CDN_METER_COMMIT_MILLIS=50` stands for the ten seconds.

use std::time::Duration;

/// Every place, in the order in which a commit visits them.
pub const FAILPOINTS: [&str; 15] = [
    "store.create",
    "store.created",
    "sweep.remove",
    "sweep.move",
    "transaction.begin",
    "file.create",
    "file.write",
    "file.sync",
    "file.rename",
    "file.renamed",
    "folder.sync",
    "seal.write",
    "seal.written",
    "transaction.commit",
    "transaction.committed",
];

/// Kills the process if the environment asks for it here.
#[cfg(debug_assertions)]
pub(super) fn reach(place: &str) {
    use std::sync::atomic::{AtomicU64, Ordering};
    static VISITS: AtomicU64 = AtomicU64::new(0);
    debug_assert!(FAILPOINTS.contains(&place), "{place} is not listed");
    let Ok(wanted) = std::env::var("CDN_METER_KILL_AT") else {
        return;
    };
    let (wanted, count) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    if wanted == place
        && count.parse() == Ok(VISITS.fetch_add(1, Ordering::Relaxed) + 1)
        && let Some(own) = rustix::process::Pid::from_raw(std::process::id() as i32)
    {
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn reach(_place: &str) {}

/// Time after which what waits is committed: `limit`, unless the environment lowers it.
#[cfg(debug_assertions)]
pub(super) fn commit_interval(limit: Duration) -> Duration {
    let lowered = std::env::var("CDN_METER_COMMIT_MILLIS").ok();
    let lowered = lowered.and_then(|millis| millis.parse().ok());
    lowered.map_or(limit, Duration::from_millis)
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn commit_interval(limit: Duration) -> Duration {
    limit
}

/// Rows at which what waits is committed: `limit`, unless the environment lowers it.
#[cfg(debug_assertions)]
pub(super) fn commit_rows(limit: usize) -> usize {
    let lowered = std::env::var("CDN_METER_COMMIT_ROWS").ok();
    lowered.and_then(|rows| rows.parse().ok()).unwrap_or(limit)
}

#[cfg(not(debug_assertions))]
#[inline(always)]
pub(super) fn commit_rows(limit: usize) -> usize {
    limit
}
