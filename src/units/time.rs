//! Instants, 5-minute slots and billing zones.

use std::fmt;
use std::ops::Range;

use jiff::civil;

/// Length of a slot in seconds.
pub const SLOT_SECS: u32 = 300;
/// Length of a day in seconds: billing zones have no summer time.
pub const DAY_SECS: i64 = 86_400;
/// Slots in a day.
pub const SLOTS_PER_DAY: u32 = DAY_SECS as u32 / SLOT_SECS;

const _: () = assert!(
    DAY_SECS % SLOT_SECS as i64 == 0,
    "a day is a whole number of slots"
);

/// An instant in whole seconds since 1970-01-01T00:00:00Z.
///
/// Shape: from 2000-01-01 to 2100-01-01 (exclusive). A log line outside it is a reject: no CDN
/// wrote it, and a month nobody bills would be a silent way to lose its bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u32);

impl Timestamp {
    /// 2000-01-01T00:00:00Z.
    pub const MIN: Timestamp = Timestamp(946_684_800);
    /// The first instant that is too late: 2100-01-01T00:00:00Z.
    pub const END: Timestamp = Timestamp(4_102_444_800);

    /// The instant `secs` seconds after the epoch, if it is in range.
    pub fn from_unix_secs(secs: i64) -> Option<Self> {
        let secs = u32::try_from(secs).ok()?;
        (Self::MIN.0..Self::END.0)
            .contains(&secs)
            .then_some(Timestamp(secs))
    }

    /// Seconds since the epoch.
    pub const fn as_unix_secs(self) -> i64 {
        self.0 as i64
    }

    /// An instant with its own zone, such as `2026-10-03T12:00:00Z` or `2026-10-03T20:00+08:00`, or else
    /// a civil time that the clock of `zone` shows, such as `2026-10-03T20:00`.
    pub fn parse(text: &str, zone: Zone) -> Option<Self> {
        let secs = match text.parse::<jiff::Timestamp>() {
            Ok(instant) => instant.as_second(),
            Err(_) => zone.instant(text.parse().ok()?),
        };
        Timestamp::from_unix_secs(secs)
    }

    /// As RFC 3339 in UTC, such as `2026-10-01T00:00:00Z`.
    pub fn rfc3339(self) -> String {
        let time = jiff::Timestamp::from_second(self.as_unix_secs()).expect("before 2100");
        time.to_string()
    }

    /// The slot that holds this instant.
    pub const fn slot(self) -> Slot {
        Slot(self.0 / SLOT_SECS)
    }
}

/// Five minutes, aligned to the epoch: slot n is `[300 n, 300 (n + 1))` seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(u32);

impl Slot {
    /// Bits that hold every slot before 2100.
    pub const BITS: u32 = 24;

    /// The slot with this number, if it is in the range of [`Timestamp`].
    pub fn from_index(index: u32) -> Option<Self> {
        let range = Timestamp::MIN.slot().0..Timestamp::END.slot().0;
        range.contains(&index).then_some(Slot(index))
    }

    /// Number of the slot since the epoch.
    pub const fn index(self) -> u32 {
        self.0
    }

    /// The instant at which the slot starts.
    pub const fn start(self) -> Timestamp {
        Timestamp(self.0 * SLOT_SECS)
    }

    /// First second of the slot, since the epoch.
    pub const fn start_unix_secs(self) -> i64 {
        self.0 as i64 * SLOT_SECS as i64
    }

    /// The calendar day of this slot in `zone`, as days since 1970-01-01.
    pub fn day(self, zone: Zone) -> i32 {
        i32::try_from(zone.day_of(self.start_unix_secs())).expect("slots end in 2100")
    }
}

const _: () = assert!(
    Timestamp::END.slot().0 < 1 << Slot::BITS,
    "a slot fits its bits"
);

/// The slots that start in `[from, to)`, both given in seconds since the epoch.
pub(super) fn slots_between(from: i64, to: i64) -> Range<u32> {
    let index = |secs: i64| u32::try_from(secs / i64::from(SLOT_SECS)).unwrap_or(0);
    index(from)..index(to)
}

/// A fixed offset from UTC: the clock by which days and months are billed.
///
/// Shape: a multiple of five minutes within ±18 hours, so that no slot straddles a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Zone(i32);

impl Zone {
    /// UTC.
    pub const UTC: Zone = Zone(0);
    /// UTC+08:00, the default billing zone (rule R14).
    pub const CHINA: Zone = Zone(8 * 3_600);

    /// Seconds to add to UTC.
    pub const fn offset_secs(self) -> i32 {
        self.0
    }

    /// The instant at which this zone's clock shows `local`.
    pub fn instant(self, local: civil::DateTime) -> i64 {
        unix_secs_of_civil(local) - i64::from(self.0)
    }

    /// The calendar day on this zone's clock at an instant, as days since 1970-01-01.
    pub const fn day_of(self, unix_secs: i64) -> i64 {
        (unix_secs + self.0 as i64).div_euclid(DAY_SECS)
    }

    /// What this zone's clock shows at an instant, such as `2026-10-03T20:00`, with seconds where there are any.
    pub fn clock_text(self, at: Timestamp) -> String {
        let local = jiff::Timestamp::from_second(at.as_unix_secs() + i64::from(self.0));
        let local = local.map(|local| jiff::tz::Offset::UTC.to_datetime(local));
        local.map_or_else(
            |_| at.rfc3339(),
            |local| match local.second() {
                0 => local.strftime("%Y-%m-%dT%H:%M").to_string(),
                _ => local.to_string(),
            },
        )
    }

    /// The instant at which a day, counted since 1970-01-01, begins on this zone's clock.
    pub const fn midnight(self, day: i64) -> i64 {
        day * DAY_SECS - self.0 as i64
    }
}

/// A day since 1970-01-01 as text, such as `2026-10-15`; `ever` beyond all calendars.
pub fn day_text(day: i32) -> String {
    let since = jiff::Span::new().try_days(day);
    let date = since.and_then(|since| civil::date(1970, 1, 1).checked_add(since));
    date.map_or_else(|_| "ever".to_owned(), |date| date.to_string())
}

/// The days of a year from `day` on: those for which is paid what was bought on it.
pub fn a_year_from(day: i32) -> Range<i32> {
    let epoch = civil::date(1970, 1, 1);
    let bought = epoch + jiff::Span::new().days(day);
    let end = bought.saturating_add(jiff::Span::new().years(1));
    day..(end - epoch).get_days()
}

/// Seconds since the epoch of a civil time read as UTC.
pub(crate) fn unix_secs_of_civil(time: civil::DateTime) -> i64 {
    let since = time.duration_since(civil::date(1970, 1, 1).to_datetime(civil::Time::MIN));
    since.as_secs()
}

/// Why a text is not a [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a billing zone is UTC or an offset such as +08:00, in steps of 5 minutes up to 18:00")]
pub struct ZoneError;

impl std::str::FromStr for Zone {
    type Err = ZoneError;

    fn from_str(text: &str) -> Result<Self, ZoneError> {
        if matches!(text, "UTC" | "Z") {
            return Ok(Zone::UTC);
        }
        let (sign, digits) = match text.split_at_checked(1).ok_or(ZoneError)? {
            ("+", digits) => (1, digits),
            ("-", digits) => (-1, digits),
            _ => return Err(ZoneError),
        };
        let (hours, minutes) = digits.split_once(':').ok_or(ZoneError)?;
        let number = |text: &str| match text.len() == 2 && text.bytes().all(|b| b.is_ascii_digit())
        {
            true => text.parse::<i32>().map_err(|_| ZoneError),
            false => Err(ZoneError),
        };
        let (hours, minutes) = (number(hours)?, number(minutes)?);
        let total = hours * 60 + minutes;
        match minutes < 60 && minutes % 5 == 0 && total <= 18 * 60 {
            true => Ok(Zone(sign * total * 60)),
            false => Err(ZoneError),
        }
    }
}

impl fmt::Display for Zone {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.abs() / 60;
        let sign = if self.0 < 0 { '-' } else { '+' };
        write!(f, "{sign}{:02}:{:02}", minutes / 60, minutes % 60)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_begin_at_midnight_on_the_clock_of_a_zone() {
        for zone in ["UTC", "+08:00", "-18:00"] {
            let zone: Zone = zone.parse().expect("a zone");
            for day in [0, 10_957, 20_731] {
                let midnight = zone.midnight(day);
                assert_eq!(zone.day_of(midnight), day);
                assert_eq!(zone.day_of(midnight - 1), day - 1);
            }
        }
        assert_eq!(Zone::CHINA.midnight(20_731), 1_791_129_600);
        assert_eq!(day_text(20_731), "2026-10-05");
        assert_eq!(day_text(i32::MAX), "ever");
    }

    #[test]
    fn slots_are_aligned_to_the_epoch() {
        let at = |secs| Timestamp::from_unix_secs(secs).map(|time| time.slot().start_unix_secs());
        assert_eq!(at(1_790_784_000), Some(1_790_784_000));
        assert_eq!(at(1_790_784_299), Some(1_790_784_000));
        assert_eq!(at(1_790_784_300), Some(1_790_784_300));
    }

    #[test]
    fn times_nobody_bills_are_out_of_range() {
        for secs in [-1, 0, 946_684_799, 4_102_444_800, i64::MAX, i64::MIN] {
            assert_eq!(Timestamp::from_unix_secs(secs), None, "{secs}");
        }
    }

    #[test]
    fn zones_are_read_strictly_and_printed_alike() {
        for text in ["+08:00", "-07:00", "+05:30", "+00:00", "-18:00"] {
            assert_eq!(
                text.parse::<Zone>().map(|zone| zone.to_string()),
                Ok(text.into())
            );
        }
        for bad in [
            "", "8", "+8", "+08", "08:00", "+08:01", "+19:00", "+08:60", "+0a:00", "é:00",
        ] {
            assert_eq!(bad.parse::<Zone>(), Err(ZoneError), "{bad}");
        }
    }
}
