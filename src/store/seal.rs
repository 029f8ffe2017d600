//! The seal: what the ledger's file was after its last commit, in a second durable file beside it.
//!
//! ```text
//! cdn-meter seal/1
//! commit  7                  the last commit that was sealed
//! begun   8                  the one that was being made then; `-` at all other times
//! bytes   122880             length of ledger.sqlite after commit 7
//! digest  <32 digits>        of its pages, but for those that are free
//! check   <32 digits>        of the lines above
//! ```
//! SQLite believes what stands in its file: a byte that was flipped in a row, or an older copy of the whole
//! file, are as good to it as what we wrote. The seal is how we notice. Before a commit it says that one is
//! begun; after it, what the file is now. So whoever opens the store finds one of these:
//!
//! | seal | ledger | |
//! |---|---|---|
//! | nothing begun | as sealed, no journal | go on |
//! | 8 begun | as sealed, once SQLite has rolled back what was half written | a crash before the commit: go on |
//! | 8 begun | has commit 8, is sound to SQLite, no journal | a crash after it: go on |
//! | none | has no commit | a crash while the store was made: go on |
//! | any | anything else | damaged or an older copy: nobody reads it, nobody writes to it |
//!
//! In the third row alone no digest speaks for the file. It lasts from a crash of ours in the milliseconds between
//! commit and seal, or of the system soon after, until the store is next opened to write.
//!
//! Free pages are left out because SQLite does not restore them when it rolls back, and never believes them.
//! Readers take no lock: who finds the same seal before and after looking, with nothing begun, has seen one state.
//!
//! Ledger and seal of an earlier time agree with each other: which commit is the newest stands in a third place
//! (`mark.rs`). What a close puts in its place before its commit is announced by `begun` first, as no number is in
//! its name.
//!
//! Costs: per commit two small files and three syncs, beside SQLite's four, and the ledger read once, as when a
//! store is opened. 200 MB take some 80 ms of the page cache, of which the hash is 5 (XXH3-128, as of contents: it meets
//! accidents; SHA-256 would add 110). A ledger of a usual store, of some MB, takes no time.

use std::collections::HashSet;
use std::fmt::Write as _;
use std::fs;
use std::io::{self, Read as _, SeekFrom};
use std::path::{Path, PathBuf};

use super::error::{StoreError, file_error};
use super::mark;
use crate::disk::{DurableFile, fail_at, open_file, reach, read_start, sync_folder};
use crate::source::{DIGEST_CHUNK_BYTES, Digest, Seed};

/// The file beside the ledger.
pub(super) const SEAL: &str = "ledger.seal";
const TITLE: &str = "cdn-meter seal/1";
/// A seal is smaller.
const SEAL_BYTES_MAX: u64 = 4_096;
/// Who could prepare a ledger that collides could write any seal.
const SEED: Seed = Seed(0);
/// Where SQLite's header has the size of a page, and the first page of the list of free ones.
const PAGE_SIZE_AT: usize = 16;
const FREE_LIST_AT: usize = 32;
const HEADER_BYTES: usize = 100;

/// What a ledger's file was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct FileState {
    bytes: u64,
    digest: Digest,
}

/// What is noted of the ledger.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Seal {
    /// The last commit.
    pub(super) commit: i64,
    /// The commit that was being made; that of `commit` again where only the schema was to change.
    pub(super) begun: Option<i64>,
    /// The file after `commit`.
    pub(super) file: FileState,
}

impl Seal {
    /// The seal of a store; `None` where it has none.
    ///
    /// Errors: [`StoreError`], `SealDamaged` where it is not as it was written.
    pub(super) fn read(root: &Path) -> Result<Option<Self>, StoreError> {
        let path = root.join(SEAL);
        let text = match read_start(&path, SEAL_BYTES_MAX) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            read => read.map_err(file_error("read", &path))?,
        };
        let seal = std::str::from_utf8(&text).ok().and_then(Seal::parse);
        seal.map(Some).ok_or(StoreError::SealDamaged { path })
    }

    /// Makes this the seal of a store, durably.
    pub(super) fn write(&self, root: &Path) -> Result<(), StoreError> {
        self.put(root)?;
        sync_folder(root)?;
        reach("seal.written");
        Ok(())
    }

    /// Makes this the seal of a store; until its folder is synced, a crash of the system may bring back the one before.
    fn put(&self, root: &Path) -> Result<(), StoreError> {
        fail_at("seal.write").map_err(file_error("write", &root.join(SEAL)))?;
        Ok(DurableFile::keep((root, SEAL), self.text().as_bytes())?)
    }

    fn text(&self) -> String {
        let begun = self.begun.map_or("-".to_owned(), |begun| begun.to_string());
        let FileState { bytes, digest } = self.file;
        let mut text = format!(
            "{TITLE}\ncommit\t{}\nbegun\t{begun}\nbytes\t{bytes}\ndigest\t{digest}\n",
            self.commit
        );
        let check = Digest::of(SEED, text.as_bytes());
        // A string takes what is written to it.
        let _ = writeln!(text, "check\t{check}");
        text
    }

    /// The seal with this very text.
    fn parse(text: &str) -> Option<Self> {
        let mut fields = text.lines().skip(1);
        let mut field = |name: &str| fields.next()?.strip_prefix(name)?.strip_prefix('\t');
        let seal = Seal {
            commit: field("commit")?.parse().ok()?,
            begun: match field("begun")? {
                "-" => None,
                number => Some(number.parse().ok()?),
            },
            file: FileState {
                bytes: field("bytes")?.parse().ok()?,
                digest: digest_of(field("digest")?)?,
            },
        };
        (seal.text() == text).then_some(seal)
    }
}

fn digest_of(digits: &str) -> Option<Digest> {
    let digest = u128::from_str_radix(digits, 16).ok()?;
    Some(Digest::from_bytes(digest.to_be_bytes()))
}

/// Seals commits, one after the other.
#[derive(Debug)]
pub(super) struct Sealer {
    root: PathBuf,
    ledger: PathBuf,
    /// As it is on disk.
    seal: Seal,
}

impl Sealer {
    /// Goes on from what a seal says, which was found to be so.
    pub(super) fn resume(root: &Path, ledger: &Path, seal: Seal) -> Self {
        Sealer {
            root: root.to_owned(),
            ledger: ledger.to_owned(),
            seal,
        }
    }

    /// Goes on from `commit`, of which the ledger's file is what it is now.
    pub(super) fn begin_with(root: &Path, ledger: &Path, commit: i64) -> Result<Self, StoreError> {
        let seal = Seal {
            commit,
            begun: None,
            file: FileState::of(ledger)?,
        };
        Ok(Sealer {
            root: root.to_owned(),
            ledger: ledger.to_owned(),
            seal,
        })
    }

    /// Notes that the ledger is as it is at the last commit.
    pub(super) fn write(&self) -> Result<(), StoreError> {
        self.seal.write(&self.root)
    }

    /// Notes that `commit` is about to be made, unless that is noted.
    pub(super) fn begin(&mut self, commit: i64) -> Result<(), StoreError> {
        if self.seal.begun == Some(commit) {
            return Ok(());
        }
        let begun = Seal {
            begun: Some(commit),
            ..self.seal.clone()
        };
        begun.write(&self.root)?;
        self.seal = begun;
        Ok(())
    }

    /// Notes what the ledger is now that `commit` was made. Where a crash of the system brings the seal before back,
    /// `commit` is in the ledger and was begun by it: the third row of the table.
    pub(super) fn finish(&mut self, commit: i64) -> Result<(), StoreError> {
        self.seal = Seal {
            commit,
            begun: None,
            file: FileState::of(&self.ledger)?,
        };
        self.seal.put(&self.root)?;
        reach("seal.written");
        mark::raise(&self.root, commit)
    }
}

impl FileState {
    /// What the file of a ledger is, which is empty where there is none.
    ///
    /// Nobody may hold one of SQLite's locks on it in this process: closing the file drops them.
    pub(super) fn of(path: &Path) -> Result<Self, StoreError> {
        let read = || match open_file(path) {
            Ok(file) => FileState::read(file),
            Err(error) if error.kind() == io::ErrorKind::NotFound => FileState::read(io::empty()),
            Err(error) => Err(error),
        };
        read().map_err(file_error("read", path))
    }

    fn read(mut file: impl io::Read + io::Seek) -> io::Result<Self> {
        let (page_bytes, free) = free_pages(&mut file)?;
        file.seek(SeekFrom::Start(0))?;
        let (mut chunks, mut bytes) = (Vec::new(), 0);
        let mut chunk = Vec::with_capacity(DIGEST_CHUNK_BYTES as usize);
        loop {
            chunk.clear();
            let mut part = io::Read::take(&mut file, DIGEST_CHUNK_BYTES);
            if part.read_to_end(&mut chunk)? == 0 {
                let digest = Digest::of_content(SEED, &chunks, bytes);
                return Ok(FileState { bytes, digest });
            }
            if !free.is_empty() {
                // Pages are numbered from 1, and a chunk is a whole number of them.
                let first = bytes / page_bytes as u64 + 1;
                let pages = (first..).zip(chunk.chunks_mut(page_bytes));
                pages
                    .filter(|(number, _)| free.contains(number))
                    .for_each(|(_, page)| page.fill(0));
            }
            chunks.push(Digest::of(SEED, &chunk));
            bytes += chunk.len() as u64;
        }
    }
}

/// The size of a ledger's pages, and the numbers of those that hold nothing: the leaves of SQLite's list of
/// free pages. A list that makes no sense has none, so that every byte is looked at.
///
/// Source: sqlite.org/fileformat2.html, sections 1.3 and 1.5, read 2026-11.
fn free_pages(file: &mut (impl io::Read + io::Seek)) -> io::Result<(usize, HashSet<u64>)> {
    const NONE: usize = 1 << 16;
    let mut header = Vec::new();
    io::Read::take(&mut *file, HEADER_BYTES as u64).read_to_end(&mut header)?;
    if header.len() < HEADER_BYTES {
        return Ok((NONE, HashSet::new()));
    }
    let size = u16::from_be_bytes([header[PAGE_SIZE_AT], header[PAGE_SIZE_AT + 1]]);
    let page_bytes = if size == 1 {
        1 << 16
    } else {
        usize::from(size)
    };
    if !page_bytes.is_power_of_two() || page_bytes < 512 {
        return Ok((NONE, HashSet::new()));
    }
    let (mut free, mut trunks) = (HashSet::new(), HashSet::new());
    let mut trunk = number_at(&header, FREE_LIST_AT);
    while trunk != 0 {
        let mut page = Vec::new();
        file.seek(SeekFrom::Start((trunk - 1) * page_bytes as u64))?;
        io::Read::take(&mut *file, page_bytes as u64).read_to_end(&mut page)?;
        let is_whole = page.len() == page_bytes && trunks.insert(trunk);
        let leaves = if is_whole {
            number_at(&page, 4) as usize
        } else {
            usize::MAX
        };
        if page_bytes / 4 - 2 < leaves {
            return Ok((page_bytes, HashSet::new()));
        }
        free.extend((0..leaves).map(|leaf| number_at(&page, 8 + 4 * leaf)));
        trunk = number_at(&page, 0);
    }
    // What a list names twice, or what holds the list, is no free page.
    match free.is_disjoint(&trunks) && !free.contains(&1) {
        true => Ok((page_bytes, free)),
        false => Ok((page_bytes, HashSet::new())),
    }
}

fn number_at(bytes: &[u8], at: usize) -> u64 {
    let number = bytes[at..].first_chunk().copied().unwrap_or_default();
    u64::from(u32::from_be_bytes(number))
}

/// A file that SQLite keeps beside a ledger: `-journal` or `-wal`.
pub(super) fn beside(ledger: &Path, end: &str) -> PathBuf {
    let mut name = ledger.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// Whether SQLite would roll the ledger back by the journal beside it: its first byte says so.
pub(super) fn has_hot_journal(ledger: &Path) -> Result<bool, StoreError> {
    let path = beside(ledger, "-journal");
    let mut first = [0];
    match open_file(&path).and_then(|mut file| file.read(&mut first)) {
        Ok(read) => Ok(read == 1 && first[0] != 0),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(file_error("read", &path)(error)),
    }
}

/// Whether there is a file of WAL mode, which SQLite would take for newer than the ledger itself.
pub(super) fn has_wal(ledger: &Path) -> bool {
    fs::metadata(beside(ledger, "-wal")).is_ok_and(|file| !file.is_file() || 0 < file.len())
}

#[cfg(test)]
mod tests {
    use rusqlite::Connection;

    use super::*;

    fn seal() -> Seal {
        Seal {
            commit: 7,
            begun: Some(8),
            file: FileState {
                bytes: 122_880,
                digest: Digest::of(SEED, b"pages"),
            },
        }
    }

    #[test]
    fn a_seal_is_what_was_written_or_nothing() {
        let text = seal().text();
        assert_eq!(Seal::parse(&text), Some(seal()));
        for at in 0..text.len() {
            let mut bad = text.clone().into_bytes();
            bad[at] ^= 1;
            let bad = String::from_utf8(bad).expect("ASCII");
            assert_eq!(Seal::parse(&bad), None, "{bad}");
            assert_eq!(Seal::parse(&text[..at]), None, "{at}");
        }
        assert_eq!(Seal::parse(&text.repeat(2)), None);
    }

    #[test]
    fn only_pages_that_are_free_may_change() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("ledger.sqlite");
        let ledger = Connection::open(&path).expect("opened");
        let sql = "CREATE TABLE a (b); CREATE TABLE c (d);
            WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 900)
            INSERT INTO a SELECT randomblob(1000) FROM n;
            INSERT INTO c SELECT b FROM a LIMIT 20; DROP TABLE a;";
        ledger.execute_batch(sql).expect("filled");
        let free: i64 = ledger
            .pragma_query_value(None, "freelist_count", |row| row.get(0))
            .expect("a count");
        drop(ledger);
        let (good, state) = (fs::read(&path).expect("read"), FileState::of(&path));
        let state = state.expect("a state");
        let mut unseen = 0;
        for page in good.chunks(4_096).enumerate().map(|(page, _)| page) {
            let mut bad = good.clone();
            bad[page * 4_096 + 2_000] ^= 1;
            fs::write(&path, bad).expect("written");
            unseen += i64::from(FileState::of(&path).expect("a state") == state);
        }
        assert!(free - 3 <= unseen && unseen < free, "{unseen} of {free}");
    }
}
