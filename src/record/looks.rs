//! What a source looks like that is no log: documents, pages, text in another encoding.
//!
//! Asked only where no format reads the lines, because the start of a log may be a client's words; text
//! in UTF-16 and UTF-32 is told by its zeros, which no client gets into a log.

use std::fmt;

use super::json::{Value, members};

/// Bytes at the start that the encoding is told from.
const ENCODING_BYTES: usize = 64;
/// Zeros in them that tell it where no mark does.
const ZEROS_MIN: usize = 3;
/// Characters of four bytes that tell it where no mark does.
const WIDE_MIN: usize = 4;
/// Names that are shown, and the longest of them.
const NAMES_MAX: usize = 8;
const NAME_BYTES_MAX: usize = 40;

/// Something that is no log of lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Looks {
    /// Every character is two bytes.
    Utf16,
    /// UTF-32: every character is four bytes.
    WideText,
    /// One array over all lines.
    JsonArray,
    /// One object over several lines.
    JsonDocument,
    /// The only line is an object with others in it, and with these members: a row or a document.
    JsonObject(Vec<String>),
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
        if is_wide(sample) {
            return Some(Looks::WideText);
        }
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
                is_array.then_some(Looks::JsonArray)
            }
            [b'{', ..] => Some(json(first, lines.len())),
            _ => None,
        }
    }
}

/// Whether the first bytes are characters of four bytes each, none of them a zero.
fn is_wide(sample: &[u8]) -> bool {
    let (has_mark, text) = match sample {
        [0xff, 0xfe, 0, 0, text @ ..] | [0, 0, 0xfe, 0xff, text @ ..] => (true, text),
        _ => (false, sample),
    };
    let (words, _) = text[..text.len().min(ENCODING_BYTES)].as_chunks::<4>();
    let are = |read: fn([u8; 4]) -> u32| {
        let is_letter = |word: &[u8; 4]| char::from_u32(read(*word)).is_some_and(|it| it != '\0');
        words.iter().all(is_letter)
    };
    let is_enough = has_mark || WIDE_MIN <= words.len();
    is_enough && (are(u32::from_le_bytes) || are(u32::from_be_bytes))
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
    let names = members.iter().take(NAMES_MAX).map(|(name, _)| {
        name[..name.len().min(NAME_BYTES_MAX)]
            .escape_ascii()
            .to_string()
    });
    match lines == 1 && has_nested {
        true => Looks::JsonObject(names.collect()),
        false => Looks::JsonLines(names.collect()),
    }
}

impl fmt::Display for Looks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Looks::Utf16 => f.write_str(
                "it is text in UTF-16, and logs are read as UTF-8; convert it (iconv -f UTF-16 -t UTF-8)",
            ),
            Looks::WideText => f.write_str(
                "it is text in UTF-32, and logs are read as UTF-8; convert it (iconv -f UTF-32 -t UTF-8)",
            ),
            Looks::JsonArray => f.write_str(
                "it looks like one JSON document, and logs of JSON have an object on each line; write \
                 its rows one a line (jq -c '.[]')",
            ),
            Looks::JsonDocument => f.write_str(
                "it looks like one JSON document, and logs of JSON have an object on each line; write \
                 its rows one a line",
            ),
            Looks::JsonObject(names) => write!(
                f,
                "it is a JSON object with the members {}: a row that no format that is read from JSON \
                 has, or one JSON document; name it with --format, give its template with --log-format, \
                 or write the rows of the document one a line",
                names.join(", ")
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
