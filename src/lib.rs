//! cdn-meter turns CDN access logs into money-grade usage.
//!
//! Logs are read as a stream, every line gets one fate (metered, skipped or rejected), downstream
//! bytes are counted per domain, region and 5-minute slot, and summaries per billing month are
//! written as Parquet. The rooms, and which may use which, are in `src/architecture.md`. What users need to
//! know is in the [`guide`].

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
