//! Whose a W3C extended log is, told by the names in its `#Fields` header.
//!
//! Many programs write this form, and `sc-bytes` does not mean the same in all of them. Servers that
//! stream (Adobe, Wowza, CloudFront's RTMP distributions) write rows per event, each with the running
//! total of its session; a `tz` column says that `date` and `time` are on a clock of their own. So a
//! file is metered only where it is known whose it is:
//!
//! ```text
//! a column of streaming sessions                 sessions      not read: running totals
//! else a column of a time zone                   zone          not read: times are not UTC
//! else a column of IIS                           IIS           not read yet: separated by spaces
//! else x-host-header or x-edge-…                 CloudFront    read
//! else                                           another's     not read yet
//! ```
//! The first header decides for the file. A later one that has none of these columns changes only where
//! columns stand, as CloudFront's may when a distribution is set up anew.
//!
//! Source: FORMATS §6a and §13; the columns of sessions: CloudFront's RTMP log file format and Adobe
//! Media Server's access log reference, read 2026-11.

use std::fmt;

/// Columns that only logs of streaming sessions have.
const SESSION_COLUMNS: [&str; 11] = [
    "x-event",
    "x-cf-status",
    "x-cf-client-id",
    "c-client-id",
    "x-sname",
    "x-sname-query",
    "x-stream-id",
    "x-suri",
    "x-spos",
    "sc-stream-bytes",
    "cs-stream-bytes",
];
/// Columns that name the clock of `date` and `time`.
const ZONE_COLUMNS: [&str; 3] = ["tz", "time-zone", "timezone"];
/// Columns that IIS names and CloudFront does not.
const IIS_COLUMNS: [&str; 5] = [
    "s-sitename",
    "s-computername",
    "s-port",
    "sc-substatus",
    "sc-win32-status",
];
/// Bytes of a program's name that a message shows.
const SOFTWARE_BYTES_MAX: usize = 60;

/// What makes a W3C log one that is not read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Foreign {
    /// Its rows are events of streaming sessions.
    Sessions,
    /// Its times are on a clock that a column names.
    Zone,
    /// IIS wrote it.
    Iis,
    /// None of its columns is CloudFront's own.
    Unknown,
}

impl Foreign {
    /// What columns with these names make of a log, with the column that says so; `None` where they
    /// are CloudFront's.
    pub(super) fn of_columns<'a>(names: &[&'a [u8]]) -> Option<(Foreign, &'a [u8])> {
        let first = |wanted: &[&str]| {
            let is_wanted = |name: &&&[u8]| {
                let mut wanted = wanted.iter();
                wanted.any(|wanted| name.eq_ignore_ascii_case(wanted.as_bytes()))
            };
            names.iter().find(is_wanted).copied()
        };
        let told = [
            (Foreign::Sessions, first(&SESSION_COLUMNS)),
            (Foreign::Zone, first(&ZONE_COLUMNS)),
            (Foreign::Iis, first(&IIS_COLUMNS)),
        ];
        if let Some((foreign, Some(column))) = told.into_iter().find(|(_, at)| at.is_some()) {
            return Some((foreign, column));
        }
        match names.iter().any(|name| is_of_cloudfront(name)) {
            true => None,
            false => Some((Foreign::Unknown, b"")),
        }
    }

    /// A column by which a header that we write says the same; `None` where it is enough to name none.
    pub(super) const fn marker(self) -> Option<&'static str> {
        match self {
            Foreign::Sessions => Some(SESSION_COLUMNS[0]),
            Foreign::Zone => Some(ZONE_COLUMNS[0]),
            Foreign::Iis => Some(IIS_COLUMNS[0]),
            Foreign::Unknown => None,
        }
    }
}

fn is_of_cloudfront(name: &[u8]) -> bool {
    let is_edge = |prefix: &[u8]| prefix.eq_ignore_ascii_case(b"x-edge-");
    name.eq_ignore_ascii_case(b"x-host-header") || name.get(..7).is_some_and(is_edge)
}

/// A W3C log that is not read, with what is to be said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct ForeignLog {
    foreign: Foreign,
    /// The column that says so, as it is written.
    column: String,
    /// The program that the log names as its writer.
    software: Option<String>,
}

impl ForeignLog {
    /// What is to be said of a log with these header lines, of which the first `#Fields:` has `names`.
    pub(super) fn told(headers: &[&[u8]], foreign: Foreign, column: &[u8]) -> Self {
        let software = headers
            .iter()
            .find_map(|line| line.strip_prefix(b"#Software:"));
        let software = software.map(|name| {
            let name = &name.trim_ascii()[..name.trim_ascii().len().min(SOFTWARE_BYTES_MAX)];
            name.escape_ascii().to_string()
        });
        ForeignLog {
            foreign,
            column: column.escape_ascii().to_string(),
            software: software.filter(|name| !name.is_empty()),
        }
    }
}

impl fmt::Display for ForeignLog {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let column = &self.column;
        match (self.foreign, &self.software) {
            (Foreign::Sessions, _) => write!(
                f,
                "it is a log of streaming sessions (W3C with the column {column}): its sc-bytes is the \
                 running total of a session, and adding its rows up would count bytes again and again; \
                 it is not read, leave it out"
            ),
            (Foreign::Zone, _) => write!(
                f,
                "it is a W3C log on a clock of its own (column {column}), and CloudFront's times are \
                 UTC; it is not read, leave it out"
            ),
            (Foreign::Iis, _) => write!(
                f,
                "it is an IIS log (W3C with the column {column}), which is not read yet; leave it out"
            ),
            (Foreign::Unknown, software) => write!(
                f,
                "it is a W3C log of {}, which is not read yet: none of its columns is CloudFront's own \
                 (x-edge-…, x-host-header); leave it out",
                software.as_deref().unwrap_or("another program")
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(header: &str) -> Option<(Foreign, String)> {
        let names: Vec<&[u8]> = header.split(' ').map(str::as_bytes).collect();
        Foreign::of_columns(&names)
            .map(|(foreign, at)| (foreign, String::from_utf8_lossy(at).into_owned()))
    }

    #[test]
    fn a4_whose_a_log_is_stands_in_its_columns() {
        let is = |foreign, column: &str| Some((foreign, column.to_owned()));
        assert_eq!(told("date time sc-bytes X-Edge-Location"), None);
        assert_eq!(told("date time sc-bytes x-host-header"), None);
        assert_eq!(
            told("date time sc-bytes cs(Host)"),
            is(Foreign::Unknown, "")
        );
        assert_eq!(told("x-edge"), is(Foreign::Unknown, ""));
        assert_eq!(
            told("x-edge-location X-Event"),
            is(Foreign::Sessions, "X-Event")
        );
        assert_eq!(
            told("tz x-sname x-edge-location"),
            is(Foreign::Sessions, "x-sname")
        );
        assert_eq!(told("s-port tz x-edge-location"), is(Foreign::Zone, "tz"));
        assert_eq!(told("date s-port sc-bytes"), is(Foreign::Iis, "s-port"));
    }

    #[test]
    fn a4_a_programs_name_is_shown_in_part_and_without_control_characters() {
        let long = format!("#Software:  a\x1bb{}", "x".repeat(90));
        let log = ForeignLog::told(&[b"#Version: 1.0", long.as_bytes()], Foreign::Unknown, b"");
        let said = log.to_string();
        assert!(said.contains("W3C log of a\\x1bb"), "{said}");
        assert!(!said.contains(&"x".repeat(SOFTWARE_BYTES_MAX)), "{said}");
    }
}
