//! Which inputs there are: files, folders, globs and standard input, each found once.
//!
//! Owns: discovery, logical names, opening, and how a content is told from another (digests).
//! Does not own: what is in an input, compression, which contents were seen before.
//! Invariant: an input that is reached by two ways is one source.

mod digest;
mod discover;
mod input;
mod name;
mod pipe;
mod stamp;

use std::fs::File;
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;

pub use digest::{
    Content, DIGEST_CHUNK_BYTES, Digest, OPENING_BYTES, Opening, PartDigests, PartHasher, Seed,
};
pub use discover::{DiscoverError, Discovered, Mark, discover, discover_but};
pub use input::Input;
pub use name::{is_there, name_of, path_of};
pub use pipe::Pipe;
pub use stamp::Stamp;

/// Where a source's bytes come from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A file.
    File(PathBuf),
    /// Standard input.
    Stdin,
    /// Nowhere: it is not read.
    Barred(Bar),
}

/// Why an entry of a folder is passed over, which is said of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Bar {
    /// A link that leads nowhere.
    #[error(
        "cannot open it: it is a link that leads nowhere ({0}); remove it, or restore what it leads to"
    )]
    Link(String),
    /// A folder that cannot be listed.
    #[error("it is a folder that cannot be listed ({0}); check its permissions")]
    Folder(String),
    /// It cannot be looked at.
    #[error("it cannot be looked at ({0}); check its permissions")]
    Look(String),
    /// Something whose reading might never end.
    #[error("it is {0}, which is read only where it is named itself")]
    Special(&'static str),
}

/// One input that is counted as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The [name](name_of) of the path as found, or `-`: what it is called in messages.
    pub name: String,
    /// Its logical name: that of the path from the root, links followed; `-` for standard input.
    pub identity: String,
    /// Where its bytes come from.
    pub origin: Origin,
    /// Bytes as stored, compressed or not; `None` where that is not known beforehand.
    pub stored_bytes: Option<u64>,
    /// What the file system says of the file; `None` for what is no regular file.
    pub stamp: Option<Stamp>,
}

impl Source {
    /// The file; `None` for standard input and what is barred.
    pub fn path(&self) -> Option<&Path> {
        match &self.origin {
            Origin::File(path) => Some(path),
            Origin::Stdin | Origin::Barred(_) => None,
        }
    }

    /// Whether it can be read a second time: a pipe cannot.
    pub fn is_repeatable(&self) -> bool {
        self.stamp.is_some()
    }

    /// Opens the file. A FIFO that nobody writes to yet is no reason to wait.
    ///
    /// Errors: the system's, `InvalidInput` for what is no file.
    pub fn open_file(&self) -> io::Result<File> {
        let Some(path) = self.path() else {
            return Err(io::Error::from(io::ErrorKind::InvalidInput));
        };
        let mut options = File::options();
        if !self.is_repeatable() {
            options.custom_flags(OFlags::NONBLOCK.bits().cast_signed());
        }
        options.read(true).open(path)
    }
}
