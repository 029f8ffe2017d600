//! From the words of a template to the fields of a line.

use super::error::{FIELDS_MAX, TemplateError};
use super::form::Form;
use super::literal::Literal;
use super::variable::{Meaning, Variable};
use super::words::{Escape, Word, words};
use super::{Field, HOSTS_MAX, Role, Template};
use crate::record::BytesIn;

/// What a template takes from its lines, by the names of variables.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Taken {
    pub(super) hosts: Vec<String>,
    pub(super) time: String,
    pub(super) status: Option<String>,
    pub(super) bytes: String,
}

/// The template of `text`, which is a preset's where `is_preset`.
pub(super) fn compile(text: &str, is_preset: bool) -> Result<Template, TemplateError> {
    let (words, escape) = words(text)?;
    let (head, mut parts) = join(words)?;
    if parts.is_empty() {
        return Err(TemplateError::NoVariable { text: text.into() });
    }
    if !is_preset {
        expect_identities(&mut parts);
    }
    for at in 1..parts.len() {
        let (before, behind) = parts.split_at_mut(at);
        before[at - 1].touch(&mut behind[0])?;
    }
    let (taken, roles) = choose(&parts)?;
    let has_total = parts
        .iter()
        .any(|part| part.variable.meaning == Meaning::BytesTotal);
    let time =
        parts
            .iter()
            .zip(&roles)
            .find_map(|(part, role)| match (&part.variable.meaning, role) {
                (Meaning::Time(kind), Role::Time) => Some(kind.clone()),
                _ => None,
            });
    let last = roles.iter().rposition(|role| *role != Role::Ignored);
    let has_host = !taken.hosts.is_empty();
    let count = parts.len();
    let fields = parts.into_iter().zip(roles).enumerate();
    let fields = fields.map(|(at, (part, role))| field(part, role, escape, at + 1 == count));
    Ok(Template {
        text: text.into(),
        head: Literal::new(&head),
        fields: fields.collect(),
        needed: last.map_or(0, |last| last + 1),
        time: time.ok_or(TemplateError::NoTime)?,
        has_host,
        has_status: taken.status.is_some(),
        bytes_in: match (is_preset, has_total) {
            (true, _) => BytesIn::Unknown,
            (false, true) => BytesIn::Total,
            (false, false) => BytesIn::Body,
        },
        is_preset,
        is_raw: escape == Escape::None,
        taken,
    })
}

/// A variable with the literal behind it.
struct Part {
    variable: Variable,
    end: String,
    /// Whether a double quote stands before and behind it.
    is_quoted: bool,
}

impl Part {
    /// Whether `next` may stand directly behind this; a path that touches has to begin as one.
    ///
    /// Errors: `Touching`.
    fn touch(&mut self, next: &mut Part) -> Result<(), TemplateError> {
        let is_apart = !self.end.is_empty();
        let is_host = matches!(self.variable.form, Form::Host | Form::Number);
        if !is_apart && self.variable.form == Form::Host {
            self.variable.form = Form::Authority;
        }
        if is_apart {
            // Only where it touches does a path need the form of one.
            next.variable.form = match &next.variable.form {
                Form::Target => Form::Free,
                form => form.clone(),
            };
        }
        if is_apart || is_host && next.variable.form == Form::Target {
            return Ok(());
        }
        Err(TemplateError::Touching {
            before: self.variable.name.clone(),
            name: next.variable.name.clone(),
        })
    }
}

/// The literal that a line begins with, and every variable with the literal behind it.
fn join(words: Vec<Word>) -> Result<(String, Vec<Part>), TemplateError> {
    let (mut head, mut parts) = (String::new(), Vec::<Part>::new());
    for word in words {
        match word {
            Word::Text(text) => match parts.last_mut() {
                Some(part) => part.end.push_str(&text),
                None => head.push_str(&text),
            },
            Word::Variable(mut variable) => {
                let before = parts.last_mut().map_or(&mut head, |part| &mut part.end);
                // Apache's %t writes its own brackets.
                let is_bracketed = variable.name == "%t";
                if is_bracketed {
                    before.push('[');
                }
                let is_quoted = before.ends_with('"');
                if parts.is_empty() && variable.form == Form::Target {
                    variable.form = Form::Free;
                }
                if !add_port(&mut parts, &variable) {
                    parts.push(Part {
                        variable,
                        end: if is_bracketed {
                            "]".into()
                        } else {
                            String::new()
                        },
                        is_quoted,
                    });
                }
            }
        }
    }
    if FIELDS_MAX < parts.len() {
        return Err(TemplateError::TooMany);
    }
    for part in &mut parts {
        part.is_quoted &= part.end.starts_with('"');
    }
    Ok((head, parts))
}

/// Whether `port` is that of the host right before it: both are one text then, `host:port`, which
/// one reader takes apart for all formats. An IPv6 address without brackets cannot be told from it.
fn add_port(parts: &mut [Part], port: &Variable) -> bool {
    let Some(host) = parts.last_mut() else {
        return false;
    };
    // What a client sent as its host may have a port already.
    let is_checked = host.variable.form == Form::Host;
    let is_host = matches!(host.variable.meaning, Meaning::Host(_)) && host.end == ":";
    let is_joined = is_host && is_checked && port.meaning == Meaning::Port;
    if is_joined {
        host.variable.name.push(':');
        host.variable.name.push_str(&port.name);
        host.end.clear();
    }
    is_joined
}

/// Lets the identities of clients be what they may be; see `form`.
fn expect_identities(parts: &mut [Part]) {
    for part in parts {
        if part.variable.form == Form::Ident {
            part.variable.form = Form::Identity;
        }
    }
}

/// What is taken of the variables, and the role of each.
///
/// Of several hosts the one that was asked for comes first, and the next is asked where a line has
/// `-` or `_` there: `$host`, `$http_host` or `%{Host}i`, `%V`, `%v`, `$server_name`. Of several times
/// the first in the template is taken, of several statuses that of the response that was sent
/// (`$status`, `%>s`, then `%s`), of several bytes headers and body rather than the body. Of two
/// that are alike, the first.
fn choose(parts: &[Part]) -> Result<(Taken, Vec<Role>), TemplateError> {
    let meanings = || parts.iter().map(|part| &part.variable.meaning).enumerate();
    let name = |at: usize| parts[at].variable.name.clone();
    let mut roles = vec![Role::Ignored; parts.len()];
    let mut hosts: Vec<(u8, usize)> = Vec::new();
    for (at, meaning) in meanings() {
        if let Meaning::Host(rank) = meaning
            && hosts.iter().all(|(other, _)| other != rank)
        {
            hosts.push((*rank, at));
        }
    }
    hosts.sort_unstable();
    hosts.truncate(HOSTS_MAX);
    for (slot, (_, at)) in hosts.iter().enumerate() {
        roles[*at] = Role::Host(slot);
    }
    let time = meanings().find(|(_, meaning)| matches!(meaning, Meaning::Time(_)));
    let (time, _) = time.ok_or_else(|| no_time(parts))?;
    roles[time] = Role::Time;
    let statuses = meanings().filter_map(|(at, meaning)| match meaning {
        Meaning::Status(rank) => Some((*rank, at)),
        _ => None,
    });
    let status = statuses.min().map(|(_, at)| at);
    if let Some(at) = status {
        roles[at] = Role::Status;
    }
    let first = |wanted: Meaning| meanings().find(|(_, meaning)| **meaning == wanted);
    let (total, body) = (first(Meaning::BytesTotal), first(Meaning::BytesBody));
    let (bytes, _) = total.or(body).ok_or(TemplateError::NoBytes)?;
    roles[bytes] = Role::Bytes;
    if let (Some(_), Some((at, _))) = (total, body) {
        roles[at] = Role::Body;
    }
    let taken = Taken {
        hosts: hosts.iter().map(|(_, at)| name(*at)).collect(),
        time: name(time),
        status: status.map(name),
        bytes: name(bytes),
    };
    Ok((taken, roles))
}

/// What to say where no time can be read: the one that is there, if there is one.
fn no_time(parts: &[Part]) -> TemplateError {
    let names = || parts.iter().map(|part| &part.variable.name);
    let other = names().find(|name| name.starts_with("%{") && name.ends_with("}t"));
    other.map_or(TemplateError::NoTime, |name| TemplateError::TimeForm {
        name: name.clone(),
    })
}

fn field(part: Part, role: Role, escape: Escape, is_last: bool) -> Field {
    let Part {
        mut variable,
        end,
        is_quoted,
    } = part;
    let end = Literal::new(&end);
    let separator = match end.first() {
        Some(&byte @ (b' ' | b'\t' | b'"')) => byte,
        _ => b' ',
    };
    // A client's quote in it is no end of it.
    if matches!(variable.form, Form::Host | Form::Ident | Form::Identity) && separator == b'"' {
        variable.form = Form::Free;
    }
    let is_whole = is_last && end.is_empty();
    let is_needed = role != Role::Ignored;
    Field {
        endings: variable.form.endings(&end, separator, is_whole),
        may_be_empty: variable.may_be_empty || escape != Escape::Default && !is_needed,
        is_client: variable.is_client,
        is_quoted,
        is_whole,
        form: variable.form,
        name: variable.name.into(),
        role,
        separator,
        end,
    }
}
