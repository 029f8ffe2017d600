//! Why a month cannot be billed.

use super::catalogue::CatalogueError;
use super::exact::Inexact;
use crate::meter::Overflow;
use crate::units::Month;
use crate::units::invariant::Broken;

/// Why a month cannot be billed. Nothing of the bill is published.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BillingError {
    /// The catalogue is refused, or does not price what was used.
    #[error(transparent)]
    Catalogue(#[from] CatalogueError),
    /// A number cannot be kept exactly.
    #[error(transparent)]
    Inexact(#[from] Inexact),
    /// A sum of bytes is too large.
    #[error(transparent)]
    Overflow(#[from] Overflow),
    /// Amounts of two currencies would be added.
    #[error(
        "the bill of {month} is in {currency}, and what corrects {corrected} in it is in {other}; currencies \
         are never added: bill {month} by a catalogue in {other}, or say --new-currency if {currency} is meant; \
         what corrects {corrected} waits then for a bill in {other}"
    )]
    Currency {
        /// The month of the bill.
        month: Month,
        /// The currency of its catalogue.
        currency: String,
        /// The month that is corrected.
        corrected: Month,
        /// The currency in which that was billed.
        other: String,
    },
    /// A fee is in another currency than the bill that it is on.
    #[error(
        "{place}: the fee is in {fee}, and the catalogue {catalogue} that it is billed by in {currency}; currencies \
         are never added: use a catalogue in {fee} with --catalogue, or state the fee in {currency}"
    )]
    FeeCurrency {
        /// File and line of the purchase.
        place: String,
        /// The currency of the fee.
        fee: String,
        /// The name of the catalogue.
        catalogue: String,
        /// Its currency.
        currency: String,
    },
    /// A closed month would be priced in another currency than it was billed in.
    #[error(
        "{month} was billed in {billed}, and would be priced in {currency}; currencies are never added: give a \
         catalogue in {billed} with --catalogue, or leave --rerate out"
    )]
    Rerated {
        /// The closed month.
        month: Month,
        /// The currency in which it was billed.
        billed: String,
        /// The currency of the other catalogue.
        currency: String,
    },
    /// We are wrong.
    #[error(transparent)]
    Broken(#[from] Broken),
}
