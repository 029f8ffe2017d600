//! Laying a template on a line, fast: one way from left to right, and a look whether there is another.
//!
//! Most variables end surely: nothing of their form has the byte that stands behind them. Between
//! the others, the few places are tried at which the literal behind them stands; a way that goes
//! on from there up to the next of these is counted as one that may fit. Where exactly one does at
//! each of them, the line fits in one way at most, and what [`super::fits`] would find is known. Where
//! two do, the grammar has to say. Nothing is copied for the first way: it is nearly always the only one.

use super::form::{Form, is_escaped, quoted_len};
use super::time::TimeKind;
use super::{Field, Reading, Role, Texts};
use crate::record::clock::Clock;
use crate::record::field::{digits, find, three_digits};
use crate::units::Timestamp;

/// Places that are tried on a line; beyond them the grammar has to say.
const TRIES_MAX: usize = 16;

/// What is known of a line.
pub(super) enum Walk<'a> {
    /// It fits, and every fit has these texts.
    Fits(Way<'a>),
    /// It does not fit.
    Not,
    /// There may be several fits.
    Unsure,
}

/// The needed texts up to some place of a line, with their values where these are plain.
#[derive(Clone, Copy, Debug)]
pub(super) struct Way<'a> {
    pub(super) texts: Texts<'a>,
    pub(super) time: Option<Timestamp>,
    pub(super) status: Option<u16>,
    pub(super) bytes: Option<u64>,
    /// The next field, and where it begins.
    index: usize,
    at: usize,
}

/// A template's fields as they are laid on a line.
#[derive(Clone, Copy)]
pub(super) struct Track<'t> {
    pub(super) head: &'t [u8],
    pub(super) fields: &'t [Field],
    pub(super) reading: Reading,
    pub(super) time: &'t TimeKind,
}

impl Track<'_> {
    /// What is known of `line`.
    #[inline(always)]
    pub(super) fn walk<'a>(&self, line: &'a [u8], clock: &mut Clock) -> Walk<'a> {
        if !line.starts_with(self.head) {
            return Walk::Not;
        }
        let mut way = Way {
            texts: Texts::default(),
            time: None,
            status: None,
            bytes: None,
            index: 0,
            at: self.head.len(),
        };
        let mut tries_left = TRIES_MAX;
        loop {
            if !self.run(line, &mut way, clock) {
                return Walk::Not;
            }
            if way.index == self.fields.len() {
                return Walk::Fits(way);
            }
            match self.go_over(line, &mut way, &mut tries_left, clock) {
                Some(true) if way.index == self.fields.len() => return Walk::Fits(way),
                Some(true) => {}
                Some(false) => return Walk::Not,
                None => return Walk::Unsure,
            }
        }
    }

    /// Goes on over the fields that end surely, up to the next that does not or the end; `false`
    /// where the line does not go on like this.
    #[inline(always)]
    fn run<'a>(&self, line: &'a [u8], way: &mut Way<'a>, clock: &mut Clock) -> bool {
        while let Some(field) = self.fields.get(way.index) {
            if !field.is_sure[usize::from(self.reading.is_raw)] {
                return true;
            }
            let rest = &line[way.at..];
            let Some(len) = field.sure_len(rest, self.reading.is_raw) else {
                return false;
            };
            if !rest[len..].starts_with(&field.end)
                || !way.take(self.time, field, &rest[..len], clock)
            {
                return false;
            }
            way.at += len + field.end.len();
            way.index += 1;
        }
        self.reading.is_open || way.at == line.len()
    }

    /// Goes on over the next field, which does not end surely, and the sure ones behind it: `true` where
    /// the line does so in exactly one way, `None` where that cannot be told.
    #[inline(always)]
    fn go_over<'a>(
        &self,
        line: &'a [u8],
        way: &mut Way<'a>,
        tries_left: &mut usize,
        clock: &mut Clock,
    ) -> Option<bool> {
        let (index, at) = (way.index, way.at);
        let field = &self.fields[index];
        let (rest, is_raw) = (&line[at..], self.reading.is_raw);
        let &marker = field.end.get(field.marker)?;
        // Where the marker of an end within reach can stand.
        let within = field.reach(rest, is_raw) + field.marker + 1;
        let within = &rest[..within.min(rest.len())];
        let (mut from, mut is_found) = (field.marker, false);
        while let Some(place) = within.get(from..).and_then(|rest| find(marker, rest)) {
            let len = from + place - field.marker;
            from = len + field.marker + 1;
            if !rest[len..].starts_with(&field.end) {
                continue;
            }
            *tries_left = tries_left.checked_sub(1)?;
            if is_found {
                // A second way is only looked for: it shall not change the first.
                let mut other = *way;
                (other.index, other.at) = (index, at);
                if self.passes(line, &mut other, len, clock) {
                    return None;
                }
            } else {
                (way.index, way.at) = (index, at);
                is_found = self.passes(line, way, len, clock);
            }
        }
        Some(is_found)
    }

    /// Whether the next field may have `len` bytes, and the sure fields behind it follow.
    #[inline(always)]
    fn passes<'a>(&self, line: &'a [u8], way: &mut Way<'a>, len: usize, clock: &mut Clock) -> bool {
        let field = &self.fields[way.index];
        let text = &line[way.at..way.at + len];
        // It is within reach, so only its last byte could be half of an escape.
        let may_be_torn = !self.reading.is_raw && text.ends_with(b"\\");
        let is_torn = may_be_torn && field.form.is_free() && !is_escaped(text);
        if is_torn || !way.take(self.time, field, text, clock) {
            return false;
        }
        way.at += len + field.end.len();
        way.index += 1;
        self.run(line, way, clock)
    }
}

impl<'a> Way<'a> {
    /// Takes `text` for `field`; `false` where it is not of its form.
    #[inline(always)]
    fn take(&mut self, time: &TimeKind, field: &Field, text: &'a [u8], clock: &mut Clock) -> bool {
        let is_plain = match field.role {
            Role::Time => {
                self.time = time.read_fast(text, clock);
                self.time.is_some()
            }
            Role::Status => {
                self.status = three_digits(text);
                self.status.is_some()
            }
            Role::Bytes => {
                self.bytes = digits(text);
                self.bytes.is_some()
            }
            Role::Host(_) | Role::Body | Role::Ignored => false,
        };
        self.texts.take(field.role, text);
        is_plain || field.holds(text)
    }
}

impl Field {
    /// Where the text ends that `rest` begins with, if the field ends surely and is of its form.
    #[inline(always)]
    fn sure_len(&self, rest: &[u8], is_raw: bool) -> Option<usize> {
        if self.is_whole {
            let is_within = match self.form.is_free() {
                true => is_raw || is_escaped(rest),
                false => self.reach(rest, is_raw) == rest.len(),
            };
            return is_within.then_some(rest.len());
        }
        match self.form {
            Form::Free | Form::User | Form::Target => quoted_len(rest),
            Form::Addresses | Form::Client => {
                let first = find(self.end[0], rest)?;
                match rest[..first].ends_with(b",") {
                    true => Some(self.reach(rest, is_raw)),
                    false => Some(first),
                }
            }
            _ => find(self.end[0], rest),
        }
    }
}
