//! The dataset `costs`: what of each line of a bill each domain made, and what it costs.
//!
//! One row per line of the bill that traffic made, domain, class and region, in the order of `charges`. The
//! rows of a `charge_id` add up to the line of `charges` of that name: its bytes, quantity and amount. How
//! a line is split is said in `billing/costs.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::{Path, PathBuf};

use arrow::array::{ArrayRef, AsArray, Decimal128Array, PrimitiveArray, RecordBatch, StringArray};
use arrow::datatypes::{Decimal128Type, Int64Type};
use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use rust_decimal::Decimal;

use super::billed::decimal;
use super::charges::{EXACT_PLACES, MICROS_PER_SEC, footer};
use super::columns::{batch_of, dates, decimals, sums, texts, times};
use super::dataset::PublishError;
use super::frozen::{numbers, texts as text_column};
use super::parquet_file::MonthFile;
use crate::billing::{Amount, Bill, BillTerms, Charge, Cost, Inexact, add_exactly};
use crate::registry::Class;
use crate::units::{Month, Region, Timestamp, Zone};

/// Name and version of the schema of costs.
pub const COSTS_SCHEMA: &str = "costs/1";
const AMOUNT_PLACES: u32 = 8;
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 2;
/// Rows that are held in memory at a time.
const ROWS_AT_A_TIME: usize = 65_536;

/// A line with its shares, as rows are made from it.
struct Line {
    id: String,
    charge: Charge,
    costs: Vec<Cost>,
}

/// Writes the shares of a bill's lines.
pub struct CostsWriter {
    file: MonthFile,
    month: Month,
    zone: Zone,
    currency: String,
    lines: Vec<Line>,
    rows: usize,
}

impl CostsWriter {
    /// Begins the file of a month in `folder`.
    ///
    /// Errors: [`PublishError`].
    pub fn begin(bill: &Bill, terms: &BillTerms<'_>, folder: &Path) -> Result<Self, PublishError> {
        let currency = &terms.catalogue.currency;
        let none = batch(&[], (bill.month, bill.zone), currency)?;
        let (schema, footer) = ((none.schema(), COSTS_SCHEMA), footer(bill, terms));
        Ok(CostsWriter {
            file: MonthFile::create(folder, schema, &footer, SORTED_COLUMNS)?,
            month: bill.month,
            zone: bill.zone,
            currency: currency.clone(),
            lines: Vec::new(),
            rows: 0,
        })
    }

    /// Adds the shares of a line; lines come in the order of the bill.
    ///
    /// Errors: [`PublishError`].
    pub fn add(&mut self, charge: &Charge, costs: Vec<Cost>) -> Result<(), PublishError> {
        self.rows += costs.len();
        self.lines.push(Line {
            id: charge.id(),
            charge: charge.clone(),
            costs,
        });
        match ROWS_AT_A_TIME <= self.rows {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), PublishError> {
        let batch = batch(&self.lines, (self.month, self.zone), &self.currency)?;
        self.file.write(&batch)?;
        self.lines.clear();
        self.rows = 0;
        Ok(())
    }

    /// Ends the file.
    ///
    /// Errors: [`PublishError`].
    pub fn finish(mut self) -> Result<(), PublishError> {
        self.flush()?;
        self.file.finish()
    }
}

/// The columns of the dataset, with the rows of these lines.
fn batch(
    lines: &[Line],
    (month, zone): (Month, Zone),
    currency: &str,
) -> Result<RecordBatch, PublishError> {
    let rows = lines.iter();
    let rows = rows.flat_map(|line| line.costs.iter().map(move |cost| (line, cost)));
    let rows: Vec<(&Line, &Cost)> = rows.collect();
    let of_line =
        |of: for<'a> fn(&'a Line) -> &'a str| texts(rows.iter().map(|(line, _)| of(line)));
    let of_cost =
        |of: for<'a> fn(&'a Cost) -> &'a str| texts(rows.iter().map(|(_, cost)| of(cost)));
    let corrects = rows.iter().map(|(line, _)| line.charge.corrects);
    let corrects: Vec<String> = corrects
        .map(|month| month.map_or_else(String::new, |of| of.to_string()))
        .collect();
    let periods = || rows.iter().map(|(line, _)| line.charge.period(zone));
    let micros = |end: Timestamp| end.as_unix_secs() * MICROS_PER_SEC;
    let number = |of: fn(&Cost) -> Decimal, places: u32| -> Result<ArrayRef, PublishError> {
        let numbers = rows
            .iter()
            .map(|(_, cost)| Amount::new(of(cost)).scaled(places));
        let numbers: Vec<i128> = numbers.collect::<Result<_, Inexact>>()?;
        decimals(numbers.into_iter(), places as i8)
    };
    batch_of(vec![
        (
            "billing_month",
            dates(rows.iter().map(|_| month.first_day())),
        ),
        ("account", of_line(|line| &line.charge.account)),
        ("charge_id", of_line(|line| &line.id)),
        ("item", of_line(|line| line.charge.item.name())),
        ("domain", of_cost(|cost| &cost.domain)),
        ("class", of_cost(|cost| cost.class.name())),
        ("region", of_cost(|cost| cost.region.name())),
        (
            "zone",
            of_line(|line| line.charge.zone.map_or("", Region::name)),
        ),
        ("corrects", texts(corrects.iter().map(String::as_str))),
        ("period_start", times(periods().map(|of| micros(of.start)))),
        ("period_end", times(periods().map(|of| micros(of.end)))),
        (
            "metered_bytes",
            sums(rows.iter().map(|(_, cost)| cost.bytes))?,
        ),
        ("quantity", number(|cost| cost.quantity, EXACT_PLACES)?),
        ("unit", of_line(|line| line.charge.item.unit())),
        (
            "package_gigabytes",
            number(|cost| cost.package_gigabytes, EXACT_PLACES)?,
        ),
        ("amount", number(|cost| cost.amount, AMOUNT_PLACES)?),
        ("currency", texts(rows.iter().map(|_| currency))),
    ])
}

/// Reads a month of `costs` back, line by line in the order of its bill; shares that are not those of the
/// bill are refused.
pub struct CostsReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    batch: Option<RecordBatch>,
    at: usize,
}

impl CostsReader {
    /// Begins to read the month in `folder`.
    ///
    /// Errors: [`PublishError`], `Frozen` where its file is not what we write.
    pub fn begin(folder: &Path) -> Result<Self, PublishError> {
        let path = folder.join(MonthFile::NAME);
        let frozen = |problem: String| PublishError::Frozen {
            path: path.clone(),
            problem,
        };
        let file = File::open(&path).map_err(|error| frozen(error.to_string()))?;
        let builder = ParquetRecordBatchReaderBuilder::try_new(file);
        let builder = builder.map_err(|error| frozen(error.to_string()))?;
        let batches = builder.build().map_err(|error| frozen(error.to_string()))?;
        Ok(CostsReader {
            path,
            batches,
            batch: None,
            at: 0,
        })
    }

    /// The shares of a line; lines are asked for in the order of the bill.
    ///
    /// Errors: [`PublishError`], `Frozen` where they do not add up to the line.
    pub fn of(&mut self, charge: &Charge) -> Result<Vec<Cost>, PublishError> {
        let (id, mut costs) = (charge.id(), Vec::new());
        while self.has_row()? {
            let Some(batch) = &self.batch else { break };
            let columns = Columns::of(batch);
            let columns = columns.ok_or_else(|| self.frozen("a column is missing"))?;
            while self.at < batch.num_rows() && columns.is_of(self.at, &charge.account, &id) {
                let cost = columns.cost(self.at);
                costs.push(cost.ok_or_else(|| self.frozen("a value is none of ours"))?);
                self.at += 1;
            }
            if self.at < batch.num_rows() {
                break;
            }
        }
        let bytes: i128 = costs.iter().map(|cost| cost.bytes).sum();
        let amount = add_exactly(costs.iter().map(|cost| cost.amount))?;
        if (bytes, amount) != (charge.bytes, charge.detail) {
            let problem = format!(
                "the shares of {id} do not add up to it: {bytes} B and {} of {} B and {}",
                amount.normalize(),
                charge.bytes,
                charge.detail.normalize()
            );
            return Err(self.frozen(&problem));
        }
        Ok(costs)
    }

    /// Ends the reading, after all lines of the bill.
    ///
    /// Errors: [`PublishError`], `Frozen` where rows are left, which are of no line.
    pub fn finish(mut self) -> Result<(), PublishError> {
        match self.has_row()? {
            true => Err(self.frozen("it has shares of no line of the bill")),
            false => Ok(()),
        }
    }

    /// Whether there is one more row, of this batch or the next.
    fn has_row(&mut self) -> Result<bool, PublishError> {
        while self
            .batch
            .as_ref()
            .is_none_or(|batch| batch.num_rows() <= self.at)
        {
            match self.batches.next() {
                None => return Ok(false),
                Some(batch) => self.batch = Some(batch?),
            }
            self.at = 0;
        }
        Ok(true)
    }

    fn frozen(&self, problem: &str) -> PublishError {
        PublishError::Frozen {
            path: self.path.clone(),
            problem: problem.to_owned(),
        }
    }
}

struct Columns<'a> {
    account: &'a StringArray,
    id: &'a StringArray,
    domain: &'a StringArray,
    class: &'a StringArray,
    region: &'a StringArray,
    bytes: &'a PrimitiveArray<Int64Type>,
    /// Quantity, what was taken of packages, amount.
    numbers: [&'a Decimal128Array; 3],
}

impl<'a> Columns<'a> {
    fn of(batch: &'a RecordBatch) -> Option<Self> {
        let number = |name| -> Option<&'a Decimal128Array> {
            batch
                .column_by_name(name)?
                .as_primitive_opt::<Decimal128Type>()
        };
        Some(Columns {
            account: text_column(batch, "account")?,
            id: text_column(batch, "charge_id")?,
            domain: text_column(batch, "domain")?,
            class: text_column(batch, "class")?,
            region: text_column(batch, "region")?,
            bytes: numbers(batch, "metered_bytes")?,
            numbers: [
                number("quantity")?,
                number("package_gigabytes")?,
                number("amount")?,
            ],
        })
    }

    fn is_of(&self, at: usize, account: &str, id: &str) -> bool {
        self.account.value(at) == account && self.id.value(at) == id
    }

    fn cost(&self, at: usize) -> Option<Cost> {
        let [quantity, package_gigabytes, amount] = self.numbers;
        Some(Cost {
            domain: self.domain.value(at).to_owned(),
            class: Class::by_name(self.class.value(at))?,
            region: Region::by_name(self.region.value(at))?,
            bytes: self.bytes.value(at).into(),
            quantity: decimal(quantity, at)?,
            package_gigabytes: decimal(package_gigabytes, at)?,
            amount: decimal(amount, at)?,
        })
    }
}

/// Corrected month, domain and class.
type Key = (Option<Month>, String, Class);

/// What domains cost in a month, by account.
#[derive(Debug, Default)]
pub struct CostSums {
    of: BTreeMap<String, BTreeMap<Key, CostSum>>,
}

/// What a domain costs.
#[derive(Clone, Debug, Default)]
pub struct CostSum {
    /// Money, 8 places.
    pub amount: Decimal,
    /// What it took of packages.
    pub package_gigabytes: Decimal,
}

impl CostSums {
    /// Adds the shares of a line.
    ///
    /// Errors: [`Inexact`].
    pub fn add(&mut self, charge: &Charge, costs: &[Cost]) -> Result<(), Inexact> {
        if !self.of.contains_key(&charge.account) {
            self.of.insert(charge.account.clone(), BTreeMap::new());
        }
        let Some(of_account) = self.of.get_mut(&charge.account) else {
            return Ok(());
        };
        for cost in costs {
            let key = (charge.corrects, cost.domain.clone(), cost.class);
            let sum = of_account.entry(key).or_default();
            sum.amount = add_exactly([sum.amount, cost.amount])?;
            let packages = [sum.package_gigabytes, cost.package_gigabytes];
            sum.package_gigabytes = add_exactly(packages)?;
        }
        Ok(())
    }

    /// The domains of an account: month that is corrected, name, class, and what it costs.
    pub fn of_account(
        &self,
        account: &str,
    ) -> impl Iterator<Item = (Option<Month>, &str, Class, &CostSum)> {
        let domains = self.of.get(account).into_iter().flatten();
        domains.map(|((corrects, domain, class), sum)| (*corrects, &domain[..], *class, sum))
    }
}
