//! Every way in which a line fits a template: the specification of what templates read.
//!
//! ```text
//! fit = head field₁ … fieldₙ [ rest ]        field = text of its form, then the literal behind it
//! ```
//! The server wrote the line by the template, so the true reading is among the fits. Where all of
//! them name the same texts, these are the true ones, whichever fit is.
//!
//! The search goes from left to right and tries every end of every text. A state (field, place and the
//! texts so far) is looked at once. A line on which it has to look at more than [`LOOKS_PER_BYTE`]
//! times its length and that of the template has no answer: only clients that mean to write one do.

use std::collections::HashSet;

use super::{Field, Reading, Texts};

/// Bytes that are looked at, per byte of the line and field of the template.
const LOOKS_PER_BYTE: usize = 32;

/// The fits of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fits<'a> {
    /// The texts of each that differ in what is metered; none where the line does not fit.
    Known(Vec<Texts<'a>>),
    /// More than can be looked at.
    TooMany,
}

/// The fits of `line`, as `reading` lays `fields` on it.
pub(super) fn fits<'a>(
    head: &[u8],
    fields: &[Field],
    reading: Reading,
    line: &'a [u8],
) -> Fits<'a> {
    if !line.starts_with(head) {
        return Fits::Known(Vec::new());
    }
    let mut search = Search {
        fields,
        reading,
        line,
        looks_left: LOOKS_PER_BYTE * (fields.len() + 1) * (line.len() + 1),
        seen: HashSet::new(),
        found: Vec::new(),
    };
    match search.go_on(0, head.len(), Texts::default()) {
        Some(()) => Fits::Known(search.found),
        None => Fits::TooMany,
    }
}

struct Search<'t, 'a> {
    fields: &'t [Field],
    reading: Reading,
    line: &'a [u8],
    looks_left: usize,
    seen: HashSet<(usize, usize, Texts<'a>)>,
    found: Vec<Texts<'a>>,
}

impl<'a> Search<'_, 'a> {
    /// Finds the fits that go on with field `index` at `at`; `None` where there is too much to look at.
    fn go_on(&mut self, index: usize, at: usize, texts: Texts<'a>) -> Option<()> {
        let Some(field) = self.fields.get(index) else {
            let is_fit = self.reading.is_open || at == self.line.len();
            if is_fit && !self.found.contains(&texts) {
                self.found.push(texts);
            }
            return Some(());
        };
        if !self.seen.insert((index, at, texts)) {
            return Some(());
        }
        let rest = &self.line[at..];
        for len in ends(field, self.reading, rest, &mut self.looks_left)? {
            let mut texts = texts;
            texts.take(field.role, &rest[..len]);
            self.go_on(index + 1, at + len + field.end.len(), texts)?;
        }
        Some(())
    }
}

/// The lengths of all texts of `field` that `rest` may begin with, the literal of the field behind each.
fn ends(
    field: &Field,
    reading: Reading,
    rest: &[u8],
    looks_left: &mut usize,
) -> Option<Vec<usize>> {
    let mut found = Vec::new();
    let is_free = field.form.is_free();
    let reach = field.reach(rest, reading.is_raw);
    let mut len = 0;
    while len <= reach {
        *looks_left = looks_left.checked_sub(1)?;
        if field.ends_at(rest, len) {
            *looks_left = looks_left.checked_sub(if is_free { 0 } else { len })?;
            if field.holds(&rest[..len]) {
                found.push(len);
            }
        }
        // A backslash and what is behind it are not torn apart.
        let is_escape = is_free && !reading.is_raw && rest.get(len) == Some(&b'\\');
        len += if is_escape { 2 } else { 1 };
    }
    Some(found)
}
