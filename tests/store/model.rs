//! What a store has to count, worked out from whole texts that are kept in memory: no digests, no
//! ledger, no offsets. The rules are those of "What counts in a store" in `src/architecture.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use cdn_meter::store::Change;

use crate::logs::{OWN, Record, records};

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
    /// The texts that count: those that are held or kept, and those that they grew from.
    live: BTreeSet<Text>,
    /// The texts that count without a name, each with the name that moved on from it.
    kept: BTreeMap<Text, String>,
    /// The texts that are what could be read of a damaged archive.
    salvaged: BTreeSet<Text>,
    /// The texts of which the own lines count that name no domain.
    regained: BTreeSet<Text>,
}

/// What comes in with a file.
#[derive(Clone, Copy, Debug)]
pub struct Read<'a> {
    pub text: &'a Text,
    /// Whether it is what could be read of a damaged archive.
    pub is_salvaged: bool,
}

impl Model {
    /// A file comes in; `None` is one that cannot be read to its end.
    pub fn deliver(
        &mut self,
        name: &str,
        read: Option<Read<'_>>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Said {
        let read = read.ok_or("unreadable")?;
        let text = read.text;
        if self.would_lose(name, text, is_there) {
            return Err("shrunk");
        }
        if self.live.contains(text) {
            let replaced = self.moved_over(name, text)?;
            return Ok(self.hold(name, read, replaced.as_ref(), is_there));
        }
        self.may_come_in(name, text)?;
        self.add(name, read)
    }

    /// A file is counted anew, as it was: what it grew from becomes a part of it where nothing else is.
    pub fn recount(
        &mut self,
        name: &str,
        read: Option<Read<'_>>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Said {
        let read = read.ok_or("unreadable")?;
        let text = read.text;
        if self.would_lose(name, text, is_there) {
            return Err("shrunk");
        }
        let is_known = self.live.contains(text);
        if !is_known {
            self.may_come_in(name, text)?;
            // What is to become of what the name holds is for an ingest to decide.
            if self.held.get(name).is_some_and(|own| !is_start(own, text)) {
                return Err("not-counted");
            }
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
        let bytes_before = before.map_or(0, |before| self.bytes(before));
        let is_more = |start: &&Text| {
            let mut others = self
                .live
                .iter()
                .filter(|other| *other != text && !chain.contains(other));
            self.others(name, start).next().is_some()
                || self.kept.contains_key(*start)
                || others.any(|other| self.start_of(other) == Some(start))
        };
        let parts: Vec<Text> = chain
            .iter()
            .filter(|start| !is_more(start))
            .cloned()
            .collect();
        let held = is_known.then(|| self.hold(name, read, None, is_there));
        let is_regained = chain
            .iter()
            .chain([text])
            .any(|part| self.regained.contains(part));
        if !is_known {
            for held in self.held.values_mut().filter(|held| cut.contains(held)) {
                *held = text.clone();
            }
            let before = self.held.insert(name.to_owned(), text.clone());
            self.live.insert(text.clone());
            self.live.retain(|start| !parts.contains(start));
            self.keep(name, before);
        }
        self.live.retain(|start| !parts.contains(start));
        let finished: &[Text] = if is_known { &[] } else { &cut };
        for start in chain.iter().chain(finished) {
            self.kept.remove(start);
        }
        self.forget();
        if let Some(held) = held.filter(|_| parts.is_empty() && !is_regained) {
            return Ok(held);
        }
        for part in chain.iter().chain([text]) {
            self.salvaged.remove(part);
            self.regained.remove(part);
        }
        if read.is_salvaged {
            self.salvaged.insert(text.clone());
        }
        Ok(Change::Recounted { bytes_before })
    }

    /// The lines that name no domain are read again, for one that is told; of how many texts.
    pub fn retry(&mut self) -> u64 {
        let has_own = |text: &&Text| {
            let from = self.start_of(text).map_or(0, |start| start.len());
            records(text).any(|record| from <= record.at && record.domain.is_none())
        };
        let all: BTreeSet<Text> = self.live.iter().filter(has_own).cloned().collect();
        let new = all.difference(&self.regained).count() as u64;
        self.regained = all;
        new
    }

    /// What a name holds is taken out, with all names that hold it.
    pub fn take_out(&mut self, name: &str) -> Result<(), &'static str> {
        let text = self.held.get(name).cloned().ok_or("unknown")?;
        let mut others = self.live.iter().filter(|other| **other != text);
        if others.any(|other| self.start_of(other) == Some(&text)) {
            return Err("begins");
        }
        self.held.retain(|_, held| *held != text);
        self.live.remove(&text);
        self.forget();
        Ok(())
    }

    /// All that counts: of every text, the lines after the longest one that it begins with.
    pub fn usage(&self) -> Usage {
        let mut usage = Usage::new();
        for text in &self.live {
            let from = self.start_of(text).map_or(0, |start| start.len());
            for record in self.counted(text).filter(|record| from <= record.at) {
                let domain = record.domain.unwrap_or_else(|| OWN.to_owned());
                let (bytes, requests) = usage.entry((domain, record.slot)).or_default();
                *bytes += record.bytes;
                *requests += 1;
            }
        }
        usage
    }

    /// The lines of a text that count, those of all that it grew from included.
    fn counted<'a>(&'a self, text: &'a Text) -> impl Iterator<Item = Record> + 'a {
        let mut parts: Vec<&Text> = self
            .live
            .iter()
            .filter(|start| is_whole(start) && is_start(start, text))
            .collect();
        parts.push(text);
        parts.sort_by_key(|part| part.len());
        records(text).filter(move |record| {
            let part = parts.iter().find(|part| record.at < part.len());
            record.domain.is_some() || part.is_some_and(|part| self.regained.contains(*part))
        })
    }

    fn bytes(&self, text: &Text) -> u64 {
        self.counted(text).map(|record| record.bytes).sum()
    }

    /// First slot and last of what counts of a text.
    fn slots(&self, text: &Text) -> Option<(u32, u32)> {
        let slots: BTreeSet<u32> = self.counted(text).map(|record| record.slot).collect();
        Some((*slots.first()?, *slots.last()?))
    }

    /// A name holds a text that counts already.
    fn hold(
        &mut self,
        name: &str,
        read: Read<'_>,
        replaced: Option<&Text>,
        is_there: &dyn Fn(&str) -> bool,
    ) -> Change {
        let text = read.text;
        let kept = self.kept.remove(text).filter(|kept| kept != name);
        let before = self.held.insert(name.to_owned(), text.clone());
        let (there, gone): (Vec<String>, Vec<String>) =
            self.others(name, text).partition(|name| is_there(name));
        if before.as_ref() == Some(text) {
            return Change::Unchanged;
        }
        if read.is_salvaged {
            self.salvaged.insert(text.clone());
        }
        let change = match (gone.first().or(kept.as_ref()), there.first(), &before) {
            (Some(from), ..) => Change::Renamed { from: from.clone() },
            (None, Some(of), _) => Change::Duplicate { of: of.clone() },
            (None, None, Some(_)) => Change::Next,
            (None, None, None) => Change::New,
        };
        gone.iter().for_each(|name| drop(self.held.remove(name)));
        let is_begun = |before: &Text| !is_whole(before) && is_start(before, text);
        let is_dropped = |before: &Text| is_begun(before) || replaced == Some(before);
        self.keep(name, before.filter(|before| !is_dropped(before)));
        self.forget();
        change
    }

    /// What a name alone holds and a text from elsewhere takes the place of: of what was salvaged a newer version.
    /// What else may be one, or a file that was moved over it, is refused.
    fn moved_over(&self, name: &str, text: &Text) -> Result<Option<Text>, &'static str> {
        let before = self.held.get(name).filter(|before| *before != text);
        let Some(before) = before.filter(|before| !self.is_safe(name, before)) else {
            return Ok(None);
        };
        let is_salvaged = self.salvaged.contains(before);
        match times(self.slots(before), self.slots(text), is_salvaged) {
            _ if is_start(before, text) => Ok(None),
            Times::Same if is_salvaged => Ok(Some(before.clone())),
            Times::Same => Err("next-or-newer"),
            _ => Ok(None),
        }
    }

    /// Refuses a text that may be the start of a longer one.
    fn may_come_in(&self, name: &str, text: &Text) -> Result<(), &'static str> {
        let kept = self.kept.iter().filter(|(_, of)| *of == name);
        let mut own = self
            .held
            .get(name)
            .into_iter()
            .chain(kept.map(|(kept, _)| kept));
        if own.any(|own| may_be_start(text, own)) {
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
        // An empty one is a log that has not begun yet.
        let may_be =
            may_be_start(text, own) || !has_record(text) && (1..own.len()).contains(&text.len());
        may_be && !is_kept
    }

    /// A name holds a text that counts from now on.
    fn add(&mut self, name: &str, read: Read<'_>) -> Said {
        let text = read.text;
        let from = self.start_of(text).map_or(0, |start| start.len());
        let is_cut = |cut: &&Text| !is_whole(cut) && is_start(cut, text);
        let cut: Vec<Text> = self.live.iter().filter(is_cut).cloned().collect();
        let mut replaced = Vec::new();
        for old in self.rivals(name, text, &cut) {
            let is_cut = self.salvaged.contains(&old);
            match times(self.slots(&old), self.slots(text), is_cut) {
                Times::Same => replaced.push(old),
                Times::Other => {}
                Times::Unsure => return Err("next-or-newer"),
            }
        }
        if let Some(start) = self.start_of(text).or(cut.first()) {
            let is_own = |before: &&Text| {
                *before == start
                    || cut.contains(before)
                    || is_whole(start) && is_start(start, before)
            };
            // It goes on from elsewhere.
            if self.held.get(name).is_some_and(|before| !is_own(&before)) {
                replaced.extend(self.moved_over(name, text)?);
            }
        }
        let change = match self.held.get(name) {
            _ if read.is_salvaged => Change::Salvaged {
                kept: text.len() as u64,
            },
            _ if !replaced.is_empty() => Change::Replaced {
                bytes_before: replaced.iter().map(|old| self.bytes(old)).sum(),
            },
            _ if from != 0 || !cut.is_empty() => Change::Grown { from: from as u64 },
            Some(_) => Change::Next,
            None => Change::New,
        };
        if let Some(start) = self.start_of(text).cloned() {
            self.kept.remove(&start);
        }
        self.kept.retain(|kept, _| !cut.contains(kept));
        for held in self.held.values_mut().filter(|held| cut.contains(held)) {
            *held = text.clone();
        }
        let before = self.held.insert(name.to_owned(), text.clone());
        self.live.insert(text.clone());
        if read.is_salvaged {
            self.salvaged.insert(text.clone());
        }
        self.kept.retain(|kept, _| !replaced.contains(kept));
        self.keep(name, before.filter(|before| !replaced.contains(before)));
        self.forget();
        Ok(change)
    }

    /// The texts of which a new one may be a newer version: what the name alone holds, and what is kept for it;
    /// of one that goes on from another, those that go on from that otherwise.
    fn rivals(&self, name: &str, text: &Text, cut: &[Text]) -> Vec<Text> {
        let kept = self.kept.iter().filter(|(_, of)| *of == name);
        let mut rivals: Vec<Text> = kept.map(|(kept, _)| kept.clone()).collect();
        let before = self.held.get(name);
        rivals.extend(before.filter(|before| !self.is_safe(name, before)).cloned());
        if let Some(start) = self.start_of(text).or(cut.first()) {
            let is_other = |old: &Text| old != start && !cut.contains(old) && is_whole(start);
            rivals.retain(|old| is_other(old) && is_start(start, old));
        }
        rivals
    }

    /// What a name held counts on without one, unless something else makes it count.
    fn keep(&mut self, name: &str, before: Option<Text>) {
        if let Some(before) = before
            && self.live.contains(&before)
            && !self.is_held(&before)
        {
            self.kept.entry(before).or_insert_with(|| name.to_owned());
        }
    }

    /// Whether a text counts on if `name` holds another one.
    fn is_safe(&self, name: &str, text: &Text) -> bool {
        let mut others = self.held.iter().filter(|(other, _)| *other != name);
        let mut all = self.held.values().chain(self.kept.keys());
        others.any(|(_, held)| held == text)
            || all.any(|other| is_whole(text) && is_start(text, other))
    }

    /// Whether a name holds a text, or it is the start of one that is held or kept.
    fn is_held(&self, text: &Text) -> bool {
        let mut all = self.held.values().chain(self.kept.keys());
        self.held.values().any(|held| held == text)
            || all.any(|other| is_whole(text) && is_start(text, other))
    }

    /// Drops what no name holds, nor anything that grew from it, and what is not kept.
    fn forget(&mut self) {
        let live = std::mem::take(&mut self.live);
        let mut live: Vec<Text> = live.into_iter().collect();
        live.retain(|text| self.is_held(text) || self.kept.contains_key(text));
        self.live = live.into_iter().collect();
        self.salvaged.retain(|text| self.live.contains(text));
        self.regained.retain(|text| self.live.contains(text));
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

/// What the times of two texts say of them.
enum Times {
    /// The second is a newer version of the first.
    Same,
    /// It is another log.
    Other,
    Unsure,
}

/// Compares the first slots and the last of two texts; the first of them lost its end if it `is_cut`.
fn times(before: Option<(u32, u32)>, now: Option<(u32, u32)>, is_cut: bool) -> Times {
    let (Some(before), Some(now)) = (before, now) else {
        return Times::Other;
    };
    let common = before.0.max(now.0)..=before.1.min(now.1);
    let is_one_within = |a: (u32, u32), b: (u32, u32)| b.0 <= a.0 && a.1 <= b.1;
    let is_at_an_end = common.start() == common.end()
        && ([before.1, now.1].contains(common.start())
            && [before.0, now.0].contains(common.start()))
        && (before.1 == now.0 || now.1 == before.0);
    match common.is_empty() {
        true => Times::Other,
        false if is_at_an_end && !is_cut => {
            match is_one_within(before, now) || is_one_within(now, before) {
                true => Times::Unsure,
                false => Times::Other,
            }
        }
        false => {
            let is_all = is_one_within(before, now);
            let longer_max = 12.min(before.1 - before.0 + 1);
            let is_short = |longer: u32| longer <= longer_max;
            match is_all && is_short(before.0 - now.0) && (is_cut || is_short(now.1 - before.1)) {
                true => Times::Same,
                false => Times::Unsure,
            }
        }
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
