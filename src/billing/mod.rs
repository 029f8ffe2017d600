//! From a month's usage to charges: catalogue, rating, and the only rounding.
//!
//! Owns: prices and rules with their dates and sources, reading what other meters counted, which usage pays which price, tiers, exact
//! amounts, what is rounded when, the bill of an account.
//! Does not own: usage and whose it is (`summary`), how a bill looks (`report`), the clock.
//!
//! Invariants: a charge is rounded once, and the lines of a bill add up to it (`PRICE-1`); nothing
//! is billed that cannot be billed exactly; amounts of two currencies are never added; what no catalogue
//! prices is told, never priced quietly (R23); the same usage, owners and catalogue give the same bill
//! (`MONTH-1`).

pub mod arrears;
mod assumed;
mod bandwidth;
mod bill;
mod bound;
mod catalogue;
mod charge;
mod correction;
mod costs;
mod differences;
mod error;
mod events;
mod exact;
mod extras;
mod flow;
pub mod licence;
mod licensed;
mod metered;
pub mod packages;
mod push;
pub mod refund;
mod review;
mod rules;
pub mod services;
mod services_file;
mod settle;
mod settled;
mod shares;
mod terms;
mod text;
mod tiers;
mod traffic;
pub mod transcoding;

pub use assumed::{assumed, assumed_since};
pub use bill::{AccountBill, Assumed, Besides, Bill, Unpriced, in_review};
pub use catalogue::{Catalogue, CatalogueError, DEFAULT, Item, SHIPPED};
pub use charge::{Charge, Cost, PricedBy, Status};
pub use correction::corrections;
pub use costs::{Makers, costs};
pub use differences::Differences;
pub use error::BillingError;
pub use events::{EVENTS_BYTES_MAX, Events, EventsError, FeeCurrency};
pub use exact::{
    Amount, DETAIL_PLACES, Inexact, PAYABLE_PLACES, QUANTITY_PLACES, apportion,
    product as multiply_exactly, total as add_exactly,
};
pub use extras::{Extras, ExtrasDigests};
pub use flow::packages_after;
pub use licensed::Unlicensed;
pub use rules::{rule, rules};
pub use services_file::{SERVICE_CSV_BYTES_MAX, SERVICE_RECORDS_MAX, ServicesError, read_services};
pub use settle::bill;
pub use settled::SettledOwners;
pub use shares::shares as divide;
pub use terms::{BillTerms, StandardMode};
pub use tiers::{Model, Tier};
pub use traffic::parts_of;

#[cfg(test)]
mod tests;
