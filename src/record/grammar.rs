//! Pieces that the grammars of the formats share, in nom.
//!
//! The grammars are the specification: what they answer is right by definition. They are written
//! to be read next to the provider's documentation, and do no more work than that.

use jiff::civil;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while_m_n, take_while1};
use nom::character::complete::one_of;
use nom::combinator::{all_consuming, map_opt, opt, recognize};
use nom::error::{ErrorKind, ParseError};
use nom::sequence::{pair, terminated};
use nom::{IResult, Parser};

use super::clock::{LEAP_SECOND, month_number};
use super::fate::{Doubt, Reject};
use crate::units::{Bytes, Timestamp, civil_unix_secs};

/// What a grammar answers: the rest and a value, or why the line is rejected.
pub(super) type Parsed<'a, T> = IResult<&'a [u8], T, Reject>;

/// A parser that fails says `Fields` until a grammar names the field.
impl ParseError<&[u8]> for Reject {
    fn from_error_kind(_: &[u8], _: ErrorKind) -> Self {
        Reject::Fields
    }

    fn append(_: &[u8], _: ErrorKind, other: Self) -> Self {
        other
    }
}

/// Applies `parser` to the whole of a field's text; anything else is rejected as `reason`.
pub(super) fn content<'a, T>(
    text: &'a [u8],
    parser: impl Parser<&'a [u8], Output = T, Error = Reject>,
    reason: Reject,
) -> Result<T, Reject> {
    match all_consuming(parser).parse(text) {
        Ok((_, value)) => Ok(value),
        Err(_) => Err(reason),
    }
}

/// One or more bytes up to a `separator`, which is consumed.
pub(super) fn token<'a>(separator: u8) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Reject> {
    terminated(
        take_while1(move |byte| byte != separator),
        take_while_m_n(1, 1, move |byte| byte == separator),
    )
}

/// Exactly `count` ASCII digits, as a number.
pub(super) fn number<'a>(count: usize) -> impl Parser<&'a [u8], Output = u32, Error = Reject> {
    map_opt(
        take_while_m_n(count, count, |byte: u8| byte.is_ascii_digit()),
        |text| decimal(text)?.try_into().ok(),
    )
}

/// Digits as a number of up to 64 bits.
fn decimal(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, &digit| {
        let digit = digit.checked_sub(b'0')?;
        value.checked_mul(10)?.checked_add(digit.into())
    })
}

/// Downstream bytes: digits, or `-` for none (0 bytes and a doubt).
///
/// Errors: `TooManyBytes` for digits over 2⁶⁴ − 1. Lower numbers over the limit of a line are answered,
/// since they are the bound of a rejected line; `layout::within_limit` rejects them for all formats.
pub(super) fn bytes(text: &[u8]) -> Result<(Bytes, Option<Doubt>), Reject> {
    if text == b"-" {
        return Ok((Bytes::ZERO, Some(Doubt::NoBytes)));
    }
    let digits = take_while1(|byte: u8| byte.is_ascii_digit());
    let digits = content(text, digits, Reject::Bytes)?;
    let value = decimal(digits).ok_or(Reject::TooManyBytes)?;
    Ok((Bytes::new(value), None))
}

/// A status of `min` to three digits, or `-` (0).
pub(super) fn status(text: &[u8], digits_min: usize) -> Result<u16, Reject> {
    if text == b"-" {
        return Ok(0);
    }
    let digits = take_while_m_n(digits_min, 3, |byte: u8| byte.is_ascii_digit());
    let value = content(text, map_opt(digits, decimal), Reject::Status)?;
    u16::try_from(value).map_err(|_| Reject::Status)
}

/// What `-` in place of a place or network is read as; no list has this number.
pub(super) const NO_PLACE: i32 = i32::MIN;

/// Most digits of a place or network.
pub(super) const PLACE_DIGITS_MAX: usize = 6;

/// The number of a place or network: up to six digits, possibly negative, or `-`.
pub(super) fn place_id(text: &[u8]) -> Result<i32, Reject> {
    if text == b"-" {
        return Ok(NO_PLACE);
    }
    let digits = take_while_m_n(1, PLACE_DIGITS_MAX, |byte: u8| byte.is_ascii_digit());
    let signed = map_opt(recognize(pair(opt(tag("-")), digits)), |text: &[u8]| {
        std::str::from_utf8(text).ok()?.parse().ok()
    });
    content(text, signed, Reject::Fields)
}

/// The instant of a civil time on a clock `offset_secs` ahead of UTC; a second 60 is the 59th.
///
/// Errors: `Time` where the calendar has no such time, `TimeRange` outside 2000 to 2099.
pub(super) fn instant(
    [year, month, day]: [u32; 3],
    [hour, minute, second]: [u32; 3],
    offset_secs: i64,
) -> Result<Timestamp, Reject> {
    let small = |value: u32| i8::try_from(value).map_err(|_| Reject::Time);
    let year = i16::try_from(year).map_err(|_| Reject::Time)?;
    let second = match second == u32::from(LEAP_SECOND) {
        true => second - 1,
        false => second,
    };
    let civil = civil::DateTime::new(
        year,
        small(month)?,
        small(day)?,
        small(hour)?,
        small(minute)?,
        small(second)?,
        0,
    );
    let secs = civil_unix_secs(civil.map_err(|_| Reject::Time)?) - offset_secs;
    Timestamp::from_unix_secs(secs).ok_or(Reject::TimeRange)
}

/// `YYYYMMDDhhmmss` on a clock `offset_secs` ahead of UTC.
pub(super) fn compact_time(text: &[u8], offset_secs: i64) -> Result<Timestamp, Reject> {
    let date = (number(4), number(2), number(2));
    let time = (number(2), number(2), number(2));
    let ((y, m, d), (h, i, s)) = content(text, (date, time), Reject::Time)?;
    instant([y, m, d], [h, i, s], offset_secs)
}

/// `YYYY-MM-DD`.
pub(super) fn dashed_date(text: &[u8]) -> Parsed<'_, [u32; 3]> {
    let (rest, (y, _, m, _, d)) =
        (number(4), tag("-"), number(2), tag("-"), number(2)).parse(text)?;
    Ok((rest, [y, m, d]))
}

/// `hh:mm:ss`.
pub(super) fn colon_time(text: &[u8]) -> Parsed<'_, [u32; 3]> {
    let (rest, (h, _, m, _, s)) =
        (number(2), tag(":"), number(2), tag(":"), number(2)).parse(text)?;
    Ok((rest, [h, m, s]))
}

/// `±hh` and `mm` with `between` them, as seconds ahead of UTC; at most 18 hours 59 minutes.
pub(super) fn offset<'a>(
    between: &'static str,
) -> impl Parser<&'a [u8], Output = i64, Error = Reject> {
    let parts = (one_of("+-"), number(2), tag(between), number(2));
    map_opt(parts, |(sign, hours, _, minutes)| {
        let secs = i64::from(hours) * 3_600 + i64::from(minutes) * 60;
        (hours <= 18 && minutes <= 59).then_some(if sign == '-' { -secs } else { secs })
    })
}

/// `dd/Mon/yyyy:hh:mm:ss ±hhmm`, the time of the common log format; some servers write a day below
/// 10 with one digit.
pub(super) fn common_log_time(text: &[u8]) -> Result<Timestamp, Reject> {
    let month = map_opt(
        take_while_m_n(3, 3, |byte: u8| byte.is_ascii_alphabetic()),
        |name: &[u8]| {
            month_number(name.try_into().ok()?).and_then(|two| decimal(&two)?.try_into().ok())
        },
    );
    let day = alt((number(2), number(1)));
    let date = (day, tag("/"), month, tag("/"), number(4), tag(":"));
    let parts = (date, colon_time, tag(" "), offset(""));
    let ((d, _, m, _, y, _), time, _, offset) = content(text, parts, Reject::Time)?;
    instant([y, m, d], time, offset)
}
