//! What users should know of a template: what it takes, and where clients can make lines ambiguous.

use std::fmt;

use super::form::{Ending, Form};
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
    /// The needed variable beside it.
    needed: String,
    /// The variable beyond that, which can take up the real one.
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
             {client}, is what the client sends, and {further} may hold the same, so text in the one \
             can look like {needed}; "
        )?;
        match is_raw {
            true => write!(
                f,
                "log without escape=none, or put {needed} before {client}"
            ),
            false => write!(
                f,
                "write \"{client}\" in quotes, or put {needed} where neither has it between them"
            ),
        }
    }
}

impl Template {
    /// Where clients can make its lines ambiguous; the first place is enough to know.
    ///
    /// It takes two texts that may hold the literals beside them, one of them the client's, and a needed
    /// text between, or one of them: what the one holds then looks like the needed one, and the other
    /// takes up the real one. Escaped text has no quotes, so neither reaches beyond the next one.
    pub fn warning(&self) -> Option<AmbiguousTemplate> {
        let stretches = self.fields.split_inclusive(|field| {
            let is_escaped = !self.is_raw && field.form != Form::Raw;
            is_escaped && field.end.contains(&b'"')
        });
        let mut before = 0;
        for stretch in stretches {
            let is_loose =
                |&at: &usize| self.is_loose(stretch, at) || self.is_open_list(&stretch[at]);
            let loose: Vec<usize> = (0..stretch.len()).filter(is_loose).collect();
            for (nth, &first) in loose.iter().enumerate() {
                for &last in &loose[nth + 1..] {
                    let found = self.ambiguity(&stretch[first..=last], before + first + 1);
                    if found.is_some() {
                        return found;
                    }
                }
            }
            before += stretch.len();
        }
        None
    }

    /// What makes lines ambiguous where the first and the last of `fields` are loose, if anything does;
    /// `place` is that of the first.
    fn ambiguity(&self, fields: &[Field], place: usize) -> Option<AmbiguousTemplate> {
        let (first, last) = (fields.first()?, fields.last()?);
        // A list goes on behind commas and colons alone, so it only takes up what is next to it. And where
        // two touch, the path says where it begins.
        let is_list = self.is_open_list(first) || self.is_open_list(last);
        if fields.len() == 2 && first.end.is_empty() || is_list && fields.len() != 2 {
            return None;
        }
        let needed = fields.iter().find(|field| is_needed(field))?;
        let (client, further, place) = match (first.is_client, last.is_client) {
            (true, _) => (first, last, place),
            (false, true) => (last, first, place + fields.len() - 1),
            (false, false) => return None,
        };
        Some(AmbiguousTemplate {
            client: client.name.to_string(),
            place,
            needed: needed.name.to_string(),
            further: further.name.to_string(),
            is_raw: self.is_raw,
        })
    }

    /// Whether it is a list that no quote ends.
    fn is_open_list(&self, field: &Field) -> bool {
        let is_list = matches!(field.form, Form::Words | Form::Numbers);
        is_list && field.endings[usize::from(self.is_raw)] == Ending::Unsure
    }

    /// Whether a text may hold the literals beside it.
    fn is_loose(&self, fields: &[Field], at: usize) -> bool {
        let field = &fields[at];
        let is_bounded = matches!(
            field.form,
            Form::Number
                | Form::Status
                | Form::Bytes
                | Form::Time(_)
                | Form::Addresses
                | Form::Words
                | Form::Numbers
        );
        let is_apart = || {
            fields[..at]
                .last()
                .is_some_and(|other| other.end.contains(&field.separator))
        };
        // It has no slash.
        if field.form == Form::Authority && field.end.contains(&b'/') {
            return false;
        }
        let is_last = field.is_whole && (field.form.is_free() || !is_apart());
        !is_bounded && (is_last || field.endings[usize::from(self.is_raw)] == Ending::Unsure)
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

fn is_needed(field: &Field) -> bool {
    !matches!(field.role, Role::Ignored | Role::Body)
}
