//! Which format a source has, and the loop over its lines.

use std::fmt;
use std::sync::Arc;

use memchr::{memchr, memchr_iter, memmem, memrchr};

use super::clock::Clock;
use super::cloudflare::{Cloudflare, METERED_NAME};
use super::cloudfront::CloudFront;
use super::fate::{Fate, Record, Reject, Skip};
use super::field::without_return;
use super::template::{Template, TemplateError};
use super::tencent::{TencentCdn, TencentLive};
use super::{BytesIn, LineFormat, returns};
use crate::units::Bytes;

/// The three bytes that some programs put before UTF-8 text; passed over in front of any line, because
/// files that begin with them are put together.
pub(super) const UTF8_BOM: &[u8] = b"\xef\xbb\xbf";

/// The format of a source, with what its headers and settings say.
#[derive(Clone, Debug)]
pub enum Layout {
    /// Tencent Cloud CDN offline log.
    TencentCdn(TencentCdn),
    /// Tencent Cloud Live playback log.
    TencentLive(TencentLive),
    /// AWS CloudFront standard log.
    CloudFront(CloudFront),
    /// Cloudflare Logpush HTTP requests.
    Cloudflare(Cloudflare),
    /// nginx, Apache and kin, by a template.
    Nginx(Arc<Template>),
}

/// One line of `cdn-meter formats`.
#[derive(Clone, Copy, Debug)]
pub struct FormatInfo {
    /// The name that `--format` takes.
    pub name: &'static str,
    /// What it is.
    pub title: &'static str,
    /// The field that is metered.
    pub meter: &'static str,
    /// Whether headers are in it.
    pub bytes_in: &'static str,
}

/// Every format that is read.
pub const FORMATS: [FormatInfo; 5] = [
    FormatInfo {
        name: "tencent-cdn",
        title: "Tencent Cloud CDN offline log",
        meter: "field 5",
        bytes_in: "total",
    },
    FormatInfo {
        name: "tencent-live",
        title: "Tencent Cloud Live playback log",
        meter: "field 5",
        bytes_in: "total",
    },
    FormatInfo {
        name: "cloudfront",
        title: "AWS CloudFront standard log (W3C)",
        meter: "sc-bytes",
        bytes_in: "total",
    },
    FormatInfo {
        name: "cloudflare",
        title: "Cloudflare Logpush HTTP requests (NDJSON)",
        meter: METERED_NAME,
        bytes_in: "total",
    },
    FormatInfo {
        name: "nginx",
        title: "nginx or Apache access log, by --log-format",
        meter: "$bytes_sent or %O, else $body_bytes_sent, %b or %B",
        bytes_in: "by field",
    },
];

/// A field that lines may lack although it is what is metered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MeteredField {
    /// Its name.
    pub name: &'static str,
    /// Names of other fields that look like it.
    pub similar: Vec<String>,
}

/// Why a format name and a template name no layout.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LayoutError {
    /// There is no such format.
    #[error("there is no format `{name}`; `cdn-meter formats` lists them")]
    Unknown {
        /// What was asked for.
        name: String,
    },
    /// It is no `log_format` but the name of a format.
    #[error("`{name}` is the name of a format and no log format; give it with --format {name}")]
    FormatName {
        /// What was given.
        name: &'static str,
    },
    /// The template is wrong.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Layout {
    /// The layout of a format by name; `template` is the `log_format` of `nginx`, by default the
    /// preset `combined`. The name of a preset is the name of a format, too.
    ///
    /// Errors: [`LayoutError`].
    pub fn by_name(name: &str, template: Option<&str>) -> Result<Self, LayoutError> {
        Ok(match name {
            "tencent-cdn" => Layout::TencentCdn(TencentCdn::default()),
            "tencent-live" => Layout::TencentLive(TencentLive::default()),
            "cloudfront" => Layout::CloudFront(CloudFront::default()),
            "cloudflare" => Layout::Cloudflare(Cloudflare),
            "nginx" => Layout::of_template(template.unwrap_or("combined"))?,
            name if is_preset(name) => Layout::of_template(name)?,
            _ => {
                return Err(LayoutError::Unknown {
                    name: name.to_owned(),
                });
            }
        })
    }

    /// The layout of a `log_format`, or of the name of a preset.
    ///
    /// Errors: [`LayoutError`].
    pub fn of_template(text: &str) -> Result<Self, LayoutError> {
        let named = FORMATS.iter().find(|format| format.name == text.trim());
        match named {
            Some(format) => Err(LayoutError::FormatName { name: format.name }),
            None => Ok(Layout::Nginx(Arc::new(Template::new(text)?))),
        }
    }

    /// What beside its name tells this layout from others of its format, as text: the `log_format` of
    /// `nginx`, the columns of `cloudfront`; `None` where the name says all.
    pub fn notation(&self) -> Option<String> {
        match self {
            Layout::CloudFront(format) => Some(format.to_header()),
            Layout::Nginx(template) => Some(template.text().to_owned()),
            Layout::TencentCdn(_) | Layout::TencentLive(_) | Layout::Cloudflare(_) => None,
        }
    }

    /// The layout with this name and [`Layout::notation`]; `None` where they name none.
    pub fn by_notation(name: &str, notation: Option<&str>) -> Option<Self> {
        match (name, notation) {
            ("cloudfront", notation) => {
                let header = notation?.as_bytes();
                CloudFront::from_header(header)?;
                let mut format = CloudFront::default();
                format.learn(header);
                Some(Layout::CloudFront(format))
            }
            ("nginx", notation) => Layout::by_name(name, Some(notation?)).ok(),
            (name, _) => Layout::by_name(name, None).ok(),
        }
    }

    /// The format's name.
    pub fn name(&self) -> &'static str {
        match self {
            Layout::TencentCdn(_) => TencentCdn::NAME,
            Layout::TencentLive(_) => TencentLive::NAME,
            Layout::CloudFront(_) => CloudFront::NAME,
            Layout::Cloudflare(_) => Cloudflare::NAME,
            Layout::Nginx(_) => Template::NAME,
        }
    }

    /// The name that `--format` takes for this layout, as far as one does: of `nginx`, that of a preset.
    pub fn given_name(&self) -> &'static str {
        let Layout::Nginx(template) = self else {
            return self.name();
        };
        let mut presets = Template::PRESETS.iter();
        let preset = presets.find(|preset| [preset.0, preset.1].contains(&template.text()));
        preset.map_or(Template::NAME, |(name, _)| name)
    }

    /// Whether the metered field counts headers.
    pub fn bytes_in(&self) -> BytesIn {
        match self {
            Layout::TencentCdn(_) => TencentCdn::BYTES_IN,
            Layout::TencentLive(_) => TencentLive::BYTES_IN,
            Layout::CloudFront(_) => CloudFront::BYTES_IN,
            Layout::Cloudflare(_) => Cloudflare::BYTES_IN,
            Layout::Nginx(template) => template.bytes_in(),
        }
    }

    /// Whether lines name their domain.
    pub fn has_host(&self) -> bool {
        match self {
            Layout::Nginx(template) => template.has_host(),
            Layout::CloudFront(format) => format.has_host(),
            _ => true,
        }
    }

    /// Whether lines of some layouts of this format name no domain.
    pub fn may_lack_host(name: &str) -> bool {
        matches!(name, CloudFront::NAME | Template::NAME)
    }

    /// Whether header lines change how later lines are read, so that order matters.
    pub fn has_headers(&self) -> bool {
        matches!(self, Layout::CloudFront(_))
    }

    /// The field that is metered, where lines may lack it, and names in `sample`, the first lines, that
    /// look like it.
    pub fn metered_field(&self, sample: &[u8]) -> Option<MeteredField> {
        match self {
            Layout::Cloudflare(_) => Some(MeteredField {
                name: METERED_NAME,
                similar: Cloudflare::similar_names(sample),
            }),
            _ => None,
        }
    }

    /// Whether both read every line alike: false where headers have moved the columns.
    pub fn reads_like(&self, other: &Layout) -> bool {
        match (self, other) {
            (Layout::CloudFront(a), Layout::CloudFront(b)) => a == b,
            _ => std::mem::discriminant(self) == std::mem::discriminant(other),
        }
    }

    /// The fate of one line (without its newline, and the hole in front of it) by the grammar.
    pub fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        match self {
            Layout::TencentCdn(format) => judge_by_grammar(format, line),
            Layout::TencentLive(format) => judge_by_grammar(format, line),
            Layout::CloudFront(format) => judge_by_grammar(format, line),
            Layout::Cloudflare(format) => judge_by_grammar(format, line),
            Layout::Nginx(template) => judge_by_grammar(&**template, line),
        }
    }

    /// What one line says if it is of this format, without the limit of its bytes; fast where that is
    /// certain.
    pub(super) fn read<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Fate<'a> {
        match self {
            Layout::TencentCdn(format) => read(format, line, clock),
            Layout::TencentLive(format) => read(format, line, clock),
            Layout::CloudFront(format) => read(format, line, clock),
            Layout::Cloudflare(format) => read(format, line, clock),
            Layout::Nginx(template) => read(&**template, line, clock),
        }
    }

    /// The bytes of a rejected line, where they can still be read: a bound on what was lost.
    pub fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let line = text_of(line);
        match self {
            Layout::TencentCdn(format) => format.bytes_at_most(line),
            Layout::TencentLive(format) => format.bytes_at_most(line),
            Layout::CloudFront(format) => format.bytes_at_most(line),
            Layout::Cloudflare(format) => format.bytes_at_most(line),
            Layout::Nginx(template) => template.bytes_at_most(line),
        }
    }
}

fn is_preset(name: &str) -> bool {
    Template::PRESETS.iter().any(|(preset, _)| *preset == name)
}

impl fmt::Display for Layout {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// One line and its fate.
#[derive(Clone, Copy, Debug)]
pub struct Judged<'a> {
    /// The line as it stands, without its newline.
    pub line: &'a [u8],
    /// Offset of its first byte in the block.
    pub at: usize,
    /// What becomes of it.
    pub fate: Fate<'a>,
    /// Of a rejected line: its bytes, where they can still be read.
    pub bytes_at_most: Option<Bytes>,
}

/// Hands every line of `block` with its fate to `each`, in order, and learns from headers.
///
/// Zeros in front of a line are handed out before it, as a line of their own ([`Skip::Hole`]); where
/// nothing stands behind them at the end of `block`, that is all.
///
/// Shape: `block` holds whole lines; the last may lack its newline.
#[inline]
pub fn scan(layout: &mut Layout, block: &[u8], clock: &mut Clock, each: impl FnMut(Judged<'_>)) {
    match layout {
        Layout::TencentCdn(format) => scan_format(format, block, clock, each),
        Layout::TencentLive(format) => scan_format(format, block, clock, each),
        Layout::CloudFront(format) => scan_format(format, block, clock, each),
        Layout::Cloudflare(format) => scan_format(format, block, clock, each),
        Layout::Nginx(template) => {
            let mut format: &Template = template;
            scan_format(&mut format, block, clock, each);
        }
    }
}

fn scan_format<F: LineFormat>(
    format: &mut F,
    block: &[u8],
    clock: &mut Clock,
    mut each: impl FnMut(Judged<'_>),
) {
    let mut from = 0;
    for to in memchr_iter(b'\n', block) {
        from += scan_hole(&block[from..to], from, &mut each);
        scan_line(format, &block[from..to], from, clock, &mut each);
        from = to + 1;
    }
    from += scan_hole(&block[from..], from, &mut each);
    if from < block.len() {
        scan_line(format, &block[from..], from, clock, &mut each);
    }
}

/// Hands out the hole in front of `line`, if there is one, and tells how long it is.
#[inline(always)]
fn scan_hole(line: &[u8], at: usize, each: &mut impl FnMut(Judged<'_>)) -> usize {
    match line.first() {
        Some(0) => hand_out_hole(line, at, each),
        _ => 0,
    }
}

/// Out of the loop, which is hot.
#[cold]
#[inline(never)]
fn hand_out_hole(line: &[u8], at: usize, each: &mut impl FnMut(Judged<'_>)) -> usize {
    let len = hole_len(line);
    each(Judged {
        line: &line[..len],
        at,
        fate: Fate::Skipped(Skip::Hole),
        bytes_at_most: None,
    });
    len
}

/// How many zeros stand in front of a line.
pub(super) fn hole_len(line: &[u8]) -> usize {
    let text = line.iter().position(|&byte| byte != 0);
    text.unwrap_or(line.len())
}

#[inline(always)]
fn scan_line<F: LineFormat>(
    format: &mut F,
    line: &[u8],
    at: usize,
    clock: &mut Clock,
    each: &mut impl FnMut(Judged<'_>),
) {
    let fate = judge(format, line, clock);
    let bytes_at_most = match fate {
        Fate::Rejected(_) => format.bytes_at_most(text_of(line)),
        _ => None,
    };
    each(Judged {
        line,
        at,
        fate,
        bytes_at_most,
    });
    if let Fate::Skipped(Skip::Header) = fate {
        format.learn(text_of(line));
    }
}

/// Learns from the headers in `block` without reading its rows.
pub fn learn_headers(layout: &mut Layout, block: &[u8]) {
    let Layout::CloudFront(format) = layout else {
        return;
    };
    let mut rest = block;
    while let Some(at) = memmem::find(rest, b"#Fields:") {
        let from = memrchr(b'\n', &rest[..at]).map_or(0, |newline| newline + 1);
        let to = memchr(b'\n', &rest[at..]).map_or(rest.len(), |newline| at + newline);
        let line = &rest[from..to];
        // In the middle of a line they are no header, and nothing is learned from it.
        format.learn(text_of(&line[hole_len(line)..]));
        rest = &rest[to..];
    }
}

/// A line without the marks before its text, and without the `\r` behind it.
#[inline(always)]
pub(super) fn text_of(line: &[u8]) -> &[u8] {
    without_return(match line.first() == UTF8_BOM.first() {
        true => behind_marks(line),
        false => line,
    })
}

/// Out of the loop, which is hot.
#[cold]
#[inline(never)]
fn behind_marks(mut line: &[u8]) -> &[u8] {
    while let Some(text) = line.strip_prefix(UTF8_BOM) {
        line = text;
    }
    line
}

/// The fate of one line.
#[inline(always)]
fn judge<'a, F: LineFormat>(format: &F, line: &'a [u8], clock: &mut Clock) -> Fate<'a> {
    let fate = within_limit(read(format, line, clock));
    match line.len() < returns::LINE_BYTES_MIN {
        true => fate,
        false => returns::hold_one_record(format, line, fate),
    }
}

/// The same by the grammar.
fn judge_by_grammar<'a, F: LineFormat>(format: &F, line: &'a [u8]) -> Fate<'a> {
    let fate = within_limit(specify(format, line));
    match line.len() < returns::LINE_BYTES_MIN {
        true => fate,
        false => returns::hold_one_record(format, line, fate),
    }
}

/// What one line says: fast where that is certain, by the grammar otherwise.
#[inline(always)]
fn read<'a, F: LineFormat>(format: &F, line: &'a [u8], clock: &mut Clock) -> Fate<'a> {
    let text = text_of(line);
    match format.fast(text, clock) {
        Some(fate) => fate,
        None => specify(format, line),
    }
}

/// Rejects a line that says more bytes than a line can: the one place for every format and both
/// parsers. What it says stays its bound.
#[inline(always)]
fn within_limit(fate: Fate<'_>) -> Fate<'_> {
    let (Fate::Metered(Record { bytes, .. }) | Fate::Skipped(Skip::NotViewer(bytes))) = fate else {
        return fate;
    };
    match bytes <= Bytes::LINE_MAX {
        true => fate,
        false => Fate::Rejected(Reject::TooManyBytes),
    }
}

#[cold]
fn specify<'a, F: LineFormat>(format: &F, line: &'a [u8]) -> Fate<'a> {
    let text = text_of(line);
    match text {
        [] => Fate::Skipped(Skip::Blank),
        _ => format.specify(text),
    }
}

impl<F: LineFormat> LineFormat for &F {
    const NAME: &'static str = F::NAME;
    const BYTES_IN: BytesIn = F::BYTES_IN;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        (**self).specify(line)
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        (**self).fast(line, clock)
    }

    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        (**self).bytes_at_most(line)
    }
}
