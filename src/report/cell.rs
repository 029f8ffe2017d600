//! Texts in CSV that a spreadsheet must not take for formulas.
//!
//! Accounts, AppIDs, domains and names of prices are written by others, and a spreadsheet runs what begins with
//! `=`, `+`, `-`, `@` (or their full-width forms), a tab or the end of a line, whether it is in quotes or not. Such a
//! text gets an apostrophe in front of it, which spreadsheets show as text; a number with a sign stays one. Parquet
//! and JSON have the text as it is: who joins CSV with them takes the apostrophe off. Source: OWASP, CSV injection
//! (read 2026-11).

use std::borrow::Cow;

/// A text of others as a cell of CSV.
pub(super) fn cell(text: &str) -> Cow<'_, str> {
    const FIRST: [char; 11] = [
        '=', '+', '-', '@', '\t', '\r', '\n', '\u{ff1d}', '\u{ff0b}', '\u{ff0d}', '\u{ff20}',
    ];
    match text.starts_with(FIRST) && !is_number(text) {
        true => format!("'{text}").into(),
        false => text.into(),
    }
}

/// Whether a text is a number with a sign.
fn is_number(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    let (whole, places) = digits.split_once('.').unwrap_or((digits, "0"));
    let are_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    are_digits(whole) && are_digits(places)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d16_what_a_spreadsheet_would_run_is_text() {
        for text in [
            "=cmd|' /C calc'!A0",
            "+1+cmd",
            "-2-3",
            "@SUM(A1)",
            "\t=1",
            "\r=1",
            "\u{ff1d}1",
            "-",
        ] {
            assert_eq!(cell(text), format!("'{text}"));
        }
        for text in ["acct-1", "-1", "+15.25", "", "a=b", "'x", "*.example.cn"] {
            assert_eq!(cell(text), text);
        }
    }
}
