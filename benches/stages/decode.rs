//! From stored bytes to decompressed bytes: reading, gzip, zstd.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Write};
use std::sync::Arc;

use cdn_meter::decode::{self, BLOCK_BYTES, Block, Blocks, Piece};
use cdn_meter::units::Span;
use flate2::bufread::MultiGzDecoder;
use flate2::write::GzEncoder;

use super::inputs::{Inputs, Text};
use super::stage::Stage;

/// The level of the files that CDNs deliver.
const GZIP_LEVEL: u32 = 6;
/// The default of zstd.
const ZSTD_LEVEL: i32 = 3;
/// What `BufReader` reads at a time by default.
const NAIVE_READ_BYTES: usize = 8 << 10;

/// The stages of this room.
pub fn stages(inputs: &Inputs) -> Vec<Stage<'_>> {
    let text = inputs.tencent_cdn();
    let gzip: Arc<[u8]> = gzip(&text.bytes).into();
    let zstd: Arc<[u8]> = zstd(&text.bytes).into();
    vec![
        read(text),
        decoded(text, "gzip", Arc::clone(&gzip)).against("decode/gzip/naive"),
        on_all_cores(text, Arc::clone(&gzip)),
        naive(text, gzip),
        decoded(text, "zstd", zstd),
    ]
}

/// `text` as gzip.
pub fn gzip(text: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::new(GZIP_LEVEL));
    let packed = encoder.write_all(text).and_then(|()| encoder.finish());
    packed.expect("memory can be written to")
}

/// `text` as Zstandard.
pub fn zstd(text: &[u8]) -> Vec<u8> {
    zstd::encode_all(text, ZSTD_LEVEL).expect("memory can be written to")
}

/// A plain file, in the cache of the system, cut into blocks.
fn read(text: &Text) -> Stage<'_> {
    let mut file: File = tempfile::tempfile().expect("a temporary file");
    file.write_all(&text.bytes).expect("room for 8 MB");
    let mut block = Block::default();
    Stage::new("read", "plain", text.len(), move || {
        let range = Span::new(0, text.len());
        let mut blocks = Blocks::of_range(&file, range, text.len(), None).expect("readable");
        let mut bytes = 0;
        while blocks.next(&mut block).expect("readable") == Piece::Lines {
            bytes += block.span().len();
        }
        assert_eq!(bytes, text.len());
    })
}

/// As many decoders as there are cores, each on its own: what no run over gzip can exceed.
fn on_all_cores(text: &Text, stored: Arc<[u8]>) -> Stage<'_> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let bytes = cores as u64 * text.len();
    let pass = move || {
        std::thread::scope(|scope| {
            for _ in 0..cores {
                let stored = Arc::clone(&stored);
                scope.spawn(|| decode_all(text, stored, &mut vec![0; BLOCK_BYTES]));
            }
        });
    };
    Stage::new("decode", "gzip/all-cores", bytes, pass).on(cores)
}

/// Decompression alone, a block at a time into the same buffer.
fn decoded<'a>(text: &'a Text, input: &'static str, stored: Arc<[u8]>) -> Stage<'a> {
    let mut buffer = vec![0; BLOCK_BYTES];
    Stage::new("decode", input, text.len(), move || {
        decode_all(text, Arc::clone(&stored), &mut buffer);
    })
}

fn decode_all(text: &Text, stored: Arc<[u8]>, buffer: &mut [u8]) {
    let mut reader = decode::open(Cursor::new(stored)).expect("recognised");
    let mut at = 0;
    loop {
        let len = reader.fill(buffer).expect("undamaged");
        // The last bytes of a block stand for all of it: damage is found by the checksum.
        let to = at + len;
        let tail = len.min(64);
        assert_eq!(buffer[len - tail..len], text.bytes[to - tail..to]);
        at = to;
        if len < buffer.len() {
            break;
        }
    }
    assert_eq!(at as u64, text.len());
}

/// The same decoder as it is usually driven: small reads, a line at a time.
fn naive<'a>(text: &'a Text, stored: Arc<[u8]>) -> Stage<'a> {
    let mut line = Vec::new();
    Stage::new("decode", "gzip/naive", text.len(), move || {
        let decoder = MultiGzDecoder::new(&stored[..]);
        let mut reader = BufReader::with_capacity(NAIVE_READ_BYTES, decoder);
        let (mut lines, mut bytes) = (0, 0);
        loop {
            line.clear();
            match reader.read_until(b'\n', &mut line).expect("undamaged") {
                0 => break,
                len => bytes += len as u64,
            }
            lines += 1;
        }
        assert_eq!((lines, bytes), (text.newlines(), text.len()));
    })
}
