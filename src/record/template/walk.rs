//! Laying a template on a line, fast: one way from left to right, and a look whether there is another.
//!
//! Most variables end surely: nothing of their form has the byte that stands behind them, see
//! [`Ending`]. Times, statuses and bytes are taken where they stand, if they are written as nearly
//! always. Between the others, the few places are tried at which the literal behind them stands; a way
//! that goes on from there up to the next of these is counted as one that may fit. Where exactly one
//! does at each of them, the line fits in one way at most, and what [`super::fits`] would find is known.
//! Where two do, the grammar has to say. Nothing is copied for the first way: it is nearly always the
//! only one.

use super::form::{Ending, is_escaped, quoted_len};
use super::literal::Literal;
use super::time::TimeKind;
use super::{Field, Reading, Role, Texts};
use crate::record::clock::Clock;
use crate::record::field::{digits, find, number_until_space, three_digits};
use crate::units::Timestamp;

/// Places that are tried on a line; beyond them the grammar has to say.
const TRIES_MAX: usize = 16;

/// What is known of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It fits, and every fit has the texts of the way.
    Fits,
    /// It does not fit.
    Misfit,
    /// There may be several fits.
    Unsure,
}

/// The needed texts up to some place of a line, with their values where these are plain.
#[derive(Clone, Copy, Debug, Default)]
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
    pub(super) head: &'t Literal,
    pub(super) fields: &'t [Field],
    pub(super) reading: Reading,
    pub(super) time: &'t TimeKind,
}

impl Track<'_> {
    /// What is known of `line`; `way` begins as nothing.
    #[inline(always)]
    pub(super) fn walk<'a>(&self, line: &'a [u8], way: &mut Way<'a>, clock: &mut Clock) -> Known {
        if !self.head.begins(line) {
            return Known::Misfit;
        }
        way.at = self.head.len();
        let mut tries_left = TRIES_MAX;
        while self.run(line, way, clock) {
            if way.index == self.fields.len() {
                return Known::Fits;
            }
            match self.go_over(line, way, &mut tries_left, clock) {
                Some(true) if way.index == self.fields.len() => return Known::Fits,
                Some(true) => {}
                Some(false) => return Known::Misfit,
                None => return Known::Unsure,
            }
        }
        Known::Misfit
    }

    /// Goes on over the fields that end surely, up to the next that does not or the end; `false`
    /// where the line does not go on like this.
    fn run<'a>(&self, line: &'a [u8], way: &mut Way<'a>, clock: &mut Clock) -> bool {
        let mut rest = &line[way.at..];
        while let Some(field) = self.fields.get(way.index) {
            let ending = field.endings[usize::from(self.reading.is_raw)];
            if ending == Ending::Unsure {
                way.at = line.len() - rest.len();
                return true;
            }
            // What goes on to the end of the line is not known by its start.
            let plain = match ending {
                Ending::Line => None,
                _ => way.take_plain(field, rest, self.time, clock),
            };
            let behind = match plain {
                Some(behind) => behind,
                None => {
                    let Some(len) = field.sure_len(ending, rest, self.reading.is_raw) else {
                        return false;
                    };
                    let (text, behind) = rest.split_at(len);
                    if !way.take(field, text, self.time, clock) {
                        return false;
                    }
                    behind
                }
            };
            if !field.end.begins(behind) {
                return false;
            }
            rest = &behind[field.end.len()..];
            way.index += 1;
        }
        way.at = line.len() - rest.len();
        self.reading.is_open || rest.is_empty()
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
        if field.end.is_empty() {
            return None;
        }
        // Where the end may begin.
        let within = &rest[..rest.len().min(field.reach(rest, is_raw) + field.end.len())];
        let (mut from, mut is_found) = (0, false);
        while let Some(len) = field.end.next_place(within, from) {
            from = len + 1;
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
        if field.is_torn(text, self.reading.is_raw) || !way.take(field, text, self.time, clock) {
            return false;
        }
        way.at += len + field.end.len();
        way.index += 1;
        self.run(line, way, clock)
    }
}

impl<'a> Way<'a> {
    /// Takes the needed value that `rest` begins with where it is written as nearly always, so that its
    /// end is known without a search; what stands behind it. `None` says nothing.
    #[inline(always)]
    fn take_plain(
        &mut self,
        field: &Field,
        rest: &'a [u8],
        time: &TimeKind,
        clock: &mut Clock,
    ) -> Option<&'a [u8]> {
        match field.role {
            Role::Time => {
                let (text, behind) = time.split_fast(rest)?;
                self.time = Some(clock.common_log(text)?);
                self.texts.time = text;
                Some(behind)
            }
            Role::Status => {
                let (text, behind) = rest.split_first_chunk::<3>()?;
                self.status = Some(three_digits(text)?);
                self.texts.status = text;
                Some(behind)
            }
            Role::Bytes if field.end.first() == Some(&b' ') => {
                let (value, behind) = number_until_space(rest)?;
                let (text, behind) = rest.split_at(rest.len() - behind.len() - 1);
                self.bytes = Some(value);
                self.texts.bytes = text;
                Some(behind)
            }
            _ => None,
        }
    }

    /// Takes `text` for `field`; `false` where it is not of its form.
    #[inline(always)]
    fn take(&mut self, field: &Field, text: &'a [u8], time: &TimeKind, clock: &mut Clock) -> bool {
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
    fn sure_len(&self, ending: Ending, rest: &[u8], is_raw: bool) -> Option<usize> {
        match ending {
            Ending::First => find(self.end[0], rest),
            Ending::Quote => quoted_len(rest),
            Ending::Addresses => {
                let first = find(self.end[0], rest)?;
                match rest[..first].ends_with(b",") {
                    true => Some(self.reach(rest, is_raw)),
                    false => Some(first),
                }
            }
            Ending::Line => {
                let is_within = self.reach(rest, is_raw) == rest.len();
                (is_within && !self.is_torn(rest, is_raw)).then_some(rest.len())
            }
            Ending::Unsure => None,
        }
    }

    /// Whether `text`, which is within reach, ends in half of an escape.
    #[inline(always)]
    fn is_torn(&self, text: &[u8], is_raw: bool) -> bool {
        let may_be = !is_raw && text.ends_with(b"\\");
        may_be && self.form.is_free() && !is_escaped(text)
    }
}
