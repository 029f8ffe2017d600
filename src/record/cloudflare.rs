//! Cloudflare Logpush HTTP requests (`cloudflare`): one JSON object per line.
//!
//! | field | reading |
//! |---|---|
//! | `EdgeStartTimestamp` | RFC 3339, or unix seconds (10 digits) or nanoseconds (19 digits) |
//! | `ClientRequestHost` | the domain |
//! | `EdgeResponseBytes` | downstream bytes; null, −1, `"-"`, `""` or absent is 0 and a doubt |
//! | `EdgeResponseStatus` | status, 0 to 999; null or absent is 0 |
//! | `ClientCountry` | region, by the price list's zones |
//! | `ClientRequestSource` | anything but `eyeball` is a sub-request: skipped, its bytes shown |
//! | `WorkerSubrequest` | `true` is a sub-request too |
//! | `ParentRayID` | without `ClientRequestSource`: set, and not `00`, it is a sub-request |
//!
//! Times may be numbers or text. A file of which no row has `EdgeResponseBytes` is refused.
//!
//! A row with neither of `ClientRequestSource` and `WorkerSubrequest`, nor a parent, is metered with the
//! doubt `no-viewer-mark`: that there is no parent does not say that a viewer asked. A needed field
//! that stands twice makes the line a reject. How the object itself is read: [`super::json`].
//!
//! Source: FORMATS §7 (Logpush dataset `http_requests`), read 2026-11.

use nom::Parser;
use nom::bytes::complete::{tag, take_while1};
use nom::combinator::opt;
use nom::sequence::preceded;

use super::clock::Clock;
use super::fate::{Doubt, Fate, Record, Reject, Skip};
use super::field::{digits, without_return};
use super::grammar::{self, colon_time, content, dashed_date, instant, offset};
use super::json::{Cursor, Value, members};
use super::{BytesIn, LineFormat};
use crate::units::{Bytes, Region, Timestamp};

const NANOS_PER_SEC: u64 = 1_000_000_000;
/// The member that is metered.
pub(super) const METERED_NAME: &str = "EdgeResponseBytes";
const METERED: &[u8] = METERED_NAME.as_bytes();
/// Rows that similar names are looked for in, and how many of them, how long, are shown.
const SIMILAR_LINES_MAX: usize = 64;
const SIMILAR_NAMES_MAX: usize = 8;
const SIMILAR_BYTES_MAX: usize = 64;

/// The format; it has no settings.
#[derive(Clone, Copy, Debug, Default)]
pub struct Cloudflare;

/// The needed members of one object.
#[derive(Default)]
struct Needed<'a> {
    time: Option<Value<'a>>,
    host: Option<Value<'a>>,
    bytes: Option<Value<'a>>,
    status: Option<Value<'a>>,
    country: Option<Value<'a>>,
    requester: Option<Value<'a>>,
    subrequest: Option<Value<'a>>,
    parent: Option<Value<'a>>,
    is_doubled: bool,
}

impl<'a> Needed<'a> {
    #[inline(always)]
    fn take(&mut self, name: &[u8], value: Value<'a>) {
        let place = match name {
            b"EdgeStartTimestamp" => &mut self.time,
            b"ClientRequestHost" => &mut self.host,
            METERED => &mut self.bytes,
            b"EdgeResponseStatus" => &mut self.status,
            b"ClientCountry" => &mut self.country,
            b"ClientRequestSource" => &mut self.requester,
            b"WorkerSubrequest" => &mut self.subrequest,
            b"ParentRayID" => &mut self.parent,
            _ => return,
        };
        self.is_doubled |= place.replace(value).is_some();
    }

    /// Whether it is part of another request, whose Ray ID it names.
    #[inline(always)]
    fn has_parent(&self) -> bool {
        match self.parent {
            None | Some(Value::Word(b"null")) => false,
            Some(Value::Text(id) | Value::Word(id)) => !matches!(id, b"" | b"-" | b"0" | b"00"),
            Some(Value::Nested) => true,
        }
    }

    /// The fate of the row, given how times are read.
    #[inline(always)]
    fn fate(
        &self,
        time: impl FnOnce(Value<'a>) -> Result<Timestamp, Reject>,
    ) -> Result<Fate<'a>, Reject> {
        if self.is_doubled {
            return Err(Reject::Fields);
        }
        let (bytes, no_bytes) = bytes(self.bytes)?;
        let is_viewer = match (self.requester, self.subrequest) {
            (_, Some(Value::Word(b"true"))) => Some(false),
            (Some(Value::Text(requester)), _) => Some(requester == b"eyeball"),
            _ if self.has_parent() => Some(false),
            (_, Some(Value::Word(b"false"))) => Some(true),
            _ => None,
        };
        if is_viewer == Some(false) {
            return Ok(Fate::Skipped(Skip::NotViewer(bytes)));
        }
        let host = match self.host {
            Some(Value::Text(host)) => host,
            None | Some(Value::Word(b"null")) => b"",
            Some(_) => return Err(Reject::Host),
        };
        let region = match self.country {
            Some(Value::Text(code)) => Region::of_country(code),
            _ => Region::Unknown,
        };
        let no_mark = is_viewer.is_none().then_some(Doubt::NoViewerMark);
        Ok(Fate::Metered(Record {
            time: time(self.time.ok_or(Reject::Time)?)?,
            host,
            bytes,
            status: status(self.status)?,
            region,
            doubt: no_bytes.or(no_mark),
        }))
    }
}

#[inline(always)]
fn bytes(value: Option<Value<'_>>) -> Result<(Bytes, Option<Doubt>), Reject> {
    match value {
        None => Ok((Bytes::ZERO, Some(Doubt::NoBytesField))),
        Some(Value::Word(b"null" | b"-1") | Value::Text(b"" | b"-" | b"-1")) => {
            Ok((Bytes::ZERO, Some(Doubt::NoBytes)))
        }
        Some(Value::Word(text) | Value::Text(text)) => match digits(text) {
            Some(bytes) => Ok((Bytes::new(bytes), None)),
            None => number(text),
        },
        Some(Value::Nested) => Err(Reject::Bytes),
    }
}

/// Digits only; a bare `-` is no word of JSON.
#[cold]
fn number(text: &[u8]) -> Result<(Bytes, Option<Doubt>), Reject> {
    match text {
        b"-" => Err(Reject::Bytes),
        text => grammar::bytes(text),
    }
}

#[inline(always)]
fn status(value: Option<Value<'_>>) -> Result<u16, Reject> {
    match value {
        None | Some(Value::Word(b"null")) => Ok(0),
        Some(Value::Word(text) | Value::Text(text)) => match digits(text) {
            Some(status @ 0..=999) => Ok(status as u16),
            _ => Err(Reject::Status),
        },
        Some(Value::Nested) => Err(Reject::Status),
    }
}

fn time(value: Value<'_>) -> Result<Timestamp, Reject> {
    match value {
        Value::Word(text) => unix_time(text),
        Value::Text(text) if text.iter().all(u8::is_ascii_digit) => unix_time(text),
        Value::Text(text) => rfc3339(text),
        Value::Nested => Err(Reject::Time),
    }
}

fn unix_time(text: &[u8]) -> Result<Timestamp, Reject> {
    let value = digits(text).ok_or(Reject::Time)?;
    let secs = match text.len() {
        10 => value,
        19 => value / NANOS_PER_SEC,
        _ => return Err(Reject::Time),
    };
    i64::try_from(secs)
        .ok()
        .and_then(Timestamp::from_unix_secs)
        .ok_or(Reject::TimeRange)
}

fn rfc3339(text: &[u8]) -> Result<Timestamp, Reject> {
    let fraction = opt(preceded(
        tag("."),
        take_while1(|byte: u8| byte.is_ascii_digit()),
    ));
    let zone = nom::branch::alt((tag("Z").map(|_| 0), offset(":")));
    let parts = (dashed_date, tag("T"), colon_time, fraction, zone);
    let (date, _, time, _, offset) = content(text, parts, Reject::Time)?;
    instant(date, time, offset)
}

/// The usual forms without the calendar; the others as the grammar reads them.
#[inline(always)]
fn fast_time(value: Value<'_>, clock: &mut Clock) -> Result<Timestamp, Reject> {
    if let Value::Text(text) = value
        && let Some((date, rest)) = text.split_first_chunk::<10>()
        && let Some((&[b'T'], rest)) = rest.split_first_chunk::<1>()
        && let Some((clock_time, b"Z")) = rest.split_first_chunk::<8>()
        && let Some(time) = clock.dashed(date, clock_time)
    {
        return Ok(time);
    }
    time(value)
}

impl Cloudflare {
    /// Members of the first rows in `sample` that look like counts of bytes and are not the one that is
    /// metered: what to say where that one is missing.
    pub(super) fn similar_names(sample: &[u8]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for line in sample.split(|&byte| byte == b'\n').take(SIMILAR_LINES_MAX) {
            for (name, _) in members(without_return(line)).unwrap_or_default() {
                let text = name.escape_ascii().to_string();
                let lower = text.to_ascii_lowercase();
                let is_similar = ["bytes", "size"].iter().any(|word| lower.contains(word));
                let is_shown = name != METERED && name.len() <= SIMILAR_BYTES_MAX;
                if is_similar && is_shown && !names.contains(&text) {
                    names.push(text);
                }
            }
        }
        names.truncate(SIMILAR_NAMES_MAX);
        names
    }
}

impl LineFormat for Cloudflare {
    const NAME: &'static str = "cloudflare";
    const BYTES_IN: BytesIn = BytesIn::Total;
    const BEARS_MORE: bool = false;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        let read = || {
            let mut needed = Needed::default();
            for (name, value) in members(line)? {
                needed.take(name, value);
            }
            needed.fate(time)
        };
        read().unwrap_or_else(Fate::Rejected)
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        let mut needed = Needed::default();
        let mut cursor = Cursor::open(line)?;
        while let Some((name, value)) = cursor.next()? {
            needed.take(name, value);
        }
        needed.fate(|value| fast_time(value, clock)).ok()
    }

    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let mut cursor = Cursor::open(line)?;
        while let Some((name, value)) = cursor.next()? {
            if name == METERED {
                return bytes(Some(value)).ok().map(|(bytes, _)| bytes);
            }
        }
        None
    }
}
