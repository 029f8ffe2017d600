//! The columns of a dataset as a list: each is written down once, for the schema, for rows that are written, and for
//! rows that are read back.

use std::sync::Arc;

use arrow::array::{
    Array, ArrayRef, AsArray, Date32Array, Decimal128Array, Int64Array, PrimitiveArray,
    RecordBatch, StringArray, TimestampMicrosecondArray,
};
use arrow::datatypes::{
    ArrowPrimitiveType, DataType, Date32Type, Decimal128Type, Int64Type, SchemaRef, TimeUnit,
    TimestampMicrosecondType,
};
use rust_decimal::Decimal;

use super::super::dataset::PublishError;
use crate::billing::Amount;

pub(in crate::report) const MICROS_PER_SEC: i64 = 1_000_000;
const DECIMAL_DIGITS: u8 = 38;

type ColumnOfRows<'a, R> = Box<dyn Fn(&[R]) -> Result<ArrayRef, PublishError> + 'a>;
type RowsOfColumn<'a, R> = Box<dyn Fn(&dyn Array, &mut [R]) -> Option<()> + 'a>;

/// A column of rows `R`; none holds nulls.
pub(super) struct DatasetColumn<'a, R> {
    name: &'static str,
    written: ColumnOfRows<'a, R>,
    read_back: Option<RowsOfColumn<'a, R>>,
    is_later: bool,
}

impl<'a, R: 'a> DatasetColumn<'a, R> {
    fn new(
        name: &'static str,
        written: impl Fn(&[R]) -> Result<ArrayRef, PublishError> + 'a,
    ) -> Self {
        DatasetColumn {
            name,
            written: Box::new(written),
            read_back: None,
            is_later: false,
        }
    }

    /// Texts.
    pub(super) fn text(name: &'static str, of: impl Fn(&R) -> &str + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let texts = rows.iter().map(&of);
            Ok(Arc::new(StringArray::from_iter_values(texts)))
        })
    }

    /// Dates, in days since 1970-01-01.
    pub(super) fn day(name: &'static str, of: impl Fn(&R) -> i32 + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let days = rows.iter().map(&of);
            Ok(Arc::new(Date32Array::from_iter_values(days)))
        })
    }

    /// Instants, in microseconds since the epoch.
    pub(super) fn instant(name: &'static str, of: impl Fn(&R) -> i64 + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let micros = TimestampMicrosecondArray::from_iter_values(rows.iter().map(&of));
            Ok(Arc::new(micros.with_timezone("UTC")))
        })
    }

    /// Counts and signed sums; those that 64 bits with a sign do not hold are refused, as `TooLarge`.
    pub(super) fn sum(name: &'static str, of: impl Fn(&R) -> i128 + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let sums = rows.iter().map(|row| int64(of(row)));
            Ok(Arc::new(sums.collect::<Result<Int64Array, _>>()?))
        })
    }

    /// Numbers, in units of their last of so many places.
    pub(super) fn units(name: &'static str, places: u32, of: impl Fn(&R) -> i128 + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let units = Decimal128Array::from_iter_values(rows.iter().map(&of));
            decimals(units, places)
        })
    }

    /// Amounts with so many places; what has more is rounded here.
    pub(super) fn amount(name: &'static str, places: u32, of: impl Fn(&R) -> Amount + 'a) -> Self {
        DatasetColumn::new(name, move |rows| {
            let units = rows.iter().map(|row| of(row).scaled(places));
            let units: Vec<i128> = units.collect::<Result<_, _>>()?;
            decimals(Decimal128Array::from(units), places)
        })
    }

    /// Numbers with so many places.
    pub(super) fn number(name: &'static str, places: u32, of: impl Fn(&R) -> Decimal + 'a) -> Self {
        DatasetColumn::amount(name, places, move |row| Amount::new(of(row)))
    }

    /// The place in a row where a column of texts goes when it is read back, and what of a text goes there; `None`
    /// where it is none of ours.
    pub(super) fn text_to<V: 'a>(
        mut self,
        place: fn(&mut R) -> &mut V,
        value: fn(&str) -> Option<V>,
    ) -> Self {
        self.read_back = Some(Box::new(move |array, rows| {
            let texts = array.as_string_opt::<i32>()?;
            let mut rows = rows.iter_mut().enumerate();
            rows.try_for_each(|(at, row)| {
                *place(row) = value(texts.value(at))?;
                Some(())
            })
        }));
        self
    }

    /// … of dates.
    pub(super) fn day_to<V: 'a>(
        self,
        place: fn(&mut R) -> &mut V,
        value: fn(i32) -> Option<V>,
    ) -> Self {
        self.values_to::<Date32Type, V>(place, value)
    }

    /// … of instants.
    pub(super) fn instant_to<V: 'a>(
        self,
        place: fn(&mut R) -> &mut V,
        value: fn(i64) -> Option<V>,
    ) -> Self {
        self.values_to::<TimestampMicrosecondType, V>(place, value)
    }

    /// … of counts and sums.
    pub(super) fn sum_to<V: 'a>(
        self,
        place: fn(&mut R) -> &mut V,
        value: fn(i64) -> Option<V>,
    ) -> Self {
        self.values_to::<Int64Type, V>(place, value)
    }

    fn values_to<T: ArrowPrimitiveType, V: 'a>(
        mut self,
        place: fn(&mut R) -> &mut V,
        value: fn(T::Native) -> Option<V>,
    ) -> Self {
        self.read_back = Some(Box::new(move |array, rows| {
            let values: &PrimitiveArray<T> = array.as_primitive_opt()?;
            let mut rows = rows.iter_mut().enumerate();
            rows.try_for_each(|(at, row)| {
                *place(row) = value(values.value(at))?;
                Some(())
            })
        }));
        self
    }

    /// … of numbers and amounts.
    pub(super) fn number_to<V: 'a>(
        mut self,
        place: fn(&mut R) -> &mut V,
        value: fn(Decimal) -> Option<V>,
    ) -> Self {
        self.read_back = Some(Box::new(move |array, rows| {
            let numbers = array.as_primitive_opt::<Decimal128Type>()?;
            let mut rows = rows.iter_mut().enumerate();
            rows.try_for_each(|(at, row)| {
                *place(row) = value(decimal(numbers, at)?)?;
                Some(())
            })
        }));
        self
    }

    /// A column that months lack which were closed before there was one: their rows get nothing of it.
    pub(super) fn later(mut self) -> Self {
        self.is_later = true;
        self
    }
}

/// Rows as a batch; its schema is that of the dataset.
///
/// Errors: [`PublishError`].
pub(super) fn batch<R>(
    columns: &[DatasetColumn<'_, R>],
    rows: &[R],
) -> Result<RecordBatch, PublishError> {
    let written = columns.iter();
    let written = written.map(|column| Ok((column.name, (column.written)(rows)?, false)));
    let written: Vec<_> = written.collect::<Result<_, PublishError>>()?;
    Ok(RecordBatch::try_from_iter_with_nullable(written)?)
}

/// The schema of a dataset.
///
/// Errors: [`PublishError`].
pub(super) fn schema<R>(columns: &[DatasetColumn<'_, R>]) -> Result<SchemaRef, PublishError> {
    Ok(batch(columns, &[])?.schema())
}

/// The rows of a batch that is read back, each as `blank` where no column says more.
///
/// Errors: what is wrong, where it is not a batch that we write.
pub(super) fn rows<R: Clone>(
    columns: &[DatasetColumn<'_, R>],
    batch: &RecordBatch,
    blank: &R,
) -> Result<Vec<R>, &'static str> {
    let mut rows = vec![blank.clone(); batch.num_rows()];
    for column in columns {
        let Some(read_back) = &column.read_back else {
            continue;
        };
        match batch.column_by_name(column.name) {
            Some(array) if array.null_count() == 0 => {
                read_back(array, &mut rows).ok_or("a value is none of ours")?;
            }
            None if column.is_later => {}
            _ => return Err("a column is missing"),
        }
    }
    Ok(rows)
}

/// A count or sum as the datasets hold it.
///
/// Errors: `TooLarge` beyond 2⁶³ − 1, which readers without unsigned integers cannot hold.
pub(super) fn int64(sum: impl Into<i128>) -> Result<i64, PublishError> {
    let sum = sum.into();
    i64::try_from(sum).map_err(|_| PublishError::TooLarge {
        count: u64::try_from(sum.unsigned_abs()).unwrap_or(u64::MAX),
    })
}

pub(in crate::report) fn utc_micros() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some("UTC".into()))
}

/// A text of its own, as rows keep it.
pub(super) fn owned<V: From<String>>(text: &str) -> Option<V> {
    Some(text.to_owned().into())
}

/// A count or sum, where the row has room for it.
pub(super) fn count<V: TryFrom<i64>>(sum: i64) -> Option<V> {
    sum.try_into().ok()
}

fn decimals(units: Decimal128Array, places: u32) -> Result<ArrayRef, PublishError> {
    let places = i8::try_from(places).unwrap_or(i8::MAX); // Arrow refuses so many
    let units = units.with_precision_and_scale(DECIMAL_DIGITS, places)?;
    Ok(Arc::new(units))
}

fn decimal(column: &Decimal128Array, at: usize) -> Option<Decimal> {
    let scale = u32::try_from(column.scale()).ok()?;
    let (mut mantissa, mut scale) = (column.value(at), scale);
    while 0 < scale && mantissa % 10 == 0 {
        (mantissa, scale) = (mantissa / 10, scale - 1);
    }
    Decimal::try_from_i128_with_scale(mantissa, scale).ok()
}
