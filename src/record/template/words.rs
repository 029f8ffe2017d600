//! From text that people paste to the words of a template.
//!
//! ```text
//! pasted  = blank ( nginx | pieces | apache | bare )
//! nginx   = "log_format" name [ escape ] 1*piece [ ";" ]
//! pieces  = [ name ] [ escape ] 1*piece [ ";" ]               the same without its directive
//! apache  = "LogFormat" piece [ name ] | "CustomLog" path piece | piece [ name ]
//! escape  = "escape=" ( "default" | "json" | "none" )
//! piece   = "'" text "'" | `"` text `"`                      put together as they stand
//! blank   = *( white space | "#" and the rest of a line )    between all of these
//! bare    = [ escape ] words, on one line
//!
//! words   = *( "$" name | "${" name "}" | escape | text )                               nginx's
//!         | *( "%%" | "%" [status list] ["<" | ">"] [ "{" argument "}" ] letter | escape | text )
//!           where escape = `\"` | `\\` | `\t` | `\n` …           as configuration files quote
//! ```
//! A bare text may begin with a quote of its own (`"$host" "$request"`). What begins with a single quote,
//! or with a double one and has quotes with a backslash inside, more than one line or a `;` at its end, is
//! pieces. A `;` at the end of a bare text is no part of it, unless it has others.
//!
//! A text with `$name` in it is nginx's, any other is Apache's. A bare text does not say how its server
//! escapes; one that begins as a JSON object is read as one of `escape=json`, whose lines are those of
//! any other and more: a missing value may be nothing in them.

use nom::branch::alt;
use nom::bytes::complete::{tag, tag_no_case, take, take_till1, take_while, take_while1};
use nom::character::complete::{alpha1, char as exactly, multispace1, not_line_ending, one_of};
use nom::combinator::{all_consuming, map, opt, peek, recognize, rest, value as always, verify};
use nom::multi::{many0, many0_count, many1};
use nom::sequence::{delimited, preceded, terminated};
use nom::{IResult, Parser};

use super::error::TemplateError;
use super::variable::Variable;

/// How a server writes bytes that could end a field too early.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `"` and `\` are escaped; a missing value is `-`. What both servers do unless told otherwise.
    Default,
    /// As JSON strings are; a missing value is nothing.
    Json,
    /// Nothing is escaped; a missing value is nothing.
    None,
}

/// A word of a template: literal text, or a variable.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Word {
    Text(String),
    Variable(Variable),
}

/// The words of pasted text, and how its server escapes.
///
/// Errors: `Syntax`, with what cannot be read, or the reason, where it is a known one.
pub(super) fn words(pasted: &str) -> Result<(Vec<Word>, Escape), TemplateError> {
    refuse_continued(pasted)?;
    let (text, escape) = unwrapped(pasted.trim())?;
    let is_nginx = text
        .match_indices('$')
        .any(|(at, _)| text[at + 1..].starts_with(|c: char| c.is_ascii_lowercase() || c == '{'));
    let words = match is_nginx {
        true => all_consuming(many0(nginx_word)).parse(&text),
        false => all_consuming(many0(apache_word)).parse(&text),
    };
    Ok((words.map_err(syntax)?.1, escape))
}

fn syntax(error: nom::Err<nom::error::Error<&str>>) -> TemplateError {
    match error {
        nom::Err::Error(error) | nom::Err::Failure(error) => TemplateError::Syntax {
            rest: error.input.to_owned(),
        },
        nom::Err::Incomplete(_) => unreachable!("complete parsers are never incomplete"),
    }
}

/// Refuses lines that end with a backslash: no server writes one there, and no escape has one.
fn refuse_continued(pasted: &str) -> Result<(), TemplateError> {
    let mut places = pasted.match_indices('\\').map(|(at, _)| &pasted[at..]);
    let is_end = |rest: &&str| rest.starts_with("\\\n") || rest.starts_with("\\\r\n");
    match places.find(is_end) {
        Some(rest) => Err(TemplateError::Continued { rest: rest.into() }),
        None => Ok(()),
    }
}

/// Refuses what stands behind `escape=` and is no way to escape; a variable is no such thing.
fn refuse_unknown_escape(config: &str) -> Result<(), TemplateError> {
    let directive = opt((tag_no_case("log_format"), blank1));
    let value = take_while1(|c: char| !c.is_whitespace());
    let head = (directive, opt((name, blank1)), tag("escape="));
    let Ok((_, value)) = preceded(head, value).parse(config) else {
        return Ok(());
    };
    let is_known = matches!(value, "default" | "json" | "none");
    match is_known || value.contains(['$', '%']) {
        true => Ok(()),
        false => Err(TemplateError::UnknownEscape { name: value.into() }),
    }
}

/// Refuses directives that name a format and hold none.
fn refuse_name_only(config: &str) -> Result<(), TemplateError> {
    let path = || alt((recognize(piece), bare));
    let log_format = preceded((tag_no_case("log_format"), blank1), name);
    let named = preceded((tag_no_case("LogFormat"), blank1), name);
    let custom_log = preceded((tag_no_case("CustomLog"), blank1, path(), blank1), name);
    let access_log = preceded((tag_no_case("access_log"), blank1, path(), blank1), name);
    let path_alone = (tag_no_case("CustomLog"), blank1, path(), blank);
    if all_consuming(path_alone).parse(config).is_ok() {
        return Err(TemplateError::PathOnly);
    }
    let apache_end = terminated(blank, opt((tag("env="), rest)));
    let nginx_end = (blank, opt(exactly(';')), blank);
    let found: IResult<&str, (&'static str, &'static str, &str)> = alt((
        map(all_consuming(terminated(log_format, nginx_end)), |name| {
            ("log_format", "log_format directive", name)
        }),
        map(all_consuming(terminated(named, blank)), |name| {
            ("LogFormat", "LogFormat directive", name)
        }),
        map(all_consuming(terminated(custom_log, apache_end)), |name| {
            ("CustomLog", "LogFormat directive", name)
        }),
        map(terminated(access_log, rest), |name| {
            ("access_log", "log_format directive", name)
        }),
    ))
    .parse(config);
    match found {
        Ok((_, (directive, formats, name))) => Err(TemplateError::NameOnly {
            directive,
            name: name.into(),
            formats,
        }),
        Err(_) => Ok(()),
    }
}

/// The template itself, without what a configuration file has around it.
fn unwrapped(text: &str) -> Result<(String, Escape), TemplateError> {
    let (config, _) = blank(text).map_err(syntax)?;
    refuse_unknown_escape(config)?;
    refuse_name_only(config)?;
    let is_directive = |name: &str| {
        let rest = config
            .get(..name.len())
            .filter(|start| start.eq_ignore_ascii_case(name))
            .map(|_| &config[name.len()..]);
        rest.is_some_and(|rest| rest.starts_with(char::is_whitespace))
    };
    if is_directive("log_format") {
        let (_, (escape, pieces)) =
            nginx_directive(config).map_err(|error| misread(config, error))?;
        return Ok((pieces.concat(), escape));
    }
    if is_directive("LogFormat") || is_directive("CustomLog") {
        let (_, piece) = apache_directive(config).map_err(|error| misread(config, error))?;
        return Ok((piece.to_owned(), Escape::Default));
    }
    if is_pieces(config) {
        let (text, escape) = match (nginx_pieces(config), apache_piece(config)) {
            (Ok((_, (escape, pieces))), _) => (pieces.concat(), escape),
            (Err(_), Ok((_, piece))) => (piece.to_owned(), None),
            (Err(error), Err(_)) => return Err(misread(config, error)),
        };
        let escape = escape.unwrap_or(unsaid(&text));
        return Ok((text, escape));
    }
    if let Some((_, rest)) = config.split_once('\n') {
        return Err(TemplateError::Continued { rest: rest.into() });
    }
    let whole = config.strip_suffix(';').filter(|rest| !rest.contains(';'));
    let bare = whole.unwrap_or(config);
    let (bare, escape) = escaping(bare).unwrap_or((bare, unsaid(bare)));
    Ok((bare.to_owned(), escape))
}

/// Why a quoted text cannot be read: often there is something behind it.
fn misread(config: &str, error: nom::Err<nom::error::Error<&str>>) -> TemplateError {
    let directives = alt((tag_no_case("log_format"), tag_no_case("LogFormat")));
    let head = (
        opt((directives, blank1)),
        opt((name, blank1)),
        opt(escaping),
    );
    match preceded(head, many1(terminated(piece, blank))).parse(config) {
        Ok((rest, _)) if !rest.is_empty() && !rest.starts_with(['\'', '"', ';']) => {
            TemplateError::Behind { rest: rest.into() }
        }
        _ => syntax(error),
    }
}

/// How a text is escaped that does not say it.
fn unsaid(text: &str) -> Escape {
    match text.starts_with('{') && text.contains('$') {
        true => Escape::Json,
        false => Escape::Default,
    }
}

/// Whether `text` is quoted as in a configuration file, and not with quotes that are logged.
fn is_pieces(text: &str) -> bool {
    let head = opt((name, multispace1));
    let rest = preceded((head, opt(escaping)), rest).parse(text);
    let rest = rest.map_or(text, |(_, rest)| rest);
    let is_config = || text.contains("\\\"") || text.contains('\n') || text.ends_with(';');
    let is_readable = || nginx_pieces(text).is_ok() || apache_piece(text).is_ok();
    match rest.chars().next() {
        Some('\'') => rest.len() == text.len() || is_config() && is_readable(),
        Some('"') => is_config() && is_readable(),
        _ => false,
    }
}

fn nginx_directive(text: &str) -> IResult<&str, (Escape, Vec<&str>)> {
    let head = (tag_no_case("log_format"), blank1, bare, blank1);
    let parts = preceded(head, (opt(escaping), pieces));
    map(all_consuming(parts), |(escape, pieces)| {
        (escape.unwrap_or(Escape::Default), pieces)
    })
    .parse(text)
}

fn nginx_pieces(text: &str) -> IResult<&str, (Option<Escape>, Vec<&str>)> {
    let head = opt(terminated(name, blank1));
    all_consuming(preceded(head, (opt(escaping), pieces))).parse(text)
}

fn escaping(text: &str) -> IResult<&str, Escape> {
    let escape = alt((
        always(Escape::Default, tag("default")),
        always(Escape::Json, tag("json")),
        always(Escape::None, tag("none")),
    ));
    delimited(tag("escape="), escape, blank1).parse(text)
}

fn pieces(text: &str) -> IResult<&str, Vec<&str>> {
    let pieces = many1(terminated(piece, blank));
    terminated(pieces, (opt(exactly(';')), blank)).parse(text)
}

fn apache_directive(text: &str) -> IResult<&str, &str> {
    let log_format = preceded((tag_no_case("LogFormat"), blank1), apache_piece);
    let path = alt((recognize(piece), bare));
    let custom_log = preceded(
        (tag_no_case("CustomLog"), blank1, path, blank1),
        terminated(piece, opt((blank1, take_while(|_| true)))),
    );
    all_consuming(terminated(alt((log_format, custom_log)), blank)).parse(text)
}

fn apache_piece(text: &str) -> IResult<&str, &str> {
    let name = opt((blank1, bare));
    all_consuming(terminated(piece, (name, blank))).parse(text)
}

/// White space and comments.
fn blank(text: &str) -> IResult<&str, usize> {
    let comment = recognize((exactly('#'), not_line_ending));
    many0_count(alt((multispace1, comment))).parse(text)
}

fn blank1(text: &str) -> IResult<&str, usize> {
    preceded(peek(multispace1), blank).parse(text)
}

/// The name of a log format, where no directive stands before it.
fn name(text: &str) -> IResult<&str, &str> {
    take_while1(|c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.')).parse(text)
}

fn bare(text: &str) -> IResult<&str, &str> {
    take_till1(|c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';')).parse(text)
}

/// What stands between quotes, its escapes as they are.
fn piece(text: &str) -> IResult<&str, &str> {
    let between = |quote: char| {
        let plain = take_till1(move |c| c == quote || c == '\\');
        let escape = preceded(exactly('\\'), take(1usize));
        let inside = recognize(many0(alt((plain, escape))));
        delimited(exactly(quote), inside, exactly(quote))
    };
    alt((between('\''), between('"'))).parse(text)
}

fn nginx_word(text: &str) -> IResult<&str, Word> {
    let name = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let braced = delimited(tag("${"), take_while1(name), tag("}"));
    let bare = preceded(tag("$"), take_while1(name));
    let plain = take_while1(|c: char| c != '$' && c != '\\');
    alt((
        map(alt((braced, bare)), |name: &str| {
            Word::Variable(Variable::nginx(name))
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
        tag("^FB"),
        tag("^FU"),
        verify(take(1usize), |s: &str| alpha1::<_, ()>(s).is_ok()),
    ));
    let directive = map(
        (tag("%"), modifier, argument, letter),
        |(_, modifier, argument, letter): (_, &str, _, _)| {
            let is_final = modifier.contains('>');
            Word::Variable(Variable::apache(is_final, argument, letter))
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
    let code = map(one_of("\"\\'tnr"), |c| match c {
        't' => '\t',
        'n' => '\n',
        'r' => '\r',
        other => other,
    });
    map(preceded(tag("\\"), code), |c| Word::Text(c.to_string())).parse(text)
}
