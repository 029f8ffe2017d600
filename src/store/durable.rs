//! Files that are there whole or not at all: written beside, synced, renamed, the folder synced.

use std::fs::{self, File};
use std::io::{BufWriter, ErrorKind, Write};
use std::path::{Path, PathBuf};

use super::close::CLOSED;
use super::error::{StoreError, file_error};
use super::{QUARANTINE, SEGMENTS, failpoint};

/// Bytes that are written to a file at a time.
const BUFFER_BYTES: usize = 1 << 20;
/// What the names of unfinished files start with.
pub(super) const TEMPORARY: &str = ".writing-";

/// A file on its way. Dropped unfinished, it is removed.
#[derive(Debug)]
pub(super) struct DurableFile {
    file: BufWriter<File>,
    temporary: PathBuf,
    place: PathBuf,
}

impl DurableFile {
    /// Begins the file `name` of `folder`.
    pub(super) fn create(folder: &Path, name: &str) -> Result<Self, StoreError> {
        let temporary = folder.join(format!("{TEMPORARY}{name}"));
        failpoint::reach("file.create");
        let file = File::create(&temporary).map_err(file_error("write", &temporary))?;
        Ok(DurableFile {
            file: BufWriter::with_capacity(BUFFER_BYTES, file),
            temporary,
            place: folder.join(name),
        })
    }

    /// Where to write.
    pub(super) fn writer(&mut self) -> &mut BufWriter<File> {
        &mut self.file
    }

    /// Puts the file in its place, durably but for its folder.
    pub(super) fn finish(mut self) -> Result<(), StoreError> {
        failpoint::reach("file.write");
        self.file
            .flush()
            .map_err(file_error("write", &self.temporary))?;
        failpoint::reach("file.sync");
        self.file
            .get_ref()
            .sync_all()
            .map_err(file_error("sync", &self.temporary))?;
        failpoint::reach("file.rename");
        fs::rename(&self.temporary, &self.place).map_err(file_error("rename", &self.place))?;
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
pub(super) fn sync_folder(path: &Path) -> Result<(), StoreError> {
    failpoint::reach("folder.sync");
    File::open(path)
        .and_then(|folder| folder.sync_all())
        .map_err(file_error("sync", path))
}

/// Makes a folder, durably. A folder above it that we may pass through and not read (mode 711) cannot be synced: if
/// the folder is new, the whole file system is.
pub(super) fn make_folder(path: &Path) -> Result<(), StoreError> {
    let is_new = !path.is_dir();
    fs::create_dir_all(path).map_err(file_error("make", path))?;
    let Some(parent) = path.parent().filter(|of| !of.as_os_str().is_empty()) else {
        return Ok(());
    };
    match File::open(parent) {
        Err(error) if error.kind() == ErrorKind::PermissionDenied => match is_new {
            true => File::open(path)
                .and_then(|folder| Ok(rustix::fs::syncfs(folder)?))
                .map_err(file_error("sync", path)),
            false => Ok(()),
        },
        _ => sync_folder(parent),
    }
}

/// The names of the files in a folder.
pub(super) fn names_in(folder: &Path) -> Result<Vec<String>, StoreError> {
    let list = || -> std::io::Result<Vec<String>> {
        fs::read_dir(folder)?
            .map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()))
            .collect()
    };
    let mut names = list().map_err(file_error("list", folder))?;
    names.sort_unstable();
    Ok(names)
}

/// Whether there are finished files of usage or of rejected lines: a ledger must have named them.
pub(super) fn holds_usage(root: &Path) -> Result<bool, StoreError> {
    for folder in [SEGMENTS, QUARANTINE, CLOSED].map(|name| root.join(name)) {
        let names = match folder.exists() {
            true => names_in(&folder)?,
            false => Vec::new(),
        };
        if names.iter().any(|name| !name.starts_with(TEMPORARY)) {
            return Ok(true);
        }
    }
    Ok(false)
}
