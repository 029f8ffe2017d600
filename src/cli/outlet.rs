//! Where a command publishes: all that it built goes there together, and what goes or stays beside it is said.

use super::Failure;
use super::progress::say;
use super::quarantine::renew;
use super::signals::begin_to_publish;
use crate::report::{
    BilledBy, Build, Building, Dataset, Origin, Publication, QUARANTINE_FILE, Terms, publish,
};
use crate::store::Store;
use crate::units::Month;

/// Where all goes together.
#[derive(Debug)]
pub(super) struct Place<'a> {
    pub(super) build: Build,
    /// The store that is published, as it was before its usage was read.
    origin: Option<(&'a Store, Origin<'a>)>,
    /// The only month that is published.
    pub(super) only: Option<Month>,
    /// Whether all usage was read at once: then it is of one state, whoever wrote to the store meanwhile.
    pub(super) is_read_at_once: bool,
    /// Whether there are rejected lines, where their file is written.
    pub(super) quarantine: Option<bool>,
}

impl<'a> Place<'a> {
    /// A folder with nothing in it to publish yet.
    pub(super) fn new(build: Build) -> Self {
        Place {
            build,
            origin: None,
            only: None,
            is_read_at_once: false,
            quarantine: None,
        }
    }

    /// Begins to publish what a store holds now, of `only` one month if it is named.
    pub(super) fn take_store(
        &mut self,
        store: &'a Store,
        terms: &Terms<'_>,
        only: Option<Month>,
    ) -> Result<(), Failure> {
        self.origin = Some((store, Origin::of_store(store, terms)?));
        self.only = only;
        Ok(())
    }

    /// Publishes datasets, with what was billed by if anything was, and the file of rejected lines: if it was written,
    /// or that in OUT is of another state of the store. Says which datasets of earlier commands were removed. `false`
    /// where the store changed between two readings of it, or something stays in OUT that may not agree.
    pub(super) fn publish(
        &mut self,
        datasets: Vec<Building>,
        terms: &Terms<'_>,
        billed_by: Option<BilledBy>,
    ) -> Result<bool, Failure> {
        let (store, mut origin) = match self.origin.take() {
            Some((store, origin)) => (Some(store), origin),
            None => (None, Origin::of_run(terms)),
        };
        origin.bill_by(billed_by.unwrap_or_default());
        if let (false, Some(store), None) = (datasets.is_empty(), store, self.quarantine) {
            self.quarantine = renew(&self.build, store, &origin)?;
        }
        let is_still = datasets.is_empty() || self.is_read_at_once || origin.is_still()?;
        let publication = Publication {
            datasets,
            origin: &origin,
            only: self.only,
            quarantine: self.quarantine,
        };
        begin_to_publish()?;
        let is_alone = publish_all(&self.build, &publication)?;
        let out = self.build.out();
        if self.quarantine == Some(true) {
            let path = out.join(QUARANTINE_FILE);
            say(&format!("rejected lines are in {}", path.display()));
        }
        if !is_still {
            say(&format!(
                "the store was written to while it was read: months in {} may be of different states of it; run the \
                 command again",
                out.display()
            ));
        }
        Ok(is_still && is_alone)
    }
}

/// Publishes what was built, and says which datasets of earlier commands were removed, and what others keep there;
/// whether that is nothing.
fn publish_all(build: &Build, publication: &Publication<'_>) -> Result<bool, Failure> {
    let (removed, left) = publish(build, publication)?;
    for removed in removed {
        let hint = match removed.dataset {
            Dataset::Usage5min | Dataset::Summary => "`cdn-meter summary` writes it anew",
            Dataset::Adjustments => "`cdn-meter summary` writes it anew where a month is closed",
            Dataset::Charges | Dataset::Costs => "`cdn-meter bill` writes it anew",
            Dataset::Focus | Dataset::FocusCsv => "`cdn-meter bill --focus` writes it anew",
        };
        let why = match &removed.unlike {
            None => {
                "was of an earlier command and may not agree with what is published now".to_owned()
            }
            Some(file) => format!("is not what was written there ({file})"),
        };
        let path = removed.path.display();
        say(&format!("{path} {why}: removed; {hint}"));
    }
    let is_alone = left.is_empty();
    for left in left {
        say(&format!(
            "{} is left as it is and may not agree with what is published now: cdn-meter did not write all of it ({})",
            left.path.display(),
            left.what
        ));
    }
    Ok(is_alone)
}
