//! The limit of all that counts: [`Bytes::SUM_MAX`], which every sum that is published then keeps to.
//!
//! A content with which all that counts would pass the limit is not taken in. Stores that were filled
//! before there was a limit may hold more: then the largest contents are set aside, as few as it takes.
//! They stay in the store and are named; nothing of them is published until their files are counted
//! anew or the store's logs are counted into a new one. So a store can always publish.

use std::cmp::Reverse;
use std::collections::HashSet;

use rusqlite::Connection;

use super::error::StoreError;
use super::{State, Store, ledger};
use crate::units::Bytes;

/// A content that is not published, because all that counts would pass the limit with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SetAside {
    /// The names that hold it, or what grew from it.
    pub names: Vec<String>,
    /// The downstream bytes that its own lines say.
    pub bytes: Bytes,
}

impl Store {
    /// The contents that are not published, the largest first; none, in a store of this version.
    ///
    /// Errors: [`StoreError`].
    pub fn set_aside(&self) -> Result<Vec<SetAside>, StoreError> {
        set_aside(&self.lock_state().ledger)
    }
}

impl State {
    /// Marks the open transaction, so that it can go back to here.
    pub(super) fn set_mark(&self) -> Result<(), StoreError> {
        Ok(self.ledger.execute_batch("SAVEPOINT delivery")?)
    }

    /// Forgets the mark: what was done since stays.
    pub(super) fn drop_mark(&self) -> Result<(), StoreError> {
        Ok(self.ledger.execute_batch("RELEASE delivery")?)
    }

    /// Whether all that counts keeps to the limit with `added` bytes more, those of the contents `new`;
    /// if not, all is undone since [`State::set_mark`].
    pub(super) fn keeps_to_limit(&mut self, new: &[i64], added: Bytes) -> Result<bool, StoreError> {
        let added = u128::from(added.as_u64());
        let is_within = |sum: &u128| *sum <= u128::from(Bytes::SUM_MAX.as_u64());
        // What was dropped since is still in it: then it is reckoned anew.
        let known = self.pending.counted.map(|counted| counted + added);
        let sum = match known.filter(is_within) {
            Some(sum) => sum,
            None => {
                let mut others = contents(&self.ledger)?;
                others.retain(|(id, _)| !new.contains(id));
                part(others).0 + added
            }
        };
        self.pending.counted = Some(sum).filter(is_within);
        if self.pending.counted.is_none() {
            self.ledger.execute_batch("ROLLBACK TO delivery")?;
        }
        self.drop_mark()?;
        Ok(self.pending.counted.is_some())
    }
}

/// What [`Store::set_aside`] answers.
pub(super) fn set_aside(ledger: &Connection) -> Result<Vec<SetAside>, StoreError> {
    let named = |(id, bytes)| {
        let names = ledger::names_of(ledger, id)?;
        let bytes = Bytes::new(bytes);
        Ok(SetAside { names, bytes })
    };
    part(contents(ledger)?).1.into_iter().map(named).collect()
}

/// The contents that are published: all that count, but for those that are set aside.
pub(super) fn published(ledger: &Connection) -> Result<HashSet<i64>, StoreError> {
    let contents = contents(ledger)?;
    let mut published: HashSet<i64> = contents.iter().map(|(id, _)| *id).collect();
    for (id, _) in part(contents).1 {
        published.remove(&id);
    }
    Ok(published)
}

/// The contents that count, with the bytes of their own lines.
fn contents(ledger: &Connection) -> Result<Vec<(i64, u64)>, StoreError> {
    let sql = "SELECT id, bytes FROM content WHERE dropped_by IS NULL";
    let mut statement = ledger.prepare_cached(sql)?;
    let contents = statement.query_map([], |row| {
        Ok((row.get(0)?, row.get::<_, i64>(1)?.cast_unsigned()))
    })?;
    Ok(contents.collect::<Result<_, _>>()?)
}

/// The bytes of all that keeps to the limit, and what does not, the largest first.
fn part(mut contents: Vec<(i64, u64)>) -> (u128, Vec<(i64, u64)>) {
    let mut sum: u128 = contents.iter().map(|(_, bytes)| u128::from(*bytes)).sum();
    if sum <= u128::from(Bytes::SUM_MAX.as_u64()) {
        return (sum, Vec::new());
    }
    contents.sort_unstable_by_key(|(id, bytes)| (Reverse(*bytes), *id));
    let aside = contents.into_iter().take_while(|(_, bytes)| {
        let is_over = u128::from(Bytes::SUM_MAX.as_u64()) < sum;
        sum -= u128::from(if is_over { *bytes } else { 0 });
        is_over
    });
    let aside = aside.collect();
    (sum, aside)
}
