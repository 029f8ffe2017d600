//! What a delivery changed: the words of reports and of the ledger's history.

/// What the history calls a content of which the archive was damaged; its length is what was kept.
pub(super) const SALVAGED: &str = "salvaged";

/// What the history calls a content that was counted anew.
pub(super) const RECOUNTED: &str = "recounted";

/// What the history calls a content that was taken out on request.
pub(super) const FORGOTTEN: &str = "forgotten";

/// What a delivery changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The content is new, and so is the name.
    New,
    /// Lines came after those that were counted.
    Grown {
        /// Where they start.
        from: u64,
    },
    /// The name held another content, which does not count any more unless another name holds it.
    Replaced {
        /// Downstream bytes of that content.
        bytes_before: u64,
    },
    /// The name held another log, which counts on: this one is the next.
    Next,
    /// The name holds this content already.
    Unchanged,
    /// Another name holds this content: it counts once.
    Duplicate {
        /// The other name.
        of: String,
    },
    /// Another name holds this content, and it was asked for to count it again.
    DuplicateCounted {
        /// The other name.
        of: String,
    },
    /// The archive is damaged: what is new of its lines before the damage counts.
    Salvaged {
        /// Decompressed bytes up to the last whole line before it.
        kept: u64,
    },
    /// The content was counted anew, on request.
    Recounted {
        /// Downstream bytes that it stood for before.
        bytes_before: u64,
    },
    /// A name that is gone held this content: it counts on under the new name.
    Renamed {
        /// The old name.
        from: String,
    },
}

impl Change {
    /// The stable name in reports and in the ledger.
    pub const fn name(&self) -> &'static str {
        match self {
            Change::New => "new",
            Change::Grown { .. } => "grown",
            Change::Replaced { .. } => "replaced",
            Change::Next => "next",
            Change::Unchanged => "unchanged",
            Change::Duplicate { .. } => "duplicate",
            Change::Renamed { .. } => "renamed",
            Change::DuplicateCounted { .. } => "duplicate-counted",
            Change::Salvaged { .. } => SALVAGED,
            Change::Recounted { .. } => RECOUNTED,
        }
    }
}
