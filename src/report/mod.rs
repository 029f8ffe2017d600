//! What leaves the program: Parquet datasets, the terminal's tables, the JSON report.
//!
//! Owns: schemas, file layout, publishing, wording of tables. One file per exporter.
//! Does not own: any figure; it only shows what `summary` and `ingest` worked out.
//!
//! Invariants: what a command publishes is published whole or not at all; schemas only grow at the end, and their
//! version stands in every file's footer.

mod bill;
mod build;
mod cell;
mod charges_csv;
mod comparison;
mod dataset;
mod datasets;
mod focus;
mod folded;
mod folders;
mod json;
mod made_of;
mod month;
mod notes;
mod origin;
mod plan;
mod publish;
mod standing;
mod statement;
mod terminal;

pub use bill::{BillReport, print_bill};
pub use build::{Build, Building};
pub use charges_csv::write_charges_csv;
pub use comparison::{Comparison, print_comparison};
pub use dataset::{Dataset, PublishError};
pub use datasets::{
    ADJUSTMENTS_SCHEMA, Billed, CHARGES_SCHEMA, COSTS_SCHEMA, CostSum, CostSums, CostsReader,
    CostsWriter, Footer, PRECISION_ADJUSTMENT, ROWS_PER_FILE, SUMMARY_SCHEMA, USAGE_5MIN_SCHEMA,
    read_charges, read_summary, read_usage_5min, write_adjustments, write_charges,
    write_usage_5min,
};
pub use focus::{FocusTerms, FocusVersion, write_focus};
pub use folded::FoldedReport;
pub use folders::{QUARANTINE_FILE, is_dataset_name, is_name_in_out, mark_of_folder};
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
pub use plan::{Left, Publication, Removed};
pub use publish::{is_quarantine_stale, publish};
pub use statement::{
    STATEMENT_ACCOUNTS_MAX, STATEMENT_LINES_MAX, STATEMENT_MONTHS_MAX, STATEMENT_ROWS_MAX,
    Statement,
};
pub use terminal::{human_bytes, print_reconciliation, print_retried, print_run};
