//! Quarantine files: rejected lines of contents, which are read back only as they were written.
//!
//! The ledger notes length and SHA-256 of every file since version 4. Files of older ledgers are digested as they
//! are when the ledger is first opened to write by this version; before, only `verify` reads them, and counts lines.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;

use rusqlite::{Connection, OptionalExtension as _, params};
use sha2::{Digest as _, Sha256};

use super::error::{StoreError, file_error, int64};
use super::scan::sha256;
use super::{QUARANTINE, Store, ledger};
use crate::disk::{DurableFile, open_file, reach, remove, sync_folder};

impl Store {
    /// Makes the rejected lines of a content durable, and has the open transaction name them.
    pub(super) fn keep_rejects(
        &self,
        ledger: &Connection,
        commit: i64,
        content: i64,
        rejects: &[u8],
    ) -> Result<(), StoreError> {
        let name = &format!("{commit:08}-{content}.ndjson");
        let sql =
            "INSERT INTO quarantine (content, name, file_bytes, sha256) VALUES (?1, ?2, ?3, ?4)";
        let sha256: [u8; 32] = Sha256::digest(rejects).into();
        let bytes = int64(rejects.len() as u64)?;
        ledger.execute(sql, params![content, name, bytes, sha256])?;
        let folder = self.root.join(QUARANTINE);
        DurableFile::keep((&folder, name), rejects)?;
        Ok(sync_folder(&folder)?)
    }

    /// Opens a quarantine file.
    ///
    /// Errors: [`StoreError`], `QuarantineLost` and `QuarantineDamaged` where it is not there or not what was written.
    pub fn open_quarantine(&self, name: &str) -> Result<BufReader<File>, StoreError> {
        self.open_sound(&self.lock_state().ledger, name)
    }

    fn open_sound(&self, ledger: &Connection, name: &str) -> Result<BufReader<File>, StoreError> {
        let folder = self.root.join(QUARANTINE);
        let path = folder.join(name);
        let file = match open_file(&path).map_err(file_error("open", &path)) {
            Ok(file) => BufReader::new(file),
            Err(error) if error.is_missing_file() => {
                return Err(StoreError::QuarantineLost { name: name.into() });
            }
            Err(error) => return Err(error),
        };
        if !ledger::has_column(ledger, "quarantine", "sha256")? {
            return Ok(file);
        }
        let sql = "SELECT sha256, file_bytes FROM quarantine WHERE name = ?1";
        let mut statement = ledger.prepare_cached(sql)?;
        let noted = statement.query_row([name], |row| {
            let noted: (Option<Vec<u8>>, Option<i64>) = (row.get(0)?, row.get(1)?);
            Ok(noted)
        });
        let (found, bytes) = sha256(&folder, name)?;
        let found = (Some(found.to_vec()), Some(int64(bytes)?));
        match noted.optional()? == Some(found) {
            true => Ok(file),
            false => Err(StoreError::QuarantineDamaged { name: name.into() }),
        }
    }

    /// Lines that a quarantine file keeps.
    pub(super) fn lines_in_quarantine(
        &self,
        ledger: &Connection,
        name: &str,
    ) -> Result<u64, StoreError> {
        let mut file = self.open_sound(ledger, name)?;
        let mut lines = 0;
        loop {
            let read = file.skip_until(b'\n');
            match read.map_err(file_error("read", &self.root.join(QUARANTINE).join(name)))? {
                0 => return Ok(lines),
                _ => lines += 1,
            }
        }
    }

    /// Removes quarantine files that no commit names any more.
    pub(super) fn remove_quarantine(&self, names: Vec<String>) -> Result<(), StoreError> {
        if names.is_empty() {
            return Ok(());
        }
        let folder = self.root.join(QUARANTINE);
        for path in names.iter().map(|name| folder.join(name)) {
            reach("sweep.remove");
            if path.exists() {
                remove(&path)?;
            }
        }
        Ok(sync_folder(&folder)?)
    }
}

/// Notes what the quarantine files are that an older ledger names, as they are now.
pub(super) fn note_digests(root: &Path, ledger: &Connection) -> Result<(), StoreError> {
    let mut statement = ledger.prepare("SELECT name FROM quarantine WHERE sha256 IS NULL")?;
    let names = statement.query_map([], |row| row.get(0))?;
    let names: Vec<String> = names.collect::<Result<_, _>>()?;
    let folder = root.join(QUARANTINE);
    for name in names {
        if fs::exists(folder.join(&name)).map_err(file_error("open", &folder))? {
            let (sha256, bytes) = sha256(&folder, &name)?;
            let sql = "UPDATE quarantine SET sha256 = ?1, file_bytes = ?2 WHERE name = ?3";
            ledger.execute(sql, params![sha256, int64(bytes)?, name])?;
        }
    }
    Ok(())
}
