//! Why something cannot be done with months, by what it is: to bill and publish them, to freeze one, to go by a
//! registry beside closed ones, to price in another way, to hold the logs against a provider's figures.
//!
//! Messages name no flags: the front knows how things are asked for there.

use std::io;

use crate::billing::licence::LicenceError;
use crate::billing::{BillingError, CatalogueError, EventsError, Inexact};
use crate::meter::{Overflow, TableFull};
use crate::report::PublishError;
use crate::store::StoreError;
use crate::summary::SummaryError;
use crate::units::{FactorError, Month};

/// Why months cannot be billed, corrected or published. Nothing is published then.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MonthError {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was frozen is damaged, or datasets cannot be written.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The month cannot be billed.
    #[error(transparent)]
    Billing(#[from] BillingError),
    /// The catalogue is refused.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A licence cannot have been bought so.
    #[error(transparent)]
    Licence(#[from] LicenceError),
    /// Usage cannot be summed.
    #[error(transparent)]
    Summary(#[from] SummaryError),
    /// A number cannot be kept exactly.
    #[error(transparent)]
    Inexact(#[from] Inexact),
    /// A sum of bytes is too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// There are more rows of usage than may be in memory.
    #[error(transparent)]
    TableFull(#[from] TableFull),
    /// A factor that was frozen is none.
    #[error(transparent)]
    Factor(#[from] FactorError),
    /// What is frozen with a month cannot be put into words.
    #[error(transparent)]
    Json(#[from] serde_json::Error),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The lines of a bill cannot be written to where they were asked for.
    #[error("{0}; nothing was published")]
    Lines(String),
    /// The registry takes back what closed months say.
    #[error(transparent)]
    Registry(#[from] RegistryRefused),
    /// What a closed month was billed with is not given any more.
    #[error(
        "{month} was closed with {}; give them again, else what it billed would be credited", besides.name()
    )]
    NotGiven {
        /// The closed month.
        month: Month,
        /// What is missing.
        besides: BilledBesides,
    },
    /// A way to price a closed month is in another currency than it was closed in.
    #[error(
        "{month} was closed in {closed_in}, and {way} prices it in {currency}; currencies are not compared: ask for \
         other months alone, and for this one with catalogues in {closed_in}"
    )]
    ClosedInAnother {
        /// The closed month.
        month: Month,
        /// The way.
        way: String,
        /// Its currency.
        currency: String,
        /// That of the closed month.
        closed_in: String,
    },
    /// Ways to price a month are in several currencies.
    #[error(
        "{way} prices {month} in {currency}, and {first} in {other}; currencies are not compared"
    )]
    Currencies {
        /// The month.
        month: Month,
        /// The way.
        way: String,
        /// Its currency.
        currency: String,
        /// The first way.
        first: String,
        /// The currency of that.
        other: String,
    },
    /// It was asked to stop, before anything was published.
    #[error("stopped; nothing was published")]
    Stopped,
}

/// What is billed besides the usage of logs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BilledBesides {
    /// What was bought.
    Events,
    /// What other meters counted.
    Services,
}

impl BilledBesides {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            BilledBesides::Events => "events",
            BilledBesides::Services => "services",
        }
    }
}

/// Why a month cannot be frozen. It stays open.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FreezeError {
    /// Something of the store is in no figure.
    #[error(
        "not closed: figures that were set aside would be missing for good; count their files anew"
    )]
    SetAside,
    /// Logs may still come.
    #[error(
        "{month} may still grow: logs are complete {hours} hours after the traffic at the earliest; close it after \
         {safe}"
    )]
    Growing {
        /// The month.
        month: Month,
        /// Hours after its end.
        hours: u32,
        /// When it will be complete.
        safe: String,
    },
    /// It cannot be billed or read.
    #[error(transparent)]
    Month(#[from] MonthError),
}

impl From<StoreError> for FreezeError {
    fn from(error: StoreError) -> Self {
        FreezeError::Month(error.into())
    }
}

/// Why a registry cannot be gone by beside closed months.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RegistryRefused {
    /// The store cannot be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What was frozen is damaged.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// It takes back what a closed month said, and its correction of that does not hold.
    #[error("{0}")]
    TakenBack(String),
}

/// Why there is no other way to price as was asked for.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WayError {
    /// There is no such setting.
    #[error(
        "`{key}` cannot be changed; mode, price, catalogue, events and package can, such as mode=p95,price=30"
    )]
    Setting {
        /// Its name.
        key: String,
    },
    /// The mode has no price.
    #[error(
        "what this mode costs is in contracts only; say what a Mbps and month costs, such as {text},price=30"
    )]
    Unpriced {
        /// What was asked for.
        text: String,
    },
    /// There is no such mode.
    #[error("no mode is called `{name}`; the modes are {names}")]
    Mode {
        /// What was asked for.
        name: String,
        /// Those that there are.
        names: String,
    },
    /// There is no such package.
    #[error("`{text}` is no size of a package in GB")]
    Package {
        /// What was asked for.
        text: String,
    },
    /// The catalogue is refused.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// The events are refused.
    #[error(transparent)]
    Events(#[from] EventsError),
    /// What was bought cannot be.
    #[error(transparent)]
    Licence(#[from] LicenceError),
}

/// Why logs cannot be held against what a provider says.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReconcileError {
    /// A response is none, or cannot be read.
    #[error("{place}: {problem}")]
    Response {
        /// Its file.
        place: String,
        /// What is wrong.
        problem: String,
    },
    /// There is nothing in the responses.
    #[error("the responses hold no samples")]
    NoSamples,
    /// The samples are of another length, or overlap.
    #[error("the samples are not of {minutes} minutes")]
    Length {
        /// The minutes that were told.
        minutes: u32,
    },
    /// The store cannot be read.
    #[error(transparent)]
    Month(#[from] MonthError),
}
