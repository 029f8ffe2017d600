//! What a bill says besides its sums: what it lacks, assumes and leaves over.

use std::io::{self, Write};
use std::ops::Range;

use serde::{Deserialize, Serialize};

use super::folded::FoldedReport;
use crate::billing::packages::Package;
use crate::billing::transcoding;
use crate::billing::{
    Amount, Assumed, Bill, Charge, DETAIL_PLACES, Inexact, Status, Unlicensed, in_review,
};
use crate::units::{Region, counted, shown};

/// Notes of a kind under the table; all of them are in the JSON.
const NOTES_MAX: usize = 20;

/// What a bill says besides its sums; a closed month keeps what was said when it was closed, and has nothing of
/// a kind that was not told yet.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct Notes {
    /// Mini-program domains that were watched without a licence, if events were given.
    pub unlicensed: Vec<UnlicensedReport>,
    /// What is left, when the month ends, of traffic packages that were valid in it.
    pub packages: Vec<PackageReport>,
    /// Rejected lines that may have cost something; they have no time, so they are of all months.
    pub rejected: Option<RejectedReport>,
    /// Files that count without a byte because none of their lines says how many it sent; of all months.
    pub without_bytes: Option<WithoutBytesReport>,
    /// Usage of regions that are no zone, and what it was priced as.
    pub assumed_regions: Vec<AssumedReport>,
    /// What is left, when the month ends, of transcoding packages that were valid in it.
    pub transcoding_packages: Vec<TranscodingPackageReport>,
    /// Wrong entries of the registry that were mended, where closed months are corrected for them.
    pub mended: Vec<MendedReport>,
    /// Closed months whose corrections wait for a bill in the currency that they were billed in.
    pub waiting: Vec<WaitingReport>,
    /// Hosts that no registry entry matches and that are one row, if there are so many.
    pub folded_hosts: Option<FoldedReport>,
    /// Hosts below wildcards that are one row each, if there are so many.
    pub folded_below: Vec<FoldedReport>,
    /// What `--rerate` did with closed months, and with which it did nothing.
    pub rerated: Option<RerateReport>,
}

impl Notes {
    /// What a bill itself tells of.
    ///
    /// Errors: [`Inexact`].
    pub fn of(bill: &Bill) -> Result<Self, Inexact> {
        Ok(Notes {
            unlicensed: bill.unlicensed.iter().map(unlicensed).collect(),
            packages: packages(bill),
            assumed_regions: bill.assumed.iter().map(assumed).collect::<Result<_, _>>()?,
            transcoding_packages: transcoding_packages(bill)?,
            ..Notes::default()
        })
    }
}

/// What counts without a byte because no line of its file says how many it sent.
#[derive(Clone, Copy, Debug, Deserialize, Serialize)]
pub struct WithoutBytesReport {
    /// How many files.
    pub files: u64,
    /// Their metered lines.
    pub lines: u64,
}

impl WithoutBytesReport {
    /// In words: how many lines of how many files.
    pub(super) fn extent(&self) -> String {
        let (lines, files) = (counted(self.lines, "line"), counted(self.files, "file"));
        format!("{lines} of {files}")
    }
}

/// A transcoding package.
#[derive(Debug, Deserialize, Serialize)]
pub struct TranscodingPackageReport {
    /// Whose it is.
    pub account: String,
    /// `standard` or `top-speed`.
    pub kind: String,
    /// Its size.
    pub hours: u32,
    /// Whole minutes of its own class, 480P in H.264, that are left.
    pub minutes_left: String,
    /// The day from which on it pays no more.
    pub until: String,
}

/// Usage that was priced as that of a zone although its region is none.
#[derive(Debug, Deserialize, Serialize)]
pub struct AssumedReport {
    /// Whose it is.
    pub account: String,
    /// What the log says: `unknown` or `overseas`.
    pub region: String,
    /// The zone whose price it paid.
    pub priced_as: String,
    /// How much, as logged; of a closed month less than 0 where there is less.
    pub bytes: i64,
    /// The same in GB.
    pub gigabytes: String,
    /// What the region says of clients.
    pub clients: String,
    /// The closed month that has so much more of it than bills said before; empty for what this month has.
    #[serde(default)]
    pub corrects: String,
}

impl AssumedReport {
    /// In words that follow "priced"; `number` writes gigabytes.
    pub(super) fn text(&self, number: impl Fn(&str) -> String) -> String {
        let (by, change) = match (&self.corrects[..], self.bytes) {
            ("", _) => (String::new(), ""),
            (month, ..0) => (format!(" by corrections of {month}"), " less"),
            (month, _) => (format!(" by corrections of {month}"), " more"),
        };
        let gigabytes = number(self.gigabytes.trim_start_matches('-'));
        let (zone, account, clients) = (&self.priced_as, &self.account, &self.clients);
        format!("as {zone}{by}: {gigabytes} GB{change} of account {account}, {clients}")
    }

    /// What it says, if names and month can be read.
    pub fn assumed(&self) -> Option<Assumed> {
        let corrects = match &self.corrects[..] {
            "" => None,
            month => Some(month.parse().ok()?),
        };
        Some(Assumed {
            account: self.account.clone(),
            corrects,
            region: Region::by_name(&self.region)?,
            zone: Region::by_name(&self.priced_as)?,
            bytes: self.bytes.into(),
        })
    }
}

/// An entry of the registry that a month was closed with, and that was wrong (R22, R26).
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct MendedReport {
    /// The closed month.
    pub month: String,
    /// The domain.
    pub domain: String,
    /// The day from which on the wrong entry made it a mini-program domain.
    pub wrong_since: String,
    /// The day on which that was found.
    pub on: String,
    /// Why it was wrong.
    pub reason: String,
}

impl MendedReport {
    /// In words.
    pub fn text(&self) -> String {
        format!(
            "{} was billed in {} as a mini-program domain since {} by a wrong entry, found on {}: {}",
            self.domain, self.month, self.wrong_since, self.on, self.reason
        )
    }
}

/// Corrections of a closed month in another currency than the bill's: they are on the next bill in theirs.
#[derive(Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub struct WaitingReport {
    /// The closed month.
    pub month: String,
    /// The currency in which it was billed.
    pub currency: String,
    /// How many lines correct what is paid for it.
    pub lines: usize,
    /// What they come to, in that currency, 8 places.
    pub amount: String,
    /// How many lines need review: they are in no sum, nor in the amount.
    pub review_lines: usize,
    /// What those come to in money, 8 places.
    pub review_amount: String,
    /// … and in package gigabytes.
    pub review_package_gigabytes: String,
}

impl WaitingReport {
    /// Of the lines that correct a month, all in one currency; `None` where there is none.
    ///
    /// Errors: [`Inexact`].
    pub fn new(lines: &[Charge]) -> Result<Option<Self>, Inexact> {
        let Some(first) = lines.first() else {
            return Ok(None);
        };
        let is_charged = |line: &&Charge| line.status == Status::Charged;
        let (charged, reviewed): (Vec<_>, Vec<_>) = lines.iter().partition(is_charged);
        let amounts: Vec<Amount> = charged.iter().map(|line| line.amount).collect();
        let amount = Amount::total(&amounts)?.round(DETAIL_PLACES)?;
        let (review_amount, gigabytes) = in_review(reviewed.iter().copied())?;
        let by = first.priced_by.as_ref();
        Ok(Some(WaitingReport {
            month: first.month().to_string(),
            currency: by.map_or(String::new(), |by| by.currency.clone()),
            lines: charged.len(),
            amount: format!("{amount:.8}"),
            review_lines: reviewed.len(),
            review_amount: format!("{review_amount:.8}"),
            review_package_gigabytes: gigabytes.normalize().to_string(),
        }))
    }

    /// In words.
    pub(super) fn text(&self) -> String {
        let (month, currency) = (&self.month, &self.currency);
        let lines = match self.lines {
            1 => "1 line that corrects".to_owned(),
            lines => format!("{lines} lines that correct"),
        };
        let of = in_all(
            &self.review_amount,
            &self.review_package_gigabytes,
            currency,
        );
        let reviewed = match self.review_lines {
            0 => String::new(),
            1 => format!(", and 1 line for review of {of}, in no sum"),
            lines => format!(", and {lines} lines for review of {of} in all, in no sum"),
        };
        format!(
            "{lines} {month}, {} {currency} in all{reviewed}: currencies are never added, so the next bill in \
             {currency} takes them",
            self.amount
        )
    }
}

/// Closed months that a bill was asked to price anew.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RerateReport {
    /// Those that it prices anew. No close keeps that.
    pub priced_anew: Vec<String>,
    /// Those that it leaves alone because they were billed in another currency.
    pub left_alone: Vec<LeftAloneReport>,
}

/// A closed month that is not priced anew.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct LeftAloneReport {
    /// The closed month.
    pub month: String,
    /// The currency in which it was billed.
    pub currency: String,
}

impl RerateReport {
    /// In words, a text for each kind.
    pub fn texts(&self) -> Vec<String> {
        let mut texts = Vec::new();
        if !self.priced_anew.is_empty() {
            texts.push(format!(
                "a preview of closed months priced anew: {}; `close` freezes what corrects them by the prices that \
                 they were billed by",
                self.priced_anew.join(", ")
            ));
        }
        if !self.left_alone.is_empty() {
            let months = self.left_alone.iter();
            let months =
                months.map(|of| format!("{}, which was billed in {}", of.month, of.currency));
            texts.push(format!(
                "not priced anew: {}; --rerate is by a --catalogue in the currency of the month",
                months.collect::<Vec<_>>().join("; ")
            ));
        }
        texts
    }
}

/// What rejected lines may have cost.
#[derive(Clone, Debug, Deserialize, Serialize)]
pub struct RejectedReport {
    /// How many.
    pub lines: u64,
    /// The bytes that they may stand for.
    pub bytes_at_most: String,
    /// What those cost at the dearest price of this month.
    pub cost_at_most: String,
    /// Lines whose bytes could not be read: of them nothing is known.
    pub unread_lines: u64,
}

/// A mini-program domain that was watched without a licence (R09).
#[derive(Debug, Deserialize, Serialize)]
pub struct UnlicensedReport {
    /// The domain.
    pub domain: String,
    /// Its AppID.
    pub app_id: String,
    /// Days with traffic and without a licence.
    pub days: u32,
    /// Bytes of those days.
    pub bytes: u64,
}

/// A traffic package.
#[derive(Debug, Deserialize, Serialize)]
pub struct PackageReport {
    /// Whose it is.
    pub account: String,
    /// Its size, in GB.
    pub gigabytes: u32,
    /// Package gigabytes that are left.
    pub left: String,
    /// The day from which on it pays no more.
    pub until: String,
}

fn assumed(of: &Assumed) -> Result<AssumedReport, Inexact> {
    Ok(AssumedReport {
        account: of.account.clone(),
        region: of.region.name().to_owned(),
        priced_as: of.zone.name().to_owned(),
        bytes: i64::try_from(of.bytes).map_err(|_| Inexact)?,
        gigabytes: of.gigabytes()?.normalize().to_string(),
        clients: of.whose().to_owned(),
        corrects: of
            .corrects
            .map_or_else(String::new, |month| month.to_string()),
    })
}

fn unlicensed(of: &Unlicensed) -> UnlicensedReport {
    UnlicensedReport {
        domain: of.domain.clone(),
        app_id: of.app_id.clone(),
        days: of.days,
        bytes: of.bytes,
    }
}

/// Whether something holds on some of these days of a bill's month.
fn is_of_month(bill: &Bill, days: &Range<i32>) -> bool {
    let month = bill.month.all_days();
    days.start < month.end && month.start < days.end
}

fn transcoding_packages(bill: &Bill) -> Result<Vec<TranscodingPackageReport>, Inexact> {
    let packages = bill.transcoding_packages.iter();
    let packages = packages.filter(|of| is_of_month(bill, &of.days));
    let report = |of: &transcoding::Package| {
        Ok(TranscodingPackageReport {
            account: of.account.clone(),
            kind: of.kind.name().to_owned(),
            hours: of.hours,
            minutes_left: of.minutes_left()?.to_string(),
            until: of.until_text(),
        })
    };
    packages.map(report).collect()
}

fn packages(bill: &Bill) -> Vec<PackageReport> {
    let accounts = bill.packages.accounts();
    let packages = accounts.flat_map(|(account, state)| {
        let report = move |package: &Package| PackageReport {
            account: account.to_owned(),
            gigabytes: package.gigabytes,
            left: package.left.normalize().to_string(),
            until: package.until_text(),
        };
        let packages = state.packages().iter();
        packages
            .filter(|of| is_of_month(bill, &of.days))
            .map(report)
    });
    packages.collect()
}

/// What may be owed: money, package gigabytes, or both.
pub(super) fn in_all(amount: &str, gigabytes: &str, currency: &str) -> String {
    let is_nothing = |number: &str| !number.contains(|digit| ('1'..='9').contains(&digit));
    match (is_nothing(amount), is_nothing(gigabytes)) {
        (_, true) => format!("{amount} {currency}"),
        (true, false) => format!("{gigabytes} package GB"),
        (false, false) => format!("{amount} {currency} and {gigabytes} package GB"),
    }
}

/// What a bill says besides its sums.
pub(super) fn print_notes(out: &mut impl Write, notes: &Notes, currency: &str) -> io::Result<()> {
    print_some(out, &notes.mended, |of| {
        format!("corrected: {} (R22, R26)", of.text())
    })?;
    print_some(out, &notes.waiting, |of| {
        format!("not yet corrected: {}", of.text())
    })?;
    let rerated = notes.rerated.as_ref().map(RerateReport::texts);
    print_some(out, &rerated.unwrap_or_default(), String::clone)?;
    print_some(out, &notes.packages, |of| {
        format!(
            "package of {} GB of account {}: {} GB left, until {}",
            of.gigabytes, of.account, of.left, of.until
        )
    })?;
    print_some(out, &notes.transcoding_packages, |of| {
        format!(
            "{} transcoding package of {} h of account {}: {} min left, until {}",
            of.kind, of.hours, of.account, of.minutes_left, of.until
        )
    })?;
    print_some(out, &notes.unlicensed, |of| {
        format!(
            "without a licence: {} ({}) was watched on {}, {} B; billed all the same (R09)",
            of.domain,
            of.app_id,
            counted(of.days, "day"),
            of.bytes
        )
    })?;
    print_some(out, &notes.assumed_regions, |of| {
        format!("priced {}", of.text(str::to_owned))
    })?;
    print_some(out, notes.rejected.as_slice(), |of| {
        format!(
            "not metered, of all months: {}, at most {} {} at the dearest price ({} B), and what {} held",
            counted(of.lines, "rejected line"),
            of.cost_at_most,
            currency,
            of.bytes_at_most,
            counted(of.unread_lines, "unreadable one")
        )
    })?;
    print_some(out, notes.folded_hosts.as_slice(), FoldedReport::text)?;
    print_some(out, &notes.folded_below, FoldedReport::text)?;
    print_some(out, notes.without_bytes.as_slice(), |of| {
        format!(
            "counted as 0 B, of all months: {}, of which no line says how many bytes it sent",
            of.extent()
        )
    })
}

/// The first of many notes, a line each, and how many are left.
pub(super) fn print_some<T>(
    out: &mut impl Write,
    notes: &[T],
    text: impl Fn(&T) -> String,
) -> io::Result<()> {
    for note in notes.iter().take(NOTES_MAX) {
        writeln!(out, "          {}", shown(&text(note)))?;
    }
    match notes.len().checked_sub(NOTES_MAX) {
        Some(more @ 1..) => writeln!(
            out,
            "          … and {}, all with --json",
            counted(more as u64, "more such note")
        ),
        _ => Ok(()),
    }
}
