//! What counting once costs: digests, ingesting into a store rather than into memory, reading back.
//!
//! A store is on a disk and syncs what it commits, as users get it.

use std::sync::{Arc, Mutex};

use cdn_meter::ingest::{Ingested, UsageSink, ingest};
use cdn_meter::meter::UsageTable;
use cdn_meter::source::{Digest, Opening, PartHasher, Seed, Source};
use cdn_meter::store::{Access, Occasion, Store};
use sha2::{Digest as _, Sha256};
use tempfile::TempDir;

use super::inputs::{Inputs, Text, text};
use super::run::{FILES, files, options};
use super::stage::Stage;
use crate::lines::{Format, Totals};

const SEED: Seed = Seed(7);
/// Bytes that ingesting digests at a time.
const BLOCK_BYTES: usize = 512 << 10;
const WORKERS: usize = 2;

/// The stages of this room.
pub fn stages(inputs: &Inputs) -> Vec<Stage<'_>> {
    let text = inputs.tencent_cdn();
    vec![
        digest(text).against("digest/content/naive"),
        naive(text),
        ingest_into("store", store_sink).against("ingest/memory"),
        ingest_into("memory", |_| {
            Box::new(Mutex::new(UsageTable::new(ROWS_MAX)))
        }),
        usage(),
    ]
}

/// More than any input has.
const ROWS_MAX: usize = 1 << 24;

/// The digests by which a content is known again.
fn digest(text: &Text) -> Stage<'_> {
    let chunks = text.bytes.chunks(1 << 20);
    let chunks: Vec<Digest> = chunks.map(|chunk| Digest::of(SEED, chunk)).collect();
    let expected = Digest::of_content(SEED, &chunks, text.len());
    Stage::new("digest", "content", text.len(), move || {
        let mut hasher = PartHasher::new(SEED, 0, u64::MAX, &Arc::from([]));
        for (number, block) in text.bytes.chunks(BLOCK_BYTES).enumerate() {
            hasher.update((number * BLOCK_BYTES) as u64, block);
        }
        let content = hasher.finish().into_content(SEED, Opening::default());
        assert_eq!(content.digest, expected);
    })
}

/// A cryptographic digest of the whole, which tells contents apart but not their beginnings.
fn naive(text: &Text) -> Stage<'_> {
    let expected = Sha256::digest(&text.bytes);
    Stage::new("digest", "content/naive", text.len(), move || {
        assert_eq!(Sha256::digest(&text.bytes), expected);
    })
}

fn new_store(folder: &TempDir) -> Store {
    let occasion = Occasion {
        at: "2026-10-03T00:00:00Z".to_owned(),
        command: "bench".to_owned(),
    };
    let place = folder.path().join("store");
    Store::open_to_write(&place, SEED, occasion, Access::default()).expect("a new store")
}

fn store_sink(folder: &TempDir) -> Box<dyn UsageSink> {
    Box::new(new_store(folder))
}

/// Ingests plain files, and makes durable what can be.
fn ingest_into(
    name: &'static str,
    sink: impl Fn(&TempDir) -> Box<dyn UsageSink> + 'static,
) -> Stage<'static> {
    let (sources, expected, bytes, folder) = corpus();
    let prepare = move || {
        let own = tempfile::tempdir().expect("a temporary folder");
        (sources.clone(), sink(&own), own)
    };
    let pass = move |(sources, sink, own): (Vec<Source>, Box<dyn UsageSink>, TempDir)| {
        let _folder_lives_as_long_as_this = &folder;
        let ingested = ingest(sources, &options(WORKERS), &(), &*sink).expect("ingested");
        assert_eq!(totals(&ingested), expected);
        (sink, own)
    };
    Stage::prepared("ingest", name, bytes, prepare, pass).on(WORKERS)
}

/// Reads all usage of a store.
fn usage() -> Stage<'static> {
    let (sources, expected, bytes, _folder) = corpus();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let store = new_store(&folder);
    ingest(sources, &options(WORKERS), &(), &store).expect("ingested");
    Stage::new("store", "usage", bytes, move || {
        let _folder_lives_as_long_as_this = &folder;
        let slots = store.slots().expect("a ledger");
        let usage = store.usage(slots, ROWS_MAX).expect("segments");
        let total = usage.table.total().expect("it fits");
        let found = Totals {
            lines: total.requests,
            bytes: total.bytes.as_u64(),
        };
        assert_eq!(found, expected);
    })
    .on(WORKERS)
}

fn corpus() -> (Vec<Source>, Totals, u64, TempDir) {
    let texts: Vec<Text> = (0..FILES)
        .map(|index| text(Format::TencentCdn, index))
        .collect();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let plain: Vec<Vec<u8>> = texts.iter().map(|text| text.bytes.to_vec()).collect();
    let mut expected = Totals::default();
    texts.iter().for_each(|text| expected.add(text.totals));
    let bytes = texts.iter().map(Text::len).sum();
    (files(&folder, &plain), expected, bytes, folder)
}

fn totals(ingested: &Ingested) -> Totals {
    let mut totals = Totals::default();
    for source in &ingested.sources {
        totals.add(Totals {
            lines: source.counts.metered,
            bytes: source.counts.bytes.as_u64(),
        });
    }
    totals
}
