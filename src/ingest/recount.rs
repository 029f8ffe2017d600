//! Counting files anew: by another format, template or domain than the one that they were counted by.
//!
//! A file is read whole, from its start, whatever is known of it. The store then tells which parts of it
//! other names hold too, or other files grew from (`store/recount.rs`): if there are any, it is read once
//! more for each part, so that every content has its own lines. All parts are committed together.
//!
//! The whole is judged as a file that was never counted: its rejects, and whether any of its lines has
//! the field that is metered. Its parts are not judged by themselves. What is refused stays as it was
//! counted; what was counted like that already is left alone.

use std::collections::HashSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::report::{Outcome, Refusal, SourceReport};
use super::sink::{
    Claim, Settled, UsageSink, Verdict, reading_of, too_many, with_delivery, within,
};
use super::{Events, IngestError, Ingested, Options, Stopped, work_off};
use crate::meter::{Domains, UsageTable};
use crate::source::{Content, Opening, Origin, Seed, Source, is_there};
use crate::store::{Anew, Change, Identity, Known, Reading, Recount, Store};
use crate::units::Span;

/// Counts `sources`, each to its outcome, anew; what the store does not count at all is refused.
///
/// Errors: [`IngestError`]; what was committed before stays.
pub fn recount(
    sources: Vec<Source>,
    options: &Options,
    events: &dyn Events,
    store: &Store,
) -> Result<Ingested, IngestError> {
    let domains = Domains::new();
    let mut all = Ingested::default();
    let mut done = HashSet::new();
    let mut rest = sources.into_iter();
    while let Some(source) = rest.next() {
        let work = Work {
            store,
            state: Mutex::new(State {
                done,
                ..State::default()
            }),
        };
        let counted = work.count(&source, options, events, (&domains, &mut all));
        let mut report = match counted {
            Err(IngestError::Stopped(_)) => {
                store.flush(&domains)?;
                let unfinished = std::iter::once(source).chain(rest);
                return Err(Stopped {
                    finished: all.sources.len(),
                    is_kept: true,
                    unfinished: unfinished.map(|source| source.name).collect(),
                    ..Stopped::default()
                }
                .into());
            }
            report => report?,
        };
        report.index = all.sources.len();
        events.settled(&report)?;
        done = work
            .state
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
            .done;
        all.sources.push(report);
    }
    store.flush(&domains)?;
    store.compact_if_due()?;
    all.domains = domains.names();
    Ok(all)
}

/// A file in hand.
struct Work<'a> {
    store: &'a Store,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Contents that were counted anew in this run.
    done: HashSet<i64>,
    /// What is to be read, once that is known.
    plan: Option<Recount>,
    /// Whether the parts are being read, and no more the whole.
    is_in_parts: bool,
    readings: Vec<Reading>,
}

/// Says nothing of what a reading came to, as it is one of several; only that of the whole is progress.
struct Quietly<'a> {
    events: &'a dyn Events,
    is_whole: bool,
}

impl Events for Quietly<'_> {
    fn advanced(&self, stored_bytes: u64) {
        if self.is_whole {
            self.events.advanced(stored_bytes);
        }
    }

    fn settled(&self, _source: &SourceReport) -> std::io::Result<()> {
        Ok(())
    }

    fn is_stopped(&self) -> bool {
        self.events.is_stopped()
    }
}

impl Work<'_> {
    /// Reads a file, in parts where that is needed.
    fn count(
        &self,
        source: &Source,
        options: &Options,
        events: &dyn Events,
        (domains, all): (&Domains, &mut Ingested),
    ) -> Result<SourceReport, IngestError> {
        let read = |span: Span, options: &Options, is_whole: bool| {
            let options = Options {
                only: Some(span),
                ..options.clone()
            };
            let source = vec![source.clone()];
            let events = Quietly { events, is_whole };
            let mut ingested = work_off(source, &options, &events, self, domains)?;
            let report = ingested.sources.pop().expect("a source has an outcome");
            Ok::<_, IngestError>((report, ingested.histograms))
        };
        let (mut report, histograms) = read(Span::new(0, u64::MAX), options, true)?;
        all.histograms.add(&histograms);
        if report.is_refused() {
            return Ok(report);
        }
        let spans = self.lock().spans_to_read();
        for span in spans {
            self.lock().is_in_parts = true;
            // The whole was judged and measured already.
            let options = Options {
                reject_ratio_max: None,
                ..options.clone()
            };
            let (part, _) = read(span, &options, false)?;
            report.outcome = part.outcome;
            if report.is_refused() {
                break;
            }
        }
        Ok(report)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// The parts that have to be read by themselves, the last one to the end of the file.
    fn spans_to_read(&self) -> Vec<Span> {
        let Some(plan) = self.plan.as_ref().filter(|plan| !is_whole(plan)) else {
            return Vec::new();
        };
        let last = plan.parts.len().saturating_sub(1);
        let parts = plan.parts.iter().enumerate();
        let span = |(number, part): (usize, &crate::store::RecountPart)| match number == last {
            true => Span::new(part.span.from, u64::MAX),
            false => part.span,
        };
        parts.map(span).collect()
    }

    /// Whether this is not what the part that is read next was when the whole was read.
    fn is_changed(&self, content: &Content) -> bool {
        let plan = self.plan.as_ref();
        let part = plan.and_then(|plan| plan.parts.get(self.readings.len()));
        let Some(part) = part else { return true };
        let is_known = part.known.as_ref().is_none_or(|known| {
            (known.content.length, known.content.digest) == (content.length, content.digest)
        });
        part.span.to != content.length || !is_known
    }
}

/// Whether a file is counted anew by one reading.
fn is_whole(plan: &Recount) -> bool {
    matches!(&plan.parts[..], [part] if part.span.from == 0)
}

impl UsageSink for Work<'_> {
    fn seed(&self) -> Option<Seed> {
        Some(self.store.seed())
    }

    fn known_like(&self, opening: &Opening) -> Result<Vec<Known>, IngestError> {
        Ok(self.store.known_like(opening)?)
    }

    fn identify(&self, settled: &Settled<'_>, options: &Options) -> Result<Verdict, IngestError> {
        let refused = |refusal| Ok(Verdict::Done(Outcome::Refused(refusal)));
        let content = settled.content.expect("a store wants digests");
        let state = &mut *self.lock();
        if state.is_in_parts {
            return match state.is_changed(content) {
                true => refused(Refusal::Changed),
                false => Ok(Verdict::Count(Claim::default())),
            };
        }
        let name = &settled.source.identity;
        if settled.source.origin == Origin::Stdin {
            return refused(Refusal::NotCounted);
        }
        if self.store.is_shrunk(name, content, is_there)? {
            return refused(Refusal::Shrunk);
        }
        let identity = self
            .store
            .identify(name, content, settled.marks, 0, is_there)?;
        if let Identity::Within(ids) = identity {
            return within(self.store, name, &ids);
        }
        let plan = self
            .store
            .recount_of(name, content, settled.marks, &state.done)?;
        match plan {
            None => refused(Refusal::NotCounted),
            Some(plan) if plan.parts.is_empty() => {
                UsageSink::identify(self.store, settled, options)
            }
            plan => {
                state.plan = plan;
                Ok(Verdict::Count(Claim::default()))
            }
        }
    }

    fn commit(
        &self,
        settled: &Settled<'_>,
        _claim: Claim,
        report: &SourceReport,
        usage: UsageTable,
        (domains, options): (&Domains, &Options),
    ) -> Result<Outcome, IngestError> {
        let state = &mut *self.lock();
        let plan = state
            .plan
            .take()
            .expect("a file that is counted was planned");
        if !state.is_in_parts && !is_whole(&plan) {
            // It has to be read in parts.
            state.plan = Some(plan);
            return Ok(Outcome::Known(Change::Unchanged));
        }
        state.readings.push(reading_of(report, usage)?);
        if state.readings.len() < plan.parts.len() {
            state.plan = Some(plan);
            return Ok(Outcome::Known(Change::Unchanged));
        }
        let readings = std::mem::take(&mut state.readings);
        let recounted = with_delivery(settled, options, |delivery| {
            self.store
                .count_anew(delivery, &plan, readings, domains, is_there)
        })?;
        Ok(match recounted {
            Anew::OverLimit => too_many(report),
            Anew::Unsure(times) => Outcome::Refused(Refusal::Unsure { times }),
            Anew::Counts(recounted) => {
                state.done.extend(&recounted.contents);
                match recounted.contents.is_empty() {
                    true => Outcome::Known(recounted.change),
                    false => Outcome::Committed(recounted.change),
                }
            }
        })
    }

    fn tick(&self, domains: &Domains) -> Result<(), IngestError> {
        Ok(self.store.flush_if_old(domains)?)
    }

    /// The files are several runs, which end together.
    fn finish(&self, _domains: &Domains) -> Result<(), IngestError> {
        Ok(())
    }
}
