//! The tables of a run, for people.

use std::collections::BTreeMap;
use std::io::{self, Write};

use super::bill::print_bill;
use super::json::{RetriedReport, RunReport};
use crate::summary::{INDEX_RULE, SummaryRow};
use crate::units::{Bytes, Mbps, counted, shown};

/// Rows of the table; what is beyond is in the Parquet summary.
const ROWS_MAX: usize = 40;
/// Files of which something is told.
const NOTES_MAX: usize = 20;

/// Writes the table of months, the reconciliation and the histogram line.
///
/// Errors: those of `out`.
pub fn print_run(out: &mut impl Write, rows: &[SummaryRow], report: &RunReport) -> io::Result<()> {
    print_table(out, rows)?;
    for folded in &report.folded_hosts {
        writeln!(out, "hosts     {}", folded.text())?;
    }
    if !report.files.is_empty() {
        print_reconciliation(out, report)?;
    }
    print_histograms(out, report)?;
    report
        .bills
        .iter()
        .try_for_each(|bill| print_bill(out, bill))
}

fn print_table(out: &mut impl Write, rows: &[SummaryRow]) -> io::Result<()> {
    let width = rows
        .iter()
        .take(ROWS_MAX)
        .map(|row| row.domain.len())
        .max()
        .unwrap_or(0)
        .max(6);
    writeln!(
        out,
        "{:<7}  {:<width$}  {:<12}  {:<8}  {:>20}  {:>12}  {:>12}  {:>12}",
        "month", "domain", "class", "region", "GB", "requests", "peak Mbps", "p95 Mbps"
    )?;
    for row in rows.iter().take(ROWS_MAX) {
        writeln!(
            out,
            "{:<7}  {:<width$}  {:<12}  {:<8}  {:>20}  {:>12}  {:>12}  {:>12}",
            row.month.to_string(),
            row.domain,
            row.class.name(),
            row.region.name(),
            row.usage.bytes.to_gigabytes().to_string(),
            row.usage.requests,
            Mbps::from_slot_bytes(row.peak_slot_bytes).to_string(),
            Mbps::from_slot_bytes(row.p95.slot_bytes).to_string(),
        )?;
    }
    if let Some(more) = rows.len().checked_sub(ROWS_MAX).filter(|more| *more != 0) {
        writeln!(out, "… and {more} more in the Parquet summary")?;
    }
    writeln!(
        out,
        "p95 per row: {INDEX_RULE}; percentiles of domains do not add up\n"
    )
}

/// Writes what became of lines, bytes and files.
///
/// Errors: those of `out`.
pub fn print_reconciliation(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let (lines, bytes) = (&report.lines, &report.bytes);
    let skipped: u64 = lines.skipped.values().sum();
    let rejected: u64 = lines.rejected.values().sum();
    writeln!(
        out,
        "lines     {} read = {} metered + {skipped} skipped + {rejected} rejected",
        lines.read, lines.metered
    )?;
    for (title, counts) in [
        ("skipped", &lines.skipped),
        ("rejected", &lines.rejected),
        ("in doubt", &lines.doubts),
    ] {
        if !counts.is_empty() {
            writeln!(out, "          {title}: {}", listing(counts))?;
        }
    }
    if rejected != 0 {
        writeln!(
            out,
            "          at most {} B not metered on rejected lines, and what {} held",
            bytes.rejected_at_most,
            counted(bytes.rejected_unread_lines, "unreadable one")
        )?;
    }
    writeln!(
        out,
        "bytes     {} downstream ({} GB), {} B more went to no viewer",
        Bytes::new(bytes.metered),
        Bytes::new(bytes.metered).to_gigabytes(),
        bytes.not_viewer
    )?;
    print_files(out, report)?;
    let secs_tenths = report.elapsed_millis.max(1);
    // Shown only: megabytes per second are bytes per microsecond, so 1000 ms per second cancels.
    let megabytes_per_sec = bytes.decompressed / (secs_tenths * 1_000);
    writeln!(
        out,
        "time      {}.{:03} s, {}.{:03} GB/s of decompressed log text ({} B)",
        secs_tenths / 1_000,
        secs_tenths % 1_000,
        megabytes_per_sec / 1_000,
        megabytes_per_sec % 1_000,
        bytes.decompressed
    )
}

/// Writes what became of files.
fn print_files(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let files = &report.files;
    writeln!(
        out,
        "files     {} counted, {} refused{}",
        files.committed,
        files.refused.len(),
        in_brackets(&files.formats)
    )?;
    if files.changes.keys().any(|change| *change != "new") {
        writeln!(out, "          {}", listing(&files.changes))?;
    }
    for noted in files.noted.iter().take(NOTES_MAX) {
        writeln!(
            out,
            "          {} {}: {}",
            noted.change,
            shown(&noted.name),
            shown(&noted.note)
        )?;
    }
    if let Some(more) = files
        .noted
        .len()
        .checked_sub(NOTES_MAX)
        .filter(|more| *more != 0)
    {
        writeln!(out, "          … and {more} more, all of them with --json")?;
    }
    Ok(())
}

/// Writes what became of rejected lines that were read again.
///
/// Errors: those of `out`.
pub fn print_retried(out: &mut impl Write, retried: &RetriedReport) -> io::Result<()> {
    writeln!(
        out,
        "retried   {} metered ({}), {} skipped, of {}; {} rejected as before",
        counted(retried.metered, "line"),
        Bytes::new(retried.bytes),
        retried.skipped,
        counted(retried.contents, "content"),
        retried.rejected
    )?;
    if retried.not_tried != 0 {
        writeln!(
            out,
            "          {} not tried: of another format than --format, or without their layout",
            retried.not_tried
        )?;
    }
    if retried.not_kept != 0 {
        writeln!(
            out,
            "          {} cannot be: they are too long, or were counted and not kept",
            retried.not_kept
        )?;
    }
    Ok(())
}

fn print_histograms(out: &mut impl Write, report: &RunReport) -> io::Result<()> {
    let (sizes, blocks) = (report.response_bytes, report.block_nanos);
    writeln!(
        out,
        "response  p50 {}, p99 {}, max {}; block p50 {} us, p99 {} us, max {} us",
        human_bytes(sizes.p50),
        human_bytes(sizes.p99),
        human_bytes(sizes.max),
        blocks.p50 / 1_000,
        blocks.p99 / 1_000,
        blocks.max / 1_000
    )
}

/// Counts by name behind what they add up to; nothing where there are none.
fn in_brackets(counts: &BTreeMap<&'static str, u64>) -> String {
    match counts.is_empty() {
        true => String::new(),
        false => format!(" ({})", listing(counts)),
    }
}

fn listing(counts: &BTreeMap<&'static str, u64>) -> String {
    let entry = |(name, count): (&&str, &u64)| format!("{name} {count}");
    counts.iter().map(entry).collect::<Vec<_>>().join(", ")
}

/// A byte count with a decimal prefix and three figures at least: for reading, not for adding.
pub fn human_bytes(bytes: u64) -> String {
    const PREFIXES: [(u64, &str); 4] = [
        (1_000_000_000_000, "TB"),
        (1_000_000_000, "GB"),
        (1_000_000, "MB"),
        (1_000, "kB"),
    ];
    match PREFIXES.iter().find(|(unit, _)| *unit <= bytes) {
        Some((unit, name)) => format!("{}.{:02} {name}", bytes / unit, bytes % unit * 100 / unit),
        None => format!("{bytes} B"),
    }
}
