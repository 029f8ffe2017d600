//! What a source looks like that is no log: documents, pages, text in another encoding.
//!
//! Asked only where no format reads the lines, because the start of a log may be a client's words; text
//! in UTF-16 is told by its zeros, which no client gets into a log.

use std::fmt;

use super::json::{Value, members};

/// Bytes at the start that the encoding is told from.
const ENCODING_BYTES: usize = 64;
/// Zeros in them that tell it where no mark does.
const ZEROS_MIN: usize = 3;
/// Names that are shown, and the longest of them.
const NAMES_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 40;

/// Something that is no log of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Every character is two bytes.
    Utf16,
    /// One object or array over all lines.
    JsonDocument,
    /// An object on every line, with these members, of no format that is read.
    JsonLines(Vec<String>),
    /// A document with this root.
    Xml(String),
    /// A page for people.
    Html,
}

impl Looks {
    /// What the first bytes of a source tell, whatever its format is said to be.
    pub(super) fn of_bytes(sample: &[u8]) -> Option<Self> {
        let (has_mark, text) = match sample {
            [0xff, 0xfe, text @ ..] | [0xfe, 0xff, text @ ..] => (true, text),
            _ => (false, sample),
        };
        let text = &text[..text.len().min(ENCODING_BYTES)];
        let zeros = |from| text.iter().skip(from).step_by(2).filter(|byte| **byte == 0);
        let (even, odd) = (zeros(0).count(), zeros(1).count());
        let zeros = even + odd;
        let is_alternating = (even == 0 || odd == 0) && text.len() <= 4 * zeros;
        let is_utf16 = if has_mark {
            zeros != 0
        } else {
            is_alternating && ZEROS_MIN <= zeros
        };
        is_utf16.then_some(Looks::Utf16)
    }

    /// What lines that no format reads tell; there is one, and none is blank.
    pub(super) fn of_lines(lines: &[&[u8]]) -> Option<Self> {
        let first = lines.first()?.trim_ascii();
        match first {
            [b'<', rest @ ..] => markup(lines, rest),
            [b'[', rest @ ..] => {
                let is_array = matches!(
                    rest.trim_ascii_start(),
                    [] | [b'{' | b'[' | b'"' | b']', ..]
                );
                is_array.then_some(Looks::JsonDocument)
            }
            [b'{', ..] => Some(json(first, lines.len())),
            _ => None,
        }
    }
}

fn markup(lines: &[&[u8]], first: &[u8]) -> Option<Looks> {
    let is = |word: &[u8]| {
        first
            .get(..word.len())
            .is_some_and(|at| at.eq_ignore_ascii_case(word))
    };
    if is(b"!doctype html") || is(b"html") {
        return Some(Looks::Html);
    }
    if !is(b"?xml") && !is(b"!") {
        return first
            .first()
            .filter(|byte| byte.is_ascii_alphabetic())
            .map(|_| Looks::Xml(root(first)));
    }
    // The root is the first element behind the declaration.
    let mut elements = lines
        .iter()
        .flat_map(|line| line.split(|&byte| byte == b'<').skip(1));
    let element = elements.find(|rest| rest.first().is_some_and(u8::is_ascii_alphabetic));
    Some(Looks::Xml(element.map(root).unwrap_or_default()))
}

/// The name that an element begins with.
fn root(element: &[u8]) -> String {
    let is_name =
        |byte: &&u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b':' | b'.');
    let name = element.iter().take(NAME_BYTES_MAX).take_while(is_name);
    name.map(|byte| char::from(*byte)).collect()
}

fn json(first: &[u8], lines: usize) -> Looks {
    let Ok(members) = members(first) else {
        return Looks::JsonDocument;
    };
    let has_nested = members.iter().any(|(_, value)| *value == Value::Nested);
    if lines == 1 && has_nested {
        return Looks::JsonDocument;
    }
    let names = members.iter().take(NAMES_MAX).map(|(name, _)| {
        name[..name.len().min(NAME_BYTES_MAX)]
            .escape_ascii()
            .to_string()
    });
    Looks::JsonLines(names.collect())
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Looks::Utf16 => f.write_str(
                "it is text in UTF-16, and logs are read as UTF-8; convert it (iconv -f UTF-16 -t UTF-8)",
            ),
            Looks::JsonDocument => f.write_str(
                "it looks like one JSON document, and logs of JSON have an object on each line; write \
                 its rows one a line (jq -c '.[]')",
            ),
            Looks::JsonLines(names) => write!(
                f,
                "its lines are JSON objects with the members {}: no format that is read from JSON has \
                 these; name it with --format, or give its template with --log-format",
                names.join(", ")
            ),
            Looks::Xml(root) => {
                let root = if root.is_empty() { "no root" } else { root };
                write!(
                    f,
                    "it looks like an XML document ({root}), perhaps what a server answered in the place \
                     of the log; fetch the file again"
                )
            }
            Looks::Html => f.write_str(
                "it looks like an HTML page, perhaps what a server answered in the place of the log; \
                 fetch the file again",
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a7_encodings_are_told_by_their_zeros() {
        let is_utf16 = |text: &[u8]| Looks::of_bytes(text).is_some();
        let little: Vec<u8> = "2026".encode_utf16().flat_map(u16::to_le_bytes).collect();
        let big: Vec<u8> = "2026".encode_utf16().flat_map(u16::to_be_bytes).collect();
        for (mark, text) in [([0xff, 0xfe], &little), ([0xfe, 0xff], &big)] {
            assert!(is_utf16(text));
            assert!(is_utf16(&[&mark[..], &text[..2]].concat()));
        }
        // A log may begin with such bytes, and with a hole.
        assert!(!is_utf16(b"\xff\xfe20261001 a"));
        assert!(!is_utf16(b"20261001 a line"));
        assert!(!is_utf16(&[&[0; 5][..], b"20261001 a line"].concat()));
        assert!(!is_utf16(&[0; 100]));
        assert!(!is_utf16(b"") && !is_utf16(b"\0") && !is_utf16(b"\0abc"));
    }

    #[test]
    fn a7_lines_of_logs_look_like_nothing_else() {
        for line in [
            "[05/Oct/2026:10:00:01 +0800] 192.0.2.1 x",
            "[2026-10-05 10:00:01] x",
            "<134>Oct  5 10:00:01 host nginx: x",
            "192.0.2.1 - - [05/Oct/2026:10:00:01 +0800] x",
        ] {
            assert_eq!(Looks::of_lines(&[line.as_bytes()]), None, "{line}");
        }
        let xml = |line: &[u8]| Looks::of_lines(&[line]);
        assert_eq!(
            xml(b"<?xml version='1.0'?>"),
            Some(Looks::Xml(String::new()))
        );
        assert_eq!(
            xml(b"<!DOCTYPE a><a:b c='d'>"),
            Some(Looks::Xml("a:b".into()))
        );
    }
}
