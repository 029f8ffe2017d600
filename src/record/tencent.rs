//! Tencent Cloud CDN offline log (`tencent-cdn`) and Live playback log (`tencent-live`).
//!
//! ```text
//! line   = time SP ip SP domain SP path SP bytes SP places status [ SP tail ]
//! places = province SP isp SP                   (CDN)
//!        | country SP province SP isp SP        (Live: one field more from here on)
//! time   = 14 digits, Beijing time              bytes  = digits | "-"
//! place  = ["-"] 1*6 digits | "-"               status = 3 digits | "0" | "-"   (Live: 1*3 digits)
//! tail   = anything that does not begin with a digit or with a number's "-"
//! ```
//!
//! Nothing behind the status is needed, so lines of 8, 11, 12, 15, 16 and more fields are read
//! alike. A raw space in the path shifts the columns; then a place stands where the status is
//! expected and the true status where the referer is, so the line is rejected and not guessed.
//!
//! Source: FORMATS §1 (document 228/6316) and §3 (document 267/33998), read 2026-11. The live
//! log's country and province numbers are those of document 267/33998.

use nom::Parser;
use nom::combinator::rest;

use super::clock::Clock;
use super::fate::{Doubt, Fate, Record, Reject};
use super::field::{number_until_space, three_digits, until, until_far};
use super::grammar::{
    NO_PLACE, PLACE_DIGITS_MAX, bytes, compact_time, content, place_id, status, token,
};
use super::{BytesIn, LineFormat};
use crate::units::{Bytes, Region, Zone};

const BEIJING_SECS: i64 = Zone::CHINA.offset_secs() as i64;

/// Both layouts; `LIVE` tells which.
#[derive(Clone, Copy, Debug, Default)]
pub struct Tencent<const LIVE: bool>;

/// The offline log of Tencent Cloud CDN.
pub type TencentCdn = Tencent<false>;
/// The playback log of Tencent Cloud Live.
pub type TencentLive = Tencent<true>;

impl<const LIVE: bool> LineFormat for Tencent<LIVE> {
    const NAME: &'static str = if LIVE { "tencent-live" } else { "tencent-cdn" };
    const BYTES_IN: BytesIn = BytesIn::Total;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        match self.grammar(line) {
            Ok(record) => Fate::Metered(record),
            Err(reason) => Fate::Rejected(reason),
        }
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        let (time, line) = line.split_first_chunk::<14>()?;
        let time = clock.compact(time, BEIJING_SECS)?;
        let line = line.strip_prefix(b" ")?;
        let (ip, line) = until(b' ', line)?;
        let (host, line) = until(b' ', line)?;
        let (path, line) = until_far(b' ', line)?;
        let (sent, line) = number_until_space(line)?;
        let (country, line) = if LIVE { place(line)? } else { (1, line) };
        let (province, line) = place(line)?;
        let (isp, line) = place(line)?;
        let (code, tail) = line.split_first_chunk::<3>()?;
        let status = three_digits(code)?;
        let is_certain = !ip.is_empty() && !host.is_empty() && !path.is_empty() && is_opaque(tail);
        if !is_certain {
            return None;
        }
        Some(Fate::Metered(Record {
            time,
            host,
            bytes: Bytes::new(sent),
            status,
            region: region::<LIVE>(country, province, isp),
            doubt: None,
        }))
    }

    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let field = line.split(|&byte| byte == b' ').nth(4)?;
        bytes(field).ok().map(|(bytes, _)| bytes)
    }
}

impl<const LIVE: bool> Tencent<LIVE> {
    fn grammar<'a>(&self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        let mut field = token(b' ');
        let mut next = |text: &'a [u8]| field.parse(text).map_err(|_| Reject::Fields);
        let (line, time) = next(line)?;
        let (line, _ip) = next(line)?;
        let (line, host) = next(line)?;
        let (line, _path) = next(line)?;
        let (line, sent) = next(line)?;
        let (line, country) = if LIVE { next(line)? } else { (line, &b"1"[..]) };
        let (line, province) = next(line)?;
        let (line, isp) = next(line)?;
        let (status_text, tail) = match next(line) {
            Ok((tail, status_text)) => (status_text, tail),
            Err(_) => (content(line, rest, Reject::Fields)?, &b""[..]),
        };
        let time = compact_time(time, BEIJING_SECS)?;
        let (bytes, doubt): (Bytes, Option<Doubt>) = bytes(sent)?;
        let (country, province, isp) = (place_id(country)?, place_id(province)?, place_id(isp)?);
        let status = match (LIVE, status_text) {
            (false, b"0") => 0,
            (false, text) => status(text, 3)?,
            (true, text) => status(text, 1)?,
        };
        let is_shifted = match tail {
            [b'0'..=b'9', ..] => true,
            [b'-', next, ..] => *next != b' ',
            _ => false,
        };
        if is_shifted {
            return Err(Reject::Fields);
        }
        let region = region::<LIVE>(country, province, isp);
        Ok(Record {
            time,
            host,
            bytes,
            status,
            region,
            doubt,
        })
    }
}

/// Whether what follows the status cannot be a number: the end, or a referer.
#[inline(always)]
fn is_opaque(tail: &[u8]) -> bool {
    match tail {
        [] => true,
        [b' ', b'-', next, ..] => *next == b' ',
        [b' ', first, ..] => !first.is_ascii_digit(),
        [b' '] => true,
        _ => false,
    }
}

/// A place of one to six digits, or the −1 of overseas networks, and what follows its space.
#[inline(always)]
fn place(text: &[u8]) -> Option<(i32, &[u8])> {
    if let Some(rest) = text.strip_prefix(b"-1 ") {
        return Some((-1, rest));
    }
    let (value, rest) = number_until_space(text)?;
    let is_place = text.len() - rest.len() <= PLACE_DIGITS_MAX + 1;
    is_place.then_some((value as i32, rest))
}

/// CDN: a network of −1 is overseas. Live: by country, then by province for Hong Kong (32),
/// Macao (33) and Taiwan (34), which the list of provinces holds. A country that no price zone lists
/// is overseas, whether or not the list of countries holds its number (it ends with 197).
#[inline(always)]
fn region<const LIVE: bool>(country: i32, province: i32, isp: i32) -> Region {
    match (LIVE, country, province) {
        (false, ..) => match isp {
            -1 => Region::Overseas,
            NO_PLACE => Region::Unknown,
            _ => Region::Mainland,
        },
        (true, 1, 32 | 33) => Region::Ap1,
        (true, 1, 34) => Region::Ap2,
        (true, 1, _) => Region::Mainland,
        (true, country, _) => live_region(country),
    }
}

fn live_region(country: i32) -> Region {
    match country {
        5 | 6 | 14 | 40 | 47 => Region::Ap1,
        3 | 18 | 24 | 34 => Region::Ap2,
        13 | 33 | 183 => Region::Ap3,
        166 | 174 | 181 => Region::Na,
        102 | 109 | 112 | 124 | 127 | 131 | 136 | 145 => Region::Eu,
        2 | 8 | 15 | 20 | 26 => Region::Me,
        59 => Region::Af,
        148 | 155 => Region::Sa,
        // 0 and −1 are no country's number.
        1.. => Region::Overseas,
        _ => Region::Unknown,
    }
}
