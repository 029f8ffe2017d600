//! Text of others as people read it: nothing in it ends a line, moves a cursor or turns letters around.
//!
//! Paths, hosts, user agents, AppIDs, names of accounts and of files come from clients, from registries and from
//! whoever may write a log: a terminal obeys some characters of them. Wherever such text is printed for people,
//! outside of JSON and of datasets, it passes here.

use std::borrow::Cow;
use std::io::{self, Write};

/// Whether a character steers what shows it: control characters of ASCII and Latin-1 (C0, DEL, C1), ends of lines
/// and paragraphs, marks of direction, and the mark of byte order.
pub const fn is_steering(char: char) -> bool {
    matches!(
        char,
        '\0'..='\u{1f}'
            | '\u{7f}'..='\u{9f}'
            | '\u{61c}'
            | '\u{200e}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2066}'..='\u{2069}'
            | '\u{feff}'
    )
}

/// A text of one line, with characters that steer written out, such as `\n` and `\u{1b}`.
pub fn shown(text: &str) -> Cow<'_, str> {
    written_out(text, is_steering)
}

fn written_out(text: &str, is_meant: impl Fn(char) -> bool) -> Cow<'_, str> {
    if !text.contains(&is_meant) {
        return text.into();
    }
    let mut safe = String::with_capacity(text.len() + 16);
    for char in text.chars() {
        match is_meant(char) {
            true => safe.extend(char.escape_default()),
            false => safe.push(char),
        }
    }
    safe.into()
}

/// Output for people: passes on ends of lines and tabs, and writes out whatever else steers.
///
/// Those within a name have to be written out before ([`shown`]): nothing here tells them from ours.
#[derive(Debug)]
pub struct Shown<W>(pub W);

impl<W: Write> Write for Shown<W> {
    /// Takes all of `bytes`; a text that is formatted comes in pieces that are whole characters.
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match str::from_utf8(bytes) {
            Ok(text) => {
                let text = written_out(text, |char| {
                    !matches!(char, '\n' | '\t') && is_steering(char)
                });
                self.0.write_all(text.as_bytes())?;
            }
            Err(_) => self.0.write_all(bytes)?,
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.flush()
    }
}

/// A count with its noun, which has an `s` unless it is one.
pub fn counted(count: impl Into<u128>, noun: &str) -> String {
    match count.into() {
        1 => format!("1 {noun}"),
        count => format!("{count} {noun}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d15_what_steers_is_written_out_and_all_else_stays() {
        for (text, expected) in [
            ("直播.example.cn – α", "直播.example.cn – α"),
            ("a\nb\tc\r", "a\\nb\\tc\\r"),
            ("\u{1b}[2Jx\u{7f}\u{9b}", "\\u{1b}[2Jx\\u{7f}\\u{9b}"),
            ("\u{202e}gpj.exe\u{2028}", "\\u{202e}gpj.exe\\u{2028}"),
        ] {
            assert_eq!(shown(text), expected);
        }
        let mut out = Shown(Vec::new());
        let name = "\u{1b}c";
        writeln!(out, "{name}:\t{}", 5).expect("written");
        assert_eq!(out.0, b"\\u{1b}c:\t5\n");
    }

    #[test]
    fn b8_one_is_not_many() {
        let texts = [0_u64, 1, 2].map(|count| counted(count, "line"));
        assert_eq!(texts, ["0 lines", "1 line", "2 lines"]);
    }
}
