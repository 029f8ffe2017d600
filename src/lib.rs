//! cdn-meter turns CDN access logs into money-grade usage.
//!
//! Logs are read as a stream, every line gets one fate (metered, skipped or rejected), downstream
//! bytes are counted per domain, region and 5-minute slot, and summaries per billing month are
//! written as Parquet. The rooms, and which may use which, are in `src/architecture.md`.

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
pub mod record;
pub mod registry;
pub mod report;
pub mod source;
pub mod store;
pub mod summary;
pub mod units;
