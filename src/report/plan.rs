//! What changes in OUT when something is published: what goes in, and what does not agree with it and goes out.
//!
//! The rule stands in `dataset.rs`.
//!
//! A month that is published alone stands beside the others. They must be of the same store and on the same clock,
//! and FOCUS of the same version, else the command is refused, also where nothing tells, as in what a version
//! left that did not note it; registry, prices and factors may be each month's own.
//! The bill of a month rests on others where it corrects closed ones, or where packages pass from month to month:
//! what of those is not made of the same as what is published now goes, and is named, FOCUS with its charges. What a
//! close froze is the same as long as the close is.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::build::{Build, Building};
use super::dataset::{Dataset, PublishError, write_error};
use super::folders::{MADE_OF, QUARANTINE_FILE, folder_name, months_in};
use super::made_of::{FilesOf, MadeOf, file_facts};
use super::origin::Origin;
use super::standing::Standing;
use crate::disk::{Act, Step, is_there, write_file};
use crate::units::Month;

/// What is published together.
#[derive(Debug)]
pub struct Publication<'a> {
    /// The datasets that were built.
    pub datasets: Vec<Building>,
    /// What they were made of.
    pub origin: &'a Origin<'a>,
    /// The only month of them, where one was named: all others stay as they are.
    pub only: Option<Month>,
    /// Whether there are rejected lines; `None` leaves their file as it is.
    pub quarantine: Option<bool>,
}

/// A dataset of an earlier command that was removed, or a month of it.
#[derive(Debug, PartialEq, Eq)]
pub struct Removed {
    /// What it was.
    pub dataset: Dataset,
    /// Where it was.
    pub path: PathBuf,
    /// The file of it that was not what was written, if it was made of the same.
    pub unlike: Option<String>,
}

/// What others keep under the name of a dataset, beside what is published.
#[derive(Debug, PartialEq, Eq)]
pub struct Left {
    /// Where it is.
    pub path: PathBuf,
    /// What it is, in words.
    pub what: String,
}

/// A month that goes, or all of a dataset; and the file of it that is not what was written, if that is why.
type Going = (Option<Month>, Option<String>);

/// What is done, step by step.
pub(super) struct Plan<'a> {
    pub(super) steps: Vec<Step>,
    pub(super) removed: Vec<Removed>,
    pub(super) left: Vec<Left>,
    out: &'a Path,
    publication: &'a Publication<'a>,
    made_of: MadeOf,
}

impl<'a> Plan<'a> {
    /// `files` are those of the datasets that were built.
    pub(super) fn make(
        build: &'a Build,
        publication: &'a Publication<'a>,
        files: &[FilesOf],
    ) -> Result<Self, PublishError> {
        let out = build.out();
        let mut plan = Plan {
            steps: Vec::new(),
            removed: Vec::new(),
            left: Vec::new(),
            out,
            publication,
            made_of: MadeOf::read(out)?,
        };
        plan.hold_same_store()?;
        let mut gone: Vec<(Dataset, Vec<Going>)> = Vec::new();
        for dataset in Dataset::ALL {
            let going = plan.going_of(dataset, &gone)?;
            gone.push((dataset, going));
        }
        let gone = gone.into_iter().rev();
        gone.for_each(|(dataset, going)| plan.remove(dataset, going));
        let datasets = publication.datasets.iter().zip(files);
        for dataset in Dataset::ALL {
            let mut built = datasets.clone();
            if let Some(of) = built.find(|(building, _)| building.dataset == dataset) {
                plan.put(of)?;
            }
        }
        plan.put_quarantine(build)?;
        if !plan.steps.is_empty() {
            let path = build.file(MADE_OF);
            write_file(&path, plan.made_of.text().as_bytes()).map_err(write_error(&path))?;
            plan.act(Act::File, MADE_OF);
        }
        Ok(plan)
    }

    fn act(&mut self, act: Act, place: impl Into<String>) {
        let place = place.into();
        self.steps.push(Step { act, place });
    }

    fn is_published(&self, dataset: Dataset) -> bool {
        let mut datasets = self.publication.datasets.iter();
        datasets.any(|of| of.dataset == dataset)
    }

    /// Refuses to put a month beside others of another store, or on another clock, or of which nothing tells.
    fn hold_same_store(&self) -> Result<(), PublishError> {
        let Some(only) = self.publication.only else {
            return Ok(());
        };
        for dataset in Dataset::ALL {
            let place = self.out.join(dataset.name());
            for month in months_in(&place).into_iter().filter(|of| *of != only) {
                let path = place.join(folder_name(month));
                let Some(facts) = self.made_of.of_month(dataset, month) else {
                    match Standing::of(self.out, dataset, &self.made_of) {
                        Standing::Ours => return Err(PublishError::UntoldMonths { path }),
                        _ => break,
                    }
                };
                if let Some((what, then, now)) = self.publication.origin.differs(dataset, facts) {
                    return Err(PublishError::OtherMonths {
                        path,
                        what,
                        then,
                        now,
                    });
                }
            }
        }
        Ok(())
    }

    /// Months of a dataset that go because they do not agree with what is published; all of it is `None`. Where one
    /// month is published, others go only if either rests on the other. What is worked out from charges or costs that
    /// are `gone` goes with them.
    fn going(
        &self,
        dataset: Dataset,
        gone: &[(Dataset, Vec<Going>)],
    ) -> Result<Vec<Going>, PublishError> {
        let Publication {
            datasets,
            origin,
            only,
            ..
        } = self.publication;
        let is_billed = datasets.iter().any(|of| of.dataset.is_priced());
        let is_priced_anew = datasets
            .iter()
            .any(|of| of.dataset.is_priced() && dataset.rests_on(of.dataset));
        let is_published = self.is_published(dataset);
        let places: Vec<Option<Month>> = match only {
            None => vec![None],
            Some(_) => months_in(&self.out.join(dataset.name()))
                .into_iter()
                .map(Some)
                .collect(),
        };
        let mut going = Vec::new();
        for place in places {
            let is_other = place != *only;
            let mut before = gone
                .iter()
                .filter(|(of, _)| of.is_priced() && dataset.rests_on(*of));
            if (is_other || !is_published)
                && before.any(|(_, going)| going.iter().any(|(of, _)| *of == place))
            {
                going.push((place, None));
                continue;
            }
            if is_other {
                let (Some(month), Some(only)) = (place, *only) else {
                    continue;
                };
                let Some(facts) = self.made_of.of_month(dataset, month) else {
                    continue;
                };
                if !origin.is_bound((dataset, month), facts, (only, is_billed)) {
                    continue;
                }
            } else if is_published {
                continue;
            }
            let is_same = (is_other || !is_priced_anew)
                && self
                    .made_of
                    .is_same(dataset, place, (*origin, is_billed && is_other))?;
            if !is_same {
                going.push((place, None));
            } else if let Some(file) = self.made_of.unlike(self.out, dataset, place)? {
                going.push((place, Some(file)));
            }
        }
        Ok(going)
    }

    /// What of a dataset does not agree with what is published; what others keep there is left.
    fn going_of(
        &mut self,
        dataset: Dataset,
        gone: &[(Dataset, Vec<Going>)],
    ) -> Result<Vec<Going>, PublishError> {
        let path = self.out.join(dataset.name());
        let is_published = self.is_published(dataset);
        if self.publication.datasets.is_empty() || is_published && self.publication.only.is_none() {
            return Ok(Vec::new());
        }
        match Standing::of(self.out, dataset, &self.made_of) {
            Standing::Ours => self.going(dataset, gone),
            Standing::Foreign(what) if !is_published => {
                self.left.push(Left { path, what });
                Ok(Vec::new())
            }
            _ => Ok(Vec::new()),
        }
    }

    /// Removes what does not agree; all of a dataset at once where nothing of it stays.
    fn remove(&mut self, dataset: Dataset, mut going: Vec<Going>) {
        let months = months_in(&self.out.join(dataset.name())).into_iter();
        let there: BTreeSet<Option<Month>> = months.map(Some).collect();
        let is_all = !self.is_published(dataset)
            && !going.is_empty()
            && there
                .iter()
                .all(|month| going.iter().any(|(of, _)| of == month));
        if is_all {
            let unlike = going.into_iter().find_map(|(_, unlike)| unlike);
            going = vec![(None, unlike)];
        }
        for (month, unlike) in going {
            self.made_of.forget(dataset, month);
            let place = match month {
                Some(month) => format!("{}/{}", dataset.name(), folder_name(month)),
                None => dataset.name().to_owned(),
            };
            let path = self.out.join(&place);
            self.removed.push(Removed {
                dataset,
                path,
                unlike,
            });
            self.act(Act::Take, place);
        }
    }

    /// Puts in a dataset that was built, or its month.
    fn put(&mut self, (building, files): (&Building, &FilesOf)) -> Result<(), PublishError> {
        let dataset = building.dataset;
        let place = self.out.join(dataset.name());
        Standing::of(self.out, dataset, &self.made_of).hold_ours(place.clone())?;
        let only = self.publication.only;
        let only = only.filter(|_| place.join("_SUCCESS").is_file());
        self.made_of.note(
            dataset,
            (building.path(), files),
            only,
            self.publication.origin,
        )?;
        let Some(month) = only else {
            self.act(Act::Put, dataset.name());
            return Ok(());
        };
        let month = folder_name(month);
        let path = format!("{}/{month}", dataset.name());
        if building.path().join(&month).is_dir() {
            self.act(Act::Put, path);
        } else if is_there(&place.join(&month)) {
            self.act(Act::Take, path);
        }
        Ok(())
    }

    /// Puts in the file of rejected lines, or takes it out where there are none.
    fn put_quarantine(&mut self, build: &Build) -> Result<(), PublishError> {
        let Some(has_lines) = self.publication.quarantine else {
            return Ok(());
        };
        let place: PathBuf = self.out.join(QUARANTINE_FILE);
        Standing::of_quarantine(&place).hold_ours(place.clone())?;
        let origin = self.publication.origin;
        if has_lines {
            let path = build.file(QUARANTINE_FILE);
            let facts = file_facts(&path).map_err(write_error(&path))?;
            self.made_of
                .note_file(QUARANTINE_FILE, Some(facts), origin)?;
            self.act(Act::File, QUARANTINE_FILE);
        } else if is_there(&place) {
            self.made_of.note_file(QUARANTINE_FILE, None, origin)?;
            self.act(Act::Take, QUARANTINE_FILE);
        }
        Ok(())
    }
}
