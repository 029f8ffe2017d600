//! Reading what other meters counted of value-added services: CSV or Parquet, told from the content.
//!
//! | column | holds |
//! |---|---|
//! | `day` | day of the billing clock, such as 2026-10-15; in Parquet a date or a text |
//! | `account` | who pays |
//! | `service` | `transcoding`, `recording` …: the names of items on bills |
//! | `variant` | which of it, such as `h264-720p`; empty or left out where there is only one |
//! | `zone` | where, such as `mainland` or `AP1`; empty or left out: mainland |
//! | `quantity` | a whole number, in the unit that the service is counted in |

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use arrow::array::{Array, AsArray, RecordBatch};
use arrow::compute::cast;
use arrow::datatypes::DataType;
use arrow::error::ArrowError;
use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
use parquet::errors::ParquetError;

use super::catalogue::Item;
use super::metered::{Metered, Service};
use crate::disk::open_bounded;
use crate::units::{Region, Timestamp, Zone};

/// Most records of a file.
pub const SERVICE_RECORDS_MAX: usize = 10_000_000;
/// Largest CSV file, in bytes.
pub const SERVICE_CSV_BYTES_MAX: u64 = 1 << 30;
const COLUMNS: [&str; 6] = ["day", "account", "service", "variant", "zone", "quantity"];
/// Columns that can be left out.
const OPTIONAL: [&str; 2] = ["variant", "zone"];
/// What a Parquet file begins with.
const PARQUET: &[u8; 4] = b"PAR1";

/// Why a file of services is refused. Nothing of it is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServicesError {
    /// It cannot be read.
    #[error("cannot read the services {path}: {source}; check --services")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is not the CSV that it should be.
    #[error("{path}: {source}")]
    Csv {
        /// The file.
        path: PathBuf,
        /// What the reader says, with the line.
        source: csv::Error,
    },
    /// It is not the Parquet that it should be.
    #[error("{path}: {source}")]
    Parquet {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: ParquetError,
    },
    /// A column of it cannot be read as text.
    #[error("{path}: {source}")]
    Column {
        /// The file.
        path: PathBuf,
        /// What the reader says.
        source: ArrowError,
    },
    /// Its columns or a value are not possible.
    #[error("{place}: {problem}")]
    Value {
        /// File and row, the header being row 1.
        place: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

/// The records of a file.
///
/// Errors: [`ServicesError`] with file and row.
pub fn read_services(path: &Path) -> Result<Vec<Metered>, ServicesError> {
    let unreadable = |source| ServicesError::Read {
        path: path.to_owned(),
        source,
    };
    let mut start = [0; PARQUET.len()];
    let mut file = File::open(path).map_err(unreadable)?;
    let is_parquet = match file.read_exact(&mut start) {
        Ok(()) => start == *PARQUET,
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => false,
        Err(error) => return Err(unreadable(error)),
    };
    let mut records = Records {
        path,
        found: Vec::new(),
    };
    match is_parquet {
        true => records.read_parquet(File::open(path).map_err(unreadable)?)?,
        false => {
            records.read_csv(open_bounded(path, SERVICE_CSV_BYTES_MAX).map_err(unreadable)?)?
        }
    }
    Ok(records.found)
}

/// Records on their way out of a file.
struct Records<'a> {
    path: &'a Path,
    found: Vec<Metered>,
}

impl Records<'_> {
    fn read_csv(&mut self, file: io::Take<File>) -> Result<(), ServicesError> {
        let wrong = |source| ServicesError::Csv {
            path: self.path.to_owned(),
            source,
        };
        // A file over the limit ends within a record or after it: one byte more tells them apart.
        let mut reader = csv::Reader::from_reader(file);
        let header = reader.headers().map_err(wrong)?;
        let header: Vec<String> = header.iter().map(str::to_owned).collect();
        let columns = self.columns(&header)?;
        let mut row = csv::StringRecord::new();
        loop {
            let wrong = |source| ServicesError::Csv {
                path: self.path.to_owned(),
                source,
            };
            if !reader.read_record(&mut row).map_err(wrong)? {
                break;
            }
            self.add(columns.map(|at| at.map_or("", |at| &row[at])))?;
        }
        match reader.position().byte() <= SERVICE_CSV_BYTES_MAX {
            true => Ok(()),
            false => Err(self.wrong("the file is larger than 1 GiB; split it".to_owned())),
        }
    }

    fn read_parquet(&mut self, file: File) -> Result<(), ServicesError> {
        let path = self.path.to_owned();
        let wrong = move |source| ServicesError::Parquet {
            path: path.clone(),
            source,
        };
        let reader = ParquetRecordBatchReaderBuilder::try_new(file).map_err(&wrong)?;
        for batch in reader.build().map_err(&wrong)? {
            let batch = batch.map_err(|source| ServicesError::Column {
                path: self.path.to_owned(),
                source,
            })?;
            self.add_batch(&batch)?;
        }
        Ok(())
    }

    fn add_batch(&mut self, batch: &RecordBatch) -> Result<(), ServicesError> {
        let names = batch.schema();
        let names: Vec<String> = names.fields().iter().map(|f| f.name().clone()).collect();
        let columns = self.columns(&names)?;
        let text = |at: usize| {
            let column = cast(batch.column(at), &DataType::Utf8);
            column.map_err(|source| ServicesError::Column {
                path: self.path.to_owned(),
                source,
            })
        };
        let mut texts = [const { None }; COLUMNS.len()];
        for (text_of, at) in texts.iter_mut().zip(columns) {
            *text_of = at.map(text).transpose()?;
        }
        for row in 0..batch.num_rows() {
            let value = |column: &Option<_>| -> String {
                let column: Option<&arrow::array::ArrayRef> = column.as_ref();
                let column = column.map(|column| column.as_string::<i32>());
                let value = column.filter(|column| column.is_valid(row));
                value.map_or(String::new(), |column| column.value(row).to_owned())
            };
            let values = texts.each_ref().map(value);
            self.add(values.each_ref().map(String::as_str))?;
        }
        Ok(())
    }

    /// Where each column stands.
    fn columns(&self, names: &[String]) -> Result<[Option<usize>; COLUMNS.len()], ServicesError> {
        if let Some(other) = names.iter().find(|name| !COLUMNS.contains(&&name[..])) {
            return Err(self.wrong(format!(
                "`{other}` is no column; the columns are {}",
                COLUMNS.join(", ")
            )));
        }
        let columns = COLUMNS.map(|column| names.iter().position(|name| name == column));
        let is_missing =
            |(name, at): &(&str, Option<usize>)| at.is_none() && !OPTIONAL.contains(name);
        match COLUMNS.into_iter().zip(columns).find(is_missing) {
            Some((name, _)) => Err(self.wrong(format!("the column `{name}` is missing"))),
            None => Ok(columns),
        }
    }

    fn add(&mut self, values: [&str; COLUMNS.len()]) -> Result<(), ServicesError> {
        if SERVICE_RECORDS_MAX <= self.found.len() {
            let problem =
                format!("there are more than {SERVICE_RECORDS_MAX} records; split the file");
            return Err(self.wrong(problem));
        }
        let record = record(values).map_err(|problem| self.wrong(problem))?;
        self.found.push(record);
        Ok(())
    }

    /// A problem of the row after the last one.
    fn wrong(&self, problem: String) -> ServicesError {
        // Rows are counted from 1, and the first is the header.
        let row = self.found.len() + 2;
        ServicesError::Value {
            place: format!("{}: row {row}", self.path.display()),
            problem,
        }
    }
}

fn record(
    [day, account, service, variant, zone, quantity]: [&str; COLUMNS.len()],
) -> Result<Metered, String> {
    let midnight = Timestamp::parse(&format!("{day}T00:00"), Zone::UTC);
    let midnight = midnight.ok_or_else(|| format!("`{day}` is no day such as 2026-10-15"))?;
    if account.is_empty() {
        return Err("a record names an account".to_owned());
    }
    let known = Item::by_name(service).and_then(Service::of_item);
    let zone = match zone {
        "" => Some(Region::Mainland),
        name => Region::by_name(name),
    };
    Ok(Metered {
        account: account.to_owned(),
        service: known.ok_or_else(|| format!("`{service}` is no service that is priced"))?,
        variant: variant.to_owned(),
        zone: zone.ok_or_else(|| "the zone is none; write mainland, AP1 … SA".to_owned())?,
        day: midnight.slot().day(Zone::UTC),
        quantity: quantity
            .parse()
            .map_err(|_| format!("`{quantity}` is no whole number"))?,
    })
}
