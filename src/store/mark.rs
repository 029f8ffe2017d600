//! The mark: the number of the newest commit, in the name of an empty file, `STORE/commit-00000008`.
//!
//! A ledger and its own seal that are copied back from an earlier time agree with each other. The mark is what they
//! do not bring with them: whoever opens the store refuses a ledger that has an earlier commit than the mark says,
//! names both, and changes nothing.
//!
//! The number stands in the name, so that a flipped byte is no other number, and that of two marks, where an older
//! store was copied over this one, the higher holds. The name is changed after the commit is durable: whatever
//! ends the process, and wherever, no mark is ahead of the ledger. It costs no sync: the next commit syncs the
//! folder, as do `repair` and `restore`; a power failure in the seconds after a commit may bring back the
//! mark before, which the next command that writes raises again.
//!
//! | mark | |
//! |---|---|
//! | the ledger's commit, or an earlier one | go on; who writes raises it |
//! | a later one | the ledger is an older copy: exit code 3 |
//! | none (deleted, or the store is of an older version) | the seal and the names of files alone tell; who writes makes it |
//!
//! `repair` sets it back to the ledger that it seals, which is to believe that ledger knowingly; `restore` makes it.
//! What it cannot tell is a whole store that was exchanged for an older one: that has its own mark, or none.

use std::path::Path;

use rusqlite::Connection;

use super::error::{StoreError, file_error};
use super::ledger;
use crate::disk::{Modes, names_in, reach, remove, rename, sync_folder};

/// What the name of a mark begins with.
const PREFIX: &str = "commit-";
/// The least digits of its number.
const DIGITS_MIN: usize = 8;

/// Whether a name is one of a mark.
pub(super) fn is_mark(name: &str) -> bool {
    commit_of(name).is_some()
}

/// The commit that a name marks.
fn commit_of(name: &str) -> Option<i64> {
    let digits = name.strip_prefix(PREFIX)?;
    let commit = digits.parse().ok()?;
    (0 < commit && name_of(commit) == name).then_some(commit)
}

fn name_of(commit: i64) -> String {
    format!("{PREFIX}{commit:0DIGITS_MIN$}")
}

/// The newest commit that is marked, and by which file; `None` where there is no mark.
///
/// Errors: [`StoreError`].
pub(super) fn newest(root: &Path) -> Result<Option<(i64, String)>, StoreError> {
    if !root.is_dir() {
        return Ok(None);
    }
    let names = names_in(root)?.into_iter();
    Ok(names
        .filter_map(|name| Some((commit_of(&name)?, name)))
        .max())
}

/// Refuses a ledger that has an earlier commit than is marked; answers which is.
///
/// Errors: [`StoreError`], `LedgerOlder`.
pub(super) fn hold(root: &Path, ledger: &Connection) -> Result<Option<i64>, StoreError> {
    // Before the ledger is asked: a writer may be at work.
    let Some((made, by)) = newest(root)? else {
        return Ok(None);
    };
    match ledger::newest_commit(ledger)? {
        found if found < made => Err(StoreError::LedgerOlder { found, made, by }),
        _ => Ok(Some(made)),
    }
}

/// Marks a commit that is durable.
///
/// Errors: [`StoreError`].
pub(super) fn raise(root: &Path, commit: i64) -> Result<(), StoreError> {
    if commit == 0 {
        return Ok(());
    }
    reach("mark.raise");
    let place = root.join(name_of(commit));
    let mut others = names_in(root)?;
    others.retain(|name| commit_of(name).is_some_and(|of| of != commit));
    if !place.exists() {
        // One name for another, so that there is a mark at every moment.
        match others.pop() {
            Some(before) => {
                let before = root.join(before);
                rename(&before, &place).map_err(file_error("rename", &before))?;
            }
            None => Modes::of(root)?.make_missing(&place)?,
        }
    }
    others
        .iter()
        .try_for_each(|name| remove(&root.join(name)))?;
    reach("mark.raised");
    Ok(())
}

/// The same, durably: of a ledger that is believed although it may be older than the mark.
///
/// Errors: [`StoreError`].
pub(super) fn set(root: &Path, commit: i64) -> Result<(), StoreError> {
    match commit {
        0 => {
            let marks = names_in(root)?.into_iter().filter(|name| is_mark(name));
            marks
                .map(|name| root.join(name))
                .try_for_each(|mark| remove(&mark))?;
        }
        commit => raise(root, commit)?,
    }
    Ok(sync_folder(root)?)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_mark_is_a_number_as_it_was_written() {
        assert_eq!(commit_of("commit-00000008"), Some(8));
        assert_eq!(commit_of("commit-100000000"), Some(100_000_000));
        for foreign in [
            "commit-8",
            "commit-00000000",
            "commit-000000008",
            "commit-+0000008",
            "commit-00000008.bak",
            "commit-99999999999999999999",
            "commit-",
        ] {
            assert_eq!(commit_of(foreign), None, "{foreign}");
        }
    }

    #[test]
    fn of_several_marks_the_highest_holds_and_one_is_left() {
        let root = tempfile::tempdir().expect("a folder");
        for commit in [3, 8, 5] {
            fs::write(root.path().join(name_of(commit)), "").expect("written");
        }
        let newest = || newest(root.path()).expect("listed");
        assert_eq!(newest(), Some((8, "commit-00000008".to_owned())));
        raise(root.path(), 9).expect("raised");
        assert_eq!(names_in(root.path()).expect("listed"), ["commit-00000009"]);
        set(root.path(), 4).expect("set");
        assert_eq!(names_in(root.path()).expect("listed"), ["commit-00000004"]);
        // An older store that was copied over this one left its own beside it.
        fs::write(root.path().join(name_of(2)), "").expect("written");
        set(root.path(), 2).expect("set");
        assert_eq!(names_in(root.path()).expect("listed"), ["commit-00000002"]);
        set(root.path(), 0).expect("set");
        assert_eq!(newest(), None);
    }
}
