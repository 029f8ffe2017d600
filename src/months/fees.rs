//! What an account paid for licences, which may come back.

use rust_decimal::Decimal;

use super::error::MonthError;
use crate::billing::licence::{LeapDay, LicenceRules, terms};
use crate::billing::refund::Paid;
use crate::billing::{Catalogue, Events, Item};
use crate::units::{Region, Timestamp, Zone};

/// The licence fees that the account paid, each in its own currency; one that states none is in the catalogue's.
/// Purchases that cannot have been are refused (R07).
///
/// Errors: [`MonthError`].
pub fn fees_paid<'a>(
    account: &str,
    (events, catalogue): (&'a Events, &'a Catalogue),
    zone: Zone,
) -> Result<Vec<Paid<'a>>, MonthError> {
    let rules = LicenceRules {
        zone,
        leap_day: LeapDay::default(),
        may_share_app_id: true,
    };
    let purchases = events.licences.iter().map(|(bought, _)| bought.clone());
    terms(&purchases.collect::<Vec<_>>(), &rules)?;
    let mut paid = Vec::new();
    for (number, (bought, fee)) in events.licences.iter().enumerate() {
        if bought.account != account {
            continue;
        }
        let listed = |at: Timestamp| -> Result<Decimal, MonthError> {
            let day = at.slot().day(zone);
            let price = catalogue.price(Item::PluginLicence, Region::Mainland, day)?;
            Ok(price.tiers[0].price)
        };
        let mut stated = events.currencies.iter();
        let stated = stated.find(|of| of.licence == Some(number));
        paid.push(Paid {
            at: bought.at,
            fee: bought.fee(*fee).map_or_else(|| listed(bought.at), Ok)?,
            currency: stated.map_or(&catalogue.currency, |of| &of.code),
        });
    }
    Ok(paid)
}
