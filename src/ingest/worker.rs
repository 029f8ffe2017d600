//! One worker: opens sources, meters ranges and blocks, settles what is finished.

use std::sync::atomic::Ordering;

use super::pool::{Pool, Task};
use super::report::{Outcome, Refusal, SourceReport};
use super::run::{Learnt, SourceRun};
use super::sink::Verdict;
use super::{Events, IngestError, Options, Stopped, UsageSink};
use crate::meter::{Domains, Histograms, UsageRow};
use crate::scan::{Findings, Scanner};
use crate::store::Change;

/// What all workers share.
pub(super) struct Context<'run> {
    pub(super) options: &'run Options,
    pub(super) events: &'run dyn Events,
    pub(super) sink: &'run dyn UsageSink,
    pub(super) domains: &'run Domains,
    pub(super) pool: &'run Pool,
}

/// What a worker brings home.
pub(super) struct Done {
    pub(super) histograms: Histograms,
    pub(super) settled: Vec<SourceReport>,
}

pub(super) struct Worker<'run> {
    pub(super) context: &'run Context<'run>,
    pub(super) scanner: Scanner<'run>,
    pub(super) rows: Vec<UsageRow>,
    settled: Vec<SourceReport>,
}

/// Ends the run when its worker panics, so that the others do not wait for it for ever.
struct Alarm<'run>(&'run Pool);

impl Drop for Alarm<'_> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.fail(IngestError::Panicked);
        }
    }
}

/// Works until everything is settled or the run is lost.
pub(super) fn work(context: &Context<'_>) -> Done {
    let _alarm = Alarm(context.pool);
    let mut worker = Worker::new(context);
    while let Some(task) = context.pool.next() {
        if let Err(error) = worker.perform(task) {
            context.pool.fail(error);
        }
    }
    Done {
        histograms: worker.scanner.into_histograms(),
        settled: worker.settled,
    }
}

impl<'run> Worker<'run> {
    pub(super) fn new(context: &'run Context<'run>) -> Self {
        let fallback = context.options.fallback_domain.as_deref();
        Worker {
            context,
            scanner: Scanner::new(context.domains, fallback),
            rows: Vec::new(),
            settled: Vec::new(),
        }
    }

    fn perform(&mut self, task: Task) -> Result<(), IngestError> {
        let mut found = Findings::default();
        let run = match task {
            Task::Open(run) => {
                if self.is_unchanged(&run)? {
                    return self.pass_over(&run);
                }
                let opened = self.open(&run, &mut found);
                self.refuse_on_error(&run, opened)?;
                run
            }
            Task::Range(run, file, range, layout) => {
                let read = self.range(&run, &file, range, layout, &mut found);
                self.refuse_on_error(&run, read)?;
                run
            }
            Task::Block(run, block, mut layout) => {
                let resume = run.resume();
                let metered = self.scanner.lines(&block, resume, &mut layout, &mut found);
                self.context.pool.give_back(block);
                self.refuse_on_error(&run, metered.map_err(Failure::from))?;
                run
            }
        };
        self.scanner.take_rows(&mut self.rows)?;
        run.add_rows(&mut self.rows)?;
        match run.finish(found) {
            true => self.settle(&run),
            false => Ok(()),
        }
    }

    fn is_unchanged(&self, run: &SourceRun) -> Result<bool, IngestError> {
        let Context { options, sink, .. } = self.context;
        Ok(!options.is_rehash && !run.is_repeated() && sink.is_unchanged(&run.source)?)
    }

    /// Settles a source that was not read.
    fn pass_over(&mut self, run: &SourceRun) -> Result<(), IngestError> {
        let stored = run.source.stored_bytes.unwrap_or(0);
        self.context.events.advanced(stored);
        let (report, _) = run.report(Outcome::Known(Change::Unchanged));
        self.close(report)
    }

    fn settle(&mut self, run: &SourceRun) -> Result<(), IngestError> {
        let Context {
            options,
            sink,
            pool,
            domains,
            ..
        } = self.context;
        if let Some(learnt) = run.look_again(options).or_else(|| run.to_salvage()) {
            pool.again(run, learnt, options);
            return Ok(());
        }
        // What is decided about one content must hold until it is noted.
        let settling = pool.settling();
        let verdict = run.when_read(|settled| sink.identify(settled, options));
        // What could only be read to know it again has no lines that could count.
        let may_be =
            |verdict: &Verdict| matches!(verdict, Verdict::Done(_)) || !run.refuse_if_unknown();
        let report = match verdict.transpose()?.filter(may_be) {
            None => run.refused_report(),
            Some(Verdict::Done(outcome)) => run.report(outcome).0,
            Some(Verdict::Again(resume)) => {
                drop(settling);
                let resume = Some(resume);
                pool.again(
                    run,
                    Learnt {
                        resume,
                        ..run.learnt()
                    },
                    options,
                );
                return Ok(());
            }
            Some(Verdict::Count(claim)) => match run.check(claim.before, options)? {
                false => run.refused_report(),
                true => {
                    let (mut report, usage) = run.report(Outcome::Committed(Change::New));
                    let outcome = run.when_read(|settled| {
                        sink.commit(settled, claim, &report, usage, (domains, options))
                    });
                    if let Some(outcome) = outcome.transpose()? {
                        report.outcome = outcome;
                    }
                    report
                }
            },
        };
        drop(settling);
        self.close(report)
    }

    /// Reports a source that has its outcome.
    fn close(&mut self, mut report: SourceReport) -> Result<(), IngestError> {
        self.context.events.settled(&report)?;
        // Their text is written; only counts are needed from here on.
        report.rejects.lines = Vec::new();
        self.settled.push(report);
        self.context.pool.settle();
        Ok(())
    }

    /// A source's own failure refuses the source; any other ends the run.
    fn refuse_on_error(
        &self,
        run: &SourceRun,
        result: Result<(), Failure>,
    ) -> Result<(), IngestError> {
        match result {
            Ok(()) => Ok(()),
            Err(Failure::Source(refusal)) => {
                // What fails then may be at fault or not.
                self.hold_not_lost()?;
                run.refuse(refusal);
                Ok(())
            }
            Err(Failure::Run(error)) => Err(error),
        }
    }

    /// Holds that the run is not lost, and was not stopped.
    pub(super) fn hold_not_lost(&self) -> Result<(), IngestError> {
        match self.context.pool.is_lost().load(Ordering::Relaxed) {
            true => Err(IngestError::Stopped(Stopped::default())),
            false => Ok(()),
        }
    }
}

/// What stops a piece of work.
pub(super) enum Failure {
    /// The source is at fault.
    Source(Refusal),
    /// The run cannot go on.
    Run(IngestError),
}

impl<E: Into<Refusal>> From<E> for Failure {
    fn from(error: E) -> Self {
        Failure::Source(error.into())
    }
}

impl From<IngestError> for Failure {
    fn from(error: IngestError) -> Self {
        Failure::Run(error)
    }
}
