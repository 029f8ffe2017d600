//! The TOML form of a registry.
//!
//! ```toml
//! [[domain]]
//! name = "live-mini.example.com"       # or "*.example.com"
//! account = "100001"                   # whose it is
//! app_id = "wx0123456789abcdef"        # optional: the class never depends on it (R16)
//! mini_program_since = "2026-10-15"    # a day of the billing zone, or an instant; absent: standard
//! kind = "play"                        # or "push"; "play" if absent
//!
//! [[correction]]                       # of an entry that was wrong when a month was closed, and is mended above
//! name = "live-mini.example.com"       # as the wrong entry had it
//! wrong_mini_program_since = "2026-09-03"  # what it said
//! on = "2026-11-03"                    # the day on which that was found
//! reason = "another domain was meant, ticket 4711"
//! ```
//!
//! What a correction does is said in `correction.rs`.
//!
//! Keys are looked up by hand rather than derived, because a refusal has to name the line of the
//! very key, and say which rule forbids a key that speaks of removal.

use jiff::civil;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::correction::Correction;
use super::entry::{Added, Entry, Pattern, label};
use super::{Lines, Place, RegistryError};
use crate::units::Zone;

/// The key of what a wrong entry said.
pub(super) const WRONG_SINCE: &str = "wrong_mini_program_since";
const KEYS: [&str; 5] = ["name", "account", "app_id", "mini_program_since", "kind"];
/// Parts of keys that claim what R22 rules out.
const REMOVAL_STEMS: [&str; 5] = ["remov", "delet", "unbind", "unbound", "until"];
const DATES: &str = "2026-10-15, or an instant with its zone such as 2026-10-15T09:30:00+08:00";

/// What a file says, each in its order.
pub(super) struct File {
    pub(super) entries: Vec<(Pattern, Entry)>,
    /// Each with the place of its wrong date.
    pub(super) corrections: Vec<(Correction, Place)>,
}

/// What `text` says; dates without a zone are days of `zone`.
pub(super) fn file(text: &str, origin: &str, zone: Zone) -> Result<File, RegistryError> {
    let lines = Lines::new(text.as_bytes(), origin);
    let file = DeTable::parse(text).map_err(|error| RegistryError::Syntax {
        at: lines.place(error.span().map_or(0, |span| span.start)),
        form: "TOML",
        reason: error.message().to_owned(),
    })?;
    let file = Table {
        keys: file.get_ref(),
        lines: &lines,
        at: lines.place(0),
    };
    file.check_keys(
        &["domain", "correction"],
        "list domains under [[domain]], and wrong entries under [[correction]]",
    )?;
    let domains = "is no list of tables; head every entry with [[domain]]";
    let corrections = "is no list of tables; head every entry with [[correction]]";
    Ok(File {
        entries: file.list("domain", domains, |table| entry(table, zone))?,
        corrections: file.list("correction", corrections, |table| correction(table, zone))?,
    })
}

fn entry(table: &Table<'_>, zone: Zone) -> Result<(Pattern, Entry), RegistryError> {
    table.check_keys(
        &KEYS,
        "the keys are name, account, app_id, mini_program_since and kind",
    )?;
    let pattern = table.pattern()?;
    let account = table
        .label("account")?
        .ok_or_else(|| table.missing("account", "is missing; say whose domain it is"))?;
    let is_push = match table.text("kind")? {
        None | Some(("play", _)) => false,
        Some(("push", _)) => true,
        Some((_, at)) => {
            return Err(field(
                at,
                "kind",
                "is neither \"play\" nor \"push\"; write one",
            ));
        }
    };
    let since = match table.value("mini_program_since") {
        None => None,
        Some((_, at)) if is_push => {
            let problem = "says that a push domain serves playback (R17); delete it, or the kind";
            return Err(field(at, "mini_program_since", problem));
        }
        Some((value, at)) => Some(date(value, "mini_program_since", at, zone)?),
    };
    let app_id = table.label("app_id")?;
    let line = table.at.line;
    Ok((
        pattern,
        Entry {
            account: Some(account),
            app_id,
            is_push,
            mini_program_since: since,
            line,
        },
    ))
}

/// A wrong entry, and the place of the date in it.
fn correction(table: &Table<'_>, zone: Zone) -> Result<(Correction, Place), RegistryError> {
    table.check_keys(
        &["name", WRONG_SINCE, "on", "reason"],
        "the keys are name, wrong_mini_program_since, on and reason",
    )?;
    let pattern = table.pattern()?;
    let dated = |key, problem| {
        let (value, at) = table
            .value(key)
            .ok_or_else(|| table.missing(key, problem))?;
        Ok((date(value, key, at.clone(), zone)?, at))
    };
    let (wrong, at) = dated(
        WRONG_SINCE,
        "is missing; write the mini_program_since that was wrong",
    )?;
    let (on, _) = dated("on", "is missing; say on which day the mistake was found")?;
    let reason = table.label("reason")?;
    let reason = reason.ok_or_else(|| table.missing("reason", "is missing; say what was wrong"))?;
    let correction = Correction {
        pattern,
        wrong,
        on: on.day,
        reason,
    };
    Ok((correction, at))
}

fn date(
    value: &DeValue<'_>,
    key: &'static str,
    at: Place,
    zone: Zone,
) -> Result<Added, RegistryError> {
    let date = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        _ => {
            return Err(field(at, key, "is no date; write one like 2026-10-15"));
        }
    };
    added(&date, zone).ok_or(RegistryError::Date {
        at,
        date,
        expected: DATES,
    })
}

/// A day of `zone`, or an instant with its own zone; a civil time alone is refused.
fn added(text: &str, zone: Zone) -> Option<Added> {
    // A zone's name in brackets would be read past, even where it contradicts the offset.
    if text.contains('[') {
        return None;
    }
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Added::at(instant.as_second(), zone);
    }
    let date: civil::Date = text.parse().ok()?;
    // The date's parser also reads past a time of day, and takes other spellings.
    if date.to_string() != text {
        return None;
    }
    Added::at(zone.instant(date.to_datetime(civil::Time::MIN)), zone)
}

/// A table, and where it starts.
struct Table<'a> {
    keys: &'a DeTable<'a>,
    lines: &'a Lines<'a>,
    at: Place,
}

impl<'a> Table<'a> {
    /// Refuses the first key that is not among `allowed`.
    fn check_keys(&self, allowed: &[&str], known: &'static str) -> Result<(), RegistryError> {
        let strange = self
            .keys
            .keys()
            .filter(|key| !allowed.contains(&key.get_ref().as_ref()));
        let Some(first) = strange.min_by_key(|key| key.span().start) else {
            return Ok(());
        };
        let (at, key) = (
            self.lines.place(first.span().start),
            first.get_ref().to_string(),
        );
        let lower = key.to_ascii_lowercase();
        match REMOVAL_STEMS.iter().any(|stem| lower.contains(stem)) {
            true => Err(RegistryError::Removal { at, key }),
            false => Err(RegistryError::Key { at, key, known }),
        }
    }

    /// The tables of a list, each as `read` has it; none where there is no list.
    fn list<T>(
        &self,
        key: &'static str,
        problem: &'static str,
        read: impl Fn(&Table<'_>) -> Result<T, RegistryError>,
    ) -> Result<Vec<T>, RegistryError> {
        let Some((rows, at)) = self.value(key) else {
            return Ok(Vec::new());
        };
        let no_list = |at| field(at, key, problem);
        let DeValue::Array(rows) = rows else {
            return Err(no_list(at));
        };
        let row = |row: &'a Spanned<DeValue<'_>>| {
            let at = self.lines.place(row.span().start);
            let DeValue::Table(keys) = row.get_ref() else {
                return Err(no_list(at));
            };
            let lines = self.lines;
            read(&Table { keys, lines, at })
        };
        rows.iter().map(row).collect()
    }

    /// Which names the table speaks of.
    fn pattern(&self) -> Result<Pattern, RegistryError> {
        let problem = "is missing; say which domain the entry speaks of";
        let (name, at) = self
            .text("name")?
            .ok_or_else(|| self.missing("name", problem))?;
        Pattern::parse(name).map_err(|source| RegistryError::Name {
            at,
            name: name.to_owned(),
            source,
        })
    }

    fn value(&self, key: &str) -> Option<(&'a DeValue<'a>, Place)> {
        let value = self.keys.get(key)?;
        Some((value.get_ref(), self.lines.place(value.span().start)))
    }

    fn text(&self, key: &'static str) -> Result<Option<(&'a str, Place)>, RegistryError> {
        match self.value(key) {
            None => Ok(None),
            Some((DeValue::String(text), at)) => Ok(Some((text.as_ref(), at))),
            Some((_, at)) => Err(field(at, key, "is no text; write it in quotes")),
        }
    }

    fn label(&self, key: &'static str) -> Result<Option<String>, RegistryError> {
        let Some((text, at)) = self.text(key)? else {
            return Ok(None);
        };
        label(text)
            .map(Some)
            .map_err(|problem| field(at, key, problem))
    }

    fn missing(&self, key: &'static str, problem: &'static str) -> RegistryError {
        field(self.at.clone(), key, problem)
    }
}

fn field(at: Place, field: &'static str, problem: &'static str) -> RegistryError {
    RegistryError::Field { at, field, problem }
}
