//! JSON objects, one per line, read lexically: what is needed is read, the rest is delimited.
//!
//! ```text
//! object   = ws "{" ws [ member *( ws "," ws member ) ] ws "}" ws
//! member   = string ws ":" ws value           ws = *( SP | TAB )
//! value    = string | word | nested
//! string   = `"` *( `\` any | any except `"` and `\` ) `"`
//! word     = 1*( letter | digit | "+" | "-" | "." )      numbers, true, false, null
//! nested   = ( "{" | "[" ) *( string | nested | any other ) ( "}" | "]" )   up to 64 deep
//! ```
//!
//! This is wider than JSON where it does not matter to us (the inside of fields that nobody
//! reads) and not narrower anywhere: every JSON object on a line is one here. `serde_json` is
//! held against it in a test. Escapes are not undone; a needed field never has any.

use memchr::memchr2;
use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while, take_while_m_n, take_while1};
use nom::combinator::{all_consuming, recognize, value as always};
use nom::multi::{fold_many0, separated_list0};
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::fate::Reject;
use super::grammar::Parsed;

/// Deepest nesting of arrays and objects in a value that nobody reads.
const NESTING_MAX: usize = 64;

/// A value of a member, as far as its kind matters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Value<'a> {
    /// The text between the quotes, escapes left as they are.
    Text(&'a [u8]),
    /// A bare word: number, `true`, `false`, `null`.
    Word(&'a [u8]),
    /// An array or object.
    Nested,
}

/// Hands every member of the object on `line` to `each`, in order. The specification.
///
/// Errors: `Json` where the line is no object.
pub(super) fn members<'a>(line: &'a [u8]) -> Result<Vec<(&'a [u8], Value<'a>)>, Reject> {
    let member = (string, padded(tag(":")), value).map(|(name, _, value)| (name, value));
    let list = separated_list0(padded(tag(",")), member);
    let object = delimited(padded(tag("{")), list, padded(tag("}")));
    match all_consuming(object).parse(line) {
        Ok((_, members)) => Ok(members),
        Err(_) => Err(Reject::Json),
    }
}

fn padded<'a>(
    inner: impl Parser<&'a [u8], Output = &'a [u8], Error = Reject>,
) -> impl Parser<&'a [u8], Output = &'a [u8], Error = Reject> {
    delimited(take_while(is_space), inner, take_while(is_space))
}

fn value(text: &[u8]) -> Parsed<'_, Value<'_>> {
    alt((
        string.map(Value::Text),
        take_while1(is_word).map(Value::Word),
        always(Value::Nested, |text| nested(text, NESTING_MAX)),
    ))
    .parse(text)
}

fn string(text: &[u8]) -> Parsed<'_, &[u8]> {
    let plain = take_while1(|byte| !matches!(byte, b'"' | b'\\'));
    let escape = recognize(preceded(tag("\\"), take(1usize)));
    let inner = recognize(fold_many0(alt((plain, escape)), || (), |(), _| ()));
    delimited(tag("\""), inner, tag("\"")).parse(text)
}

fn nested(text: &[u8], depth: usize) -> IResult<&[u8], (), Reject> {
    if depth == 0 {
        return Err(nom::Err::Error(Reject::Json));
    }
    let other = take_while1(|byte| !matches!(byte, b'"' | b'{' | b'}' | b'[' | b']'));
    let inner = alt((always((), string), always((), other), |text| {
        nested(text, depth - 1)
    }));
    let open = take_while_m_n(1, 1, |byte| matches!(byte, b'{' | b'['));
    let close = take_while_m_n(1, 1, |byte| matches!(byte, b'}' | b']'));
    delimited(open, fold_many0(inner, || (), |(), ()| ()), close).parse(text)
}

fn is_space(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t')
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')
}

/// A cursor over the members of an object: the fast path.
///
/// It answers `None` for "not sure" and never reads past the line; [`members`] is the judge then.
pub(super) struct Cursor<'a> {
    rest: &'a [u8],
    is_first: bool,
}

impl<'a> Cursor<'a> {
    /// A cursor behind the opening brace.
    #[inline(always)]
    pub(super) fn open(line: &'a [u8]) -> Option<Self> {
        let rest = spaces(line).strip_prefix(b"{")?;
        Some(Cursor {
            rest: spaces(rest),
            is_first: true,
        })
    }

    /// The next member; `Some(None)` at the closing brace with nothing behind it.
    #[inline(always)]
    #[allow(clippy::type_complexity)] // not sure, the end, or a member
    pub(super) fn next(&mut self) -> Option<Option<(&'a [u8], Value<'a>)>> {
        if let [b'}', rest @ ..] = self.rest {
            return spaces(rest).is_empty().then_some(None);
        }
        if !self.is_first {
            self.rest = spaces(self.rest.strip_prefix(b",")?);
        }
        self.is_first = false;
        let (name, rest) = fast_string(self.rest)?;
        let rest = spaces(spaces(rest).strip_prefix(b":")?);
        let (value, rest) = fast_value(rest)?;
        self.rest = spaces(rest);
        Some(Some((name, value)))
    }
}

#[inline(always)]
fn spaces(mut text: &[u8]) -> &[u8] {
    while let [first, rest @ ..] = text
        && is_space(*first)
    {
        text = rest;
    }
    text
}

#[inline(always)]
fn fast_string(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.strip_prefix(b"\"")?;
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some((&text[..at], &text[at + 1..]));
        }
        from = at + 2;
    }
}

#[inline(always)]
fn fast_value(text: &[u8]) -> Option<(Value<'_>, &[u8])> {
    match text.first()? {
        b'"' => fast_string(text).map(|(text, rest)| (Value::Text(text), rest)),
        b'{' | b'[' => fast_nested(text).map(|rest| (Value::Nested, rest)),
        _ => {
            let len = text
                .iter()
                .position(|&byte| !is_word(byte))
                .unwrap_or(text.len());
            (len != 0).then(|| (Value::Word(&text[..len]), &text[len..]))
        }
    }
}

#[cold]
fn fast_nested(mut text: &[u8]) -> Option<&[u8]> {
    let mut depth = 0;
    loop {
        text = match text.first()? {
            b'"' => fast_string(text)?.1,
            b'{' | b'[' if depth == NESTING_MAX => return None,
            b'{' | b'[' => {
                depth += 1;
                &text[1..]
            }
            b'}' | b']' if depth == 1 => return Some(&text[1..]),
            b'}' | b']' => {
                depth -= 1;
                &text[1..]
            }
            _ => &text[1..],
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fast_members(line: &[u8]) -> Option<Vec<(&[u8], Value<'_>)>> {
        let mut cursor = Cursor::open(line)?;
        let mut list = Vec::new();
        while let Some(member) = cursor.next()? {
            list.push(member);
        }
        Some(list)
    }

    fn text() -> impl Strategy<Value = String> {
        let piece = prop_oneof![
            Just("{"),
            Just("}"),
            Just("["),
            Just("]"),
            Just("\""),
            Just("\\"),
            Just(":"),
            Just(","),
            Just(" "),
            Just("\"a\":1"),
            Just("\"b\":\"x\""),
            Just("null"),
            Just("-1.5e3"),
            Just("é"),
        ];
        proptest::collection::vec(piece, 0..24).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(4_000))]
        #[test]
        fn the_cursor_agrees_with_the_grammar(text in text()) {
            prop_assert_eq!(fast_members(text.as_bytes()), members(text.as_bytes()).ok());
        }

        #[test]
        fn every_json_object_is_an_object_here(text in text()) {
            let text = format!("{{{text}}}");
            let is_json = serde_json::from_str::<serde_json::Map<String, serde_json::Value>>(&text);
            if is_json.is_ok() {
                prop_assert!(members(text.as_bytes()).is_ok(), "{}", text);
            }
        }
    }
}
