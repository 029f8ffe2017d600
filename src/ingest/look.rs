//! A second look at a file that was read: whether it is still what was read.
//!
//! A file that is overwritten in place while it is read gives a mixture that never was a content. So when
//! all of it was read, size, times and place are asked for once more, of the file that was opened: it may
//! have another name by then, or none.
//!
//! ```text
//! as before, and the last change long before the run     it is what was read
//! as before, but changed a moment before the run         the same if both ends are: times have steps
//! longer                                                 it has grown, if both ends are the same: what was
//!                                                        read of it counts, the rest comes another time
//! anything else, or another end                          read once more, READINGS_MAX times in all, then
//!                                                        refused
//! ```
//! The ends are the first and the last chunk of what was read, by the digests that a store wants anyway.
//! Of an archive, and where nothing is kept, there are none of what is stored: an archive that was mixed
//! breaks its checksums.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use crate::source::{DIGEST_CHUNK_BYTES, Digest, Seed, Stamp};

/// How often a file that changes while it is read is read at most.
pub const READINGS_MAX: u8 = 3;

/// A file as it was when it was opened.
#[derive(Debug)]
pub(super) struct Look {
    file: File,
    stamp: Stamp,
}

/// The first and the last chunk of what was read of a plain file, by number, and where it ended.
pub(super) struct Ends<'a> {
    pub(super) seed: Seed,
    pub(super) chunks: &'a [(u64, Digest)],
    pub(super) length: u64,
}

impl Look {
    /// Looks at a regular file; `None` at anything else.
    ///
    /// Errors: the system's.
    pub(super) fn at(file: &File) -> io::Result<Option<Self>> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Ok(None);
        }
        let (file, stamp) = (file.try_clone()?, Stamp::of(&metadata));
        Ok(Some(Look { file, stamp }))
    }

    /// Its length then.
    pub(super) fn len(&self) -> u64 {
        self.stamp.size()
    }

    /// The file, to be read again.
    ///
    /// Errors: the system's.
    pub(super) fn file(&self) -> io::Result<File> {
        self.file.try_clone()
    }

    /// Whether it has changed, otherwise than by growing, in a run that began at `now_nanos`.
    ///
    /// Errors: the system's.
    pub(super) fn is_changed(&self, now_nanos: i128, ends: Option<Ends<'_>>) -> io::Result<bool> {
        let now = Stamp::of(&self.file.metadata()?);
        let is_same = now == self.stamp;
        if is_same && self.stamp.is_settled(now_nanos) {
            return Ok(false);
        }
        match ends {
            _ if !is_same && !self.stamp.may_have_grown_to(&now) => Ok(true),
            Some(ends) => Ok(!self.has(&ends)?),
            None => Ok(false),
        }
    }

    /// Whether it still has these ends.
    fn has(&self, ends: &Ends<'_>) -> io::Result<bool> {
        let (first, last) = (ends.chunks.first(), ends.chunks.last());
        for (number, digest) in first.into_iter().chain(last) {
            let from = number * DIGEST_CHUNK_BYTES;
            let to = ends.length.min(from + DIGEST_CHUNK_BYTES);
            let mut text = vec![0; to.saturating_sub(from) as usize];
            match self.file.read_exact_at(&mut text, from) {
                Ok(()) if Digest::of(ends.seed, &text) == *digest => {}
                Err(error) if error.kind() != io::ErrorKind::UnexpectedEof => return Err(error),
                _ => return Ok(false),
            }
            if ends.chunks.len() == 1 {
                break;
            }
        }
        Ok(true)
    }
}
