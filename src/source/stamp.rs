//! What the file system says of a file: enough to tell that nobody wrote to it.

use std::fmt;
use std::fs::Metadata;
use std::os::unix::fs::MetadataExt;

/// How old a file's last change must be to be told from a later one. File systems keep times in
/// steps of up to two seconds.
const SETTLED_NANOS: i128 = 2_000_000_000;

/// Place, size and times of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_nanos: i128,
    /// Set by the system at every change, of the times as well: it cannot be turned back.
    changed_nanos: i128,
}

impl Stamp {
    /// The stamp of a file.
    pub fn of(metadata: &Metadata) -> Self {
        let nanos = |secs: i64, nanos: i64| i128::from(secs) * 1_000_000_000 + i128::from(nanos);
        Stamp {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_nanos: nanos(metadata.mtime(), metadata.mtime_nsec()),
            changed_nanos: nanos(metadata.ctime(), metadata.ctime_nsec()),
        }
    }

    /// Its length in bytes.
    pub fn size(&self) -> u64 {
        self.size
    }

    /// Whether `later` is the stamp of the same file with more bytes.
    pub fn may_have_grown_to(&self, later: &Stamp) -> bool {
        (self.device, self.inode) == (later.device, later.inode) && self.size < later.size
    }

    /// Whether a change after `now` would give another stamp. If not, the stamp proves nothing.
    pub fn is_settled(&self, now_nanos: i128) -> bool {
        self.modified_nanos.max(self.changed_nanos) + SETTLED_NANOS < now_nanos
    }
}

/// The form in which stamps are kept and compared.
impl fmt::Display for Stamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Stamp {
            device,
            inode,
            size,
            modified_nanos,
            changed_nanos,
        } = self;
        write!(
            f,
            "{device}:{inode} {size} {modified_nanos} {changed_nanos}"
        )
    }
}
