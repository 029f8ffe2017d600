//! The words of the program as types: bytes, gigabytes, times, slots, months, domains, regions.
//!
//! Owns: what each quantity means, its range, its exact conversions, and the numbered invariants.
//! Does not own: reading logs, adding up usage, prices. Nothing here does I/O or reads the clock.
//!
//! Invariants: a gigabyte is 10⁹ bytes; a slot is 300 seconds aligned to the epoch; ranges are
//! half-open; no floating point.

mod bytes;
mod domain;
mod hex;
pub mod invariant;
mod month;
mod region;
mod shown;
mod span;
mod time;

pub use bytes::{Bytes, Factor, FactorError, Gigabytes, Mbps};
pub use domain::{Domain, HostError, host_and_port, normalize_host};
pub use hex::hex;
pub use month::{BillingMonth, Month, MonthError};
pub use region::Region;
pub use shown::{Shown, counted, is_steering, shown};
pub use span::Span;
pub(crate) use time::unix_secs_of_civil as civil_unix_secs;
pub use time::{
    DAY_SECS, SLOT_SECS, SLOTS_PER_DAY, Slot, Timestamp, Zone, ZoneError, a_year_from, day_text,
};
