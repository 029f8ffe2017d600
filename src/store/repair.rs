//! Repairing: what of a damaged store can be put right is, what cannot is said, and nothing that was finished is
//! deleted.
//!
//! | found | done |
//! |---|---|
//! | a journal, or a file of WAL mode, that is not the ledger's | moved to `lost+found/` |
//! | a file that a commit names is gone or others, and one with its digest is in `lost+found/` | put back; what stood there is moved to `lost+found/` |
//! | finished files that no commit names, also those of commits that an older ledger misses | moved to `lost+found/` |
//! | the seal is gone, damaged, or of another commit, and all that `verify` can work out agrees | sealed anew, as it is |
//! | the ledger is of an earlier commit than the mark, and all that `verify` can work out agrees | believed knowingly: sealed and marked as it is, and said which commits are lost |
//! | the ledger is of the commit that was sealed, and others | nothing: it was altered |
//! | a segment or quarantine file is lost, and `drop_lost` asks for it | moved to `lost+found/` if it is there, and given up (`give_up.rs`) |
//! | a journal beside a ledger of which the seal does not say that a commit was begun | played back by SQLite, once both were copied to `lost+found/` |
//! | no ledger, or an empty one | nothing: it is said what the files tell (`remains.rs`) |
//!
//! A trial changes no byte of the store but for the lock, which says who holds it: it looks at the ledger's own file only, and no further where something beside
//! it would be believed. Only a file that is gone or others is lost; one that cannot be read is an error. Where
//! nothing speaks for the ledger and a file is others than it says, neither is believed: nothing is sealed or taken out.
//!
//! It is for people: to seal a ledger that is not the newest, or of which a byte was changed that nothing can be
//! held against (a name, the digest of a content), is to believe it. What the ledger alone tells cannot be
//! rebuilt from segments: they do not say which of them count, nor of which files they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use rusqlite::Connection;

use super::astray::{
    Kind, LOST, Unnamed, free_place, newest_by_names, put_away, set_aside, unnamed,
};
use super::backup::named_files;
use super::close;
use super::error::{StoreError, file_error};
use super::give_up::Lost;
use super::open::{
    is_sealed_version, look_unchecked, no_ledger, open_unchecked, prepare_to_write, reseal,
};
use super::scan::sha256;
use super::seal::{FileState, Seal, Sealer, beside, has_hot_journal, has_wal};
use super::{
    Access, CLOSED, LEDGER, Occasion, QUARANTINE, SEGMENTS, Store, hold_readable_by_owner, ledger,
    lock, mark, remains,
};
use crate::disk::{
    Modes, hold_is_file, link_or_copy, make_folder, names_in, rename, sync_file, sync_folder,
};
use crate::units::{counted, hex};

/// What a repair did, and what it could not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// What was put right, or would be.
    pub done: Vec<String>,
    /// What is lost, and what to do about it.
    pub lost: Vec<String>,
    /// Files that were taken out because lines of theirs are lost: their logs have to be ingested again.
    pub again: Vec<String>,
    /// Rejected lines that were given up because their file is lost.
    pub given_up: Vec<String>,
    /// Why a trial did not look at everything, if it did not.
    pub unseen: Option<&'static str>,
}

/// How a store is repaired.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RepairTerms {
    /// Whether nothing is done, and only said.
    pub is_trial: bool,
    /// Whether files of which lines are lost are taken out.
    pub is_dropping_lost: bool,
}

/// Where SQLite notes that a ledger is in WAL mode, and the value that says so.
const WAL_MARK: (usize, u8) = (18, 2);

/// Puts right what can be in the store at `root`.
///
/// Errors: [`StoreError`], where the ledger is gone or SQLite cannot read it.
pub fn repair(
    root: &Path,
    occasion: Occasion,
    access: &Access,
    terms: RepairTerms,
) -> Result<Repair, StoreError> {
    let is_trial = terms.is_trial;
    let path = root.join(LEDGER);
    hold_is_file(&path)?;
    if fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
        return without_ledger(root);
    }
    hold_readable_by_owner(Modes::of(root)?, root)?;
    let lock = lock::take(root, &occasion, access)?;
    let mut repair = Repair::default();
    let seal = match Seal::read(root) {
        Err(StoreError::SealDamaged { .. }) => None,
        seal => seal?,
    };
    let is_as_sealed = |seal: &Seal| Ok::<_, StoreError>(FileState::of(&path)? == seal.file);
    let sealed = seal.as_ref().map(is_as_sealed).transpose()?;
    repair.foreign_files(root, sealed == Some(true), is_trial)?;
    if is_trial && (has_wal(&path) || has_hot_journal(&path)?) {
        repair.unseen = Some(WITHOUT_FILES_BESIDE);
        return Ok(repair);
    }
    let is_begun = seal.as_ref().is_some_and(|seal| seal.begun.is_some());
    if !is_begun && has_hot_journal(&path)? {
        repair.keep_copies(root)?;
    }
    let ledger = open(&path, is_trial)?;
    let found = ledger::newest_commit(&ledger)?;
    let mark = mark::newest(root)?;
    let is_to_be_sealed = is_sealed_version(root, &ledger)?;
    // A crash while an older ledger was brought up to date leaves the seal that announced it.
    let is_announced = |seal: &Seal| sealed == Some(true) && seal.begun == Some(seal.commit);
    let must_be = seal.is_some() || mark.is_some();
    if !is_to_be_sealed && must_be && !seal.as_ref().is_some_and(is_announced) {
        repair.lost.push(OF_OLDER_VERSION.to_owned());
    }
    let is_behind = mark.as_ref().is_some_and(|(marked, _)| found < *marked);
    repair.missing_commits(root, (seal.as_ref(), mark), found)?;
    let is_known = match &seal {
        Some(seal) => is_as_sealed(seal)? || seal.begun == Some(found),
        None => false,
    };
    let store = Store::new(root, (ledger, None), Some(lock), occasion)?;
    repair.put_back(&store, is_trial)?;
    repair.astray(&store, is_trial)?;
    let is_sound = repair.verify(&store)?;
    if !is_known && (repair.is_altered(seal.as_ref(), found) || repair.has_others(&store)?) {
        return Ok(repair);
    }
    let is_sealed =
        seal.is_some_and(|seal| seal.begun.is_none()) && sealed == Some(true) && !is_behind;
    repair.seal_or_take_out(store, terms, (is_to_be_sealed, is_sealed, is_sound))?;
    Ok(repair)
}

/// Opens a ledger whatever its seal says; a trial only looks at it.
fn open(path: &Path, is_trial: bool) -> Result<Connection, StoreError> {
    match is_trial {
        true => look_unchecked(path),
        false => open_unchecked(path),
    }
}

/// What can be said where the ledger is gone.
fn without_ledger(root: &Path) -> Result<Repair, StoreError> {
    match no_ledger(root)? {
        StoreError::LedgerLost { .. } => Ok(Repair {
            lost: remains::of(root)?,
            ..Repair::default()
        }),
        error => Err(error),
    }
}

/// What is said of a ledger that has neither seal nor mark, where there are some.
const OF_OLDER_VERSION: &str = "ledger.sqlite is of an older version than the store was brought up to: restore the \
    newest copy; who goes on from the older one on purpose removes ledger.seal and the file commit-… beside it";

/// What a trial says where it cannot look further.
const WITHOUT_FILES_BESIDE: &str = "the rest is not known: with a journal or a file of WAL mode beside it the ledger \
    cannot be read without changing it, which a trial does not";

/// Whether a file is what the ledger notes of it; whether it can be read at all is another question, and an error.
fn is_as_noted(root: &Path, place: &str, noted: &str) -> Result<bool, StoreError> {
    match sha256(root, place) {
        Ok((found, _)) => Ok(hex(&found) == noted),
        Err(error) if error.is_missing_file() => Ok(false),
        Err(error) => Err(error),
    }
}

impl Repair {
    /// Says which commits the ledger misses, by its seal, the mark and the names of files.
    fn missing_commits(
        &mut self,
        root: &Path,
        (seal, mark): (Option<&Seal>, Option<(i64, String)>),
        found: i64,
    ) -> Result<(), StoreError> {
        let sealed = seal.map_or(0, |seal| seal.commit);
        let marked = mark.as_ref().map_or(0, |(marked, _)| *marked);
        let (mut named, mut name) = newest_by_names(root)?;
        match mark {
            // It is the newest: what has a later number is none of this store's.
            Some((marked, by)) if marked == found && found + 1 < named => {
                self.done.push(format!(
                    "passed over {name}: by its name it is of commit {named}, and the newest is {found} by {by}"
                ));
                return Ok(());
            }
            Some(_) => {}
            // Nobody has accepted this ledger: what an earlier repair moved away is missing still.
            None => (named, name) = (named, name).max(newest_by_names(&root.join(LOST))?),
        }
        let made = sealed.max(marked).max(named);
        // A commit that a crash cut short has the next number, no seal and no mark.
        if found < sealed.max(marked) || found + 1 < named {
            self.lost.push(format!(
                "ledger.sqlite has commit {found} and {made} were made: what the commits from {} on counted \
                 is not known any more; ingest their logs again",
                found + 1
            ));
        } else if found < named {
            self.done.push(format!(
                "passed over commit {named}, of which {name} is, as cut short by a crash; if it was reported \
                 as done, ledger.sqlite is an older copy: ingest its logs again"
            ));
        }
        Ok(())
    }

    /// Whether a ledger that is not as sealed is of the very commit that was sealed: then it was altered.
    fn is_altered(&mut self, seal: Option<&Seal>, found: i64) -> bool {
        let is_altered = seal.is_some_and(|seal| seal.commit == found && seal.begun.is_none());
        if is_altered {
            self.lost.push(format!(
                "ledger.sqlite is not as it was sealed: it was altered after commit {found}, and nobody can tell \
                 where; nothing was sealed or taken out: restore it from a copy, or ingest the logs into a new \
                 store; who altered it on purpose removes ledger.seal, and believes it by that"
            ));
        }
        is_altered
    }

    /// Whether files that a ledger names that nothing speaks for are there and others: it is the suspect then.
    fn has_others(&mut self, store: &Store) -> Result<bool, StoreError> {
        for (place, noted) in named_files(&store.lock_state().ledger)? {
            let Some(noted) = noted else { continue };
            if store.root.join(&place).exists() && !is_as_noted(&store.root, &place, &noted)? {
                self.lost.push(format!(
                    "ledger.sqlite is not as it was sealed, and {place} is not what it says: which of them \
                     is wrong is not known, so nothing was sealed or taken out; restore ledger.sqlite from a \
                     copy, or ingest the logs into a new store"
                ));
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Takes out what is lost where that was asked for, or seals the ledger.
    fn seal_or_take_out(
        &mut self,
        store: Store,
        terms: RepairTerms,
        (is_to_be_sealed, is_sealed, is_sound): (bool, bool, bool),
    ) -> Result<(), StoreError> {
        let lost = match terms.is_dropping_lost {
            true => Lost::find(&store)?,
            false => Lost::default(),
        };
        if !lost.is_empty() {
            if is_to_be_sealed && is_sound {
                return self.give_up(&store, &lost, terms.is_trial);
            }
            let why = match is_to_be_sealed {
                true => "what else is wrong has to be put right first",
                false => {
                    "the ledger is of an older version, and is brought up to date by `cdn-meter ingest`"
                }
            };
            self.lost.push(format!("nothing was taken out: {why}"));
        }
        if is_to_be_sealed && !is_sealed {
            match is_sound {
                true => self.seal(store, terms.is_trial)?,
                false => self.lost.push(
                    "ledger.sqlite is not as it was sealed, and what it says does not agree with the files: \
                     restore it from a copy, or ingest the logs into a new store"
                        .to_owned(),
                ),
            }
        }
        Ok(())
    }

    /// Moves away what SQLite would believe although it is not the ledger's.
    fn foreign_files(
        &mut self,
        root: &Path,
        is_as_sealed: bool,
        is_trial: bool,
    ) -> Result<(), StoreError> {
        let path = root.join(LEDGER);
        let header = fs::read(&path).map_err(file_error("read", &path))?;
        let is_in_wal_mode = header.get(WAL_MARK.0) == Some(&WAL_MARK.1);
        let foreign = [
            ("-wal", has_wal(&path) && !is_in_wal_mode),
            ("-journal", has_hot_journal(&path)? && is_as_sealed),
        ];
        for (end, _) in foreign.iter().filter(|(_, is_foreign)| *is_foreign) {
            let name = beside(Path::new(LEDGER), end).display().to_string();
            if !is_trial {
                set_aside(root, "", &name)?;
                sync_folder(root)?;
            }
            self.done
                .push(format!("moved {name} to {LOST}: it is not the ledger's"));
        }
        Ok(())
    }

    /// Puts files back that commits name, where there is one with their digest.
    fn put_back(&mut self, store: &Store, is_trial: bool) -> Result<(), StoreError> {
        let root = &store.root;
        let named = named_files(&store.lock_state().ledger)?;
        for (place, noted) in named {
            // Nothing tells which file is the right one.
            let Some(noted) = noted else { continue };
            if is_as_noted(root, &place, &noted)? {
                continue;
            }
            let is_right = |folder: &Path, name: &str| {
                let found = sha256(folder, name).map(|(found, _)| hex(&found));
                found.is_ok_and(|found| noted == found)
            };
            let at = Path::new(&place);
            let (Some(folder), Some(name)) = (at.parent(), at.file_name()) else {
                continue;
            };
            let (folder, name) = (folder.to_string_lossy(), name.to_string_lossy());
            let lost = root.join(LOST).join(&*folder);
            let names = if lost.is_dir() {
                names_in(&lost)?
            } else {
                Vec::new()
            };
            let Some(right) = names.into_iter().find(|name| is_right(&lost, name)) else {
                continue;
            };
            if !is_trial {
                if root.join(at).exists() {
                    set_aside(root, &folder, &name)?;
                }
                make_folder(&root.join(&*folder), Modes::of(root)?)?;
                let from: PathBuf = lost.join(&right);
                rename(&from, &root.join(at)).map_err(file_error("move", &from))?;
                sync_folder(&root.join(&*folder))?;
                sync_folder(&lost)?;
            }
            self.done
                .push(format!("put {place} back, which was in {LOST}"));
        }
        Ok(())
    }

    /// Moves away what no commit names.
    fn astray(&mut self, store: &Store, is_trial: bool) -> Result<(), StoreError> {
        let found = unnamed(&store.root, &store.lock_state().ledger)?;
        let is_finished = |of: &&Unnamed| matches!(of.kind, Kind::Finished(_));
        let moved: Vec<String> = found
            .iter()
            .filter(is_finished)
            .map(Unnamed::place)
            .collect();
        if !is_trial {
            put_away(&store.root, found)?;
        }
        let moved = moved.into_iter();
        self.done
            .extend(moved.map(|place| format!("moved {place} to {LOST}: no commit names it")));
        Ok(())
    }

    /// Says what is still wrong; answers whether all that the ledger says agrees with what files there are.
    fn verify(&mut self, store: &Store) -> Result<bool, StoreError> {
        let gone = self.lost_files(store)?;
        let mut is_sound = true;
        let unnamed = unnamed(&store.root, &store.lock_state().ledger)?;
        let unnamed: BTreeSet<String> = unnamed.iter().map(Unnamed::place).collect();
        for finding in store.verify()?.findings {
            let is_of = |places: &BTreeSet<String>| {
                finding
                    .place
                    .as_ref()
                    .is_some_and(|place| places.contains(place))
            };
            // What is astray is put away, or will be.
            if !is_of(&gone) && !is_of(&unnamed) {
                is_sound = false;
                self.lost
                    .push(format!("{}: {}", finding.subject, finding.problem));
            }
        }
        Ok(is_sound)
    }

    /// Gives up what is lost, in one commit; the ledger is sealed by it.
    fn give_up(&mut self, store: &Store, lost: &Lost, is_trial: bool) -> Result<(), StoreError> {
        self.again.extend(lost.names(store)?);
        self.given_up.extend(lost.rejects_told(store)?);
        if !lost.segments.is_empty() {
            let took = if is_trial { "taken" } else { "took" };
            let segments = counted(lost.segments.len() as u64, "lost segment");
            self.done
                .push(format!("{took} out what {segments} held lines of"));
        }
        // What is said of them is true no more.
        let is_of = |said: &String| lost.files().any(|(_, name)| said.contains(name));
        self.lost.retain(|said| !is_of(said));
        if is_trial {
            return Ok(());
        }
        let found = {
            let state = &mut *store.lock_state();
            prepare_to_write(&state.ledger)?;
            let found = ledger::newest_commit(&state.ledger)?;
            let sealer = Sealer::begin_with(&store.root, &store.root.join(LEDGER), found)?;
            sealer.write()?;
            state.sealer = Some(sealer);
            found
        };
        mark::set(&store.root, found)?;
        lost.give_up(store)?;
        for (folder, name) in lost.files() {
            if store.root.join(folder).join(name).exists() {
                set_aside(&store.root, folder, name)?;
            }
        }
        Ok(())
    }

    /// Keeps ledger and journal as they are, before SQLite puts the one into the other: nothing says that it is its.
    fn keep_copies(&mut self, root: &Path) -> Result<(), StoreError> {
        let folder = root.join(LOST);
        let modes = Modes::of(root)?;
        make_folder(&folder, modes)?;
        for name in [LEDGER.into(), beside(Path::new(LEDGER), "-journal")] {
            let from = root.join(&name);
            let to = free_place(&folder, &name.to_string_lossy());
            link_or_copy(&from, &to, true)?;
            modes.set(&to)?;
            sync_file(&to)?;
            self.done.push(format!(
                "copied {} to {LOST} before its journal was played back",
                name.display()
            ));
        }
        Ok(sync_folder(&folder)?)
    }

    /// Says what is lost with files that are gone or others; answers their names.
    fn lost_files(&mut self, store: &Store) -> Result<BTreeSet<String>, StoreError> {
        let ledger = &store.lock_state().ledger;
        let mut gone = BTreeSet::new();
        let is_right = |place: &str, noted: &str| is_as_noted(&store.root, place, noted);
        for segment in ledger::segments(ledger)? {
            let place = format!("{SEGMENTS}/{}", segment.name);
            if is_right(&place, &hex(&segment.sha256))? {
                continue;
            }
            gone.insert(place.clone());
            for (content, (_, usage)) in ledger::parts(ledger, segment.id)? {
                let names = ledger::names_of(ledger, content)?.join(", ");
                self.lost.push(format!(
                    "{place} is gone or others: {}, {} requests of {names}; restore it from a \
                     copy, or take these files out with --drop-lost and ingest their logs again",
                    usage.bytes, usage.requests
                ));
            }
        }
        for close in close::closes(ledger)? {
            for damage in close::damages_of(&store.root, &close) {
                self.lost.push(damage.to_string());
                gone.insert(format!("{CLOSED}/{}", close.terms.month));
            }
        }
        for (place, noted) in named_files(ledger)? {
            let is_gone = match noted {
                Some(noted) => !is_right(&place, &noted)?,
                None => !store.root.join(&place).exists(),
            };
            if place.starts_with(QUARANTINE) && is_gone {
                self.lost.push(format!(
                    "{place} is gone or others: the rejected lines in it cannot be retried; restore it from a \
                     copy, or give them up with --drop-lost"
                ));
                gone.insert(place);
            }
        }
        Ok(gone)
    }

    fn seal(&mut self, store: Store, is_trial: bool) -> Result<(), StoreError> {
        let commit = ledger::newest_commit(&store.lock_state().ledger)?;
        if !is_trial {
            reseal(&store.root)?;
        }
        drop(store);
        self.done
            .push(format!("sealed ledger.sqlite as it is, at commit {commit}"));
        Ok(())
    }
}
