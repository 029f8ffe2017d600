//! From a `log_format` string to the steps of a template.
//!
//! ```text
//! nginx   = *( "$" name | "${" name "}" | escape | text )
//! apache  = *( "%%" | "%" [status list] ["<" | ">"] [ "{" argument "}" ] letters | escape | text )
//! escape  = `\"` | `\\` | `\t` | `\n` …                      as configuration files quote
//! ```
//! A string with `$name` in it is nginx's, any other is Apache's.

use nom::branch::alt;
use nom::bytes::complete::{tag, take, take_while, take_while1};
use nom::character::complete::{alpha1, char as exactly, one_of};
use nom::combinator::{all_consuming, map, opt, value as always, verify};
use nom::multi::many0;
use nom::sequence::{delimited, preceded};
use nom::{IResult, Parser};

use super::{Piece, Role, Template};
use crate::record::BytesIn;

/// Why a `log_format` string is no template.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum TemplateError {
    /// It is no `log_format` at this place.
    #[error("the log format cannot be read from `{rest}` on")]
    Syntax {
        /// What is left.
        rest: String,
    },
    /// Two variables touch, so nobody can tell where the first ends.
    #[error(
        "the log format has `{name}` directly behind another variable; put a separator between"
    )]
    Touching {
        /// The second variable.
        name: String,
    },
    /// It names no time.
    #[error("the log format has no time that can be read ($time_local, $time_iso8601, $msec, %t)")]
    NoTime,
    /// It names no downstream bytes.
    #[error("the log format has no downstream bytes ($bytes_sent, $body_bytes_sent, %O, %b, %B)")]
    NoBytes,
}

/// A word of the string: literal text, or a variable by its name.
#[derive(Clone, Debug, PartialEq)]
enum Word {
    Text(String),
    Variable(String),
}

pub(super) fn compile(text: &str) -> Result<Template, TemplateError> {
    let is_nginx = text
        .match_indices('$')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_lowercase() || c == '{'));
    let parsed = match is_nginx {
        true => all_consuming(many0(nginx_word)).parse(text),
        false => all_consuming(many0(apache_word)).parse(text),
    };
    let words = match parsed {
        Ok((_, words)) => words,
        Err(nom::Err::Error(error) | nom::Err::Failure(error)) => {
            return Err(TemplateError::Syntax {
                rest: error.input.to_owned(),
            });
        }
        Err(nom::Err::Incomplete(_)) => unreachable!("complete parsers are never incomplete"),
    };
    let mut pieces = join(words)?;
    let bytes_in = prefer_total(&mut pieces);
    template(text, pieces, bytes_in)
}

fn nginx_word(text: &str) -> IResult<&str, Word> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let braced = delimited(tag("${"), take_while1(name), tag("}"));
    let bare = preceded(tag("$"), take_while1(name));
    let plain = take_while1(|c: char| c != '$' && c != '\\');
    alt((
        map(alt((braced, bare)), |name: &str| {
            Word::Variable(name.to_owned())
        }),
        map(plain, |text: &str| Word::Text(text.to_owned())),
        escape,
    ))
    .parse(text)
}

fn apache_word(text: &str) -> IResult<&str, Word> {
    let modifier = take_while(|c: char| c.is_ascii_digit() || matches!(c, ',' | '!' | '<' | '>'));
    let argument = opt(delimited(
        exactly('{'),
        take_while1(|c| c != '}'),
        exactly('}'),
    ));
    let letter = alt((
        tag("^ti"),
        tag("^to"),
        verify(take(1usize), |s: &str| alpha1::<_, ()>(s).is_ok()),
    ));
    let directive = map(
        (tag("%"), modifier, argument, letter),
        |(_, _, argument, letter)| {
            Word::Variable(match argument {
                Some(argument) => format!("%{{{argument}}}{letter}"),
                None => format!("%{letter}"),
            })
        },
    );
    let plain = take_while1(|c: char| c != '%' && c != '\\');
    alt((
        always(Word::Text("%".to_owned()), tag("%%")),
        directive,
        map(plain, |text: &str| Word::Text(text.to_owned())),
        escape,
    ))
    .parse(text)
}

fn escape(text: &str) -> IResult<&str, Word> {
    let code = map(one_of("\"\\'tn"), |c| match c {
        't' => '\t',
        'n' => '\n',
        other => other,
    });
    map(preceded(tag("\\"), code), |c| Word::Text(c.to_string())).parse(text)
}

fn role(name: &str) -> Role {
    match name {
        "host" | "http_host" | "server_name" | "%v" | "%V" | "%{Host}i" => Role::Host,
        "time_local" | "%t" => Role::TimeLocal,
        "time_iso8601" => Role::TimeIso,
        "msec" => Role::TimeMsec,
        "status" | "%s" => Role::Status,
        "bytes_sent" | "%O" => Role::BytesTotal,
        "body_bytes_sent" | "%b" | "%B" => Role::BytesBody,
        "remote_addr" | "%h" | "%a" => Role::Client,
        "%l" => Role::Ident,
        _ => Role::Ignored,
    }
}

/// Joins texts, and gives every variable its role and the literal that ends it.
fn join(words: Vec<Word>) -> Result<Vec<Piece>, TemplateError> {
    let mut spread = Vec::new();
    for word in words {
        match word {
            // Apache's %t writes its own brackets.
            Word::Variable(name) if name == "%t" => {
                spread.extend([
                    Word::Text("[".into()),
                    Word::Variable(name),
                    Word::Text("]".into()),
                ]);
            }
            other => spread.push(other),
        }
    }
    let mut joined: Vec<Word> = Vec::new();
    for word in spread {
        match (joined.last_mut(), word) {
            (Some(Word::Text(last)), Word::Text(text)) => last.push_str(&text),
            (Some(Word::Variable(_)), Word::Variable(name)) => {
                return Err(TemplateError::Touching { name });
            }
            (_, word) => joined.push(word),
        }
    }
    let text_at = |at: usize| match joined.get(at) {
        Some(Word::Text(text)) => text.as_bytes(),
        _ => b"",
    };
    let pieces = joined.iter().enumerate().map(|(at, word)| match word {
        Word::Text(text) => Piece::Literal(text.as_bytes().into()),
        Word::Variable(name) => {
            let (before, end) = (text_at(at.wrapping_sub(1)), text_at(at + 1));
            let is_quoted = before.ends_with(b"\"") && end.starts_with(b"\"");
            Piece::Variable {
                role: role(name),
                is_quoted,
                end: end.into(),
            }
        }
    });
    Ok(pieces.collect())
}

/// Where both byte counts are logged, only the total is metered.
fn prefer_total(pieces: &mut [Piece]) -> BytesIn {
    let is_total = |piece: &Piece| {
        matches!(
            piece,
            Piece::Variable {
                role: Role::BytesTotal,
                ..
            }
        )
    };
    if !pieces.iter().any(is_total) {
        return BytesIn::Body;
    }
    for piece in pieces {
        if let Piece::Variable {
            role: role @ Role::BytesBody,
            ..
        } = piece
        {
            *role = Role::Ignored;
        }
    }
    BytesIn::Total
}

/// Cuts off what stands behind the last needed variable and its end.
fn template(
    text: &str,
    mut pieces: Vec<Piece>,
    bytes_in: BytesIn,
) -> Result<Template, TemplateError> {
    let has = |wanted: &[Role]| {
        pieces
            .iter()
            .any(|piece| matches!(piece, Piece::Variable { role, .. } if wanted.contains(role)))
    };
    if !has(&[Role::TimeLocal, Role::TimeIso, Role::TimeMsec]) {
        return Err(TemplateError::NoTime);
    }
    if !has(&[Role::BytesTotal, Role::BytesBody]) {
        return Err(TemplateError::NoBytes);
    }
    let has_host = has(&[Role::Host]);
    let is_needed = |piece: &Piece| matches!(piece, Piece::Variable { role, .. } if !matches!(role, Role::Client | Role::Ident | Role::Ignored));
    let last = pieces.iter().rposition(is_needed).map_or(0, |at| at + 2);
    pieces.truncate(last);
    Ok(Template {
        text: text.into(),
        pieces: pieces.into(),
        has_host,
        bytes_in,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_formats_of_the_manuals_compile() {
        for (name, text) in Template::PRESETS {
            assert!(
                Template::new(name).is_ok() && Template::new(text).is_ok(),
                "{name}"
            );
        }
        let nginx =
            r#"$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent "#;
        assert!(Template::new(nginx).is_ok_and(|template| !template.has_host()));
        let json = r#"{"h":"${host}","t":$msec,"s":$status,"b":$bytes_sent,"x":$body_bytes_sent}"#;
        let template = Template::new(json).expect("compiles");
        assert!(template.has_host() && template.bytes_in() == BytesIn::Total);
    }

    #[test]
    fn what_cannot_be_metered_is_refused() {
        assert_eq!(
            Template::new("%h %t").expect_err("refused"),
            TemplateError::NoBytes
        );
        assert_eq!(
            Template::new("$host $bytes_sent").expect_err("refused"),
            TemplateError::NoTime
        );
        let touching = Template::new("$time_local $host$bytes_sent").expect_err("refused");
        assert_eq!(
            touching,
            TemplateError::Touching {
                name: "bytes_sent".into()
            }
        );
        assert_eq!(
            Template::new("%h %").expect_err("refused"),
            TemplateError::Syntax { rest: "%".into() }
        );
    }
}
