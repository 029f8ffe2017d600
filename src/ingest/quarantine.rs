//! Rejected lines: kept with their place, within a limit, and written as NDJSON.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::Serialize;

use super::report::SourceReport;
use crate::record::{Layout, Reject, learn_headers};
use crate::units::{Bytes, hex};

/// Text of rejected lines that is kept of one source. Later rejects are counted, not kept.
pub const REJECTS_KEPT_BYTES_MAX: usize = 32 << 20;
/// What keeping a line costs beside its text.
const REJECT_OVERHEAD_BYTES: usize = 96;

/// A rejected line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RejectedLine {
    /// Offset of its first byte in the decompressed source.
    pub offset: u64,
    /// Its number, from 1. Until its source is settled: from 0 within the run of lines that
    /// starts at `run_from`.
    pub line: u64,
    /// Offset at which the contiguous run of lines starts that its worker read.
    pub run_from: u64,
    /// Why.
    pub reason: Reject,
    /// Its bytes, where they can still be read.
    pub bytes_at_most: Option<Bytes>,
    /// What beside the name of its format tells how it was read.
    pub layout: Option<Arc<str>>,
    /// Its text, without newline; of an overlong line the beginning.
    pub text: Box<[u8]>,
}

/// The layout that lines are read by as headers move it, as text: made where a line is rejected.
pub(super) struct Notation {
    layout: Layout,
    text: Option<Option<Arc<str>>>,
}

impl Notation {
    pub(super) fn of(layout: &Layout) -> Self {
        Notation {
            layout: layout.clone(),
            text: None,
        }
    }

    /// Takes note of a header line.
    pub(super) fn learn(&mut self, header: &[u8]) {
        learn_headers(&mut self.layout, header);
        self.text = None;
    }

    pub(super) fn text(&mut self) -> Option<Arc<str>> {
        let text = || self.layout.notation().map(Arc::from);
        self.text.get_or_insert_with(text).clone()
    }
}

/// The rejected lines of a source, as far as they are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rejects {
    /// Kept lines, by offset once the source is settled.
    pub lines: Vec<RejectedLine>,
    /// Lines beyond the limit.
    pub not_kept: u64,
    kept_bytes: usize,
}

impl Rejects {
    /// Keeps a line, or counts it if the limit is reached.
    pub fn keep(&mut self, line: RejectedLine) {
        let cost = line.text.len() + REJECT_OVERHEAD_BYTES;
        if REJECTS_KEPT_BYTES_MAX < self.kept_bytes + cost {
            self.not_kept += 1;
        } else {
            self.kept_bytes += cost;
            self.lines.push(line);
        }
    }

    /// Takes all of another's lines.
    pub fn append(&mut self, other: Rejects) {
        self.not_kept += other.not_kept;
        other.lines.into_iter().for_each(|line| self.keep(line));
    }
}

/// What a quarantine file begins with, and no log.
const MARK: [u8; 11] = *b"{\"source\":\"";

/// One line of the quarantine file. `ingest/retry.rs` reads it back; members are only ever added.
#[derive(Serialize)]
struct Row<'a> {
    source: &'a str,
    line: u64,
    offset: u64,
    reason: &'static str,
    bytes_at_most: Option<u64>,
    /// What beside the name of its format tells how it was read, where that is needed.
    #[serde(skip_serializing_if = "Option::is_none")]
    layout: Option<&'a str>,
    /// The line as text; bytes that are not UTF-8 are replaced …
    raw: &'a str,
    /// … and then the exact bytes stand here in hexadecimal.
    #[serde(skip_serializing_if = "Option::is_none")]
    raw_hex: Option<String>,
}

/// Whether the file at `path` holds rejected lines, as [`Quarantine`] writes them.
pub fn is_quarantine(path: &Path) -> bool {
    let is_ndjson = path
        .extension()
        .is_some_and(|extension| extension == "ndjson");
    let begins = || {
        let mut start = [0; MARK.len()];
        let mut file = File::open(path)?;
        file.read_exact(&mut start)?;
        Ok::<_, io::Error>(start == MARK)
    };
    is_ndjson && begins().unwrap_or(false)
}

/// Writes rejected lines as NDJSON.
#[derive(Debug)]
pub struct Quarantine<W> {
    out: W,
}

impl<W: Write> Quarantine<W> {
    /// Writes to `out`.
    pub fn new(out: W) -> Self {
        Quarantine { out }
    }

    /// Writes the kept lines of a source.
    ///
    /// Errors: those of the output.
    pub fn write(&mut self, source: &SourceReport) -> io::Result<()> {
        for rejected in &source.rejects.lines {
            let raw = String::from_utf8_lossy(&rejected.text);
            let is_exact = matches!(raw, std::borrow::Cow::Borrowed(_));
            let row = Row {
                source: &source.name,
                line: rejected.line,
                offset: rejected.offset,
                reason: rejected.reason.name(),
                bytes_at_most: rejected.bytes_at_most.map(Bytes::as_u64),
                layout: rejected.layout.as_deref(),
                raw: &raw,
                raw_hex: (!is_exact).then(|| hex(&rejected.text)),
            };
            serde_json::to_writer(&mut self.out, &row)?;
            self.out.write_all(b"\n")?;
        }
        Ok(())
    }

    /// The output, for lines that were written before.
    pub fn out(&mut self) -> &mut W {
        &mut self.out
    }

    /// Hands the output back.
    pub fn into_inner(self) -> W {
        self.out
    }
}
