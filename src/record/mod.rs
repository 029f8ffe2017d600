//! What a log line says: one grammar and one fast path per format.
//!
//! Owns: the formats, their detection, and the fate of a line (metered, skipped, rejected).
//! Does not own: where lines come from, whether a host is a domain of ours, adding up.
//!
//! Every format has two parsers and one truth. `specify` is the grammar: readable, slow, right by
//! definition. `fast` answers only where it is certain and leaves every other line to the grammar,
//! so rejects are the grammar's by construction, and what `fast` accepts is held against the
//! grammar by property tests and fuzz targets. One limit is no format's own: a line that says more
//! than `Bytes::LINE_MAX` is rejected behind both parsers.
//!
//! In front of a line of any format may stand zeros, which are a line of their own ([`Skip::Hole`]), and
//! marks of UTF-8, which are passed over: logs get both when they are truncated or put together.
//!
//! Adding a format: a file with the grammar in its head, a type with [`LineFormat`], a variant of
//! [`Layout`], golden cases in `tests/golden`, and seed lines in `tests/property/agreement.rs`.

mod clock;
mod cloudflare;
mod cloudfront;
mod detect;
mod fate;
mod field;
mod grammar;
mod json;
mod layout;
mod looks;
mod returns;
mod template;
mod tencent;
mod w3c;

pub use clock::Clock;
pub use cloudflare::Cloudflare;
pub use cloudfront::CloudFront;
pub use detect::{Candidate, DetectError, detect, hold_against};
pub use fate::{Doubt, Fate, Record, Reject, Skip};
pub use layout::{
    FORMATS, FormatInfo, Judged, Layout, LayoutError, MeteredField, learn_headers, scan,
};
pub use looks::Looks;
pub use template::{AmbiguousTemplate, Template, TemplateError};
pub use tencent::{Tencent, TencentCdn, TencentLive};
pub use w3c::{Foreign, ForeignLog};

use crate::units::Bytes;

/// Lines by which a format is told, comments not among them.
pub const SAMPLE_LINES_MAX: usize = 64;

/// Whether the metered field counts response headers (FORMATS §16).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BytesIn {
    /// Headers and body.
    Total,
    /// The body only: a few hundred bytes less per response.
    Body,
    /// The one or the other: the format has a name for it that stands for both.
    Unknown,
}

impl BytesIn {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            BytesIn::Total => "total",
            BytesIn::Body => "body",
            BytesIn::Unknown => "unknown",
        }
    }
}

/// A log format: a grammar, and a fast path that agrees with it.
pub trait LineFormat {
    /// The name that `--format` takes.
    const NAME: &'static str;
    /// What the metered bytes count.
    const BYTES_IN: BytesIn;
    /// Whether a line may have anything behind the fields that are read of it, other records as well.
    const BEARS_MORE: bool = true;

    /// The fate of `line` by the grammar. `line` has no newline, is not blank, and may be any bytes.
    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a>;

    /// The fate of `line` if that is certain and quick; it then equals [`LineFormat::specify`]'s.
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>>;

    /// The bytes of a line that was rejected for another field, where they can still be read.
    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes>;

    /// Takes note of a header line that changes how later lines are read.
    fn learn(&mut self, _header: &[u8]) {}
}
