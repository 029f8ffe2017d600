//! Columns whose values stand in long runs: names and dates of sorted usage.
//!
//! The Parquet crate's writers look at every value of a column: they compare it for statistics
//! and hash it for the dictionary. For five text and date columns of sorted usage that was 60 % of
//! the time to write them, although a run is one value. So these columns are encoded here from
//! their runs; headers, offsets and metadata are still the crate's. What keeps it right: the
//! crate's own reader is held against it below, and foreign readers in the interop suite.
//!
//! ```text
//! chunk      = dictionary page, one data page
//! dictionary = every distinct value, in order of appearance, PLAIN
//! data page  = bit width, then one RLE run per run: varint(length << 1), index in ⌈width / 8⌉ bytes
//! ```
//! Source: parquet-format Encodings.md, RLE / bit-packing hybrid and dictionary encoding.

use std::collections::HashMap;

use bytes::Bytes;
use parquet::basic::{Compression, Encoding};
use parquet::column::page::{CompressedPage, Page, PageWriter};
use parquet::column::writer::ColumnCloseResult;
use parquet::data_type::ByteArray;
use parquet::errors::Result;
use parquet::file::metadata::{ColumnChunkMetaData, OffsetIndexBuilder};
use parquet::file::statistics::{Statistics, ValueStatistics};
use parquet::file::writer::{SerializedPageWriter, TrackedWrite};
use parquet::schema::types::ColumnDescPtr;

use super::Encoded;

/// A value that can stand in runs.
pub trait RunValue: Copy + Eq + Ord + std::hash::Hash {
    /// Appends the value in PLAIN encoding.
    fn push_plain(self, out: &mut Vec<u8>);
    /// Statistics of a column with these bounds and no nulls.
    fn statistics(min: Self, max: Self) -> Statistics;
}

impl RunValue for &str {
    fn push_plain(self, out: &mut Vec<u8>) {
        let len = u32::try_from(self.len()).expect("names are short");
        out.extend_from_slice(&len.to_le_bytes());
        out.extend_from_slice(self.as_bytes());
    }

    fn statistics(min: Self, max: Self) -> Statistics {
        let bound = |text: &str| Some(ByteArray::from(text));
        Statistics::ByteArray(ValueStatistics::new(
            bound(min),
            bound(max),
            None,
            Some(0),
            false,
        ))
    }
}

impl RunValue for i64 {
    fn push_plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn statistics(min: Self, max: Self) -> Statistics {
        Statistics::Int64(ValueStatistics::new(
            Some(min),
            Some(max),
            None,
            Some(0),
            false,
        ))
    }
}

impl RunValue for i32 {
    fn push_plain(self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.to_le_bytes());
    }

    fn statistics(min: Self, max: Self) -> Statistics {
        Statistics::Int32(ValueStatistics::new(
            Some(min),
            Some(max),
            None,
            Some(0),
            false,
        ))
    }
}

/// A column as runs of values.
#[derive(Debug)]
pub struct Runs<V> {
    values: Vec<V>,
    index_of: HashMap<V, u32>,
    /// Value number and length.
    runs: Vec<(u32, u64)>,
}

impl<V: RunValue> Default for Runs<V> {
    fn default() -> Self {
        Runs::new()
    }
}

impl<V: RunValue> Runs<V> {
    /// No rows.
    pub fn new() -> Self {
        Runs {
            values: Vec::new(),
            index_of: HashMap::new(),
            runs: Vec::new(),
        }
    }

    /// The next `rows` rows hold `value`.
    pub fn push(&mut self, value: V, rows: u64) {
        match self.runs.last_mut() {
            Some((index, len)) if self.values[*index as usize] == value => *len += rows,
            _ => {
                let next = self.values.len() as u32;
                let index = *self.index_of.entry(value).or_insert(next);
                if index == next {
                    self.values.push(value);
                }
                self.runs.push((index, rows));
            }
        }
    }

    /// Encodes the rows as a column, which must be required and of this type.
    pub(super) fn encode(&self, column: ColumnDescPtr) -> Result<Encoded> {
        let rows: u64 = self.runs.iter().map(|(_, len)| len).sum();
        let mut sink = TrackedWrite::new(Vec::new());
        let mut pages = SerializedPageWriter::new(&mut sink);
        let dictionary = pages.write_page(self.dictionary_page())?;
        let data = pages.write_page(self.data_page(rows))?;
        let uncompressed = dictionary.uncompressed_size + data.uncompressed_size;
        let compressed = dictionary.bytes_written + data.bytes_written;
        let headers = compressed as usize - dictionary.compressed_size - data.compressed_size;
        let mut metadata = ColumnChunkMetaData::builder(column)
            .set_compression(Compression::UNCOMPRESSED)
            .set_encodings(vec![
                Encoding::PLAIN,
                Encoding::RLE,
                Encoding::RLE_DICTIONARY,
            ])
            .set_num_values(rows as i64)
            .set_total_compressed_size(compressed as i64)
            .set_total_uncompressed_size((uncompressed + headers) as i64)
            .set_dictionary_page_offset(Some(dictionary.offset as i64))
            .set_data_page_offset(data.offset as i64);
        if let (Some(min), Some(max)) = (self.values.iter().min(), self.values.iter().max()) {
            metadata = metadata.set_statistics(V::statistics(*min, *max));
        }
        let mut offsets = OffsetIndexBuilder::new();
        offsets.append_row_count(rows as i64);
        offsets.append_offset_and_size(data.offset as i64, data.bytes_written as i32);
        let close = ColumnCloseResult {
            bytes_written: compressed,
            rows_written: rows,
            metadata: metadata.build()?,
            bloom_filter: None,
            column_index: None,
            offset_index: Some(offsets.build()),
        };
        let bytes = Bytes::from(sink.into_inner()?);
        Ok(Encoded { bytes, close })
    }

    fn dictionary_page(&self) -> CompressedPage {
        let mut buf = Vec::new();
        self.values
            .iter()
            .for_each(|value| value.push_plain(&mut buf));
        let len = buf.len();
        let page = Page::DictionaryPage {
            buf: buf.into(),
            num_values: self.values.len() as u32,
            encoding: Encoding::PLAIN,
            is_sorted: false,
        };
        CompressedPage::new(page, len)
    }

    fn data_page(&self, rows: u64) -> CompressedPage {
        let last_index = (self.values.len() as u32).saturating_sub(1);
        let bit_width = (u32::BITS - last_index.leading_zeros()).max(1);
        let index_bytes = bit_width.div_ceil(8) as usize;
        let mut buf = vec![bit_width as u8];
        for &(index, len) in &self.runs {
            push_varint(len << 1, &mut buf);
            buf.extend_from_slice(&index.to_le_bytes()[..index_bytes]);
        }
        let len = buf.len();
        let page = Page::DataPage {
            buf: buf.into(),
            num_values: rows as u32,
            encoding: Encoding::RLE_DICTIONARY,
            def_level_encoding: Encoding::RLE,
            rep_level_encoding: Encoding::RLE,
            statistics: None,
        };
        CompressedPage::new(page, len)
    }
}

/// Unsigned LEB128.
fn push_varint(mut value: u64, out: &mut Vec<u8>) {
    while 0x80 <= value {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::columns::{Column, write_row_group};
    use arrow::array::{Array, AsArray};
    use arrow::datatypes::{Date32Type, Int64Type};
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use parquet::file::properties::WriterProperties;
    use parquet::file::writer::SerializedFileWriter;
    use parquet::schema::parser::parse_message_type;
    use proptest::prelude::*;
    use std::sync::Arc;

    /// Writes two columns in runs beside one of numbers, with so many threads.
    fn written(runs: &[(u8, u16)], threads: usize) -> Vec<u8> {
        let schema = "message m { required binary name (STRING); required int32 day (DATE); \
            required int64 row; }";
        let schema = Arc::new(parse_message_type(schema).expect("a schema"));
        let properties = Arc::new(WriterProperties::builder().build());
        let mut file = Vec::new();
        let mut writer =
            SerializedFileWriter::new(&mut file, schema, properties).expect("a writer");
        let names: Vec<String> = runs.iter().map(|(value, _)| format!("n{value}")).collect();
        let (mut texts, mut days) = (Runs::new(), Runs::new());
        for (name, (value, len)) in names.iter().zip(runs) {
            texts.push(&name[..], u64::from(*len));
            days.push(i32::from(*value) - 100, u64::from(*len));
        }
        let rows: Vec<i64> = (0..runs.iter().map(|(_, len)| i64::from(*len)).sum()).collect();
        let columns = [
            Column::Texts(&texts),
            Column::Days(&days),
            Column::Numbers(&rows),
        ];
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build();
        pool.expect("threads")
            .install(|| write_row_group(&columns, &mut writer))
            .expect("written");
        writer.close().expect("closed");
        file
    }

    /// What the crate's reader finds.
    fn read(file: Vec<u8>) -> (Vec<String>, Vec<i32>, Vec<i64>) {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file));
        let reader = reader.expect("Parquet").build().expect("a reader");
        let (mut names, mut days, mut rows) = (Vec::new(), Vec::new(), Vec::new());
        for batch in reader {
            let batch = batch.expect("readable");
            let texts = batch.column(0).as_string::<i32>();
            names.extend((0..texts.len()).map(|at| texts.value(at).to_owned()));
            days.extend_from_slice(batch.column(1).as_primitive::<Date32Type>().values());
            rows.extend_from_slice(batch.column(2).as_primitive::<Int64Type>().values());
        }
        (names, days, rows)
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(40))]
        #[test]
        fn runs_are_read_back_as_they_were(
            runs in proptest::collection::vec((any::<u8>(), 1u16..600), 1..300),
        ) {
            let file = written(&runs, 1);
            prop_assert!(file == written(&runs, 3), "threads change nothing");
            let (names, days, rows) = read(file);
            let expected: Vec<u8> = runs
                .iter()
                .flat_map(|(value, len)| std::iter::repeat_n(*value, usize::from(*len)))
                .collect();
            let expected_names: Vec<_> = expected.iter().map(|value| format!("n{value}")).collect();
            let expected_days: Vec<_> = expected.iter().map(|value| i32::from(*value) - 100).collect();
            prop_assert_eq!(names, expected_names);
            prop_assert_eq!(days, expected_days);
            prop_assert!(rows.into_iter().eq(0..expected.len() as i64));
        }
    }
}
