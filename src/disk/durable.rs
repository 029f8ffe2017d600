//! Files of a store that are there whole or not at all: written beside, synced, renamed, the folder synced.
//!
//! The rejected lines of a store hold addresses of clients and tokens of URLs, its names what customers are called.
//! So a new store is its owner's alone: 0700, its files 0600; with `--group-readable` 0750 and 0640. From then on
//! every file has the mode of the folder that it is made in, as far as files have one, so a store that was made
//! otherwise, or whose folders were given another mode, stays as it is.
//!
//! A store may be written to by another user than its owner: what is made belongs to the owner and the group of the
//! folder that it is made in, as far as the process may give it to them: root may. Others can only give
//! it the group, where they are in it; so another user writes to a store only if its folder lets its group
//! write, of which that user is, or everybody. All else is refused at the start: the owner could not read it.

use std::fs::{self, DirBuilder, File, OpenOptions, Permissions};
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::{
    DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _, chown, fchown,
};
use std::path::{Path, PathBuf};

use super::error::{DiskError, disk_error};
use super::failpoint;

/// Bytes that are written to a file at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// What the names of unfinished files start with.
pub const TEMPORARY: &str = ".writing-";

/// Modes of a store that is its owner's alone, and of one that a group may read.
const OWNER_ONLY: u32 = 0o700;
const GROUP_READABLE: u32 = 0o750;
/// What is said of a folder, pipe, socket or device in the place of a file.
const NO_FILE: &str = "it is no regular file; move it away, and restore the file from a copy";
/// What of a folder's mode files have.
const FILE_BITS: u32 = 0o666;

/// The modes of files and folders in a store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Modes {
    folder: u32,
    /// User and group of the folder; none of a new one.
    owner: Option<(u32, u32)>,
}

impl Modes {
    /// Those of a store that is there, by the mode of its folder.
    ///
    /// Errors: [`DiskError`].
    pub fn of(root: &Path) -> Result<Self, DiskError> {
        let found = fs::metadata(root).map_err(disk_error("open", root))?;
        Ok(Modes {
            owner: Some((found.uid(), found.gid())),
            ..Modes::by_folder(found.permissions().mode())
        })
    }

    /// Who the owner of the folder is, and who we are, where the owner could not read what we make; else `None`.
    pub fn unreadable_by_owner(self) -> Option<(u32, u32)> {
        use rustix::process::{getegid, geteuid, getgroups};
        let (owner, group) = self.owner?;
        let user = geteuid();
        let is_in_group = || {
            getegid().as_raw() == group
                || getgroups().is_ok_and(|all| all.iter().any(|of| of.as_raw() == group))
        };
        let is_for = |bits: u32| self.folder & bits == bits;
        let is_readable = user.is_root()
            || user.as_raw() == owner
            || is_for(0o006)
            || is_for(0o060) && is_in_group();
        (!is_readable).then(|| (owner, user.as_raw()))
    }

    /// Those of a new store.
    pub fn of_new(is_group_readable: bool) -> Self {
        Modes::by_folder(if is_group_readable {
            GROUP_READABLE
        } else {
            OWNER_ONLY
        })
    }

    fn by_folder(mode: u32) -> Self {
        Modes {
            folder: OWNER_ONLY | mode & 0o777,
            owner: None,
        }
    }

    /// Whether the group may read.
    pub fn is_group_readable(self) -> bool {
        self.folder & 0o040 != 0
    }

    fn file(self) -> u32 {
        self.folder & FILE_BITS
    }

    /// Makes an empty file, unless it is there.
    ///
    /// Errors: [`DiskError`].
    pub fn make_missing(self, path: &Path) -> Result<(), DiskError> {
        self.open_or_make(path).map(drop)
    }

    /// Opens a file to read and write, and makes it if it is not there.
    pub(super) fn open_or_make(self, path: &Path) -> Result<File, DiskError> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(false).read(true).write(true);
        let is_new = !path.exists();
        let file = options.mode(self.file()).open(path);
        let file = file.map_err(disk_error("open", path))?;
        if is_new {
            self.set(path)?;
        }
        Ok(file)
    }

    /// Begins a file anew.
    fn make(self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).truncate(true).write(true);
        let file = options.mode(self.file()).open(path)?;
        self.give(file.metadata()?, |user, group| fchown(&file, user, group))?;
        // Whatever the mask of the process takes away.
        file.set_permissions(Permissions::from_mode(self.file()))?;
        Ok(file)
    }

    /// Has something that was made belong to whom the folder belongs to.
    fn give(
        self,
        made: fs::Metadata,
        chown: impl FnOnce(Option<u32>, Option<u32>) -> io::Result<()>,
    ) -> io::Result<()> {
        let Some((user, group)) = self.owner else {
            return Ok(());
        };
        if (made.uid(), made.gid()) == (user, group) {
            return Ok(());
        }
        match rustix::process::geteuid().is_root() {
            true => chown(Some(user), Some(group)),
            false => {
                // Where that is refused, and matters, the store was not opened to write.
                let _ = chown(None, Some(group));
                Ok(())
            }
        }
    }

    /// Gives a file or folder of a store its mode.
    ///
    /// Errors: [`DiskError`].
    pub fn set(self, path: &Path) -> Result<(), DiskError> {
        let mode = if path.is_dir() {
            self.folder
        } else {
            self.file()
        };
        let set = || {
            let own = |user, group| chown(path, user, group);
            self.give(fs::metadata(path)?, own)?;
            fs::set_permissions(path, Permissions::from_mode(mode))
        };
        set().map_err(disk_error("set", path))
    }
}

/// Opens a durable file to read.
///
/// Errors: those of the system, and where something else stands in its place: a pipe or a device would have us wait
/// for good.
pub fn open_file(path: &Path) -> io::Result<File> {
    let mut options = OpenOptions::new();
    let unblocked = rustix::fs::OFlags::NONBLOCK.bits().cast_signed();
    let file = options.read(true).custom_flags(unblocked).open(path)?;
    match file.metadata()?.is_file() {
        true => Ok(file),
        false => Err(io::Error::other(NO_FILE)),
    }
}

/// Refuses what is no file at the place of one.
///
/// Errors: [`DiskError`], where it is something else.
pub fn hold_is_file(path: &Path) -> Result<(), DiskError> {
    match fs::metadata(path) {
        Ok(found) if !found.is_file() => Err(disk_error("open", path)(io::Error::other(NO_FILE))),
        _ => Ok(()),
    }
}

/// A file on its way. Dropped unfinished, it is removed.
#[derive(Debug)]
pub struct DurableFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    place: PathBuf,
}

impl DurableFile {
    /// Begins the file `name` of `folder`, which may be read by whom that may be read by.
    ///
    /// Errors: [`DiskError`].
    pub fn create(folder: &Path, name: &str) -> Result<Self, DiskError> {
        let temporary = folder.join(format!("{TEMPORARY}{name}"));
        failpoint::reach("file.create");
        let file = Modes::of(folder)?.make(&temporary);
        let file = file.map_err(disk_error("write", &temporary))?;
        Ok(DurableFile {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            temporary,
            place: folder.join(name),
        })
    }

    /// Writes the whole file `name` of `folder`, durably but for its folder.
    ///
    /// Errors: [`DiskError`].
    pub fn keep((folder, name): (&Path, &str), bytes: &[u8]) -> Result<(), DiskError> {
        let mut file = DurableFile::create(folder, name)?;
        let written = file.writer().write_all(bytes);
        written.map_err(disk_error("write", &file.place))?;
        file.finish()
    }

    /// Where to write.
    pub fn writer(&mut self) -> &mut BufWriter<File> {
        &mut self.file
    }

    /// Puts the file in its place, durably but for its folder.
    ///
    /// Errors: [`DiskError`].
    pub fn finish(mut self) -> Result<(), DiskError> {
        failpoint::reach("file.write");
        self.file
            .flush()
            .map_err(disk_error("write", &self.temporary))?;
        failpoint::reach("file.sync");
        self.file
            .get_ref()
            .sync_all()
            .map_err(disk_error("sync", &self.temporary))?;
        failpoint::reach("file.rename");
        fs::rename(&self.temporary, &self.place).map_err(disk_error("rename", &self.place))?;
        failpoint::reach("file.renamed");
        Ok(())
    }
}

impl Drop for DurableFile {
    fn drop(&mut self) {
        // After the rename there is nothing under this name.
        let _ = fs::remove_file(&self.temporary);
    }
}

/// Makes the names in a folder durable.
///
/// Errors: [`DiskError`].
pub fn sync_folder(path: &Path) -> Result<(), DiskError> {
    failpoint::reach("folder.sync");
    sync_names(path).map_err(disk_error("sync", path))
}

/// The same of a folder in which is published: what is named and killed there has places of its own.
///
/// Errors: those of the system.
pub fn sync_names(path: &Path) -> io::Result<()> {
    File::open(path)?.sync_all()
}

/// Makes a folder of a store, durably, unless it is there; those that it is in are made as ever. A folder above it
/// that we may pass through and not read (mode 711) cannot be synced: if the folder is new, the file system is.
///
/// Errors: [`DiskError`].
pub fn make_folder(path: &Path, modes: Modes) -> Result<(), DiskError> {
    let is_new = !path.is_dir();
    if is_new {
        let make = || {
            let parent = path.parent().unwrap_or(Path::new(""));
            if !parent.as_os_str().is_empty() {
                fs::create_dir_all(parent)?;
            }
            match DirBuilder::new().mode(modes.folder).create(path) {
                // Another process that begins at the same time was first.
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
                    Ok(())
                }
                made => made,
            }
        };
        make().map_err(disk_error("make", path))?;
        modes.set(path)?;
    }
    let Some(parent) = path.parent().filter(|of| !of.as_os_str().is_empty()) else {
        return Ok(());
    };
    match File::open(parent) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => match is_new {
            true => File::open(path)
                .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
                .map_err(disk_error("sync", path)),
            false => Ok(()),
        },
        _ => sync_folder(parent),
    }
}

/// The names of the files in a folder, in order.
///
/// Errors: [`DiskError`].
pub fn names_in(folder: &Path) -> Result<Vec<String>, DiskError> {
    let list = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let mut names = list().map_err(disk_error("list", folder))?;
    names.sort_unstable();
    Ok(names)
}
