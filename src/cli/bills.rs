//! Bills on their way to publishing: open months, closed ones, and what corrects them.

use std::fs;
use std::path::{Path, PathBuf};

use super::Failure;
use super::charge::Found;
use super::corrections::{Corrections, How, Taken};
use super::costs::{COSTS, lines_with, take_costs, write_costs};
use super::focus::Focus;
use super::ledger::{Ledger, months_besides};
use super::months::usage_of_closed;
use super::nearest::Nearest;
use super::out::plain;
use super::progress::say;
use crate::billing::packages::{Packages, Shortfall};
use crate::billing::{
    AccountBill, Assumed, Bill, BillTerms, Catalogue, ExtrasDigests, Makers, StandardMode, Unpriced,
};
use crate::meter::Overflow;
use crate::registry::{Class, Registry};
use crate::report::{
    AssumedReport, BillReport, BilledBy, Building, CostSums, FoldedReport, Notes, PublishError,
    RejectedReport, RerateReport, Statement, WithoutBytesReport, read_charges, read_summary,
    write_charges, write_charges_csv,
};
use crate::store::{Close, Rejected, Store, WithoutBytes};
use crate::summary::{AccountUsage, FrozenOwners, MonthUsage, Owners};
use crate::units::{BillingMonth, Factor, Month, Zone};

/// Files of a closed month that say by what it was priced.
const CATALOGUE: &str = "catalogue.toml";
const MODE: &str = "standard-mode";
const SHORTFALL: &str = "package-shortfall";
const EVENTS: &str = "events-digest";
const SERVICES: &str = "services-digest";
const UNPRICED: &str = "unpriced.json";
/// Months that were closed before it was kept have none.
const NOTES: &str = "notes.json";

/// What bills are worked out with, owned.
#[derive(Clone)]
pub(super) struct Prices {
    pub(super) catalogue: Catalogue,
    pub(super) mode: StandardMode,
    pub(super) overhead: Factor,
    pub(super) sampling: Factor,
    pub(super) shortfall: Shortfall,
}

impl Prices {
    pub(super) fn terms(&self) -> BillTerms<'_> {
        BillTerms {
            catalogue: &self.catalogue,
            mode: self.mode,
            overhead: self.overhead,
            sampling: self.sampling,
            shortfall: self.shortfall,
        }
    }

    pub(super) fn is_in_currency_of(&self, other: &Prices) -> bool {
        self.catalogue.currency == other.catalogue.currency
    }

    /// Keeps in `folder` what a month is priced by, what of it has no price, and its notes; `extras` is what
    /// was billed besides usage.
    fn freeze(
        &self,
        (bill, notes): (&Bill, &Notes),
        extras: &ExtrasDigests,
        folder: &Path,
    ) -> Result<(), Failure> {
        let unpriced = bill.unpriced.iter();
        let unpriced = unpriced.map(|of| (&of.account, of.class.name(), of.bytes));
        let unpriced = serde_json::to_string(&unpriced.collect::<Vec<_>>());
        let notes = serde_json::to_string(notes).map_err(Failure::state)?;
        let texts = [
            (UNPRICED, &unpriced.map_err(Failure::state)?[..]),
            (NOTES, &notes),
            (CATALOGUE, self.catalogue.text()),
            (MODE, self.mode.name()),
            (SHORTFALL, self.shortfall.name()),
            (EVENTS, &extras.events),
            (SERVICES, &extras.services),
        ];
        for (name, text) in texts {
            let path = folder.join(name);
            fs::write(&path, text).and_then(|()| fs::File::open(&path)?.sync_all())?;
        }
        Ok(())
    }
}

/// What a closed month was billed by.
pub(super) struct FrozenPrices {
    pub(super) prices: Prices,
    /// What was billed besides usage.
    pub(super) extras: ExtrasDigests,
    unpriced: Vec<Unpriced>,
    /// `None` where they were not kept yet.
    notes: Option<Notes>,
}

impl FrozenPrices {
    /// `None` where the month was closed without a bill.
    pub(super) fn read(store: &Store, close: &Close) -> Result<Option<Self>, Failure> {
        if close.terms.catalogue_digest.is_none() {
            return Ok(None);
        }
        let folder = store.closed_folder(close.terms.month, "catalogue")?;
        let damaged = |name: &str, problem: String| PublishError::Frozen {
            path: folder.join(name),
            problem,
        };
        let text = |name: &str| {
            let text = fs::read_to_string(folder.join(name));
            text.map_err(|error| damaged(name, error.to_string()))
        };
        let unknown = |name| damaged(name, "nothing has this name".to_owned());
        let factor = |text: &str| text.parse::<Factor>().map_err(Failure::state);
        let origin = format!("catalogue of {}", close.terms.month);
        let mode = StandardMode::by_name(text(MODE)?.trim());
        let shortfall = Shortfall::by_name(text(SHORTFALL)?.trim());
        let prices = Prices {
            catalogue: Catalogue::parse_frozen(&text(CATALOGUE)?, &origin)?,
            mode: mode.ok_or_else(|| unknown(MODE))?,
            overhead: factor(&close.terms.overhead_factor)?,
            sampling: factor(&close.terms.sampling_factor)?,
            shortfall: shortfall.ok_or_else(|| unknown(SHORTFALL))?,
        };
        let notes = match folder.join(NOTES).try_exists()? {
            false => None,
            true => Some(
                serde_json::from_str(&text(NOTES)?)
                    .map_err(|error| damaged(NOTES, error.to_string()))?,
            ),
        };
        let unpriced: Vec<(String, String, u64)> = serde_json::from_str(&text(UNPRICED)?)
            .map_err(|error| damaged(UNPRICED, error.to_string()))?;
        let unpriced = unpriced.into_iter().map(|(account, class, bytes)| {
            let class = Class::by_name(&class).ok_or_else(|| unknown(UNPRICED))?;
            Ok(Unpriced::new(&account, class, bytes))
        });
        let unpriced = unpriced.collect::<Result<Vec<_>, PublishError>>()?;
        Ok(Some(FrozenPrices {
            prices,
            extras: ExtrasDigests {
                events: text(EVENTS)?,
                services: text(SERVICES)?,
            },
            unpriced: unpriced.into_iter().flatten().collect(),
            notes,
        }))
    }

    /// What its notes say of usage that was priced as that of a zone.
    pub(super) fn assumed(&self) -> impl Iterator<Item = Assumed> {
        let notes = self.notes.iter();
        let told = notes.flat_map(|notes| &notes.assumed_regions);
        told.filter_map(AssumedReport::assumed)
    }

    /// The bill that was frozen.
    pub(super) fn bill(&self, store: &Store, close: &Close) -> Result<Bill, Failure> {
        let (month, zone) = (close.terms.month, close.terms.zone);
        let billed = read_charges(&store.closed_folder(month, "charges")?, zone)?;
        let mut adjustments = billed.adjustments.into_iter().peekable();
        let mut accounts = Vec::new();
        for charges in billed.charges.chunk_by(|a, b| a.account == b.account) {
            let account = charges[0].account.clone();
            let adjustment = adjustments.next_if(|(of, _)| *of == account);
            let adjustment = adjustment
                .map(|(_, adjustment)| adjustment)
                .unwrap_or_default();
            accounts.push(AccountBill::settled(account, charges.to_vec(), adjustment)?);
        }
        Ok(Bill {
            month,
            zone,
            unpriced: self.unpriced.clone(),
            accounts,
            // Kept as notes.
            unlicensed: Vec::new(),
            assumed: Vec::new(),
            packages: Packages::default(),
            transcoding_packages: Vec::new(),
        })
    }
}

/// Bills that are being written; dropped, nothing of them is published.
pub(super) struct Bills {
    pub(super) prices: Prices,
    pub(super) ledger: Ledger,
    pub(super) how: How,
    pub(super) charges: Building,
    pub(super) costs: Building,
    pub(super) corrections: Corrections,
    /// Where it was asked for.
    pub(super) focus: Option<Focus>,
    pub(super) shown: Shown,
}

/// What is shown of bills beside the dataset.
#[derive(Default)]
pub(super) struct Shown {
    /// What the names of lines hold that are to be explained, or the domain that made them; it looks at all that
    /// there are.
    pub(super) wanted: Option<Nearest>,
    /// Those lines.
    pub(super) found: Vec<Found>,
    /// Lines that could not be metered.
    pub(super) rejected: Rejected,
    /// What counts without a byte because no line of its file says how many.
    pub(super) without_bytes: WithoutBytes,
    /// Whether all lines go to standard output as they are billed.
    pub(super) is_csv: bool,
    /// Where a page was asked for.
    pub(super) statement: Option<Statement>,
    pub(super) reports: Vec<BillReport>,
}

impl Shown {
    /// Notes what the lines of a store do not tell.
    pub(super) fn note_gaps(&mut self, store: &Store) -> Result<(), Failure> {
        self.rejected = store.rejected()?;
        self.without_bytes = store.without_bytes()?;
        Ok(())
    }

    fn has(&self, month: Month) -> bool {
        let month = month.to_string();
        self.reports.iter().any(|report| report.month == month)
    }

    fn rejected_of(
        &self,
        month: Month,
        terms: &BillTerms<'_>,
    ) -> Result<Option<RejectedReport>, Failure> {
        if self.rejected.lines == 0 {
            return Ok(None);
        }
        let cost = terms.at_most(month, self.rejected.bytes_at_most)?;
        Ok(Some(RejectedReport {
            lines: self.rejected.lines,
            bytes_at_most: self.rejected.bytes_at_most.to_string(),
            cost_at_most: format!("{cost:.2}"),
            unread_lines: self.rejected.unread_lines,
        }))
    }

    /// The notes of a bill that is worked out now.
    fn notes_of(&self, bill: &Bill, terms: &BillTerms<'_>, taken: Taken) -> Result<Notes, Failure> {
        let WithoutBytes { files, lines } = self.without_bytes;
        Ok(Notes {
            mended: taken.mended,
            waiting: taken.waiting,
            rerated: taken.rerated,
            rejected: self.rejected_of(bill.month, terms)?,
            without_bytes: (files != 0).then_some(WithoutBytesReport { files, lines }),
            ..Notes::of(bill)?
        })
    }

    /// Notes a bill; its shares are in `costs`, and add up to `sums`.
    fn note(
        &mut self,
        bill: Bill,
        terms: &BillTerms<'_>,
        notes: Notes,
        (costs, sums): (&Path, &CostSums),
    ) -> Result<(), Failure> {
        if self.is_csv {
            let is_first = self.reports.is_empty();
            let mut out = plain();
            let written = write_charges_csv(&bill, terms, &mut out, is_first);
            written.map_err(|error| match error {
                PublishError::Csv(error) => {
                    let error = std::io::Error::from(error);
                    Failure::state(format!("{error}; nothing was published"))
                }
                error => error.into(),
            })?;
        }
        let mut report = BillReport::new(&bill, terms, notes)?;
        report.add_costs(sums);
        if let Some(statement) = &mut self.statement {
            statement.add(&bill, &report)?;
        }
        self.reports.push(report);
        if let Some(wanted) = &mut self.wanted {
            let month = bill.month;
            let lines = lines_with(wanted, bill, costs)?.into_iter();
            self.found.extend(lines.map(|charge| Found {
                charge,
                bill: month,
            }));
        }
        Ok(())
    }
}

impl Bills {
    /// What all that is noted of bills tells them by.
    pub(super) fn billed_by(&self) -> BilledBy {
        let (prices, extras) = (&self.prices, self.ledger.digests());
        BilledBy {
            prices: vec![
                ("catalogue", prices.catalogue.digest().to_owned()),
                ("mode", prices.mode.name().to_owned()),
                ("shortfall", prices.shortfall.name().to_owned()),
                ("events", extras.events.clone()),
                ("services", extras.services.clone()),
                ("rerating", self.how.is_rerating.to_string()),
            ],
            focus: self.focus.as_ref().map(|focus| focus.version().to_owned()),
            corrects: self.corrections.corrects(),
            has_packages: self.ledger.has_packages(),
        }
    }

    /// The datasets to publish, what is shown beside them, and by what it was worked out.
    pub(super) fn finish(mut self) -> (Vec<Building>, Shown, Prices) {
        // Months without usage were added last.
        self.shown.reports.sort_by(|a, b| a.month.cmp(&b.month));
        let mut datasets = vec![self.charges, self.costs];
        datasets.extend(self.focus.into_iter().flat_map(Focus::into_datasets));
        (datasets, self.shown, self.prices)
    }

    /// Finds what corrects closed months, and what nobody could meter, before the months are added.
    pub(super) fn correct(
        &mut self,
        store: &Store,
        registry: &Registry,
        rows_max: usize,
    ) -> Result<(), Failure> {
        self.shown.note_gaps(store)?;
        let prices = (&self.prices, self.how);
        self.corrections = Corrections::find(store, registry, &mut self.ledger, prices, rows_max)?;
        // There may be no bill to say it on.
        let rerated = self.corrections.rerated.iter();
        rerated
            .flat_map(RerateReport::texts)
            .for_each(|text| say(&text));
        Ok(())
    }

    /// Prices a month.
    pub(super) fn add(
        &mut self,
        usage: MonthUsage<'_>,
        owners: &dyn Owners,
    ) -> Result<(), Failure> {
        let when = usage.billing_month();
        let makers = Makers { usage, owners };
        self.add_accounts(when, usage.accounts(owners), Some(makers))
    }

    fn add_accounts(
        &mut self,
        when: BillingMonth,
        accounts: impl Iterator<Item = Result<AccountUsage, Overflow>>,
        makers: Option<Makers<'_>>,
    ) -> Result<(), Failure> {
        let mut taken = self.corrections.take(when.month)?;
        let lines = std::mem::take(&mut taken.lines);
        let mut bill = self.ledger.bill(when, accounts, lines, &self.prices)?;
        bill.assumed.append(&mut taken.assumed);
        let terms = self.prices.terms();
        write_charges(&bill, &terms, &self.charges.month(bill.month)?)?;
        let costs = self.costs.month(bill.month)?;
        let folded = makers.as_ref().map(|of| FoldedReport::of_bill(&of.usage));
        let (folded_hosts, folded_below) = folded.unwrap_or_default();
        let sums = write_costs(&bill, makers, &terms, &costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        let notes = Notes {
            folded_hosts,
            folded_below,
            ..self.shown.notes_of(&bill, &terms, taken)?
        };
        self.shown.note(bill, &terms, notes, (&costs, &sums))
    }

    /// Adds a closed month: as it was billed, or, if it was closed without a bill, priced as frozen.
    pub(super) fn add_closed(
        &mut self,
        store: &Store,
        close: &Close,
        registry: &Registry,
    ) -> Result<(), Failure> {
        let month = close.terms.month;
        let Some(frozen) = FrozenPrices::read(store, close)? else {
            let summary = read_summary(&store.closed_folder(month, "summary")?)?;
            let owners = FrozenOwners::new(&summary, registry);
            let book = usage_of_closed(store, close, &owners)?;
            return book.months().try_for_each(|usage| self.add(usage, &owners));
        };
        let folder = store.closed_folder(month, "charges")?;
        self.charges.take_month(month, &folder)?;
        let bill = frozen.bill(store, close)?;
        let terms = frozen.prices.terms();
        let costs = self.costs.month(month)?;
        let sums = take_costs((store, close), &bill, &terms, registry, &self.costs)?;
        if let Some(focus) = &self.focus {
            focus.add(&bill, &terms, &costs)?;
        }
        let notes = match frozen.notes {
            Some(notes) => notes,
            None => self.shown.notes_of(&bill, &terms, Taken::default())?,
        };
        self.shown.note(bill, &terms, notes, (&costs, &sums))
    }

    /// Bills months without usage: what was bought or counted in them, and corrections; of `only` that
    /// month if one is named.
    pub(super) fn add_rest(&mut self, only: Option<Month>, zone: Zone) -> Result<(), Failure> {
        for month in months_besides(&[&self.ledger], &self.corrections, only, zone) {
            if !self.shown.has(month) {
                self.add_accounts(BillingMonth::new(month, zone), std::iter::empty(), None)?;
            }
        }
        Ok(())
    }
}

/// Prices a month that is being closed, and keeps its charges, prices and notes in folders that `folder_of`
/// tells.
pub(super) fn freeze_bill(
    (prices, ledger): (&Prices, &mut Ledger),
    usage: MonthUsage<'_>,
    registry: &Registry,
    (mut corrections, shown): (Corrections, &Shown),
    folder_of: impl Fn(&str) -> PathBuf,
) -> Result<BillReport, Failure> {
    let (when, terms) = (usage.billing_month(), prices.terms());
    let mut taken = corrections.take(usage.month)?;
    let lines = std::mem::take(&mut taken.lines);
    let mut bill = ledger.bill(when, usage.accounts(registry), lines, prices)?;
    bill.assumed.append(&mut taken.assumed);
    write_charges(&bill, &terms, &folder_of("charges"))?;
    let makers = Some(Makers {
        usage,
        owners: registry,
    });
    let sums = write_costs(&bill, makers, &terms, &folder_of(COSTS))?;
    let (folded_hosts, folded_below) = FoldedReport::of_bill(&usage);
    let notes = Notes {
        folded_hosts,
        folded_below,
        ..shown.notes_of(&bill, &terms, taken)?
    };
    let extras = ledger.digests();
    prices.freeze((&bill, &notes), extras, &folder_of("catalogue"))?;
    let mut report = BillReport::new(&bill, &terms, notes)?;
    report.add_costs(&sums);
    Ok(report)
}
