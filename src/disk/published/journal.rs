//! The journal of publishing, `OUT/_PUBLISHING`: what is about to change, and whose turn it is.
//!
//! ```text
//! cdn-meter publishing/2<TAB>.building-2-<random>    the folder of the build
//! put<TAB>summary                                    a step (swap.rs)
//! end<TAB><64 digits>                                SHA-256 of the lines above
//! ```
//! It is made empty, exclusively, and held; written and synced before the first step; and moved into the folder of
//! the build as `published` after the last: by this one rename all is published, and the folder says so for as long
//! as anything of what was swapped out is in it. So an empty journal tells of nothing that was swapped, and one that
//! is not to the byte what was written is believed in nothing: who finds it stops, and touches nothing.
//!
//! The version before wrote `cdn-meter publishing/1`, whose last line is a bare `end`, and files by two other names;
//! it removed its journal when all was published. What it left is taken back as it would have done: one without
//! its end tells of nothing that was swapped.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use super::error::SwapError;
use super::swap::Step;
use crate::disk::{disk_error, is_still, open_lock, read_start};
use crate::units::hex;

/// What is about to change; there while it does.
pub const JOURNAL: &str = "_PUBLISHING";
/// What it is called in the folder of a build that was published.
pub(super) const PUBLISHED: &str = "published";
/// What the names of unfinished builds start with.
pub const BUILDING: &str = ".building-";
/// The same of this version. The `2` tells those that say so when all is published from those of the version before.
pub(super) const BUILDING_NOW: &str = ".building-2-";
/// Its first line, up to the folder of the build, and its last one, up to the digest.
const HEAD: &str = "cdn-meter publishing/2\t";
const END: &str = "end\t";
/// The same of the version before.
const HEAD_BEFORE: &str = "cdn-meter publishing/1\t";
const END_BEFORE: &str = "\nend\n";
/// A journal is smaller: a step for each dataset and its months.
const JOURNAL_BYTES_MAX: u64 = 1 << 20;
/// How long another command that publishes is waited for. One that takes longer is hung: swapping takes no time, and
/// building is done before.
const TURN_WAIT_MAX: Duration = Duration::from_secs(600);
/// How long before that is said.
const QUIET: Duration = Duration::from_secs(1);
const PAUSE: Duration = Duration::from_millis(20);

/// What a journal says.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Journal {
    /// The folder of the build.
    pub(super) build: String,
    pub(super) steps: Vec<Step>,
}

impl Journal {
    pub(super) fn text(&self) -> String {
        let mut text = format!("{HEAD}{}\n", self.build);
        self.steps
            .iter()
            .for_each(|step| text.push_str(&step.line()));
        let digest = hex(&Sha256::digest(&text));
        text.push_str(&format!("{END}{digest}\n"));
        text
    }

    /// The journal with this very text.
    fn parse(text: &str) -> Option<Self> {
        let mut lines: Vec<&str> = text.lines().collect();
        lines.pop()?;
        let journal = Journal::of_lines(&lines, HEAD)?;
        (journal.text() == text).then_some(journal)
    }

    /// The journal of the version before with this very text.
    fn parse_before(text: &str) -> Option<Self> {
        let text = text.strip_suffix(END_BEFORE)?;
        Journal::of_lines(&text.lines().collect::<Vec<_>>(), HEAD_BEFORE)
    }

    /// The journal with these lines, its end left out.
    fn of_lines(lines: &[&str], head: &str) -> Option<Self> {
        let (first, steps) = lines.split_first()?;
        let build = first.strip_prefix(head)?.to_owned();
        let steps = steps.iter().map(|line| Step::parse(line));
        let steps = steps.collect::<Option<Vec<_>>>()?;
        let is_inside = |path: &str| !path.contains("..") && !path.starts_with('/');
        let are_inside = is_inside(&build) && steps.iter().all(|step| is_inside(&step.place));
        are_inside.then_some(Journal { build, steps })
    }

    /// Whether a build says that it was published.
    pub(super) fn is_published(build: &Path) -> bool {
        let text = read_text(&build.join(PUBLISHED)).unwrap_or_default();
        let journal = std::str::from_utf8(&text).ok().and_then(Journal::parse);
        let name = build.file_name().unwrap_or_default();
        journal.is_some_and(|of| *name == *of.build)
    }
}

/// What stands in a journal.
#[derive(Debug)]
pub(super) enum Written {
    /// There is none, or one that was not written yet.
    Nothing,
    Whole(Journal),
    /// It is not as it was written.
    Damaged,
}

impl Written {
    /// The journal in `out`.
    ///
    /// Errors: those of the system.
    pub(super) fn read(out: &Path) -> io::Result<Self> {
        let text = read_text(&out.join(JOURNAL))?;
        if text.is_empty() {
            return Ok(Written::Nothing);
        }
        let text = std::str::from_utf8(&text).unwrap_or_default();
        if text.starts_with(HEAD_BEFORE) && !text.ends_with(END_BEFORE) {
            return Ok(Written::Nothing);
        }
        let journal = Journal::parse(text).or_else(|| Journal::parse_before(text));
        Ok(journal.map_or(Written::Damaged, Written::Whole))
    }
}

/// What is in a file; nothing where there is none.
fn read_text(path: &Path) -> io::Result<Vec<u8>> {
    match read_start(path, JOURNAL_BYTES_MAX) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(Vec::new()),
        read => read,
    }
}

/// The turn of a command to publish in OUT: it holds the journal. Dropped, it gives the turn up.
#[derive(Debug)]
pub(super) struct Held {
    pub(super) file: File,
    pub(super) path: PathBuf,
    /// Whether the journal stays: the next command needs it.
    pub(super) is_kept: bool,
    /// Whether it was not there.
    pub(super) is_new: bool,
}

impl Held {
    /// Makes the journal of `out`, or takes one that nobody holds any more; waits while somebody does, and calls
    /// `tell` when that takes a while.
    ///
    /// Errors: [`SwapError`], `Busy` at [`TURN_WAIT_MAX`].
    pub(super) fn wait(out: &Path, tell: fn(&Path)) -> Result<Self, SwapError> {
        let (path, since) = (out.join(JOURNAL), Instant::now());
        let mut is_told = false;
        loop {
            if let Some(held) = Held::take(&path).map_err(disk_error("write", &path))? {
                return Ok(held);
            }
            if TURN_WAIT_MAX < since.elapsed() {
                let minutes = TURN_WAIT_MAX.as_secs() / 60;
                return Err(SwapError::Busy { path, minutes });
            }
            if QUIET < since.elapsed() && !is_told {
                tell(out);
                is_told = true;
            }
            std::thread::sleep(PAUSE);
        }
    }

    /// The same without waiting; `None` while somebody holds it.
    fn take(path: &Path) -> io::Result<Option<Self>> {
        loop {
            let made = File::options().write(true).create_new(true).open(path);
            let (file, is_new) = match made {
                Err(error) if error.kind() == ErrorKind::AlreadyExists => match open_lock(path) {
                    // A link that leads nowhere stays, what somebody removed just now does not.
                    Err(error) if error.kind() == ErrorKind::NotFound && !path.is_symlink() => {
                        continue;
                    }
                    opened => {
                        let file = opened?;
                        match file.try_lock() {
                            Err(TryLockError::WouldBlock) => return Ok(None),
                            locked => locked?,
                        }
                        (file, false)
                    }
                },
                made => {
                    let file = made?;
                    // Where nothing can be locked, the name alone has to do.
                    let _ = file.lock();
                    (file, true)
                }
            };
            if is_still(&file, path)? {
                return Ok(Some(Held {
                    file,
                    path: path.to_owned(),
                    is_kept: false,
                    is_new,
                }));
            }
        }
    }

    /// Takes a journal that a killed command left in `out`; `None` where there is none, or its command runs.
    pub(super) fn of_killed(out: &Path) -> Result<Option<Self>, SwapError> {
        let path = out.join(JOURNAL);
        let file = match open_lock(&path) {
            Ok(file) => file,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(disk_error("write", &path)(error).into()),
        };
        // Where nothing can be locked, nobody knows: publishing says so.
        if file.try_lock().is_err()
            || !is_still(&file, &path).map_err(disk_error("write", &path))?
        {
            return Ok(None);
        }
        Ok(Some(Held {
            file,
            path,
            is_kept: false,
            is_new: false,
        }))
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        if !self.is_kept && is_still(&self.file, &self.path).unwrap_or(false) {
            let _ = fs::remove_file(&self.path);
        }
        let _ = self.file.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn d7_a_journal_is_what_was_written_or_nothing() {
        let steps = [
            "put\tsummary",
            "take\tcharges/billing_month=2026-10-01",
            "file\t.made-of",
        ];
        let steps = steps.map(|line| Step::parse(line).expect("a step"));
        let journal = Journal {
            build: ".building-0123".to_owned(),
            steps: steps.into(),
        };
        let text = journal.text();
        assert_eq!(Journal::parse(&text), Some(journal));
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).expect("ASCII");
            assert_eq!(Journal::parse(&bad), None, "{bad}");
            assert_eq!(Journal::parse(&text[..at]), None, "{at}");
        }
        assert_eq!(Journal::parse(&text.repeat(2)), None);
    }
}
