//! The lock of a store: one process writes at a time, and says who it is.
//!
//! `STORE/lock` is locked by whoever writes and holds four lines about it: `pid`, `host`, `since`, `command`.
//! The lock is the system's and ends with the process; what stands in the file is only told. It is emptied
//! when the lock is let go, and what a killed process left there is nobody's word, since nothing is held.

use std::fs::{File, TryLockError};
use std::io::{Read as _, Seek as _, Write as _};
use std::path::Path;
use std::time::{Duration, Instant};

use super::durable::{Modes, hold_is_file, open_file};
use super::error::{StoreError, file_error};
use super::{Access, Occasion};

/// The file that carries the lock.
pub(super) const LOCK: &str = "lock";
/// A reader looks whether it is held, which takes it for a moment: so long it is tried at least.
const LOCK_TIME_MIN: Duration = Duration::from_millis(200);
/// The pause after each trial.
const LOCK_PAUSE: Duration = Duration::from_millis(20);
/// What is read of who holds it.
const HOLDER_BYTES_MAX: u64 = 1_024;

/// A lock that is held.
#[derive(Debug)]
pub(super) struct Lock {
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
    /// Takes the lock of the one writer, and notes who that is.
    pub(super) fn take(
        root: &Path,
        occasion: &Occasion,
        access: &Access,
    ) -> Result<Self, StoreError> {
        let path = root.join(LOCK);
        hold_is_file(&path)?;
        let file = Modes::of(root)?.open_or_make(&path)?;
        let until = Instant::now() + access.wait.max(LOCK_TIME_MIN);
        loop {
            match file.try_lock() {
                Ok(()) => break,
                Err(TryLockError::WouldBlock) if Instant::now() < until => {
                    std::thread::sleep(LOCK_PAUSE);
                }
                Err(TryLockError::WouldBlock) => return Err(locked(root)),
                Err(TryLockError::Error(source)) => return Err(file_error("lock", &path)(source)),
            }
        }
        let mut lock = Lock {
            file,
            is_shared: false,
        };
        // Who holds it is only told: where the disk is full, the lock is held all the same.
        let _ = lock.tell(occasion);
        Ok(lock)
    }

    fn tell(&mut self, occasion: &Occasion) -> std::io::Result<()> {
        let host = rustix::system::uname();
        self.file.set_len(0)?;
        self.file.rewind()?;
        write!(
            self.file,
            "pid {}\nhost {}\nsince {}\ncommand {}\n",
            std::process::id(),
            host.nodename().to_string_lossy(),
            occasion.at,
            occasion.command
        )
    }

    /// Keeps writers away; `None` where there is no file to lock.
    pub(super) fn share(root: &Path) -> Result<Option<Self>, StoreError> {
        let Ok(file) = open_file(&root.join(LOCK)) else {
            return Ok(None);
        };
        match file.try_lock_shared() {
            Ok(()) => Ok(Some(Lock {
                file,
                is_shared: true,
            })),
            Err(_) => Err(locked(root)),
        }
    }

    /// Whether another process has the store open to write.
    pub(super) fn is_held(root: &Path) -> Result<bool, StoreError> {
        let path = root.join(LOCK);
        if !path.exists() {
            return Ok(false);
        }
        let lock = open_file(&path).map_err(file_error("open", &path))?;
        Ok(matches!(
            lock.try_lock_shared(),
            Err(TryLockError::WouldBlock)
        ))
    }
}

/// What is said of a store that another process writes to.
pub(super) fn locked(root: &Path) -> StoreError {
    StoreError::Locked {
        path: root.into(),
        holder: holder(root).unwrap_or_default(),
    }
}

/// Who holds the lock, as it told: nothing where it did not, or is gone by now.
fn holder(root: &Path) -> Option<String> {
    let mut text = String::new();
    let file = open_file(&root.join(LOCK)).ok()?;
    file.take(HOLDER_BYTES_MAX).read_to_string(&mut text).ok()?;
    let of = |name: &str| {
        let mut lines = text.lines();
        let value = lines.find_map(|line| line.strip_prefix(name)?.strip_prefix(' '))?;
        // Anybody may have written it who may write to the store.
        Some(
            value
                .chars()
                .filter(|c| !c.is_control())
                .collect::<String>(),
        )
    };
    Some(format!(
        ": `{}`, process {} on {}, since {}",
        of("command")?,
        of("pid")?,
        of("host")?,
        of("since")?
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lock(root: &Path) -> Result<Lock, StoreError> {
        let occasion = Occasion {
            at: "2026-11-27T00:00:00Z".to_owned(),
            command: "test".to_owned(),
        };
        Lock::take(root, &occasion, &Access::default())
    }

    #[test]
    fn a_lock_that_is_dropped_is_free_though_a_forked_process_has_it_open() {
        let root = tempfile::tempdir().expect("a folder");
        let held = lock(root.path()).expect("locked");
        let forked = held.file.try_clone().expect("open twice");
        let refused = lock(root.path()).expect_err("it is held").to_string();
        let told = format!("`test`, process {} on ", std::process::id());
        assert!(refused.contains(&told), "{refused}");
        drop(held);
        lock(root.path()).expect("locked again");
        drop(forked);
    }
}
