//! What stored or decompressed bytes are: text, a compression that is read, or an archive that is not.
//!
//! All of it is told by what stands at the start, never by a name. A tar archive has a magic number in
//! three of its four forms only, so it is told by the checksum of its first header:
//!
//! ```text
//! header   name 100 | mode 8 | uid 8 | gid 8 | size 12 | mtime 12 | checksum 8 | type 1 | … 512 bytes
//! checksum octal digits: the sum of all bytes of the header, its own taken for spaces; some old
//!          writers summed signed bytes
//! ```
//! v7, ustar, GNU and pax archives all begin with such a header, and all have zeros in it, which text
//! does not.
//!
//! Source: POSIX pax, section "ustar Interchange Format"; GNU tar manual, "Basic Tar Format", read
//! 2026-11.

use super::error::DecodeError;

/// Bytes at the start of a source that tell what it is.
pub(super) const MAGIC_BYTES: usize = 16;
/// Length of a tar header.
const TAR_HEADER_BYTES: usize = 512;
/// Where the checksum stands in it.
const TAR_CHECKSUM: std::ops::Range<usize> = 148..156;

/// Containers that are recognised and not read, by what they begin with.
const CONTAINERS: [(&[u8], &str); 14] = [
    (b"BZh", "bzip2"),
    (b"\xfd7zXZ\0", "xz"),
    (b"PK\x03\x04", "zip"),
    (b"PK\x05\x06", "zip"),
    (b"PK\x07\x08", "zip"),
    (b"7z\xbc\xaf\x27\x1c", "7z"),
    (b"Rar!\x1a\x07", "rar"),
    (b"\x1f\x9d", "compress (.Z)"),
    (b"PAR1", "Parquet"),
    (b"Obj\x01", "Avro"),
    (b"SQLite format 3\0", "SQLite"),
    (b"\x04\x22\x4d\x18", "lz4"),
    (b"\xff\x06\x00\x00sNaPpY", "snappy"),
    (b"\x89LZO\0\r\n\x1a\n", "lzop"),
];

/// How a source is stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// As it is.
    Plain,
    /// gzip, any number of members.
    Gzip,
    /// Zstandard, any number of frames.
    Zstd,
}

impl Compression {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Compression::Plain => "plain",
            Compression::Gzip => "gzip",
            Compression::Zstd => "zstd",
        }
    }

    /// The compression that `head`, the first bytes of a source, tells.
    ///
    /// Errors: the name of a compression or container that is recognised but not read.
    pub fn of_magic(head: &[u8]) -> Result<Self, &'static str> {
        const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];
        match head {
            [0x1f, 0x8b, ..] => Ok(Compression::Gzip),
            _ if head.starts_with(&ZSTD) => Ok(Compression::Zstd),
            [low, 0x2a, 0x4d, 0x18, ..] if (0x50..=0x5f).contains(low) => Ok(Compression::Zstd),
            _ => container_of(head).map_or(Ok(Compression::Plain), Err),
        }
    }
}

/// The name of a container that `head` begins and that is not read.
fn container_of(head: &[u8]) -> Option<&'static str> {
    let mut containers = CONTAINERS.iter();
    let found = containers.find(|(magic, _)| head.starts_with(magic));
    found.map(|(_, name)| *name)
}

/// Holds that the decompressed bytes of a source, which begin with `sample`, are no container.
///
/// Errors: [`DecodeError`] with what they are.
pub fn hold_no_container(compression: Compression, sample: &[u8]) -> Result<(), DecodeError> {
    if sample.first_chunk().is_some_and(is_tar_header) {
        return Err(DecodeError::Tar);
    }
    let inner = match (compression, Compression::of_magic(sample)) {
        // What is stored as it is was recognised when it was opened.
        (Compression::Plain, _) | (_, Ok(Compression::Plain)) => return Ok(()),
        (_, Ok(inner)) => inner.name(),
        (_, Err(inner)) => inner,
    };
    Err(DecodeError::Nested {
        inner,
        outer: compression.name(),
    })
}

/// Whether a block is the header of a member of a tar archive.
fn is_tar_header(header: &[u8; TAR_HEADER_BYTES]) -> bool {
    let Some(stated) = octal(&header[TAR_CHECKSUM]) else {
        return false;
    };
    let byte_at = |(at, &byte): (usize, &u8)| match TAR_CHECKSUM.contains(&at) {
        true => b' ',
        false => byte,
    };
    let bytes = || header.iter().enumerate().map(byte_at);
    let sum: i64 = bytes().map(i64::from).sum();
    let signed: i64 = bytes().map(|byte| i64::from(byte.cast_signed())).sum();
    header[0] != 0 && header.contains(&0) && (stated == sum || stated == signed)
}

/// The value of octal digits with spaces before and spaces or zeros behind them.
fn octal(field: &[u8]) -> Option<i64> {
    let is_padding = |byte: &u8| matches!(byte, b' ' | 0);
    let from = field.iter().position(|byte| *byte != b' ')?;
    let digits = &field[from..];
    let len = digits.iter().position(is_padding).unwrap_or(digits.len());
    let (digits, rest) = digits.split_at(len);
    if digits.is_empty() || !rest.iter().all(is_padding) {
        return None;
    }
    digits.iter().try_fold(0, |value, digit| match digit {
        b'0'..=b'7' => Some(value * 8 + i64::from(digit - b'0')),
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header() -> [u8; TAR_HEADER_BYTES] {
        let mut header = [0; TAR_HEADER_BYTES];
        header[..6].copy_from_slice(b"a\xe4.log");
        header[TAR_CHECKSUM].copy_from_slice(b"        ");
        header
    }

    #[test]
    fn a7_a_header_of_tar_is_told_by_its_checksum() {
        let blank = header();
        let sum: u32 = blank.iter().map(|byte| u32::from(*byte)).sum();
        // The one byte above 127 counts 256 less where bytes are signed.
        for (sum, is_header) in [(sum, true), (sum - 256, true), (sum + 1, false)] {
            for text in [
                format!("{sum:06o}\0 "),
                format!("{sum:>7o}\0"),
                format!("{sum:07o} "),
            ] {
                let mut header = blank;
                header[TAR_CHECKSUM].copy_from_slice(text.as_bytes());
                assert_eq!(is_tar_header(&header), is_header, "{text:?}");
            }
        }
        assert!(!is_tar_header(&blank));
        assert!(!is_tar_header(&[0; TAR_HEADER_BYTES]));
        assert!(!is_tar_header(&[b'0'; TAR_HEADER_BYTES]));
    }

    #[test]
    fn a7_a_container_is_told_inside_and_outside() {
        let told = |compression, sample: &[u8]| {
            hold_no_container(compression, sample)
                .err()
                .map(|error| error.to_string())
        };
        assert_eq!(told(Compression::Gzip, b"20261001 a line\n"), None);
        assert_eq!(told(Compression::Plain, b""), None);
        let nested = told(Compression::Zstd, b"\x1f\x8b\x08").expect("refused");
        assert!(nested.contains("gzip inside zstd"), "{nested}");
        let nested = told(Compression::Gzip, b"7z\xbc\xaf\x27\x1c").expect("refused");
        assert!(nested.contains("7z inside gzip"), "{nested}");
    }
}
