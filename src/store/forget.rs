//! Forgetting: on request, and with a reason, contents count no more.
//!
//! A content is taken out with all names that hold it, and with what it grew from unless something else
//! needs that. What grew from it would lose its first lines: it has to be named, too. All that is asked for
//! is forgotten in one commit, or nothing is.
//!
//! A file that is forgotten is not banned: it is unknown from then on, so an ingest that meets it counts it
//! as new. A closed month is not touched: what it was frozen with and what counts now differ, and that is
//! what adjustments and corrections are made of.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::RangeInclusive;

use rusqlite::{Connection, params};

use super::change::FORGOTTEN;
use super::error::StoreError;
use super::recount::{grown_from, retire};
use super::succession::{drop_unless_held, release};
use super::{Store, ledger};
use crate::meter::Domains;
use crate::source::Digest;
use crate::units::{Bytes, Span};

/// Bytes of a reason.
pub const REASON_BYTES_MAX: usize = 1024;
/// Digits of a digest that are enough to name a content by.
const DIGITS_MIN: usize = 8;

/// A content that counts no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forgotten {
    /// Its digest.
    pub digest: Digest,
    /// The names that held it, or that it was kept for; none of what another content grew from.
    pub names: Vec<String>,
    /// Its own lines: decompressed bytes.
    pub span: Span,
    /// Those that were metered.
    pub metered: u64,
    /// Downstream bytes of these.
    pub bytes: Bytes,
    /// First and last slot of these, by number; `None` where there are none, or they were not noted.
    pub slots: Option<RangeInclusive<u32>>,
}

/// Why nothing was forgotten.
#[derive(Debug, thiserror::Error)]
pub enum ForgetError {
    /// Nothing has such a name or digest.
    #[error(
        "{0}: nothing counts by this name; give a file as `cdn-meter explain DOMAIN` names it, or the \
         digest of a content, {DIGITS_MIN} digits of it or more"
    )]
    Unknown(String),
    /// Several contents have such a digest.
    #[error(
        "{what}: several contents begin with these digits, or count apart: name their files ({names})"
    )]
    Ambiguous {
        /// What was asked for.
        what: String,
        /// Their names.
        names: String,
    },
    /// What grew from it would lose its first lines.
    #[error(
        "{what}: its lines are the beginning of what {names} holds, and counts as its first lines; \
         forget that as well, or count it anew without them"
    )]
    Begins {
        /// What was asked for.
        what: String,
        /// The names that hold what grew from it.
        names: String,
    },
    /// The ledger refuses.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<rusqlite::Error> for ForgetError {
    fn from(error: rusqlite::Error) -> Self {
        ForgetError::Store(error.into())
    }
}

impl Store {
    /// Whether a name holds something that counts.
    ///
    /// Errors: [`StoreError`].
    pub fn is_named(&self, name: &str) -> Result<bool, StoreError> {
        Ok(ledger::held_by(&self.lock_state().ledger, name)?.is_some())
    }

    /// Forgets what `what` names, each a name or a digest; with `is_trial`, only tells what that would be.
    ///
    /// Errors: [`ForgetError`]; nothing is forgotten then.
    pub fn forget(
        &self,
        what: &[String],
        reason: &str,
        is_trial: bool,
    ) -> Result<Vec<Forgotten>, ForgetError> {
        let state = &mut *self.lock_state();
        let commit = state.commit()?;
        match forget(&state.ledger, what, reason, commit) {
            Ok(forgotten) if !is_trial => {
                self.flush_state(state, &Domains::new())?;
                Ok(forgotten)
            }
            told => {
                state.give_up()?;
                told
            }
        }
    }
}

/// Does it, within the open transaction.
fn forget(
    ledger: &Connection,
    what: &[String],
    reason: &str,
    commit: i64,
) -> Result<Vec<Forgotten>, ForgetError> {
    let mut asked = BTreeMap::new();
    for what in what {
        asked.insert(content_of(ledger, what)?, what);
    }
    for (content, what) in &asked {
        let grown = grown_from(ledger, *content)?;
        let others = grown.into_iter().filter(|grown| !asked.contains_key(grown));
        let others: Vec<i64> = others.collect();
        if !others.is_empty() {
            return Err(ForgetError::Begins {
                what: (*what).clone(),
                names: names_of(ledger, &others)?,
            });
        }
    }
    let mut held = BTreeMap::new();
    for content in asked.keys() {
        held.insert(*content, give_up_names(ledger, *content, reason, commit)?);
    }
    for content in asked.keys() {
        let parent = parent_of(ledger, *content)?;
        retire(ledger, *content, commit)?;
        if let Some(parent) = parent {
            drop_unless_held(ledger, parent, commit)?;
        }
    }
    forgotten(ledger, commit, &held)
}

/// The content that is meant by a name, or by the first digits of a digest.
fn content_of(ledger: &Connection, what: &str) -> Result<i64, ForgetError> {
    if let Some(content) = ledger::held_by(ledger, what)? {
        return Ok(content);
    }
    let is_digest = DIGITS_MIN <= what.len() && what.bytes().all(|byte| byte.is_ascii_hexdigit());
    let sql = "SELECT id FROM content
        WHERE dropped_by IS NULL AND ?1 AND hex(digest) LIKE upper(?2) || '%' ORDER BY id";
    let mut statement = ledger.prepare(sql)?;
    let found = statement.query_map(params![is_digest, what], |row| row.get(0))?;
    match found.collect::<Result<Vec<i64>, _>>()?[..] {
        [] => Err(ForgetError::Unknown(what.to_owned())),
        [content] => Ok(content),
        ref several => Err(ForgetError::Ambiguous {
            what: what.to_owned(),
            names: names_of(ledger, several)?,
        }),
    }
}

fn parent_of(ledger: &Connection, content: i64) -> Result<Option<i64>, StoreError> {
    let mut statement = ledger.prepare_cached("SELECT parent FROM content WHERE id = ?1")?;
    Ok(statement.query_row([content], |row| row.get(0))?)
}

/// What has rows in segments that are lost, with all that grew from it.
pub(super) fn lost_contents(
    ledger: &Connection,
    lost: &[i64],
) -> Result<BTreeSet<i64>, StoreError> {
    let (mut contents, live) = (BTreeSet::new(), ledger::live(ledger)?);
    for segment in lost {
        let mut found: Vec<i64> = ledger::parts(ledger, *segment)?.into_keys().collect();
        found.retain(|content| live.contains(content));
        while let Some(content) = found.pop() {
            if contents.insert(content) {
                found.extend(grown_from(ledger, content)?);
            }
        }
    }
    Ok(contents)
}

/// Takes it out: its names hold nothing, so that its logs count again when they are ingested.
pub(super) fn take_out_lost(
    ledger: &Connection,
    lost: &[i64],
    reason: &str,
    commit: i64,
) -> Result<(), StoreError> {
    let contents = lost_contents(ledger, lost)?;
    for content in &contents {
        give_up_names(ledger, *content, reason, commit)?;
    }
    for content in &contents {
        let parent = parent_of(ledger, *content)?;
        retire(ledger, *content, commit)?;
        if let Some(parent) = parent.filter(|parent| !contents.contains(parent)) {
            drop_unless_held(ledger, parent, commit)?;
        }
    }
    for segment in lost {
        ledger.execute("DELETE FROM part WHERE segment = ?1", [segment])?;
        ledger.execute("DELETE FROM segment WHERE id = ?1", [segment])?;
    }
    Ok(())
}

/// Has every name that holds a content hold nothing, and notes why.
fn give_up_names(
    ledger: &Connection,
    content: i64,
    reason: &str,
    commit: i64,
) -> Result<Vec<String>, StoreError> {
    let mut names = ledger::holders(ledger, content, "")?;
    ledger.execute("DELETE FROM source WHERE content = ?1", [content])?;
    names.extend(release(ledger, content)?);
    let sql = "INSERT INTO history (commit_id, name, content, change, reason)
        VALUES (?1, ?2, ?3, ?4, ?5)";
    for name in &names {
        ledger.execute(sql, params![commit, name, content, FORGOTTEN, reason])?;
    }
    Ok(names)
}

/// All that counts no more since `commit`.
fn forgotten(
    ledger: &Connection,
    commit: i64,
    held: &BTreeMap<i64, Vec<String>>,
) -> Result<Vec<Forgotten>, ForgetError> {
    let sql = "SELECT id, digest, from_offset, length, metered, bytes, slot_from, slot_to
        FROM content WHERE dropped_by = ?1 ORDER BY id";
    let mut statement = ledger.prepare(sql)?;
    let rows = statement.query_map([commit], |row| {
        let unsigned = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        let slots: (Option<u32>, Option<u32>) = (row.get(6)?, row.get(7)?);
        Ok(Forgotten {
            digest: Digest::from_bytes(row.get(1)?),
            names: held.get(&row.get(0)?).cloned().unwrap_or_default(),
            span: Span::new(unsigned(2)?, unsigned(3)?),
            metered: unsigned(4)?,
            bytes: Bytes::new(unsigned(5)?),
            slots: slots.0.zip(slots.1).map(|(from, to)| from..=to),
        })
    })?;
    Ok(rows.collect::<Result<_, _>>()?)
}

/// The names that hold these contents, or what grew from them, as a list to read.
fn names_of(ledger: &Connection, contents: &[i64]) -> Result<String, StoreError> {
    let mut names = BTreeSet::new();
    for content in contents {
        names.extend(ledger::names_of(ledger, *content)?);
    }
    Ok(Vec::from_iter(names).join(", "))
}
