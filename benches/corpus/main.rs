//! Writes a seeded benchmark corpus: the same arguments always give the same bytes.
//!
//! `cargo run --release --example corpus -- --out target/corpus/tencent --bytes 2000000000`
//! prints one line per file and, last, the totals that every reader must find.

mod lines;

use std::fs::{self, File};
use std::io::{self, BufWriter, Write};
use std::path::PathBuf;

use clap::Parser;
use flate2::Compression;
use flate2::write::GzEncoder;

/// What to write.
#[derive(Parser)]
struct Args {
    /// Folder for the files; made if missing
    #[arg(long)]
    out: PathBuf,
    /// Log format: tencent-cdn, tencent-live, cloudfront, cloudflare or nginx
    #[arg(long, default_value = "tencent-cdn")]
    format: lines::Format,
    /// Decompressed bytes in all, reached within one line
    #[arg(long, default_value_t = 2_000_000_000)]
    bytes: u64,
    /// How many files; file k covers the k-th part of the month
    #[arg(long, default_value_t = 8)]
    files: u64,
    /// Distinct domains, drawn by Zipf's law with exponent 1
    #[arg(long, default_value_t = 500)]
    domains: usize,
    /// Seed of the generator
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Also write each file as gzip (level 6) under OUT.gz
    #[arg(long)]
    gzip: bool,
}

fn main() -> io::Result<()> {
    let args = Args::parse();
    fs::create_dir_all(&args.out)?;
    let packed_dir = args.out.with_extension("gz");
    if args.gzip {
        fs::create_dir_all(&packed_dir)?;
    }
    let mut source = lines::Lines::new(args.format, args.domains, args.seed);
    let mut total = lines::Totals::default();
    for file in 0..args.files {
        let name = format!("{}-{file:03}.log", args.format.name());
        let mut plain = BufWriter::with_capacity(1 << 20, File::create(args.out.join(&name))?);
        let mut packed = match args.gzip {
            true => {
                let path = packed_dir.join(format!("{name}.gz"));
                Some(GzEncoder::new(
                    BufWriter::new(File::create(path)?),
                    Compression::new(6),
                ))
            }
            false => None,
        };
        let share = lines::Share {
            index: file,
            count: args.files,
            bytes: args.bytes / args.files,
        };
        let totals = source.write_share(share, |line| {
            plain.write_all(line)?;
            packed
                .as_mut()
                .map_or(Ok(()), |packed| packed.write_all(line))
        })?;
        plain.flush()?;
        if let Some(packed) = packed {
            packed.finish()?.flush()?;
        }
        total.add(totals);
    }
    let mut stdout = io::stdout().lock();
    writeln!(
        stdout,
        "{{\"lines\":{},\"bytes\":{}}}",
        total.lines, total.bytes
    )
}
