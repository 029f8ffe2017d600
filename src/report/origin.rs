//! What datasets of OUT were made of: told in a file beside them, so that what stands there of an earlier command
//! can be held against what is published now.
//!
//! ```text
//! OUT/.made-of      summary<TAB>*<TAB>terms and state
//!                   charges<TAB>2026-10<TAB>…      a month that was published alone
//! ```
//! The terms are registry, clock and factors; the state is that of the store: the last commit and the months that
//! are closed. A run that keeps nothing has no state, and what it made is the same as nothing else. Where the file
//! is missing or does not tell, datasets are of something else.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use super::dataset::Dataset;
use super::month::Terms;
use crate::store::{Store, StoreError, open_file};
use crate::units::{Month, Zone};

/// The name of the file.
pub(super) const MADE_OF: &str = ".made-of";
/// What stands for all months.
const ALL: &str = "*";

/// What datasets are made of.
#[derive(Debug)]
pub struct Origin<'a> {
    terms: String,
    store: Option<(&'a Store, String)>,
}

impl<'a> Origin<'a> {
    /// Of a store as it is now: to be asked for before its usage is read.
    ///
    /// Errors: [`StoreError`].
    pub fn of_store(store: &'a Store, terms: &Terms<'_>) -> Result<Self, StoreError> {
        Ok(Origin {
            store: Some((store, store.state()?)),
            ..Origin::of_run(terms)
        })
    }

    /// Of a run that keeps nothing.
    pub fn of_run(terms: &Terms<'_>) -> Self {
        Origin {
            terms: terms_text(terms, terms.registry.zone()),
            store: None,
        }
    }

    fn text(&self) -> String {
        let state = self.store.as_ref().map_or("-", |(_, state)| state);
        format!("{} state={state}", self.terms)
    }

    /// Whether what is noted as `text` was made of the same.
    fn is_same(&self, text: &str) -> Result<bool, StoreError> {
        let Some((terms, state)) = text.split_once(" state=") else {
            return Ok(false);
        };
        match &self.store {
            // What was counted since this command read the store is in neither, or in one of the two.
            Some((store, own)) if terms == self.terms => {
                Ok(store.is_as_in(own)? && store.is_as_in(state)?)
            }
            _ => Ok(false),
        }
    }
}

fn terms_text(terms: &Terms<'_>, zone: Zone) -> String {
    format!(
        "registry={} zone={zone} overhead={} sampling={}",
        terms.registry.digest(),
        terms.overhead,
        terms.sampling
    )
}

/// What is noted of datasets, by dataset and month.
#[derive(Debug, Default)]
pub(super) struct MadeOf(BTreeMap<(String, String), String>);

impl MadeOf {
    /// Reads what is noted in `out`.
    pub(super) fn read(out: &Path) -> io::Result<Self> {
        let mut text = Vec::new();
        match open_file(&out.join(MADE_OF)).and_then(|mut file| file.read_to_end(&mut text)) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let text = String::from_utf8_lossy(&text);
        let line = |line: &str| {
            let (dataset, rest) = line.split_once('\t')?;
            let (month, origin) = rest.split_once('\t')?;
            Some(((dataset.to_owned(), month.to_owned()), origin.to_owned()))
        };
        Ok(MadeOf(text.lines().filter_map(line).collect()))
    }

    pub(super) fn text(&self) -> String {
        let line = |((dataset, month), origin): (&(String, String), &String)| {
            format!("{dataset}\t{month}\t{origin}\n")
        };
        self.0.iter().map(line).collect()
    }

    /// Notes what a dataset, or a month of it, is made of.
    pub(super) fn note(&mut self, dataset: Dataset, month: Option<Month>, origin: &Origin<'_>) {
        self.forget(dataset, month);
        let month = month.map_or_else(|| ALL.to_owned(), |month| month.to_string());
        self.0
            .insert((dataset.name().to_owned(), month), origin.text());
    }

    /// Forgets a dataset, or a month of it.
    pub(super) fn forget(&mut self, dataset: Dataset, month: Option<Month>) {
        let month = month.map(|month| month.to_string());
        self.0.retain(|(of, at), _| {
            of != dataset.name() || month.as_ref().is_some_and(|month| month != at)
        });
    }

    /// Whether a dataset, or a month of it, was made of the same.
    ///
    /// Errors: [`StoreError`].
    pub(super) fn is_same(
        &self,
        dataset: Dataset,
        month: Option<Month>,
        origin: &Origin<'_>,
    ) -> Result<bool, StoreError> {
        let name = dataset.name();
        let is_noted = |month: &str| self.0.contains_key(&(name.to_owned(), month.to_owned()));
        let noted: Vec<&String> = match month {
            // Notes of some months do not speak for the others.
            None if !is_noted(ALL) => Vec::new(),
            None => {
                let all = self.0.iter().filter(|((of, _), _)| of == name);
                all.map(|(_, origin)| origin).collect()
            }
            Some(month) => {
                let of = |month: &str| self.0.get(&(name.to_owned(), month.to_owned()));
                let noted = of(&month.to_string()).or_else(|| of(ALL));
                noted.into_iter().collect()
            }
        };
        for noted in &noted {
            if !origin.is_same(noted)? {
                return Ok(false);
            }
        }
        Ok(!noted.is_empty())
    }
}
