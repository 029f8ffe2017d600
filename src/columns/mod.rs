//! Parquet columns of sorted usage, for every room that writes it.
//!
//! Owns: encoding a column from its runs, and numbers by the crate's writers; the columns of a row group side by side.
//! Does not own: schemas, files, what the values mean.
//! Invariant: what is written is read back the same by the Parquet crate's own reader.

mod runs;

use std::io::Write;

use bytes::Bytes;
use parquet::basic::Type;
use parquet::column::writer::{ColumnCloseResult, get_column_writer, get_typed_column_writer};
use parquet::data_type::Int64Type;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::WriterPropertiesPtr;
use parquet::file::writer::{
    SerializedFileWriter, SerializedPageWriter, SerializedRowGroupWriter, TrackedWrite,
};
use parquet::schema::types::ColumnDescPtr;
use rayon::prelude::*;

pub use runs::{RunValue, Runs};

/// Rows of a row group: what DuckDB reads with one thread.
pub const ROW_GROUP_ROWS: usize = 122_880;

/// A column of a row group, which is required and of the type of its values.
#[derive(Clone, Copy, Debug)]
pub enum Column<'a> {
    /// 64-bit integers, row by row.
    Numbers(&'a [i64]),
    /// Texts in runs.
    Texts(&'a Runs<&'a str>),
    /// Days in runs.
    Days(&'a Runs<i32>),
    /// 64-bit integers in runs.
    Ids(&'a Runs<i64>),
}

/// A column chunk on its way into a file.
struct Encoded {
    bytes: Bytes,
    close: ColumnCloseResult,
}

/// Writes a row group of these columns, all that the schema has, in order.
///
/// Where there are several threads, they encode columns side by side, which are in memory then until they are
/// written; one thread writes one after the other. The bytes are the same.
///
/// Errors: the writer's.
pub fn write_row_group<W: Write + Send>(
    columns: &[Column<'_>],
    writer: &mut SerializedFileWriter<W>,
) -> Result<()> {
    let descriptors = writer.schema_descr().columns().to_vec();
    let kinds = descriptors
        .iter()
        .map(|descriptor| descriptor.physical_type());
    if !kinds.eq(columns.iter().map(Column::kind)) {
        return Err(ParquetError::General(
            "the columns are not those of the schema".into(),
        ));
    }
    let columns: Vec<_> = columns.iter().zip(descriptors).collect();
    let properties = &writer.properties().clone();
    let mut group;
    if rayon::current_num_threads() == 1 {
        group = writer.next_row_group()?;
        for (column, descriptor) in columns {
            column.write(descriptor, properties, &mut group)?;
        }
    } else {
        let encoded = columns.into_par_iter();
        let encoded = encoded.map(|(column, descriptor)| column.encode(descriptor, properties));
        let encoded = encoded.collect::<Result<Vec<Encoded>>>()?;
        group = writer.next_row_group()?;
        for Encoded { bytes, close } in encoded {
            group.append_column(&bytes, close)?;
        }
    }
    group.close()?;
    Ok(())
}

impl Column<'_> {
    fn kind(&self) -> Type {
        match self {
            Column::Texts(_) => Type::BYTE_ARRAY,
            Column::Days(_) => Type::INT32,
            Column::Numbers(_) | Column::Ids(_) => Type::INT64,
        }
    }

    fn encode(&self, column: ColumnDescPtr, properties: &WriterPropertiesPtr) -> Result<Encoded> {
        match self {
            Column::Numbers(numbers) => encode_numbers(numbers, column, properties),
            Column::Texts(runs) => runs.encode(column),
            Column::Days(runs) => runs.encode(column),
            Column::Ids(runs) => runs.encode(column),
        }
    }

    fn write<W: Write + Send>(
        &self,
        column: ColumnDescPtr,
        properties: &WriterPropertiesPtr,
        group: &mut SerializedRowGroupWriter<'_, W>,
    ) -> Result<()> {
        if let Column::Numbers(numbers) = self {
            return write_numbers(numbers, group);
        }
        let Encoded { bytes, close } = self.encode(column, properties)?;
        group.append_column(&bytes, close)
    }
}

fn encode_numbers(
    numbers: &[i64],
    column: ColumnDescPtr,
    properties: &WriterPropertiesPtr,
) -> Result<Encoded> {
    let mut sink = TrackedWrite::new(Vec::new());
    let pages = Box::new(SerializedPageWriter::new(&mut sink));
    let writer = get_column_writer(column, properties.clone(), pages);
    let mut writer = get_typed_column_writer::<Int64Type>(writer);
    writer.write_batch(numbers, None, None)?;
    let close = writer.close()?;
    let bytes = Bytes::from(sink.into_inner()?);
    Ok(Encoded { bytes, close })
}

fn write_numbers<W: Write + Send>(
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
