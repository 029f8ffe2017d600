//! The event file: what an account bought, and how its balance went.
//!
//! ```toml
//! [[licence]]
//! account = "acct-live"
//! app_id = "wx0000000000000001"
//! at = "2026-05-18T10:00"          # by the billing clock, or an instant with its own zone
//! state = "pending-payment"        # of the plugin then: under-review, pending-payment, active, expired
//! fee = "30000"                    # optional: the catalogue's price of that day
//! currency = "CNY"                 # optional, of a fee: its ISO 4217 code, that of the catalogue if it is left out
//! until = "2026-09-01T00:00"       # optional: a validity of its own instead of a year, such as what was
//!                                  # left of the beta (R08) or a free month; it costs nothing without a fee
//!
//! [[package]]
//! account = "acct-live"
//! at = "2026-10-01T10:00"
//! gigabytes = 10000                # one of the sizes of the catalogue, if the fee is left out
//! fee = "0"                        # optional
//! currency = "CNY"                 # optional
//!
//! [[transcoding-package]]
//! account = "acct-live"
//! at = "2026-10-01T10:00"
//! kind = "standard"                # or "top-speed"
//! hours = 100                      # one of the sizes of the catalogue, if the fee is left out
//! fee = "0"                        # optional
//! currency = "CNY"                 # optional
//!
//! [[balance]]
//! account = "acct-live"
//! at = "2026-10-01T00:05+08:00"
//! amount = "-12.34"                # from then on; below zero is arrears, in whatever currency
//! ```
//!
//! A fee that says its currency is billed by a catalogue in that currency, and refused by others: amounts of two
//! currencies are never added. One that does not is in the currency of the catalogue that bills its month.

use std::path::{Path, PathBuf};

use rust_decimal::Decimal;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use toml::Spanned;

use super::arrears::Balance;
use super::catalogue::currency;
use super::exact::DETAIL_PLACES;
use super::licence::{PluginState, Purchase};
use super::{packages, text, transcoding};
use crate::disk::read_text_bounded;
use crate::units::{Timestamp, Zone, hex};

/// Largest event file, in bytes.
pub const EVENTS_BYTES_MAX: u64 = 16 << 20;

/// What happened, in the order of the file.
#[derive(Clone, Debug, Default)]
pub struct Events {
    /// Licences that were bought, each with its fee if the file states one.
    pub licences: Vec<(Purchase, Option<Decimal>)>,
    /// Traffic packages that were bought.
    pub packages: Vec<packages::Purchase>,
    /// Transcoding packages that were bought.
    pub transcoding: Vec<transcoding::Purchase>,
    /// Of fees, those that say their currency.
    pub currencies: Vec<FeeCurrency>,
    /// Balances, each with its account.
    pub balances: Vec<(String, Balance)>,
    /// SHA-256 of the file, in hexadecimal.
    pub digest: String,
}

/// The currency of a fee.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeeCurrency {
    /// Who pays it.
    pub account: String,
    /// When.
    pub at: Timestamp,
    /// Its ISO 4217 code.
    pub code: String,
    /// File and line of the purchase.
    pub place: String,
    /// Of a licence: its number among [`Events::licences`], from 0 on.
    pub licence: Option<usize>,
}

/// Why an event file is refused. Nothing of it is used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum EventsError {
    /// The file cannot be read.
    #[error("cannot read the events {path}: {source}; check --events")]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// The text has not the form of an event file.
    #[error("{place}: not readable as events: {reason}")]
    Syntax {
        /// File, line and column.
        place: String,
        /// What the reader says.
        reason: String,
    },
    /// A value is not possible.
    #[error("{place}: {problem}")]
    Value {
        /// File and line.
        place: String,
        /// What is wrong, and what to write instead.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct EventsFile {
    #[serde(default)]
    licence: Vec<Spanned<LicenceEntry>>,
    #[serde(default)]
    package: Vec<Spanned<PackageEntry>>,
    #[serde(default, rename = "transcoding-package")]
    transcoding_package: Vec<Spanned<MinutesEntry>>,
    #[serde(default)]
    balance: Vec<Spanned<BalanceEntry>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct LicenceEntry {
    account: String,
    app_id: String,
    at: String,
    state: PluginState,
    fee: Option<String>,
    currency: Option<String>,
    until: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct PackageEntry {
    account: String,
    at: String,
    gigabytes: u32,
    fee: Option<String>,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct MinutesEntry {
    account: String,
    at: String,
    kind: transcoding::Kind,
    hours: u32,
    fee: Option<String>,
    currency: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct BalanceEntry {
    account: String,
    at: String,
    amount: String,
}

impl Events {
    /// Reads an event file; civil times are those of `zone`.
    ///
    /// Errors: [`EventsError`] with file and line.
    pub fn load(path: &Path, zone: Zone) -> Result<Self, EventsError> {
        let unreadable = |source| EventsError::Read {
            path: path.to_owned(),
            source,
        };
        let text = read_text_bounded(path, EVENTS_BYTES_MAX).map_err(unreadable)?;
        Events::parse(&text, &path.display().to_string(), zone)
    }

    /// Reads events. `origin` names the text in errors.
    ///
    /// Errors: [`EventsError`].
    pub fn parse(text: &str, origin: &str, zone: Zone) -> Result<Self, EventsError> {
        let file: EventsFile = toml::from_str(text).map_err(|error| {
            let (place, reason) = text::syntax(text, origin, &error);
            EventsError::Syntax { place, reason }
        })?;
        let reader = Reader { text, origin, zone };
        let licences = file.licence.iter().map(|entry| reader.licence(entry));
        let packages = file.package.iter().map(|entry| reader.package(entry));
        let minutes = file.transcoding_package.iter();
        let minutes = minutes.map(|entry| reader.transcoding_package(entry));
        let balances = file.balance.iter().map(|entry| reader.balance(entry));
        Ok(Events {
            licences: licences.collect::<Result<_, _>>()?,
            packages: packages.collect::<Result<_, _>>()?,
            transcoding: minutes.collect::<Result<_, _>>()?,
            currencies: reader.currencies(&file)?,
            balances: balances.collect::<Result<_, _>>()?,
            digest: hex(&Sha256::digest(text)),
        })
    }
}

/// What purchases of all kinds say of their fee.
struct Paid<'a> {
    account: &'a str,
    at: &'a str,
    fee: Option<&'a String>,
    currency: Option<&'a str>,
}

macro_rules! paid_by {
    ($($entry:ty),*) => {$(
        impl<'a> From<&'a $entry> for Paid<'a> {
            fn from(entry: &'a $entry) -> Self {
                Paid {
                    account: &entry.account,
                    at: &entry.at,
                    fee: entry.fee.as_ref(),
                    currency: entry.currency.as_deref(),
                }
            }
        }
    )*};
}
paid_by!(LicenceEntry, PackageEntry, MinutesEntry);

struct Reader<'a> {
    text: &'a str,
    origin: &'a str,
    zone: Zone,
}

impl Reader<'_> {
    fn licence(
        &self,
        entry: &Spanned<LicenceEntry>,
    ) -> Result<(Purchase, Option<Decimal>), EventsError> {
        let start = entry.span().start;
        let entry = entry.get_ref();
        let until = entry.until.as_ref().map(|until| self.time(until, start));
        let purchase = Purchase {
            account: entry.account.clone(),
            app_id: entry.app_id.clone(),
            at: self.time(&entry.at, start)?,
            state: entry.state,
            until: until.transpose()?,
        };
        if purchase.until.is_some_and(|until| until <= purchase.at) {
            return Err(self.wrong(start, "until is after at".to_owned()));
        }
        Ok((purchase, self.fee(entry.fee.as_ref(), start)?))
    }

    fn package(&self, entry: &Spanned<PackageEntry>) -> Result<packages::Purchase, EventsError> {
        let start = entry.span().start;
        let entry = entry.get_ref();
        if entry.gigabytes == 0 {
            return Err(self.wrong(start, "a package has at least 1 gigabyte".to_owned()));
        }
        Ok(packages::Purchase {
            account: entry.account.clone(),
            at: self.time(&entry.at, start)?,
            gigabytes: entry.gigabytes,
            fee: self.fee(entry.fee.as_ref(), start)?,
        })
    }

    fn transcoding_package(
        &self,
        entry: &Spanned<MinutesEntry>,
    ) -> Result<transcoding::Purchase, EventsError> {
        let start = entry.span().start;
        let entry = entry.get_ref();
        if entry.hours == 0 {
            return Err(self.wrong(start, "a package has at least 1 hour".to_owned()));
        }
        Ok(transcoding::Purchase {
            account: entry.account.clone(),
            at: self.time(&entry.at, start)?,
            kind: entry.kind,
            hours: entry.hours,
            fee: self.fee(entry.fee.as_ref(), start)?,
        })
    }

    fn fee(&self, fee: Option<&String>, start: usize) -> Result<Option<Decimal>, EventsError> {
        let fee = fee.map(|fee| self.money(fee, start)).transpose()?;
        match fee {
            Some(fee) if fee.is_sign_negative() => {
                Err(self.wrong(start, "a fee is not below zero".to_owned()))
            }
            // A price has no more on a bill, nor in what is exported of it.
            Some(fee) if DETAIL_PLACES < fee.normalize().scale() => Err(self.wrong(
                start,
                format!("a fee has at most {DETAIL_PLACES} decimal places"),
            )),
            fee => Ok(fee),
        }
    }

    /// The currencies that fees say.
    fn currencies(&self, file: &EventsFile) -> Result<Vec<FeeCurrency>, EventsError> {
        let licences = file
            .licence
            .iter()
            .enumerate()
            .map(|(number, of)| (of.span().start, Some(number), Paid::from(of.get_ref())));
        let packages = file
            .package
            .iter()
            .map(|of| (of.span().start, None, Paid::from(of.get_ref())));
        let minutes = file.transcoding_package.iter();
        let minutes = minutes.map(|of| (of.span().start, None, Paid::from(of.get_ref())));
        let all = licences.chain(packages).chain(minutes);
        let of_purchase = |(start, licence, paid)| self.currency(start, licence, paid).transpose();
        all.filter_map(of_purchase).collect()
    }

    fn currency(
        &self,
        start: usize,
        licence: Option<usize>,
        paid: Paid<'_>,
    ) -> Result<Option<FeeCurrency>, EventsError> {
        let Some(code) = paid.currency else {
            return Ok(None);
        };
        if let Some(problem) = currency::problem(code) {
            return Err(self.wrong(start, problem));
        }
        if paid.fee.is_none() {
            let problem =
                "a currency is that of a fee; state the fee, too, or leave the currency out";
            return Err(self.wrong(start, problem.to_owned()));
        }
        Ok(Some(FeeCurrency {
            account: paid.account.to_owned(),
            at: self.time(paid.at, start)?,
            code: code.to_owned(),
            place: text::place(self.text, self.origin, start),
            licence,
        }))
    }

    fn balance(&self, entry: &Spanned<BalanceEntry>) -> Result<(String, Balance), EventsError> {
        let start = entry.span().start;
        let entry = entry.get_ref();
        let balance = Balance {
            at: self.time(&entry.at, start)?,
            amount: self.money(&entry.amount, start)?,
        };
        Ok((entry.account.clone(), balance))
    }

    fn time(&self, text: &str, start: usize) -> Result<Timestamp, EventsError> {
        Timestamp::parse(text, self.zone).ok_or_else(|| {
            self.wrong(
                start,
                format!(
                    "`{text}` is no time; write one like 2026-10-03T12:05, or with +08:00 behind"
                ),
            )
        })
    }

    fn money(&self, text: &str, start: usize) -> Result<Decimal, EventsError> {
        Decimal::from_str_exact(text).map_err(|_| {
            self.wrong(
                start,
                format!("`{text}` is no amount; write one like 30000 or -12.34"),
            )
        })
    }

    fn wrong(&self, start: usize, problem: String) -> EventsError {
        EventsError::Value {
            place: text::place(self.text, self.origin, start),
            problem,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"
[[licence]]
account = "a"
app_id = "wx1"
at = "2026-05-18T10:00"
state = "active"

[[balance]]
account = "a"
at = "2026-10-01T00:05+08:00"
amount = "-12.34"
"#;

    fn refusal(text: &str) -> String {
        let events = Events::parse(text, "events.toml", Zone::CHINA);
        events.map(|_| ()).expect_err("refused").to_string()
    }

    #[test]
    fn times_are_of_the_billing_clock_and_amounts_exact() {
        let events = Events::parse(GOOD, "events.toml", Zone::CHINA).expect("read");
        assert_eq!(events.licences[0].0.at.rfc3339(), "2026-05-18T02:00:00Z");
        assert_eq!(events.licences[0].1, None);
        assert_eq!(events.balances[0].1.at.rfc3339(), "2026-09-30T16:05:00Z");
        assert_eq!(events.balances[0].1.amount, Decimal::new(-1_234, 2));
    }

    #[test]
    fn what_is_not_possible_is_refused_where_it_stands() {
        for (from, to, words) in [
            (
                "2026-05-18T10:00",
                "yesterday",
                "events.toml:2: `yesterday` is no time",
            ),
            ("-12.34", "12,34", "events.toml:8: `12,34` is no amount"),
            ("\"active\"", "\"banned\"", "unknown variant `banned`"),
            ("app_id", "app", "unknown field `app`"),
            ("[[balance]]", "[[balances]]", "unknown field `balances`"),
            ("2026-05-18T10:00", "1999-05-18T10:00", "is no time"),
        ] {
            let message = refusal(&GOOD.replace(from, to));
            assert!(message.contains(words), "{message}");
        }
        let minutes = "[[transcoding-package]]\naccount = \"a\"\nat = \"2026-10-01T00:05\"\n\
                       kind = \"standard\"\nhours = 0\n";
        for (from, to, words) in [
            ("", "", "events.toml:1: a package has at least 1 hour"),
            ("\"standard\"", "\"fast\"", "unknown variant `fast`"),
            ("hours = 0", "minutes = 9", "unknown field `minutes`"),
        ] {
            let message = refusal(&minutes.replace(from, to));
            assert!(message.contains(words), "{message}");
        }
        let currency = |text: &str| GOOD.replace("state =", &format!("{text}\nstate ="));
        let fee = currency("fee = \"1\"\ncurrency = \"RMB\"");
        assert!(refusal(&fee).contains("events.toml:2: `RMB` is no currency"));
        let fee = currency("currency = \"USD\"");
        assert!(refusal(&fee).contains("events.toml:2: a currency is that of a fee"));
        let fee = GOOD.replace("state =", "fee = \"-1\"\nstate =");
        assert!(refusal(&fee).contains("not below zero"));
        let fee = GOOD.replace("state =", "fee = \"0.000000001\"\nstate =");
        assert!(refusal(&fee).contains("at most 8 decimal places"));
    }
}
