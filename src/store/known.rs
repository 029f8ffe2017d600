//! What the store knows of a file that comes in: whether it is as it was, and what its content is.

use super::error::StoreError;
use super::identify::{Identity, Known, SHARED, identify, may_have_shrunk};
use super::succession::kept_for;
use super::{Store, ledger};
use crate::meter::Fates;
use crate::source::{Content, Digest, Opening};

impl Store {
    /// Whether the file `name` is as it was when it was read.
    ///
    /// Errors: [`StoreError`].
    pub fn is_unchanged(&self, name: &str, stamp: &str) -> Result<bool, StoreError> {
        let state = self.lock_state();
        Ok(ledger::stamp(&state.ledger, name)?.as_deref() == Some(stamp))
    }

    /// Known contents that one with this opening may begin with or be a part of.
    ///
    /// Errors: [`StoreError`].
    pub fn known_like(&self, opening: &Opening) -> Result<Vec<Known>, StoreError> {
        ledger::contents_opening_with(&self.lock_state().ledger, opening)
    }

    /// Whether `name` alone holds a longer content, of which this may be the start: its lines would
    /// be lost if the name held this one. `is_there` tells whether a file exists.
    ///
    /// Errors: [`StoreError`].
    pub fn is_shrunk(
        &self,
        name: &str,
        content: &Content,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<bool, StoreError> {
        let ledger = &self.lock_state().ledger;
        // An empty one is a log that has not begun yet, and takes nothing away.
        if content.length == 0 {
            return Ok(false);
        }
        let Some(before) = ledger::held_by(ledger, name)? else {
            return Ok(false);
        };
        let known = ledger::content(ledger, before)?;
        Ok(may_have_shrunk(content, &known.content)
            && !ledger::holders(ledger, before, name)?
                .iter()
                .any(|name| is_there(name)))
    }

    /// What a content that `name` holds is to the known ones. `is_there` tells whether a file exists.
    ///
    /// Errors: [`StoreError`].
    pub fn identify(
        &self,
        name: &str,
        content: &Content,
        marks: &[(u64, Digest)],
        resumed: u64,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Identity, StoreError> {
        let ledger = &self.lock_state().ledger;
        let mut known = ledger::contents_opening_with(ledger, &content.opening)?;
        known.extend(ledger::contents_like(ledger, content)?);
        if known.iter().all(|known| known.lineage == SHARED) {
            return Ok(identify(&known, None, content, marks, resumed));
        }
        // What a name that is gone, or moved on, held comes first: it was renamed. Then what all names share.
        let mut ranked = Vec::new();
        for known in known {
            let mut holders = ledger::holders(ledger, known.id, name)?.into_iter();
            let is_gone =
                kept_for(ledger, known.id)?.is_some() || holders.any(|name| !is_there(&name));
            ranked.push(((!is_gone, known.lineage, known.id), known));
        }
        ranked.sort_unstable_by_key(|(rank, _)| *rank);
        let known: Vec<Known> = ranked.into_iter().map(|(_, known)| known).collect();
        let own = ledger::held_by(ledger, name)?;
        let own = own.map(|own| ledger::content(ledger, own)).transpose()?;
        let own = own.map(|own| own.lineage);
        Ok(identify(&known, own, content, marks, resumed))
    }

    /// The name under which the known content `id` counts, if `name` would be but another one for it.
    /// `is_there` tells whether a file exists: a name that is gone was renamed, as was one that moved on.
    ///
    /// Errors: [`StoreError`].
    pub fn is_duplicate_of(
        &self,
        name: &str,
        id: i64,
        is_there: impl Fn(&str) -> bool,
    ) -> Result<Option<String>, StoreError> {
        let ledger = &self.lock_state().ledger;
        if kept_for(ledger, id)?.is_some() {
            return Ok(None);
        }
        let holders = ledger::holders(ledger, id, "")?;
        let is_own = |holder: &String| holder == name;
        if holders
            .iter()
            .any(|holder| is_own(holder) || !is_there(holder))
        {
            return Ok(None);
        }
        let names = ledger::names_of(ledger, id)?;
        match names.iter().any(is_own) {
            true => Ok(None),
            false => Ok(names.into_iter().next()),
        }
    }

    /// The rows of the content `id` and of all that it grew from.
    ///
    /// Errors: [`StoreError`].
    pub fn fates_of(&self, id: i64) -> Result<Fates, StoreError> {
        ledger::fates_of(&self.lock_state().ledger, id)
    }

    /// The names that hold the content `id`, or what grew from it, or for which these are kept.
    ///
    /// Errors: [`StoreError`].
    pub fn holders(&self, id: i64) -> Result<Vec<String>, StoreError> {
        ledger::names_of(&self.lock_state().ledger, id)
    }
}
