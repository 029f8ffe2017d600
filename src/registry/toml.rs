//! The TOML form of a registry.
//!
//! ```toml
//! [[domain]]
//! name = "live-mini.example.com"       # or "*.example.com"
//! account = "100001"
//! app_id = "wx0123456789abcdef"        # optional
//! mini_program_since = "2026-10-15"    # a day of the billing zone, or an instant; absent: standard
//! kind = "play"                        # or "push"; "play" if absent
//! ```

use jiff::civil;
use serde::Deserialize;
use toml::Spanned;

use super::{Added, Entry, Pattern, RegistryError};
use crate::units::{Timestamp, Zone, civil_unix_secs};

/// Keys that claim what R22 rules out.
const REMOVAL_KEYS: [&str; 6] = [
    "removed",
    "removed_at",
    "deleted",
    "unbound",
    "mini_program_until",
    "mini_program_removed",
];

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    #[serde(default)]
    domain: Vec<Spanned<toml::Table>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Row {
    name: String,
    account: String,
    app_id: Option<String>,
    mini_program_since: Option<Date>,
    #[serde(default)]
    kind: Kind,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Date {
    Text(String),
    Bare(toml::value::Datetime),
}

#[derive(Deserialize, Default, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Kind {
    #[default]
    Play,
    Push,
}

pub(super) fn entries(
    text: &str,
    origin: &str,
    _zone: Zone,
) -> Result<Vec<(Pattern, Entry)>, RegistryError> {
    let line_at = |offset: usize| text[..offset.min(text.len())].matches('\n').count() + 1;
    let file: File = toml::from_str(text).map_err(|error| {
        let line = error.span().map_or(1, |span| line_at(span.start));
        RegistryError::syntax(origin, line, error.message())
    })?;
    let entry = |table: Spanned<toml::Table>| {
        let line = line_at(table.span().start);
        entry(table.into_inner(), origin, line)
    };
    file.domain.into_iter().map(entry).collect()
}

fn entry(table: toml::Table, origin: &str, line: usize) -> Result<(Pattern, Entry), RegistryError> {
    if let Some(key) = REMOVAL_KEYS
        .into_iter()
        .find(|key| table.contains_key(*key))
    {
        return Err(RegistryError::Removal {
            origin: origin.into(),
            line,
            key: key.into(),
        });
    }
    let row: Row = table
        .try_into()
        .map_err(|error: toml::de::Error| RegistryError::syntax(origin, line, error.message()))?;
    let pattern = Pattern::parse(&row.name).map_err(|source| RegistryError::Name {
        origin: origin.into(),
        line,
        name: row.name.clone(),
        source,
    })?;
    if row.account.trim().is_empty() {
        return Err(RegistryError::syntax(
            origin,
            line,
            "the account is empty; say whose domain it is",
        ));
    }
    if row.kind == Kind::Push && row.mini_program_since.is_some() {
        let reason = "a push domain is no mini-program playback domain; delete mini_program_since";
        return Err(RegistryError::syntax(origin, line, reason));
    }
    let date = row.mini_program_since.map(|date| match date {
        Date::Text(text) => text,
        Date::Bare(date) => date.to_string(),
    });
    let since = date.map(|date| {
        let refuse = || RegistryError::Date {
            origin: origin.into(),
            line,
            date: date.clone(),
        };
        added(&date).ok_or_else(refuse)
    });
    let entry = Entry {
        account: Some(row.account),
        app_id: row.app_id,
        is_push: row.kind == Kind::Push,
        mini_program_since: since.transpose()?,
        line,
    };
    Ok((pattern, entry))
}

/// A day, or an instant with its zone; within the years that are metered.
fn added(text: &str) -> Option<Added> {
    if let Ok(instant) = text.parse::<jiff::Timestamp>() {
        return Timestamp::from_unix_secs(instant.as_second()).map(Added::At);
    }
    // A civil date-time without a zone also begins like a date; it is refused.
    let date: civil::Date = (text.len() == 10).then(|| text.parse().ok())??;
    let secs = civil_unix_secs(date.to_datetime(civil::Time::MIN));
    Timestamp::from_unix_secs(secs)?;
    i32::try_from(secs / 86_400).ok().map(Added::Day)
}
