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
//! then as a source that ends there; and a file that changed while it was read (`look.rs`). Counting anew reads a file whole, and once more for each part of it
//! that other files hold too (`recount.rs`).
//!
//! Invariants, held for every source before it is committed: `LINE-1`, `SPAN-1`, and `SUM-1`
//! (bytes counted line by line = bytes in the rows).

mod against;
mod look;
mod misfit;
mod open;
mod pool;
mod quarantine;
mod ratio;
mod recount;
mod report;
mod reread;
mod retry;
mod run;
mod sink;
mod tick;
mod worker;

use std::collections::HashSet;
use std::sync::mpsc;
use std::thread::{Scope, ScopedJoinHandle};

use memchr::memchr;

pub use against::{Compared, compare};
pub use look::READINGS_MAX;
pub use misfit::{Misfit, REJECTS_FORGIVEN};
pub use open::names_no_domain;
pub use quarantine::{Quarantine, is_quarantine};
pub use ratio::RejectRatio;
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
    pub reject_ratio_max: Option<RejectRatio>,
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

/// Most worker threads.
pub const WORKERS_MAX: usize = 1024;

/// What happens along the way; called from any worker.
pub trait Events: Sync {
    /// Whether the run is to stop: what is finished counts, and nothing else.
    fn is_stopped(&self) -> bool {
        false
    }
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

/// What became of a run that was stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq, thiserror::Error)]
#[error("the run was stopped")]
pub struct Stopped {
    /// Sources that came to their outcome.
    pub finished: usize,
    /// Whether what counts of them is durable.
    pub is_kept: bool,
    /// Names of the others, of which nothing counts.
    pub unfinished: Vec<String>,
    /// Those that came to their outcome, by their place among the run's sources.
    settled: Vec<usize>,
}

impl Stopped {
    /// What became of `sources`, once what is finished of them is durable in `sink`.
    fn of(
        mut self,
        sources: Vec<Source>,
        sink: &dyn UsageSink,
        domains: &Domains,
    ) -> Result<Self, IngestError> {
        let settled: HashSet<usize> = self.settled.drain(..).collect();
        let others = sources.into_iter().enumerate();
        let others = others.filter(|(index, _)| !settled.contains(index));
        Ok(Stopped {
            finished: settled.len(),
            is_kept: sink.keep(domains)?,
            unfinished: others.map(|(_, source)| source.name).collect(),
            settled: Vec::new(),
        })
    }
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
    /// It was asked to stop. What was finished counts.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// There are no more threads.
    #[error(
        "cannot start {wanted} threads ({source}); give fewer --workers, or raise the limit of processes (ulimit -u)"
    )]
    Threads {
        /// How many were wanted.
        wanted: usize,
        /// The system's reason.
        source: std::io::Error,
    },
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
    let mut ingested = match work_off(sources.clone(), options, events, sink, &domains) {
        Err(IngestError::Stopped(stopped)) => {
            return Err(stopped.of(sources, sink, &domains)?.into());
        }
        ingested => ingested?,
    };
    judge_refused_again(sources, &mut ingested, |again| {
        work_off(again, options, events, sink, &domains)
    })?;
    sink.finish(&domains)?;
    ingested.domains = domains.names();
    Ok(ingested)
}

/// Has `work_off` bring files to their outcome once more that were refused because of what their names held: where
/// that has moved to another name, the run has learnt it by now, in whatever order files came.
fn judge_refused_again(
    sources: Vec<Source>,
    ingested: &mut Ingested,
    work_off: impl FnOnce(Vec<Source>) -> Result<Ingested, IngestError>,
) -> Result<(), IngestError> {
    let of_names = |source: &SourceReport| match &source.outcome {
        Outcome::Refused(Refusal::Unsure { .. } | Refusal::Shrunk) => Some(source.index),
        _ => None,
    };
    let refused = ingested.sources.iter().filter_map(of_names);
    let refused = refused.filter(|index| sources[*index].is_repeatable());
    let refused: Vec<usize> = refused.collect();
    if refused.is_empty() || refused.len() == sources.len() {
        return Ok(());
    }
    let again = refused.iter().map(|index| sources[*index].clone());
    let second = match work_off(again.collect()) {
        // They stay refused.
        Err(IngestError::Stopped(_)) => return Ok(()),
        second => second?,
    };
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
        let (work, is_over) = mpsc::channel();
        start(scope, &context, || tick::tick(&context, is_over));
        let worker = |_| start(scope, &context, || worker::work(&context));
        let workers: Vec<_> = (0..options.workers.max(1)).filter_map(worker).collect();
        let outcomes = workers.into_iter().map(|worker| worker.join()).collect();
        drop::<mpsc::Sender<()>>(work);
        outcomes
    });
    let mut histograms = Histograms::default();
    let mut sources = Vec::new();
    for outcome in outcomes {
        let done = outcome.map_err(|_| IngestError::Panicked)?;
        histograms.add(&done.histograms);
        sources.extend(done.settled);
    }
    match pool.into_failure() {
        None => {}
        Some(IngestError::Stopped(stopped)) => {
            let settled = sources.iter().map(|source| source.index).collect();
            return Err(Stopped { settled, ..stopped }.into());
        }
        Some(failure) => return Err(failure),
    }
    sources.sort_by_key(|source: &SourceReport| source.index);
    Ok(Ingested {
        sources,
        domains: Vec::new(),
        histograms,
    })
}

/// Starts a thread; where that cannot be, the run is lost.
fn start<'scope, T: Send + 'scope>(
    scope: &'scope Scope<'scope, '_>,
    context: &worker::Context<'_>,
    work: impl FnOnce() -> T + Send + 'scope,
) -> Option<ScopedJoinHandle<'scope, T>> {
    let wanted = context.options.workers + 1;
    let started = std::thread::Builder::new().spawn_scoped(scope, work);
    let lost = |source| context.pool.fail(IngestError::Threads { wanted, source });
    started.map_err(lost).ok()
}
