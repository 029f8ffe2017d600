//! Dated facts about domains: whose they are, and from when on they are mini-program domains.
//!
//! Owns: the registry file (TOML, or CSV in the shape of `DescribeLiveDomains`), its validation,
//! and the class of a domain in a billing month.
//! Does not own: usage, prices, the clock.
//!
//! Invariants: the class depends on the domain and the month only (R16); it never goes back from
//! mini-program to standard (R22), though an entry may have been wrong, which a dated correction says; a
//! domain that is not listed is `unknown`, never quietly standard (R23).

mod correction;
mod csv;
mod entry;
mod error;
mod facts;
mod place;
mod toml;

use std::collections::HashMap;
use std::io::ErrorKind;
use std::path::Path;

pub use correction::Mended;
pub use entry::{Attribution, Class, Match};
pub use error::RegistryError;
pub use facts::{TakenBack, speaks_of};
pub use place::Place;

use crate::disk::read_bounded;
use crate::units::{Month, Zone};
use correction::Correction;
use entry::{Entry, Pattern};
use place::Lines;

/// Largest registry file, in bytes: some half a million domains.
pub const REGISTRY_BYTES_MAX: u64 = 64 << 20;

/// What is known of domains.
#[derive(Clone, Debug)]
pub struct Registry {
    zone: Zone,
    exact: HashMap<String, Entry>,
    /// By the suffix behind `*.`.
    wildcards: HashMap<String, Entry>,
    /// Entries that were wrong.
    corrections: Vec<Correction>,
}

impl Registry {
    /// A registry that knows nothing; months follow `zone`.
    pub fn empty(zone: Zone) -> Self {
        Registry {
            zone,
            exact: HashMap::new(),
            wildcards: HashMap::new(),
            corrections: Vec::new(),
        }
    }

    /// Reads a registry file: `.csv` as `DescribeLiveDomains` lists domains, anything else as TOML.
    ///
    /// Errors: [`RegistryError`] with file and line.
    pub fn load(path: &Path, zone: Zone) -> Result<Self, RegistryError> {
        let bytes = read_bounded(path, REGISTRY_BYTES_MAX).map_err(|source| {
            let path = path.to_owned();
            match source.kind() {
                ErrorKind::FileTooLarge => RegistryError::TooLarge { path },
                _ => RegistryError::Read { path, source },
            }
        })?;
        let origin = path.display().to_string();
        let text = std::str::from_utf8(&bytes).map_err(|error| RegistryError::Syntax {
            at: Lines::new(&bytes, &origin).place(error.valid_up_to()),
            form: "UTF-8",
            reason: error.to_string(),
        })?;
        match path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
        {
            true => Registry::from_csv(text, &origin, zone),
            false => Registry::from_toml(text, &origin, zone),
        }
    }

    /// Reads the TOML form. `origin` names the text in errors.
    ///
    /// Errors: [`RegistryError`].
    pub fn from_toml(text: &str, origin: &str, zone: Zone) -> Result<Self, RegistryError> {
        let file = toml::file(text, origin, zone)?;
        let mut registry = Registry::empty(zone).with(file.entries, origin)?;
        for (correction, at) in file.corrections {
            registry.check_mended(&correction, at.clone())?;
            if registry
                .corrections
                .iter()
                .any(|of| of.is_again(&correction))
            {
                return Err(RegistryError::Field {
                    at,
                    field: toml::WRONG_SINCE,
                    problem: "stands in an earlier [[correction]] of the same name and day; delete one of them",
                });
            }
            registry.corrections.push(correction);
        }
        Ok(registry)
    }

    /// Reads the CSV form. `origin` names the text in errors.
    ///
    /// Errors: [`RegistryError`].
    pub fn from_csv(text: &str, origin: &str, zone: Zone) -> Result<Self, RegistryError> {
        Registry::empty(zone).with(csv::entries(text, origin, zone)?, origin)
    }

    fn with(mut self, entries: Vec<(Pattern, Entry)>, origin: &str) -> Result<Self, RegistryError> {
        for (pattern, entry) in entries {
            let (names, name) = match &pattern {
                Pattern::Exact(name) => (&mut self.exact, name),
                Pattern::Below(suffix) => (&mut self.wildcards, suffix),
            };
            if let Some(earlier) = names.get(name) {
                return Err(RegistryError::contradiction(
                    origin, &pattern, earlier, &entry,
                ));
            }
            names.insert(name.clone(), entry);
        }
        Ok(self)
    }

    /// Refuses a correction of what its entry still says.
    fn check_mended(&self, correction: &Correction, at: Place) -> Result<(), RegistryError> {
        let entry = match &correction.pattern {
            Pattern::Exact(name) => self.exact.get(name),
            Pattern::Below(suffix) => self.wildcards.get(suffix),
        };
        match entry.and_then(|entry| entry.mini_program_since) {
            Some(since) if since == correction.wrong => Err(RegistryError::Field {
                at,
                field: toml::WRONG_SINCE,
                problem: "is what the entry of this name still says; mend the [[domain]], too",
            }),
            _ => Ok(()),
        }
    }

    /// What `domain` is in `month`, and whose. An exact name wins over a wildcard, and of
    /// wildcards the longest wins; `*.example.com` covers what is below `example.com`, not itself.
    ///
    /// Shape: `domain` in its one spelling, as [`crate::units::Domain`] writes it; `month` by the
    /// clock of [`Registry::zone`].
    pub fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        match self.entry(domain) {
            None => Attribution {
                class: Class::Unknown,
                account: None,
                app_id: None,
                mini_program_from: None,
            },
            Some(entry) => Attribution {
                class: entry.class(month),
                account: entry.account.as_deref(),
                app_id: entry.app_id.as_deref(),
                mini_program_from: entry.mini_program_since.map(|added| added.day),
            },
        }
    }

    /// The account of `domain`, which does not depend on the month.
    pub fn account(&self, domain: &str) -> Option<&str> {
        self.entry(domain)?.account.as_deref()
    }

    /// Which kind of entry speaks of `domain`.
    pub fn matched<'a>(&self, domain: &'a str) -> Match<'a> {
        match self.exact.contains_key(domain) {
            true => Match::Exact,
            false => self
                .wildcard(domain)
                .map_or(Match::None, |(suffix, _)| Match::Below(suffix)),
        }
    }

    fn entry(&self, domain: &str) -> Option<&Entry> {
        let exact = self.exact.get(domain);
        exact.or_else(|| Some(self.wildcard(domain)?.1))
    }

    /// The longest suffix of `domain` that a wildcard is of, and its entry.
    fn wildcard<'a>(&self, domain: &'a str) -> Option<(&'a str, &Entry)> {
        if self.wildcards.is_empty() {
            return None;
        }
        let suffixes = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
        suffixes
            .filter_map(|suffix| Some((suffix, self.wildcards.get(suffix)?)))
            .next()
    }

    /// What it names as of `account`, in no order: domains, and `*.` and a suffix for what is below it.
    pub fn named(&self, account: &str) -> impl Iterator<Item = String> {
        let of = self
            .patterns()
            .filter(move |(_, entry)| entry.account.as_deref() == Some(account));
        of.map(|(pattern, _)| pattern.to_string())
    }

    /// The billing zone whose months it speaks of.
    pub fn zone(&self) -> Zone {
        self.zone
    }

    /// Entries, wildcards included.
    pub fn len(&self) -> usize {
        self.exact.len() + self.wildcards.len()
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

#[cfg(test)]
mod tests;
