//! Parquet columns of sorted usage, for every room that writes it.
//!
//! Owns: encoding a column from its runs, and numbers by the crate's writers. Does not own: schemas,
//! files, what the values mean.
//! Invariant: what is written is read back the same by the Parquet crate's own reader.

mod runs;

use std::io::Write;

use parquet::data_type::Int64Type;
use parquet::errors::{ParquetError, Result};
use parquet::file::writer::SerializedRowGroupWriter;

pub use runs::{RunValue, Runs};

/// Rows of a row group: what DuckDB reads with one thread.
pub const ROW_GROUP_ROWS: usize = 122_880;

/// Writes the row group's next column, which must be required and of 64-bit integers.
///
/// Errors: the writer's.
pub fn write_numbers<W: Write + Send>(
    numbers: &[i64],
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<()> {
    let missing = || ParquetError::General("the schema has no further column".into());
    let mut column = group.next_column()?.ok_or_else(missing)?;
    column
        .typed::<Int64Type>()
        .write_batch(numbers, None, None)?;
    column.close()
}
