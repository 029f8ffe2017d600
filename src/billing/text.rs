//! Files that are read whole, and the places in them that messages name.

use std::fs::File;
use std::io::{self, ErrorKind, Read as _};
use std::path::Path;

use rust_decimal::Decimal;

/// The text of a file of at most `bytes_max` bytes. The limit is held while reading, since a pipe does
/// not tell its size.
pub(super) fn load(path: &Path, bytes_max: u64) -> io::Result<String> {
    let mut text = String::new();
    let file = File::open(path)?.take(bytes_max + 1);
    let read = io::BufReader::new(file).read_to_string(&mut text)?;
    match bytes_max < read as u64 {
        true => Err(ErrorKind::FileTooLarge.into()),
        false => Ok(text),
    }
}

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
