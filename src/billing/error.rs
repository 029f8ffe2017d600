//! Why a month cannot be billed.

use super::catalogue::CatalogueError;
use super::exact::Inexact;
use crate::meter::Overflow;
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
    /// We are wrong.
    #[error(transparent)]
    Broken(#[from] Broken),
}
