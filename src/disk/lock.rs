//! Locks on files: the system's, which end with the process.
//!
//! Who holds one may note in the file what he is. That is only told: the note is emptied when the lock is let go,
//! and what a killed process left there is nobody's word, since nothing is held.

use std::fs::{File, TryLockError};
use std::io::{Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::bounded::read_start;
use super::durable::{Modes, hold_is_file, open_file};
use super::error::{DiskError, disk_error};

/// A reader looks whether it is held, which takes it for a moment: so long it is tried at least.
const LOCK_TIME_MIN: Duration = Duration::from_millis(200);
/// The pause after each trial.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// What is read of a note.
const NOTE_BYTES_MAX: u64 = 1_024;

/// A lock that is held.
#[derive(Debug)]
pub struct Lock {
    file: File,
    is_shared: bool,
}

impl Drop for Lock {
    fn drop(&mut self) {
        if !self.is_shared {
            let _ = self.file.set_len(0);
        }
        // Closing is not enough: a process that another thread has just forked has the file open too.
        let _ = self.file.unlock();
    }
}

impl Lock {
    /// Takes the lock `path` for one process alone, waiting for it as long as `wait`; the file is made with `modes` if
    /// it is not there. `None` where another process holds it.
    ///
    /// Errors: [`DiskError`].
    pub fn take(path: &Path, modes: Modes, wait: Duration) -> Result<Option<Self>, DiskError> {
        hold_is_file(path)?;
        let file = modes.open_or_make(path)?;
        let until = Instant::now() + wait.max(LOCK_TIME_MIN);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Ok(None),
                Err(TryLockError::Error(source)) => return Err(disk_error("lock", path)(source)),
            }
        }
        Ok(Some(Lock {
            file,
            is_shared: false,
        }))
    }

    /// Notes what whoever holds the lock is.
    pub fn note(&mut self, text: &str) {
        let mut note = || {
            self.file.set_len(0)?;
            self.file.rewind()?;
            self.file.write_all(text.as_bytes())
        };
        // It is only told: where the disk is full, the lock is held all the same.
        let _ = note();
    }

    /// Keeps those away that want the lock `path` for themselves; `None` where there is no file to lock.
    ///
    /// Errors: [`TryLockError`], where another process holds it or nothing can be locked.
    pub fn share(path: &Path) -> Result<Option<Self>, TryLockError> {
        let Ok(file) = open_file(path) else {
            return Ok(None);
        };
        file.try_lock_shared()?;
        Ok(Some(Lock {
            file,
            is_shared: true,
        }))
    }

    /// Whether another process holds the lock `path` for itself.
    ///
    /// Errors: [`DiskError`].
    pub fn is_held(path: &Path) -> Result<bool, DiskError> {
        if !path.exists() {
            return Ok(false);
        }
        let lock = open_file(path).map_err(disk_error("open", path))?;
        Ok(matches!(
            lock.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        ))
    }

    /// What is noted in the lock `path`; nothing where that cannot be read.
    pub fn noted(path: &Path) -> Option<String> {
        String::from_utf8(read_start(path, NOTE_BYTES_MAX).ok()?).ok()
    }
}

/// What this machine calls itself.
pub fn host_name() -> String {
    let host = rustix::system::uname();
    host.nodename().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_that_is_dropped_is_free_though_a_forked_process_has_it_open() {
        let root = tempfile::tempdir().expect("a folder");
        let path = root.path().join("lock");
        let modes = Modes::of(root.path()).expect("modes");
        let lock = || Lock::take(&path, modes, Duration::ZERO).expect("tried");
        let mut held = lock().expect("locked");
        held.note("held by a test");
        let forked = held.file.try_clone().expect("open twice");
        assert!(lock().is_none(), "it is held");
        assert_eq!(Lock::noted(&path).as_deref(), Some("held by a test"));
        drop(held);
        assert!(lock().is_some(), "locked again");
        assert_eq!(Lock::noted(&path).as_deref(), Some(""));
        drop(forked);
    }
}
