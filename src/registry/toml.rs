//! The TOML form of a registry.
//!
//! ```toml
//! [[domain]]
//! name = "live-mini.example.com"       # or "*.example.com"
//! account = "100001"                   # whose it is
//! app_id = "wx0123456789abcdef"        # optional: the class never depends on it (R16)
//! mini_program_since = "2026-10-15"    # a day of the billing zone, or an instant; absent: standard
//! kind = "play"                        # or "push"; "play" if absent
//! ```
//!
//! Keys are looked up by hand rather than derived, because a refusal has to name the line of the
//! very key, and say which rule forbids a key that speaks of removal.

use jiff::civil;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::entry::{Added, Entry, Pattern, label};
use super::{Lines, Place, RegistryError};
use crate::units::Zone;

const KEYS: [&str; 5] = ["name", "account", "app_id", "mini_program_since", "kind"];
/// Parts of keys that claim what R22 rules out.
const REMOVAL_STEMS: [&str; 5] = ["remov", "delet", "unbind", "unbound", "until"];
const DATES: &str = "2026-10-15, or an instant with its zone such as 2026-10-15T09:30:00+08:00";

/// The entries of `text` in their order; dates without a zone are days of `zone`.
pub(super) fn entries(
    text: &str,
    origin: &str,
    zone: Zone,
) -> Result<Vec<(Pattern, Entry)>, RegistryError> {
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
    file.check_keys(&["domain"], "list domains under [[domain]]")?;
    let Some((domains, at)) = file.value("domain") else {
        return Ok(Vec::new());
    };
    let no_list = |at| RegistryError::Field {
        at,
        field: "domain",
        problem: "is no list of tables; head every entry with [[domain]]",
    };
    let DeValue::Array(rows) = domains else {
        return Err(no_list(at));
    };
    let row = |row: &Spanned<DeValue<'_>>| {
        let at = lines.place(row.span().start);
        let DeValue::Table(keys) = row.get_ref() else {
            return Err(no_list(at));
        };
        entry(
            &Table {
                keys,
                lines: &lines,
                at,
            },
            zone,
        )
    };
    rows.iter().map(row).collect()
}

fn entry(table: &Table<'_>, zone: Zone) -> Result<(Pattern, Entry), RegistryError> {
    table.check_keys(
        &KEYS,
        "the keys are name, account, app_id, mini_program_since and kind",
    )?;
    let (name, at) = table
        .text("name")?
        .ok_or_else(|| table.missing("name", "is missing; say which domain the entry speaks of"))?;
    let pattern = Pattern::parse(name).map_err(|source| RegistryError::Name {
        at,
        name: name.to_owned(),
        source,
    })?;
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
        Some((value, at)) => Some(date(value, at, zone)?),
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

fn date(value: &DeValue<'_>, at: Place, zone: Zone) -> Result<Added, RegistryError> {
    let date = match value {
        DeValue::String(text) => text.to_string(),
        DeValue::Datetime(date) => date.to_string(),
        _ => {
            return Err(field(
                at,
                "mini_program_since",
                "is no date; write one like 2026-10-15",
            ));
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
