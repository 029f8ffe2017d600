//! Rejected lines of a source: kept with their place, within a limit.

use std::sync::Arc;

use crate::record::{Layout, Reject, learn_headers};
use crate::units::Bytes;

/// Text of rejected lines that is kept of one source. Later rejects are counted, not kept.
pub const REJECTS_KEPT_BYTES_MAX: usize = 32 << 20;
/// What keeping a line costs beside its text.
pub(super) const REJECT_OVERHEAD_BYTES: usize = 96;

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
    /// Keeps a line, or counts it if the limit was reached: none is kept behind one that is not.
    pub fn keep(&mut self, line: RejectedLine) {
        let cost = line.text.len() + REJECT_OVERHEAD_BYTES;
        if self.not_kept != 0 || REJECTS_KEPT_BYTES_MAX < self.kept_bytes + cost {
            self.not_kept += 1;
        } else {
            self.kept_bytes += cost;
            self.lines.push(line);
        }
    }

    /// Takes all of another's lines.
    pub fn append(&mut self, other: Rejects) {
        other.lines.into_iter().for_each(|line| self.keep(line));
        self.not_kept += other.not_kept;
    }
}
