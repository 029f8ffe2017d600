//! What each stage costs: read, split, parse, meter, decode, detect, summary, report, bill, whole runs.
//!
//! `cargo bench` measures every stage with criterion, then prints a table in decimal GB/s of
//! decompressed log text (criterion's own report is in powers of two and is not quoted).
//! `cargo bench -- parse/cloudflare` measures what it names and prints no table.
//! `cargo bench -- --test` runs every stage once.
//!
//! Every pass of every stage asserts its answer against the totals of the generator.
//! Inputs are named and seeded, see [`stages::inputs`]; ids are `operation/input`, with
//! `/grammar`, `/naive` or `/count` behind for the other way to do the same.

#[path = "corpus/lines.rs"]
mod lines;

mod stages {
    pub mod bill;
    pub mod decode;
    pub mod inputs;
    pub mod meter;
    pub mod naive;
    pub mod parse;
    pub mod report;
    pub mod run;
    pub mod stage;
    pub mod store;
    pub mod table;
}

use std::io;
use std::time::Duration;

use criterion::{Criterion, SamplingMode, Throughput};

use stages::inputs::Inputs;
use stages::stage::Stage;
use stages::{bill, decode, meter, parse, report, run, store, table};

fn main() -> io::Result<()> {
    let inputs = Inputs::new();
    let mut stages: Vec<Stage<'_>> = Vec::new();
    stages.extend(decode::stages(&inputs));
    stages.extend(parse::stages(&inputs));
    stages.extend(meter::stages(&inputs));
    stages.extend(report::stages(&inputs));
    stages.extend(bill::stages());
    stages.extend(run::stages());
    stages.extend(store::stages(&inputs));

    // A pass takes 2 to 500 ms and the whole ladder has to fit in a few minutes: the least number
    // of samples that criterion takes, each of few passes. What it costs is a wide confidence
    // interval; the table below is made of interleaved passes and does not depend on it.
    let mut criterion = Criterion::default()
        .sample_size(10)
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_millis(1_500))
        .without_plots()
        .configure_from_args();
    for stage in &mut stages {
        let mut group = criterion.benchmark_group(stage.operation);
        group.throughput(Throughput::Bytes(stage.bytes));
        // Every sample has the same number of passes: with few samples of slow passes, growing
        // numbers would make a stage take several times its measurement time.
        group.sampling_mode(SamplingMode::Flat);
        group.bench_function(stage.input.clone(), |bencher| {
            bencher.iter_custom(|passes| (0..passes).map(|_| stage.pass()).sum());
        });
        group.finish();
    }
    criterion.final_summary();

    // Cargo itself adds `--bench`; with any other argument only a part was asked for.
    match std::env::args()
        .skip(1)
        .all(|argument| argument == "--bench")
    {
        true => table::print(&mut stages),
        false => Ok(()),
    }
}
