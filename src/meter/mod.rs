//! Adding up: records into usage per domain, region and slot, exactly.
//!
//! Owns: the names of domains, each worker's table, the counts of line fates, merging, and the
//! histograms of a run.
//! Does not own: what a domain is sold as (that is joined later, DESIGN D1), files, threads.
//!
//! Invariants: merging is addition and loses nothing (`SUM-2`); sums are checked, never wrapped;
//! metering a line of a known domain allocates nothing.

mod counts;
mod domains;
mod histograms;
mod memory;
mod table;
mod usage;
mod worker;

pub use counts::{Counts, Fates};
pub use domains::{DOMAINS_MAX, DomainId, Domains, TooManyDomains};
pub use histograms::{Histograms, Quantiles};
pub use memory::{MemoryFull, UNKNOWN_HOSTS_MAX, hold_memory};
pub use table::{TableFull, UsageTable};
pub use usage::{Cell, Overflow, Tally, Usage, UsageRow};
pub use worker::{HOSTS_MAX, Meter};
