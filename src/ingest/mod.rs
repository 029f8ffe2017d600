//! The batch engine: from sources to committed usage, on all cores.
//!
//! Owns: who works on what, the fate of a source (committed or refused), its reconciliation, the
//! rejected lines on their way to quarantine.
//! Does not own: where usage goes and what is known already ([`UsageSink`]), what it is worth, how
//! progress is shown ([`Events`]).
//!
//! How the work is split: plain files of formats without headers are cut into ranges that workers
//! read for themselves. Everything else (gzip, zstd, standard input, files with headers) has to
//! be read in order: one worker decodes and parses each block while it is in its cache, and hands
//! blocks over when another worker has nothing to do. Nobody waits for a queue to drain, so the
//! blocks in flight are bounded by the number of workers.
//!
//! A content of which a start is known is read on the guess that it has grown: digested whole, but
//! metered from there on only. If the digests say otherwise, it is read once more. So is a damaged
//! archive of which the readable prefix is wanted: first to find where its last whole line ends,
//! then as a source that ends there. Counting anew reads a file whole, and once more for each part of it
//! that other files hold too (`recount.rs`).
//!
//! Invariants, held for every source before it is committed: `LINE-1`, `SPAN-1`, and `SUM-1`
//! (bytes counted line by line = bytes in the rows).

mod against;
mod misfit;
mod open;
mod part;
mod pool;
mod quarantine;
mod recount;
mod report;
mod reread;
mod retry;
mod run;
mod sink;
mod tally;
mod worker;

use memchr::memchr;
use rust_decimal::Decimal;

pub use against::{Compared, compare};
pub use misfit::{Misfit, REJECTS_FORGIVEN};
pub use open::names_no_domain;
pub use quarantine::{Quarantine, REJECTS_KEPT_BYTES_MAX, RejectedLine, Rejects};
pub use recount::recount;
pub use report::{Outcome, Refusal, SourceReport};
pub use reread::{FoundLine, RereadError, WantedLines, reread, still_begins_with};
pub use retry::{Retried, retry_quarantine};
pub use sink::{Settled, UsageSink};

use crate::meter::{Domains, Histograms, Overflow, TableFull, TooManyDomains};
use crate::record::Layout;
use crate::source::Source;
use crate::store::{Names, StoreError};
use crate::units::Span;
use crate::units::invariant::Broken;
use pool::Pool;

/// Bytes of a plain file that one worker takes at a time.
pub const CHUNK_BYTES: u64 = 8 << 20;
/// Bytes from the start of a source that its format is told from.
pub const SAMPLE_BYTES: usize = 64 << 10;

/// How to ingest.
#[derive(Clone, Debug)]
pub struct Options {
    /// Worker threads; at least 1.
    pub workers: usize,
    /// The format of every source; `None` tells it from content.
    pub layout: Option<Layout>,
    /// The domain of lines without a host.
    pub fallback_domain: Option<String>,
    /// The largest part of a source's rows that may be rejected, 0 to 1 ([`REJECTS_FORGIVEN`]); `None`
    /// for sources that were let in before.
    pub reject_ratio_max: Option<Decimal>,
    /// Distinct rows of usage that one table may hold.
    pub rows_max: usize,
    /// Nanoseconds since the epoch at the start: what changed just before may change unseen.
    pub now_nanos: i128,
    /// Whether files that look unchanged are read all the same.
    pub is_rehash: bool,
    /// Whether a truncated or corrupt archive counts up to its last whole line.
    pub is_salvage: bool,
    /// Whether a content that another name holds counts once more under its own.
    pub is_counting_duplicates: bool,
    /// What names of files stand for; `None` tells it from the times of their lines.
    pub names: Option<Names>,
    /// The only part of every content whose lines are metered, whatever is known of it; the content is
    /// taken to end where that ends.
    pub only: Option<Span>,
}

impl Options {
    /// Whether less than the whole of a content is asked for.
    fn is_of_part(&self) -> bool {
        self.only.is_some_and(|only| only != Span::new(0, u64::MAX))
    }
}

/// What happens along the way; called from any worker.
pub trait Events: Sync {
    /// So many more stored bytes were dealt with.
    fn advanced(&self, stored_bytes: u64);
    /// A source has its outcome.
    ///
    /// Errors: ends the run.
    fn settled(&self, source: &SourceReport) -> std::io::Result<()>;
}

/// What ingesting found out, beside the usage itself.
#[derive(Debug, Default)]
pub struct Ingested {
    /// One report per source, in the order of the sources.
    pub sources: Vec<SourceReport>,
    /// Names of domains by number.
    pub domains: Vec<String>,
    /// Distributions over the run.
    pub histograms: Histograms,
}

/// Why a run was given up. Nothing of it may be published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum IngestError {
    /// Too much usage for the memory limit.
    #[error(transparent)]
    TableFull(#[from] TableFull),
    /// Too many domains.
    #[error(transparent)]
    TooManyDomains(#[from] TooManyDomains),
    /// A sum is too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// We are wrong.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Rejected lines could not be kept.
    #[error("cannot write the quarantine of rejected lines: {0}")]
    Quarantine(#[from] std::io::Error),
    /// A worker panicked, which is a bug of ours.
    #[error("a worker stopped by a bug of ours; nothing was published, please report this")]
    Panicked,
}

/// Whether a hole leaves no line in the first bytes of a source to tell its format from.
fn is_hole(sample: &[u8]) -> bool {
    sample.first() == Some(&0) && memchr(b'\n', sample).is_none()
}

/// Ingests all of `sources`, each to its outcome.
///
/// Errors: [`IngestError`]; a source that cannot be read is no error but a refused source.
pub fn ingest(
    sources: Vec<Source>,
    options: &Options,
    events: &dyn Events,
    sink: &dyn UsageSink,
) -> Result<Ingested, IngestError> {
    let domains = Domains::new();
    let mut ingested = work_off(sources.clone(), options, events, sink, &domains)?;
    look_again(sources, &mut ingested, |again| {
        work_off(again, options, events, sink, &domains)
    })?;
    sink.finish(&domains)?;
    ingested.domains = domains.names();
    Ok(ingested)
}

/// Has `work_off` bring files to their outcome once more that were refused because of what their names held: where
/// that has moved to another name, the run has learnt it by now, in whatever order files came.
fn look_again(
    sources: Vec<Source>,
    ingested: &mut Ingested,
    work_off: impl FnOnce(Vec<Source>) -> Result<Ingested, IngestError>,
) -> Result<(), IngestError> {
    let of_names = |source: &SourceReport| match &source.outcome {
        Outcome::Refused(Refusal::Unsure { .. } | Refusal::Shrunk) => Some(source.index),
        _ => None,
    };
    let refused = ingested.sources.iter().filter_map(of_names);
    let refused = refused.filter(|index| sources[*index].path().is_some());
    let refused: Vec<usize> = refused.collect();
    if refused.is_empty() || refused.len() == sources.len() {
        return Ok(());
    }
    let again = refused.iter().map(|index| sources[*index].clone());
    let second = work_off(again.collect())?;
    ingested.histograms.add(&second.histograms);
    for mut report in second.sources {
        report.index = refused[report.index];
        let index = report.index;
        ingested.sources[index] = report;
    }
    Ok(())
}

/// Brings all of `sources` to their outcome, without finishing the sink.
fn work_off(
    sources: Vec<Source>,
    options: &Options,
    events: &dyn Events,
    sink: &dyn UsageSink,
    domains: &Domains,
) -> Result<Ingested, IngestError> {
    let pool = Pool::new(sources, options);
    let context = worker::Context {
        options,
        events,
        sink,
        domains,
        pool: &pool,
    };
    let outcomes: Vec<_> = std::thread::scope(|scope| {
        let spawn = |_| scope.spawn(|| worker::work(&context));
        let workers: Vec<_> = (0..options.workers.max(1)).map(spawn).collect();
        workers.into_iter().map(|worker| worker.join()).collect()
    });
    let mut histograms = Histograms::default();
    let mut sources = Vec::new();
    for outcome in outcomes {
        let done = outcome.map_err(|_| IngestError::Panicked)?;
        histograms.add(&done.histograms);
        sources.extend(done.settled);
    }
    pool.into_failure().map_or(Ok(()), Err)?;
    sources.sort_by_key(|source: &SourceReport| source.index);
    Ok(Ingested {
        sources,
        domains: Vec::new(),
        histograms,
    })
}
