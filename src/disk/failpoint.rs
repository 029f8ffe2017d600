//! Places where a crash is most telling: before and after each write, sync, rename, transaction.
//!
//! A build with debug assertions (`cargo test`, never `--release`) kills itself at the n-th visit
//! of a place that the environment names, as `CDN_METER_KILL_AT=segment.sync:2`. The crash suite
//! goes through all of them. With `CDN_METER_COMMIT_ROWS=20` such a build commits whenever so many rows
//! wait, so that a small ingest has many commits; `CDN_METER_COMMIT_MILLIS=50` stands for the ten seconds.
//!
//! Publishing has places of its own, at which `CDN_METER_FAIL_AT=publish.swap:2` makes the system fail instead
//! of killing the process, and `CDN_METER_NO_EXCHANGE` takes the exchange of two names away.

use std::io;
use std::time::Duration;

/// Every place, in the order in which a commit visits them.
pub const FAILPOINTS: [&str; 17] = [
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
    "mark.raise",
    "mark.raised",
];

/// Every place of publishing, in the order in which it visits them.
pub const PUBLISHING_FAILPOINTS: [&str; 9] = [
    "publish.begin",
    "publish.seal",
    "publish.journal",
    "publish.swap",
    "publish.between",
    "publish.swapped",
    "publish.undo",
    "publish.commit",
    "publish.committed",
];

/// Kills the process if the environment asks for it here.
#[cfg(debug_assertions)]
pub fn reach(place: &str) {
    use std::sync::atomic::AtomicU64;
    static VISITS: AtomicU64 = AtomicU64::new(0);
    debug_assert!(
        FAILPOINTS.contains(&place) || PUBLISHING_FAILPOINTS.contains(&place),
        "{place} is not listed"
    );
    if is_asked("CDN_METER_KILL_AT", place, &VISITS)
        && let Some(own) = rustix::process::Pid::from_raw(std::process::id() as i32)
    {
        let _ = rustix::process::kill_process(own, rustix::process::Signal::KILL);
    }
}

/// Whether this is the visit of a place that a variable names.
#[cfg(debug_assertions)]
fn is_asked(variable: &str, place: &str, visits: &std::sync::atomic::AtomicU64) -> bool {
    use std::sync::atomic::Ordering;
    let Ok(wanted) = std::env::var(variable) else {
        return false;
    };
    let (wanted, count) = wanted.split_once(':').unwrap_or((&wanted, "1"));
    wanted == place && count.parse() == Ok(visits.fetch_add(1, Ordering::Relaxed) + 1)
}

/// Places at which `CDN_METER_STOP_AT=backup.copied` has the process wait for SIGCONT: what comes between is tested.
pub const STOPS: [&str; 3] = ["backup.copied", "restore.copied", "verify.quarantine"];

/// Stops the process if the environment asks for it here.
#[cfg(debug_assertions)]
pub fn stop_at(place: &str) {
    use std::sync::atomic::AtomicU64;
    static VISITS: AtomicU64 = AtomicU64::new(0);
    debug_assert!(STOPS.contains(&place), "{place} is not listed");
    if is_asked("CDN_METER_STOP_AT", place, &VISITS)
        && let Some(own) = rustix::process::Pid::from_raw(std::process::id() as i32)
    {
        let _ = rustix::process::kill_process(own, rustix::process::Signal::STOP);
    }
}

/// Nothing stops on request outside of tests.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn stop_at(_place: &str) {}

/// Kills the process, or fails as a disk that is broken does, if the environment asks for it here.
///
/// Errors: in builds with debug assertions those that are asked for; else none.
#[cfg(debug_assertions)]
pub fn fail_at(place: &str) -> io::Result<()> {
    use std::sync::atomic::AtomicU64;
    static VISITS: AtomicU64 = AtomicU64::new(0);
    reach(place);
    match is_asked("CDN_METER_FAIL_AT", place, &VISITS) {
        true => Err(rustix::io::Errno::IO.into()),
        false => Ok(()),
    }
}

/// Nothing fails on request outside of tests.
///
/// Errors: none.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn fail_at(_place: &str) -> io::Result<()> {
    Ok(())
}

/// Whether two names are to be taken as ones that cannot be exchanged, as on NFS.
pub fn is_without_exchange() -> bool {
    cfg!(debug_assertions) && std::env::var_os("CDN_METER_NO_EXCHANGE").is_some()
}

/// Nothing is killed on request outside of tests.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn reach(_place: &str) {}

/// Time after which what waits is committed: `limit`, unless the environment lowers it.
#[cfg(debug_assertions)]
pub fn commit_interval(limit: Duration) -> Duration {
    let lowered = std::env::var("CDN_METER_COMMIT_MILLIS").ok();
    let lowered = lowered.and_then(|millis| millis.parse().ok());
    lowered.map_or(limit, Duration::from_millis)
}

/// Time after which what waits is committed: `limit`.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn commit_interval(limit: Duration) -> Duration {
    limit
}

/// Rows at which what waits is committed: `limit`, unless the environment lowers it.
#[cfg(debug_assertions)]
pub fn commit_rows(limit: usize) -> usize {
    let lowered = std::env::var("CDN_METER_COMMIT_ROWS").ok();
    lowered.and_then(|rows| rows.parse().ok()).unwrap_or(limit)
}

/// Rows at which what waits is committed: `limit`.
#[cfg(not(debug_assertions))]
#[inline(always)]
pub fn commit_rows(limit: usize) -> usize {
    limit
}
