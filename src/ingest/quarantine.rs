//! Rejected lines written as NDJSON.

use std::fs::File;
use std::io::{self, Read, Write};
use std::path::Path;

use serde::Serialize;

use super::report::SourceReport;
use crate::units::{Bytes, hex};

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
