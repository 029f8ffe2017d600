//! Half-open ranges of decompressed byte offsets.

use std::fmt;

/// The range `[from, to)` of decompressed byte offsets in a source.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// First offset inside.
    pub from: u64,
    /// First offset past the end; at least `from`.
    pub to: u64,
}

impl Span {
    /// The range `[from, to)`.
    ///
    /// Panics: where `to < from`, which is a bug of the caller.
    pub fn new(from: u64, to: u64) -> Self {
        assert!(from <= to, "a span ends at {to} before it starts at {from}");
        Span { from, to }
    }

    /// Length in bytes.
    pub const fn len(self) -> u64 {
        self.to - self.from
    }

    /// Whether the span holds nothing.
    pub const fn is_empty(self) -> bool {
        self.from == self.to
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}, {})", self.from, self.to)
    }
}
