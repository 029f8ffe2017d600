//! What a store has to count, worked out from whole texts that are kept in memory: no digests, no
//! ledger, no offsets. The rules are those of "What counts in a store" in `src/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cdn_meter::store::Change;

use crate::logs::records;

/// What a file decompresses to.
pub type Text = Arc<[u8]>;
/// Bytes and requests by (domain, slot).
pub type Usage = BTreeMap<(String, u32), (u64, u64)>;
/// What is said of a file: what it changed, or the code of its refusal.
pub type Said = Result<Change, &'static str>;

const MIB: usize = 1 << 20;
/// The first lines of a text are compared as far as they stand in so many bytes.
const OPENING_BYTES: usize = 64 << 10;

/// A store, as plain as can be.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Model {
    /// The text that a name stands for.
    held: BTreeMap<String, Text>,
    /// The texts that count: those that are held, and those that they grew from.
    live: BTreeSet<Text>,
}

impl Model {
    /// A file comes in; `None` is one that cannot be read to its end.
    pub fn deliver(
        &mut self,
        name: &str,
        text: Option<&Text>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Said {
        let text = text.ok_or("unreadable")?;
        if self.would_lose(name, text, is_there) {
            return Err("shrunk");
        }
        if self.live.contains(text) {
            return Ok(self.hold(name, text, is_there));
        }
        self.may_come_in(name, text)?;
        Ok(self.add(name, text))
    }

    /// A file is counted anew, as it was: what it grew from becomes a part of it where nothing else is.
    pub fn recount(
        &mut self,
        name: &str,
        text: Option<&Text>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Said {
        let text = text.ok_or("unreadable")?;
        if self.would_lose(name, text, is_there) {
            return Err("shrunk");
        }
        let is_known = self.live.contains(text);
        if !is_known {
            self.may_come_in(name, text)?;
        }
        let begun: Vec<Text> = self
            .live
            .iter()
            .filter(|start| is_start(start, text))
            .cloned()
            .collect();
        let (mut chain, cut): (Vec<Text>, Vec<Text>) =
            begun.into_iter().partition(|start| is_whole(start));
        if !is_known && chain.is_empty() && cut.is_empty() {
            return Err("not-counted");
        }
        chain.sort_by_key(|start| start.len());
        let before = if is_known { Some(text) } else { chain.last() };
        let bytes_before =
            before.map_or(0, |before| records(before).map(|record| record.bytes).sum());
        let is_more = |start: &&Text| {
            let mut others = self
                .live
                .iter()
                .filter(|other| *other != text && !chain.contains(other));
            self.others(name, start).next().is_some()
                || others.any(|other| self.start_of(other) == Some(start))
        };
        let parts: Vec<Text> = chain
            .iter()
            .filter(|start| !is_more(start))
            .cloned()
            .collect();
        let held = is_known.then(|| self.hold(name, text, is_there));
        if !is_known {
            for held in self.held.values_mut().filter(|held| cut.contains(held)) {
                *held = text.clone();
            }
            self.held.insert(name.to_owned(), text.clone());
            self.live.insert(text.clone());
        }
        self.live.retain(|start| !parts.contains(start));
        self.forget();
        Ok(match held {
            Some(held) if parts.is_empty() => held,
            _ => Change::Recounted { bytes_before },
        })
    }

    /// All that counts: of every text, the lines after the longest one that it begins with.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::new();
        for text in &self.live {
            let from = self.start_of(text).map_or(0, |start| start.len());
            for record in records(text).filter(|record| from <= record.at) {
                let (bytes, requests) = usage.entry((record.domain, record.slot)).or_default();
                *bytes += record.bytes;
                *requests += 1;
            }
        }
        usage
    }

    /// A name holds a text that counts already.
    fn hold(&mut self, name: &str, text: &Text, is_there: &dyn Fn(&str) -> bool) -> Change {
        let before = self.held.insert(name.to_owned(), text.clone());
        let (there, gone): (Vec<String>, Vec<String>) =
            self.others(name, text).partition(|name| is_there(name));
        if before.as_ref() == Some(text) {
            return Change::Unchanged;
        }
        let change = match (gone.first(), there.first(), &before) {
            (Some(from), ..) => Change::Renamed { from: from.clone() },
            (None, Some(of), _) => Change::Duplicate { of: of.clone() },
            (None, None, Some(before)) => replaced(before),
            (None, None, None) => Change::New,
        };
        gone.iter().for_each(|name| drop(self.held.remove(name)));
        self.forget();
        change
    }

    /// Refuses a text that may be the start of a longer one.
    fn may_come_in(&self, name: &str, text: &Text) -> Result<(), &'static str> {
        if self
            .held
            .get(name)
            .is_some_and(|own| may_be_start(text, own))
        {
            return Err("shrunk");
        }
        match self.live.iter().any(|other| may_be_start(text, other)) {
            true => Err("within"),
            false => Ok(()),
        }
    }

    /// Whether a name alone holds a longer text, of which this one may be the start. A text
    /// without a line may be the start of any.
    fn would_lose(&self, name: &str, text: &Text, is_there: &dyn Fn(&str) -> bool) -> bool {
        let Some(own) = self.held.get(name) else {
            return false;
        };
        let is_kept = self.others(name, own).any(|name| is_there(&name));
        let may_be = may_be_start(text, own) || !has_record(text) && text.len() < own.len();
        may_be && !is_kept
    }

    /// A name holds a text that counts from now on.
    fn add(&mut self, name: &str, text: &Text) -> Change {
        let from = self.start_of(text).map_or(0, |start| start.len());
        let is_cut = |cut: &&Text| !is_whole(cut) && is_start(cut, text);
        let cut: Vec<Text> = self.live.iter().filter(is_cut).cloned().collect();
        let change = match self.held.get(name) {
            _ if from != 0 || !cut.is_empty() => Change::Grown { from: from as u64 },
            Some(before) => replaced(before),
            None => Change::New,
        };
        for held in self.held.values_mut().filter(|held| cut.contains(held)) {
            *held = text.clone();
        }
        self.held.insert(name.to_owned(), text.clone());
        self.live.insert(text.clone());
        self.forget();
        change
    }

    /// Drops what no name holds, nor anything that grew from it.
    fn forget(&mut self) {
        let held: Vec<&Text> = self.held.values().collect();
        let is_kept = |text: &Text| {
            let keeps = |held: &&&Text| **held == text || is_whole(text) && is_start(text, held);
            held.iter().any(|held| keeps(&held))
        };
        self.live.retain(is_kept);
    }

    /// The longest text of whole lines that counts and that `text` begins with.
    fn start_of(&self, text: &[u8]) -> Option<&Text> {
        let starts = self.live.iter();
        starts
            .filter(|start| is_whole(start) && is_start(start, text))
            .max_by_key(|start| start.len())
    }

    /// The other names that hold a text.
    fn others<'a>(&'a self, name: &'a str, text: &'a Text) -> impl Iterator<Item = String> + 'a {
        let names = self.held.iter();
        names
            .filter(move |(other, held)| *other != name && *held == text)
            .map(|(other, _)| other.clone())
    }
}

fn replaced(before: &[u8]) -> Change {
    Change::Replaced {
        bytes_before: records(before).map(|record| record.bytes).sum(),
    }
}

fn is_whole(text: &[u8]) -> bool {
    text.ends_with(b"\n")
}

/// Whether the longer `text` grew from `start`. Nothing grows from mere headers: many files of one
/// format begin with the same.
fn is_start(start: &[u8], text: &[u8]) -> bool {
    let is_something = has_record(start) || !is_whole(start) && !start.is_empty();
    is_something && start.len() < text.len() && text.starts_with(start)
}

/// Whether a text has a whole line that is neither a header nor blank.
fn has_record(text: &[u8]) -> bool {
    told_by(text) != 0
}

/// Whether nothing tells a text from the start of a longer one: they have the same MiBs as far as
/// the text has whole ones, and the same first 1, 2, 4, 8 … lines as far as it has so many.
fn may_be_start(text: &[u8], longer: &[u8]) -> bool {
    let compared = told_by(text).max(text.len() / MIB * MIB);
    has_record(text) && text.len() < longer.len() && text[..compared] == longer[..compared]
}

/// The end of the first 2ⁿ records, for the largest n that there is; 0 where there is no record.
fn told_by(text: &[u8]) -> usize {
    let (mut at, mut count, mut told) = (0, 0u32, 0);
    for line in text[..text.len().min(OPENING_BYTES)].split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        if line.ends_with(b"\n") && !matches!(line[0], b'#' | b'\r' | b'\n') {
            count += 1;
            told = if count.is_power_of_two() { at } else { told };
        }
    }
    told
}
