//! Distributions of a run, for operators and never for bills: bytes per response, time per block.

use std::time::Duration;

use hdrhistogram::Histogram;

/// Largest response that keeps its own bucket, 1 TB; larger ones count as that.
const RESPONSE_BYTES_MAX: u64 = 1_000_000_000_000;
/// Longest block that keeps its own bucket, an hour.
const BLOCK_NANOS_MAX: u64 = 3_600_000_000_000;
/// Two digits: within 1 %, in a table that stays in the second-level cache.
const DIGITS: u8 = 2;

/// Both distributions of one worker, or of a run.
#[derive(Clone, Debug)]
pub struct Histograms {
    response_bytes: Histogram<u64>,
    block_nanos: Histogram<u64>,
}

/// The quantiles that are reported.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Quantiles {
    /// Half are at most this.
    pub p50: u64,
    /// 99 % are at most this.
    pub p99: u64,
    /// The largest.
    pub max: u64,
}

impl Default for Histograms {
    fn default() -> Self {
        let with_max = |max| Histogram::new_with_max(max, DIGITS).expect("bounds are valid");
        Histograms {
            response_bytes: with_max(RESPONSE_BYTES_MAX),
            block_nanos: with_max(BLOCK_NANOS_MAX),
        }
    }
}

impl Histograms {
    /// Notes the size of one metered response.
    #[inline(always)]
    pub fn response(&mut self, bytes: u64) {
        self.response_bytes.saturating_record(bytes);
    }

    /// Notes how long one block took from filled to metered.
    pub fn block(&mut self, took: Duration) {
        let nanos = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.block_nanos.saturating_record(nanos);
    }

    /// Adds the other's values.
    pub fn add(&mut self, other: &Histograms) {
        let same = "both have the same bounds";
        self.response_bytes.add(&other.response_bytes).expect(same);
        self.block_nanos.add(&other.block_nanos).expect(same);
    }

    /// Bytes per response.
    pub fn response_bytes(&self) -> Quantiles {
        quantiles(&self.response_bytes)
    }

    /// Nanoseconds per block.
    pub fn block_nanos(&self) -> Quantiles {
        quantiles(&self.block_nanos)
    }
}

fn quantiles(histogram: &Histogram<u64>) -> Quantiles {
    Quantiles {
        p50: histogram.value_at_quantile(0.50),
        p99: histogram.value_at_quantile(0.99),
        max: histogram.max(),
    }
}
