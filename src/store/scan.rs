//! Reading segments back: only the row groups that can hold what is asked for.

use std::io::Read;
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use arrow::array::{Array, AsArray, DictionaryArray, Int64Array, RecordBatch, StringArray};
use arrow::datatypes::{
    DataType, Field, Int32Type, Int64Type, Schema, TimeUnit, TimestampMicrosecondType,
};
use parquet::arrow::arrow_reader::{
    ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
};
use parquet::file::metadata::RowGroupMetaData;
use parquet::file::statistics::Statistics;
use sha2::{Digest as _, Sha256};

use super::error::{StoreError, file_error};
use super::ledger::SegmentFile;
use crate::disk::open_file;
use crate::meter::{Cell, Tally};
use crate::units::{Region, Slot};

const MICROS_PER_SLOT: i64 = 300_000_000;
const BATCH_ROWS: usize = 32 << 10;
/// Place of columns in the schema.
const DOMAIN: usize = 0;
const SLOT_START: usize = 3;

/// What to read of segments.
#[derive(Clone, Debug)]
pub(super) struct Wanted<'a> {
    /// Slots, by number.
    pub(super) slots: Range<u32>,
    /// One domain only.
    pub(super) domain: Option<&'a str>,
}

impl Wanted<'_> {
    /// Everything.
    pub(super) const ALL: Wanted<'static> = Wanted {
        slots: 0..u32::MAX,
        domain: None,
    };
}

/// One row of a segment, with the names as the batch has them.
pub(super) struct StoredRow<'a> {
    pub(super) domain: &'a str,
    /// Number of the name within the batch: the same name has the same number.
    pub(super) domain_key: usize,
    pub(super) content: i64,
    pub(super) tally: Tally,
}

/// Hands every row of a segment that is wanted to `each`, batch by batch: `each` is told with
/// `None` that a new batch begins, and numbers of names begin anew.
pub(super) fn scan(
    folder: &Path,
    name: &str,
    wanted: &Wanted<'_>,
    mut each: impl FnMut(Option<StoredRow<'_>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    let path = folder.join(name);
    let file = open_file(&path).map_err(file_error("open", &path))?;
    let parquet = |source| StoreError::Segment {
        name: name.to_owned(),
        source,
    };
    let options = ArrowReaderOptions::new().with_schema(schema());
    let metadata = ArrowReaderMetadata::load(&file, options).map_err(parquet)?;
    let groups = metadata.metadata().row_groups();
    let is_wanted = |group: &&usize| may_hold(&groups[**group], wanted);
    let groups: Vec<usize> = (0..groups.len())
        .collect::<Vec<_>>()
        .iter()
        .filter(is_wanted)
        .copied()
        .collect();
    let reader = ParquetRecordBatchReaderBuilder::new_with_metadata(file, metadata)
        .with_row_groups(groups)
        .with_batch_size(BATCH_ROWS)
        .build()
        .map_err(parquet)?;
    for batch in reader {
        let batch = batch.map_err(|error| StoreError::Damaged {
            name: name.to_owned(),
            problem: error.to_string(),
        })?;
        each(None)?;
        Columns::of(&batch)
            .and_then(|columns| columns.rows(wanted, &mut each))
            .map_err(|problem| match problem {
                Problem::Store(error) => error,
                Problem::Damage(problem) => StoreError::Damaged {
                    name: name.to_owned(),
                    problem: problem.to_owned(),
                },
            })?;
    }
    Ok(())
}

/// The schema with names in dictionaries, so that each is looked up once per batch.
fn schema() -> Arc<Schema> {
    let names = || DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    let slots = DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()));
    let mut fields = vec![
        Field::new("domain", names(), false),
        Field::new("region", names(), false),
        Field::new("content", DataType::Int64, false),
        Field::new("slot_start", slots, false),
    ];
    for name in [
        "bytes",
        "requests",
        "error_bytes",
        "error_requests",
        "doubtful_requests",
    ] {
        fields.push(Field::new(name, DataType::Int64, false));
    }
    Arc::new(Schema::new(fields))
}

/// Whether the statistics of a row group leave room for a wanted row.
fn may_hold(group: &RowGroupMetaData, wanted: &Wanted<'_>) -> bool {
    let in_slots = match group.column(SLOT_START).statistics() {
        Some(Statistics::Int64(slots)) => match (slots.min_opt(), slots.max_opt()) {
            (Some(min), Some(max)) => {
                *min < i64::from(wanted.slots.end) * MICROS_PER_SLOT
                    && i64::from(wanted.slots.start) * MICROS_PER_SLOT <= *max
            }
            _ => true,
        },
        _ => true,
    };
    let in_domains = match (wanted.domain, group.column(DOMAIN).statistics()) {
        (Some(domain), Some(Statistics::ByteArray(names))) => {
            match (names.min_bytes_opt(), names.max_bytes_opt()) {
                (Some(min), Some(max)) => (min..=max).contains(&domain.as_bytes()),
                _ => true,
            }
        }
        _ => true,
    };
    in_slots && in_domains
}

enum Problem {
    Store(StoreError),
    Damage(&'static str),
}

struct Columns<'a> {
    domains: &'a DictionaryArray<Int32Type>,
    domain_names: &'a StringArray,
    regions: &'a DictionaryArray<Int32Type>,
    region_names: &'a StringArray,
    content: &'a [i64],
    slot_start: &'a [i64],
    counts: [&'a [i64]; 5],
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Result<Self, Problem> {
        let names = |at: usize| {
            let names = batch.column(at).as_dictionary_opt::<Int32Type>();
            names.ok_or(Problem::Damage("a column of names is missing"))
        };
        let texts = |array: &'a DictionaryArray<Int32Type>| {
            let texts = array.values().as_string_opt::<i32>();
            texts.ok_or(Problem::Damage("a column of names holds something else"))
        };
        let numbers = |at: usize| -> Result<&'a [i64], Problem> {
            let numbers: Option<&Int64Array> = batch.column(at).as_primitive_opt::<Int64Type>();
            let numbers = numbers.ok_or(Problem::Damage("a column of numbers is missing"))?;
            Ok(&numbers.values()[..])
        };
        let slots = batch
            .column(SLOT_START)
            .as_primitive_opt::<TimestampMicrosecondType>();
        let (domains, regions) = (names(DOMAIN)?, names(1)?);
        Ok(Columns {
            domains,
            domain_names: texts(domains)?,
            regions,
            region_names: texts(regions)?,
            content: numbers(2)?,
            slot_start: &slots
                .ok_or(Problem::Damage("there is no slot_start"))?
                .values()[..],
            counts: [
                numbers(4)?,
                numbers(5)?,
                numbers(6)?,
                numbers(7)?,
                numbers(8)?,
            ],
        })
    }

    fn rows(
        &self,
        wanted: &Wanted<'_>,
        each: &mut impl FnMut(Option<StoredRow<'_>>) -> Result<(), StoreError>,
    ) -> Result<(), Problem> {
        let names = self.region_names;
        let regions = (0..names.len())
            .map(|at| {
                Region::by_name(names.value(at)).ok_or(Problem::Damage("a region is unknown"))
            })
            .collect::<Result<Vec<_>, _>>()?;
        let wanted_key = |name: &str| {
            let mut keys = 0..self.domain_names.len();
            keys.find(|key| self.domain_names.value(*key) == name)
        };
        let only = match wanted.domain.map(wanted_key) {
            Some(None) => return Ok(()),
            Some(key) => key,
            None => None,
        };
        let (domain_keys, region_keys) =
            (self.domains.keys().values(), self.regions.keys().values());
        for row in 0..self.content.len() {
            let domain_key = domain_keys[row] as usize;
            if only.is_some_and(|only| only != domain_key) {
                continue;
            }
            let slot = slot_of(self.slot_start[row])?;
            if !wanted.slots.contains(&slot.index()) {
                continue;
            }
            let tally = self.tally(row, Cell::new(regions[region_keys[row] as usize], slot))?;
            each(Some(StoredRow {
                domain: self.domain_names.value(domain_key),
                domain_key,
                content: self.content[row],
                tally,
            }))
            .map_err(Problem::Store)?;
        }
        Ok(())
    }

    fn tally(&self, row: usize, cell: Cell) -> Result<Tally, Problem> {
        let bad = Problem::Damage("a count is negative or too large");
        let [
            bytes,
            requests,
            error_bytes,
            error_requests,
            doubtful_requests,
        ] = self.counts.map(|counts| counts[row]);
        let narrow = |count: i64| u32::try_from(count).ok();
        let tally = || {
            Some(Tally {
                bytes: u64::try_from(bytes).ok()?,
                error_bytes: u64::try_from(error_bytes).ok()?,
                cell,
                requests: narrow(requests)?,
                error_requests: narrow(error_requests)?,
                doubtful_requests: narrow(doubtful_requests)?,
            })
        };
        tally().ok_or(bad)
    }
}

fn slot_of(micros: i64) -> Result<Slot, Problem> {
    let index = u32::try_from(micros.div_euclid(MICROS_PER_SLOT)).ok();
    let slot = index.and_then(Slot::from_index);
    slot.filter(|_| micros % MICROS_PER_SLOT == 0)
        .ok_or(Problem::Damage("a slot is none"))
}

/// The same as [`scan`], if the file has the bytes that were written: only then its rows are believed.
pub(super) fn scan_sound(
    folder: &Path,
    segment: &SegmentFile,
    wanted: &Wanted<'_>,
    each: impl FnMut(Option<StoredRow<'_>>) -> Result<(), StoreError>,
) -> Result<(), StoreError> {
    check(folder, segment)?;
    scan(folder, &segment.name, wanted, each)
}

/// Whether a segment's file has the bytes that were written.
pub(super) fn check(folder: &Path, segment: &SegmentFile) -> Result<(), StoreError> {
    let (sha256, bytes) = sha256(folder, &segment.name).map_err(|error| match error {
        error if error.is_missing_file() => StoreError::Lost {
            name: segment.name.clone(),
        },
        error => error,
    })?;
    match (&sha256[..], bytes) == (&segment.sha256[..], segment.bytes) {
        true => Ok(()),
        false => Err(StoreError::Damaged {
            name: segment.name.clone(),
            problem: "its bytes are not those that were written".to_owned(),
        }),
    }
}

/// SHA-256 and length of a file.
pub(super) fn sha256(folder: &Path, name: &str) -> Result<([u8; 32], u64), StoreError> {
    let path = folder.join(name);
    let mut file = open_file(&path).map_err(file_error("open", &path))?;
    let (mut digest, mut buffer, mut total) = (Sha256::new(), vec![0; 1 << 20], 0);
    loop {
        match file.read(&mut buffer).map_err(file_error("read", &path))? {
            0 => return Ok((digest.finalize().into(), total)),
            len => {
                digest.update(&buffer[..len]);
                total += len as u64;
            }
        }
    }
}
