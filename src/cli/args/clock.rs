//! The wall clock, which the front alone reads.

use std::time::{SystemTime, UNIX_EPOCH};

use crate::cli::Failure;
use crate::units::Timestamp;

/// The clock is read here and passed down. A build with debug assertions takes it from the environment, if
/// it is there: seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the front")]
pub(in crate::cli) fn now_nanos() -> i128 {
    #[cfg(debug_assertions)]
    if let Ok(secs) = std::env::var("CDN_METER_CLOCK") {
        return secs.parse::<i128>().map_or(0, |secs| secs * 1_000_000_000);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos().cast_signed())
}

/// The instant that the clock shows.
///
/// Errors: what is noted with a commit stays, and one of an impossible instant stops later closes.
pub(in crate::cli) fn instant_now() -> Result<Timestamp, Failure> {
    let secs = now_unix_secs();
    Timestamp::from_unix_secs(secs).ok_or_else(|| {
        Failure::start(format!(
            "the clock of this machine is wrong: it shows {secs} seconds since 1970, which is not between \
             2000 and 2099; set it, and try again"
        ))
    })
}

/// Seconds since the epoch.
pub(in crate::cli) fn now_unix_secs() -> i64 {
    i64::try_from(now_nanos() / 1_000_000_000).unwrap_or_default()
}
