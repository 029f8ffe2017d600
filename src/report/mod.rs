//! What leaves the program: Parquet datasets, the terminal's tables, the JSON report.
//!
//! Owns: schemas, file layout, publishing, wording of tables. One file per exporter.
//! Does not own: any figure; it only shows what `summary` and `ingest` worked out.
//!
//! Invariants: what a command publishes is published whole or not at all; schemas only grow at the end, and their
//! version stands in every file's footer.

mod adjustments;
mod bill;
mod billed;
mod build;
mod cell;
mod charges;
mod columns;
mod comparison;
mod costs;
mod dataset;
mod focus;
mod folded;
mod folders;
mod frozen;
mod json;
mod made_of;
mod month;
mod notes;
mod origin;
mod parquet_file;
mod plan;
mod publish;
mod services;
mod standing;
mod statement;
mod terminal;

pub use adjustments::{ADJUSTMENTS_SCHEMA, write_adjustments};
pub use bill::{BillReport, print_bill};
pub use billed::{Billed, read_charges};
pub use build::{Build, Building};
pub use charges::{CHARGES_SCHEMA, PRECISION_ADJUSTMENT, write_charges, write_charges_csv};
pub use columns::{SUMMARY_SCHEMA, USAGE_5MIN_SCHEMA};
pub use comparison::{Comparison, print_comparison};
pub use costs::{COSTS_SCHEMA, CostSum, CostSums, CostsReader, CostsWriter};
pub use dataset::{Dataset, PublishError};
pub use focus::{FocusTerms, FocusVersion, write_focus};
pub use folded::FoldedReport;
pub use folders::{QUARANTINE_FILE, is_dataset_name, is_name_in_out, mark_of_folder};
pub use frozen::{read_summary, read_usage_5min};
pub use json::{
    BytesReport, ClosedReport, FileReport, LinesReport, NotedReport, RetriedReport, RowReport,
    RunReport, SalvagedReport, SetAsideReport, UsageReport,
};
pub use month::{Terms, usage_digest, write_month};
pub use notes::{
    AssumedReport, LeftAloneReport, MendedReport, Notes, RejectedReport, RerateReport,
    WaitingReport, WithoutBytesReport,
};
pub use origin::{BilledBy, Origin};
pub use parquet_file::{Footer, ROWS_PER_FILE, write_usage_5min};
pub use plan::{Left, Publication, Removed};
pub use publish::{is_quarantine_stale, publish};
pub use services::{SERVICE_CSV_BYTES_MAX, SERVICE_RECORDS_MAX, ServicesError, read_services};
pub use statement::{
    STATEMENT_ACCOUNTS_MAX, STATEMENT_LINES_MAX, STATEMENT_MONTHS_MAX, STATEMENT_ROWS_MAX,
    Statement,
};
pub use terminal::{human_bytes, print_reconciliation, print_retried, print_run};
