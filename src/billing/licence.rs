//! Plugin licences: for how long what was bought lets an AppID be used.
//!
//! Pure: purchases in, terms out. Instants are half-open ranges; a year is a calendar year by the
//! billing clock, at the time of day of the first purchase of a row (SILENT in R02: no source gives the
//! time of day of an expiry).

use std::collections::BTreeMap;
use std::ops::Range;

use jiff::civil::{self, DateTime};
use rust_decimal::Decimal;

use crate::units::{Timestamp, Zone};

/// What the plugin was when its licence was bought (R07).
#[derive(Clone, Copy, Debug, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PluginState {
    /// 待审核: nobody can pay yet.
    UnderReview,
    /// 待付款.
    PendingPayment,
    /// 可用.
    Active,
    /// 已过期.
    Expired,
}

impl PluginState {
    /// The name in files and messages.
    pub const fn name(self) -> &'static str {
        match self {
            PluginState::UnderReview => "under-review",
            PluginState::PendingPayment => "pending-payment",
            PluginState::Active => "active",
            PluginState::Expired => "expired",
        }
    }
}

/// A licence that was bought. It binds one AppID (R03), so there is room for one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Purchase {
    /// Who bought it.
    pub account: String,
    /// What it binds.
    pub app_id: String,
    /// When.
    pub at: Timestamp,
    /// What the plugin was then.
    pub state: PluginState,
    /// A validity of its own instead of a year: what was left of the beta (R08), or a month that was free.
    pub until: Option<Timestamp>,
}

impl Purchase {
    /// What it cost, where no catalogue has to be asked: as it was stated, or nothing where it has a validity
    /// of its own.
    pub fn fee(&self, stated: Option<Decimal>) -> Option<Decimal> {
        match self.until {
            None => stated,
            Some(_) => Some(stated.unwrap_or_default()),
        }
    }
}

/// Choices where sources are silent, or have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LicenceRules {
    /// The billing clock.
    pub zone: Zone,
    /// When a year from 29 February ends (SILENT in R02).
    pub leap_day: LeapDay,
    /// Whether two accounts may hold licences of one AppID (R06: the seed allows it, later texts do not).
    pub may_share_app_id: bool,
}

/// When a year from 29 February ends.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum LeapDay {
    /// On 28 February.
    #[default]
    Clamp,
    /// On 1 March.
    March,
}

/// A time in which an AppID is licensed without a break.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Term {
    /// Who holds it.
    pub account: String,
    /// What is licensed.
    pub app_id: String,
    /// From when.
    pub from: Timestamp,
    /// Until when, exclusive.
    pub until: Timestamp,
    /// The licences that follow on in it.
    pub licences: u32,
    /// When each of them was bought, and for when it is, in order: where it follows on, from the end of the
    /// one before.
    pub each: Vec<(Timestamp, Range<Timestamp>)>,
}

/// Why purchases are refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum LicenceError {
    /// Nobody can buy in this state.
    #[error(
        "account {account} cannot have bought a licence for {app_id} while its plugin was {}: it can be \
         pending-payment, active or expired (R07)", state.name()
    )]
    State {
        /// The account.
        account: String,
        /// The AppID.
        app_id: String,
        /// The state.
        state: PluginState,
    },
    /// Two accounts hold the same AppID.
    #[error("{app_id} is licensed by {first} and by {second}, which these rules forbid (R06)")]
    Shared {
        /// The AppID.
        app_id: String,
        /// The account that was first.
        first: String,
        /// The other one.
        second: String,
    },
    /// A licence binds no AppID.
    #[error("a licence of account {account} names no AppID; it binds exactly one (R03)")]
    NoAppId {
        /// The account.
        account: String,
    },
    /// A term would end after 2099.
    #[error("the licences of {app_id} run beyond the year 2099")]
    TooLong {
        /// The AppID.
        app_id: String,
    },
}

/// The terms of all purchases, by account, AppID and time; the order of `purchases` makes no
/// difference.
///
/// Errors: [`LicenceError`].
pub fn terms(purchases: &[Purchase], rules: &LicenceRules) -> Result<Vec<Term>, LicenceError> {
    let mut of_plugin: BTreeMap<(&str, &str), Vec<Bought>> = BTreeMap::new();
    for purchase in purchases {
        check(purchase)?;
        let key = (&purchase.account[..], &purchase.app_id[..]);
        let bought = (purchase.at, purchase.until);
        of_plugin.entry(key).or_default().push(bought);
    }
    if !rules.may_share_app_id {
        refuse_shared(&of_plugin)?;
    }
    let mut terms: Vec<Term> = Vec::new();
    for ((account, app_id), mut bought) in of_plugin {
        bought.sort_unstable();
        let spans = follow_on(&bought, rules).ok_or_else(|| LicenceError::TooLong {
            app_id: app_id.to_owned(),
        })?;
        terms.extend(spans.into_iter().map(|span| Term {
            account: account.to_owned(),
            app_id: app_id.to_owned(),
            from: span.from,
            until: span.until,
            licences: span.licences,
            each: span.each,
        }));
    }
    Ok(terms)
}

/// When a licence was bought, and its validity if it is not a year.
type Bought = (Timestamp, Option<Timestamp>);

/// Licences that follow on.
struct Span {
    from: Timestamp,
    until: Timestamp,
    licences: u32,
    /// From when on years are counted, and how many.
    years: (Timestamp, u32),
    /// When each was bought, and for when.
    each: Vec<(Timestamp, Range<Timestamp>)>,
}

/// The spans of one plugin's licences, which are in order; `None` where one ends beyond all time.
///
/// What is bought up to the expiry follows on (R04); after it, it begins anew (R05). Years are counted
/// from where they begin, so that a leap day that was clamped once is not lost for good.
fn follow_on(bought: &[Bought], rules: &LicenceRules) -> Option<Vec<Span>> {
    let mut spans: Vec<Span> = Vec::new();
    for (at, until) in bought {
        if spans.last().is_none_or(|last| last.until < *at) {
            spans.push(Span {
                from: *at,
                until: *at,
                licences: 0,
                years: (*at, 0),
                each: Vec::new(),
            });
        }
        let span = spans.last_mut()?;
        span.licences += 1;
        let valid = match until {
            None => {
                let from = span.until;
                span.years.1 += 1;
                span.until = years_after(span.years.0, span.years.1, rules)?;
                from..span.until
            }
            Some(until) => {
                span.until = span.until.max(*until);
                span.years = (span.until, 0);
                *at..*until
            }
        };
        span.each.push((*at, valid));
    }
    Some(spans)
}

/// Whether an AppID is licensed at an instant, by any account (R09: its traffic is billed anyway).
pub fn is_licensed(terms: &[Term], app_id: &str, at: Timestamp) -> bool {
    let holds = |term: &Term| term.app_id == app_id && (term.from..term.until).contains(&at);
    terms.iter().any(holds)
}

fn check(purchase: &Purchase) -> Result<(), LicenceError> {
    if purchase.app_id.is_empty() {
        return Err(LicenceError::NoAppId {
            account: purchase.account.clone(),
        });
    }
    match purchase.state {
        PluginState::PendingPayment | PluginState::Active | PluginState::Expired => Ok(()),
        PluginState::UnderReview => Err(LicenceError::State {
            account: purchase.account.clone(),
            app_id: purchase.app_id.clone(),
            state: purchase.state,
        }),
    }
}

fn refuse_shared(of_plugin: &BTreeMap<(&str, &str), Vec<Bought>>) -> Result<(), LicenceError> {
    let mut holders: BTreeMap<&str, &str> = BTreeMap::new();
    for (account, app_id) in of_plugin.keys() {
        if let Some(first) = holders.insert(app_id, account) {
            return Err(LicenceError::Shared {
                app_id: (*app_id).to_owned(),
                first: first.to_owned(),
                second: (*account).to_owned(),
            });
        }
    }
    Ok(())
}

/// So many calendar years after an instant, at the same time of day.
fn years_after(from: Timestamp, years: u32, rules: &LicenceRules) -> Option<Timestamp> {
    let local_secs = from.as_unix_secs() + i64::from(rules.zone.offset_secs());
    let epoch = civil::date(1970, 1, 1).to_datetime(civil::Time::MIN);
    let local: DateTime = epoch + jiff::Span::new().seconds(local_secs);
    let end = local
        .checked_add(jiff::Span::new().years(i64::from(years)))
        .ok()?;
    let is_clamped = end.day() != local.day();
    let end = match (rules.leap_day, is_clamped) {
        (LeapDay::March, true) => end.checked_add(jiff::Span::new().days(1)).ok()?,
        _ => end,
    };
    Timestamp::from_unix_secs(rules.zone.instant(end))
}

#[cfg(test)]
mod tests;
