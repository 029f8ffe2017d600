//! The decoder alone, on all cores: what no run over compressed logs can exceed.
//!
//! `cargo run --release --example decode -- DIR` decompresses every file of a folder, each once, and
//! prints how many bytes came out, as JSON.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use cdn_meter::decode::{self, BLOCK_BYTES};

fn main() -> io::Result<()> {
    let folder = std::env::args().nth(1).expect("a folder of logs");
    let entries = fs::read_dir(folder)?;
    let paths: Vec<PathBuf> = entries
        .map(|entry| Ok(entry?.path()))
        .collect::<io::Result<_>>()?;
    let (next, bytes) = (AtomicUsize::new(0), AtomicU64::new(0));
    let work = || {
        let mut buffer = vec![0; BLOCK_BYTES];
        while let Some(path) = paths.get(next.fetch_add(1, Ordering::Relaxed)) {
            let file = File::open(path).expect("a file that can be read");
            let mut reader = decode::open(file).expect("recognised");
            loop {
                let len = reader.fill(&mut buffer).expect("undamaged");
                bytes.fetch_add(len as u64, Ordering::Relaxed);
                if len < buffer.len() {
                    break;
                }
            }
        }
    };
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(work);
        }
    });
    let bytes = bytes.into_inner();
    writeln!(io::stdout(), "{{\"decompressed\": {bytes}}}")
}
