//! One domain's facts.

use std::fmt;
use std::net::Ipv4Addr;
use std::ops::Range;

use crate::units::{Domain, HostError, Month, Zone};

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

    /// The class of this name.
    pub fn by_name(name: &str) -> Option<Self> {
        Class::ALL.into_iter().find(|class| class.name() == name)
    }

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
    /// The day on which it was added as mini-program domain, since 1970-01-01 by the billing clock.
    pub mini_program_from: Option<i32>,
}

/// Which kind of entry speaks of a domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Match<'a> {
    /// One of its very name.
    Exact,
    /// A wildcard: that of what is below this suffix. Whoever asks for such a name chooses it.
    Below(&'a str),
    /// None.
    None,
}

/// Which names an entry speaks of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Pattern {
    Exact(String),
    /// Everything below this suffix.
    Below(String),
}

impl Pattern {
    /// `name` or `*.suffix`, in either case. A port is refused, although a log's host may have
    /// one: an entry with a port looks as if it spoke of that port only.
    pub(super) fn parse(text: &str) -> Result<Self, HostError> {
        match text.strip_prefix("*.") {
            None => host(text).map(Pattern::Exact),
            // Nothing is below an address.
            Some(suffix) if suffix.starts_with('[') || suffix.parse::<Ipv4Addr>().is_ok() => {
                Err(HostError::Malformed)
            }
            Some(suffix) => host(suffix).map(Pattern::Below),
        }
    }

    /// Whether it speaks of a domain, whatever others do.
    pub(super) fn covers(&self, domain: &str) -> bool {
        match self {
            Pattern::Exact(name) => name == domain,
            Pattern::Below(suffix) => {
                let above = domain.strip_suffix(&suffix[..]);
                above.is_some_and(|above| above.ends_with('.'))
            }
        }
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Pattern::Exact(name) => f.write_str(name),
            Pattern::Below(suffix) => write!(f, "*.{suffix}"),
        }
    }
}

fn host(text: &str) -> Result<String, HostError> {
    let name = Domain::parse(text.as_bytes())?.as_str().to_owned();
    match name.eq_ignore_ascii_case(text.strip_suffix('.').unwrap_or(text)) {
        true => Ok(name),
        false => Err(HostError::Malformed),
    }
}

/// An account or AppID, without the blanks around it; or what is wrong with it.
///
/// Control characters would break the lines of the digest and of every table written later.
pub(super) fn label(text: &str) -> Result<String, &'static str> {
    match text.trim() {
        "" => Err("is empty; write its value"),
        label if label.contains(char::is_control) => {
            Err("holds a control character; write it on one line, without tabs")
        }
        label => Ok(label.to_owned()),
    }
}

/// When a domain was added as mini-program domain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Added {
    pub(super) unix_secs: i64,
    /// Since 1970-01-01, by the billing clock.
    pub(super) day: i32,
    /// The first month that is mini-program, whole (R19, R20).
    pub(super) month: Month,
}

impl Added {
    /// The days 2000-01-01 to 2099-12-31, since 1970-01-01: those of [`Month`].
    const DAYS: Range<i64> = 10_957..47_482;

    /// Added `unix_secs` after the epoch, if `zone`'s clock shows a year from 2000 to 2099 then.
    pub(super) fn at(unix_secs: i64, zone: Zone) -> Option<Self> {
        let day = zone.day_of(unix_secs);
        if !Added::DAYS.contains(&day) {
            return None;
        }
        let day = i32::try_from(day).ok()?;
        let month = Month::of_day(day);
        Some(Added {
            unix_secs,
            day,
            month,
        })
    }
}

/// The facts of one entry.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) account: Option<String>,
    pub(super) app_id: Option<String>,
    pub(super) is_push: bool,
    /// None for a push domain.
    pub(super) mini_program_since: Option<Added>,
    /// Where it stands, for messages.
    pub(super) line: usize,
}

impl Entry {
    pub(super) fn class(&self, month: Month) -> Class {
        match self.mini_program_since {
            _ if self.is_push => Class::Push,
            Some(added) if added.month <= month => Class::MiniProgram,
            _ => Class::Standard,
        }
    }

    /// Everything that it says, in one line. Labels are neither empty nor hold tabs, so no two
    /// different entries give the same line.
    pub(super) fn canonical(&self, pattern: &Pattern) -> String {
        let text = |label: &Option<String>| label.clone().unwrap_or_default();
        let (account, app_id) = (text(&self.account), text(&self.app_id));
        let kind = if self.is_push { "push" } else { "play" };
        let since = self
            .mini_program_since
            .map(|added| added.unix_secs.to_string());
        format!(
            "{pattern}\t{account}\t{app_id}\t{kind}\t{}",
            since.unwrap_or_default()
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn additions_have_the_range_of_months() {
        let edge = |text: &str| text.parse::<Month>().expect("a month");
        let end = edge("2099-12").first_day() + 31;
        let (first, end) = (i64::from(edge("2000-01").first_day()), i64::from(end));
        assert_eq!(Added::DAYS, first..end);
        for zone in [Zone::UTC, Zone::CHINA] {
            let at = |local_secs: i64| Added::at(local_secs - i64::from(zone.offset_secs()), zone);
            assert_eq!(at(first * 86_400 - 1), None);
            assert_eq!(
                at(first * 86_400).map(|added| added.month),
                Some(edge("2000-01"))
            );
            assert_eq!(
                at(end * 86_400 - 1).map(|added| added.month),
                Some(edge("2099-12"))
            );
            assert_eq!(at(end * 86_400), None);
        }
    }
}
