//! What a closed month was billed by, as it is kept with it.

use std::fs;
use std::path::Path;

use super::error::MonthError;
use super::prices::Prices;
use crate::billing::packages::{Packages, Shortfall};
use crate::billing::{
    AccountBill, Assumed, Bill, Catalogue, ExtrasDigests, StandardMode, Unpriced,
};
use crate::disk::DurableFile;
use crate::registry::Class;
use crate::report::{AssumedReport, Notes, PublishError, read_charges};
use crate::store::{Close, Store};
use crate::units::Factor;

/// Files of a closed month that say by what it was priced.
const CATALOGUE: &str = "catalogue.toml";
const MODE: &str = "standard-mode";
const SHORTFALL: &str = "package-shortfall";
const EVENTS: &str = "events-digest";
const SERVICES: &str = "services-digest";
const UNPRICED: &str = "unpriced.json";
/// Months that were closed before it was kept have none.
const NOTES: &str = "notes.json";

/// What a closed month was billed by.
#[derive(Debug)]
pub struct FrozenPrices {
    /// Its prices.
    pub prices: Prices,
    /// What was billed besides usage.
    pub extras: ExtrasDigests,
    unpriced: Vec<Unpriced>,
    /// `None` where they were not kept yet.
    pub(super) notes: Option<Notes>,
}

impl FrozenPrices {
    /// `None` where the month was closed without a bill.
    pub fn read(store: &Store, close: &Close) -> Result<Option<Self>, MonthError> {
        if close.terms.catalogue_digest.is_none() {
            return Ok(None);
        }
        let folder = store.closed_folder(close.terms.month, "catalogue")?;
        let damaged = |name: &str, problem: String| PublishError::Frozen {
            path: folder.join(name),
            problem,
        };
        let text = |name: &str| {
            let text = fs::read_to_string(folder.join(name));
            text.map_err(|error| damaged(name, error.to_string()))
        };
        let unknown = |name| damaged(name, "nothing has this name".to_owned());
        let factor = |text: &str| text.parse::<Factor>().map_err(MonthError::Factor);
        let origin = format!("catalogue of {}", close.terms.month);
        let mode = StandardMode::by_name(text(MODE)?.trim());
        let shortfall = Shortfall::by_name(text(SHORTFALL)?.trim());
        let prices = Prices {
            catalogue: Catalogue::parse_frozen(&text(CATALOGUE)?, &origin)?,
            mode: mode.ok_or_else(|| unknown(MODE))?,
            overhead: factor(&close.terms.overhead_factor)?,
            sampling: factor(&close.terms.sampling_factor)?,
            shortfall: shortfall.ok_or_else(|| unknown(SHORTFALL))?,
        };
        let notes = match folder.join(NOTES).try_exists()? {
            false => None,
            true => Some(
                serde_json::from_str(&text(NOTES)?)
                    .map_err(|error| damaged(NOTES, error.to_string()))?,
            ),
        };
        let unpriced: Vec<(String, String, u64)> = serde_json::from_str(&text(UNPRICED)?)
            .map_err(|error| damaged(UNPRICED, error.to_string()))?;
        let unpriced = unpriced.into_iter().map(|(account, class, bytes)| {
            let class = Class::by_name(&class).ok_or_else(|| unknown(UNPRICED))?;
            Ok(Unpriced::new(&account, class, bytes))
        });
        let unpriced = unpriced.collect::<Result<Vec<_>, PublishError>>()?;
        Ok(Some(FrozenPrices {
            prices,
            extras: ExtrasDigests {
                events: text(EVENTS)?,
                services: text(SERVICES)?,
            },
            unpriced: unpriced.into_iter().flatten().collect(),
            notes,
        }))
    }

    /// What its notes say of usage that was priced as that of a zone.
    pub(super) fn assumed(&self) -> impl Iterator<Item = Assumed> {
        let notes = self.notes.iter();
        let told = notes.flat_map(|notes| &notes.assumed_regions);
        told.filter_map(AssumedReport::assumed)
    }

    /// The bill that was frozen.
    pub fn bill(&self, store: &Store, close: &Close) -> Result<Bill, MonthError> {
        let (month, zone) = (close.terms.month, close.terms.zone);
        let billed = read_charges(&store.closed_folder(month, "charges")?, zone)?;
        let mut adjustments = billed.adjustments.into_iter().peekable();
        let mut accounts = Vec::new();
        for charges in billed.charges.chunk_by(|a, b| a.account == b.account) {
            let account = charges[0].account.clone();
            let adjustment = adjustments.next_if(|(of, _)| *of == account);
            let adjustment = adjustment
                .map(|(_, adjustment)| adjustment)
                .unwrap_or_default();
            accounts.push(AccountBill::settled(account, charges.to_vec(), adjustment)?);
        }
        Ok(Bill {
            month,
            zone,
            unpriced: self.unpriced.clone(),
            accounts,
            // Kept as notes.
            unlicensed: Vec::new(),
            assumed: Vec::new(),
            packages: Packages::default(),
            transcoding_packages: Vec::new(),
        })
    }
}

/// Keeps in `folder` what a month is priced by, what of it has no price, and its notes; `extras` is what
/// was billed besides usage.
pub(super) fn freeze_prices(
    prices: &Prices,
    (bill, notes): (&Bill, &Notes),
    extras: &ExtrasDigests,
    folder: &Path,
) -> Result<(), MonthError> {
    let unpriced = bill.unpriced.iter();
    let unpriced = unpriced.map(|of| (&of.account, of.class.name(), of.bytes));
    let unpriced = serde_json::to_string(&unpriced.collect::<Vec<_>>());
    let notes = serde_json::to_string(notes).map_err(MonthError::Json)?;
    let texts = [
        (UNPRICED, &unpriced.map_err(MonthError::Json)?[..]),
        (NOTES, &notes),
        (CATALOGUE, prices.catalogue.text()),
        (MODE, prices.mode.name()),
        (SHORTFALL, prices.shortfall.name()),
        (EVENTS, &extras.events),
        (SERVICES, &extras.services),
    ];
    for (name, text) in texts {
        DurableFile::keep((folder, name), text.as_bytes()).map_err(|error| error.source)?;
    }
    Ok(())
}
