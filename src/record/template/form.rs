//! The forms of variables: what a server can write for each.
//!
//! A form holds at least every text that the server can write, and as little else as is easy to say.
//! The first half keeps the true reading of a line among its fits; the second keeps false ones out.
//!
//! ```text
//! free      = *( byte but `"` and `\`, or `\` and any byte )    what clients send, and what we do not know
//! raw       = any bytes                                      what is never escaped: SSL variables of Apache
//! user      = free | `""`                                       as Apache writes an empty one
//! target    = "-" | "*" | free that begins with "/", "?" or a scheme and "://"
//! word      = 1*( byte but the separator behind it )
//! host      = word                                              nginx lets a comma pass
//! authority = word without "/"                                   the same where a path touches it; schemes
//! ident     = word without "." and ":"                          the identity that nobody uses, in presets
//! identity  = word that is no address                            the same elsewhere
//! number    = "-" | [ "-" ] 1*digit [ "." *digit ]               a clock may step back
//! addresses = word in which spaces stand behind commas only, and that does not end in one
//! words     = item *( ", " item | " : " [ item ] )               item = 1*( byte but space, "," and `"` )
//! numbers   = the same of numbers
//! status    = 3 digits | "-"                     bytes  = 1*digit | "-"
//! ```
//!
//! A host or an identity in quotes is `free`: an escaped quote may be in it. In a template that is
//! no preset the identity is what an `identd` may say (`john.doe`), but for an address: that stands
//! in the line of another layout, whose host would be lost. Lines that a preset is tried on are
//! more often of one.
//!
//! Where quotes are written raw (`escape=none`), `free` is any bytes. A text may be empty where a
//! missing value is written as nothing (`escape=none`, `escape=json`) and it is not needed, and where
//! nginx finds a value that is empty (`variable`).
//!
//! Source: ngx_http_log_module, ngx_http_validate_host of nginx 1.21.1 and newer (no spaces in hosts),
//! ngx_http_upstream_module (lists with `, ` and ` : `), the request variables of ngx_http_core_module,
//! mod_log_config; read 2026-11.

use std::net::IpAddr;

use memchr::{memchr_iter, memchr2};
use nom::Parser;
use nom::branch::alt;
use nom::bytes::complete::{tag, take_while, take_while1};
use nom::character::complete::{char as exactly, digit1, one_of, satisfy};
use nom::combinator::{all_consuming, opt, recognize};
use nom::error::Error;
use nom::multi::many0_count;
use nom::sequence::preceded;

use super::time::TimeKind;
use crate::record::field::find;

/// The form of a variable's text; see the head of this file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Free,
    Raw,
    User,
    Target,
    Word,
    Host,
    Authority,
    /// Of detection: a host without a comma.
    Name,
    Ident,
    Identity,
    /// Of detection: the identity is `-`.
    Dash,
    /// Of detection: addresses, of which one looks like one.
    Client,
    Number,
    Addresses,
    Words,
    Numbers,
    Status,
    Bytes,
    Time(TimeKind),
}

/// How the end of a text is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ending {
    /// At the end of the line.
    Line,
    /// At the first quote without a backslash before it.
    Quote,
    /// Where the literal behind it first stands, or its first byte.
    First,
    /// The same, but not behind a comma.
    Addresses,
    /// In several places, perhaps: all have to be tried.
    Unsure,
}

/// A failure that says nothing: forms answer yes or no.
type Nothing<'a> = Error<&'a [u8]>;

impl Form {
    /// Whether `text`, which is within [`Form::reach`], is of this form.
    #[inline(always)]
    pub(super) fn holds(&self, text: &[u8], separator: u8) -> bool {
        match self {
            Form::Free | Form::Raw => true,
            Form::User => text != b"\"",
            Form::Target => is_target(text),
            // Their separator is out of reach.
            Form::Word | Form::Host => !text.is_empty(),
            Form::Dash => text == b"-",
            Form::Authority => is_word_without(text, [separator, b'/', b'/']),
            Form::Name => is_word_without(text, [separator, b'/', b',']),
            Form::Ident => is_word_without(text, [separator, b'.', b':']),
            Form::Identity => !text.is_empty() && !is_ip(text),
            Form::Number => is_number(text),
            Form::Status => matches!(text, b"-" | [b'0'..=b'9', b'0'..=b'9', b'0'..=b'9']),
            Form::Bytes => text == b"-" || is_digits(text),
            Form::Time(kind) => kind.has_shape(text),
            // Within reach, spaces stand behind commas already, unless something else separates.
            Form::Addresses | Form::Client => {
                !text.is_empty()
                    && !text.ends_with(b",")
                    && (separator == b' ' || addresses_len(text).is_none())
                    && (*self == Form::Addresses || is_address(text))
            }
            Form::Words => is_list(text, item),
            Form::Numbers => is_list(text, number),
        }
    }

    /// The length of the start of `rest` that no text of this form goes beyond.
    #[inline]
    pub(super) fn reach(&self, rest: &[u8], separator: u8, is_raw: bool) -> usize {
        let stop = match self {
            Form::Raw => None,
            Form::Free | Form::User | Form::Target if is_raw => None,
            Form::User if rest.starts_with(b"\"\"") => Some(2),
            Form::Free | Form::User | Form::Target => quoted_len(rest),
            Form::Dash
            | Form::Word
            | Form::Host
            | Form::Authority
            | Form::Name
            | Form::Ident
            | Form::Identity => find(separator, rest),
            Form::Number | Form::Status | Form::Bytes => {
                rest.iter().position(|&byte| !is_of_number(byte))
            }
            Form::Time(kind) => return kind.reach(rest),
            Form::Addresses | Form::Client if separator != b' ' => find(separator, rest),
            Form::Addresses | Form::Client => addresses_len(rest),
            Form::Words | Form::Numbers => list_len(rest),
        };
        stop.unwrap_or(rest.len())
    }

    /// Whether it may be any text, so that only quotes end it.
    pub(super) fn is_free(&self) -> bool {
        matches!(self, Form::Free | Form::User | Form::Target)
    }

    /// Whether texts of it are known by a look at their ends.
    pub(super) fn is_quick(&self) -> bool {
        self.is_free() || matches!(self, Form::Raw | Form::Word | Form::Host | Form::Addresses)
    }

    /// How the ends of such texts are found before `end`: where text is escaped, and where it is raw.
    pub(super) fn endings(&self, end: &[u8], separator: u8, is_whole: bool) -> [Ending; 2] {
        let Some(&first) = end.first() else {
            let ending = if is_whole {
                Ending::Line
            } else {
                Ending::Unsure
            };
            return [ending; 2];
        };
        let is_sure = match self {
            Form::User | Form::Raw => return [Ending::Unsure; 2],
            Form::Free | Form::Target if first == b'"' => return [Ending::Quote, Ending::Unsure],
            Form::Free | Form::Target => false,
            Form::Dash
            | Form::Word
            | Form::Host
            | Form::Authority
            | Form::Name
            | Form::Ident
            | Form::Identity => first == separator,
            Form::Number | Form::Status | Form::Bytes => !is_of_number(first),
            Form::Addresses | Form::Client if first == separator => return [Ending::Addresses; 2],
            Form::Addresses | Form::Client => false,
            Form::Words | Form::Numbers => first == b'"',
            Form::Time(kind) => kind.excludes(first),
        };
        let ending = if is_sure {
            Ending::First
        } else {
            Ending::Unsure
        };
        [ending; 2]
    }
}

/// What an item of a list is parsed by.
trait Item<'a>: Parser<&'a [u8], Output = &'a [u8], Error = Nothing<'a>> {}
impl<'a, P: Parser<&'a [u8], Output = &'a [u8], Error = Nothing<'a>>> Item<'a> for P {}

fn item<'a>() -> impl Item<'a> {
    take_while1(|byte| !matches!(byte, b' ' | b',' | b'"'))
}

fn number<'a>() -> impl Item<'a> {
    let fraction = preceded(exactly('.'), take_while(|byte: u8| byte.is_ascii_digit()));
    let sign = opt(exactly('-'));
    alt((recognize((sign, digit1, opt(fraction))), tag("-")))
}

/// A request that went on in another upstream block, and found no server there, leaves an empty item.
fn is_list<'a, P: Item<'a>>(text: &'a [u8], item: impl Fn() -> P) -> bool {
    let further = alt((
        recognize(preceded(tag(", "), item())),
        recognize(preceded(tag(" : "), opt(item()))),
    ));
    all_consuming((item(), many0_count(further)))
        .parse(text)
        .is_ok()
}

/// Whether `text` looks like an address or a name of a machine, and not like a word or `-`.
fn is_address(text: &[u8]) -> bool {
    text.iter().any(|byte| matches!(byte, b'.' | b':'))
}

fn is_ip(text: &[u8]) -> bool {
    let parses = |text: &str| text.parse::<IpAddr>().is_ok();
    is_address(text) && std::str::from_utf8(text).is_ok_and(parses)
}

/// Length of the text before the first space that is not behind a comma.
fn addresses_len(text: &[u8]) -> Option<usize> {
    memchr_iter(b' ', text).find(|&at| !text[..at].ends_with(b","))
}

#[inline(always)]
fn is_word_without(text: &[u8], bytes: [u8; 3]) -> bool {
    let [a, b, c] = bytes;
    !text.is_empty()
        && !text.iter().fold(false, |found, &byte| {
            found | (byte == a) | (byte == b) | (byte == c)
        })
}

#[inline(always)]
fn is_digits(text: &[u8]) -> bool {
    !text.is_empty() && text.iter().all(u8::is_ascii_digit)
}

fn is_number(text: &[u8]) -> bool {
    all_consuming(number()).parse(text).is_ok()
}

fn is_of_number(byte: u8) -> bool {
    byte.is_ascii_digit() || matches!(byte, b'.' | b'-')
}

/// Length of the text before the first `"` that has no backslash before it.
#[inline(always)]
pub(super) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut from = 0;
    loop {
        let at = from + memchr2(b'"', b'\\', text.get(from..)?)?;
        if text[at] == b'"' {
            return Some(at);
        }
        from = at + 2;
    }
}

/// Whether a free text may go on to the end of `text`: no `"` but behind a backslash, and no
/// backslash alone at the end.
pub(super) fn is_escaped(text: &[u8]) -> bool {
    let mut rest = text;
    while let Some(at) = memchr2(b'"', b'\\', rest) {
        if rest[at] == b'"' || rest.len() == at + 1 {
            return false;
        }
        rest = &rest[at + 2..];
    }
    true
}

/// Length of the text before the first `"`, or space that stands between no items of a list.
fn list_len(text: &[u8]) -> Option<usize> {
    (0..text.len()).find(|&at| match text[at] {
        b'"' => true,
        b' ' => {
            let (before, behind) = text.split_at(at);
            let is_at_colon = behind.starts_with(b" : ") || before.ends_with(b" :");
            !(before.ends_with(b",") || is_at_colon)
        }
        _ => false,
    })
}

/// Whether `text` can be the target of a request: a path, a query, `*`, an absolute URL, or `-`.
fn is_target(text: &[u8]) -> bool {
    let scheme = (
        satisfy(|c| c.is_ascii_alphabetic()),
        take_while(|byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.')),
        tag("://"),
    );
    let mut start = alt((
        recognize(one_of::<_, _, Nothing<'_>>("/?")),
        recognize(scheme),
    ));
    matches!(text, b"-" | b"*") || start.parse(text).is_ok()
}
