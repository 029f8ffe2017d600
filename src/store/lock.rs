//! The lock of a store: one process writes at a time, and says who it is.
//!
//! `STORE/lock` is locked by whoever writes and holds four lines about it: `pid`, `host`, `since`, `command`.
//! What the lock and its note are worth is said in `disk/lock.rs`.

use std::fs::TryLockError;
use std::path::Path;

use super::error::StoreError;
use super::{Access, Occasion};
use crate::disk::{Lock, Modes, host_name};

/// The file that carries the lock.
pub(super) const LOCK: &str = "lock";

/// Takes the lock of the one writer, and notes who that is.
pub(super) fn take(root: &Path, occasion: &Occasion, access: &Access) -> Result<Lock, StoreError> {
    let taken = Lock::take(&root.join(LOCK), Modes::of(root)?, access.wait)?;
    let mut lock = taken.ok_or_else(|| locked(root))?;
    lock.note(&format!(
        "pid {}\nhost {}\nsince {}\ncommand {}\n",
        std::process::id(),
        host_name(),
        occasion.at,
        occasion.command
    ));
    Ok(lock)
}

/// Keeps writers away; `None` where there is no file to lock.
pub(super) fn share(root: &Path) -> Result<Option<Lock>, StoreError> {
    Lock::share(&root.join(LOCK)).map_err(|_: TryLockError| locked(root))
}

/// Whether another process has the store open to write.
pub(super) fn is_held(root: &Path) -> Result<bool, StoreError> {
    Ok(Lock::is_held(&root.join(LOCK))?)
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
    let text = Lock::noted(&root.join(LOCK))?;
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

    #[test]
    fn who_is_refused_is_told_who_holds_the_lock() {
        let root = tempfile::tempdir().expect("a folder");
        let lock = || {
            let occasion = Occasion {
                at: "2026-11-27T00:00:00Z".to_owned(),
                command: "test".to_owned(),
            };
            take(root.path(), &occasion, &Access::default())
        };
        let held = lock().expect("locked");
        let refused = lock().expect_err("it is held").to_string();
        let told = format!("`test`, process {} on ", std::process::id());
        assert!(refused.contains(&told), "{refused}");
        drop(held);
        lock().expect("locked again");
    }
}
