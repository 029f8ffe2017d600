//! What became of a source.

use std::fmt;

use crate::decode::{Compression, DecodeError};
use crate::meter::{Counts, Overflow};
use crate::record::{BytesIn, DetectError, MeteredField};
use crate::scan::{Rejects, StretchError};
use crate::source::Bar;

use super::misfit::Misfit;
use crate::store::{Change, Unsure};

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
    /// Of a damaged archive: decompressed bytes from its start that are taken for the whole.
    pub kept_bytes: Option<u64>,
    /// Whether a part of it was counted before, so that only what came behind was metered.
    pub is_resumed: bool,
    /// Decompressed bytes that were metered: those of a known start are not among them.
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
        matches!(self.outcome, Outcome::Committed(_))
    }

    /// Lines that count 0 bytes because no line of the source says how many bytes it sent; 0 if one
    /// does, or may have done so before.
    pub fn lines_without_bytes(&self) -> u64 {
        let is_without = self.is_committed() && !self.is_resumed && self.counts.is_without_bytes();
        if is_without { self.counts.metered } else { 0 }
    }

    /// Whether nothing of it counts.
    pub fn is_refused(&self) -> bool {
        matches!(self.outcome, Outcome::Refused(_))
    }
}

/// Whether a source counts.
#[derive(Debug)]
pub enum Outcome {
    /// All of its lines have their fate, and the usage of those that are new counts.
    Committed(Change),
    /// Its content is counted already.
    Known(Change),
    /// Nothing of it counts.
    Refused(Refusal),
}

/// Names that look like what is missing.
struct Similar<'a>(&'a [String]);

impl fmt::Display for Similar<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => Ok(()),
            names => write!(
                f,
                " (they have {}, which is something else)",
                names.join(", ")
            ),
        }
    }
}

/// Why nothing of a source counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// It is nothing that is read.
    #[error(transparent)]
    Barred(#[from] Bar),
    /// It cannot be read to its end.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// Its format is not certain.
    #[error(transparent)]
    Detect(#[from] DetectError),
    /// Its lines name no domain, and none is configured.
    #[error("its format names no domain; say whose traffic it is with --domain NAME")]
    NoDomain,
    /// None of its lines has the field that is metered.
    #[error(
        "none of its {metered} metered lines has {}, so it cannot be metered{}; have it logged",
        .field.name,
        Similar(&.field.similar)
    )]
    NoBytes {
        /// Lines that would have counted 0 bytes.
        metered: u64,
        /// What they lack.
        field: MeteredField,
    },
    /// Too many of its lines were rejected.
    #[error("{0}")]
    TooManyRejects(Box<Misfit>),
    /// It may be a part of what was counted under its name.
    #[error(
        "it is shorter than what was counted of it, and as far as can be told the start of that; \
         what was counted stays; fetch the file again, or if this is a corrected version of it, take the \
         old one out with `cdn-meter forget` first"
    )]
    Shrunk,
    /// It may be a part of what was counted under another name.
    #[error(
        "as far as can be told it is the start of {other}, which was counted; it is not counted \
         again; fetch the file again if it should be longer"
    )]
    Within {
        /// The other name.
        other: String,
    },
    /// Its name held another log, and the times do not tell what it is to that.
    #[error(
        "it is not what its name held before, and the times of their lines ({}, now {}) do not tell a newer \
         version of the same log from the next one; say --names deliveries if only the newer version counts, \
         or --names rotation if both do",
        Unsure::text(&.times.before),
        Unsure::text(&.times.now)
    )]
    Unsure {
        /// The times.
        times: Unsure,
    },
    /// Standard input, or another pipe, begins with what was counted and cannot be read a second time.
    #[error(
        "its first {bytes} B were counted before, and a pipe cannot be read twice; give it as a \
         file, or only what comes after them"
    )]
    Begun {
        /// How many.
        bytes: u64,
    },
    /// The store that it is compared with does not count it.
    #[error("the store does not count this content; `cdn-meter ingest` counts it")]
    NotCounted,
    /// It changed, otherwise than by growing, while it was read, and whenever it was read again.
    #[error(
        "it changed while it was read, otherwise than by growing; what was counted of it stays; run again when \
         nobody overwrites it"
    )]
    Changed,
    /// Its bytes are more than a store can hold.
    #[error(
        "its bytes sum to more than 2^63 - 1, which no CDN sent; its numbers cannot be trusted: look \
         at its largest lines, and mend the file or name its format"
    )]
    Overflow,
    /// With it, all that counts would be more than a store can hold.
    #[error(
        "with its {bytes} B all that is counted would sum to more than 2^63 - 1 B, which no CDN sent; \
         mend whichever file holds such numbers, or count this one into another --store"
    )]
    OverflowOfAll {
        /// Its own bytes.
        bytes: u64,
    },
}

impl From<StretchError> for Refusal {
    fn from(error: StretchError) -> Self {
        match error {
            StretchError::Decode(error) => error.into(),
            StretchError::Overflow(error) => error.into(),
        }
    }
}

impl From<Overflow> for Refusal {
    fn from(_: Overflow) -> Self {
        Refusal::Overflow
    }
}

impl Refusal {
    /// What refusals that one line tells have in common, which is all that it advises: of what is told
    /// in words, those without numbers. A sum that is too large is told of each file, here `name`.
    pub fn kind(&self, name: &str) -> String {
        match self {
            Refusal::TooManyRejects(misfit) => misfit.kind(),
            Refusal::NoBytes { field, .. } => {
                format!("{} {} {}", self.name(), field.name, field.similar.join(" "))
            }
            Refusal::Overflow | Refusal::OverflowOfAll { .. } => format!("{} {name}", self.name()),
            Refusal::Barred(_) | Refusal::Decode(_) | Refusal::Detect(_) => {
                let text = self.to_string();
                text.chars()
                    .filter(|letter| !letter.is_ascii_digit())
                    .collect()
            }
            refusal => refusal.name().to_owned(),
        }
    }

    /// The stable name in reports.
    pub fn name(&self) -> &'static str {
        match self {
            Refusal::Barred(Bar::Special(_)) => "passed-over",
            Refusal::Barred(_) | Refusal::Decode(_) => "unreadable",
            Refusal::Detect(_) => "format",
            Refusal::NoDomain => "no-domain",
            Refusal::NoBytes { .. } => "no-bytes",
            Refusal::TooManyRejects(_) => "rejects",
            Refusal::Shrunk => "shrunk",
            Refusal::Within { .. } => "within",
            Refusal::Unsure { .. } => "next-or-newer",
            Refusal::Begun { .. } => "begun",
            Refusal::NotCounted => "not-counted",
            Refusal::Changed => "changed",
            Refusal::Overflow | Refusal::OverflowOfAll { .. } => "overflow",
        }
    }
}
