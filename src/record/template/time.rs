//! The times that templates name: how each is written, and its instant.
//!
//! ```text
//! local   = 1*2digit "/" Mon "/" yyyy ":" hh:mm:ss " " ±hhmm        $time_local, %t
//! iso     = yyyy-mm-dd "T" hh:mm:ss [ "." 1*9digit ] ( "Z" | ±hh:mm | ±hhmm )   $time_iso8601
//! seconds = 1*10digit [ "." *9digit ]                                $msec, %{sec}t
//! millis  = 11*13digit    micros = 14*16digit                        %{msec}t, %{usec}t
//! pattern = what strftime makes of it                                %{%Y-%m-%d %H:%M:%S %z}t
//! ```
//!
//! Fractions of a second are cut off: a slot is five minutes.
//!
//! Source: ngx_http_log_module, mod_log_config (`%{format}t`), strftime(3); read 2026-11.

use jiff::fmt::strtime;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n};
use nom::combinator::{map, opt};
use nom::sequence::preceded;

use crate::record::clock::Clock;
use crate::record::fate::Reject;
use crate::record::field::digits;
use crate::record::grammar::{colon_time, common_log_time, content, dashed_date, instant, offset};
use crate::units::Timestamp;

/// How a time is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum TimeKind {
    Local,
    Iso,
    Seconds,
    Millis,
    Micros,
    /// A `strftime` format that [`is_readable`] accepted.
    Pattern(Box<str>),
}

impl TimeKind {
    /// Whether `text` has the shape of such a time; [`TimeKind::read`] may still refuse its value.
    pub(super) fn has_shape(&self, text: &[u8]) -> bool {
        match self {
            TimeKind::Local => is_local(text),
            TimeKind::Iso => 19 < text.len() && text[10] == b'T' && self.reach(text) == text.len(),
            TimeKind::Seconds => read_seconds(text) != Err(Reject::Time),
            TimeKind::Millis => (11..=13).contains(&text.len()) && digits(text).is_some(),
            TimeKind::Micros => (14..=16).contains(&text.len()) && digits(text).is_some(),
            TimeKind::Pattern(pattern) => read_pattern(pattern, text) != Err(Reject::Time),
        }
    }

    /// Whether no time of this kind has `byte` in it.
    pub(super) fn excludes(&self, byte: u8) -> bool {
        !self.bytes()[usize::from(byte)]
    }

    /// The length of the start of `rest` that holds only bytes of such times.
    pub(super) fn reach(&self, rest: &[u8]) -> usize {
        let bytes = self.bytes();
        let end = rest.iter().position(|&byte| !bytes[usize::from(byte)]);
        end.unwrap_or(rest.len())
    }

    /// The bytes of which such times are written.
    fn bytes(&self) -> &'static [bool; 256] {
        const LOCAL: [bool; 256] = only(true, b"/: +-");
        const ISO: [bool; 256] = only(true, b":.+-");
        const SECONDS: [bool; 256] = only(false, b"0123456789.");
        const DIGITS: [bool; 256] = only(false, b"0123456789");
        const ANY: [bool; 256] = [true; 256];
        match self {
            TimeKind::Local => &LOCAL,
            TimeKind::Iso => &ISO,
            TimeKind::Seconds => &SECONDS,
            TimeKind::Millis | TimeKind::Micros => &DIGITS,
            TimeKind::Pattern(_) => &ANY,
        }
    }

    /// The instant of `text`.
    ///
    /// Errors: `Time` where it is no such time, `TimeRange` outside 2000 to 2099.
    pub(super) fn read(&self, text: &[u8]) -> Result<Timestamp, Reject> {
        match self {
            TimeKind::Local => common_log_time(text),
            TimeKind::Iso => read_iso(text),
            TimeKind::Seconds => read_seconds(text),
            TimeKind::Millis if self.has_shape(text) => read_count(text, 1_000),
            TimeKind::Micros if self.has_shape(text) => read_count(text, 1_000_000),
            TimeKind::Millis | TimeKind::Micros => Err(Reject::Time),
            TimeKind::Pattern(pattern) => read_pattern(pattern, text),
        }
    }

    /// The time that `rest` begins with, where its length is known, and what stands behind it.
    #[inline(always)]
    pub(super) fn split_fast<'a>(&self, rest: &'a [u8]) -> Option<(&'a [u8; 26], &'a [u8])> {
        match self {
            TimeKind::Local => rest.split_first_chunk(),
            _ => None,
        }
    }

    /// As [`TimeKind::read`] where that is quick and in range.
    #[inline(always)]
    pub(super) fn read_fast(&self, text: &[u8], clock: &mut Clock) -> Option<Timestamp> {
        match self {
            TimeKind::Local => clock.common_log(text.try_into().ok()?),
            _ => self.read(text).ok(),
        }
    }
}

/// A table of `others`, and of letters and digits if `has_words`.
const fn only(has_words: bool, others: &[u8]) -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte = 0;
    while byte < table.len() {
        table[byte] = has_words && (byte as u8).is_ascii_alphanumeric();
        byte += 1;
    }
    let mut at = 0;
    while at < others.len() {
        table[others[at] as usize] = true;
        at += 1;
    }
    table
}

/// `text` behind the day has its punctuation in place, and nothing that no time has.
fn is_local(text: &[u8]) -> bool {
    let Some((day, rest)) = text.split_last_chunk::<24>() else {
        return false;
    };
    let &[
        b'/',
        _,
        _,
        _,
        b'/',
        _,
        _,
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b':',
        _,
        _,
        b' ',
        _,
        ..,
    ] = rest
    else {
        return false;
    };
    (1..=2).contains(&day.len()) && TimeKind::Local.reach(text) == text.len()
}

fn read_iso(text: &[u8]) -> Result<Timestamp, Reject> {
    let zone = alt((map(tag("Z"), |_| 0), offset(":"), offset("")));
    let fraction = opt(preceded(tag("."), some_digits(1, 9)));
    let parts = (dashed_date, tag("T"), colon_time, fraction, zone);
    let (date, _, time, _, offset) = content(text, parts, Reject::Time)?;
    instant(date, time, offset)
}

fn some_digits<'a>(
    min: usize,
    max: usize,
) -> impl nom::Parser<&'a [u8], Output = &'a [u8], Error = Reject> {
    take_while_m_n(min, max, |byte: u8| byte.is_ascii_digit())
}

fn read_seconds(text: &[u8]) -> Result<Timestamp, Reject> {
    let parts = (
        some_digits(1, 10),
        opt(preceded(tag("."), some_digits(0, 9))),
    );
    let (secs, _) = content(text, parts, Reject::Time)?;
    read_count(secs, 1)
}

/// The instant of a count of which `per_second` are a second.
fn read_count(text: &[u8], per_second: i64) -> Result<Timestamp, Reject> {
    let count = digits(text).and_then(|count| i64::try_from(count).ok());
    let count = count.ok_or(Reject::Time)?;
    Timestamp::from_unix_secs(count / per_second).ok_or(Reject::TimeRange)
}

fn read_pattern(pattern: &str, text: &[u8]) -> Result<Timestamp, Reject> {
    let parsed = strtime::parse(pattern, text).and_then(|time| time.to_timestamp());
    let secs = parsed.map_err(|_| Reject::Time)?.as_second();
    Timestamp::from_unix_secs(secs).ok_or(Reject::TimeRange)
}

/// Whether times that are written by this `strftime` format name an instant: one comes back as it was.
pub(super) fn is_readable(pattern: &str) -> bool {
    let sample = jiff::Timestamp::constant(1_793_498_401, 0);
    let zone = jiff::tz::TimeZone::fixed(jiff::tz::offset(8));
    let Ok(text) = strtime::format(pattern, &sample.to_zoned(zone)) else {
        return false;
    };
    read_pattern(pattern, text.as_bytes())
        .is_ok_and(|read| read.as_unix_secs() == sample.as_second())
}
