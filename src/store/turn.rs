//! Taking turns at what is held for moments.

use std::sync::{Mutex, MutexGuard, PoisonError, TryLockError};

/// How often a thread offers its core to others before it sleeps.
const OFFERS_BEFORE_SLEEP: usize = 1_000;

/// Takes a lock that is nearly always held for less than a millisecond.
///
/// A thread that sleeps for it is woken on the core of the one that gave it back, and may wait there for
/// milliseconds while its own core has nothing to do. So it offers its core to others some times first.
pub fn take_turn<T>(lock: &Mutex<T>) -> MutexGuard<'_, T> {
    for _ in 0..OFFERS_BEFORE_SLEEP {
        match lock.try_lock() {
            Ok(held) => return held,
            Err(TryLockError::Poisoned(error)) => return error.into_inner(),
            Err(TryLockError::WouldBlock) => std::thread::yield_now(),
        }
    }
    lock.lock().unwrap_or_else(PoisonError::into_inner)
}
