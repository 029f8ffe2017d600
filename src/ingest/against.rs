//! The logs themselves against what the store says of them: everything is read and metered anew.
//!
//! Each source is read whole, whatever it grew from, and compared with the chain of contents that the
//! store counts for it: lines by fate, bytes, and usage of every domain, region and slot.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use super::report::{Outcome, Refusal, SourceReport};
use super::sink::{Claim, Settled, UsageSink, Verdict};
use super::{Events, IngestError, Options, ingest};
use crate::meter::{Domains, UsageTable};
use crate::source::{Seed, Source};
use crate::store::{Cells, Change, Counted, CountedRows, Finding, Store, sum_cells};

/// The logs compared with the store.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Compared {
    /// Files whose content the store counts, and that were compared.
    pub files: u64,
    /// Their lines.
    pub lines: u64,
    /// Their downstream bytes.
    pub bytes: u64,
    /// Files whose content the store does not count, with the reason.
    pub unknown: Vec<(String, String)>,
    /// Names of contents that count and of which no file was given.
    pub unchecked: BTreeSet<String>,
    /// Differences.
    pub findings: Vec<Finding>,
}

/// Compares `sources` with what `store` counts.
///
/// Errors: [`IngestError`]; differences are in the findings.
pub fn compare(
    sources: Vec<Source>,
    options: &Options,
    events: &dyn Events,
    store: &Store,
) -> Result<Compared, IngestError> {
    let against = Against {
        store,
        rows: store.counted_rows(options.rows_max)?,
        found: Mutex::default(),
    };
    let ingested = ingest(sources, options, events, &against)?;
    let found = against
        .found
        .into_inner()
        .unwrap_or_else(PoisonError::into_inner);
    let mut compared = found.compared;
    for source in ingested.sources {
        if let Outcome::Refused(refusal) = source.outcome {
            compared.unknown.push((source.name, refusal.to_string()));
        }
    }
    compared.unknown.sort_unstable();
    let names = store.counted_names()?.into_iter();
    let unchecked = names.filter(|(id, _)| !found.checked.contains(id));
    compared.unchecked = unchecked.map(|(_, name)| name).collect();
    Ok(compared)
}

struct Against<'a> {
    store: &'a Store,
    rows: CountedRows,
    found: Mutex<Found>,
}

#[derive(Default)]
struct Found {
    compared: Compared,
    /// Contents that a file was compared with.
    checked: BTreeSet<i64>,
}

impl UsageSink for Against<'_> {
    fn seed(&self) -> Option<Seed> {
        Some(self.store.seed())
    }

    fn identify(&self, settled: &Settled<'_>, _options: &Options) -> Result<Verdict, IngestError> {
        let content = settled.content.expect("digests were asked for");
        Ok(match self.store.counted(content)?.is_empty() {
            false => Verdict::Count(Claim::default()),
            true => Verdict::Done(Outcome::Refused(Refusal::NotCounted)),
        })
    }

    fn commit(
        &self,
        settled: &Settled<'_>,
        _claim: Claim,
        report: &SourceReport,
        usage: UsageTable,
        (domains, _): (&Domains, &Options),
    ) -> Result<Outcome, IngestError> {
        let content = settled.content.expect("digests were asked for");
        let now = sum_cells(usage.into_rows().iter(), &domains.names())?;
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        for counted in self.store.counted(content)? {
            let before = self.rows.cells(&counted.contents)?;
            let problems = differences(report, &counted, &now, &before);
            found
                .compared
                .findings
                .extend(problems.map(|problem| Finding {
                    promise: "the logs say what the store counts",
                    subject: report.name.clone(),
                    problem,
                    place: None,
                }));
            found.checked.extend(counted.contents);
        }
        let compared = &mut found.compared;
        compared.files += 1;
        compared.lines += report.counts.lines;
        compared.bytes += report.counts.bytes.as_u64();
        Ok(Outcome::Committed(Change::Unchanged))
    }

    fn finish(&self, _domains: &Domains) -> Result<(), IngestError> {
        Ok(())
    }
}

/// What to do about a difference.
const ADVICE: &str = "if it was ingested with other options (--format, --log-format, --domain) give \
    the same here; else do not bill from this store, and ingest the logs into a new one";

fn differences(
    report: &SourceReport,
    counted: &Counted,
    now: &Cells,
    before: &Cells,
) -> impl Iterator<Item = String> {
    let counts = &report.counts;
    let lines_now = [
        counts.lines,
        counts.metered,
        counts.skipped_total(),
        counts.rejected_total(),
        counts.bytes.as_u64(),
    ];
    let lines_before = [
        counted.lines,
        counted.metered,
        counted.skipped,
        counted.rejected,
        counted.bytes,
    ];
    let text = |[lines, metered, skipped, rejected, bytes]: [u64; 5]| {
        format!("{lines} lines = {metered} + {skipped} + {rejected}, {bytes} B")
    };
    let of_lines = (lines_now != lines_before).then(|| {
        let (now, before) = (text(lines_now), text(lines_before));
        format!("the log has {now}; the store says {before}; {ADVICE}")
    });
    let keys: BTreeSet<_> = now.keys().chain(before.keys()).collect();
    let differ = keys.into_iter().find(|key| now.get(key) != before.get(key));
    let of_usage = differ.map(|(domain, (_, slot))| {
        format!("its rows differ from the log, first for {domain} in slot {slot}; {ADVICE}")
    });
    of_lines.into_iter().chain(of_usage)
}
