//! Access logs of nginx, Apache and their kin (`nginx`), read by a `log_format` string.
//!
//! A template is a list of literals and variables. A line matches if the literals stand in it in
//! order; a variable's text ends at the *first* place where the literal behind it stands. Between
//! double quotes it ends at the first `"` without a backslash before it, because servers write
//! client text with `\"` or `\x22` there. Only the template up to its last needed variable, and
//! the literal behind that, are looked at.
//!
//! ```text
//! time   = $time_local | %t | $time_iso8601 | $msec        bytes  = digits | "-"
//! status = 3 digits | "-"                                  host   = $host, %v, …
//! ```
//!
//! Bytes: `$bytes_sent` and `%O` count headers and body, `$body_bytes_sent`, `%b`, `%B` the body
//! only; a template with both meters the former. Lines of nginx's own error log, which often go
//! to the same file, are skipped.
//!
//! Source: FORMATS §12 (ngx_http_log_module, mod_log_config, mod_logio), read 2026-11.

mod compile;
mod matching;

use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::combinator::{map, opt};
use nom::sequence::preceded;

pub use compile::TemplateError;

use super::clock::Clock;
use super::fate::{Doubt, Fate, Record, Reject, Skip};
use super::field::{digits, three_digits};
use super::grammar::{
    bytes, colon_time, common_log_time, content, dashed_date, instant, number, offset, status,
};
use super::{BytesIn, LineFormat};
use crate::units::{Bytes, Region, Timestamp};

/// What a variable is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Host,
    TimeLocal,
    TimeIso,
    TimeMsec,
    Status,
    BytesTotal,
    BytesBody,
    /// The client's address: never holds a space.
    Client,
    /// The identity that nobody uses: never an address. With `Client`, this is what keeps a line
    /// that begins with a virtual host from being read as one without.
    Ident,
    Ignored,
}

impl Role {
    /// Whether `text` can be this variable's at all.
    #[inline(always)]
    fn allows(self, text: &[u8]) -> bool {
        match self {
            Role::Client => !text.contains(&b' '),
            Role::Ident => !text.iter().any(|byte| matches!(byte, b'.' | b':')),
            _ => true,
        }
    }
}

/// One step of a template.
#[derive(Clone, Debug)]
enum Piece {
    /// This text stands next.
    Literal(Box<[u8]>),
    /// A variable stands next, up to `end`; to the end of the line where `end` is empty.
    Variable {
        role: Role,
        is_quoted: bool,
        end: Box<[u8]>,
    },
}

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct Template {
    /// The string that it was compiled from.
    text: Box<str>,
    pieces: Box<[Piece]>,
    has_host: bool,
    bytes_in: BytesIn,
}

/// The texts that a line gives for the needed variables.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Texts<'a> {
    host: Option<&'a [u8]>,
    time: Option<(TimeKind, &'a [u8])>,
    status: Option<&'a [u8]>,
    bytes: Option<&'a [u8]>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum TimeKind {
    Local,
    Iso,
    Msec,
}

impl<'a> Texts<'a> {
    #[inline(always)]
    fn take(&mut self, role: Role, text: &'a [u8]) {
        match role {
            Role::Host => self.host = Some(text),
            Role::TimeLocal => self.time = Some((TimeKind::Local, text)),
            Role::TimeIso => self.time = Some((TimeKind::Iso, text)),
            Role::TimeMsec => self.time = Some((TimeKind::Msec, text)),
            Role::Status => self.status = Some(text),
            Role::BytesTotal | Role::BytesBody => self.bytes = Some(text),
            Role::Client | Role::Ident | Role::Ignored => {}
        }
    }
}

impl Template {
    /// The templates that are recognised without `--log-format`, by name.
    pub const PRESETS: [(&'static str, &'static str); 4] = [
        (
            "vhost_combined",
            r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#,
        ),
        ("vhost_common", r#"%v %h %l %u %t "%r" %>s %b"#),
        (
            "combined",
            r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
        ),
        ("common", r#"%h %l %u %t "%r" %>s %b"#),
    ];

    /// The template of a `log_format` string, or of a preset's name.
    ///
    /// Errors: [`TemplateError`] where it cannot be read, or names no time or no bytes.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let preset = Template::PRESETS.iter().find(|(name, _)| *name == text);
        compile::compile(preset.map_or(text, |(_, template)| template))
    }

    /// The `log_format` string, that of a preset in full.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a line names its domain; without it, one must be configured.
    pub fn has_host(&self) -> bool {
        self.has_host
    }

    /// Whether the metered field counts headers.
    pub fn bytes_in(&self) -> BytesIn {
        self.bytes_in
    }

    fn record<'a>(&self, texts: Texts<'a>) -> Result<Record<'a>, Reject> {
        let (kind, time) = texts.time.ok_or(Reject::Time)?;
        let time = match kind {
            TimeKind::Local => common_log_time(time)?,
            TimeKind::Iso => iso_time(time)?,
            TimeKind::Msec => msec_time(time)?,
        };
        let (bytes, doubt): (Bytes, Option<Doubt>) = bytes(texts.bytes.ok_or(Reject::Bytes)?)?;
        let status = texts.status.map_or(Ok(0), |text| status(text, 3))?;
        let host = texts.host.unwrap_or_default();
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

/// `YYYY-MM-DDThh:mm:ss±hh:mm`, as `$time_iso8601` writes it, or with `Z`.
fn iso_time(text: &[u8]) -> Result<Timestamp, Reject> {
    let zone = alt((map(tag("Z"), |_| 0), offset(":")));
    let (date, _, time, offset) = content(
        text,
        (dashed_date, tag("T"), colon_time, zone),
        Reject::Time,
    )?;
    instant(date, time, offset)
}

/// Seconds since the epoch, with or without three decimals, as `$msec` writes it.
fn msec_time(text: &[u8]) -> Result<Timestamp, Reject> {
    let secs = take_while_m_n(1, 10, |byte: u8| byte.is_ascii_digit());
    let parts = (secs, opt(preceded(tag("."), number(3))));
    let (secs, _) = content(text, parts, Reject::Time)?;
    let secs = digits(secs)
        .and_then(|secs| i64::try_from(secs).ok())
        .ok_or(Reject::Time)?;
    Timestamp::from_unix_secs(secs).ok_or(Reject::TimeRange)
}

/// Whether nginx's error log wrote this line: `YYYY/MM/DD hh:mm:ss [level] …`.
fn is_error_log(line: &[u8]) -> bool {
    let date = (
        number(4),
        tag("/"),
        number(2),
        tag("/"),
        number(2),
        tag(" "),
    );
    (date, colon_time, tag(" [")).parse(line).is_ok()
}

impl LineFormat for Template {
    const NAME: &'static str = "nginx";
    // The widest promise that holds for every template; `Template::bytes_in` is exact.
    const BYTES_IN: BytesIn = BytesIn::Body;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        let texts = matching::by_grammar(&self.pieces, line);
        match texts
            .ok_or(Reject::Fields)
            .and_then(|texts| self.record(texts))
        {
            Ok(record) => Fate::Metered(record),
            Err(_) if is_error_log(line) => Fate::Skipped(Skip::OtherLogger),
            Err(reason) => Fate::Rejected(reason),
        }
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        let texts = matching::fast(&self.pieces, line)?;
        let time = match texts.time? {
            (TimeKind::Local, text) => clock.common_log(text.try_into().ok()?)?,
            (TimeKind::Iso, text) => iso_time(text).ok()?,
            (TimeKind::Msec, text) => msec_time(text).ok()?,
        };
        let status = match texts.status {
            Some(text) => three_digits(text)?,
            None => 0,
        };
        Some(Fate::Metered(Record {
            time,
            host: texts.host.unwrap_or_default(),
            bytes: Bytes::new(digits(texts.bytes?)?),
            status,
            region: Region::Unknown,
            doubt: None,
        }))
    }

    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let texts = matching::by_grammar(&self.pieces, line)?;
        bytes(texts.bytes?).ok().map(|(bytes, _)| bytes)
    }
}
