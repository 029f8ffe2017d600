//! Every error that ends a command, as a message and an exit code.
//!
//! | code | meaning |
//! |---|---|
//! | 2 | could not start or go on as asked: arguments, inputs, registry, limits |
//! | 3 | could not keep or trust durable state, or a broken invariant |
//! | 130, 143 | stopped by SIGINT, by SIGTERM |

use std::error::Error;
use std::fmt;
use std::io;
use std::process::ExitCode;

use crate::billing::{BillingError, CatalogueError, EventsError, Inexact, ServicesError};
use crate::disk::SwapError;
use crate::ingest::IngestError;
use crate::meter::{MemoryFull, Overflow, TableFull};
use crate::months::{
    BilledBesides, FreezeError, MonthError, ReconcileError, RegistryRefused, WayError,
};
use crate::record::LayoutError;
use crate::registry::RegistryError;
use crate::report::PublishError;
use crate::source::DiscoverError;
use crate::store::{ForgetError, StoreError};
use crate::summary::SummaryError;
use crate::units::shown;

/// What ends a command.
#[derive(Debug)]
pub(super) struct Failure {
    code: u8,
    error: Box<dyn Error>,
}

impl Failure {
    /// The user has to change what was asked for.
    pub(super) fn start(error: impl Into<Box<dyn Error>>) -> Self {
        Failure {
            code: 2,
            error: error.into(),
        }
    }

    /// Durable state could not be kept or trusted.
    pub(super) fn state(error: impl Into<Box<dyn Error>>) -> Self {
        Failure {
            code: 3,
            error: error.into(),
        }
    }

    /// A signal asked to stop; `text` says what was kept.
    pub(super) fn signal(code: u8, text: String) -> Self {
        Failure {
            code,
            error: text.into(),
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let title = if self.code < 128 { "error: " } else { "" };
        write!(f, "{title}{}", shown(&self.error.to_string()))?;
        let mut said = self.error.to_string();
        let mut cause = self.error.source();
        while let Some(error) = cause {
            // Transparent errors and those that quote their cause have said it already.
            let text = error.to_string();
            if !said.contains(&text) {
                write!(f, "\n  because: {}", shown(&text))?;
                said.push_str(&text);
            }
            cause = error.source();
        }
        // SQLite says no more of it than this, and later that rows are missing which it could not write.
        let words = ["disk I/O error", "FOREIGN KEY", "File too large"];
        if words.iter().any(|words| said.contains(words))
            && let Some(limit) = file_size_limit()
        {
            write!(
                f,
                "; the limit of file sizes of this process (ulimit -f) is {limit} B, which ledger.sqlite and the \
                 segments of a store pass; raise it"
            )?;
        }
        Ok(())
    }
}

/// How large the files of this process may be, if that is limited.
fn file_size_limit() -> Option<u64> {
    let limits = std::fs::read_to_string("/proc/self/limits").ok()?;
    let mut lines = limits.lines();
    let line = lines.find_map(|line| line.strip_prefix("Max file size"))?;
    line.split_whitespace().next()?.parse().ok()
}

impl From<ServicesError> for Failure {
    fn from(error: ServicesError) -> Self {
        Failure::start(error)
    }
}

impl From<DiscoverError> for Failure {
    fn from(error: DiscoverError) -> Self {
        Failure::start(error)
    }
}

impl From<LayoutError> for Failure {
    fn from(error: LayoutError) -> Self {
        Failure::start(error)
    }
}

impl From<RegistryError> for Failure {
    fn from(error: RegistryError) -> Self {
        Failure::start(error)
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        match error {
            IngestError::TableFull(_)
            | IngestError::TooManyDomains(_)
            | IngestError::Threads { .. } => Failure::start(error),
            IngestError::Store(error) => error.into(),
            _ => Failure::state(error),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.is_of_request() {
            true => Failure::start(error),
            false => Failure::state(error),
        }
    }
}

impl From<ForgetError> for Failure {
    fn from(error: ForgetError) -> Self {
        match error {
            ForgetError::Store(error) => error.into(),
            error => Failure::start(error),
        }
    }
}

impl From<SummaryError> for Failure {
    fn from(error: SummaryError) -> Self {
        Failure::state(error)
    }
}

impl From<PublishError> for Failure {
    fn from(error: PublishError) -> Self {
        match error {
            PublishError::InTheWay { .. }
            | PublishError::Swap(SwapError::Busy { .. })
            | PublishError::OtherMonths { .. }
            | PublishError::UntoldMonths { .. }
            | PublishError::Inexact(_) => Failure::start(error),
            PublishError::Store(error) => error.into(),
            PublishError::Csv(error) => io::Error::from(error).into(),
            _ => Failure::state(error),
        }
    }
}

impl From<CatalogueError> for Failure {
    fn from(error: CatalogueError) -> Self {
        Failure::start(error)
    }
}

impl From<EventsError> for Failure {
    fn from(error: EventsError) -> Self {
        Failure::start(error)
    }
}

impl From<BillingError> for Failure {
    fn from(error: BillingError) -> Self {
        match error {
            BillingError::Catalogue(error) => error.into(),
            BillingError::Inexact(_)
            | BillingError::Currency { .. }
            | BillingError::FeeCurrency { .. }
            | BillingError::Rerated { .. } => Failure::start(error),
            _ => Failure::state(error),
        }
    }
}

impl Failure {
    /// Why months cannot be billed, corrected or published.
    pub(super) fn of_month(error: MonthError) -> Self {
        match error {
            MonthError::Store(error) => error.into(),
            MonthError::Publish(error) => error.into(),
            MonthError::Billing(error) => error.into(),
            MonthError::Catalogue(error) => error.into(),
            MonthError::Summary(error) => error.into(),
            MonthError::Inexact(error) => error.into(),
            MonthError::Overflow(error) => error.into(),
            MonthError::TableFull(error) => error.into(),
            MonthError::Registry(error) => error.into(),
            MonthError::NotGiven { month, besides } => {
                let flag = match besides {
                    BilledBesides::Events => "--events",
                    BilledBesides::Services => "--services",
                };
                Failure::start(format!(
                    "{month} was closed with {flag}; give it again, else what it billed would be credited"
                ))
            }
            MonthError::ClosedInAnother {
                month,
                way,
                currency,
                closed_in,
            } => Failure::start(format!(
                "{month} was closed in {closed_in}, and {way} prices it in {currency}; currencies are not compared: \
                 ask for one month with --month, and for this one with catalogues in {closed_in}"
            )),
            MonthError::Licence(_) | MonthError::Currencies { .. } => Failure::start(error),
            error => Failure::state(error),
        }
    }
}

impl From<RegistryRefused> for Failure {
    fn from(error: RegistryRefused) -> Self {
        match error {
            RegistryRefused::Store(error) => error.into(),
            RegistryRefused::Publish(error) => error.into(),
            error => Failure::start(error),
        }
    }
}

impl From<FreezeError> for Failure {
    fn from(error: FreezeError) -> Self {
        match error {
            FreezeError::Month(error) => error.into(),
            FreezeError::Growing { .. } => Failure::start(format!("{error}, or now with --early")),
            error => Failure::start(error),
        }
    }
}

impl From<WayError> for Failure {
    fn from(error: WayError) -> Self {
        Failure::start(error)
    }
}

impl From<ReconcileError> for Failure {
    fn from(error: ReconcileError) -> Self {
        match error {
            ReconcileError::Month(error) => error.into(),
            ReconcileError::Length { .. } => {
                Failure::start(format!("{error}; say of how many with --granularity"))
            }
            error => Failure::start(error),
        }
    }
}

impl From<Inexact> for Failure {
    fn from(error: Inexact) -> Self {
        Failure::start(error)
    }
}

impl From<TableFull> for Failure {
    fn from(error: TableFull) -> Self {
        Failure::start(error)
    }
}

impl From<MemoryFull> for Failure {
    fn from(error: MemoryFull) -> Self {
        Failure::start(error)
    }
}

impl From<Overflow> for Failure {
    fn from(error: Overflow) -> Self {
        Failure::state(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Failure::state(error)
    }
}
