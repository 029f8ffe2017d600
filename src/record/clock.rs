//! Times of day as logs write them, and a memory of the last minute seen.
//!
//! Log lines come in rough order, so the civil date of a line is nearly always that of the line
//! before. [`Clock`] remembers the text up to the minute with its instant; only a new minute is
//! worked out from the calendar. The grammars use no such memory.

use jiff::civil;

use super::field::two_digits;
use crate::units::Timestamp;
use crate::units::civil_unix_secs;

/// Longest text that names a minute, in bytes.
const MINUTE_TEXT_BYTES_MAX: usize = 32;

/// The last minute seen, as text and as instant. One per task; it is memory only, never state.
#[derive(Clone, Debug)]
pub struct Clock {
    text: [u8; MINUTE_TEXT_BYTES_MAX],
    len: usize,
    secs: i64,
}

impl Default for Clock {
    fn default() -> Self {
        Clock { text: [0; MINUTE_TEXT_BYTES_MAX], len: 0, secs: 0 }
    }
}

impl Clock {
    /// The instant of the minute that `text` names, from memory or by `work_out`.
    #[inline(always)]
    fn minute<const N: usize>(
        &mut self,
        text: &[u8; N],
        work_out: impl FnOnce() -> Option<i64>,
    ) -> Option<i64> {
        const { assert!(N <= MINUTE_TEXT_BYTES_MAX) };
        if self.len == N && self.text[..N] == *text {
            return Some(self.secs);
        }
        self.secs = work_out()?;
        self.text[..N].copy_from_slice(text);
        self.len = N;
        Some(self.secs)
    }

    /// `YYYYMMDDhhmmss` on the clock `offset_secs` ahead of UTC.
    #[inline(always)]
    pub(super) fn compact(&mut self, text: &[u8; 14], offset_secs: i64) -> Option<Timestamp> {
        let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2, s1, s2] = *text;
        let minute = [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2];
        let secs = self.minute(&minute, || {
            let year = year([y1, y2, y3, y4])?;
            minute_of(year, [m1, m2], [d1, d2], [h1, h2], [i1, i2]).map(|secs| secs - offset_secs)
        })?;
        plus_seconds(secs, [s1, s2])
    }

    /// `YYYY-MM-DD?hh:mm:ss` in UTC, whatever single byte stands between date and time.
    #[inline(always)]
    pub(super) fn dashed(&mut self, text: &[u8; 19]) -> Option<Timestamp> {
        let (&minute, rest) = text.split_first_chunk::<16>()?;
        let &[b':', s1, s2] = rest else { return None };
        let secs = self.minute(&minute, || {
            let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2, _, h1, h2, b':', i1, i2] = minute
            else {
                return None;
            };
            minute_of(year([y1, y2, y3, y4])?, [m1, m2], [d1, d2], [h1, h2], [i1, i2])
        })?;
        plus_seconds(secs, [s1, s2])
    }

    /// `dd/Mon/yyyy:hh:mm:ss ±hhmm`.
    #[inline(always)]
    pub(super) fn common_log(&mut self, text: &[u8; 26]) -> Option<Timestamp> {
        let (head, rest) = text.split_first_chunk::<17>()?;
        let &[b':', s1, s2, b' ', sign, o1, o2, o3, o4] = rest else { return None };
        let mut minute = [0; 22];
        minute[..17].copy_from_slice(head);
        minute[17..].copy_from_slice(&[sign, o1, o2, o3, o4]);
        let secs = self.minute(&minute, || {
            let [d1, d2, b'/', a, b, c, b'/', y1, y2, y3, y4, b':', h1, h2, b':', i1, i2] = *head
            else {
                return None;
            };
            let month = month_number([a, b, c])?;
            let local = minute_of(year([y1, y2, y3, y4])?, month, [d1, d2], [h1, h2], [i1, i2])?;
            Some(local - offset_secs(sign, [o1, o2], [o3, o4])?)
        })?;
        plus_seconds(secs, [s1, s2])
    }
}

fn year(text: [u8; 4]) -> Option<i16> {
    let [a, b, c, d] = text;
    Some(i16::from(two_digits([a, b])?) * 100 + i16::from(two_digits([c, d])?))
}

/// The two digits of the month with this English abbreviation.
pub(super) fn month_number(name: [u8; 3]) -> Option<[u8; 2]> {
    Some(match &name {
        b"Jan" => *b"01",
        b"Feb" => *b"02",
        b"Mar" => *b"03",
        b"Apr" => *b"04",
        b"May" => *b"05",
        b"Jun" => *b"06",
        b"Jul" => *b"07",
        b"Aug" => *b"08",
        b"Sep" => *b"09",
        b"Oct" => *b"10",
        b"Nov" => *b"11",
        b"Dec" => *b"12",
        _ => return None,
    })
}

/// Seconds that the clock `±hhmm` is ahead of UTC.
fn offset_secs(sign: u8, hours: [u8; 2], minutes: [u8; 2]) -> Option<i64> {
    let (hours, minutes) = (two_digits(hours)?, two_digits(minutes)?);
    if 18 < hours || 59 < minutes {
        return None;
    }
    let secs = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
    match sign {
        b'+' => Some(secs),
        b'-' => Some(-secs),
        _ => None,
    }
}

#[cold]
fn minute_of(year: i16, month: [u8; 2], day: [u8; 2], hour: [u8; 2], min: [u8; 2]) -> Option<i64> {
    let number = |text| two_digits(text).and_then(|value| i8::try_from(value).ok());
    let (month, day) = (number(month)?, number(day)?);
    let time = civil::DateTime::new(year, month, day, number(hour)?, number(min)?, 0, 0).ok()?;
    Some(civil_unix_secs(time))
}

#[inline(always)]
fn plus_seconds(minute_secs: i64, text: [u8; 2]) -> Option<Timestamp> {
    let seconds = two_digits(text).filter(|&seconds| seconds < 60)?;
    Timestamp::from_unix_secs(minute_secs + i64::from(seconds))
}
