//! What the lines of files are counted as: their formats, and the domains that have them.
//!
//! The ledger does not note by which `--domain` lines without a host were counted: their rows tell, which
//! are those of all lines of a file. Nor does it note by which template.

use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};

use super::error::StoreError;
use super::ledger::SegmentFile;
use super::scan::{Wanted, scan_sound};
use super::{SEGMENTS, Store, ledger};

/// What a name holds, and what that grew from: the format of each, if it has a line to tell it from.
type Chain = Vec<(i64, Option<String>)>;

impl Store {
    /// The formats by which the lines of the file `name` are counted; none where it is not known.
    ///
    /// Errors: [`StoreError`].
    pub fn formats_of(&self, name: &str) -> Result<BTreeSet<String>, StoreError> {
        let formats = self.chain_of(name)?.into_iter();
        Ok(formats.filter_map(|(_, format)| format).collect())
    }

    /// The domains for which the lines of files count, by the names of the files.
    ///
    /// Errors: [`StoreError`].
    pub fn domains_of<'a>(
        &self,
        names: &[&'a str],
    ) -> Result<BTreeMap<&'a str, BTreeSet<String>>, StoreError> {
        let mut names_of: HashMap<i64, Vec<&'a str>> = HashMap::new();
        for name in names {
            for (content, _) in self.chain_of(name)? {
                names_of.entry(content).or_default().push(name);
            }
        }
        let mut domains = BTreeMap::<&str, BTreeSet<String>>::new();
        for (content, domain) in self.steadily(|| self.domains_of_contents(&names_of))? {
            for name in names_of.get(&content).into_iter().flatten() {
                domains.entry(name).or_default().insert(domain.clone());
            }
        }
        Ok(domains)
    }

    /// Contents and the domains that have lines of them.
    fn domains_of_contents<T>(
        &self,
        wanted: &HashMap<i64, T>,
    ) -> Result<BTreeSet<(i64, String)>, StoreError> {
        let segments = self.segments_with(wanted.keys())?;
        let folder = self.root.join(SEGMENTS);
        let (mut found, mut seen) = (BTreeSet::new(), HashSet::new());
        for segment in &segments {
            scan_sound(&folder, segment, &Wanted::ALL, |row| {
                let Some(row) = row else {
                    // Numbers of names begin anew.
                    seen.clear();
                    return Ok(());
                };
                if wanted.contains_key(&row.content) && seen.insert((row.content, row.domain_key)) {
                    found.insert((row.content, row.domain.to_owned()));
                }
                Ok(())
            })?;
        }
        Ok(found)
    }

    /// The segments that hold rows of any of `contents`.
    fn segments_with<'a>(
        &self,
        contents: impl Iterator<Item = &'a i64>,
    ) -> Result<Vec<SegmentFile>, StoreError> {
        let ledger = &self.lock_state().ledger;
        let mut statement = ledger.prepare_cached("SELECT segment FROM part WHERE content = ?1")?;
        let mut wanted = HashSet::new();
        for content in contents {
            for segment in statement.query_map([content], |row| row.get::<_, i64>(0))? {
                wanted.insert(segment?);
            }
        }
        let mut segments = ledger::segments(ledger)?;
        segments.retain(|segment| wanted.contains(&segment.id));
        Ok(segments)
    }

    fn chain_of(&self, name: &str) -> Result<Chain, StoreError> {
        let sql = "WITH RECURSIVE chain (id) AS (
                SELECT content FROM source WHERE name = ?1
                UNION
                SELECT content.parent FROM content JOIN chain ON content.id = chain.id
                WHERE content.parent IS NOT NULL
            ) SELECT id, format FROM content WHERE id IN (SELECT id FROM chain) ORDER BY id";
        let ledger = &self.lock_state().ledger;
        let mut statement = ledger.prepare_cached(sql)?;
        let chain = statement.query_map([name], |row| Ok((row.get(0)?, row.get(1)?)))?;
        Ok(chain.collect::<Result<_, _>>()?)
    }
}
