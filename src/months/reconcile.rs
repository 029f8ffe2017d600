//! What the logs hold beside what the provider says it bills.

use std::collections::BTreeMap;
use std::io::ErrorKind;
use std::path::Path;

use rust_decimal::Decimal;
use serde::Deserialize;

use super::error::{MonthError, ReconcileError};
use super::given::Given;
use crate::disk::read_text_bounded;
use crate::registry::Class;
use crate::summary::Book;
use crate::units::{DAY_SECS, SLOT_SECS, Timestamp, Zone};

/// Largest response, in bytes.
const RESPONSE_BYTES_MAX: u64 = 64 << 20;
const BYTES_PER_MB: u128 = 1_000_000;
/// When on the next day the provider has corrected its samples (R64).
const CORRECTED_AFTER_SECS: i64 = 3 * 3_600;
/// What is billed is at most so many percent of what is logged (R60).
const PERCENT_MAX: u128 = 115;

/// A response, or what is in its envelope.
#[derive(Deserialize)]
#[serde(untagged)]
enum Response {
    Wrapped {
        #[serde(rename = "Response")]
        response: Payload,
    },
    Bare(Payload),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Payload {
    data_info_list: Vec<Sample>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sample {
    time: String,
    /// In MB of 10⁶ bytes.
    flux: serde_json::Number,
}

/// Bytes of a day by the billing clock.
#[derive(Clone, Copy, Debug, Default)]
pub struct Day {
    /// What the logs hold.
    pub logged: u128,
    /// What the provider says.
    pub billed: u128,
}

/// What there is to say of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    AsExpected,
    /// The provider may still correct it (R64).
    Provisional,
    /// Less is billed than logged.
    TooLittle,
    /// More is billed than logs and their overhead explain: logs are missing.
    TooMuch,
}

impl Verdict {
    /// In words.
    pub const fn name(self) -> &'static str {
        match self {
            Verdict::AsExpected => "as expected",
            Verdict::Provisional => {
                "provisional: the provider corrects it by 03:00 of the next day (R64)"
            }
            Verdict::TooLittle => "less is billed than logged: other domains or another time?",
            Verdict::TooMuch => "more is billed than 1.15 times the logs (R60): are logs missing?",
        }
    }
}

impl Day {
    /// What is billed over what is logged, to 4 places, cut off; empty where nothing is logged.
    pub fn factor(&self) -> String {
        match (self.billed * 10_000).checked_div(self.logged) {
            None => String::new(),
            Some(units) => format!("{}.{:04}", units / 10_000, units % 10_000),
        }
    }
}

/// What a provider says that it bills: bytes by the second at which they begin.
#[derive(Clone, Debug, Default)]
pub struct Samples(BTreeMap<i64, u128>);

impl Samples {
    /// Adds the samples of a response; times without a zone are on the clock `zone`.
    ///
    /// Errors: [`ReconcileError::Response`].
    pub fn read(&mut self, path: &Path, zone: Zone) -> Result<(), ReconcileError> {
        let wrong = |problem: String| ReconcileError::Response {
            place: path.display().to_string(),
            problem,
        };
        let text =
            read_text_bounded(path, RESPONSE_BYTES_MAX).map_err(|error| match error.kind() {
                ErrorKind::FileTooLarge => wrong("the response is larger than 64 MiB".to_owned()),
                _ => wrong(error.to_string()),
            })?;
        let response = serde_json::from_str(&text).map_err(|error| {
            wrong(format!(
                "no response of DescribeBillBandwidthAndFluxList: {error}"
            ))
        })?;
        let (Response::Wrapped { response } | Response::Bare(response)) = response;
        for sample in response.data_info_list {
            let time = Timestamp::parse(&sample.time.replacen(' ', "T", 1), zone);
            let time = time.ok_or_else(|| wrong(format!("`{}` is no time", sample.time)))?;
            let bytes = bytes(&sample.flux)
                .ok_or_else(|| wrong(format!("`{}` is no number of MB", sample.flux)))?;
            if self.0.insert(time.as_unix_secs(), bytes).is_some() {
                return Err(wrong(format!("{} has two samples", sample.time)));
            }
        }
        Ok(())
    }

    /// Sums of each day that samples of so many minutes tell of, and what they are; of logs, what is within samples.
    /// Without a name in `domains` they are those of all that are no push domains.
    ///
    /// Errors: [`ReconcileError`].
    pub fn beside(
        &self,
        given: &Given<'_>,
        minutes: u32,
        domains: &[String],
    ) -> Result<Vec<(i32, Day, Verdict)>, ReconcileError> {
        let mut days = self.days(minutes, given.registry.zone())?;
        self.add_logged(&mut days, given, minutes, domains)?;
        let now = given.now_unix_secs + i64::from(given.registry.zone().offset_secs());
        let judged = days.into_iter();
        Ok(judged
            .map(|(number, day)| (number, day, judge(number, day, now)))
            .collect())
    }

    /// Refuses samples that are not of so many minutes each, or of which there are none.
    ///
    /// Errors: [`ReconcileError`].
    pub fn check(&self, minutes: u32, zone: Zone) -> Result<(), ReconcileError> {
        self.days(minutes, zone).map(drop)
    }

    /// What is billed of each day.
    fn days(&self, minutes: u32, zone: Zone) -> Result<BTreeMap<i32, Day>, ReconcileError> {
        let length = i64::from(minutes) * 60;
        let Some((first, _)) = self.0.first_key_value() else {
            return Err(ReconcileError::NoSamples);
        };
        let mut days: BTreeMap<i32, Day> = BTreeMap::new();
        let mut end = *first;
        for (start, bytes) in &self.0 {
            if *start < end || (start + i64::from(zone.offset_secs())) % length != 0 {
                return Err(ReconcileError::Length { minutes });
            }
            end = start + length;
            days.entry(day_of(*start, zone)).or_default().billed += bytes;
        }
        Ok(days)
    }

    /// Adds what is logged within samples.
    fn add_logged(
        &self,
        days: &mut BTreeMap<i32, Day>,
        given: &Given<'_>,
        minutes: u32,
        domains: &[String],
    ) -> Result<(), MonthError> {
        let (registry, zone) = (given.registry, given.registry.zone());
        let (Some((first, _)), Some((last, _))) =
            (self.0.first_key_value(), self.0.last_key_value())
        else {
            return Ok(());
        };
        let length = i64::from(minutes) * 60;
        let slot = |secs: i64| u32::try_from(secs / i64::from(SLOT_SECS)).unwrap_or(u32::MAX);
        let slots = slot(*first)..slot(last + length);
        let usage = given.store.usage(slots, given.rows_max)?;
        let book = Book::new(usage.table, usage.domains, registry, zone)?;
        for usage in book.months() {
            for row in usage.rows {
                let name = usage.name(row.domain);
                let is_meant = match domains {
                    [] => registry.attribution(name, usage.month).class != Class::Push,
                    names => names.iter().any(|wanted| wanted == name),
                };
                let start = i64::from(row.tally.cell.slot_index()) * i64::from(SLOT_SECS);
                let sample = self.0.range(..=start).next_back();
                if is_meant && sample.is_some_and(|(begin, _)| start < begin + length) {
                    let of_day = days.entry(day_of(start, zone)).or_default();
                    of_day.logged += u128::from(row.tally.bytes);
                }
            }
        }
        Ok(())
    }
}

/// Whole bytes of a number of MB: what is less than a byte is none.
fn bytes(megabytes: &serde_json::Number) -> Option<u128> {
    let text = megabytes.to_string();
    let exact = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
    let exact = exact.ok().filter(|exact| !exact.is_sign_negative())?;
    let units = exact.mantissa().unsigned_abs().checked_mul(BYTES_PER_MB)?;
    Some(units / 10_u128.pow(exact.scale()))
}

fn day_of(unix_secs: i64, zone: Zone) -> i32 {
    i32::try_from(zone.day_of(unix_secs)).unwrap_or(i32::MAX)
}

/// Judges a day at an instant, which is in seconds of the billing clock.
fn judge(number: i32, day: Day, now: i64) -> Verdict {
    if now < (i64::from(number) + 1) * DAY_SECS + CORRECTED_AFTER_SECS {
        Verdict::Provisional
    } else if day.billed < day.logged {
        Verdict::TooLittle
    } else if day.logged * PERCENT_MAX < day.billed * 100 {
        Verdict::TooMuch
    } else {
        Verdict::AsExpected
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r64_a_day_is_judged_when_the_provider_has_corrected_it() {
        let day = Day {
            logged: 100,
            billed: 90,
        };
        let three = 20_731 * DAY_SECS + DAY_SECS + CORRECTED_AFTER_SECS;
        assert!(judge(20_731, day, three - 1) == Verdict::Provisional);
        assert!(judge(20_731, day, three) == Verdict::TooLittle);
    }

    #[test]
    fn r60_logs_are_5_to_15_percent_less_than_what_is_billed() {
        for (billed, verdict, shown) in [
            (99, Verdict::TooLittle, "0.9900"),
            (100, Verdict::AsExpected, "1.0000"),
            (115, Verdict::AsExpected, "1.1500"),
            (116, Verdict::TooMuch, "1.1600"),
        ] {
            let logged = 100;
            let day = Day { logged, billed };
            assert!(judge(0, day, i64::MAX) == verdict, "{billed}");
            assert_eq!(day.factor(), shown);
        }
    }

    #[test]
    fn megabytes_are_decimal_and_exact() {
        for (text, whole) in [
            ("1.5", 1_500_000),
            ("0.0000001", 0),
            ("1e3", 1_000_000_000),
            ("123456789.123456", 123_456_789_123_456),
        ] {
            let number = serde_json::from_str(text).expect("a number");
            assert_eq!(bytes(&number), Some(whole), "{text}");
        }
    }
}
