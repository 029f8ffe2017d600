//! The CSV form: a listing in the shape of `DescribeLiveDomains` (R27).
//!
//! Columns by name, in any order, others ignored: `Name`, `Type` (0 push, 1 play),
//! `IsMiniProgramLive` (0, 1), `CreateTime` (`YYYY-MM-DD hh:mm:ss`, Beijing time), and, if the
//! listing was given them, `Account` and `AppId`. Without them a domain has no account.
//!
//! Assumption: the API has no other date than `CreateTime`, so a mini-program domain counts as
//! added then. A domain that became one later is listed in the TOML form. `CreateTime` is not read
//! for other domains.

use jiff::civil;

use super::entry::{Added, Entry, Pattern, label};
use super::{Lines, Place, RegistryError};
use crate::units::{Zone, counted};

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
    fn find(header: &csv::StringRecord, at: &Place) -> Result<Self, RegistryError> {
        let refuse = |problem, column| RegistryError::Column {
            at: at.clone(),
            problem,
            column,
        };
        let optional = |wanted: &'static str| {
            let mut places = header
                .iter()
                .enumerate()
                .filter(|(_, name)| name.trim() == wanted);
            let place = places.next().map(|(place, _)| place);
            match places.next() {
                None => Ok(place),
                Some(_) => Err(refuse("the header has two columns", wanted)),
            }
        };
        let needed = |wanted: &'static str| {
            optional(wanted)?.ok_or_else(|| refuse("the header has no column", wanted))
        };
        Ok(Columns {
            name: needed("Name")?,
            kind: needed("Type")?,
            is_mini_program: needed("IsMiniProgramLive")?,
            created: needed("CreateTime")?,
            account: optional("Account")?,
            app_id: optional("AppId")?,
        })
    }
}

/// The entries of `text` in their order; months of additions are those of `zone`.
pub(super) fn entries(
    text: &str,
    origin: &str,
    zone: Zone,
) -> Result<Vec<(Pattern, Entry)>, RegistryError> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let lines = Lines::new(text.as_bytes(), origin);
    let place = |position: Option<&csv::Position>| lines.place(row_start(text, position));
    let syntax = |error: csv::Error| RegistryError::Syntax {
        at: place(error.position()),
        form: "CSV",
        reason: reason(&error),
    };
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let columns = Columns::find(reader.headers().map_err(syntax)?, &place(None))?;
    let mut entries = Vec::new();
    for record in reader.records() {
        let record = record.map_err(syntax)?;
        let row = Row {
            record: &record,
            at: place(record.position()),
        };
        entries.push(entry(&row, &columns, zone)?);
    }
    Ok(entries)
}

/// Offset of the first byte of a row. A row's position, and so its line number, is where the row
/// before it ended: before the rest of a `\r\n` and any blank lines.
fn row_start(text: &str, position: Option<&csv::Position>) -> usize {
    let from = position.map_or(0, csv::Position::byte);
    let from = usize::try_from(from).unwrap_or(usize::MAX).min(text.len());
    let breaks = text.as_bytes()[from..]
        .iter()
        .take_while(|byte| matches!(byte, b'\r' | b'\n'));
    from + breaks.count()
}

fn reason(error: &csv::Error) -> String {
    match error.kind() {
        csv::ErrorKind::UnequalLengths {
            expected_len, len, ..
        } => {
            format!(
                "the row has {}, the header {expected_len}",
                counted(*len, "column")
            )
        }
        _ => error.to_string(),
    }
}

fn entry(row: &Row<'_>, columns: &Columns, zone: Zone) -> Result<(Pattern, Entry), RegistryError> {
    let name = row.text(columns.name);
    let pattern = Pattern::parse(name).map_err(|source| RegistryError::Name {
        at: row.at.clone(),
        name: name.to_owned(),
        source,
    })?;
    let is_push = !row.flag(
        columns.kind,
        "Type",
        "is neither 0 (push) nor 1 (play); write one",
    )?;
    let is_mini_program = row.flag(
        columns.is_mini_program,
        "IsMiniProgramLive",
        "is neither 0 (standard) nor 1 (mini-program); write one",
    )?;
    let created = row.text(columns.created);
    // A push domain is class push, even for a mini-program (R17).
    let since = match is_mini_program && !is_push {
        false => None,
        true => Some(beijing(created, zone).ok_or_else(|| RegistryError::Date {
            at: row.at.clone(),
            date: created.to_owned(),
            expected: "Beijing time like 2026-10-15 09:30:00",
        })?),
    };
    let entry = Entry {
        account: row.label(columns.account, "Account")?,
        app_id: row.label(columns.app_id, "AppId")?,
        is_push,
        mini_program_since: since,
        line: row.at.line,
    };
    Ok((pattern, entry))
}

/// `YYYY-MM-DD hh:mm:ss` on Beijing's clock, whatever the billing zone.
fn beijing(text: &str, zone: Zone) -> Option<Added> {
    let time = civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", text).ok()?;
    // The format also takes single digits, and a 60th second as the 59th.
    if time.strftime("%Y-%m-%d %H:%M:%S").to_string() != text {
        return None;
    }
    Added::at(Zone::CHINA.instant(time), zone)
}

/// A row, and where it starts.
struct Row<'a> {
    record: &'a csv::StringRecord,
    at: Place,
}

impl<'a> Row<'a> {
    fn text(&self, column: usize) -> &'a str {
        self.record.get(column).unwrap_or_default().trim()
    }

    fn flag(
        &self,
        column: usize,
        field: &'static str,
        problem: &'static str,
    ) -> Result<bool, RegistryError> {
        match self.text(column) {
            "0" => Ok(false),
            "1" => Ok(true),
            _ => Err(RegistryError::Field {
                at: self.at.clone(),
                field,
                problem,
            }),
        }
    }

    /// None without the column, or where it is blank.
    fn label(
        &self,
        column: Option<usize>,
        field: &'static str,
    ) -> Result<Option<String>, RegistryError> {
        match column.map(|column| self.text(column)) {
            None | Some("") => Ok(None),
            Some(text) => label(text)
                .map(Some)
                .map_err(|problem| RegistryError::Field {
                    at: self.at.clone(),
                    field,
                    problem,
                }),
        }
    }
}
