//! What the store says of a content, for whoever read its log once more.

use std::collections::{BTreeMap, HashMap};

use rusqlite::{Connection, params};

use super::error::{StoreError, int64};
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger};
use crate::meter::{Cell, DomainId, Domains, TableFull, Usage, UsageRow};
use crate::source::Content;

/// A content that counts, and what it grew from: all lines of the file that holds it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Its number and those of the contents before it.
    pub contents: Vec<i64>,
    /// Lines read.
    pub lines: u64,
    /// Of these, metered.
    pub metered: u64,
    /// Skipped.
    pub skipped: u64,
    /// Rejected.
    pub rejected: u64,
    /// Downstream bytes.
    pub bytes: u64,
}

/// Sums by domain, as written, and cell.
pub type Cells = BTreeMap<(String, CellKey), Usage>;
/// Region number and slot.
pub type CellKey = (u8, u32);

/// The rows of all contents that count.
#[derive(Debug)]
pub struct CountedRows {
    rows: HashMap<i64, Vec<UsageRow>>,
    domains: Vec<String>,
}

impl Store {
    /// What the store says of the contents with this digest and length: of copies that count apart,
    /// each.
    ///
    /// Errors: [`StoreError`].
    pub fn counted(&self, content: &Content) -> Result<Vec<Counted>, StoreError> {
        let ledger = &self.lock_state().ledger;
        let sql = "SELECT id FROM content WHERE digest = ?1 AND length = ?2 AND dropped_by IS NULL";
        let mut statement = ledger.prepare_cached(sql)?;
        let parameters = params![content.digest.to_bytes(), int64(content.length)?];
        let ids = statement.query_map(parameters, |row| row.get(0))?;
        ids.map(|id| counted(ledger, id?)).collect()
    }

    /// The contents that count, by number, each with a name that holds it or what grew from it, or for
    /// which it is kept.
    ///
    /// Errors: [`StoreError`].
    pub fn counted_names(&self) -> Result<BTreeMap<i64, String>, StoreError> {
        let state = self.lock_state();
        let kept = match ledger::has_table(&state.ledger, "kept")? {
            true => "UNION SELECT content, name FROM kept",
            false => "",
        };
        let sql = format!(
            "WITH RECURSIVE held (id, name) AS (
                SELECT content, name FROM source {kept}
                UNION
                SELECT content.parent, held.name FROM content JOIN held ON content.id = held.id
                WHERE content.parent IS NOT NULL
            ) SELECT id, min(name) FROM held GROUP BY id"
        );
        let mut statement = state.ledger.prepare(&sql)?;
        let names = statement.query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(names.collect::<Result<_, _>>()?)
    }

    /// The rows of all contents that count, at most `rows_max`.
    ///
    /// Errors: [`StoreError`].
    pub fn counted_rows(&self, rows_max: usize) -> Result<CountedRows, StoreError> {
        self.steadily(|| self.counted_rows_once(rows_max))
    }

    fn counted_rows_once(&self, rows_max: usize) -> Result<CountedRows, StoreError> {
        let (segments, live) = {
            let state = self.lock_state();
            let all = ledger::segments_in(&state.ledger, &Wanted::ALL.slots)?;
            (all, ledger::live(&state.ledger)?)
        };
        let domains = Domains::of_store();
        let (mut rows, mut count): (HashMap<i64, Vec<UsageRow>>, usize) = (HashMap::new(), 0);
        for segment in segments {
            let mut last: Option<(usize, DomainId)> = None;
            scan_sound(&self.root.join(SEGMENTS), &segment, &Wanted::ALL, |row| {
                let Some(row) = row else {
                    last = None;
                    return Ok(());
                };
                if !live.contains(&row.content) {
                    return Ok(());
                }
                count += 1;
                if rows_max < count {
                    return Err(TableFull { rows_max }.into());
                }
                let domain = match last {
                    Some((key, domain)) if key == row.domain_key => domain,
                    _ => domains.intern(row.domain)?,
                };
                last = Some((row.domain_key, domain));
                let tally = row.tally;
                rows.entry(row.content)
                    .or_default()
                    .push(UsageRow { tally, domain });
                Ok(())
            })?;
        }
        Ok(CountedRows {
            rows,
            domains: domains.names(),
        })
    }
}

impl CountedRows {
    /// The usage of some contents together.
    ///
    /// Errors: [`StoreError`] where sums overflow.
    pub fn cells(&self, contents: &[i64]) -> Result<Cells, StoreError> {
        let rows = contents.iter().filter_map(|content| self.rows.get(content));
        sum_cells(rows.flatten(), &self.domains)
    }
}

/// Sums rows by domain and cell; `domains` are the names by number.
///
/// Errors: [`StoreError`] where sums overflow.
pub fn sum_cells<'a>(
    rows: impl Iterator<Item = &'a UsageRow>,
    domains: &[String],
) -> Result<Cells, StoreError> {
    let mut numbered: BTreeMap<(u32, CellKey), Usage> = BTreeMap::new();
    for row in rows {
        let key = (row.domain.index(), key_of(row.tally.cell));
        numbered.entry(key).or_default().add_tally(&row.tally)?;
    }
    let named = |((domain, cell), usage): ((u32, CellKey), Usage)| {
        ((domains[domain as usize].clone(), cell), usage)
    };
    Ok(numbered.into_iter().map(named).collect())
}

fn key_of(cell: Cell) -> CellKey {
    (cell.region().index(), cell.slot_index())
}

fn counted(ledger: &Connection, id: i64) -> Result<Counted, StoreError> {
    let sql = "WITH RECURSIVE line (id, parent) AS (
            SELECT id, parent FROM content WHERE id = ?1
            UNION ALL
            SELECT content.id, content.parent FROM content JOIN line ON content.id = line.parent
        ) SELECT content.id, lines, metered, skipped, rejected, bytes
        FROM content JOIN line ON content.id = line.id";
    let mut statement = ledger.prepare_cached(sql)?;
    let mut rows = statement.query([id])?;
    let mut counted = Counted::default();
    while let Some(row) = rows.next()? {
        let count = |at| row.get::<_, i64>(at).map(i64::cast_unsigned);
        counted.contents.push(row.get(0)?);
        counted.lines += count(1)?;
        counted.metered += count(2)?;
        counted.skipped += count(3)?;
        counted.rejected += count(4)?;
        counted.bytes += count(5)?;
    }
    Ok(counted)
}
