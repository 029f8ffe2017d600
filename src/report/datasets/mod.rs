//! The datasets, a file each: its columns, how they are written, and how a closed month of them is read back.
//!
//! A column is written down once, in the list of its dataset (`table.rs`): name, kind, what a row has in it, and what a
//! row gets of it where the dataset is read back. Schema, rows, readers and CSV (`report/charges_csv.rs`) all follow
//! from the list, so a new column is a line at the end of one. Only `usage_5min`, of which there are rows by the
//! million, fills its columns by hand. FOCUS, which has its columns from a specification, is an exporter
//! (`report/focus`).

mod adjustments;
mod charges;
mod costs;
mod parquet_file;
mod read;
mod summary;
mod table;
mod usage_5min;

pub use adjustments::{ADJUSTMENTS_SCHEMA, write_adjustments};
pub(super) use charges::each_batch_of_charges;
pub use charges::{Billed, CHARGES_SCHEMA, PRECISION_ADJUSTMENT, read_charges, write_charges};
pub use costs::{COSTS_SCHEMA, CostSum, CostSums, CostsReader, CostsWriter};
pub(super) use parquet_file::{FileForm, MonthFile};
pub use parquet_file::{Footer, ROWS_PER_FILE};
pub(super) use summary::write_summary;
pub use summary::{SUMMARY_SCHEMA, read_summary};
pub(super) use table::{MICROS_PER_SEC, utc_micros};
pub use usage_5min::{USAGE_5MIN_SCHEMA, read_usage_5min, write_usage_5min};
