//! The report of a run as JSON. Fields are only ever added.

use std::collections::BTreeMap;

use serde::Serialize;

use super::bill::BillReport;
use super::folded::FoldedReport;

use crate::ingest::{Ingested, Outcome, Retried, SourceReport};
use crate::meter::{Counts, Overflow, Quantiles, Usage};
use crate::record::{Doubt, Reject, Skip};
use crate::store::{Change, SetAside};
use crate::summary::SummaryRow;

/// The report of a run.
#[derive(Debug, Serialize)]
pub struct RunReport {
    /// Version of the program.
    pub version: &'static str,
    /// Billing zone.
    pub billing_zone: String,
    /// Fates of the lines of committed sources.
    pub lines: LinesReport,
    /// Byte totals.
    pub bytes: BytesReport,
    /// Totals of the published usage.
    pub usage: UsageReport,
    /// The rows of the dataset `summary`: a month, account, domain, class and region each.
    pub summary: Vec<RowReport>,
    /// Sources.
    pub files: FileReport,
    /// Bytes per metered response, in buckets of 1 %.
    pub response_bytes: QuantileReport,
    /// Nanoseconds per block of up to 512 KiB.
    pub block_nanos: QuantileReport,
    /// Distinct domains.
    pub domains: usize,
    /// SHA-256 of the registry's facts.
    pub registry_digest: String,
    /// SHA-256 over the sums of the published months, domains and regions.
    pub usage_digest: String,
    /// What became of rejected lines of earlier runs that were read again, if they were.
    pub retried: Option<RetriedReport>,
    /// Closed months that were published, and what came for them since.
    pub closed: Vec<ClosedReport>,
    /// Contents of the store that are in no figure.
    pub set_aside: Vec<SetAsideReport>,
    /// Months in which hosts that nobody knows are one row.
    pub folded_hosts: Vec<FoldedReport>,
    /// What each month costs, where it was priced.
    pub bills: Vec<BillReport>,
    /// Wall time up to the published datasets, in milliseconds.
    pub elapsed_millis: u64,
}

/// Rejected lines of contents that count, by what became of them.
#[derive(Debug, Serialize)]
pub struct RetriedReport {
    /// Contents of which lines have another fate now.
    pub contents: u64,
    /// Lines that are metered now.
    pub metered: u64,
    /// Their downstream bytes.
    pub bytes: u64,
    /// Lines that are skipped now.
    pub skipped: u64,
    /// Lines that were read again and are rejected as before.
    pub rejected: u64,
    /// Lines that were left alone: of another format than the one that was named, or without what is
    /// needed to read them as they were.
    pub not_tried: u64,
    /// Lines that were counted and not kept, or are too long: only their file tells what they say.
    pub not_kept: u64,
}

impl From<Retried> for RetriedReport {
    fn from(retried: Retried) -> Self {
        RetriedReport {
            contents: retried.contents,
            metered: retried.counts.metered,
            bytes: retried.counts.bytes.as_u64(),
            skipped: retried.counts.skipped_total(),
            rejected: retried.rejected,
            not_tried: retried.not_tried,
            not_kept: retried.not_kept,
        }
    }
}

/// A closed month.
#[derive(Debug, Serialize)]
pub struct ClosedReport {
    /// The month.
    pub month: String,
    /// When it was closed, RFC 3339 in UTC.
    pub closed_at: String,
    /// Digest of its close.
    pub digest: String,
    /// Rows of adjustments.
    pub adjustments: usize,
    /// Downstream bytes that they add up to.
    pub adjusted_bytes: i128,
}

/// A content with which all that counts would be more than what a store counts.
#[derive(Debug, Serialize)]
pub struct SetAsideReport {
    /// The names that hold it, or what grew from it.
    pub names: Vec<String>,
    /// The downstream bytes that its own lines say.
    pub bytes: u64,
}

impl From<SetAside> for SetAsideReport {
    fn from(aside: SetAside) -> Self {
        SetAsideReport {
            names: aside.names,
            bytes: aside.bytes.as_u64(),
        }
    }
}

/// Lines by fate: `read` = `metered` + the sum of `skipped` + the sum of `rejected`.
#[derive(Debug, Serialize)]
pub struct LinesReport {
    /// Lines read.
    pub read: u64,
    /// Lines metered.
    pub metered: u64,
    /// Lines skipped, by reason.
    pub skipped: BTreeMap<&'static str, u64>,
    /// Lines rejected, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Lines metered in doubt, by kind.
    pub doubts: BTreeMap<&'static str, u64>,
}

/// Byte totals of committed sources.
#[derive(Debug, Serialize)]
pub struct BytesReport {
    /// Decompressed bytes of log text.
    pub decompressed: u64,
    /// Downstream bytes that were metered.
    pub metered: u64,
    /// Bytes of skipped rows that went to no viewer.
    pub not_viewer: u128,
    /// Bytes of rejected lines, as far as they could be read: at most so many were not metered.
    pub rejected_at_most: u128,
    /// Rejected lines whose bytes could not be read.
    pub rejected_unread_lines: u64,
}

/// Totals of the published usage.
#[derive(Debug, Default, Serialize)]
pub struct UsageReport {
    /// Downstream bytes.
    pub bytes: u128,
    /// Metered requests.
    pub requests: u128,
    /// Bytes of responses with status 400 or above.
    pub error_bytes: u128,
    /// Requests with status 400 or above.
    pub error_requests: u128,
    /// Requests metered in doubt.
    pub doubtful_requests: u128,
}

impl UsageReport {
    /// Adds usage. Closed months and those that count now may be more together than a store counts.
    pub fn add(&mut self, usage: &Usage) {
        self.bytes += u128::from(usage.bytes.as_u64());
        self.requests += u128::from(usage.requests);
        self.error_bytes += u128::from(usage.error_bytes.as_u64());
        self.error_requests += u128::from(usage.error_requests);
        self.doubtful_requests += u128::from(usage.doubtful_requests);
    }
}

/// A row of the dataset `summary`.
#[derive(Debug, Serialize)]
pub struct RowReport {
    /// The month.
    pub month: String,
    /// Account of the domain; empty where the registry has none.
    pub account: String,
    /// The domain.
    pub domain: String,
    /// What it is sold as in this month.
    pub class: &'static str,
    /// Region of the clients.
    pub region: &'static str,
    /// AppID of the mini-program; empty where there is none.
    pub app_id: String,
    /// The same bytes in units of 10⁹, as a decimal.
    pub gigabytes: String,
    /// The sums.
    #[serde(flatten)]
    pub usage: UsageReport,
    /// Bytes of the busiest slot.
    pub peak_slot_bytes: u64,
    /// Bytes of the slot at the 95th percentile.
    pub p95_slot_bytes: u64,
}

impl From<&SummaryRow> for RowReport {
    fn from(row: &SummaryRow) -> Self {
        let mut usage = UsageReport::default();
        usage.add(&row.usage);
        RowReport {
            month: row.month.to_string(),
            account: row.account.clone(),
            domain: row.domain.clone(),
            class: row.class.name(),
            region: row.region.name(),
            app_id: row.app_id.clone(),
            gigabytes: row.usage.bytes.to_gigabytes().to_string(),
            usage,
            peak_slot_bytes: row.peak_slot_bytes.as_u64(),
            p95_slot_bytes: row.p95.slot_bytes.as_u64(),
        }
    }
}

/// Sources by outcome.
#[derive(Debug, Serialize)]
pub struct FileReport {
    /// Sources whose usage counts.
    pub committed: u64,
    /// Sources by what they changed: new, grown, replaced, unchanged, duplicate, renamed, salvaged,
    /// duplicate-counted, recounted.
    pub changes: BTreeMap<&'static str, u64>,
    /// Sources whose content another name holds or held, sources that were replaced, and sources of
    /// which no line says how many bytes it sent.
    pub noted: Vec<NotedReport>,
    /// Damaged archives, as far as what they hold before the damage counts.
    pub salvaged: Vec<SalvagedReport>,
    /// Sources of which nothing counts, with the reason.
    pub refused: Vec<RefusedReport>,
    /// Files that were named twice and taken once.
    pub repeated: u64,
    /// Hidden files in folders, passed over.
    pub hidden: u64,
    /// Files and folders that this program wrote, left out.
    pub left_out: u64,
    /// Committed sources by format.
    pub formats: BTreeMap<&'static str, u64>,
    /// Committed sources by what their metered bytes count: `total`, `body` or `unknown`.
    pub bytes_in: BTreeMap<&'static str, u64>,
}

impl FileReport {
    /// Whether no file was given at all: what is said comes from a store.
    pub fn is_empty(&self) -> bool {
        self.committed == 0 && self.refused.is_empty() && self.left_out == 0
    }

    /// Whether there are files that somebody should fetch again, or decide about.
    pub fn needs_attention(&self) -> bool {
        !self.refused.is_empty() || !self.salvaged.is_empty()
    }
}

/// A source of which there is something to tell.
#[derive(Debug, Serialize)]
pub struct NotedReport {
    /// Its name.
    pub name: String,
    /// Stable name of what it changed.
    pub change: &'static str,
    /// In words.
    pub note: String,
}

/// A damaged archive that counts up to its last whole line before the damage.
#[derive(Debug, Serialize)]
pub struct SalvagedReport {
    /// Its name.
    pub name: String,
    /// Decompressed bytes up to there. They decoded; the checksum behind them could not be checked.
    pub kept_bytes: u64,
}

/// A refused source.
#[derive(Debug, Serialize)]
pub struct RefusedReport {
    /// Its name.
    pub name: String,
    /// Stable name of the reason.
    pub code: &'static str,
    /// The reason and what to do.
    pub reason: String,
    /// Lines read before it was refused; none of them counts.
    pub lines: u64,
}

/// Quantiles of a distribution.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct QuantileReport {
    /// Half are at most this.
    pub p50: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl From<Quantiles> for QuantileReport {
    fn from(quantiles: Quantiles) -> Self {
        QuantileReport {
            p50: quantiles.p50,
            p99: quantiles.p99,
            max: quantiles.max,
        }
    }
}

/// The counts of all committed sources together.
///
/// Errors: [`Overflow`].
pub(super) fn committed(sources: &[SourceReport]) -> Result<Counts, Overflow> {
    let mut counts = Counts::default();
    let mut committed = sources.iter().filter(|source| source.is_committed());
    committed.try_for_each(|source| counts.add(&source.counts))?;
    Ok(counts)
}

impl RunReport {
    /// The report of what was ingested; nothing is published yet.
    ///
    /// Errors: [`Overflow`].
    pub fn new(ingested: &Ingested) -> Result<Self, Overflow> {
        let counts = committed(&ingested.sources)?;
        let is_committed = |source: &&SourceReport| source.is_committed();
        let decompressed = ingested.sources.iter().filter(is_committed);
        Ok(RunReport {
            version: env!("CARGO_PKG_VERSION"),
            billing_zone: String::new(), // the front fills in what it was given
            lines: LinesReport {
                read: counts.lines,
                metered: counts.metered,
                skipped: named(&Skip::NAMES, &counts.skipped),
                rejected: named(&Reject::ALL.map(Reject::name), &counts.rejected),
                doubts: named(&Doubt::ALL.map(Doubt::name), &counts.doubts),
            },
            bytes: BytesReport {
                decompressed: decompressed.map(|source| source.decompressed_bytes).sum(),
                metered: counts.bytes.as_u64(),
                not_viewer: counts.not_viewer_bytes,
                rejected_at_most: counts.rejected_bytes,
                rejected_unread_lines: counts.rejected_unread,
            },
            usage: UsageReport::default(),
            summary: Vec::new(),
            files: files(&ingested.sources),
            response_bytes: ingested.histograms.response_bytes().into(),
            block_nanos: ingested.histograms.block_nanos().into(),
            domains: ingested.domains.len(),
            registry_digest: String::new(),
            usage_digest: String::new(),
            retried: None,
            closed: Vec::new(),
            set_aside: Vec::new(),
            folded_hosts: Vec::new(),
            bills: Vec::new(),
            elapsed_millis: 0,
        })
    }
}

/// What a change is worth telling.
fn note(name: &str, change: &Change) -> Option<NotedReport> {
    let note = match change {
        Change::New | Change::Unchanged => return None,
        Change::Grown { from } => format!("lines from byte {from} on are new"),
        Change::Replaced { bytes_before } => {
            format!("counted anew; it stood for {bytes_before} B before")
        }
        Change::Next => "the next log of this name: what it held before counts on".to_owned(),
        Change::Duplicate { of } => format!("not counted again: it holds what {of} holds"),
        Change::DuplicateCounted { of } => format!("counted again: it holds what {of} holds"),
        Change::Salvaged { kept } => {
            format!("damaged; its first {kept} decompressed bytes count; fetch the file again")
        }
        Change::Recounted { bytes_before } => {
            format!("counted anew, as asked; it stood for {bytes_before} B before")
        }
        Change::Renamed { from } => format!("not counted again: it was {from}"),
    };
    Some(NotedReport {
        name: name.to_owned(),
        change: change.name(),
        note,
    })
}

/// That a source counts without a byte because none of its lines says how many it sent.
fn note_of_bytes(source: &SourceReport, change: &Change) -> Option<NotedReport> {
    let lines = Some(source.lines_without_bytes()).filter(|lines| *lines != 0)?;
    Some(NotedReport {
        name: source.name.clone(),
        change: change.name(),
        note: format!(
            "none of its {lines} metered lines says how many bytes it sent; they count as 0 B"
        ),
    })
}

fn named(names: &[&'static str], counts: &[u64]) -> BTreeMap<&'static str, u64> {
    names
        .iter()
        .copied()
        .zip(counts.iter().copied())
        .filter(|(_, count)| *count != 0)
        .collect()
}

fn files(sources: &[SourceReport]) -> FileReport {
    let mut report = FileReport {
        committed: 0,
        changes: BTreeMap::new(),
        noted: Vec::new(),
        salvaged: Vec::new(),
        refused: Vec::new(),
        repeated: 0,
        hidden: 0,
        left_out: 0,
        formats: BTreeMap::new(),
        bytes_in: BTreeMap::new(),
    };
    for source in sources {
        if let Outcome::Committed(change) | Outcome::Known(change) = &source.outcome {
            *report.changes.entry(change.name()).or_default() += 1;
            report.noted.extend(note(&source.name, change));
            report.noted.extend(note_of_bytes(source, change));
            let salvaged = source.kept_bytes.map(|kept_bytes| SalvagedReport {
                name: source.name.clone(),
                kept_bytes,
            });
            report.salvaged.extend(salvaged);
        }
        match &source.outcome {
            Outcome::Known(_) => {}
            Outcome::Committed(_) => {
                report.committed += 1;
                *report
                    .formats
                    .entry(source.format.unwrap_or("empty"))
                    .or_default() += 1;
                if let Some(bytes_in) = source.bytes_in {
                    *report.bytes_in.entry(bytes_in.name()).or_default() += 1;
                }
            }
            Outcome::Refused(refusal) => report.refused.push(RefusedReport {
                name: source.name.clone(),
                code: refusal.name(),
                reason: refusal.to_string(),
                lines: source.counts.lines,
            }),
        }
    }
    report
}
