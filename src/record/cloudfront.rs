//! AWS CloudFront standard log (`cloudfront`): W3C extended format, TAB separated.
//!
//! ```text
//! header = "#" anything           "#Fields:" names the columns from here on, in any order
//! row    = column *( TAB column ) at least up to the last column that is needed
//! date   = YYYY-MM-DD             time   = hh:mm:ss, both UTC: when the edge finished responding
//! bytes  = digits | "-"           status = 3 digits | "-"
//! ```
//!
//! Needed columns: `date`, `time`, `sc-bytes`, `sc-status`, and `x-host-header`, the viewer's
//! host; only where a file has no such column does `cs(Host)`, the distribution's own name, stand
//! in. A file without `#Fields` is read by the documented order of columns. Rows below a header of
//! another program ([`super::w3c`]) are rejected: their `sc-bytes` is something else.
//!
//! Source: FORMATS §6a (standard-logs-reference), read 2026-11.

use memchr::memchr_iter;
use nom::Parser;
use nom::combinator::all_consuming;

use super::clock::Clock;
use super::fate::{Fate, Record, Reject, Skip};
use super::field::{digits, three_digits};
use super::grammar::{bytes, colon_time, dashed_date, instant, status};
use super::w3c::Foreign;
use super::{BytesIn, LineFormat};
use crate::units::{Bytes, Region};

/// Columns of a row that are looked at; a `#Fields` line names more in vain.
const COLUMNS_MAX: usize = 128;

/// Where the needed columns stand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CloudFront {
    date: Option<u8>,
    time: Option<u8>,
    bytes: Option<u8>,
    status: Option<u8>,
    host: Option<u8>,
    /// Why the columns are not CloudFront's, if they are not.
    foreign: Option<Foreign>,
}

impl Default for CloudFront {
    /// The documented order: date, time, location, bytes, …, status 9th, host header 16th.
    fn default() -> Self {
        CloudFront {
            date: Some(0),
            time: Some(1),
            bytes: Some(3),
            status: Some(8),
            host: Some(15),
            foreign: None,
        }
    }
}

impl CloudFront {
    /// The layout that a `#Fields:` line names, or `None` for any other line.
    pub fn from_header(line: &[u8]) -> Option<Self> {
        let names = column_names(line)?;
        let place = |wanted: &str| {
            let at = names
                .iter()
                .take(COLUMNS_MAX)
                .position(|name| name.eq_ignore_ascii_case(wanted.as_bytes()))?;
            u8::try_from(at).ok()
        };
        Some(CloudFront {
            date: place("date"),
            time: place("time"),
            bytes: place("sc-bytes"),
            status: place("sc-status"),
            host: place("x-host-header").or_else(|| place("cs(Host)")),
            foreign: Foreign::of_columns(&names).map(|(foreign, _)| foreign),
        })
    }

    /// A `#Fields:` line that names this layout: columns that are not looked at are called `-`.
    pub fn to_header(&self) -> String {
        let (host, marker) = match (self.foreign, self.host) {
            (Some(foreign), _) => ("cs(Host)", foreign.marker()),
            (None, Some(_)) => ("x-host-header", None),
            (None, None) => ("x-host-header", Some("x-edge-location")),
        };
        let columns = [
            (self.date, "date"),
            (self.time, "time"),
            (self.bytes, "sc-bytes"),
            (self.status, "sc-status"),
            (self.host, host),
        ];
        let last = columns.iter().filter_map(|(at, _)| *at).max();
        let mut header = "#Fields:".to_owned();
        for place in 0..last.map_or(0, |last| u32::from(last) + 1) {
            let named = columns
                .iter()
                .find(|(at, _)| at.map(u32::from) == Some(place));
            header.push(' ');
            header.push_str(named.map_or("-", |(_, name)| name));
        }
        if let Some(marker) = marker {
            header.push(' ');
            header.push_str(marker);
        }
        header
    }

    /// Whether rows of this layout can be metered at all.
    pub fn has_bytes(&self) -> bool {
        self.bytes.is_some()
    }

    /// Whether rows of this layout name their domain.
    pub fn has_host(&self) -> bool {
        self.host.is_some()
    }

    fn grammar<'a>(&self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        if self.foreign.is_some() {
            return Err(Reject::OtherColumns);
        }
        let bytes_at = self.bytes.ok_or(Reject::NoBytesColumn)?;
        let column = |at: Option<u8>| match at {
            None => Ok(&b"-"[..]),
            Some(at) => line
                .split(|&byte| byte == b'\t')
                .nth(usize::from(at))
                .ok_or(Reject::Fields),
        };
        let (date, time, host) = (column(self.date)?, column(self.time)?, column(self.host)?);
        let (sent, code) = (column(Some(bytes_at))?, column(self.status)?);
        let whole = |parsed: Result<(_, [u32; 3]), _>| parsed.map(|(_, value)| value);
        let date = whole(all_consuming(dashed_date).parse(date)).map_err(|_| Reject::Time)?;
        let time = whole(all_consuming(colon_time).parse(time)).map_err(|_| Reject::Time)?;
        let time = instant(date, time, 0)?;
        let (bytes, doubt) = bytes(sent)?;
        let status = status(code, 3)?;
        Ok(Record {
            time,
            host,
            bytes,
            status,
            region: Region::Unknown,
            doubt,
        })
    }
}

/// The names that a `#Fields:` line gives its columns; `None` for any other line.
pub(super) fn column_names(line: &[u8]) -> Option<Vec<&[u8]>> {
    let names = line.strip_prefix(b"#Fields:")?;
    let names = names.split(|byte| byte.is_ascii_whitespace());
    Some(names.filter(|name| !name.is_empty()).collect())
}

impl LineFormat for CloudFront {
    const NAME: &'static str = "cloudfront";
    const BYTES_IN: BytesIn = BytesIn::Total;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        if line.first() == Some(&b'#') {
            return Fate::Skipped(Skip::Header);
        }
        match self.grammar(line) {
            Ok(record) => Fate::Metered(record),
            Err(reason) => Fate::Rejected(reason),
        }
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        let (date_at, time_at) = (self.date?, self.time?);
        let (bytes_at, status_at, host_at) = (self.bytes?, self.status?, self.host?);
        if line.first() == Some(&b'#') || self.foreign.is_some() {
            return None;
        }
        let last = date_at
            .max(time_at)
            .max(bytes_at)
            .max(status_at)
            .max(host_at);
        let (mut date, mut time, mut sent, mut status, mut host) =
            (&[][..], &[][..], &[][..], &[][..], &[][..]);
        let mut ends = memchr_iter(b'\t', line);
        let mut from = 0;
        for at in 0..=last {
            // The line's own end closes its last column; a column behind it does not exist.
            let to = ends.next().unwrap_or(line.len());
            let column = line.get(from..to)?;
            from = to + 1;
            if at == date_at {
                date = column;
            } else if at == time_at {
                time = column;
            } else if at == bytes_at {
                sent = column;
            } else if at == status_at {
                status = column;
            } else if at == host_at {
                host = column;
            }
        }
        Some(Fate::Metered(Record {
            time: clock.dashed(date.try_into().ok()?, time.try_into().ok()?)?,
            host,
            bytes: Bytes::new(digits(sent)?),
            status: three_digits(status)?,
            region: Region::Unknown,
            doubt: None,
        }))
    }

    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let field = line
            .split(|&byte| byte == b'\t')
            .nth(usize::from(self.bytes?))?;
        bytes(field).ok().map(|(bytes, _)| bytes)
    }

    fn learn(&mut self, line: &[u8]) {
        if let Some(layout) = CloudFront::from_header(line) {
            // Columns that say nothing of whose they are, are whose the lines before were.
            let foreign = match layout.foreign {
                Some(Foreign::Unknown) => self.foreign,
                told => told,
            };
            *self = CloudFront { foreign, ..layout };
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_layout_is_the_same_by_the_header_that_it_writes() {
        let headers = [
            "#Fields: date time sc-bytes sc-status x-host-header",
            "#Fields: x-edge-location date time sc-bytes sc-status",
            "#Fields: date time sc-bytes x-host-header x-event",
            "#Fields: tz date x-edge-location",
            "#Fields: date time s-port sc-bytes",
            "#Fields:\tsc-status cs(Host) - time\tsc-bytes x date c d",
            "#Fields: cs(Host) x-host-header date",
            "#Fields:",
        ];
        let layouts = headers.map(|header| CloudFront::from_header(header.as_bytes()));
        for layout in layouts.into_iter().chain([Some(CloudFront::default())]) {
            let header = layout.expect("a header").to_header();
            assert_eq!(
                CloudFront::from_header(header.as_bytes()),
                layout,
                "{header}"
            );
        }
    }
}
