//! What it is to bill, freeze, correct and publish the months of a store.
//!
//! Owns: which months there are, open and closed; what a month is frozen with; purchases across months; what
//! corrects closed ones; other ways to price; what of all that is published together; what a registry may not take
//! back.
//! Does not own: prices and rules (`billing`), sums (`summary`), datasets and their files (`report`), what counts
//! (`store`). It knows no terminal: it takes no arguments, prints nothing and reads neither clock nor environment.
//! Who asked for the work is told along the way by a [`Watch`].
//!
//! Invariants: what is frozen is never worked out again, only corrected; no line is corrected twice; currencies are
//! never added; what is published together is of one state of the store, or it is told that it may not be.

mod bills;
mod compare;
mod corrections;
mod costs;
mod error;
mod explained;
mod fees;
mod focus;
mod freeze;
mod frozen;
mod given;
mod logged;
mod monotone;
mod nearest;
mod place;
mod prices;
mod publishing;
mod purchases;
mod quarantine;
mod reconcile;
mod store_months;
mod threads;
mod watch;

pub use bills::{Bills, Shown};
pub use compare::{Way, compare};
pub use corrections::How;
pub use error::{
    BilledBesides, FreezeError, MonthError, ReconcileError, RegistryRefused, WayError,
};
pub use explained::{Explained, Found, Part, Side, Sources, explained};
pub use fees::fees_paid;
pub use focus::Focus;
pub use freeze::{Freezing, FrozenBill, FrozenUsage};
pub use frozen::FrozenPrices;
pub use given::Given;
pub use logged::Logged;
pub use monotone::check_closed;
pub use nearest::{Nearest, nearest_months};
pub use place::Place;
pub use prices::Prices;
pub use publishing::{Published, Publishing, holds_unknown};
pub use purchases::Purchases;
pub use quarantine::QuarantineFile;
pub use reconcile::{Day, Samples, Verdict};
pub use store_months::{MonthSink, add_months};
pub use threads::{ThreadsError, start_threads};
pub use watch::{Notice, Watch};
