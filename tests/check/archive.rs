//! An archive is read to its end or refused: damage never makes it a shorter or another log.

use std::io::{self, Cursor, Read, Write};

use cdn_meter::decode::{Blocks, Compression, DecodeError, hold_no_container, open};
use flate2::GzBuilder;
use flate2::read::MultiGzDecoder;

use super::blocks::{Collected, masked};

/// Decompressed bytes up to which the content of an archive is compared.
const CONTENT_BYTES_MAX: usize = 8 << 20;
/// Longest content that is packed.
const PACKED_CONTENT_BYTES_MAX: usize = 64 << 10;

/// More zeros than a gzip member can end with: its checksum, its length and its last block.
const MEMBER_ZEROS_MAX: usize = 16;
/// Length of a gzip header without fields.
const GZIP_HEADER_BYTES: usize = 10;
/// Length of the header that [`gzip_member`] writes in full: extra field, name and comment.
const GZIP_FULL_HEADER_BYTES: usize = GZIP_HEADER_BYTES + 8 + 6 + 2;

/// Reads stored bytes as they are, or packs some and reads them damaged.
///
/// ```text
/// input = how stored                      how % 4 = 0: read `stored` as it is
///       | how shape at at mask content    1: gzip, 2: zstd, 3: as 1 with a header in full
/// ```
/// `how / 4` is how many bytes one read gives, `shape` how often the content is repeated and into
/// how many members it is cut. A `mask` of 0 cuts the archive at `at`, any other flips bits there.
pub fn check(input: &[u8]) {
    let Some((&how, rest)) = input.split_first() else {
        return;
    };
    let read_len = usize::from(how / 4);
    match (how % 4, rest) {
        (0, stored) => check_stored(stored, read_len),
        (kind, &[shape, high, low, mask, ref content @ ..]) => {
            let archive = Archive::pack(kind, shape, content);
            archive.check(usize::from(u16::from_be_bytes([high, low])), mask, read_len);
        }
        _ => {}
    }
}

/// Any bytes are read as another reader of the same compression does, or refused as it does.
fn check_stored(stored: &[u8], read_len: usize) {
    // Whatever it is told to be, telling it ends well.
    for compression in [Compression::Plain, Compression::Gzip] {
        let _ = hold_no_container(compression, stored);
    }
    let oracle = match Compression::of_magic(stored) {
        Err(_) => Err(io::ErrorKind::Unsupported.into()),
        Ok(Compression::Plain) => Ok(stored.to_vec()),
        Ok(Compression::Gzip) => read_gzip(stored),
        Ok(Compression::Zstd) => zstd::stream::read::Decoder::new(stored).and_then(read_all),
    };
    match (read(stored, read_len), oracle) {
        (Ok(content), Ok(expected)) if expected.len() < CONTENT_BYTES_MAX => {
            content.check(&masked(&expected), "stored bytes");
        }
        (Ok(_), Ok(_)) | (Err(_), Err(_)) => {}
        // Past the limit of what is compared, only one of the two has seen the damage.
        (Err(_), Ok(expected)) if CONTENT_BYTES_MAX <= expected.len() => {}
        (Ok(content), Err(error)) => {
            panic!("{} bytes read, refused with {error}", content.bytes_total())
        }
        (Err(error), Ok(expected)) => panic!("{error}, but {} bytes can be read", expected.len()),
    }
}

/// As another reader of gzip does that knows of no padding, without the zeros at the end: the last
/// bytes of a member may be some of them.
fn read_gzip(stored: &[u8]) -> io::Result<Vec<u8>> {
    let last = stored.iter().rposition(|&byte| byte != 0);
    let least = last.map_or(0, |last| last + 1);
    let ends = (least..stored.len().min(least + MEMBER_ZEROS_MAX)).chain([stored.len()]);
    let readings = ends.map(|end| read_all(MultiGzDecoder::new(&stored[..end])));
    readings
        .reduce(|found, next| if found.is_ok() { found } else { next })
        .expect("the whole is one")
}

fn read_all(reader: impl Read) -> io::Result<Vec<u8>> {
    let mut content = Vec::new();
    reader
        .take(CONTENT_BYTES_MAX as u64)
        .read_to_end(&mut content)?;
    Ok(content)
}

fn read(stored: &[u8], read_len: usize) -> Result<Collected, DecodeError> {
    let mut content = Collected::new(true);
    let reader = open(Dribble {
        inner: Cursor::new(stored.to_vec()),
        read_len,
    })?;
    content.take(Blocks::of_stream(reader))?;
    Ok(content)
}

/// A reader that gives a few bytes at a time, as pipes do; 0 gives all that is asked for.
struct Dribble {
    inner: Cursor<Vec<u8>>,
    read_len: usize,
}

impl Read for Dribble {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.read_len {
            0 => self.inner.read(buffer),
            most => {
                let len = buffer.len().min(most);
                self.inner.read(&mut buffer[..len])
            }
        }
    }
}

/// A valid archive and what it holds.
struct Archive {
    compression: Compression,
    stored: Vec<u8>,
    content: Vec<u8>,
    /// Stored and content bytes up to the end of each member, nothing first.
    ends: Vec<(usize, usize)>,
    /// Bytes at the start of each member that no checksum covers.
    header_len: usize,
}

impl Archive {
    fn pack(kind: u8, shape: u8, content: &[u8]) -> Self {
        let repeated = content.repeat(1 << (shape & 7));
        let content = &repeated[..repeated.len().min(PACKED_CONTENT_BYTES_MAX)];
        let members = 1 + usize::from(shape >> 3 & 3);
        let level = u32::from(shape >> 5);
        let mut stored = Vec::new();
        let mut ends = vec![(0, 0)];
        let member_len = content.len().div_ceil(members).max(1);
        for member in 0..members {
            let from = content.len().min(member * member_len);
            let to = content.len().min(from + member_len);
            match kind {
                2 => zstd_frame(&content[from..to], level, &mut stored),
                _ => gzip_member(&content[from..to], level, kind == 3, &mut stored),
            }
            ends.push((stored.len(), to));
        }
        let compression = if kind == 2 {
            Compression::Zstd
        } else {
            Compression::Gzip
        };
        Archive {
            compression,
            stored,
            content: content.to_vec(),
            ends,
            header_len: match kind {
                1 => GZIP_HEADER_BYTES,
                3 => GZIP_FULL_HEADER_BYTES,
                _ => 0,
            },
        }
    }

    /// Whether the stored byte at `at` is in the header of a member.
    fn is_in_header(&self, at: usize) -> bool {
        let members = self.ends.iter().map(|(stored, _)| *stored);
        members
            .into_iter()
            .any(|from| (from..from + self.header_len).contains(&at))
    }

    /// Damages the archive at one place: it is refused, or its whole content comes out.
    fn check(&self, at: usize, mask: u8, read_len: usize) {
        let whole = read(&self.stored, read_len).expect("a valid archive is read");
        whole.check(&self.content, "undamaged");
        let mut damaged = self.stored.clone();
        let (expected, how) = match mask {
            0 => {
                damaged.truncate(at % (self.stored.len() + 1));
                let end = self
                    .ends
                    .iter()
                    .find(|(stored, _)| *stored == damaged.len());
                (end.map(|(_, content)| &self.content[..*content]), "cut")
            }
            mask => {
                let at = at % damaged.len();
                damaged[at] ^= mask;
                (Some(&self.content[..]), "flipped")
            }
        };
        // Without its magic number it is no archive any more: the stored bytes come as they are,
        // or it is something that is not read. Its lines are then rejected, not misread. And no
        // checksum covers the header of a gzip member: with another length of its fields, it can
        // swallow members and still be a valid archive, which nobody can tell.
        let is_other = Compression::of_magic(&damaged) != Ok(self.compression);
        if is_other || (mask != 0 && self.is_in_header(at % self.stored.len())) {
            return check_stored(&damaged, read_len);
        }
        check_salvage(&damaged, (mask == 0).then_some(&self.content[..]), read_len);
        match (read(&damaged, read_len), expected) {
            (Ok(content), Some(expected)) => content.check(expected, how),
            (Ok(content), None) => panic!("cut in a member, {} bytes read", content.bytes_total()),
            (Err(error), Some(_)) if mask == 0 => panic!("cut behind a member: {error}"),
            (Err(_), _) => {}
        }
    }
}

/// What can be read of an archive is the same whenever it is read, up to its last whole line; of one
/// that was cut it is a part of the content.
fn check_salvage(stored: &[u8], content: Option<&[u8]>, read_len: usize) {
    let reader = || {
        let inner = Cursor::new(stored.to_vec());
        open(Dribble { inner, read_len })
    };
    let mut first = reader().expect("it was opened before").salvaging();
    let mut prefix = vec![0; 2 * PACKED_CONTENT_BYTES_MAX];
    let Ok(len) = first.fill(&mut prefix) else {
        panic!("damage is no error where it is the end");
    };
    prefix.truncate(len);
    if let Some(content) = content {
        assert!(
            content.starts_with(&prefix),
            "a cut archive is salvaged as another log"
        );
    }
    let Some(damage) = first.damage() else { return };
    let kept = prefix
        .iter()
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    assert_eq!(damage.whole_lines_to, kept as u64);
    let mut again = Collected::new(true);
    let second = reader().expect("it was opened before").cut_at(kept as u64);
    again
        .take(Blocks::of_stream(second))
        .expect("it was read before");
    again.check(&masked(&prefix[..kept]), "salvaged");
}

fn gzip_member(content: &[u8], level: u32, is_in_full: bool, stored: &mut Vec<u8>) {
    let builder = match is_in_full {
        true => GzBuilder::new()
            .filename("a.log")
            .comment("c")
            .extra(&b"ab\x02\0xy"[..])
            .mtime(7),
        false => GzBuilder::new(),
    };
    let mut encoder = builder.write(stored, flate2::Compression::new(level));
    encoder
        .write_all(content)
        .and_then(|()| encoder.try_finish())
        .expect("packed");
}

/// With its checksum, as the program `zstd` writes it: without one, nobody can see damage.
fn zstd_frame(content: &[u8], level: u32, stored: &mut Vec<u8>) {
    let mut encoder = zstd::stream::write::Encoder::new(stored, level as i32).expect("an encoder");
    encoder.include_checksum(true).expect("it can");
    encoder
        .write_all(content)
        .and_then(|()| encoder.finish().map(drop))
        .expect("packed");
}
