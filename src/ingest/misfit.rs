//! Whether too many lines of a source were rejected for it to count, and what is said of it then.
//!
//! The rule: of the lines that are rows of the log (metered, of no viewer, or rejected; blank lines,
//! headers, comments and lines of another logger tell nothing of whether the format fits) at most the
//! part `--max-reject-ratio` may be rejected. [`REJECTS_FORGIVEN`] rejected lines never refuse a file, so
//! that a small one survives a bad line, unless the ratio is 0. A file of which no line was metered and
//! any was rejected is refused at any ratio: it would count as empty, for good.
//!
//! A file that has grown is judged by its new lines and by all of it: it is refused if both have too
//! many. So it does not matter in how many pieces it came, and lines that were let in before are not
//! held against new ones.

use std::fmt;

use rust_decimal::Decimal;

use crate::meter::Fates;
use crate::record::{DetectError, Layout, Reject, SAMPLE_LINES_MAX, detect};
use crate::scan::RejectedLine;
use crate::units::counted;

/// Rejected lines that never refuse a file that has metered ones.
pub const REJECTS_FORGIVEN: u64 = 1;
/// Bytes of a line that a message shows.
const EXCERPT_BYTES_MAX: usize = 100;

/// Whether rows break the limit by themselves.
fn is_over(rows: Fates, limit: Decimal) -> bool {
    let is_forgiven = rows.rejected <= REJECTS_FORGIVEN && !limit.is_zero();
    !is_forgiven && Decimal::from(rows.all()) * limit < Decimal::from(rows.rejected)
}

/// Whether a source with these `new` rows, which come after those of `before`, has too many rejects.
pub(super) fn is_refused(new: Fates, before: Fates, limit: Decimal) -> bool {
    let whole = new.with(before);
    let is_empty = whole.metered == 0;
    new.rejected != 0 && (is_empty || is_over(new, limit) && is_over(whole, limit))
}

/// What is said of a source with too many rejected lines.
#[derive(Clone, Debug)]
pub struct Misfit {
    rows: Fates,
    limit: Decimal,
    /// The format that it was read as.
    read_as: Option<String>,
    /// Number, or place where that is not known, of the first rejected line, why, and its beginning.
    first: Option<(String, Reject, String)>,
    /// Whether most of the rejected lines have no host.
    is_without_host: bool,
    /// The formats that read the rejected lines, and whether they need a domain.
    likely: Vec<(String, bool)>,
}

impl Misfit {
    /// What is to be said of `rejected` lines, by offset; `number` is that of the first.
    pub(super) fn new(
        (rows, limit): (Fates, Decimal),
        layout: Option<&Layout>,
        rejected: &[&RejectedLine],
        number: Option<u64>,
    ) -> Self {
        let first = rejected.first().map(|line| {
            let place = match number {
                Some(number) => format!("line {number}"),
                None => format!("the line at byte {}", line.offset),
            };
            (place, line.reason, excerpt(&line.text))
        });
        let without_host = rejected.iter().filter(|line| line.reason == Reject::NoHost);
        let read_as = layout.map(|layout| layout.given_name().to_owned());
        let mut likely = likely(rejected);
        likely.retain(|(name, _)| Some(name) != read_as.as_ref());
        Misfit {
            rows,
            limit,
            read_as,
            first,
            is_without_host: rejected.len() < 2 * without_host.count(),
            likely,
        }
    }

    /// What it has in common with those that are told in one line: why, and what to do.
    pub(super) fn kind(&self) -> String {
        let reason = self.first.as_ref().map(|(_, reason, _)| reason.sentence());
        let likely = self.likely.iter().map(|(name, _)| &name[..]);
        let what_to_do = (self.is_without_host, self.is_few());
        format!(
            "{:?} {reason:?} {what_to_do:?} {}",
            self.read_as,
            likely.collect::<Vec<_>>().join(" ")
        )
    }

    /// Whether lines may be lost: where most are, it is the format that is wrong, and not the limit.
    fn is_few(&self) -> bool {
        self.rows.metered != 0 && self.rows.rejected <= self.rows.all() / 2
    }
}

/// The formats that read the rejected lines.
fn likely(rejected: &[&RejectedLine]) -> Vec<(String, bool)> {
    let mut sample = Vec::new();
    for line in rejected.iter().take(SAMPLE_LINES_MAX) {
        sample.extend_from_slice(&line.text);
        sample.push(b'\n');
    }
    match detect(&sample, true) {
        Ok(Some(layout)) => vec![(layout.given_name().to_owned(), !layout.has_host())],
        Err(DetectError::Uncertain { candidates, .. }) => {
            let named = candidates
                .into_iter()
                .map(|candidate| (candidate.name, false));
            named.collect()
        }
        _ => Vec::new(),
    }
}

/// The beginning of a line, on one line.
fn excerpt(text: &[u8]) -> String {
    let cut = &text[..text.len().min(EXCERPT_BYTES_MAX)];
    let mut shown = String::new();
    for character in String::from_utf8_lossy(cut).chars() {
        match character.is_control() {
            true => shown.extend(character.escape_default()),
            false => shown.push(character),
        }
    }
    match cut.len() < text.len() {
        true => shown + " …",
        false => shown,
    }
}

impl fmt::Display for Misfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rejected, rows) = (self.rows.rejected, self.rows.all());
        let were = if rejected == 1 { "was" } else { "were" };
        write!(
            f,
            "{rejected} of its {} {were} rejected",
            counted(rows, "line")
        )?;
        match self.rows.metered {
            0 => write!(f, " and none was metered")?,
            _ => write!(f, ", more than the limit of {}", self.limit)?,
        }
        if let Some(name) = &self.read_as {
            write!(f, "; it was read as {name}")?;
        }
        if let Some((place, reason, text)) = &self.first {
            write!(f, "; {place} is the first: {}: `{text}`", reason.sentence())?;
        }
        f.write_str("; ")?;
        match &self.likely[..] {
            [(name, needs_domain)] => {
                let domain = if *needs_domain { " --domain NAME" } else { "" };
                write!(
                    f,
                    "they look like {name}: name it with --format {name}{domain}"
                )?;
            }
            [] if self.is_without_host => {
                f.write_str("say whose traffic it is with --domain NAME")?
            }
            [] => f.write_str("mend the file, or name its format with --format or --log-format")?,
            several => {
                let names: Vec<&str> = several.iter().map(|(name, _)| &name[..]).collect();
                write!(
                    f,
                    "they may be {}: name it with --format",
                    names.join(" or ")
                )?;
            }
        }
        match self.is_few() {
            true => f.write_str(", or raise --max-reject-ratio if these lines may be lost"),
            false => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rows(metered: u64, rejected: u64) -> Fates {
        Fates {
            metered,
            rejected,
            not_viewer: 0,
        }
    }

    #[track_caller]
    fn check(new: Fates, before: Fates, limit: &str, expected: bool) {
        let limit = limit.parse().expect("a ratio");
        assert_eq!(
            is_refused(new, before, limit),
            expected,
            "{new:?} {before:?}"
        );
    }

    #[test]
    fn a8_one_bad_line_refuses_no_small_file_and_the_ratio_a_larger_one() {
        let none = Fates::default();
        check(rows(3, 1), none, "0.01", false);
        check(rows(3, 1), none, "0", true);
        check(rows(3, 0), none, "0", false);
        check(rows(98, 2), none, "0.01", true);
        check(rows(198, 2), none, "0.01", false);
        check(rows(1, 1_000), none, "1", false);
    }

    #[test]
    fn a8_what_would_count_as_empty_is_refused_at_any_ratio() {
        let none = Fates::default();
        check(rows(0, 1), none, "1", true);
        check(rows(0, 4), none, "0.01", true);
        check(none, none, "0.01", false);
        check(rows(0, 1), rows(10, 0), "0.01", false);
        check(rows(0, 1), rows(0, 0), "0.01", true);
        let no_viewer = Fates {
            not_viewer: 9,
            ..none
        };
        check(no_viewer, none, "0.01", false);
    }

    #[test]
    fn a8_it_does_not_matter_in_how_many_pieces_a_file_came() {
        check(rows(10, 3), rows(990, 0), "0.01", false);
        check(rows(1_000, 3), rows(10, 9), "0.01", false);
        check(rows(10, 3), rows(10, 9), "0.01", true);
    }
}
