//! What bills are worked out with.

use crate::billing::packages::Shortfall;
use crate::billing::{BillTerms, Catalogue, StandardMode};
use crate::units::Factor;

/// What bills are worked out with, owned.
#[derive(Clone, Debug)]
pub struct Prices {
    /// Prices and rules.
    pub catalogue: Catalogue,
    /// How the traffic of standard domains is settled.
    pub mode: StandardMode,
    /// Log-to-bill factor.
    pub overhead: Factor,
    /// Requests that each log line stands for.
    pub sampling: Factor,
    /// What is billed of a day that packages pay in part.
    pub shortfall: Shortfall,
}

impl Prices {
    /// The same, borrowed.
    pub fn terms(&self) -> BillTerms<'_> {
        BillTerms {
            catalogue: &self.catalogue,
            mode: self.mode,
            overhead: self.overhead,
            sampling: self.sampling,
            shortfall: self.shortfall,
        }
    }

    /// Whether both are in one currency.
    pub fn is_in_currency_of(&self, other: &Prices) -> bool {
        self.catalogue.currency == other.catalogue.currency
    }
}
