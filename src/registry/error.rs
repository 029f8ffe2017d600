//! Why a registry is refused: file, line, reason, and what to do.

use std::path::PathBuf;

use super::entry::Entry;
use crate::units::HostError;

/// Why a registry is refused. Nothing of it is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryError {
    /// The file cannot be read.
    #[error(
        "cannot read the registry {path}: {source}; check --registry, or leave it out to class every domain as unknown"
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The file is too large.
    #[error("the registry {path} has {size} bytes, over the limit of {max}; list domains by `*.suffix`", max = super::REGISTRY_BYTES_MAX)]
    TooLarge {
        /// The file.
        path: PathBuf,
        /// Its size in bytes.
        size: u64,
    },
    /// It is not in its form.
    #[error("{origin}:{line}: {reason}")]
    Syntax {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// What is wrong.
        reason: String,
    },
    /// A name is no domain.
    #[error("{origin}:{line}: `{name}` is no domain ({source}); write a host name or *.suffix")]
    Name {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        name: String,
        /// What is wrong with it.
        source: HostError,
    },
    /// A date is none.
    #[error(
        "{origin}:{line}: `{date}` is no date; write 2026-10-15, or an instant with its zone such as 2026-10-15T09:30:00+08:00"
    )]
    Date {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// What stands there.
        date: String,
    },
    /// A mini-program domain is said to have been removed.
    #[error(
        "{origin}:{line}: `{key}` is not possible: a mini-program domain cannot be removed or unbound (R22); delete the key"
    )]
    Removal {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// The key.
        key: String,
    },
    /// A name is listed twice.
    #[error(
        "{origin}:{line}: `{name}` is listed before, in line {earlier}, {difference}; keep one entry"
    )]
    Contradiction {
        /// The file.
        origin: String,
        /// The line, from 1.
        line: usize,
        /// The line of the first entry.
        earlier: usize,
        /// The name.
        name: String,
        /// How the entries differ.
        difference: &'static str,
    },
}

impl RegistryError {
    pub(super) fn syntax(origin: &str, line: usize, reason: impl Into<String>) -> Self {
        RegistryError::Syntax {
            origin: origin.to_owned(),
            line,
            reason: reason.into(),
        }
    }

    /// Two entries of one name, in words that tell which rule they break.
    pub(super) fn contradiction(origin: &str, name: &str, earlier: &Entry, later: &Entry) -> Self {
        let difference = match (earlier.mini_program_since, later.mini_program_since) {
            _ if earlier.account != later.account => {
                "for another account: a domain has one account"
            }
            (Some(_), None) => "as mini-program domain: it never becomes standard again (R22)",
            (None, Some(_)) => "as standard domain: mini_program_since alone tells its history",
            (a, b) if a != b => "with another date",
            _ => "with the same facts",
        };
        RegistryError::Contradiction {
            origin: origin.to_owned(),
            line: later.line,
            earlier: earlier.line,
            name: name.to_owned(),
            difference,
        }
    }
}
