//! The threads that all work on months shares.

/// Starts them, once for a process; work that comes before it starts them by itself, or panics where it cannot.
///
/// Errors: the system refuses them.
pub fn start_threads() -> Result<(), ThreadsError> {
    let pool = rayon::ThreadPoolBuilder::new().build_global();
    pool.map_err(|error| ThreadsError(error.to_string()))
}

/// The system refuses threads.
#[derive(Debug, thiserror::Error)]
#[error("cannot start threads ({0}); raise the limit of processes (ulimit -u)")]
pub struct ThreadsError(String);
