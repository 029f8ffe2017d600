//! Every way in which a line fits a template: the specification of what templates read.
//!
//! ```text
//! fit = head field₁ … fieldₙ [ rest ]        field = text of its form, then the literal behind it
//! ```
//! The server wrote the line by the template, so the true reading is among the fits. Where all of
//! them name the same texts, these are the true ones, whichever fit is.
//!
//! The search goes from left to right and tries every end of every text. Behind a text that may end in
//! several places, a state (field, place and the texts so far) is looked at once. A line on which it
//! has to look at more than [`LOOKS_PER_BYTE`] times its length and that of the template or than
//! [`LOOKS_MAX`] bytes, or at more than [`STATES_MAX`] states, or finds more than [`FITS_MAX`] fits, has
//! no answer: only clients that mean to write one do.

use std::collections::HashSet;

use memchr::memchr;
use smallvec::SmallVec;

use super::form::Ending;
use super::literal::Literal;
use super::{Field, Reading, TEXTS, Texts};

/// Bytes that are looked at, per byte of the line and field of the template.
const LOOKS_PER_BYTE: usize = 32;
/// Those of any line up to 128 KiB, however many fields; 8 per byte of a longer one.
const LOOKS_MAX: usize = 1 << 20;
const LOOKS_PER_LONG_BYTE: usize = 8;
/// States behind texts that may end in several places.
const STATES_MAX: usize = 1 << 14;
/// Fits that differ in a needed text.
const FITS_MAX: usize = 64;

/// The fits of a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Fits<'a> {
    /// The texts of each that differ in what is metered; none where the line does not fit.
    Known(Few<Texts<'a>>),
    /// More than can be looked at.
    TooMany,
}

/// The fits of `line`, as `reading` lays `fields` on it.
pub(super) fn fits<'a>(
    head: &Literal,
    fields: &[Field],
    reading: Reading,
    line: &'a [u8],
) -> Fits<'a> {
    if !head.begins(line) {
        return Fits::Known(Few::new());
    }
    let mut search = Search {
        fields,
        reading,
        line,
        looks_left: looks_max(fields.len(), line.len()),
        seen: HashSet::new(),
        found: Few::new(),
    };
    let start = State {
        index: 0,
        at: head.len(),
        texts: Texts::default(),
    };
    match search.go_on(start, false) {
        Some(()) => Fits::Known(search.found),
        None => Fits::TooMany,
    }
}

fn looks_max(fields: usize, line: usize) -> usize {
    let most = LOOKS_MAX.max(LOOKS_PER_LONG_BYTE * line);
    most.min(LOOKS_PER_BYTE * (fields + 1) * (line + 1))
}

struct Search<'t, 'a> {
    fields: &'t [Field],
    reading: Reading,
    line: &'a [u8],
    looks_left: usize,
    seen: HashSet<Place>,
    found: Few<Texts<'a>>,
}

/// The next field, where it begins, and the texts before it.
#[derive(Clone, Copy)]
struct State<'a> {
    index: usize,
    at: usize,
    texts: Texts<'a>,
}

/// What tells states apart: texts by where they stand, since they may be long.
type Place = (usize, usize, [(usize, usize); TEXTS]);

impl<'a> State<'a> {
    /// Goes on behind `text` of `field`, and the literal behind that.
    fn go_over(&mut self, field: &Field, text: &'a [u8]) {
        self.texts.take(field.role, text);
        self.index += 1;
        self.at += text.len() + field.end.len();
    }

    fn place(&self) -> Place {
        let where_of = |text: &[u8]| (text.as_ptr().addr(), text.len());
        (self.index, self.at, self.texts.all().map(where_of))
    }
}

impl<'a> Search<'_, 'a> {
    /// Finds the fits that go on from `state`, which other ways may lead to if `is_branch`; `None` where
    /// there is too much to look at.
    fn go_on(&mut self, mut state: State<'a>, is_branch: bool) -> Option<()> {
        while let Some(field) = self.fields.get(state.index) {
            if is_branch && !self.seen.insert(state.place()) {
                return Some(());
            }
            if STATES_MAX < self.seen.len() {
                return None;
            }
            let rest = &self.line[state.at..];
            let reach = field.reach(rest, self.reading.is_raw);
            self.look_at(reach + 1)?;
            if self.is_sure(field) {
                let is_end = field.end.begins(&rest[reach..]);
                if !is_end || !self.holds(field, &rest[..reach])? {
                    return Some(());
                }
                state.go_over(field, &rest[..reach]);
                continue;
            }
            let ends = self.ends(field, rest, reach)?;
            if let [only] = ends[..] {
                state.go_over(field, &rest[..only]);
                continue;
            }
            for len in ends {
                let mut branch = state;
                branch.go_over(field, &rest[..len]);
                self.go_on(branch, true)?;
            }
            return Some(());
        }
        let is_fit = self.reading.is_open || state.at == self.line.len();
        if is_fit && !self.found.contains(&state.texts) {
            self.found.push(state.texts);
        }
        (self.found.len() <= FITS_MAX).then_some(())
    }

    /// Pays for looking at so many bytes; `None` where that is too much.
    #[inline(always)]
    fn look_at(&mut self, bytes: usize) -> Option<()> {
        self.looks_left = self.looks_left.checked_sub(bytes)?;
        Some(())
    }

    /// Whether no text of the form has the byte that the literal behind it begins with, so that a text ends
    /// where it reaches to, or nowhere.
    fn is_sure(&self, field: &Field) -> bool {
        let ending = field.endings[usize::from(self.reading.is_raw)];
        matches!(ending, Ending::First | Ending::Quote)
    }

    #[inline(always)]
    fn holds(&mut self, field: &Field, text: &[u8]) -> Option<bool> {
        if !field.form.is_quick() {
            self.look_at(text.len())?;
        }
        Some(field.holds(text))
    }

    /// The lengths up to `reach` of all texts of `field` that `rest` may begin with, the literal of the field
    /// behind each.
    fn ends(&mut self, field: &Field, rest: &[u8], reach: usize) -> Option<Few<usize>> {
        let mut ends = Few::new();
        let has_escapes =
            field.form.is_free() && !self.reading.is_raw && memchr(b'\\', &rest[..reach]).is_some();
        let mut consider = |len: usize| {
            if self.holds(field, &rest[..len])? {
                ends.push(len);
            }
            Some(())
        };
        match field.end.is_empty() {
            // To the end of the line.
            true if field.is_whole => {
                if reach == rest.len() && (!has_escapes || is_whole_escape(rest)) {
                    consider(rest.len())?;
                }
            }
            // It touches the next one.
            true => each_place(rest, reach, has_escapes, &mut consider)?,
            // A backslash in it keeps a byte from ending it: place by place.
            false if has_escapes => each_place(rest, reach, true, |len| {
                match field.end.begins(&rest[len..]) {
                    true => consider(len),
                    false => Some(()),
                }
            })?,
            false => {
                let within = &rest[..rest.len().min(reach + field.end.len())];
                for len in field.end.places(within) {
                    consider(len)?;
                }
            }
        }
        Some(ends)
    }
}

/// What there is nearly always one of.
type Few<T> = SmallVec<[T; 1]>;

/// Whether no backslash stands alone at the end.
fn is_whole_escape(text: &[u8]) -> bool {
    let backslashes = text.iter().rev().take_while(|&&byte| byte == b'\\').count();
    backslashes % 2 == 0
}

/// Every length up to `reach`; where there are escapes, a backslash and what is behind it are not torn
/// apart.
fn each_place(
    rest: &[u8],
    reach: usize,
    has_escapes: bool,
    mut each: impl FnMut(usize) -> Option<()>,
) -> Option<()> {
    let mut len = 0;
    while len <= reach {
        each(len)?;
        let is_escape = has_escapes && rest.get(len) == Some(&b'\\');
        len += if is_escape { 2 } else { 1 };
    }
    Some(())
}
