//! Where a command publishes: all that it built goes there together, and what goes or stays beside it is told.

use super::error::MonthError;
use super::quarantine::renew;
use super::watch::{Notice, Watch};
use crate::report::{
    BilledBy, Build, Building, Origin, Publication, QUARANTINE_FILE, Terms, publish,
};
use crate::store::Store;
use crate::units::Month;

/// Where all goes together.
pub struct Place<'a> {
    /// What is built there.
    pub build: Build,
    pub(super) watch: &'a dyn Watch,
    /// The store that is published, as it was before its usage was read.
    origin: Option<(&'a Store, Origin<'a>)>,
    /// The only month that is published.
    pub only: Option<Month>,
    /// Whether all usage was read at once: then it is of one state, whoever wrote to the store meanwhile.
    pub is_read_at_once: bool,
    /// Whether there are rejected lines, where their file is written.
    pub quarantine: Option<bool>,
}

impl<'a> Place<'a> {
    /// A folder with nothing in it to publish yet.
    pub fn new(build: Build, watch: &'a dyn Watch) -> Self {
        Place {
            build,
            watch,
            origin: None,
            only: None,
            is_read_at_once: false,
            quarantine: None,
        }
    }

    /// Begins to publish what a store holds now, of `only` one month if it is named.
    ///
    /// Errors: [`MonthError`].
    pub fn take_store(
        &mut self,
        store: &'a Store,
        terms: &Terms<'_>,
        only: Option<Month>,
    ) -> Result<(), MonthError> {
        self.origin = Some((store, Origin::of_store(store, terms)?));
        self.only = only;
        Ok(())
    }

    /// Publishes datasets, with what was billed by if anything was, and the file of rejected lines: if it was written,
    /// or that in OUT is of another state of the store. Tells which datasets of earlier commands were removed. `false`
    /// where the store changed between two readings of it, or something stays in OUT that may not agree.
    ///
    /// Errors: [`MonthError`].
    pub fn publish(
        &mut self,
        datasets: Vec<Building>,
        terms: &Terms<'_>,
        billed_by: Option<BilledBy>,
    ) -> Result<bool, MonthError> {
        let (store, mut origin) = match self.origin.take() {
            Some((store, origin)) => (Some(store), origin),
            None => (None, Origin::of_run(terms)),
        };
        origin.bill_by(billed_by.unwrap_or_default());
        if let (false, Some(store), None) = (datasets.is_empty(), store, self.quarantine) {
            self.quarantine = renew(&self.build, store, &origin, self.watch)?;
        }
        let is_still = datasets.is_empty() || self.is_read_at_once || origin.is_still()?;
        let publication = Publication {
            datasets,
            origin: &origin,
            only: self.only,
            quarantine: self.quarantine,
        };
        self.watch.begin_to_publish();
        if self.watch.is_stopped() {
            return Err(MonthError::Stopped);
        }
        let (removed, left) = publish(&self.build, &publication)?;
        let removed = removed.iter().map(Notice::Removed);
        removed
            .chain(left.iter().map(Notice::Left))
            .for_each(|notice| self.watch.tell(&notice));
        let out = self.build.out();
        if self.quarantine == Some(true) {
            let path = out.join(QUARANTINE_FILE);
            self.watch.tell(&Notice::RejectedIn(&path));
        }
        if !is_still {
            self.watch.tell(&Notice::WrittenMeanwhile(out));
        }
        Ok(is_still && left.is_empty())
    }
}
