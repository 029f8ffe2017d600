//! Where stored bytes are read from, whatever holds them.

use std::fmt::Debug;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;

use super::Stamp;

/// Stored bytes that can be read from any place on: a file now, an object of a store later.
pub trait Input: Debug + Send + Sync {
    /// How many bytes there are.
    ///
    /// Errors: those of whatever holds them.
    fn length(&self) -> io::Result<u64>;

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// Errors: `UnexpectedEof` where there are fewer; those of whatever holds them.
    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()>;

    /// All bytes in order, from the first one on. Several may be read side by side.
    ///
    /// Errors: those of whatever holds them.
    fn stream(&self) -> io::Result<Box<dyn Read + Send>>;

    /// What tells whether it has changed since; `None` where nothing does.
    ///
    /// Errors: those of whatever holds them.
    fn version(&self) -> io::Result<Option<String>>;
}

/// A regular file: its place is what is read, not its name, which may come to stand for another file.
impl Input for File {
    fn length(&self) -> io::Result<u64> {
        Ok(self.metadata()?.len())
    }

    fn read_exact_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<()> {
        FileExt::read_exact_at(self, buffer, offset)
    }

    fn stream(&self) -> io::Result<Box<dyn Read + Send>> {
        Ok(Box::new(Cursor {
            file: self.try_clone()?,
            at: 0,
        }))
    }

    fn version(&self) -> io::Result<Option<String>> {
        Ok(Some(Stamp::of(&self.metadata()?).to_string()))
    }
}

/// Reads a file without its own cursor, which others may use.
#[derive(Debug)]
struct Cursor {
    file: File,
    at: u64,
}

impl Read for Cursor {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.file.read_at(buffer, self.at)?;
        self.at += read as u64;
        Ok(read)
    }
}
