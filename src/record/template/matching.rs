//! Laying a template on a line: by the grammar, and fast.

use memchr::memmem;
use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_till1, take_until};
use nom::combinator::recognize;
use nom::multi::fold_many0;
use nom::sequence::preceded;
use nom::{IResult, Parser};

use super::{Piece, Texts};
use crate::record::fate::Reject;
use crate::record::field::find;

/// The needed texts, by the grammar; `None` where the line does not match.
pub(super) fn by_grammar<'a>(pieces: &[Piece], line: &'a [u8]) -> Option<Texts<'a>> {
    let mut texts = Texts::default();
    let mut rest = line;
    for piece in pieces {
        rest = match piece {
            Piece::Literal(text) => tag::<_, _, Reject>(&text[..]).parse(rest).ok()?.0,
            Piece::Variable {
                role,
                is_quoted,
                end,
            } => {
                let (rest, text) = variable(*is_quoted, end, rest).ok()?;
                role.allows(text).then_some(())?;
                texts.take(*role, text);
                rest
            }
        }
    }
    Some(texts)
}

fn variable<'a>(
    is_quoted: bool,
    end: &[u8],
    text: &'a [u8],
) -> IResult<&'a [u8], &'a [u8], Reject> {
    let plain = take_till1(|byte| matches!(byte, b'"' | b'\\'));
    let escape = preceded(tag("\\"), take(1usize));
    match (is_quoted, end) {
        (_, []) => Ok((&b""[..], text)),
        (true, _) => recognize(fold_many0(alt((plain, escape)), || (), |(), _| ())).parse(text),
        (false, end) => take_until(end).parse(text),
    }
}

/// As [`by_grammar`], fast. `None` where the line does not match.
#[inline(always)]
pub(super) fn fast<'a>(pieces: &[Piece], line: &'a [u8]) -> Option<Texts<'a>> {
    let mut texts = Texts::default();
    let mut rest = line;
    for piece in pieces {
        rest = match piece {
            Piece::Literal(text) => rest.strip_prefix(&text[..])?,
            Piece::Variable {
                role,
                is_quoted,
                end,
            } => {
                let len = match (*is_quoted, &end[..]) {
                    (_, []) => rest.len(),
                    (true, _) => quoted_len(rest)?,
                    (false, &[byte]) => find(byte, rest)?,
                    (false, end) => literal_at(end, rest)?,
                };
                role.allows(&rest[..len]).then_some(())?;
                texts.take(*role, &rest[..len]);
                &rest[len..]
            }
        }
    }
    Some(texts)
}

/// Length of the text before the first `"` that has no backslash before it.
#[inline(always)]
fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr::memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Where `literal` first stands in `text`: a short look at its first byte, then a real search.
#[inline(always)]
fn literal_at(literal: &[u8], text: &[u8]) -> Option<usize> {
    let at = find(literal[0], text)?;
    if text[at..].starts_with(literal) {
        return Some(at);
    }
    memmem::find(&text[at..], literal).map(|further| at + further)
}
