//! One month as its two datasets.

use std::path::Path;

use sha2::{Digest, Sha256};

use super::dataset::PublishError;
use super::datasets::{Footer, write_summary, write_usage_5min};
use crate::registry::Registry;
use crate::summary::{INDEX_RULE, MonthUsage, SummaryRow};
use crate::units::{Factor, Zone, hex};

/// What usage is published with.
#[derive(Clone, Copy, Debug)]
pub struct Terms<'a> {
    /// Whose it is, and as what it is sold.
    pub registry: &'a Registry,
    /// Log-to-bill factor.
    pub overhead: Factor,
    /// Requests that each log line stands for.
    pub sampling: Factor,
}

impl Terms<'_> {
    /// What the files say of themselves: the same usage says the same, however its logs came.
    fn footer(&self, zone: Zone, usage_digest: String) -> Footer {
        Footer {
            entries: vec![
                ("cdn_meter.billing_zone", zone.to_string()),
                ("cdn_meter.registry_digest", self.registry.digest()),
                ("cdn_meter.usage_digest", usage_digest),
                ("cdn_meter.overhead_factor", self.overhead.to_string()),
                ("cdn_meter.sampling_factor", self.sampling.to_string()),
                ("cdn_meter.p95_rule", INDEX_RULE.to_owned()),
            ],
        }
    }
}

/// Writes a month into the folders of `summary` and `usage_5min`, and answers its summary.
///
/// Errors: [`PublishError`].
pub fn write_month(
    usage: &MonthUsage<'_>,
    terms: &Terms<'_>,
    summary: &Path,
    usage_5min: &Path,
) -> Result<Vec<SummaryRow>, PublishError> {
    let rows = usage.summary(terms.registry)?;
    let footer = terms.footer(usage.zone, usage_digest(&rows));
    let (slots, months) = rayon::join(
        || write_usage_5min(usage, terms.registry, &footer, usage_5min),
        || write_summary(&rows, terms.overhead, terms.sampling, &footer, summary),
    );
    slots.and(months)?;
    Ok(rows)
}

/// SHA-256 over the sums of rows, in hexadecimal: the same usage gives the same digest.
pub fn usage_digest(rows: &[SummaryRow]) -> String {
    let mut digest = Sha256::new();
    for row in rows {
        let usage = &row.usage;
        let line = format!(
            "{}\t{}\t{}\t{}\t{}\t{}\t{}\t{}\n",
            row.month,
            row.domain,
            row.region.name(),
            usage.bytes,
            usage.requests,
            usage.error_bytes,
            usage.error_requests,
            usage.doubtful_requests
        );
        digest.update(line.as_bytes());
    }
    hex(&digest.finalize())
}
