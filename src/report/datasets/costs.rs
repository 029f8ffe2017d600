//! The dataset `costs`: what of each line of a bill each domain made, and what it costs.
//!
//! One row per line of the bill that traffic made, domain, class and region, in the order of `charges`. The
//! rows of a `charge_id` add up to the line of `charges` of that name: its bytes, quantity and amount. How
//! a line is split is said in `billing/costs.rs`.

use std::collections::BTreeMap;
use std::fs::File;
use std::iter::Peekable;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use parquet::arrow::arrow_reader::{ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use rust_decimal::Decimal;

use super::super::dataset::PublishError;
use super::charges::{AMOUNT_PLACES, EXACT_PLACES};
use super::parquet_file::{FileForm, Footer, MonthFile};
use super::table::{DatasetColumn, MICROS_PER_SEC, batch, count, owned, rows, schema};
use crate::billing::{Bill, BillTerms, Charge, Cost, Inexact, add_exactly};
use crate::registry::Class;
use crate::units::{Month, Region, Timestamp, Zone};

/// Name and version of the schema of costs.
pub const COSTS_SCHEMA: &str = "costs/1";
/// Columns by which the rows ascend.
const SORTED_COLUMNS: i32 = 2;
/// Rows that are held in memory at a time.
const ROWS_AT_A_TIME: usize = 65_536;

/// A share of a line, as the dataset holds it; times in microseconds.
#[derive(Clone)]
struct ShareRow {
    month: i32,
    account: Arc<str>,
    id: Arc<str>,
    item: &'static str,
    zone: &'static str,
    corrects: Arc<str>,
    period_start: i64,
    period_end: i64,
    unit: &'static str,
    currency: Arc<str>,
    cost: Cost,
}

impl Default for ShareRow {
    fn default() -> Self {
        ShareRow {
            month: 0,
            account: "".into(),
            id: "".into(),
            item: "",
            zone: "",
            corrects: "".into(),
            period_start: 0,
            period_end: 0,
            unit: "",
            currency: "".into(),
            cost: Cost {
                domain: String::new(),
                class: Class::Unknown,
                region: Region::Unknown,
                bytes: 0,
                quantity: Decimal::ZERO,
                package_gigabytes: Decimal::ZERO,
                amount: Decimal::ZERO,
            },
        }
    }
}

type Of = DatasetColumn<'static, ShareRow>;

/// The columns; what tells which line a share is of, and the share itself, is read back.
fn columns() -> Vec<Of> {
    vec![
        Of::day("billing_month", |row| row.month),
        Of::text("account", |row| &row.account)
            .text_to(|row| &mut row.account, |text| Some(text.into())),
        Of::text("charge_id", |row| &row.id).text_to(|row| &mut row.id, |text| Some(text.into())),
        Of::text("item", |row| row.item),
        Of::text("domain", |row| &row.cost.domain).text_to(|row| &mut row.cost.domain, owned),
        Of::text("class", |row| row.cost.class.name())
            .text_to(|row| &mut row.cost.class, Class::by_name),
        Of::text("region", |row| row.cost.region.name())
            .text_to(|row| &mut row.cost.region, Region::by_name),
        Of::text("zone", |row| row.zone),
        Of::text("corrects", |row| &row.corrects),
        Of::instant("period_start", |row| row.period_start),
        Of::instant("period_end", |row| row.period_end),
        Of::sum("metered_bytes", |row| row.cost.bytes).sum_to(|row| &mut row.cost.bytes, count),
        Of::number("quantity", EXACT_PLACES, |row| row.cost.quantity)
            .number_to(|row| &mut row.cost.quantity, Some),
        Of::text("unit", |row| row.unit),
        Of::number("package_gigabytes", EXACT_PLACES, |row| {
            row.cost.package_gigabytes
        })
        .number_to(|row| &mut row.cost.package_gigabytes, Some),
        Of::number("amount", AMOUNT_PLACES, |row| row.cost.amount)
            .number_to(|row| &mut row.cost.amount, Some),
        Of::text("currency", |row| &row.currency),
    ]
}

/// Writes the shares of a bill's lines.
pub struct CostsWriter {
    file: MonthFile,
    columns: Vec<Of>,
    month: Month,
    zone: Zone,
    currency: Arc<str>,
    rows: Vec<ShareRow>,
}

impl CostsWriter {
    /// Begins the file of a month in `folder`.
    ///
    /// Errors: [`PublishError`].
    pub fn begin(bill: &Bill, terms: &BillTerms<'_>, folder: &Path) -> Result<Self, PublishError> {
        let columns = columns();
        let form = FileForm {
            name: COSTS_SCHEMA,
            schema: schema(&columns)?,
            sorted_columns: SORTED_COLUMNS,
        };
        Ok(CostsWriter {
            file: MonthFile::create(folder, &form, &Footer::of_bill(bill, terms))?,
            columns,
            month: bill.month,
            zone: bill.zone,
            currency: terms.catalogue.currency[..].into(),
            rows: Vec::new(),
        })
    }

    /// Adds the shares of a line; lines come in the order of the bill.
    ///
    /// Errors: [`PublishError`].
    pub fn add(&mut self, charge: &Charge, costs: Vec<Cost>) -> Result<(), PublishError> {
        let micros = |end: Timestamp| end.as_unix_secs() * MICROS_PER_SEC;
        let period = charge.period(self.zone);
        let corrects = charge.corrects.map(|month| month.to_string());
        let line = ShareRow {
            month: self.month.first_day(),
            account: charge.account[..].into(),
            id: charge.id().into(),
            item: charge.item.name(),
            zone: charge.zone.map_or("", Region::name),
            corrects: corrects.unwrap_or_default().into(),
            period_start: micros(period.start),
            period_end: micros(period.end),
            unit: charge.item.unit(),
            currency: Arc::clone(&self.currency),
            ..ShareRow::default()
        };
        let share = |cost| ShareRow {
            cost,
            ..line.clone()
        };
        self.rows.extend(costs.into_iter().map(share));
        match ROWS_AT_A_TIME <= self.rows.len() {
            true => self.flush(),
            false => Ok(()),
        }
    }

    fn flush(&mut self) -> Result<(), PublishError> {
        self.file.write(&batch(&self.columns, &self.rows)?)?;
        self.rows.clear();
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

/// Reads a month of `costs` back, line by line in the order of its bill; shares that are not those of the
/// bill are refused.
pub struct CostsReader {
    path: PathBuf,
    batches: ParquetRecordBatchReader,
    columns: Vec<Of>,
    rows: Peekable<vec::IntoIter<ShareRow>>,
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
            columns: columns(),
            rows: Vec::new().into_iter().peekable(),
        })
    }

    /// The shares of a line; lines are asked for in the order of the bill.
    ///
    /// Errors: [`PublishError`], `Frozen` where they do not add up to the line.
    pub fn of(&mut self, charge: &Charge) -> Result<Vec<Cost>, PublishError> {
        let (id, mut costs) = (charge.id(), Vec::new());
        let is_of = |row: &ShareRow| *row.account == charge.account && *row.id == id;
        while self.has_row()? {
            match self.rows.next_if(is_of) {
                Some(row) => costs.push(row.cost),
                None => break,
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
        while self.rows.peek().is_none() {
            let Some(batch) = self.batches.next() else {
                return Ok(false);
            };
            let rows = rows(&self.columns, &batch?, &ShareRow::default());
            let rows = rows.map_err(|problem| self.frozen(problem))?;
            self.rows = rows.into_iter().peekable();
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

/// Corrected month, domain and class.
type CostKey = (Option<Month>, String, Class);

/// What domains cost in a month, by account.
#[derive(Debug, Default)]
pub struct CostSums {
    of: BTreeMap<String, BTreeMap<CostKey, CostSum>>,
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
