//! Calendar months, and the slots that they hold in a billing zone.

use std::fmt;
use std::ops::Range;

use jiff::civil;

use super::time::{Slot, Timestamp, Zone, slots_between};

/// A calendar month of the years 2000 to 2099; whose clock it follows is the caller's [`Zone`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Month {
    /// Months since year 0.
    index: u16,
}

impl Month {
    /// The month `month` (1 to 12) of `year`, if it is in range.
    pub fn new(year: i16, month: i8) -> Option<Self> {
        if !(2000..2100).contains(&year) || !(1..=12).contains(&month) {
            return None;
        }
        u16::try_from(i32::from(year) * 12 + i32::from(month) - 1)
            .ok()
            .map(|index| Month { index })
    }

    /// The month in which `slot` lies by the clock of `zone`.
    ///
    /// The first and last hours of the range of [`Slot`] may fall outside 2000 to 2099 by that
    /// clock; they count as its first and last month.
    pub fn of_slot(slot: Slot, zone: Zone) -> Self {
        Month::of_day(slot.day(zone))
    }

    /// The month of a day given as days since 1970-01-01.
    pub fn of_day(day: i32) -> Self {
        let date = civil::date(1970, 1, 1) + jiff::Span::new().days(day);
        match Month::new(date.year(), date.month()) {
            Some(month) => month,
            None if date.year() < 2000 => Month { index: 2000 * 12 },
            None => Month {
                index: 2099 * 12 + 11,
            },
        }
    }

    /// The year.
    pub fn year(self) -> i16 {
        i16::try_from(self.index / 12).expect("years end in 2099")
    }

    /// The month of the year, from 1.
    pub fn month(self) -> i8 {
        i8::try_from(self.index % 12 + 1).expect("a year has twelve months")
    }

    /// The month after, if it is in range.
    pub fn next(self) -> Option<Self> {
        let index = self.index + 1;
        (index < 2100 * 12).then_some(Month { index })
    }

    /// The first day, as days since 1970-01-01.
    pub fn first_day(self) -> i32 {
        let since = civil::date(self.year(), self.month(), 1) - civil::date(1970, 1, 1);
        since.get_days()
    }

    /// Days in the month.
    pub fn days(self) -> u32 {
        let days = civil::date(self.year(), self.month(), 1).days_in_month();
        u32::try_from(days).expect("a month has days")
    }

    /// All days, as days since 1970-01-01; they end with the first of the month after.
    pub fn all_days(self) -> Range<i32> {
        let first = self.first_day();
        first..first + self.days().cast_signed()
    }

    /// Numbers of the slots that the month holds by the clock of `zone`.
    pub fn slots(self, zone: Zone) -> Range<u32> {
        let midnight = |date: civil::Date| zone.instant(date.to_datetime(civil::Time::MIN));
        let first = civil::date(self.year(), self.month(), 1);
        let next = first + jiff::Span::new().months(1);
        slots_between(midnight(first), midnight(next))
    }

    /// The first day as text, `2026-10-01`: the value of the partition `billing_month`.
    pub fn first_day_text(self) -> String {
        format!("{self}-01")
    }
}

impl fmt::Display for Month {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}", self.year(), self.month())
    }
}

/// A month by the clock that its bill follows: only both together say which instants it holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct BillingMonth {
    /// The month.
    pub month: Month,
    /// Whose clock it follows.
    pub zone: Zone,
}

impl BillingMonth {
    /// `month` by the clock of `zone`.
    pub const fn new(month: Month, zone: Zone) -> Self {
        BillingMonth { month, zone }
    }

    /// Whether an instant lies in it.
    pub fn contains(self, at: Timestamp) -> bool {
        Month::of_slot(at.slot(), self.zone) == self.month
    }

    /// Numbers of its slots.
    pub fn slots(self) -> Range<u32> {
        self.month.slots(self.zone)
    }
}

/// Why a text is not a [`Month`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a month is written like 2026-10, from 2000-01 to 2099-12")]
pub struct MonthError;

impl std::str::FromStr for Month {
    type Err = MonthError;

    fn from_str(text: &str) -> Result<Self, MonthError> {
        let (year, month) = text.split_once('-').ok_or(MonthError)?;
        let digits =
            |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit());
        if !digits(year, 4) || !digits(month, 2) {
            return Err(MonthError);
        }
        let year = year.parse().map_err(|_| MonthError)?;
        let month = month.parse().map_err(|_| MonthError)?;
        Month::new(year, month).ok_or(MonthError)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::units::Timestamp;

    fn month_at(rfc3339: &str, zone: Zone) -> String {
        let instant: jiff::Timestamp = rfc3339.parse().expect("a time");
        let time = Timestamp::from_unix_secs(instant.as_second()).expect("in range");
        Month::of_slot(time.slot(), zone).to_string()
    }

    #[test]
    fn r14_the_month_turns_at_midnight_of_the_billing_zone() {
        assert_eq!(month_at("2020-05-31T15:59:59Z", Zone::CHINA), "2020-05");
        assert_eq!(month_at("2020-05-31T16:00:00Z", Zone::CHINA), "2020-06");
        assert_eq!(month_at("2020-05-31T23:59:59Z", Zone::UTC), "2020-05");
        assert_eq!(month_at("2020-06-01T00:00:00Z", Zone::UTC), "2020-06");
    }

    #[test]
    fn a_month_holds_its_days_of_slots_in_every_zone() {
        for (text, days) in [
            ("2026-10", 31),
            ("2026-09", 30),
            ("2024-02", 29),
            ("2023-02", 28),
        ] {
            let month: Month = text.parse().expect("a month");
            assert_eq!(month.days(), days);
            for zone in [Zone::UTC, Zone::CHINA] {
                let slots = month.slots(zone);
                assert_eq!(slots.len() as u32, days * 288);
                let first = Slot::from_index(slots.start).expect("in range");
                let last = Slot::from_index(slots.end - 1).expect("in range");
                assert_eq!(
                    (Month::of_slot(first, zone), Month::of_slot(last, zone)),
                    (month, month)
                );
            }
        }
    }

    #[test]
    fn a_month_ends_where_the_next_begins() {
        for text in ["2026-10", "2024-02", "2026-12"] {
            let month: Month = text.parse().expect("a month");
            let next = month.next().expect("in range");
            assert_eq!(month.all_days(), month.first_day()..next.first_day());
        }
    }

    #[test]
    fn months_are_read_strictly() {
        for bad in [
            "2026-13",
            "2026-00",
            "26-10",
            "2026-1",
            "2026-10-01",
            "1999-12",
            "2100-01",
            "",
        ] {
            assert_eq!(bad.parse::<Month>(), Err(MonthError), "{bad}");
        }
    }
}
