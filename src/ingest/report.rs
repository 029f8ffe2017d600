//! What became of a source.

use crate::decode::{Compression, DecodeError};
use crate::meter::Counts;
use crate::record::{BytesIn, DetectError};

use super::quarantine::Rejects;

/// One source and its outcome.
#[derive(Debug)]
pub struct SourceReport {
    /// Position among the run's sources.
    pub index: usize,
    /// Logical name.
    pub name: String,
    /// How it is stored; `None` where it could not be opened.
    pub compression: Option<Compression>,
    /// Its format; `None` where there was nothing to tell it from.
    pub format: Option<&'static str>,
    /// What its metered bytes count.
    pub bytes_in: Option<BytesIn>,
    /// Decompressed bytes that were read.
    pub decompressed_bytes: u64,
    /// The fates of its lines; of a refused source, those that were read.
    pub counts: Counts,
    /// Its rejected lines.
    pub rejects: Rejects,
    /// Whether it counts.
    pub outcome: Outcome,
}

impl SourceReport {
    /// Whether its usage counts.
    pub fn is_committed(&self) -> bool {
        matches!(self.outcome, Outcome::Committed)
    }
}

/// Whether a source counts.
#[derive(Debug)]
pub enum Outcome {
    /// All of its lines have their fate, and its usage counts.
    Committed,
    /// Nothing of it counts.
    Refused(Refusal),
}

/// Why nothing of a source counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It cannot be read to its end.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its format is not certain.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// Its lines name no domain, and none is configured.
    #[error("its format names no domain; say whose traffic it is with --domain NAME")]
    NoDomain,
    /// Too many of its lines were rejected.
    #[error(
        "{rejected} of its {lines} lines were rejected, more than the limit of {limit}; \
         see the quarantine file, then mend the file, name its format or raise --max-reject-ratio"
    )]
    TooManyRejects {
        /// Lines rejected.
        rejected: u64,
        /// Lines read.
        lines: u64,
        /// The limit, as a part of 1.
        limit: rust_decimal::Decimal,
    },
    /// Its bytes do not add up in 64 bits.
    #[error(
        "its bytes sum to more than 2^64 - 1, which no CDN sent; its numbers cannot be trusted"
    )]
    Overflow,
}

impl Refusal {
    /// The stable name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Decode(_) => "unreadable",
            Refusal::Detect(_) => "format",
            Refusal::NoDomain => "no-domain",
            Refusal::TooManyRejects { .. } => "rejects",
            Refusal::Overflow => "overflow",
        }
    }
}
