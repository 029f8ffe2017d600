//! Where usage goes, and what is known of contents beforehand: memory, or a store.

use std::sync::{Mutex, PoisonError};

use super::quarantine::Quarantine;
use super::report::{Outcome, Refusal, SourceReport};
use super::{IngestError, Options};
use crate::decode::Compression;
use crate::meter::{Domains, Fates, UsageTable};
use crate::record::BytesIn;
use crate::source::{Content, Digest, Opening, Origin, Seed, Source, is_there};
use crate::store::{Added, Ancestry, Change, Delivery, Held, Identity, Known, Reading, Store};
use crate::units::Bytes;

/// A content that was read to its end, before it is decided whether it counts.
#[derive(Debug)]
pub struct Settled<'a> {
    /// Where it comes from.
    pub source: &'a Source,
    /// How it is stored.
    pub compression: Option<Compression>,
    /// What it is; `None` where the sink wants no digests.
    pub content: Option<&'a Content>,
    /// Digests up to lengths of known contents.
    pub marks: &'a [(u64, Digest)],
    /// Where its metered lines start.
    pub resumed: u64,
    /// Of a damaged archive: its decompressed bytes that are taken for the whole.
    pub kept: Option<u64>,
}

/// What is to become of it.
#[derive(Debug)]
pub enum Verdict {
    /// Its lines count, if they pass the checks.
    Count(Claim),
    /// It is settled without them.
    Done(Outcome),
    /// It has to be read again, metering from this offset.
    Again(u64),
}

/// What is known about a content that is to count.
#[derive(Debug, Default)]
pub struct Claim {
    parent: Option<i64>,
    from: u64,
    supersedes: Vec<i64>,
    /// The name that holds the same content, which is to count again.
    copy_of: Option<String>,
    /// The rows of what it grew from.
    pub(super) before: Fates,
}

/// Where the usage of sources goes.
///
/// Settling a source is one step: no other source is settled between `identify` and `commit`. The
/// errors of all methods end the run.
pub trait UsageSink: Sync {
    /// What digests start from; `None` where none are needed.
    fn seed(&self) -> Option<Seed>;

    /// Whether a source need not be read, because it is as it was; unless a sink knows, it is read.
    ///
    /// Errors: [`IngestError`].
    fn is_unchanged(&self, _source: &Source) -> Result<bool, IngestError> {
        Ok(false)
    }

    /// Known contents that one with this opening may begin with; unless a sink knows any, each is read
    /// from its start.
    ///
    /// Errors: [`IngestError`].
    fn known_like(&self, _opening: &Opening) -> Result<Vec<Known>, IngestError> {
        Ok(Vec::new())
    }

    /// What is to become of a content.
    ///
    /// Errors: [`IngestError`].
    fn identify(&self, settled: &Settled<'_>, options: &Options) -> Result<Verdict, IngestError>;

    /// Takes the usage of a content, all of it or nothing, and tells what that changed, or why it does
    /// not count: with it, all that counts would pass [`Bytes::SUM_MAX`].
    ///
    /// Errors: [`IngestError`].
    fn commit(
        &self,
        settled: &Settled<'_>,
        claim: Claim,
        report: &SourceReport,
        usage: UsageTable,
        run: (&Domains, &Options),
    ) -> Result<Outcome, IngestError>;

    /// Makes durable what has waited for long enough; called now and then, while no source is settled.
    ///
    /// Errors: [`IngestError`].
    fn tick(&self, _domains: &Domains) -> Result<(), IngestError> {
        Ok(())
    }

    /// Makes all of it durable; whether it is.
    ///
    /// Errors: [`IngestError`].
    fn keep(&self, _domains: &Domains) -> Result<bool, IngestError> {
        Ok(false)
    }

    /// Makes all of it durable, and tidies up.
    ///
    /// Errors: [`IngestError`].
    fn finish(&self, domains: &Domains) -> Result<(), IngestError>;
}

/// Keeps usage in memory, the sources no longer told apart; knows nothing of other runs.
impl UsageSink for Mutex<UsageTable> {
    fn seed(&self) -> Option<Seed> {
        None
    }

    fn identify(&self, _settled: &Settled<'_>, _options: &Options) -> Result<Verdict, IngestError> {
        Ok(Verdict::Count(Claim::default()))
    }

    fn commit(
        &self,
        settled: &Settled<'_>,
        _claim: Claim,
        report: &SourceReport,
        usage: UsageTable,
        _run: (&Domains, &Options),
    ) -> Result<Outcome, IngestError> {
        let mut table = self.lock().unwrap_or_else(PoisonError::into_inner);
        if u128::from(Bytes::SUM_MAX.as_u64()) < table.bytes() + usage.bytes() {
            return Ok(too_many(report));
        }
        table.append(&mut usage.into_rows())?;
        let salvaged = settled.kept.map(|kept| Change::Salvaged { kept });
        Ok(Outcome::Committed(salvaged.unwrap_or(Change::New)))
    }

    fn finish(&self, _domains: &Domains) -> Result<(), IngestError> {
        Ok(())
    }
}

impl UsageSink for Store {
    fn seed(&self) -> Option<Seed> {
        Some(Store::seed(self))
    }

    fn is_unchanged(&self, source: &Source) -> Result<bool, IngestError> {
        match source.stamp {
            Some(stamp) => Ok(Store::is_unchanged(
                self,
                &source.identity,
                &stamp.to_string(),
            )?),
            None => Ok(false),
        }
    }

    fn known_like(&self, opening: &Opening) -> Result<Vec<Known>, IngestError> {
        Ok(Store::known_like(self, opening)?)
    }

    fn identify(&self, settled: &Settled<'_>, options: &Options) -> Result<Verdict, IngestError> {
        let content = settled.content.expect("a store wants digests");
        if self.is_shrunk(&settled.source.identity, content, is_there)? {
            return Ok(refused(Refusal::Shrunk));
        }
        let (name, resumed) = (&settled.source.identity, settled.resumed);
        let identity = Store::identify(self, name, content, settled.marks, resumed, is_there)?;
        let is_repeatable = settled.source.is_repeatable();
        match identity {
            Identity::Same(id)
                if options.is_counting_duplicates
                    && let Some(of) = self.is_duplicate_of(name, id, is_there)? =>
            {
                Ok(match resumed {
                    0 => Verdict::Count(Claim {
                        copy_of: Some(of),
                        ..Claim::default()
                    }),
                    _ => Verdict::Again(0),
                })
            }
            Identity::Same(id) => {
                let held = with_delivery(settled, options, |delivery| {
                    self.hold(delivery, id, is_there)
                })?;
                Ok(match held {
                    Held::Holds(change) => Verdict::Done(Outcome::Known(change)),
                    Held::Unsure(times) => refused(Refusal::Unsure { times }),
                })
            }
            Identity::New {
                parent,
                from,
                supersedes,
            } => Ok(Verdict::Count(Claim {
                parent,
                from,
                supersedes,
                copy_of: None,
                before: match parent {
                    Some(parent) => self.fates_of(parent)?,
                    None => Fates::default(),
                },
            })),
            Identity::Again { resume } if !is_repeatable => {
                Ok(refused(Refusal::Begun { bytes: resume }))
            }
            Identity::Again { resume } => Ok(Verdict::Again(resume)),
            Identity::Within(ids) => within(self, &settled.source.identity, &ids),
        }
    }

    fn commit(
        &self,
        settled: &Settled<'_>,
        claim: Claim,
        report: &SourceReport,
        usage: UsageTable,
        (domains, options): (&Domains, &Options),
    ) -> Result<Outcome, IngestError> {
        let reading = reading_of(report, usage)?;
        let ancestry = Ancestry {
            parent: claim.parent,
            from: claim.from,
            supersedes: &claim.supersedes,
            copy_of: claim.copy_of.as_deref(),
            lineage: None,
        };
        let added = with_delivery(settled, options, |delivery| {
            self.add(delivery, ancestry, reading, domains)
        })?;
        Ok(match added {
            Added::Counts(change) => Outcome::Committed(change),
            Added::OverLimit => too_many(report),
            Added::Unsure(times) => Outcome::Refused(Refusal::Unsure { times }),
        })
    }

    fn tick(&self, domains: &Domains) -> Result<(), IngestError> {
        Ok(self.flush_if_old(domains)?)
    }

    fn keep(&self, domains: &Domains) -> Result<bool, IngestError> {
        self.flush(domains)?;
        Ok(true)
    }

    fn finish(&self, domains: &Domains) -> Result<(), IngestError> {
        self.flush(domains)?;
        Ok(self.compact_if_due()?)
    }
}

/// What a store keeps of the reading of a source.
pub(super) fn reading_of(report: &SourceReport, usage: UsageTable) -> Result<Reading, IngestError> {
    let mut rejects = Quarantine::new(Vec::new());
    rejects.write(report)?;
    Ok(Reading {
        format: report.format,
        bytes_in: report.bytes_in.map(BytesIn::name),
        counts: report.counts,
        rejects: Some(rejects.into_inner()).filter(|text| !text.is_empty()),
        rows: usage.into_rows(),
    })
}

/// What becomes of a source with which all that counts would pass the limit.
pub(super) fn too_many(report: &SourceReport) -> Outcome {
    Outcome::Refused(Refusal::OverflowOfAll {
        bytes: report.counts.bytes.as_u64(),
    })
}

/// Refuses what may be the start of these longer contents.
pub(super) fn within(store: &Store, name: &str, ids: &[i64]) -> Result<Verdict, IngestError> {
    let names = ids.iter().map(|id| store.holders(*id));
    let names = names.collect::<Result<Vec<_>, _>>()?.concat();
    let is_own = names.iter().any(|own| own == name);
    let other = names.into_iter().next().unwrap_or_default();
    Ok(refused(match is_own {
        true => Refusal::Shrunk,
        false => Refusal::Within { other },
    }))
}

fn refused(refusal: Refusal) -> Verdict {
    Verdict::Done(Outcome::Refused(refusal))
}

/// Standard input has no name of its own: what comes another time is another source, so each
/// content goes by its digest.
pub(super) fn with_delivery<T>(
    settled: &Settled<'_>,
    options: &Options,
    act: impl FnOnce(Delivery<'_>) -> T,
) -> T {
    let content = settled.content.expect("a store wants digests");
    let stdin = format!("-:{}", content.digest);
    // A damaged file is read, and named, every time until a whole one has come.
    let is_settled = |stamp: &crate::source::Stamp| {
        settled.kept.is_none() && stamp.is_settled(options.now_nanos)
    };
    let stamp = settled.source.stamp.filter(is_settled);
    let stamp = stamp.map(|stamp| stamp.to_string());
    act(Delivery {
        name: match settled.source.origin {
            Origin::Stdin => &stdin,
            Origin::File(_) | Origin::Barred(_) => &settled.source.identity,
        },
        stamp: stamp.as_deref(),
        compression: settled.compression.map(Compression::name),
        content,
        marks: settled.marks,
        kept: settled.kept,
        names: options.names,
    })
}
