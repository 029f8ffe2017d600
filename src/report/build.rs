//! Datasets while they are being built: in a folder of the command's own, out of readers' sight
//! (`disk/published/scratch.rs`), as they are to stand in OUT.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::dataset::{Dataset, PublishError, write_error};
use super::folders::folder_name;
use super::made_of::{FilesOf, MadeOf, files_of};
use super::standing::Standing;
use crate::disk::{
    Begun, Scratch, Turn, copy_contents, create_file, fail_at, make_folders, sync_names,
};
use crate::units::Month;

/// What one command builds in a folder; dropped unpublished, it is removed.
#[derive(Clone, Debug)]
pub struct Build {
    scratch: Arc<Scratch>,
    /// What a killed command had swapped in, and was taken back.
    pub taken_back: Vec<String>,
    /// Builds of earlier versions that may be running.
    pub unknown: Vec<PathBuf>,
    /// Called where another command that publishes is waited for.
    tell: fn(&Path),
}

/// A dataset that is being built.
#[derive(Debug)]
pub struct Building {
    pub(super) dataset: Dataset,
    path: PathBuf,
    scratch: Arc<Scratch>,
}

impl Build {
    /// Begins to build for the folder `out`, which is made if missing. What killed commands left there is taken
    /// back and removed. `tell` is called with `out` when another command that publishes there has to be waited for
    /// for longer than a moment.
    ///
    /// Errors: [`PublishError`].
    pub fn begin(out: &Path, tell: fn(&Path)) -> Result<Self, PublishError> {
        let Begun {
            scratch,
            taken_back,
            unknown,
        } = Scratch::begin(out, &Dataset::NAMES, tell)?;
        Ok(Build {
            scratch: Arc::new(scratch),
            taken_back,
            unknown,
            tell,
        })
    }

    /// Begins a dataset.
    ///
    /// Errors: [`PublishError`]; `InTheWay` if something else stands at its place.
    pub fn dataset(&self, dataset: Dataset) -> Result<Building, PublishError> {
        let out = self.scratch.out();
        Standing::of(out, dataset, &MadeOf::read(out)?).hold_ours(out.join(dataset.name()))?;
        let path = self.scratch.built().join(dataset.name());
        make_folders(&path).map_err(write_error(&path))?;
        Ok(Building {
            dataset,
            path,
            scratch: Arc::clone(&self.scratch),
        })
    }

    /// Where to build the file `name` of the same folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.scratch.built().join(name)
    }

    /// The folder in which all is published.
    pub fn out(&self) -> &Path {
        self.scratch.out()
    }

    /// Waits for others that publish there.
    pub(super) fn turn(&self) -> Result<Turn<'_>, PublishError> {
        Ok(self.scratch.turn(self.tell)?)
    }
}

impl Building {
    /// The folder to write into.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The folder in which it is published.
    pub fn out(&self) -> &Path {
        self.scratch.out()
    }

    /// The folder of a month's files, made if missing.
    ///
    /// Errors: [`PublishError`].
    pub fn month(&self, month: Month) -> Result<PathBuf, PublishError> {
        let folder = self.path.join(folder_name(month));
        make_folders(&folder).map_err(write_error(&folder))?;
        Ok(folder)
    }

    /// Takes the files of a month from `folder` as they are.
    ///
    /// Errors: [`PublishError`].
    pub fn take_month(&self, month: Month, folder: &Path) -> Result<(), PublishError> {
        let place = self.month(month)?;
        for entry in fs::read_dir(folder).map_err(write_error(folder))? {
            let entry = entry.map_err(write_error(folder))?;
            let path = place.join(entry.file_name());
            // Its mode is the store's business: what is published is for everybody as ever.
            copy_contents(&entry.path(), &path).map_err(write_error(&path))?;
        }
        Ok(())
    }

    /// Marks the dataset complete and makes all in it durable; answers its files. What is put into OUT of it gets a
    /// mark first (`disk/published/swap.rs`): that makes its names durable, too.
    pub(super) fn seal(&self) -> Result<FilesOf, PublishError> {
        let seal = || {
            fail_at("publish.seal")?;
            // An empty file is no more than its name.
            create_file(&self.path.join("_SUCCESS"))?;
            for entry in fs::read_dir(&self.path)? {
                let folder = entry?.path();
                if folder.is_dir() {
                    sync_names(&folder)?;
                }
            }
            Ok(())
        };
        let seal = || seal().map_err(write_error(&self.path));
        let digest = || files_of(&self.scratch.built(), self.dataset.name());
        let (sealed, files) = rayon::join(seal, digest);
        sealed.and(files)
    }
}
