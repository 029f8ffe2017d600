//! Files of which no more is read than a limit allows, whoever wrote them. The limit is held while reading, since a
//! pipe does not tell its size.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Take};
use std::path::Path;

use super::durable::open_file;

/// Opens a file that somebody hands in, be it a pipe. Of one that is larger than `bytes_max`, one byte more can be
/// read: that tells.
///
/// Errors: those of the system.
pub fn open_bounded(path: &Path, bytes_max: u64) -> io::Result<Take<File>> {
    Ok(File::open(path)?.take(bytes_max + 1))
}

/// All of a file that somebody hands in.
///
/// Errors: those of the system, and `FileTooLarge` where it has more than `bytes_max`.
pub fn read_bounded(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open_bounded(path, bytes_max)?.read_to_end(&mut bytes)?;
    within(bytes_max, bytes.len())?;
    Ok(bytes)
}

/// The same of one that is text.
///
/// Errors: those of [`read_bounded`], and `InvalidData` where it is no UTF-8.
pub fn read_text_bounded(path: &Path, bytes_max: u64) -> io::Result<String> {
    let bytes = read_bounded(path, bytes_max)?;
    String::from_utf8(bytes).map_err(|error| io::Error::new(ErrorKind::InvalidData, error))
}

fn within(bytes_max: u64, bytes: usize) -> io::Result<()> {
    match bytes_max < bytes as u64 {
        true => Err(ErrorKind::FileTooLarge.into()),
        false => Ok(()),
    }
}

/// What a durable file begins with: all of it, if it has no more than `bytes_max`.
///
/// Errors: those of [`open_file`].
pub fn read_start(path: &Path, bytes_max: u64) -> io::Result<Vec<u8>> {
    let mut start = Vec::new();
    open_file(path)?.take(bytes_max).read_to_end(&mut start)?;
    Ok(start)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_file_of_the_limit_is_read_and_one_byte_more_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        for bytes in 0..5 {
            fs::write(&path, "x".repeat(bytes)).expect("written");
            let read = read_bounded(&path, 3).map_err(|error| error.kind());
            let text = read_text_bounded(&path, 3).map_err(|error| error.kind());
            let expected = match bytes {
                0..=3 => Ok("x".repeat(bytes)),
                _ => Err(ErrorKind::FileTooLarge),
            };
            assert_eq!(read, expected.clone().map(String::into_bytes), "{bytes}");
            assert_eq!(text, expected, "{bytes}");
            let start = read_start(&path, 3).expect("read");
            assert_eq!(start, "x".repeat(bytes.min(3)).into_bytes(), "{bytes}");
        }
    }

    #[test]
    fn text_that_is_cut_within_a_letter_is_too_large_and_no_other_text() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("file");
        fs::write(&path, "流量").expect("written");
        let kind = |bytes_max| read_text_bounded(&path, bytes_max).map_err(|error| error.kind());
        assert_eq!(kind(3), Err(ErrorKind::FileTooLarge));
        assert_eq!(kind(6), Ok("流量".to_owned()));
        fs::write(&path, b"\xff").expect("written");
        assert_eq!(kind(3), Err(ErrorKind::InvalidData));
    }
}
