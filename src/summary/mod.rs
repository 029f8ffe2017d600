//! Months: usage sorted, joined with the registry, and folded into what pricing needs.
//!
//! Owns: the order of rows in the datasets, attribution of a month's usage to accounts and
//! classes (DESIGN D1: late, so a registry correction is a re-run of this room only), peaks and
//! 95th percentiles.
//! Does not own: usage itself, files, prices.
//!
//! Invariants: every row falls in exactly one month and class (`CLASS-1`); folding preserves
//! totals (`SUM-2`); the result depends on usage, registry and zone only, not on how the logs
//! were cut or how many cores worked (`MONTH-1`).

mod account;
mod adjustment;
mod book;
mod hosts;
mod month;
mod owners;
mod percentile;
mod row;

pub use account::{AccountUsage, DomainDays};
pub use adjustment::{Adjustment, Delta, Frozen, Reason, adjustments};
pub use book::{Book, MonthUsage};
pub use hosts::{Folded, OTHER_HOSTS};
pub use owners::{FrozenOwners, Owner, Owners};
pub use percentile::{DropRule, INDEX_RULE, Percentile};
pub use row::{SummaryError, SummaryRow};
