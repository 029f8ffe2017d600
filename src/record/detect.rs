//! Telling a source's format from its first lines: one answer, or a refusal with the candidates.
//!
//! Never by name, never line by line: a reader that falls back per line would accept a row of
//! another layout and meter the wrong column (FORMATS §15).

use std::fmt;
use std::sync::{Arc, LazyLock};

use memchr::{memchr_iter, memrchr};

use super::clock::Clock;
use super::cloudfront::{CloudFront, column_names};
use super::layout::{Layout, hole_len, text_of};
use super::looks::Looks;
use super::template::Template;
use super::w3c::{Foreign, ForeignLog};
use super::{SAMPLE_LINES_MAX, returns};
use crate::units::counted;

/// A format that could be it, with what speaks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// The name that `--format` takes, for `nginx` that of the preset.
    pub name: String,
    /// Lines that it reads.
    pub lines_read: usize,
}

fn first_lines(lines: usize) -> String {
    match lines {
        1 => "its only line".to_owned(),
        lines => format!("any of its first {lines} lines"),
    }
}

/// Why no format was certain.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DetectError {
    /// More than one format reads lines, or the best reads too few.
    #[error(
        "the format is not certain: of {}, {} reads; name it with --format",
        counted(*lines as u64, "line"),
        Listing(candidates)
    )]
    Uncertain {
        /// Lines that were judged.
        lines: usize,
        /// The formats that read any, best first.
        candidates: Vec<Candidate>,
    },
    /// It is no log, as far as can be seen.
    #[error("{0}")]
    NoLog(Looks),
    /// No format reads any line.
    #[error(
        "no known format reads {}; name it with --format, and an nginx or Apache template with --log-format",
        first_lines(*lines)
    )]
    Unknown {
        /// Lines that were judged.
        lines: usize,
    },
    /// Its records do not end with line feeds.
    #[error(
        "its records end with a carriage return alone, where lines end with a line feed; make line feeds of \
         them, as with tr '\\r' '\\n', and give it again"
    )]
    LoneReturns,
    /// The header names no column of downstream bytes.
    #[error("its #Fields header has no sc-bytes column, so it cannot be metered; log sc-bytes")]
    NoBytesColumn,
    /// The header is of another program's W3C log.
    #[error(transparent)]
    Foreign(#[from] ForeignLog),
    /// The header is CloudFront's, and the rows are not.
    #[error(
        "its #Fields header is CloudFront's, but its rows are not separated by TABs; give the file as \
         CloudFront wrote it"
    )]
    NoTabs,
}

struct Listing<'a>(&'a [Candidate]);

impl fmt::Display for Listing<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, candidate) in self.0.iter().enumerate() {
            let comma = if place == 0 { "" } else { ", " };
            write!(f, "{comma}{} {}", candidate.name, candidate.lines_read)?;
        }
        Ok(())
    }
}

/// The layout of a source that begins with `sample`; `None` where there is no line to judge.
///
/// Shape: `sample` is the start of the source, its last line may be cut and is then ignored
/// unless it is the only one.
/// Errors: [`DetectError`]. Certain means: one format reads at least half of the lines, and no
/// other reads any.
pub fn detect(sample: &[u8], is_whole: bool) -> Result<Option<Layout>, DetectError> {
    hold_text(sample)?;
    hold_line_feeds(sample, KNOWN.iter().map(|known| &known.probe))?;
    let lines = judged_lines(sample, is_whole);
    if let Some(layout) = by_header(sample)? {
        return Ok(Some(Layout::CloudFront(layout)));
    }
    let lines: Vec<_> = lines.into_iter().filter(|line| line[0] != b'#').collect();
    if lines.is_empty() {
        return Ok(None);
    }
    let mut readers: Vec<(usize, &Known)> = Vec::new();
    let mut clock = Clock::default();
    for known in KNOWN.iter() {
        let is_read = |line: &&&[u8]| known.probe.read(line, &mut clock).is_row();
        let count = lines.iter().filter(is_read).count();
        if count != 0 {
            readers.push((count, known));
        }
    }
    readers.sort_by_key(|(count, _)| std::cmp::Reverse(*count));
    match (&readers[..], Looks::of_lines(&lines)) {
        ([(count, known)], _) if lines.len() <= count * 2 => Ok(Some(known.layout.clone())),
        (_, Some(looks)) => Err(DetectError::NoLog(looks)),
        ([], None) => Err(DetectError::Unknown { lines: lines.len() }),
        (_, None) => Err(DetectError::Uncertain {
            lines: lines.len(),
            candidates: readers
                .into_iter()
                .map(|(lines_read, known)| Candidate {
                    name: known.name.clone(),
                    lines_read,
                })
                .collect(),
        }),
    }
}

/// Holds the format that was named for a source against its first lines.
///
/// Errors: [`DetectError`] where a header says that it is something else.
pub fn hold_against(layout: &Layout, sample: &[u8]) -> Result<(), DetectError> {
    hold_text(sample)?;
    hold_line_feeds(sample, std::iter::once(layout))?;
    match layout {
        Layout::CloudFront(_) => by_header(sample).map(drop),
        _ => Ok(()),
    }
}

/// Holds that a source is not text in an encoding that no format is written in.
fn hold_text(sample: &[u8]) -> Result<(), DetectError> {
    match Looks::of_bytes(sample) {
        Some(looks) => Err(DetectError::NoLog(looks)),
        None => Ok(()),
    }
}

/// Holds that the records of a source do not end with carriage returns alone, as far as one of `layouts`, or
/// its own header, tells.
fn hold_line_feeds<'a>(
    sample: &[u8],
    layouts: impl Iterator<Item = &'a Layout>,
) -> Result<(), DetectError> {
    let Some(mended) = returns::mended(sample) else {
        return Ok(());
    };
    let by_header = by_header(&mended).ok().flatten().map(Layout::CloudFront);
    let mut all: Vec<&Layout> = layouts.collect();
    all.extend(&by_header);
    let mut clock = Clock::default();
    let is_record = |piece: &[u8]| {
        let mut all = all.iter();
        all.any(|layout| layout.read(piece, &mut clock).is_row())
    };
    match returns::end_records(sample, is_record) {
        true => Err(DetectError::LoneReturns),
        false => Ok(()),
    }
}

/// The layout that the first `#Fields:` header in `sample` names, if there is one.
///
/// A header without its newline is none yet: who writes it is in the middle of it.
fn by_header(sample: &[u8]) -> Result<Option<CloudFront>, DetectError> {
    let len = memrchr(b'\n', sample).map_or(0, |newline| newline + 1);
    let lines = judged_lines(&sample[..len], true);
    let headers = lines.iter();
    let mut headers =
        headers.filter_map(|line| Some((column_names(line)?, CloudFront::from_header(line)?)));
    let Some((names, layout)) = headers.next() else {
        return Ok(None);
    };
    if let Some((foreign, column)) = Foreign::of_columns(&names) {
        return Err(ForeignLog::told(&lines, foreign, column).into());
    }
    if !layout.has_bytes() {
        return Err(DetectError::NoBytesColumn);
    }
    let row = lines.iter().find(|line| line[0] != b'#');
    match row.is_some_and(|row| !row.contains(&b'\t')) {
        true => Err(DetectError::NoTabs),
        false => Ok(Some(layout)),
    }
}

/// The first lines that are whole and not blank, without line ends and what may stand before them: of
/// comments all, of others up to [`SAMPLE_LINES_MAX`].
fn judged_lines(sample: &[u8], is_whole: bool) -> Vec<&[u8]> {
    let cut = memrchr(b'\n', sample).filter(|_| !is_whole);
    let text = &sample[..cut.unwrap_or(sample.len())];
    let ends = memchr_iter(b'\n', text).chain([text.len()]);
    let lines = ends.scan(0, |from, to| {
        let line = &text[*from..to];
        *from = to + 1;
        Some(text_of(&line[hole_len(line)..]))
    });
    let lines = lines.filter(|line| !line.is_empty());
    let mut rows = 0;
    let is_judged = |line: &&[u8]| {
        rows += usize::from(line[0] != b'#');
        rows <= SAMPLE_LINES_MAX
    };
    lines.take_while(is_judged).collect()
}

/// A layout that can be told from content.
struct Known {
    name: String,
    layout: Layout,
    /// What tells whether lines are of it: as `layout`, but stricter where that would bend to others.
    probe: Layout,
}

static KNOWN: LazyLock<Vec<Known>> = LazyLock::new(|| {
    let plain = ["tencent-cdn", "tencent-live", "cloudfront", "cloudflare"];
    let plain = plain.into_iter().map(|name| {
        let layout = Layout::by_name(name, None).expect("a format of our own");
        Known {
            name: name.to_owned(),
            probe: layout.clone(),
            layout,
        }
    });
    let presets = Template::PRESETS.iter().map(|(name, _)| {
        let template = Template::new(name).expect("a preset of our own");
        Known {
            name: (*name).to_owned(),
            probe: Layout::Nginx(Arc::new(template.of_plain_lines())),
            layout: Layout::Nginx(Arc::new(template)),
        }
    });
    plain.chain(presets).collect()
});
