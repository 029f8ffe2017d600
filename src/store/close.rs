//! Closing: a month's files are kept as they were published, and a chain says what was closed.
//!
//! ```text
//! STORE/closed/2026-10/summary/part-00000.parquet …      copied wherever the month is published
//! STORE/closed/2026-10/usage_5min/part-00000.parquet …   what adjustments are reckoned from
//! STORE/closed/2026-10/charges/part-00000.parquet        what was billed, if it was
//! STORE/closed/2026-10/costs/part-00000.parquet          what of it each domain made
//! STORE/closed/2026-10/catalogue/catalogue.toml          the prices of it
//! STORE/closed/2026-10/registry/facts.tsv                what the registry said; older closes have none
//! ```
//! Every close has a statement, a text that names all that was frozen, the digests of its files and
//! the digest of the close before. Its own digest is the SHA-256 of that text, so nothing that
//! was closed can be altered without altering every later digest: who keeps one, on paper if need
//! be, can prove all before it.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::PoisonError;

use rusqlite::{Connection, Row, params};
use sha2::{Digest as _, Sha256};

use super::error::{StoreError, file_error, int64};
use super::scan::sha256;
use super::{CLOSED, State, Store, ledger};
use crate::disk::{Modes, TEMPORARY, make_folder, names_in, reach, remove, rename, sync_folder};
use crate::meter::Usage;
use crate::units::{Bytes, Month, Zone, hex};

/// Folders of a closed month, in the order in which a statement names their files.
const DATASETS: [&str; 6] = [
    "catalogue",
    "charges",
    "costs",
    "registry",
    "summary",
    "usage_5min",
];

/// What a month is closed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CloseTerms {
    /// The month.
    pub month: Month,
    /// Its clock.
    pub zone: Zone,
    /// SHA-256 of the registry's facts.
    pub registry_digest: String,
    /// SHA-256 of the catalogue, if it was priced.
    pub catalogue_digest: Option<String>,
    /// SHA-256 over the sums.
    pub usage_digest: String,
    /// Log-to-bill factor.
    pub overhead_factor: String,
    /// Requests per log line.
    pub sampling_factor: String,
    /// The sums.
    pub usage: Usage,
}

/// A file of a closed month.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClosedFile {
    /// Its place in the month's folder.
    pub name: String,
    /// Its length.
    pub bytes: u64,
    /// SHA-256, in hexadecimal.
    pub sha256: String,
}

/// A month that was closed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Close {
    /// What was frozen.
    pub terms: CloseTerms,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// By which version of the program.
    pub tool: String,
    /// The last commit that counted in it.
    pub through: i64,
    /// Its files, by name.
    pub files: Vec<ClosedFile>,
    /// Digest of the close before.
    pub previous: Option<String>,
    /// SHA-256 of the statement.
    pub digest: String,
}

impl Close {
    /// The text whose SHA-256 is the digest: one fact per line, name and value parted by a tab.
    pub fn statement(&self) -> String {
        let (terms, usage) = (&self.terms, &self.terms.usage);
        let none = || "-".to_owned();
        let facts = [
            ("month", terms.month.to_string()),
            ("zone", terms.zone.to_string()),
            ("at", self.at.clone()),
            ("tool", self.tool.clone()),
            ("through", self.through.to_string()),
            ("registry", terms.registry_digest.clone()),
            (
                "catalogue",
                terms.catalogue_digest.clone().unwrap_or_else(none),
            ),
            ("usage", terms.usage_digest.clone()),
            ("overhead_factor", terms.overhead_factor.clone()),
            ("sampling_factor", terms.sampling_factor.clone()),
            ("bytes", usage.bytes.as_u64().to_string()),
            ("requests", usage.requests.to_string()),
            ("error_bytes", usage.error_bytes.as_u64().to_string()),
            ("error_requests", usage.error_requests.to_string()),
            ("doubtful_requests", usage.doubtful_requests.to_string()),
            ("previous", self.previous.clone().unwrap_or_else(none)),
        ];
        let mut text = "cdn-meter close/1\n".to_owned();
        // A string takes what is written to it.
        for (name, value) in facts {
            let _ = writeln!(text, "{name}\t{value}");
        }
        for file in &self.files {
            let _ = writeln!(text, "file\t{}\t{}\t{}", file.name, file.bytes, file.sha256);
        }
        text
    }

    /// What the digest of its statement is.
    pub(super) fn digest_of_statement(&self) -> String {
        hex(&Sha256::digest(self.statement().as_bytes()))
    }
}

impl Store {
    /// The months that were closed, in the order in which they were.
    ///
    /// Errors: [`StoreError`].
    pub fn closes(&self) -> Result<Vec<Close>, StoreError> {
        closes(&self.lock_state().ledger)
    }

    /// Begins to close a month.
    ///
    /// Errors: [`StoreError`]; `Closed` if the month is closed, `Clock` if others were on another
    /// clock.
    pub fn begin_close(&self, month: Month, zone: Zone) -> Result<Closing<'_>, StoreError> {
        for close in self.closes()? {
            if close.terms.zone != zone {
                return Err(StoreError::Clock {
                    zone: close.terms.zone,
                });
            }
            if close.terms.month == month {
                return Err(StoreError::Closed {
                    month,
                    at: close.at,
                });
            }
        }
        let closing = Closing {
            store: self,
            folder: self.root.join(CLOSED).join(format!("{TEMPORARY}{month}")),
        };
        let modes = Modes::of(&self.root)?;
        make_folder(&closing.folder, modes)?;
        DATASETS
            .iter()
            .try_for_each(|dataset| make_folder(&closing.folder.join(dataset), modes))?;
        Ok(closing)
    }

    /// Where the files of a dataset of a closed month are, once they are known to be those that it was closed
    /// with, and no others.
    ///
    /// Errors: [`StoreError`], `ClosedDamaged` where they are not.
    pub fn closed_folder(&self, month: Month, dataset: &str) -> Result<PathBuf, StoreError> {
        let closed = self.root.join(CLOSED);
        let folder = closed.join(month.to_string()).join(dataset);
        let mut checked = self.checked.lock().unwrap_or_else(PoisonError::into_inner);
        if !checked.contains(&folder) {
            let closes = self.closes()?;
            let close = closes.iter().find(|close| close.terms.month == month);
            let files = close.map_or(&[][..], |close| &close.files);
            if let Some(damage) = damages(&closed, month, dataset, files).into_iter().next() {
                return Err(damage);
            }
            checked.insert(folder.clone());
        }
        Ok(folder)
    }

    /// Whether nothing that counts in `slots` can have changed since the commit `through`.
    ///
    /// Errors: [`StoreError`].
    pub fn is_untouched_since(
        &self,
        through: i64,
        slots: &std::ops::Range<u32>,
    ) -> Result<bool, StoreError> {
        let sql = "SELECT
            NOT EXISTS (SELECT 1 FROM segment
                WHERE commit_id > ?1 AND slot_from < ?2 AND ?3 <= slot_to)
            AND NOT EXISTS (SELECT 1 FROM content WHERE dropped_by > ?1)";
        let state = self.lock_state();
        let parameters = params![through, slots.end, slots.start];
        Ok(state.ledger.query_row(sql, parameters, |row| row.get(0))?)
    }
}

/// A month that is about to be closed. Dropped unfinished, it is not.
#[derive(Debug)]
pub struct Closing<'a> {
    store: &'a Store,
    folder: PathBuf,
}

impl Closing<'_> {
    /// Where its files of a dataset, such as `summary`, are to be written and synced.
    pub fn folder(&self, dataset: &str) -> PathBuf {
        self.folder.join(dataset)
    }

    /// Closes the month, whose files were written.
    ///
    /// Errors: [`StoreError`]; the month is not closed then.
    pub fn finish(self, terms: CloseTerms) -> Result<Close, StoreError> {
        let closed = self.store.root.join(CLOSED);
        let files = files_of(&self.folder)?;
        let modes = Modes::of(&self.store.root)?;
        files
            .iter()
            .try_for_each(|file| modes.set(&self.folder.join(&file.name)))?;
        DATASETS
            .iter()
            .try_for_each(|dataset| sync_folder(&self.folder(dataset)))?;
        sync_folder(&self.folder)?;
        let place = closed.join(terms.month.to_string());
        let state = &mut *self.store.lock_state();
        state.announce()?;
        reach("file.rename");
        let placed = rename(&self.folder, &place).map_err(file_error("rename", &place));
        let noted = placed
            .and_then(|()| Ok(sync_folder(&closed)?))
            .and_then(|()| state.note_close(terms, files));
        if noted.is_err() {
            state.give_up()?;
        }
        noted
    }
}

impl Drop for Closing<'_> {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = remove(&self.folder);
    }
}

impl State {
    /// Adds the next link of the chain, in a transaction of its own.
    fn note_close(
        &mut self,
        terms: CloseTerms,
        files: Vec<ClosedFile>,
    ) -> Result<Close, StoreError> {
        // Its own commit is the next one.
        let through = self.commit()? - 1;
        let mut close = Close {
            terms,
            at: self.pending.at().to_owned(),
            tool: env!("CARGO_PKG_VERSION").to_owned(),
            through,
            files,
            previous: closes(&self.ledger)?.pop().map(|close| close.digest),
            digest: String::new(),
        };
        close.digest = close.digest_of_statement();
        put_close(&self.ledger, &close)?;
        self.end_transaction()?;
        Ok(close)
    }
}

/// What is wrong with the files of a dataset of a closed month: there are to be those of `files`, as they were.
fn damages(closed: &Path, month: Month, dataset: &str, files: &[ClosedFile]) -> Vec<StoreError> {
    let damaged = |name: &str, problem: &'static str| StoreError::ClosedDamaged {
        name: format!("{month}/{name}"),
        problem,
    };
    let is_of_dataset = |name: &str| name.split_once('/').is_some_and(|(of, _)| of == dataset);
    let named = files.iter().filter(|file| is_of_dataset(&file.name));
    let folder = closed.join(month.to_string());
    let mut damages = Vec::new();
    for file in named {
        match sha256(&folder, &file.name) {
            Ok((sha256, bytes)) if (hex(&sha256), bytes) == (file.sha256.clone(), file.bytes) => {}
            Ok(_) => damages.push(damaged(&file.name, "its bytes are others")),
            Err(error) if error.is_missing_file() => {
                damages.push(damaged(&file.name, "it is missing"))
            }
            Err(error) => damages.push(error),
        }
    }
    // Who reads a dataset reads all files of its folder.
    let there = names_in(&folder.join(dataset)).unwrap_or_default();
    let there = there.iter().map(|name| format!("{dataset}/{name}"));
    let added = there.filter(|name| files.iter().all(|file| file.name != *name));
    damages.extend(added.map(|name| damaged(&name, "the close does not name it; move it away")));
    damages
}

/// What is wrong with the files of a closed month.
pub(super) fn damages_of(root: &Path, close: &Close) -> Vec<StoreError> {
    let of = |dataset: &&str| damages(&root.join(CLOSED), close.terms.month, dataset, &close.files);
    DATASETS.iter().flat_map(of).collect()
}

/// The files of the datasets in `folder`, by name.
fn files_of(folder: &Path) -> Result<Vec<ClosedFile>, StoreError> {
    let mut files = Vec::new();
    for dataset in DATASETS {
        let folder = folder.join(dataset);
        for name in names_in(&folder)? {
            let (sha256, bytes) = sha256(&folder, &name)?;
            files.push(ClosedFile {
                name: format!("{dataset}/{name}"),
                bytes,
                sha256: hex(&sha256),
            });
        }
    }
    Ok(files)
}

fn put_close(ledger: &Connection, close: &Close) -> Result<(), StoreError> {
    let sql =
        "INSERT INTO close (month, zone, at, tool, through, registry_digest, catalogue_digest,
            usage_digest, overhead_factor, sampling_factor, bytes, requests, error_bytes,
            error_requests, doubtful_requests, previous, digest)
        VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15, ?16, ?17)";
    let (terms, usage) = (&close.terms, &close.terms.usage);
    ledger.execute(
        sql,
        params![
            terms.month.to_string(),
            terms.zone.to_string(),
            close.at,
            close.tool,
            close.through,
            terms.registry_digest,
            terms.catalogue_digest,
            terms.usage_digest,
            terms.overhead_factor,
            terms.sampling_factor,
            int64(usage.bytes.as_u64())?,
            int64(usage.requests)?,
            int64(usage.error_bytes.as_u64())?,
            int64(usage.error_requests)?,
            int64(usage.doubtful_requests)?,
            close.previous,
            close.digest,
        ],
    )?;
    let id = ledger.last_insert_rowid();
    let sql = "INSERT INTO closed_file (close, name, file_bytes, sha256) VALUES (?1, ?2, ?3, ?4)";
    for file in &close.files {
        ledger.execute(sql, params![id, file.name, int64(file.bytes)?, file.sha256])?;
    }
    Ok(())
}

/// The closes of a ledger, in order; none where its schema is older than they are.
pub(super) fn closes(ledger: &Connection) -> Result<Vec<Close>, StoreError> {
    if !ledger::has_table(ledger, "close")? {
        return Ok(Vec::new());
    }
    let mut statement = ledger.prepare_cached("SELECT * FROM close ORDER BY id")?;
    let mut rows = statement.query([])?;
    let mut closes = Vec::new();
    while let Some(row) = rows.next()? {
        closes.push(close_of(ledger, row)?);
    }
    Ok(closes)
}

fn close_of(ledger: &Connection, row: &Row<'_>) -> Result<Close, StoreError> {
    let count = |name| row.get::<_, i64>(name).map(i64::cast_unsigned);
    Ok(Close {
        terms: CloseTerms {
            month: parsed(row, "month")?,
            zone: parsed(row, "zone")?,
            registry_digest: row.get("registry_digest")?,
            catalogue_digest: row.get("catalogue_digest")?,
            usage_digest: row.get("usage_digest")?,
            overhead_factor: row.get("overhead_factor")?,
            sampling_factor: row.get("sampling_factor")?,
            usage: Usage {
                bytes: Bytes::new(count("bytes")?),
                requests: count("requests")?,
                error_bytes: Bytes::new(count("error_bytes")?),
                error_requests: count("error_requests")?,
                doubtful_requests: count("doubtful_requests")?,
            },
        },
        at: row.get("at")?,
        tool: row.get("tool")?,
        through: row.get("through")?,
        files: closed_files(ledger, row.get("id")?)?,
        previous: row.get("previous")?,
        digest: row.get("digest")?,
    })
}

fn closed_files(ledger: &Connection, close: i64) -> Result<Vec<ClosedFile>, StoreError> {
    let sql = "SELECT name, file_bytes, sha256 FROM closed_file WHERE close = ?1 ORDER BY name";
    let mut statement = ledger.prepare_cached(sql)?;
    let files = statement.query_map([close], |row| {
        Ok(ClosedFile {
            name: row.get(0)?,
            bytes: row.get::<_, i64>(1)?.cast_unsigned(),
            sha256: row.get(2)?,
        })
    })?;
    Ok(files.collect::<Result<_, _>>()?)
}

/// A value of the ledger that is written as text.
fn parsed<T>(row: &Row<'_>, name: &str) -> Result<T, StoreError>
where
    T: std::str::FromStr,
    T::Err: std::error::Error + Send + Sync + 'static,
{
    let text: String = row.get(name)?;
    text.parse().map_err(|error: T::Err| {
        let kind = rusqlite::types::Type::Text;
        rusqlite::Error::FromSqlConversionFailure(0, kind, Box::new(error)).into()
    })
}
