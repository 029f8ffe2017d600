//! Publishing: what one command built is swapped in together, or not at all (`disk/published`).
//!
//! The order: what is to be removed goes first, the last of the derivation first; then datasets, each behind what
//! it derives from (`dataset.rs`); then the file of rejected lines and what all was made of.
//!
//! What readers can rely on: every dataset is the old or the new one, whole; while `OUT/_PUBLISHING` is there, some
//! may be old and some new, so who reads several together waits until it is gone. It is gone within moments, unless
//! the command was killed: then the next one removes it. Source: DESIGN D8, FEATURES §4.

use rayon::prelude::*;

use super::build::{Build, Building};
use super::dataset::PublishError;
use super::folders::QUARANTINE_FILE;
use super::made_of::{FilesOf, MadeOf};
use super::origin::Origin;
use super::plan::{Left, Plan, Publication, Removed};
use super::standing::Standing;

/// Whether the file of rejected lines that was written into OUT is not of what the store holds now, or gone. One that
/// we never wrote is none.
///
/// Errors: [`PublishError`].
pub fn is_quarantine_stale(build: &Build, origin: &Origin<'_>) -> Result<bool, PublishError> {
    let (out, name) = (build.out(), QUARANTINE_FILE);
    let (path, made_of) = (out.join(name), MadeOf::read(out)?);
    match Standing::of_quarantine(&path) {
        Standing::Nothing | Standing::Foreign(_) if !made_of.has(name) => Ok(false),
        standing => {
            standing.hold_ours(path)?;
            Ok(!made_of.is_same_file((out, name), origin)?)
        }
    }
}

/// Publishes what was built; answers what was removed because it may not agree with it, and what others keep there.
///
/// Errors: [`PublishError`]; all is as it was then, unless the error says what is not.
pub fn publish(
    build: &Build,
    publication: &Publication<'_>,
) -> Result<(Vec<Removed>, Vec<Left>), PublishError> {
    let datasets = publication.datasets.par_iter();
    let files: Result<Vec<FilesOf>, PublishError> = datasets.map(Building::seal).collect();
    let turn = build.turn()?;
    let plan = Plan::make(build, publication, &files?)?;
    turn.swap(&plan.steps)?;
    Ok((plan.removed, plan.left))
}
