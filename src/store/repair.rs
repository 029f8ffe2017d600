//! Repairing: what of a damaged store can be put right is, what cannot is said, and nothing is deleted.
//!
//! | found | done |
//! |---|---|
//! | a journal, or a file of WAL mode, that is not the ledger's | moved to `lost+found/` |
//! | a file that a commit names is gone or others, and one with its digest is in `lost+found/` | put back; what stood there is moved to `lost+found/` |
//! | finished files that no commit names, also those of commits that an older ledger misses | moved to `lost+found/` |
//! | the seal is gone, damaged, or of another state of the ledger, and all that `verify` can work out agrees | sealed anew, as it is |
//!
//! It is for people: to seal a ledger that is not the newest, or of which a byte was changed that nothing can be
//! held against (a name, the digest of a content), is to believe it. What the ledger alone tells cannot be
//! rebuilt from segments: they do not say which of them count, nor of which files they are.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::astray::{Kind, LOST, Unnamed, put_away, set_aside, unnamed};
use super::backup::named_files;
use super::close;
use super::durable::{Modes, make_folder, names_in, sync_folder};
use super::error::{StoreError, file_error};
use super::lock::Lock;
use super::open::{is_sealed_version, no_ledger, open_unchecked, reseal};
use super::scan::sha256;
use super::seal::{FileState, Seal, beside, has_hot_journal, has_wal};
use super::{Access, LEDGER, Occasion, QUARANTINE, SEGMENTS, Store, ledger};
use crate::units::hex;

/// What a repair did, and what it could not do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Repair {
    /// What was put right, or would be.
    pub done: Vec<String>,
    /// What is lost, and what to do about it.
    pub lost: Vec<String>,
}

/// Where SQLite notes that a ledger is in WAL mode, and the value that says so.
const WAL_MARK: (usize, u8) = (18, 2);

/// Puts right what can be in the store at `root`; where `is_trial` is set, only says so.
///
/// Errors: [`StoreError`], where the ledger is gone or SQLite cannot read it.
pub fn repair(
    root: &Path,
    occasion: Occasion,
    access: &Access,
    is_trial: bool,
) -> Result<Repair, StoreError> {
    let path = root.join(LEDGER);
    if fs::metadata(&path).map_or(0, |file| file.len()) == 0 {
        return Err(no_ledger(root)?);
    }
    let lock = Lock::take(root, &occasion, access)?;
    let mut repair = Repair::default();
    let seal = match Seal::read(root) {
        Err(StoreError::SealDamaged { .. }) => None,
        seal => seal?,
    };
    let is_as_sealed = |seal: &Seal| Ok::<_, StoreError>(FileState::of(&path)? == seal.file);
    let sealed = seal.as_ref().map(is_as_sealed).transpose()?;
    repair.foreign_files(root, sealed == Some(true), is_trial)?;
    let ledger = open_unchecked(&path)?;
    let is_to_be_sealed = is_sealed_version(root, &ledger)?;
    let found = ledger::newest_commit(&ledger)?;
    if let Some(made) = seal
        .as_ref()
        .map(|seal| seal.commit)
        .filter(|made| found < *made)
    {
        repair.lost.push(format!(
            "ledger.sqlite has commit {found} and {made} were made: what the commits from {} on counted is \
             not known any more; ingest their logs again",
            found + 1
        ));
    }
    let store = Store::new(root, (ledger, None), Some(lock), occasion)?;
    repair.put_back(&store, is_trial)?;
    repair.astray(&store, is_trial)?;
    let is_sound = repair.verify(&store)?;
    let is_sealed = seal.is_some_and(|seal| seal.begun.is_none()) && sealed == Some(true);
    if is_to_be_sealed && !is_sealed {
        match is_sound {
            true => repair.seal(store, root, is_trial)?,
            false => repair.lost.push(
                "ledger.sqlite is not as it was sealed, and what it says does not agree with the files: \
                 restore it from a copy, or ingest the logs into a new store"
                    .to_owned(),
            ),
        }
    }
    Ok(repair)
}

impl Repair {
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
            let is_right = |folder: &Path, name: &str| {
                let found = sha256(folder, name).map(|(found, _)| hex(&found));
                found.is_ok_and(|found| noted.as_ref().is_none_or(|noted| *noted == found))
            };
            if is_right(root, &place) {
                continue;
            }
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
                fs::rename(&from, root.join(at)).map_err(file_error("move", &from))?;
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
        for finding in store.verify()?.findings {
            let is_of_file = gone
                .iter()
                .any(|name| finding.subject.contains(name) || finding.problem.contains(name));
            // What is astray is put away, or will be.
            let is_astray = finding.problem.contains("no commit names it");
            if !is_of_file && !is_astray {
                is_sound = false;
                self.lost
                    .push(format!("{}: {}", finding.subject, finding.problem));
            }
        }
        Ok(is_sound)
    }

    /// Says what is lost with files that are gone or others; answers their names.
    fn lost_files(&mut self, store: &Store) -> Result<BTreeSet<String>, StoreError> {
        let ledger = &store.lock_state().ledger;
        let mut gone = BTreeSet::new();
        let is_right = |place: &str, noted: &str| {
            let found = sha256(&store.root, place).map(|(found, _)| hex(&found));
            found.is_ok_and(|found| found == noted)
        };
        for segment in ledger::segments(ledger)? {
            let place = format!("{SEGMENTS}/{}", segment.name);
            if is_right(&place, &hex(&segment.sha256)) {
                continue;
            }
            gone.insert(segment.name.clone());
            for (content, (_, usage)) in ledger::parts(ledger, segment.id)? {
                let names = ledger::names_of(ledger, content)?.join(", ");
                self.lost.push(format!(
                    "{place} is gone or others: {}, {} requests of {names}; restore it from a copy",
                    usage.bytes, usage.requests
                ));
            }
        }
        for close in close::closes(ledger)? {
            for damage in close::damages_of(&store.root, &close) {
                self.lost.push(damage.to_string());
                gone.insert(format!("close of {}", close.terms.month));
            }
        }
        for (place, noted) in named_files(ledger)? {
            let is_gone = match noted {
                Some(noted) => !is_right(&place, &noted),
                None => !store.root.join(&place).exists(),
            };
            if place.starts_with(QUARANTINE) && is_gone {
                self.lost.push(format!(
                    "{place} is gone or others: the rejected lines in it cannot be retried; restore it from a copy"
                ));
                gone.insert(place);
            }
        }
        Ok(gone)
    }

    fn seal(&mut self, store: Store, root: &Path, is_trial: bool) -> Result<(), StoreError> {
        let commit = ledger::newest_commit(&store.lock_state().ledger)?;
        if !is_trial {
            reseal(root)?;
        }
        drop(store);
        self.done
            .push(format!("sealed ledger.sqlite as it is, at commit {commit}"));
        Ok(())
    }
}
