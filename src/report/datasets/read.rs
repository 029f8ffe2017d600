//! Reading Parquet files of ours back: of closed months, as they were published.

use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::RecordBatch;
use parquet::arrow::ProjectionMask;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

use super::super::dataset::{PublishError, write_error};
use super::table::MICROS_PER_SEC;
use crate::units::{Slot, Timestamp};

/// Hands every batch of the files in `folder` to `each`, with the columns `names` or all of them.
pub(super) fn each_batch(
    folder: &Path,
    names: &[&str],
    mut each: impl FnMut(&RecordBatch) -> Option<()>,
) -> Result<(), PublishError> {
    for path in files(folder)? {
        let frozen = |problem: String| PublishError::Frozen {
            path: path.clone(),
            problem,
        };
        let file = File::open(&path).map_err(|error| frozen(error.to_string()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)
            .map_err(|error| frozen(error.to_string()))?;
        let mask = match names {
            [] => ProjectionMask::all(),
            names => ProjectionMask::columns(builder.parquet_schema(), names.iter().copied()),
        };
        let reader = builder.with_projection(mask).build();
        for batch in reader.map_err(|error| frozen(error.to_string()))? {
            let batch = batch.map_err(|error| frozen(error.to_string()))?;
            let none = || frozen("a column is missing or holds what we never write".to_owned());
            each(&batch).ok_or_else(none)?;
        }
    }
    Ok(())
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Result<Vec<PathBuf>, PublishError> {
    let list = || -> std::io::Result<Vec<PathBuf>> {
        std::fs::read_dir(folder)?
            .map(|entry| Ok(entry?.path()))
            .collect()
    };
    let mut files = list().map_err(write_error(folder))?;
    files.sort_unstable();
    Ok(files)
}

/// The slot that begins at this instant, in microseconds; `None` where none does.
pub(super) fn slot_of(micros: i64) -> Option<Slot> {
    let slot = Timestamp::from_unix_secs(micros / MICROS_PER_SEC)?.slot();
    (slot.start_unix_secs() * MICROS_PER_SEC == micros).then_some(slot)
}
