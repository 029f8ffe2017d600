//! One domain's facts.

use crate::units::{Domain, HostError, Month, Timestamp, Zone};

/// What a domain is sold as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Class {
    /// Mini-program playback: one price, no packages (R11, R18).
    MiniProgram,
    /// Standard playback.
    Standard,
    /// A push domain: not downstream playback (R17).
    Push,
    /// Not in the registry (R23).
    Unknown,
}

impl Class {
    /// All classes.
    pub const ALL: [Class; 4] = [
        Class::MiniProgram,
        Class::Standard,
        Class::Push,
        Class::Unknown,
    ];

    /// The name in tables and files.
    pub const fn name(self) -> &'static str {
        match self {
            Class::MiniProgram => "mini_program",
            Class::Standard => "standard",
            Class::Push => "push",
            Class::Unknown => "unknown",
        }
    }
}

/// What a domain is in a month, and whose.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Attribution<'a> {
    /// Its class in that month.
    pub class: Class,
    /// Its account.
    pub account: Option<&'a str>,
    /// The AppID of its mini-program.
    pub app_id: Option<&'a str>,
}

/// Which names an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(String),
    /// Everything below this suffix.
    Below(String),
}

impl Pattern {
    /// `name` or `*.suffix`.
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        let name = |text: &str| Domain::parse(text.as_bytes()).map(|name| name.as_str().to_owned());
        match text.strip_prefix("*.") {
            Some(suffix) => name(suffix).map(Pattern::Below),
            None => name(text).map(Pattern::Exact),
        }
    }
}

/// When a domain was added as mini-program domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Added {
    /// On this day of the billing zone (days since 1970-01-01).
    Day(i32),
    /// At this instant.
    At(Timestamp),
}

impl Added {
    /// The first month that is mini-program, whole (R19, R20).
    fn month(self, zone: Zone) -> Month {
        match self {
            Added::Day(day) => Month::of_day(day),
            Added::At(time) => Month::of_slot(time.slot(), zone),
        }
    }
}

/// The facts of one entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) account: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) is_push: bool,
    pub(super) mini_program_since: Option<Added>,
    /// Where it stands, for messages.
    pub(super) line: usize,
}

impl Entry {
    pub(super) fn class(&self, month: Month, zone: Zone) -> Class {
        match self.mini_program_since {
            _ if self.is_push => Class::Push,
            Some(added) if added.month(zone) <= month => Class::MiniProgram,
            _ => Class::Standard,
        }
    }

    /// Everything that it says, in one line.
    pub(super) fn canonical(&self, name: &str) -> String {
        let since = match self.mini_program_since {
            None => String::new(),
            Some(Added::Day(day)) => format!("day {day}"),
            Some(Added::At(time)) => format!("at {}", time.as_unix_secs()),
        };
        format!(
            "{name}\t{:?}\t{:?}\t{}\t{since}",
            self.account, self.app_id, self.is_push
        )
    }
}
