//! cdn-meter turns CDN access logs into money-grade usage.
//!
//! Logs are read as a stream, every line gets one fate (metered, skipped or rejected), downstream
//! bytes are counted per domain, region and 5-minute slot, and summaries per billing month are
//! written as Parquet. The rooms, and which may use which, are in `src/architecture.md`. What users need to
//! know is in the [`guide`].
//!
//! # Metering files
//!
//! Usage is collected in whatever is a [`UsageSink`](ingest::UsageSink): a table in memory here. What happens along
//! the way is told to whoever wants to know ([`Events`](ingest::Events)): `()` does not.
//!
//! ```
//! use std::sync::Mutex;
//!
//! use cdn_meter::ingest::{Options, ingest};
//! use cdn_meter::meter::UsageTable;
//! use cdn_meter::source::discover;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let options = Options::default();
//! let table = Mutex::new(UsageTable::new(options.rows_max));
//! let found = discover(&["samples/logs/tencent-cdn-mainland.log"])?;
//! let ingested = ingest(found.sources, &options, &(), &table)?;
//!
//! let report = &ingested.sources[0];
//! assert_eq!(report.format, Some("tencent-cdn"));
//! let total = table.into_inner()?.total()?;
//! assert_eq!((total.requests, total.bytes), (report.counts.metered, report.counts.bytes));
//! # Ok(())
//! # }
//! ```
//!
//! # A month of a store
//!
//! A [`Store`](store::Store) counts every byte once, however often and under whatever name it comes. What a domain is
//! sold as is asked of a dated registry when a month is read, not when its logs are.
//!
//! ```
//! use cdn_meter::ingest::{Options, ingest};
//! use cdn_meter::registry::{Class, Registry};
//! use cdn_meter::source::{Seed, discover};
//! use cdn_meter::store::{Access, Occasion, Store};
//! use cdn_meter::summary::{Book, SummaryRow};
//! use cdn_meter::units::{Bytes, Zone};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let folder = tempfile::tempdir()?;
//! # let place = folder.path().join("usage-store");
//! let options = Options::default();
//! let night = Occasion {
//!     at: "2026-11-01T03:00:00Z".to_owned(),
//!     command: "nightly".to_owned(),
//! };
//! let store = Store::open_to_write(&place, Seed::random(), night, Access::default())?;
//! for _ in 0..2 {
//!     ingest(discover(&["samples/logs"])?.sources, &options, &(), &store)?;
//! }
//!
//! let zone = Zone::CHINA;
//! let registry = Registry::load("samples/registry.toml".as_ref(), zone)?;
//! let usage = store.usage(store.slots()?, options.rows_max)?;
//! let book = Book::new(usage.table, usage.domains, &registry, zone)?;
//! let october = book.month("2026-10".parse()?).summary(&registry)?;
//! let is_play = |row: &&SummaryRow| row.domain == "play.example.cn" && row.region.name() == "mainland";
//! let play = october.iter().find(is_play).expect("it has usage");
//! assert_eq!(play.class, Class::MiniProgram);
//! assert_eq!(play.usage.bytes, Bytes::new(15_199_174_154));
//! # Ok(())
//! # }
//! ```

#![cfg_attr(
    not(test),
    deny(
        clippy::disallowed_methods,
        reason = "`.clippy.toml` says why, call by call"
    )
)]

pub mod billing;
pub mod cli;
pub mod columns;
pub mod decode;
pub mod disk;
pub mod ingest;
pub mod meter;
pub mod months;
pub mod record;
pub mod registry;
pub mod report;
pub mod scan;
pub mod source;
pub mod store;
pub mod summary;
pub mod units;

/// The users' guide: the files in `src/guide`, which the README links.
// The pages name each other as files do. A definition that comes first wins, so here the names lead to modules.
#[allow(rustdoc::redundant_explicit_links)]
pub mod guide {
    macro_rules! pages {
        ($($name:ident $file:literal)*) => {$(
            #[doc = "[billing]: crate::guide::billing"]
            #[doc = "[datasets]: crate::guide::datasets"]
            #[doc = "[errors]: crate::guide::errors"]
            #[doc = "[formats]: crate::guide::formats"]
            #[doc = "[operations]: crate::guide::operations"]
            #[doc = "[store]: crate::guide::store"]
            #[doc = ""]
            #[doc = include_str!($file)]
            pub mod $name {}
        )*};
    }

    pages! {
        store "guide/store.md"
        formats "guide/formats.md"
        datasets "guide/datasets.md"
        billing "guide/billing.md"
        errors "guide/errors.md"
        operations "guide/operations.md"
    }
}
