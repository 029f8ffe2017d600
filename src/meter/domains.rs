//! The names of domains, each stored once and known by a number.

use std::sync::{Mutex, MutexGuard, PoisonError};

use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

/// Most domains of one run. A host name is the client's word, so the table has to end somewhere: far beyond what
/// anybody serves, at some 4 GB. What is published ends at `--memory-limit` long before.
pub const DOMAINS_MAX: usize = 64_000_000;

/// The number of a domain in its [`Domains`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct DomainId(u32);

impl DomainId {
    /// The domain with this number; whose numbers they are is the caller's to know.
    pub const fn new(index: u32) -> Self {
        DomainId(index)
    }

    /// The number, from 0 without gaps.
    pub const fn index(self) -> u32 {
        self.0
    }
}

/// There are more domains than [`DOMAINS_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the logs name more than {DOMAINS_MAX} domains, which a run does not hold; meter fewer files at once"
)]
pub struct TooManyDomains;

/// All domains of a run, shared by its workers.
///
/// A worker asks once per domain and remembers the answer, so one lock is enough.
#[derive(Debug)]
pub struct Domains {
    names: Mutex<Names>,
    most: usize,
}

#[derive(Debug, Default)]
struct Names {
    text: String,
    ends: Vec<usize>,
    numbers: HashTable<u32>,
    hasher: RandomState,
}

impl Names {
    fn get(&self, index: u32) -> &str {
        let index = index as usize;
        let from = if index == 0 { 0 } else { self.ends[index - 1] };
        &self.text[from..self.ends[index]]
    }
}

/// The limit of a run, unless the environment lowers it, which only builds for tests ask.
fn limit() -> usize {
    #[cfg(debug_assertions)]
    if let Ok(lowered) = std::env::var("CDN_METER_DOMAINS") {
        return lowered.parse().unwrap_or(DOMAINS_MAX);
    }
    DOMAINS_MAX
}

impl Default for Domains {
    fn default() -> Self {
        Domains::new()
    }
}

impl Domains {
    /// No domains of a run, which may name so many.
    pub fn new() -> Self {
        Domains {
            names: Mutex::default(),
            most: limit(),
        }
    }

    /// No domains of a store, which runs may have filled one after the other with more: what is read of it ends at
    /// the memory limit alone.
    pub fn of_store() -> Self {
        Domains {
            most: u32::MAX as usize,
            ..Domains::new()
        }
    }

    /// The number of the domain `name`, which is new or known.
    ///
    /// Errors: [`TooManyDomains`].
    pub fn intern(&self, name: &str) -> Result<DomainId, TooManyDomains> {
        let names = &mut *self.lock();
        let hash = names.hasher.hash_one(name);
        if let Some(&index) = names.numbers.find(hash, |&index| names.get(index) == name) {
            return Ok(DomainId(index));
        }
        let index = u32::try_from(names.ends.len()).map_err(|_| TooManyDomains)?;
        if self.most <= names.ends.len() {
            return Err(TooManyDomains);
        }
        names.text.push_str(name);
        names.ends.push(names.text.len());
        let Names {
            text,
            ends,
            numbers,
            hasher,
        } = names;
        let name_of = |index: u32| {
            let index = index as usize;
            let from = if index == 0 { 0 } else { ends[index - 1] };
            &text[from..ends[index]]
        };
        numbers.insert_unique(hash, index, |&index| hasher.hash_one(name_of(index)));
        Ok(DomainId(index))
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.lock().ends.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All names so far, by number.
    pub fn names(&self) -> Vec<String> {
        let names = self.lock();
        (0..names.ends.len() as u32)
            .map(|index| names.get(index).to_owned())
            .collect()
    }

    /// The names of some domains, in their order.
    pub fn names_of(&self, numbers: &[u32]) -> Vec<String> {
        let names = self.lock();
        let name = |number: &u32| names.get(*number).to_owned();
        numbers.iter().map(name).collect()
    }

    fn lock(&self) -> MutexGuard<'_, Names> {
        // A panic elsewhere cannot leave the table half changed: nothing in `intern` panics.
        self.names.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
