//! Access logs of nginx, Apache and their kin (`nginx`), read by a `log_format` string.
//!
//! A template is a list of literals and variables. A line fits it if it is these literals with texts
//! between them that the server can have written for the variables ([`form`]). A line may fit in
//! several ways, and a client may have chosen its header so that it does. So the rule is:
//!
//! > A line is metered only if every way in which it fits gives the same time, host, bytes, status
//! > and doubt. Otherwise it is rejected as `ambiguous`.
//!
//! The server wrote the line by the template, so the true way is among them.
//!
//! Which ways count:
//! 1. Those in which the whole line is the whole template, its text escaped as the server says (`"`
//!    never stands in it without a backslash before it; with `escape=none` anything goes).
//! 2. Only where there are none, those in which it *begins* with the template up to its last needed
//!    variable and the literal behind that. The line was cut, or its server writes more than the
//!    template says; then it may write quotes raw, too, and any text may hold any byte.
//!
//! The presets stand for formats of which servers write many kinds (with further fields, with `%O` or
//! `%b`), but always escaped: of them only the part up to the last needed variable is looked at.
//!
//! ```text
//! time   = see `time`                                      bytes  = digits | "-"
//! status = 3 digits | "-"                                  host   = $host, %v, … [ ":" port ]
//! ```
//!
//! Bytes: `$bytes_sent` and `%O` count headers and body, `$body_bytes_sent`, `%b`, `%B` the body
//! only; a template with both meters the former, and a line on which the former is 0 and the latter
//! is not is in doubt (mod_logio counts nothing where the connection broke off). Lines of nginx's own
//! error log, which often go to the same file, are skipped.
//!
//! Source: FORMATS §12 (ngx_http_log_module, mod_log_config, mod_logio), read 2026-11.

mod compile;
mod error;
mod fits;
mod form;
mod literal;
mod time;
mod variable;
mod walk;
mod warning;
mod words;

use nom::Parser;
use nom::bytes::complete::tag;

use compile::Taken;
pub use error::TemplateError;
use fits::Fits;
use form::{Ending, Form};
use literal::Literal;
use time::TimeKind;
use walk::{Known, Track, Way};
pub use warning::AmbiguousTemplate;

use super::clock::Clock;
use super::fate::{Doubt, Fate, Record, Reject, Skip};
use super::grammar::{bytes, colon_time, number, status};
use super::{BytesIn, LineFormat};
use crate::units::{Bytes, Region};

/// Most hosts of a template that are asked in turn.
const HOSTS_MAX: usize = 3;

/// What a variable is to us.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    /// A host, by its turn.
    Host(usize),
    Time,
    Status,
    Bytes,
    /// The bytes of the body, where those with headers are metered.
    Body,
    Ignored,
}

/// A variable of a template and the literal behind it.
#[derive(Clone, Debug)]
struct Field {
    name: Box<str>,
    role: Role,
    form: Form,
    /// A byte that words in its place do not hold: the first of `end`, if that separates fields.
    separator: u8,
    end: Literal,
    /// It is the last, and goes on to the end of the line.
    is_whole: bool,
    /// How its end is found: where text is escaped, and where it is raw.
    endings: [Ending; 2],
    may_be_empty: bool,
    is_quoted: bool,
    is_client: bool,
}

impl Field {
    #[inline(always)]
    fn holds(&self, text: &[u8]) -> bool {
        self.form.holds(text, self.separator) || self.may_be_empty && text.is_empty()
    }

    #[inline(always)]
    fn reach(&self, rest: &[u8], is_raw: bool) -> usize {
        self.form.reach(rest, self.separator, is_raw)
    }
}

/// How fields are laid on a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reading {
    /// Whether the line may go on behind the last field.
    is_open: bool,
    /// Whether free text may hold quotes.
    is_raw: bool,
}

/// A compiled `log_format`.
#[derive(Clone, Debug)]
pub struct Template {
    /// The string that it was compiled from.
    text: Box<str>,
    head: Literal,
    fields: Box<[Field]>,
    /// Fields up to the last that is needed.
    needed: usize,
    time: TimeKind,
    has_host: bool,
    has_status: bool,
    bytes_in: BytesIn,
    is_preset: bool,
    /// Whether its server writes quotes raw.
    is_raw: bool,
    taken: Taken,
}

/// The texts that a line gives for the needed variables; empty where the template has none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Texts<'a> {
    hosts: [&'a [u8]; HOSTS_MAX],
    time: &'a [u8],
    status: &'a [u8],
    bytes: &'a [u8],
    body: &'a [u8],
}

/// How many texts there are.
const TEXTS: usize = HOSTS_MAX + 4;

impl<'a> Texts<'a> {
    fn all(&self) -> [&'a [u8]; TEXTS] {
        let [first, second, third] = self.hosts;
        [
            first,
            second,
            third,
            self.time,
            self.status,
            self.bytes,
            self.body,
        ]
    }

    #[inline(always)]
    fn take(&mut self, role: Role, text: &'a [u8]) {
        match role {
            Role::Host(turn) => self.hosts[turn] = text,
            Role::Time => self.time = text,
            Role::Status => self.status = text,
            Role::Bytes => self.bytes = text,
            Role::Body => self.body = text,
            Role::Ignored => {}
        }
    }

    /// The first host that is one: not nothing, `-` or `_`, with or without a port.
    #[inline(always)]
    fn host(&self) -> &'a [u8] {
        let is_missing = |host: &[u8]| {
            matches!(
                host,
                [] | b"-" | b"_" | [b':', ..] | [b'-' | b'_', b':', ..]
            )
        };
        let [first, others @ ..] = self.hosts;
        if !is_missing(first) {
            return first;
        }
        let other = others.into_iter().find(|host| !is_missing(host));
        other.unwrap_or(first)
    }
}

impl Template {
    /// The templates that are recognised without `--log-format`, by name.
    pub const PRESETS: [(&'static str, &'static str); 4] = [
        (
            "vhost_combined",
            r#"%v:%p %h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i""#,
        ),
        ("vhost_common", r#"%v %h %l %u %t "%r" %>s %b"#),
        (
            "combined",
            r#"%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i""#,
        ),
        ("common", r#"%h %l %u %t "%r" %>s %b"#),
    ];

    /// The template of a `log_format` string, as it is or with the directive of a configuration file
    /// around it, or of a preset's name.
    ///
    /// Errors: [`TemplateError`] where it cannot be read, or names no time or no bytes.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        match Template::PRESETS
            .iter()
            .find(|(name, _)| *name == text.trim())
        {
            Some((name, preset)) => {
                let template = compile::compile(preset, true)?;
                Ok(Template {
                    text: (*name).into(),
                    ..template
                })
            }
            None => compile::compile(text, false),
        }
    }

    /// The `log_format` string as it was given, or the name of a preset.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether a line names its domain; without it, one must be configured.
    pub fn has_host(&self) -> bool {
        self.has_host
    }

    /// Whether the metered field counts headers. Of a preset that is not known: the same name stands
    /// for `%O` on one server and for `%b` on another.
    pub fn bytes_in(&self) -> BytesIn {
        self.bytes_in
    }

    /// This template for lines as nearly all are: no unquoted free text holds a space, a client has an
    /// address, nobody has an identity, and no host holds a comma.
    ///
    /// Detection asks it: others could be lines of another layout, whose host would be lost, or taken
    /// from another field.
    pub(super) fn of_plain_lines(&self) -> Self {
        let mut plain = self.clone();
        for field in &mut plain.fields {
            field.form = match field.form {
                Form::Free | Form::User if !field.is_quoted => Form::Word,
                Form::Ident => Form::Dash,
                Form::Host => Form::Name,
                Form::Addresses if field.end.first() == Some(&b' ') => Form::Client,
                _ => continue,
            };
            field.endings = field
                .form
                .endings(&field.end, field.separator, field.is_whole);
        }
        plain
    }

    /// The ways to lay it on a line, of which the first that fits counts; see the head of this file.
    fn readings(&self) -> impl Iterator<Item = (&[Field], Reading)> {
        self.whole().into_iter().chain([self.open()])
    }

    /// The line is the whole template; not asked of presets.
    #[inline(always)]
    fn whole(&self) -> Option<(&[Field], Reading)> {
        let reading = Reading {
            is_open: false,
            is_raw: self.is_raw,
        };
        (!self.is_preset).then_some((&*self.fields, reading))
    }

    /// The line begins with the template up to its last needed variable.
    #[inline(always)]
    fn open(&self) -> (&[Field], Reading) {
        let reading = Reading {
            is_open: true,
            is_raw: !self.is_preset,
        };
        (&self.fields[..self.needed], reading)
    }

    fn record<'a>(&self, texts: &Texts<'a>) -> Result<Record<'a>, Reject> {
        let time = self.time.read(texts.time)?;
        let (bytes, doubt): (Bytes, Option<Doubt>) = bytes(texts.bytes)?;
        let status = match self.has_status {
            true => status(texts.status, 3)?,
            false => 0,
        };
        Ok(Record {
            time,
            host: texts.host(),
            bytes,
            status,
            region: Region::Unknown,
            doubt: doubt.or_else(|| doubt_of(bytes, texts.body)),
        })
    }

    /// The one record of all fits, or why there is none.
    fn judged<'a>(&self, line: &'a [u8]) -> Result<Record<'a>, Reject> {
        for (fields, reading) in self.readings() {
            let found = match fits::fits(&self.head, fields, reading, line) {
                Fits::TooMany => return Err(Reject::Ambiguous),
                Fits::Known(found) => found,
            };
            let mut records = found.iter().map(|texts| self.record(texts));
            if let Some(first) = records.next() {
                return match records.all(|other| other == first) {
                    true => first,
                    false => Err(Reject::Ambiguous),
                };
            }
        }
        Err(self.misfit(line))
    }

    /// Why a line that does not fit is rejected: for the first needed text that is none, where the
    /// literals stand in their places.
    fn misfit(&self, line: &[u8]) -> Reject {
        let texts = self.texts_between_literals(line);
        let reason = texts.and_then(|texts| self.record(&texts).err());
        reason.unwrap_or(Reject::Fields)
    }

    /// What stands between the literals, each taken where it first stands and whatever it is.
    fn texts_between_literals<'a>(&self, line: &'a [u8]) -> Option<Texts<'a>> {
        let mut texts = Texts::default();
        let mut rest = line.strip_prefix(&*self.head)?;
        for field in &self.fields[..self.needed] {
            let len = match (field.is_whole, field.is_quoted) {
                (true, _) => rest.len(),
                (false, true) => form::quoted_len(rest)?,
                // It touches the next one, which takes its text.
                (false, false) if field.end.is_empty() => 0,
                (false, false) => field.end.places(rest).next()?,
            };
            texts.take(field.role, &rest[..len]);
            rest = rest[len..].strip_prefix(&*field.end)?;
        }
        Some(texts)
    }

    /// What is known of the ways in which the line fits, and the only one in `way` where there is one.
    #[inline(always)]
    fn only_way<'a>(&self, line: &'a [u8], way: &mut Way<'a>, clock: &mut Clock) -> Known {
        let track = |(fields, reading)| Track {
            head: &self.head,
            fields,
            reading,
            time: &self.time,
        };
        if let Some(whole) = self.whole() {
            match track(whole).walk(line, way, clock) {
                Known::Misfit => *way = Way::default(),
                known => return known,
            }
        }
        track(self.open()).walk(line, way, clock)
    }

    fn fate<'a>(record: Result<Record<'a>, Reject>, line: &[u8]) -> Fate<'a> {
        match record {
            Ok(record) => Fate::Metered(record),
            Err(_) if is_error_log(line) => Fate::Skipped(Skip::OtherLogger),
            Err(reason) => Fate::Rejected(reason),
        }
    }
}

/// The doubt of a line that claims a body and no bytes at all.
fn doubt_of(total: Bytes, body: &[u8]) -> Option<Doubt> {
    let is_body = body.iter().any(|byte| (b'1'..=b'9').contains(byte));
    (total == Bytes::ZERO && is_body).then_some(Doubt::NoTotal)
}

/// Whether nginx's error log wrote this line: `YYYY/MM/DD hh:mm:ss [level] …`.
fn is_error_log(line: &[u8]) -> bool {
    let date = (
        number(4),
        tag("/"),
        number(2),
        tag("/"),
        number(2),
        tag(" "),
    );
    (date, colon_time, tag(" [")).parse(line).is_ok()
}

impl LineFormat for Template {
    const NAME: &'static str = "nginx";
    // `Template::bytes_in` is exact.
    const BYTES_IN: BytesIn = BytesIn::Unknown;

    fn specify<'a>(&self, line: &'a [u8]) -> Fate<'a> {
        Self::fate(self.judged(line), line)
    }

    #[inline(always)]
    fn fast<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Option<Fate<'a>> {
        let mut way = Way::default();
        match self.only_way(line, &mut way, clock) {
            Known::Fits => {}
            // A blank line is not a template's business.
            Known::Misfit if line.is_empty() => return None,
            Known::Misfit => return Some(Self::fate(Err(self.misfit(line)), line)),
            Known::Unsure => return None,
        }
        let (Some(time), Some(bytes)) = (way.time, way.bytes) else {
            return Some(Self::fate(self.record(&way.texts), line));
        };
        let status = match (self.has_status, way.status) {
            (true, None) => return Some(Self::fate(self.record(&way.texts), line)),
            (_, status) => status.unwrap_or_default(),
        };
        let bytes = Bytes::new(bytes);
        Some(Fate::Metered(Record {
            time,
            host: way.texts.host(),
            bytes,
            status,
            region: Region::Unknown,
            doubt: doubt_of(bytes, way.texts.body),
        }))
    }

    /// The most that any way allows; that of the literals alone where it fits in none.
    fn bytes_at_most(&self, line: &[u8]) -> Option<Bytes> {
        let of = |texts: &Texts<'_>| bytes(texts.bytes).ok().map(|(bytes, _)| bytes);
        let mut way = Way::default();
        match self.only_way(line, &mut way, &mut Clock::default()) {
            Known::Fits => return of(&way.texts),
            Known::Misfit => return of(&self.texts_between_literals(line)?),
            Known::Unsure => {}
        }
        for (fields, reading) in self.readings() {
            match fits::fits(&self.head, fields, reading, line) {
                Fits::TooMany => return None,
                Fits::Known(found) if found.is_empty() => {}
                Fits::Known(found) => return found.iter().filter_map(of).max(),
            }
        }
        of(&self.texts_between_literals(line)?)
    }
}

#[cfg(test)]
mod tests;
