//! What users should know of a template: what it takes, and where clients can make lines ambiguous.

use std::fmt;

use super::{Field, Role, Template};

/// A place of a template at which a client can write text that looks like the fields behind it.
///
/// Lines that use it are rejected as `ambiguous`, never metered wrongly, so all it can cost is that
/// they are not billed before somebody looks at them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AmbiguousTemplate {
    /// The variable whose text the client chooses.
    client: String,
    /// Its place among the variables, from 1.
    place: usize,
    /// The needed variable behind it.
    needed: String,
    /// The variable behind that, which can swallow the real one.
    further: String,
    /// Whether quotes would not help, since text is written raw.
    is_raw: bool,
}

impl fmt::Display for AmbiguousTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let AmbiguousTemplate {
            client,
            place,
            needed,
            further,
            is_raw,
        } = self;
        write!(
            f,
            "the log format lets clients make lines ambiguous, which are then rejected: variable {place}, \
             {client}, is what the client sends, and {further} may be anything too, so text in the one \
             can look like {needed} between them; "
        )?;
        match is_raw {
            true => write!(
                f,
                "log without escape=none, or put {needed} before {client}"
            ),
            false => write!(f, "write \"{client}\" in quotes, or put {needed} before it"),
        }
    }
}

impl Template {
    /// Where clients can make its lines ambiguous; the first place is enough to know.
    pub fn warning(&self) -> Option<AmbiguousTemplate> {
        let is_loose = |field: &Field| field.form.is_free() && (self.is_raw || !field.is_quoted);
        // Escaped text has no quotes, so a client cannot reach beyond the next one.
        let stretches = self
            .fields
            .split_inclusive(|field| !self.is_raw && field.end.contains(&b'"'));
        let mut before = 0;
        for stretch in stretches {
            let mut further = stretch.iter().enumerate();
            while let Some((at, client)) =
                further.find(|(_, field)| field.is_client && is_loose(field))
            {
                let mut behind = stretch[at + 1..].iter();
                let needed = behind.find(|field| !matches!(field.role, Role::Ignored | Role::Body));
                let swallower = behind.find(|field| is_loose(field));
                if let (Some(needed), Some(swallower)) = (needed, swallower) {
                    return Some(AmbiguousTemplate {
                        client: client.name.to_string(),
                        place: before + at + 1,
                        needed: needed.name.to_string(),
                        further: swallower.name.to_string(),
                        is_raw: self.is_raw,
                    });
                }
            }
            before += stretch.len();
        }
        None
    }

    /// What it takes from a line, by the names of its variables.
    pub fn takes(&self) -> String {
        let taken = &self.taken;
        let host = match taken.hosts.is_empty() {
            true => "the given domain".to_owned(),
            false => taken.hosts.join(", else "),
        };
        let status = taken.status.as_deref().unwrap_or("nothing");
        format!(
            "domain from {host}; time from {}; status from {status}; bytes from {} ({})",
            taken.time,
            taken.bytes,
            self.bytes_in.name()
        )
    }
}
