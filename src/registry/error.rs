//! Why a registry is refused: file, line, reason, and what to do.

use std::path::PathBuf;

use super::entry::{Entry, Pattern};
use super::place::Place;
use crate::units::HostError;

/// Why a registry is refused. Nothing of it is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The file cannot be read.
    #[error(
        "cannot read the registry {path}: {source}; check --registry, or leave it out to class \
         every domain as unknown"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error(
        "the registry {path} is larger than {max} bytes; list domains by `*.suffix`",
        max = super::REGISTRY_BYTES_MAX
    )]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// The text is not in its form.
    #[error("{at}: not readable as {form}: {reason}; correct this line")]
    Syntax {
        /// Where.
        at: Place,
        /// The form it should have: UTF-8, TOML or CSV.
        form: &'static str,
        /// What the reader of that form says.
        reason: String,
    },
    /// A column that a listing needs is missing, or there are two of it.
    #[error("{at}: {problem} {column}; export DescribeLiveDomains with one column of that name")]
    Column {
        /// The line of the header.
        at: Place,
        /// What is wrong.
        problem: &'static str,
        /// The column.
        column: &'static str,
    },
    /// A key that no entry has.
    #[error("{at}: `{key}` is no key of the registry; {known}")]
    Key {
        /// Where.
        at: Place,
        /// The key.
        key: String,
        /// The keys that there are.
        known: &'static str,
    },
    /// A field's value is missing or out of its range.
    #[error("{at}: `{field}` {problem}")]
    Field {
        /// Where.
        at: Place,
        /// The key or column.
        field: &'static str,
        /// What is wrong, and what to write instead.
        problem: &'static str,
    },
    /// A name is no domain.
    #[error(
        "{at}: `{name}` is no domain ({source}); write a host name without a port, or `*.` and \
         the domain above"
    )]
    Name {
        /// Where.
        at: Place,
        /// What stands there.
        name: String,
        /// What is wrong with it.
        source: HostError,
    },
    /// A date is none, or outside the years 2000 to 2099.
    #[error("{at}: `{date}` is no date from 2000 to 2099; write {expected}")]
    Date {
        /// Where.
        at: Place,
        /// What stands there.
        date: String,
        /// How a date is written in this form.
        expected: &'static str,
    },
    /// A domain is said to have been removed.
    #[error(
        "{at}: `{key}` is not possible: a mini-program domain cannot be removed or unbound (R22), \
         and a standard one keeps its entry for the months it served; delete the key"
    )]
    Removal {
        /// Where.
        at: Place,
        /// The key.
        key: String,
    },
    /// A name is listed twice.
    #[error("{at}: `{name}` is listed before, in line {earlier}, {difference}; keep one entry")]
    Contradiction {
        /// The second entry.
        at: Place,
        /// The line of the first entry.
        earlier: usize,
        /// The name, or `*.suffix`.
        name: String,
        /// How the entries differ.
        difference: &'static str,
    },
}

impl RegistryError {
    /// Two entries of one name, in words that tell which rule they break.
    pub(super) fn contradiction(
        origin: &str,
        pattern: &Pattern,
        earlier: &Entry,
        later: &Entry,
    ) -> Self {
        let difference = match (earlier.mini_program_since, later.mini_program_since) {
            _ if earlier.account != later.account => {
                "for another account: a domain has one account"
            }
            _ if earlier.is_push != later.is_push => "as the other kind: it is push or play",
            (Some(_), None) => "as mini-program domain: it never becomes standard again (R22)",
            (None, Some(_)) => "as standard domain: mini_program_since alone tells its history",
            (a, b) if a != b => "with another date",
            _ if earlier.app_id != later.app_id => "with another AppID",
            _ => "with the same facts",
        };
        RegistryError::Contradiction {
            at: Place {
                origin: origin.to_owned(),
                line: later.line,
            },
            earlier: earlier.line,
            name: pattern.to_string(),
            difference,
        }
    }
}
