//! The CSV form: a listing in the shape of `DescribeLiveDomains` (R27).
//!
//! Columns by name, in any order, others ignored: `Name`, `Type` (0 push, 1 play),
//! `IsMiniProgramLive` (0, 1), `CreateTime` (`YYYY-MM-DD hh:mm:ss`, Beijing time), and, if the
//! listing was given them, `Account` and `AppId`. The API has no other date than `CreateTime`, so
//! a mini-program domain counts as added then.

use jiff::civil;

use super::{Added, Entry, Pattern, RegistryError};
use crate::units::{Timestamp, Zone};

/// Where the columns stand.
struct Columns {
    name: usize,
    kind: usize,
    is_mini_program: usize,
    created: usize,
    account: Option<usize>,
    app_id: Option<usize>,
}

impl Columns {
    fn find(header: &csv::StringRecord, origin: &str) -> Result<Self, RegistryError> {
        let place = |wanted: &str| header.iter().position(|name| name.trim() == wanted);
        let needed = |wanted: &str| {
            let reason =
                || format!("the header has no column {wanted}; export DescribeLiveDomains with it");
            place(wanted).ok_or_else(|| RegistryError::syntax(origin, 1, reason()))
        };
        Ok(Columns {
            name: needed("Name")?,
            kind: needed("Type")?,
            is_mini_program: needed("IsMiniProgramLive")?,
            created: needed("CreateTime")?,
            account: place("Account"),
            app_id: place("AppId"),
        })
    }
}

pub(super) fn entries(text: &str, origin: &str) -> Result<Vec<(Pattern, Entry)>, RegistryError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let syntax = |error: csv::Error| {
        let line = error.position().map_or(1, csv::Position::line);
        RegistryError::syntax(
            origin,
            usize::try_from(line).unwrap_or(1),
            error.to_string(),
        )
    };
    let columns = Columns::find(reader.headers().map_err(syntax)?, origin)?;
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(syntax)?;
        let line = record.position().map_or(1, csv::Position::line);
        entries.push(entry(
            &record,
            &columns,
            origin,
            usize::try_from(line).unwrap_or(1),
        )?);
    }
    Ok(entries)
}

fn entry(
    record: &csv::StringRecord,
    columns: &Columns,
    origin: &str,
    line: usize,
) -> Result<(Pattern, Entry), RegistryError> {
    let field = |at: usize| record.get(at).unwrap_or_default().trim();
    let flag = |at: usize, name: &str| match field(at) {
        "0" => Ok(false),
        "1" => Ok(true),
        other => {
            let reason = format!("{name} is `{other}`; it must be 0 or 1");
            Err(RegistryError::syntax(origin, line, reason))
        }
    };
    let name = field(columns.name).to_owned();
    let pattern = Pattern::parse(&name).map_err(|source| RegistryError::Name {
        origin: origin.into(),
        line,
        name,
        source,
    })?;
    let is_push = !flag(columns.kind, "Type")?;
    let is_mini_program = flag(columns.is_mini_program, "IsMiniProgramLive")?;
    let created = field(columns.created);
    let since = match is_mini_program && !is_push {
        false => None,
        true => Some(
            beijing(created)
                .map(Added::At)
                .ok_or_else(|| RegistryError::Date {
                    origin: origin.into(),
                    line,
                    date: created.into(),
                })?,
        ),
    };
    let optional = |at: Option<usize>| {
        at.map(field)
            .filter(|text| !text.is_empty())
            .map(str::to_owned)
    };
    let (account, app_id) = (optional(columns.account), optional(columns.app_id));
    Ok((
        pattern,
        Entry {
            account,
            app_id,
            is_push,
            mini_program_since: since,
            line,
        },
    ))
}

/// `YYYY-MM-DD hh:mm:ss` on Beijing's clock, whatever the billing zone.
fn beijing(text: &str) -> Option<Timestamp> {
    let time = civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    Timestamp::from_unix_secs(Zone::CHINA.instant(time))
}
