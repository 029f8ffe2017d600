//! The Parquet files of a dataset on their way, and what the footers of all say.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow::array::RecordBatch;
use arrow::datatypes::SchemaRef;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesBuilder};

use super::super::dataset::{PublishError, write_error};
use crate::billing::{Bill, BillTerms};
use crate::columns::ROW_GROUP_ROWS;
use crate::disk::create_file;

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
    /// How a bill was worked out.
    pub(in crate::report) fn of_bill(bill: &Bill, terms: &BillTerms<'_>) -> Self {
        let catalogue = terms.catalogue;
        Footer {
            entries: vec![
                ("cdn_meter.billing_zone", bill.zone.to_string()),
                ("cdn_meter.catalogue", catalogue.name.clone()),
                ("cdn_meter.catalogue_digest", catalogue.digest().to_owned()),
                ("cdn_meter.standard_mode", terms.mode.name().to_owned()),
            ],
        }
    }

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

/// What the files of a dataset hold, and in which order.
pub(in crate::report) struct FileForm<'a> {
    /// Name and version of the schema, as footers have it.
    pub(in crate::report) name: &'a str,
    /// The columns.
    pub(in crate::report) schema: SchemaRef,
    /// How many of the first ones the rows ascend by.
    pub(in crate::report) sorted_columns: i32,
}

/// A file of a month, on its way, of a dataset that is written batch by batch.
pub(in crate::report) struct MonthFile(ArrowWriter<PartFile>);

impl MonthFile {
    /// The name of the only file of a month.
    pub(super) const NAME: &'static str = "part-00000.parquet";

    /// Begins the only file of a month in `folder`.
    ///
    /// Errors: [`PublishError`].
    pub(in crate::report) fn create(
        folder: &Path,
        form: &FileForm<'_>,
        footer: &Footer,
    ) -> Result<Self, PublishError> {
        MonthFile::create_part(folder, 0, form, footer)
    }

    /// Begins one of several files of a month, which are numbered from 0.
    ///
    /// Errors: [`PublishError`].
    pub(super) fn create_part(
        folder: &Path,
        number: usize,
        form: &FileForm<'_>,
        footer: &Footer,
    ) -> Result<Self, PublishError> {
        let properties = properties(form.name, footer, form.sorted_columns).build();
        // The arrow schema stays out of the files: readers would turn its dictionaries into categories.
        let options = ArrowWriterOptions::new()
            .with_properties(properties)
            .with_skip_arrow_metadata(true);
        let (out, schema) = (PartFile::create(folder, number)?, Arc::clone(&form.schema));
        let writer = ArrowWriter::try_new_with_options(out, schema, options)?;
        Ok(MonthFile(writer))
    }

    /// Adds rows.
    ///
    /// Errors: [`PublishError`].
    pub(in crate::report) fn write(&mut self, batch: &RecordBatch) -> Result<(), PublishError> {
        Ok(self.0.write(batch)?)
    }

    /// Ends the file.
    ///
    /// Errors: [`PublishError`].
    pub(in crate::report) fn finish(self) -> Result<(), PublishError> {
        self.0.into_inner()?.finish()
    }
}

/// One file on its way. All datasets write through it, so the writers of the Parquet crate are
/// compiled for one kind of output.
pub(super) struct PartFile {
    file: BufWriter<File>,
    path: PathBuf,
}

impl PartFile {
    pub(super) fn create(folder: &Path, number: usize) -> Result<Self, PublishError> {
        let path = folder.join(format!("part-{number:05}.parquet"));
        let file = create_file(&path).map_err(write_error(&path))?;
        Ok(PartFile {
            file: BufWriter::with_capacity(FILE_BUFFER_BYTES, file),
            path,
        })
    }

    /// Puts it on disk, once its Parquet is complete.
    pub(super) fn finish(mut self) -> Result<(), PublishError> {
        let synced = self
            .file
            .flush()
            .and_then(|()| self.file.get_ref().sync_all());
        synced.map_err(write_error(&self.path))
    }
}

impl Write for PartFile {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.file.write_all(bytes)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.file.flush()
    }
}
