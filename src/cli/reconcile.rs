//! `cdn-meter reconcile`: what the logs hold beside what the provider says it bills.

use std::collections::BTreeMap;
use std::io::{self, ErrorKind, Write};
use std::path::{Path, PathBuf};

use clap::Args;
use rust_decimal::Decimal;
use serde::Deserialize;
use serde_json::json;

use super::events::ClockArgs;
use super::metering::{MemoryArgs, StoreArgs, now_unix_secs, open_to_read};
use super::monotone::check_closed;
use super::out::out;
use super::{Failure, Finish, print_json};
use crate::disk::read_text_bounded;
use crate::registry::{Class, Registry};
use crate::store::Store;
use crate::summary::Book;
use crate::units::{DAY_SECS, SLOT_SECS, Timestamp, Zone, day_text};

/// Largest response, in bytes.
const RESPONSE_BYTES_MAX: u64 = 64 << 20;
const BYTES_PER_MB: u128 = 1_000_000;
/// When on the next day the provider has corrected its samples (R64).
const CORRECTED_AFTER_SECS: i64 = 3 * 3_600;
/// What is billed is at most so many percent of what is logged (R60).
const PERCENT_MAX: u128 = 115;

/// Compare the bytes of a store with the provider's own figures, day by day
///
/// Takes responses of DescribeBillBandwidthAndFluxList for the same domains. Its figure over ours is the
/// log-to-bill factor that --overhead-factor wants; providers state 1.05 to 1.15. Days that the
/// provider may still correct are shown and not judged. Exit code 1 if a day is not as expected.
#[derive(Args)]
pub(super) struct ReconcileArgs {
    /// JSON responses of DescribeBillBandwidthAndFluxList; their samples must not overlap
    #[arg(required = true, value_name = "FILE")]
    responses: Vec<PathBuf>,
    /// Minutes of a sample, as asked for with Granularity
    #[arg(long, value_name = "MINUTES", default_value_t = 5, value_parser = minutes)]
    granularity: u32,
    /// Only this domain; all that are not push domains if left out. Can be given several times
    #[arg(long, value_name = "NAME")]
    domain: Vec<String>,
    /// Dated domain facts: which domains are push domains
    #[arg(long, value_name = "FILE")]
    registry: Option<PathBuf>,
    #[command(flatten)]
    clock: ClockArgs,
    #[command(flatten)]
    store: StoreArgs,
    #[command(flatten)]
    memory: MemoryArgs,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

fn minutes(text: &str) -> Result<u32, String> {
    let minutes = text.parse().ok();
    let minutes = minutes.filter(|minutes| [5, 60, 1440].contains(minutes));
    minutes.ok_or_else(|| "the provider has samples of 5, 60 and 1440 minutes".to_owned())
}

/// A response, or what is in its envelope.
#[derive(Deserialize)]
#[serde(untagged)]
enum Response {
    Wrapped {
        #[serde(rename = "Response")]
        response: Samples,
    },
    Bare(Samples),
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Samples {
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
#[derive(Clone, Copy, Default)]
struct Day {
    logged: u128,
    billed: u128,
}

/// What there is to say of a day.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Verdict {
    AsExpected,
    /// The provider may still correct it (R64).
    Provisional,
    /// Less is billed than logged.
    TooLittle,
    /// More is billed than logs and their overhead explain: logs are missing.
    TooMuch,
}

impl Verdict {
    const fn name(self) -> &'static str {
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

pub(super) fn reconcile(args: &ReconcileArgs) -> Result<Finish, Failure> {
    let zone = args.clock.billing_zone;
    let mut samples = BTreeMap::new();
    for path in &args.responses {
        read(path, zone, &mut samples)?;
    }
    let days = days(args, &samples)?;
    let now = now_unix_secs() + i64::from(zone.offset_secs());
    let judged: Vec<(i32, Day, Verdict)> = days
        .into_iter()
        .map(|(number, day)| (number, day, judge(number, day, now)))
        .collect();
    match args.json {
        true => print_json(&judged.iter().map(day_json).collect::<Vec<_>>())?,
        false => print(&judged)?,
    }
    let is_fine = |verdict| matches!(verdict, Verdict::AsExpected | Verdict::Provisional);
    Ok(
        match judged.iter().all(|(_, _, verdict)| is_fine(*verdict)) {
            true => Finish::Done,
            false => Finish::Attention,
        },
    )
}

/// Adds the samples of a response: bytes by the second at which they begin.
fn read(path: &Path, zone: Zone, samples: &mut BTreeMap<i64, u128>) -> Result<(), Failure> {
    let wrong = |problem: String| Failure::start(format!("{}: {problem}", path.display()));
    let text = read_text_bounded(path, RESPONSE_BYTES_MAX).map_err(|error| match error.kind() {
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
        if samples.insert(time.as_unix_secs(), bytes).is_some() {
            return Err(wrong(format!("{} has two samples", sample.time)));
        }
    }
    Ok(())
}

/// Whole bytes of a number of MB: what is less than a byte is none.
fn bytes(megabytes: &serde_json::Number) -> Option<u128> {
    let text = megabytes.to_string();
    let exact = Decimal::from_str_exact(&text).or_else(|_| Decimal::from_scientific(&text));
    let exact = exact.ok().filter(|exact| !exact.is_sign_negative())?;
    let units = exact.mantissa().unsigned_abs().checked_mul(BYTES_PER_MB)?;
    Some(units / 10_u128.pow(exact.scale()))
}

/// Sums of each day that samples tell of; of logs, what is within samples.
fn days(
    args: &ReconcileArgs,
    samples: &BTreeMap<i64, u128>,
) -> Result<BTreeMap<i32, Day>, Failure> {
    let length = i64::from(args.granularity) * 60;
    let (Some((first, _)), Some((last, _))) = (samples.first_key_value(), samples.last_key_value())
    else {
        return Err(Failure::start("the responses hold no samples"));
    };
    let zone = args.clock.billing_zone;
    let mut days: BTreeMap<i32, Day> = BTreeMap::new();
    let mut end = *first;
    for (start, bytes) in samples {
        if *start < end || (start + i64::from(zone.offset_secs())) % length != 0 {
            return Err(Failure::start(format!(
                "the samples are not of {} minutes; say of how many with --granularity",
                args.granularity
            )));
        }
        end = start + length;
        days.entry(day_of(*start, zone)).or_default().billed += bytes;
    }
    let slot = |secs: i64| u32::try_from(secs / i64::from(SLOT_SECS)).unwrap_or(u32::MAX);
    let store = open_to_read(&args.store.store)?;
    let registry = registry(args, &store)?;
    let usage = store.usage(slot(*first)..slot(last + length), args.memory.rows_max())?;
    let book = Book::new(usage.table, usage.domains, &registry, zone)?;
    for usage in book.months() {
        for row in usage.rows {
            let name = usage.name(row.domain);
            let is_meant = match &args.domain[..] {
                [] => registry.attribution(name, usage.month).class != Class::Push,
                names => names.iter().any(|wanted| wanted == name),
            };
            let start = i64::from(row.tally.cell.slot_index()) * i64::from(SLOT_SECS);
            let sample = samples.range(..=start).next_back();
            if is_meant && sample.is_some_and(|(begin, _)| start < begin + length) {
                let of_day = days.entry(day_of(start, zone)).or_default();
                of_day.logged += u128::from(row.tally.bytes);
            }
        }
    }
    Ok(days)
}

/// What is known of domains, which is nothing without a file.
fn registry(args: &ReconcileArgs, store: &Store) -> Result<Registry, Failure> {
    let zone = args.clock.billing_zone;
    let Some(path) = &args.registry else {
        return Ok(Registry::empty(zone));
    };
    let registry = Registry::load(path, zone)?;
    check_closed(store, &registry)?;
    Ok(registry)
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

/// What is billed over what is logged, to 4 places, cut off; empty where nothing is logged.
fn factor(day: Day) -> String {
    match (day.billed * 10_000).checked_div(day.logged) {
        None => String::new(),
        Some(units) => format!("{}.{:04}", units / 10_000, units % 10_000),
    }
}

fn day_json((number, day, verdict): &(i32, Day, Verdict)) -> serde_json::Value {
    json!({
        "day": day_text(*number),
        "logged_bytes": day.logged.to_string(),
        "billed_bytes": day.billed.to_string(),
        "factor": factor(*day),
        "verdict": verdict.name(),
    })
}

fn print(days: &[(i32, Day, Verdict)]) -> io::Result<()> {
    let mut out = out();
    writeln!(
        out,
        "day         {:>22}  {:>22}  {:>8}",
        "logged, B", "billed, B", "factor"
    )?;
    let mut all = Day::default();
    for (number, day, verdict) in days {
        all.logged += day.logged;
        all.billed += day.billed;
        writeln!(
            out,
            "{}  {:>22}  {:>22}  {:>8}  {}",
            day_text(*number),
            day.logged,
            day.billed,
            factor(*day),
            verdict.name()
        )?;
    }
    writeln!(
        out,
        "all         {:>22}  {:>22}  {:>8}",
        all.logged,
        all.billed,
        factor(all)
    )?;
    out.flush()
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
            assert_eq!(factor(day), shown);
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
