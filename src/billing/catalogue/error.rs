//! Why a catalogue is refused, or does not say what a unit costs.

use std::path::PathBuf;

/// Why a catalogue is refused, or does not say what is asked.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CatalogueError {
    /// The file cannot be read.
    #[error(
        "cannot read the catalogue {path}: {source}; name one that ships ({shipped}) or a file",
        shipped = super::SHIPPED.map(|(name, _)| name).join(", ")
    )]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text has not the form of a catalogue.
    #[error("{place}: not readable as a catalogue: {reason}")]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the reader says.
        reason: String,
    },
    /// A value is not possible.
    #[error("{place}: {problem}")]
    Value {
        /// File and line.
        place: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
    /// Two entries speak of the same day.
    #[error("{place}: {what} is already in force on {day} by {earlier}; end that one before it")]
    Overlap {
        /// The later entry.
        place: String,
        /// What they speak of.
        what: String,
        /// The first day of both.
        day: String,
        /// The earlier entry.
        earlier: String,
    },
    /// Nothing is said of the days between two entries.
    #[error("{place}: {what} has no entry from {from} to {until}; date the entries without a gap")]
    Gap {
        /// The later entry.
        place: String,
        /// What they speak of.
        what: String,
        /// The first day without.
        from: String,
        /// The first day with one again.
        until: String,
    },
    /// A day has no rules.
    #[error("catalogue {catalogue} has no rules for {day}; choose another with --catalogue")]
    NoRules {
        /// The catalogue.
        catalogue: String,
        /// The day.
        day: String,
    },
    /// A day has no price.
    #[error(
        "catalogue {catalogue} has no price of {item} in zone {zone} on {day}; choose another with \
         --catalogue, or add a [[price]]"
    )]
    NoPrice {
        /// The catalogue.
        catalogue: String,
        /// What is to be priced.
        item: String,
        /// The zone.
        zone: &'static str,
        /// The day.
        day: String,
    },
}
