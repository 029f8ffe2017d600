//! What has no whole of its own: files in a folder that nobody reads yet, and names that are changed or taken away.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::{OpenOptionsExt as _, PermissionsExt as _};
use std::path::Path;

use super::durable::open_file;
use super::error::{DiskError, disk_error};
use super::failpoint::reach;

/// Begins a file anew, in a folder that is being built: who completes the folder answers for it.
///
/// Errors: those of the system.
pub fn create_file(path: &Path) -> io::Result<File> {
    reach("file.create");
    File::create(path)
}

/// The same of one that was not there, and that nobody may read whom `mode` does not allow to.
///
/// Errors: those of the system.
pub fn create_private(path: &Path, mode: u32) -> io::Result<File> {
    let mut options = File::options();
    options.create_new(true).write(true).mode(mode);
    let file = options.open(path)?;
    // Whatever the mask of the process takes away.
    file.set_permissions(Permissions::from_mode(mode))?;
    Ok(file)
}

/// Writes a whole file, in a folder that is being built.
///
/// Errors: those of the system.
pub fn write_file(path: &Path, bytes: &[u8]) -> io::Result<()> {
    fs::write(path, bytes)
}

/// Copies what is in a file to a new one and syncs it, in a folder that is being built; its mode is that of any other.
///
/// Errors: those of the system.
pub fn copy_contents(from: &Path, to: &Path) -> io::Result<()> {
    let mut file = create_file(to)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.sync_all()
}

/// Makes a folder, in one that is being built, and those that it is in.
///
/// Errors: those of the system.
pub fn make_folders(path: &Path) -> io::Result<()> {
    fs::create_dir_all(path)
}

/// Opens what is not to be replaced, such as a pipe, to write at its end.
///
/// Errors: those of the system.
pub fn append_to(path: &Path) -> io::Result<File> {
    File::options().append(true).open(path)
}

/// Changes the name of a file or folder; what is of that name already is replaced.
///
/// Errors: those of the system.
pub fn rename(from: &Path, to: &Path) -> io::Result<()> {
    fs::rename(from, to)
}

/// Removes a file, or a folder with all in it.
///
/// Errors: [`DiskError`].
pub fn remove(path: &Path) -> Result<(), DiskError> {
    match path.is_dir() {
        true => fs::remove_dir_all(path),
        false => fs::remove_file(path),
    }
    .map_err(disk_error("remove", path))
}

/// Gives a file a second name, or copies and syncs it where `is_copy`, or where it cannot have two; answers whether as
/// a link.
///
/// Errors: [`DiskError`].
pub fn link_or_copy(from: &Path, to: &Path, is_copy: bool) -> Result<bool, DiskError> {
    if !is_copy && fs::hard_link(from, to).is_ok() {
        return Ok(true);
    }
    let copied = open_file(from).and_then(|_| fs::copy(from, to));
    copied.map_err(disk_error("copy", from))?;
    sync_file(to)?;
    Ok(false)
}

/// Makes what is in a file durable.
///
/// Errors: [`DiskError`].
pub fn sync_file(path: &Path) -> Result<(), DiskError> {
    let file = File::open(path).and_then(|file| file.sync_all());
    file.map_err(disk_error("sync", path))
}
