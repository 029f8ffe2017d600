//! Writing the Parquet files of a dataset, in parallel.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::arrow::{ArrowSchemaConverter, ArrowWriter};
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnPath;
use rayon::prelude::*;

use super::columns::{
    SUMMARY_SCHEMA, USAGE_5MIN_SCHEMA, Usage5Min, summary_batch, summary_schema, usage_5min_schema,
};
use super::dataset::{PublishError, write_error};
use crate::columns::{ROW_GROUP_ROWS, write_row_group};
use crate::disk::create_file;
use crate::meter::UsageRow;
use crate::registry::Registry;
use crate::summary::{MonthUsage, SummaryRow};
use crate::units::Factor;

/// Rows of a file: a fixed number, so that the files do not depend on the number of cores.
pub const ROWS_PER_FILE: usize = 4 * ROW_GROUP_ROWS;
/// Bytes that are written to a file at a time.
const FILE_BUFFER_BYTES: usize = 1 << 20;

/// What every file's footer says about where it comes from.
#[derive(Clone, Debug, Default)]
pub struct Footer {
    /// Keys and values beside the schema's.
    pub entries: Vec<(&'static str, String)>,
}

impl Footer {
    fn key_values(&self, schema: &str) -> Vec<KeyValue> {
        let own = [
            ("cdn_meter.schema", schema.to_owned()),
            ("cdn_meter.version", env!("CARGO_PKG_VERSION").to_owned()),
        ];
        let entry = |(key, value): (&str, String)| KeyValue::new(key.to_owned(), value);
        own.into_iter()
            .chain(self.entries.iter().cloned())
            .map(entry)
            .collect()
    }
}

/// Writes a month's files of `summary` into `folder`.
///
/// Errors: [`PublishError`].
pub(super) fn write_summary(
    rows: &[SummaryRow],
    factors: (Factor, Factor),
    footer: &Footer,
    folder: &Path,
) -> Result<(), PublishError> {
    let properties = Arc::new(properties(SUMMARY_SCHEMA, footer, 5).build());
    for (number, rows) in rows.chunks(ROWS_PER_FILE).enumerate() {
        let (out, options) = (Part::create(folder, number)?, options(&properties));
        let mut writer = ArrowWriter::try_new_with_options(out, summary_schema(), options)?;
        for rows in rows.chunks(ROW_GROUP_ROWS) {
            writer.write(&summary_batch(rows, factors.0, factors.1)?)?;
        }
        writer.into_inner()?.finish()?;
    }
    Ok(())
}

/// Writes a month's files of `usage_5min` into `folder`, as many at a time as there are cores.
///
/// Errors: [`PublishError`].
pub fn write_usage_5min(
    usage: &MonthUsage<'_>,
    registry: &Registry,
    footer: &Footer,
    folder: &Path,
) -> Result<(), PublishError> {
    let properties = Arc::new(usage_5min_properties(footer));
    let files: Vec<(usize, &[UsageRow])> = usage.parts(ROWS_PER_FILE).enumerate().collect();
    let schema = ArrowSchemaConverter::new().convert(&usage_5min_schema())?;
    files.into_par_iter().try_for_each(|(number, rows)| {
        let out = Part::create(folder, number)?;
        let (root, properties) = (schema.root_schema_ptr(), Arc::clone(&properties));
        let mut writer = SerializedFileWriter::new(out, root, properties)?;
        for rows in rows.chunks(ROW_GROUP_ROWS) {
            let columns = Usage5Min::new(usage, rows, registry)?;
            write_row_group(&columns.all(), &mut writer)?;
        }
        writer.into_inner()?.finish()
    })
}

/// The arrow schema stays out of the files: readers would turn its dictionaries into categories.
fn options(properties: &Arc<WriterProperties>) -> ArrowWriterOptions {
    ArrowWriterOptions::new()
        .with_properties((**properties).clone())
        .with_skip_arrow_metadata(true)
}

/// What the files of all datasets have in common; rows ascend by the first `sorted_columns`.
pub(super) fn properties(
    schema: &str,
    footer: &Footer,
    sorted_columns: i32,
) -> WriterPropertiesBuilder {
    let ascending = |column| SortingColumn {
        column_idx: column,
        descending: false,
        nulls_first: false,
    };
    WriterProperties::builder()
        .set_created_by(format!("cdn-meter {}", env!("CARGO_PKG_VERSION")))
        .set_max_row_group_row_count(Some(ROW_GROUP_ROWS))
        .set_compression(Compression::ZSTD(ZstdLevel::default()))
        .set_statistics_enabled(EnabledStatistics::Page)
        .set_key_value_metadata(Some(footer.key_values(schema)))
        .set_sorting_columns(Some((0..sorted_columns).map(ascending).collect()))
}

/// Byte sums hardly repeat and do not compress: they are stored as they are, which is fastest to
/// write and to read. Everything else repeats and goes through dictionaries.
fn usage_5min_properties(footer: &Footer) -> WriterProperties {
    const SORTED_COLUMNS: i32 = 6;
    let mut builder = properties(USAGE_5MIN_SCHEMA, footer, SORTED_COLUMNS);
    for name in ["bytes", "error_bytes"] {
        let column = || ColumnPath::from(name);
        builder = builder
            .set_column_dictionary_enabled(column(), false)
            .set_column_encoding(column(), Encoding::PLAIN)
            .set_column_compression(column(), Compression::UNCOMPRESSED);
    }
    builder.build()
}

/// The only file of a month, on its way, of a dataset that is written batch by batch.
pub(super) struct MonthFile(ArrowWriter<Part>);

impl MonthFile {
    /// The name of the file.
    pub(super) const NAME: &'static str = "part-00000.parquet";

    /// Begins the file in `folder`; `schema` comes with the name that the footer has for it, and
    /// rows ascend by the first `sorted_columns`.
    ///
    /// Errors: [`PublishError`].
    pub(super) fn create(
        folder: &Path,
        (schema, name): (SchemaRef, &str),
        footer: &Footer,
        sorted_columns: i32,
    ) -> Result<Self, PublishError> {
        let properties = Arc::new(properties(name, footer, sorted_columns).build());
        let (out, options) = (Part::create(folder, 0)?, options(&properties));
        let writer = ArrowWriter::try_new_with_options(out, schema, options)?;
        Ok(MonthFile(writer))
    }

    /// Adds rows.
    ///
    /// Errors: [`PublishError`].
    pub(super) fn write(&mut self, batch: &RecordBatch) -> Result<(), PublishError> {
        Ok(self.0.write(batch)?)
    }

    /// Ends the file.
    ///
    /// Errors: [`PublishError`].
    pub(super) fn finish(self) -> Result<(), PublishError> {
        self.0.into_inner()?.finish()
    }
}

/// One file on its way. All datasets write through it, so the writers of the Parquet crate are
/// compiled for one kind of output.
struct Part {
    file: BufWriter<File>,
    path: PathBuf,
}

impl Part {
    fn create(folder: &Path, number: usize) -> Result<Self, PublishError> {
        let path = folder.join(format!("part-{number:05}.parquet"));
        let file = create_file(&path).map_err(write_error(&path))?;
        Ok(Part {
            file: BufWriter::with_capacity(FILE_BUFFER_BYTES, file),
            path,
        })
    }

    /// Puts it on disk, once its Parquet is complete.
    fn finish(mut self) -> Result<(), PublishError> {
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(write_error(&self.path))
    }
}

impl Write for Part {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
