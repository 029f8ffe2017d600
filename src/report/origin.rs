//! What that is made of which is published now: to be held against what stands in OUT of earlier commands
//! (`made_of.rs`).
//!
//! The terms are the version of the program, registry, clock and factors, and the store that is published; its state
//! is a word for what counts in it, of a month in that month and those that its bill rests on, and for the months that
//! are closed. What is priced has its prices, too: catalogue,
//! mode and what was bought or counted besides. A run that keeps nothing has no store, and what it made is the same
//! as nothing else.

use std::cell::{OnceCell, RefCell};
use std::collections::BTreeMap;

use super::dataset::Dataset;
use super::month::Terms;
use crate::store::{Store, StoreError};
use crate::units::{Month, Zone};

/// What stands for a store where there is none.
const NONE: &str = "-";
/// What bills of a month rest on where that is every month before it.
const ALL_BEFORE: &str = "all";
/// What has to be the same where usage is.
const TERMS: [&str; 6] = [
    "version", "registry", "zone", "overhead", "sampling", "store",
];
/// What has to be the same of all months of OUT: readers add them up, by one clock.
const OF_ALL_MONTHS: [&str; 3] = ["store", "zone", "focus"];

/// Facts of what a dataset, or a month of it, was made of, by name.
pub(super) type Facts = BTreeMap<String, String>;

/// What datasets are made of.
#[derive(Debug)]
pub struct Origin<'a> {
    facts: Facts,
    zone: Zone,
    store: Option<(&'a Store, String)>,
    /// Whether the store was still what it was when that was first asked for.
    is_still: OnceCell<bool>,
    /// States of months, with what they rest on, as far as they were asked for. Each is of the state of the store.
    words: RefCell<BTreeMap<(Month, Option<String>), String>>,
    /// Months that are closed: the digest of the close, and whether it froze a bill.
    closed: BTreeMap<Month, (String, bool)>,
    billed_by: BilledBy,
}

/// What bills are worked out by, beside usage.
#[derive(Clone, Debug, Default)]
pub struct BilledBy {
    /// Prices by name, such as `catalogue`.
    pub prices: Vec<(&'static str, String)>,
    /// The version of FOCUS, where it is written.
    pub focus: Option<String>,
    /// The month whose bill corrects closed ones, and these.
    pub corrects: Option<(Month, Vec<Month>)>,
    /// Whether packages pass from month to month.
    pub has_packages: bool,
}

impl<'a> Origin<'a> {
    /// Of a store as it is now: to be asked for before its usage is read.
    ///
    /// Errors: [`StoreError`].
    pub fn of_store(store: &'a Store, terms: &Terms<'_>) -> Result<Self, StoreError> {
        let mut origin = Origin::of_run(terms);
        let seed = format!("{:016x}", store.seed().0);
        origin.facts.insert("store".to_owned(), seed);
        origin.store = Some((store, store.state()?));
        for close in store.closes()? {
            let is_billed = close.terms.catalogue_digest.is_some();
            let month = close.terms.month;
            origin.closed.insert(month, (close.digest, is_billed));
        }
        Ok(origin)
    }

    /// Of a run that keeps nothing.
    pub fn of_run(terms: &Terms<'_>) -> Self {
        let facts = [
            ("version", env!("CARGO_PKG_VERSION").to_owned()),
            ("registry", terms.registry.digest()),
            ("zone", terms.registry.zone().to_string()),
            ("overhead", terms.overhead.to_string()),
            ("sampling", terms.sampling.to_string()),
            ("store", NONE.to_owned()),
        ];
        Origin {
            facts: facts.map(|(name, value)| (name.to_owned(), value)).into(),
            zone: terms.registry.zone(),
            store: None,
            is_still: OnceCell::new(),
            words: RefCell::new(BTreeMap::new()),
            closed: BTreeMap::new(),
            billed_by: BilledBy::default(),
        }
    }

    /// Notes what bills are worked out by.
    pub fn bill_by(&mut self, billed_by: BilledBy) {
        self.billed_by = billed_by;
    }

    /// Whether the store is still what it was: to be asked when its usage was read, once and for all.
    ///
    /// Errors: [`StoreError`].
    pub fn is_still(&self) -> Result<bool, StoreError> {
        let Some((store, state)) = &self.store else {
            return Ok(true);
        };
        let is_still = match self.is_still.get() {
            Some(is_still) => *is_still,
            None => store.is_as_in(state)?,
        };
        Ok(*self.is_still.get_or_init(|| is_still))
    }

    /// What is noted of a dataset, or a month of it.
    ///
    /// Errors: [`StoreError`].
    pub(super) fn facts_of(
        &self,
        dataset: Dataset,
        month: Option<Month>,
    ) -> Result<Facts, StoreError> {
        let mut facts = self.terms_of(dataset);
        let rests = month.and_then(|month| self.rests(dataset, month));
        let state = self.state_of(month, rests.as_deref())?;
        facts.extend(state.map(|state| ("state".to_owned(), state)));
        facts.extend(rests.map(|rests| ("rests".to_owned(), rests)));
        let close = month.and_then(|month| self.frozen(dataset, month));
        facts.extend(close.map(|close| ("close".to_owned(), close.to_owned())));
        Ok(facts)
    }

    /// The same but for the state of the store.
    fn terms_of(&self, dataset: Dataset) -> Facts {
        let mut facts = self.facts.clone();
        let by = &self.billed_by;
        if dataset.is_priced() {
            let prices = by.prices.iter();
            facts.extend(prices.map(|(name, value)| ((*name).to_owned(), value.clone())));
        }
        if [Dataset::Focus, Dataset::FocusCsv].contains(&dataset) {
            facts.extend(by.focus.iter().map(|of| ("focus".to_owned(), of.clone())));
        }
        facts
    }

    /// The state of a month and those that it rests on, or of all of the store: as it was when this command began to
    /// read it. Of a store that changed since, what was read is of no one state, and months can be asked no more.
    fn state_of(
        &self,
        month: Option<Month>,
        rests: Option<&str>,
    ) -> Result<Option<String>, StoreError> {
        let Some((store, state)) = &self.store else {
            return Ok(None);
        };
        let Some(month) = month else {
            return Ok(Some(state.clone()));
        };
        if !self.is_still()? {
            return Ok(None);
        }
        let key = (month, rests.map(str::to_owned));
        if let Some(known) = self.words.borrow().get(&key) {
            return Ok(Some(known.clone()));
        }
        let mut slots = month.slots(self.zone);
        let mut others = Vec::new();
        match rests {
            Some(ALL_BEFORE) => slots.start = 0,
            Some(list) => others.extend(list.split(',').filter_map(|of| of.parse::<Month>().ok())),
            None => {}
        }
        let mut spans = vec![slots];
        spans.extend(others.iter().map(|other| other.slots(self.zone)));
        let words = store.states_in(state, &spans)?.map(|words| words.join("+"));
        if let Some(words) = &words {
            self.words.borrow_mut().insert(key, words.clone());
        }
        Ok(words)
    }

    /// The close by which a month of a dataset is frozen.
    fn frozen(&self, dataset: Dataset, month: Month) -> Option<&str> {
        let (digest, is_billed) = self.closed.get(&month)?;
        let is_frozen = match dataset {
            Dataset::Adjustments => false,
            _ => *is_billed || !dataset.is_priced(),
        };
        is_frozen.then_some(digest)
    }

    /// The months that the bill of a month rests on, beside its own.
    fn rests(&self, dataset: Dataset, month: Month) -> Option<String> {
        if !dataset.is_priced() || self.frozen(dataset, month).is_some() {
            return None;
        }
        if self.billed_by.has_packages {
            return Some(ALL_BEFORE.to_owned());
        }
        let (_, closed) = self
            .billed_by
            .corrects
            .as_ref()
            .filter(|(of, _)| *of == month)?;
        let closed: Vec<String> = closed.iter().map(Month::to_string).collect();
        Some(closed.join(","))
    }

    /// Whether what is published of `month` and what is noted as `facts` of another month rest on each other.
    pub(super) fn is_bound(
        &self,
        (dataset, other): (Dataset, Month),
        facts: &Facts,
        (month, is_billed): (Month, bool),
    ) -> bool {
        let on = |rests: Option<&str>, from: Month, to: Month| match rests {
            Some(ALL_BEFORE) => from < to,
            Some(list) => list.split(',').any(|of| of == from.to_string()),
            None => false,
        };
        let own = self.rests(Dataset::Charges, month);
        on(facts.get("rests").map(|rests| &rests[..]), month, other)
            || is_billed
                && (dataset.is_priced() || dataset == Dataset::Adjustments)
                && on(own.as_deref(), other, month)
    }

    /// Whether what is noted as `facts` of a dataset, or a month of it, was made of the same.
    ///
    /// Errors: [`StoreError`].
    pub(super) fn is_same(
        &self,
        (dataset, month): (Dataset, Option<Month>),
        facts: &Facts,
        is_billed: bool,
    ) -> Result<bool, StoreError> {
        let own = self.terms_of(dataset);
        let has_same = |name: &str| facts.get(name) == own.get(name);
        if let Some(close) = facts.get("close") {
            let frozen = month.and_then(|month| self.frozen(dataset, month));
            return Ok(has_same("store") && has_same("zone") && frozen == Some(close));
        }
        let mut prices = self.billed_by.prices.iter().map(|(name, _)| *name);
        let has_same_prices = !is_billed || !dataset.is_priced() || prices.all(has_same);
        let has_same_terms = has_same_prices && TERMS.into_iter().all(has_same);
        let then = facts.get("state").filter(|_| has_same_terms);
        let Some(then) = then else {
            return Ok(false);
        };
        // What was counted since this command read the store is in neither, or in one of the two.
        let rests = facts.get("rests").map(|rests| &rests[..]);
        let now = self.state_of(month, rests)?;
        Ok(now.as_ref() == Some(then) && self.is_still()?)
    }

    /// Whether what is noted as `facts` is of the same state of the store, by whatever terms.
    ///
    /// Errors: [`StoreError`].
    pub(super) fn is_of_state(&self, facts: &Facts) -> Result<bool, StoreError> {
        let now = self.state_of(None, None)?;
        Ok(now.as_ref() == facts.get("state") && self.is_still()?)
    }

    /// What is not the same, of what has to be of all months: its name, what it was and what it is.
    pub(super) fn differs(
        &self,
        dataset: Dataset,
        facts: &Facts,
    ) -> Option<(String, String, String)> {
        let own = self.terms_of(dataset);
        OF_ALL_MONTHS
            .into_iter()
            .find_map(|name| match (facts.get(name), own.get(name)) {
                (Some(then), Some(now)) if then != now => {
                    Some((name.to_owned(), then.clone(), now.clone()))
                }
                _ => None,
            })
    }
}
