//! Any text is a registry, whose digest and classes hold still, or is refused with its line.

use cdn_meter::registry::{Class, Registry, RegistryError};
use cdn_meter::units::{Month, Zone};

/// The name that refusals are to begin with.
const ORIGIN: &str = "r";
/// Names of the input that a registry is asked for.
const NAMES_MAX: usize = 16;

/// Reads a text in both forms.
///
/// ```text
/// input = zone text          zone = odd: +08:00, even: UTC
/// ```
pub fn check(input: &[u8]) {
    let Some((zone, text)) = input.split_first() else {
        return;
    };
    let zone = if zone % 2 == 1 {
        Zone::CHINA
    } else {
        Zone::UTC
    };
    let text = String::from_utf8_lossy(text);
    check_toml(&text, zone);
    check_csv(&text, zone);
}

fn check_toml(text: &str, zone: Zone) {
    let read = || Registry::from_toml(text, ORIGIN, zone);
    match read() {
        Ok(registry) => {
            check_registry(&registry, text);
            let again = read().expect("read before");
            assert_eq!(registry.digest(), again.digest());
        }
        Err(refusal) => {
            let line = line_of(&refusal, text);
            let is_of_form = matches!(refusal, RegistryError::Syntax { .. });
            assert!(
                is_of_form || !line.trim_end_matches('\r').is_empty(),
                "{refusal}: the line is blank"
            );
        }
    }
}

fn check_csv(text: &str, zone: Zone) {
    let read = |text: &str| Registry::from_csv(text, ORIGIN, zone);
    match read(text) {
        Ok(registry) => {
            check_registry(&registry, text);
            if let Some(reversed) = rows_reversed(text) {
                let again = read(&reversed).expect("the same rows");
                assert_eq!(registry.digest(), again.digest(), "rows in another order");
            }
        }
        Err(refusal) => {
            let line = line_of(&refusal, text);
            // Of an empty listing, a blank line is all there is to name.
            let is_of_header = matches!(refusal, RegistryError::Column { .. });
            assert!(
                is_of_header || !line.trim_end_matches('\r').is_empty(),
                "{refusal}: the line is blank"
            );
            let at = text.len() - text[line_at(text, number(&refusal))..].len();
            // What stands before the line is not at fault.
            if !is_of_more_than_a_row(&refusal) && at != 0 {
                let before = read(&text[..at]).err();
                let is_innocent = before.as_ref().is_none_or(is_of_more_than_a_row);
                assert!(is_innocent, "{refusal}, but before that {before:?}");
            }
        }
    }
}

/// Holds what is promised of every registry, with names out of `text`.
fn check_registry(registry: &Registry, text: &str) {
    assert_eq!(registry.digest(), registry.clone().digest());
    let names = text.split(|c: char| !c.is_ascii_alphanumeric() && !matches!(c, '.' | '-' | '_'));
    for name in names.filter(|name| name.contains('.')).take(NAMES_MAX) {
        let months = [1999, 2019, 2020, 2026, 2099].into_iter().flat_map(|year| {
            [1, 2, 6, 12]
                .into_iter()
                .filter_map(move |month| Month::new(year, month))
        });
        let mut earlier = None;
        for month in months {
            let class = registry.attribution(name, month).class;
            let is_kept = match earlier {
                None | Some(Class::Standard) => true,
                Some(earlier) => earlier == class,
            };
            assert!(
                is_kept,
                "R22: {name} was {earlier:?} and is {class:?} in {month}"
            );
            earlier = Some(class);
        }
    }
}

/// Whether a refusal is about two rows or the header, not about the row alone.
fn is_of_more_than_a_row(refusal: &RegistryError) -> bool {
    matches!(
        refusal,
        RegistryError::Contradiction { .. } | RegistryError::Column { .. }
    )
}

/// The line number of a refusal.
fn number(refusal: &RegistryError) -> usize {
    match refusal {
        RegistryError::Syntax { at, .. }
        | RegistryError::Column { at, .. }
        | RegistryError::Key { at, .. }
        | RegistryError::Field { at, .. }
        | RegistryError::Name { at, .. }
        | RegistryError::Date { at, .. }
        | RegistryError::Removal { at, .. }
        | RegistryError::Contradiction { at, .. } => at.line,
        other => panic!("{other}: a text was read, no file"),
    }
}

/// The line that a refusal names, which is a line of `text`, and the first thing it says.
fn line_of<'a>(refusal: &RegistryError, text: &'a str) -> &'a str {
    let line = number(refusal);
    assert!(
        refusal
            .to_string()
            .starts_with(&format!("{ORIGIN}:{line}: ")),
        "{refusal}"
    );
    if let RegistryError::Contradiction { earlier, .. } = refusal {
        assert!(1 <= *earlier && *earlier <= line, "{refusal}");
    }
    let at = line
        .checked_sub(1)
        .and_then(|before| text.split('\n').nth(before));
    at.unwrap_or_else(|| panic!("{refusal}: there is no such line"))
}

/// The offset of a line of `text`.
fn line_at(text: &str, line: usize) -> usize {
    text.split_inclusive('\n')
        .take(line - 1)
        .map(str::len)
        .sum()
}

/// The rows of a listing in the opposite order; `None` where rows and lines are not the same.
fn rows_reversed(text: &str) -> Option<String> {
    if text.contains(['"', '\r']) || !text.ends_with('\n') {
        return None;
    }
    let mut lines: Vec<_> = text.split_inclusive('\n').collect();
    let header = lines.iter().position(|line| *line != "\n")?;
    lines[header + 1..].reverse();
    Some(lines.concat())
}
