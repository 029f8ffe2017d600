//! Times of day as logs write them, and a memory of the last minute seen.
//!
//! A second `:60` is the last second of its minute, `:59`: of a leap second, or of a clock that rounds
//! up. So it stays in its slot, its day and its month, and its line is counted like any other.
//!
//! Log lines come in rough order, so the civil date of a line is nearly always that of the line
//! before. [`Clock`] remembers the text up to the minute with its instant; only a new minute is
//! worked out from the calendar. The grammars use no such memory.

use jiff::civil;

use super::field::two_digits;
use crate::units::Timestamp;
use crate::units::civil_unix_secs;

/// Longest texts that name a minute, in bytes: what comes first, and a zone or time behind it.
const HEAD_BYTES_MAX: usize = 17;
const TAIL_BYTES_MAX: usize = 5;

/// What a leap second is written as; it is read as the second before it.
pub(super) const LEAP_SECOND: u8 = 60;

/// The last minute seen, as text and as instant. One per task; it is memory only, never state.
#[derive(Clone, Debug, Default)]
pub struct Clock {
    head: [u8; HEAD_BYTES_MAX],
    tail: [u8; TAIL_BYTES_MAX],
    lens: (usize, usize),
    secs: i64,
}

impl Clock {
    /// The instant of the minute that `head` and `tail` name, from memory or by `work_out`.
    ///
    /// Both are compared where they stand in the line: copying them together first would cost
    /// more than the comparison.
    #[inline(always)]
    fn minute<const H: usize, const T: usize>(
        &mut self,
        head: &[u8; H],
        tail: &[u8; T],
        work_out: impl FnOnce() -> Option<i64>,
    ) -> Option<i64> {
        const { assert!(H <= HEAD_BYTES_MAX && T <= TAIL_BYTES_MAX) };
        if self.lens == (H, T) && self.head[..H] == *head && self.tail[..T] == *tail {
            return Some(self.secs);
        }
        self.secs = work_out()?;
        self.head[..H].copy_from_slice(head);
        self.tail[..T].copy_from_slice(tail);
        self.lens = (H, T);
        Some(self.secs)
    }

    /// `YYYYMMDDhhmmss` on the clock `offset_secs` ahead of UTC.
    #[inline(always)]
    pub(super) fn compact(&mut self, text: &[u8; 14], offset_secs: i64) -> Option<Timestamp> {
        let (minute, seconds) = text.split_first_chunk::<12>()?;
        let secs = self.minute(minute, b"", || {
            let [y1, y2, y3, y4, m1, m2, d1, d2, h1, h2, i1, i2] = *minute;
            let year = year([y1, y2, y3, y4])?;
            minute_of(year, [m1, m2], [d1, d2], [h1, h2], [i1, i2]).map(|secs| secs - offset_secs)
        })?;
        plus_seconds(secs, seconds.try_into().ok()?)
    }

    /// `YYYY-MM-DD` and `hh:mm:ss`, in UTC.
    #[inline(always)]
    pub(super) fn dashed(&mut self, date: &[u8; 10], time: &[u8; 8]) -> Option<Timestamp> {
        let (minute, rest) = time.split_first_chunk::<5>()?;
        let &[b':', s1, s2] = rest else { return None };
        let secs = self.minute(date, minute, || {
            let [y1, y2, y3, y4, b'-', m1, m2, b'-', d1, d2] = *date else {
                return None;
            };
            let [h1, h2, b':', i1, i2] = *minute else {
                return None;
            };
            minute_of(
                year([y1, y2, y3, y4])?,
                [m1, m2],
                [d1, d2],
                [h1, h2],
                [i1, i2],
            )
        })?;
        plus_seconds(secs, [s1, s2])
    }

    /// `dd/Mon/yyyy:hh:mm:ss ±hhmm`.
    #[inline(always)]
    pub(super) fn common_log(&mut self, text: &[u8; 26]) -> Option<Timestamp> {
        let (head, rest) = text.split_first_chunk::<17>()?;
        let (&[b':', s1, s2, b' '], zone) = rest.split_first_chunk::<4>()? else {
            return None;
        };
        let zone: &[u8; 5] = zone.try_into().ok()?;
        let secs = self.minute(head, zone, || {
            let [
                d1,
                d2,
                b'/',
                a,
                b,
                c,
                b'/',
                y1,
                y2,
                y3,
                y4,
                b':',
                h1,
                h2,
                b':',
                i1,
                i2,
            ] = *head
            else {
                return None;
            };
            let [sign, o1, o2, o3, o4] = *zone;
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
    let seconds = two_digits(text).filter(|&seconds| seconds <= LEAP_SECOND)?;
    Timestamp::from_unix_secs(minute_secs + i64::from(seconds.min(LEAP_SECOND - 1)))
}
