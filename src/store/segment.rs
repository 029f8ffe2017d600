//! Segments: immutable Parquet files of usage, each row with the content that it comes from.
//!
//! ```text
//! domain, region, content    in runs      rows ascend by (domain, region, content, slot)
//! slot_start                 UTC, microseconds
//! bytes, requests, error_bytes, error_requests, doubtful_requests     int64
//! ```
//! Anybody's Parquet reader opens them; what counts of them is told by the ledger.

use std::io::{self, Write};
use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::KeyValue;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::parser::parse_message_type;
use parquet::schema::types::ColumnPath;
use sha2::{Digest as _, Sha256};

use super::error::{StoreError, file_error, int64};
use crate::columns::{Column, ROW_GROUP_ROWS, Runs, write_row_group};
use crate::disk::DurableFile;
use crate::meter::{DomainId, Tally};
use crate::units::{SLOTS_PER_DAY, Slot};

const MICROS_PER_SLOT: i64 = 300_000_000;
const SCHEMA: &str = "message segment {
    required binary domain (STRING);
    required binary region (STRING);
    required int64 content;
    required int64 slot_start (TIMESTAMP(MICROS, true));
    required int64 bytes;
    required int64 requests;
    required int64 error_bytes;
    required int64 error_requests;
    required int64 doubtful_requests;
}";
/// Name and version of the schema, in every file's footer.
const SCHEMA_NAME: &str = "cdn_meter.segment/1";

/// One row on its way into a segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct SegmentRow {
    pub(super) tally: Tally,
    /// Number of the domain in the order of names.
    pub(super) domain: DomainId,
    /// Place of the content in the list that the segment is written with.
    pub(super) content: u32,
}

impl SegmentRow {
    /// The order of rows, as one number: they are sorted millions at a time.
    ///
    /// ```text
    /// bits 96 and up | 95 ... 64 | 63 .... 56 | 55 ... 24 | 23 ... 0
    ///         window |    domain |     region |   content |     slot
    /// ```
    pub(super) fn key(&self) -> u128 {
        let (cell, slot) = (self.tally.cell, self.tally.cell.slot_index());
        let high = u64::from(window(slot)) << 32 | u64::from(self.domain.index());
        let low = u64::from(cell.region().index()) << 56
            | u64::from(self.content) << Slot::BITS
            | u64::from(slot);
        u128::from(high) << 64 | u128::from(low)
    }

    /// Which stretch of time it is in.
    pub(super) fn window(&self) -> u32 {
        window(self.tally.cell.slot_index())
    }

    /// What rows of a run have in common: all but the slot.
    fn run(&self) -> u128 {
        self.key() >> Slot::BITS
    }
}

/// Which stretch of 31 days a slot is in. A segment keeps to one, so that reading a month of years of usage opens the
/// segments of two stretches, or of one, whatever the clock of the month.
pub(super) fn window(slot: u32) -> u32 {
    slot / (31 * SLOTS_PER_DAY)
}

/// What the ledger notes of a written segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Written {
    pub(super) name: String,
    pub(super) file_bytes: u64,
    pub(super) sha256: [u8; 32],
    pub(super) rows: u64,
    pub(super) slots: Range<u32>,
}

/// Writes `rows`, which are sorted and not empty, as the file `name` of `folder`.
pub(super) fn write(
    folder: &Path,
    name: &str,
    rows: &[SegmentRow],
    names: &[&str],
    contents: &[i64],
) -> Result<Written, StoreError> {
    let mut file = DurableFile::create(folder, name)?;
    let mut hashing = Hashing {
        inner: file.writer(),
        sha256: Sha256::new(),
        written: 0,
    };
    write_parquet(&mut hashing, rows, names, contents)
        .map_err(|error| error.of(name, &folder.join(name)))?;
    let (file_bytes, sha256) = (hashing.written, hashing.sha256.finalize().into());
    file.finish()?;
    let slots = rows.iter().map(|row| row.tally.cell.slot_index());
    let (from, to) = slots.fold((u32::MAX, 0), |(from, to), slot| {
        (from.min(slot), to.max(slot))
    });
    Ok(Written {
        name: name.to_owned(),
        file_bytes,
        sha256,
        rows: rows.len() as u64,
        slots: from..to + 1,
    })
}

enum WriteError {
    Store(StoreError),
    Parquet(ParquetError),
}

impl WriteError {
    /// The error of the segment `name`, written to `path`.
    fn of(self, name: &str, path: &Path) -> StoreError {
        let source = match self {
            WriteError::Store(error) => return error,
            WriteError::Parquet(source) => source,
        };
        let name = name.to_owned();
        match source {
            // What the file system said: the disk is full, most likely.
            ParquetError::External(cause) => match cause.downcast::<io::Error>() {
                Ok(cause) => file_error("write", path)(*cause),
                Err(cause) => StoreError::Segment {
                    name,
                    source: ParquetError::External(cause),
                },
            },
            source => StoreError::Segment { name, source },
        }
    }
}

impl From<StoreError> for WriteError {
    fn from(error: StoreError) -> Self {
        WriteError::Store(error)
    }
}

impl From<ParquetError> for WriteError {
    fn from(error: ParquetError) -> Self {
        WriteError::Parquet(error)
    }
}

fn write_parquet(
    out: impl Write + Send,
    rows: &[SegmentRow],
    names: &[&str],
    contents: &[i64],
) -> Result<(), WriteError> {
    let schema = Arc::new(parse_message_type(SCHEMA)?);
    let mut writer = SerializedFileWriter::new(out, schema, Arc::new(properties()))?;
    for rows in rows.chunks(ROW_GROUP_ROWS) {
        let (mut domains, mut regions, mut sources) = (Runs::new(), Runs::new(), Runs::new());
        for run in rows.chunk_by(|a, b| a.run() == b.run()) {
            let (first, len) = (run[0], run.len() as u64);
            domains.push(names[first.domain.index() as usize], len);
            regions.push(first.tally.cell.region().name(), len);
            sources.push(contents[first.content as usize], len);
        }
        let slot = |row: &SegmentRow| i64::from(row.tally.cell.slot_index()) * MICROS_PER_SLOT;
        let slots: Vec<i64> = rows.iter().map(slot).collect();
        let counts: [fn(&Tally) -> u64; 5] = [
            |tally| tally.bytes,
            |tally| u64::from(tally.requests),
            |tally| tally.error_bytes,
            |tally| u64::from(tally.error_requests),
            |tally| u64::from(tally.doubtful_requests),
        ];
        let numbers = |of: fn(&Tally) -> u64| -> Result<Vec<i64>, StoreError> {
            rows.iter().map(|row| int64(of(&row.tally))).collect()
        };
        let counts = counts.into_iter().map(numbers);
        let counts = counts.collect::<Result<Vec<_>, StoreError>>()?;
        let runs = [
            Column::Texts(&domains),
            Column::Texts(&regions),
            Column::Ids(&sources),
            Column::Numbers(&slots),
        ];
        let counts = counts.iter().map(|counts| Column::Numbers(counts));
        let columns: Vec<Column<'_>> = runs.into_iter().chain(counts).collect();
        write_row_group(&columns, &mut writer)?;
    }
    writer.close()?;
    Ok(())
}

/// Byte sums hardly repeat and do not compress; everything else does.
fn properties() -> WriterProperties {
    let mut builder = WriterProperties::builder()
        .set_created_by(format!("cdn-meter {}", env!("CARGO_PKG_VERSION")))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_key_value_metadata(Some(vec![KeyValue::new(
            "cdn_meter.schema".to_owned(),
            SCHEMA_NAME.to_owned(),
        )]));
    for name in ["bytes", "error_bytes"] {
        builder = builder
            .set_column_dictionary_enabled(ColumnPath::from(name), false)
            .set_column_encoding(ColumnPath::from(name), Encoding::PLAIN)
            .set_column_compression(ColumnPath::from(name), Compression::UNCOMPRESSED);
    }
    builder.build()
}

/// Digests what passes through.
struct Hashing<W> {
    inner: W,
    sha256: Sha256,
    written: u64,
}

impl<W: Write> Write for Hashing<W> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.inner.write_all(buffer)?;
        self.sha256.update(buffer);
        self.written += buffer.len() as u64;
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.inner.flush()
    }
}
