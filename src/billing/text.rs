//! Texts that are read, and the places in them that messages name.

use rust_decimal::Decimal;

/// The noun of so many minutes.
pub(super) fn minutes(count: Decimal) -> &'static str {
    if count == Decimal::ONE {
        "minute"
    } else {
        "minutes"
    }
}

/// Where `text`, which is called `origin`, is no TOML, and why, as one line: `own.toml:17:4`.
pub(super) fn syntax(text: &str, origin: &str, error: &toml::de::Error) -> (String, String) {
    let reason = error.message().replace('\n', ", ");
    let Some(span) = error.span() else {
        return (origin.to_owned(), reason);
    };
    let before = text.get(..span.start).unwrap_or(text);
    let column = 1 + before
        .chars()
        .rev()
        .take_while(|char| *char != '\n')
        .count();
    let line = place(text, origin, before.len());
    (format!("{line}:{column}"), reason)
}

/// The line of `text`, which is called `origin`, that holds the byte `at`: `own.toml:17`.
pub(super) fn place(text: &str, origin: &str, at: usize) -> String {
    let before = &text.as_bytes()[..at];
    let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
    format!("{origin}:{line}")
}
