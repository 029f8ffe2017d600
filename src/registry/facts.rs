//! The facts of a registry as one text, which is kept with every month that is closed, and what another
//! registry takes back of them.
//!
//! A line per entry and correction, sorted, so that the same facts give the same text, in any order or
//! file. What a name is in a month is what its entry says; of a wildcard, what it says of names that no
//! other entry has. So a registry takes back what another said if it has a name, or anything below a
//! wildcard, as no mini-program domain any more (R22), whether anybody has watched it or not.

use sha2::{Digest, Sha256};

use super::correction::Correction;
use super::entry::{Added, Class, Entry, Pattern};
use super::{Mended, Registry};
use crate::units::{Month, Zone, hex};

/// What a registry said, and another says no more.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TakenBack {
    /// A domain, or `*.` and a suffix for what is below it.
    pub name: String,
    /// Months in which it was a mini-program domain, and is none any more.
    pub months: Vec<Month>,
    /// The day since which it was one, since 1970-01-01.
    pub since: i32,
}

/// Whether `name`, a domain or `*.` and a suffix, speaks of `domain`.
pub fn speaks_of(name: &str, domain: &str) -> bool {
    Pattern::parse(name).is_ok_and(|pattern| pattern.covers(domain))
}

fn digest_of(facts: &str) -> String {
    hex(&Sha256::digest(facts.as_bytes()))
}

impl Registry {
    /// Everything that it says, a line per entry and correction, sorted.
    ///
    /// A date counts as its midnight in the billing zone, so dates follow the zone.
    pub fn facts(&self) -> String {
        let entries = self.patterns();
        let mut facts: Vec<String> = entries
            .map(|(pattern, entry)| entry.canonical(&pattern))
            .chain(self.corrections.iter().map(Correction::canonical))
            .collect();
        facts.sort_unstable();
        facts.into_iter().map(|fact| fact + "\n").collect()
    }

    /// SHA-256 of what it says, in hexadecimal: that of [`Registry::facts`].
    pub fn digest(&self) -> String {
        digest_of(&self.facts())
    }

    /// The registry of these facts, without its corrections; `None` where they have another digest, or are
    /// no facts.
    pub fn from_facts(facts: &str, digest: &str, zone: Zone) -> Option<Self> {
        if digest_of(facts) != digest {
            return None;
        }
        let mut entries = Vec::new();
        for (line, fact) in facts.lines().enumerate() {
            if !fact.starts_with('!') {
                entries.push(entry(fact, line + 1, zone)?);
            }
        }
        Registry::empty(zone).with(entries, "facts").ok()
    }

    /// What of `then` it takes back in some of `months`, by name.
    pub fn taken_back(&self, then: &Registry, months: &[Month]) -> Vec<TakenBack> {
        let said = then.patterns();
        let said = said.filter(|(_, entry)| entry.mini_program_since.is_some());
        // An entry that `then` had not may make a hole in a wildcard.
        let names = said.chain(self.patterns());
        let mut names: Vec<String> = names.map(|(pattern, _)| pattern.to_string()).collect();
        names.sort_unstable();
        names.dedup();
        let mut taken = Vec::new();
        for name in names {
            let Some(was) = then.entry(&name) else {
                continue;
            };
            let Some(added) = was.mini_program_since else {
                continue;
            };
            let is = self.entry(&name);
            let is_mini = |entry: &Entry, month| entry.class(month) == Class::MiniProgram;
            let of = months.iter().copied().filter(|month| {
                is_mini(was, *month) && !is.is_some_and(|entry| is_mini(entry, *month))
            });
            let months: Vec<Month> = of.collect();
            if !months.is_empty() {
                let since = added.day;
                taken.push(TakenBack {
                    name,
                    months,
                    since,
                });
            }
        }
        taken
    }

    /// The wrong entries by which `name`, a domain or `*.` and a suffix, was a mini-program domain in `month`.
    pub fn mended(&self, name: &str, month: Month) -> impl Iterator<Item = Mended<'_>> {
        let corrections = self.corrections.iter();
        let of_name = corrections.filter(move |correction| correction.speaks_of(name, month));
        of_name.map(Correction::mended)
    }

    pub(super) fn patterns(&self) -> impl Iterator<Item = (Pattern, &Entry)> {
        let exact = self.exact.iter();
        let exact = exact.map(|(name, entry)| (Pattern::Exact(name.clone()), entry));
        let below = self.wildcards.iter();
        exact.chain(below.map(|(name, entry)| (Pattern::Below(name.clone()), entry)))
    }
}

/// The entry of a line of facts.
fn entry(fact: &str, line: usize, zone: Zone) -> Option<(Pattern, Entry)> {
    let fields: Vec<&str> = fact.split('\t').collect();
    let [name, account, app_id, kind, since] = fields[..] else {
        return None;
    };
    let label = |text: &str| (!text.is_empty()).then(|| text.to_owned());
    let mini_program_since = match since {
        "" => None,
        secs => Some(Added::at(secs.parse().ok()?, zone)?),
    };
    let entry = Entry {
        account: label(account),
        app_id: label(app_id),
        is_push: kind == "push",
        mini_program_since,
        line,
    };
    Some((Pattern::parse(name).ok()?, entry))
}
