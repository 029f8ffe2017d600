//! Dated facts about domains: whose they are, and from when on they are mini-program domains.
//!
//! Owns: the registry file (TOML, or CSV in the shape of `DescribeLiveDomains`), its validation,
//! and the class of a domain in a billing month.
//! Does not own: usage, prices, the clock.
//!
//! Invariants: the class depends on the domain and the month only (R16); it never goes back from
//! mini-program to standard (R22); a domain that is not listed is `unknown`, never quietly
//! standard (R23).

mod csv;
mod entry;
mod error;
mod toml;

use std::collections::HashMap;
use std::fs;
use std::path::Path;

use sha2::{Digest, Sha256};

pub use entry::{Attribution, Class};
pub use error::RegistryError;

use crate::units::{Month, Zone};
use entry::{Added, Entry, Pattern};

/// Largest registry file, in bytes: some half a million domains.
pub const REGISTRY_BYTES_MAX: u64 = 64 << 20;

/// What is known of domains.
#[derive(Clone, Debug)]
pub struct Registry {
    zone: Zone,
    exact: HashMap<String, Entry>,
    /// By the suffix behind `*.`.
    wildcards: HashMap<String, Entry>,
}

impl Registry {
    /// A registry that knows nothing; months follow `zone`.
    pub fn empty(zone: Zone) -> Self {
        Registry {
            zone,
            exact: HashMap::new(),
            wildcards: HashMap::new(),
        }
    }

    /// Reads a registry file: `.csv` as `DescribeLiveDomains` lists domains, anything else as TOML.
    ///
    /// Errors: [`RegistryError`] with file and line.
    pub fn load(path: &Path, zone: Zone) -> Result<Self, RegistryError> {
        let read = |source| RegistryError::Read {
            path: path.to_owned(),
            source,
        };
        let size = fs::metadata(path).map_err(read)?.len();
        if REGISTRY_BYTES_MAX < size {
            return Err(RegistryError::TooLarge {
                path: path.to_owned(),
                size,
            });
        }
        let text = fs::read_to_string(path).map_err(read)?;
        let origin = path.display().to_string();
        match path
            .extension()
            .is_some_and(|extension| extension.eq_ignore_ascii_case("csv"))
        {
            true => Registry::from_csv(&text, &origin, zone),
            false => Registry::from_toml(&text, &origin, zone),
        }
    }

    /// Reads the TOML form. `origin` names the text in errors.
    ///
    /// Errors: [`RegistryError`].
    pub fn from_toml(text: &str, origin: &str, zone: Zone) -> Result<Self, RegistryError> {
        Registry::empty(zone).with(toml::entries(text, origin, zone)?, origin)
    }

    /// Reads the CSV form. `origin` names the text in errors.
    ///
    /// Errors: [`RegistryError`].
    pub fn from_csv(text: &str, origin: &str, zone: Zone) -> Result<Self, RegistryError> {
        Registry::empty(zone).with(csv::entries(text, origin)?, origin)
    }

    fn with(mut self, entries: Vec<(Pattern, Entry)>, origin: &str) -> Result<Self, RegistryError> {
        for (pattern, entry) in entries {
            let (names, name) = match pattern {
                Pattern::Exact(name) => (&mut self.exact, name),
                Pattern::Below(suffix) => (&mut self.wildcards, suffix),
            };
            if let Some(earlier) = names.get(&name) {
                return Err(RegistryError::contradiction(origin, &name, earlier, &entry));
            }
            names.insert(name, entry);
        }
        Ok(self)
    }

    /// What `domain` is in `month`, and whose. An exact name wins over a wildcard, and of
    /// wildcards the longest wins; `*.example.com` covers what is below `example.com`, not itself.
    pub fn attribution(&self, domain: &str, month: Month) -> Attribution<'_> {
        match self.entry(domain) {
            None => Attribution {
                class: Class::Unknown,
                account: None,
                app_id: None,
            },
            Some(entry) => Attribution {
                class: entry.class(month, self.zone),
                account: entry.account.as_deref(),
                app_id: entry.app_id.as_deref(),
            },
        }
    }

    /// The account of `domain`, which does not depend on the month.
    pub fn account(&self, domain: &str) -> Option<&str> {
        self.entry(domain)?.account.as_deref()
    }

    fn entry(&self, domain: &str) -> Option<&Entry> {
        if let Some(entry) = self.exact.get(domain) {
            return Some(entry);
        }
        if self.wildcards.is_empty() {
            return None;
        }
        let suffixes = domain.match_indices('.').map(|(dot, _)| &domain[dot + 1..]);
        suffixes
            .filter_map(|suffix| self.wildcards.get(suffix))
            .next()
    }

    /// Entries, wildcards included.
    pub fn len(&self) -> usize {
        self.exact.len() + self.wildcards.len()
    }

    /// Whether it knows nothing.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// SHA-256 of what it says, in hexadecimal: the same facts in any order or file give the same.
    pub fn digest(&self) -> String {
        let exact = self.exact.iter().map(|(name, entry)| entry.canonical(name));
        let wild = self
            .wildcards
            .iter()
            .map(|(name, entry)| entry.canonical(&format!("*.{name}")));
        let mut facts: Vec<String> = exact.chain(wild).collect();
        facts.sort_unstable();
        let mut digest = Sha256::new();
        for fact in facts {
            digest.update(fact.as_bytes());
            digest.update(b"\n");
        }
        digest
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect()
    }
}

#[cfg(test)]
mod tests;
