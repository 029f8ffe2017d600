//! A bill for people and for scripts: sums by account and item. Its lines are in `charges`.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::io::{self, Write};

use rust_decimal::Decimal;
use serde::Serialize;

use super::datasets::{CostSum, CostSums};
use super::notes::{Notes, in_all, print_notes, print_some};
use crate::billing::{AccountBill, Bill, BillTerms, Charge, Inexact, add_exactly};
use crate::registry::Class;
use crate::units::{Month, counted, shown};

/// Accounts of the table; what is beyond is in the Parquet charges.
const ACCOUNTS_MAX: usize = 20;
/// Domains of an account in the table, the dearest; all of them are in the JSON and in `costs`.
const DOMAINS_MAX: usize = 10;

/// The bill of a month, in sums. What has places is a text, so that no reader makes a float of it.
#[derive(Debug, Serialize)]
pub struct BillReport {
    /// The billing month.
    pub month: String,
    /// Clock of its days.
    pub billing_zone: String,
    /// The day on which what is settled by the month is charged, the 1st of the month after (R13): not what is
    /// settled by the day, or bought.
    pub charge_date: String,
    /// Name of the catalogue.
    pub catalogue: String,
    /// SHA-256 of the catalogue.
    pub catalogue_digest: String,
    /// Currency of all amounts.
    pub currency: String,
    /// How standard traffic is settled.
    pub standard_mode: &'static str,
    /// Log-to-bill factor.
    pub overhead_factor: String,
    /// Requests that each log line stands for.
    pub sampling_factor: String,
    /// Accounts in order.
    pub accounts: Vec<AccountReport>,
    /// Usage without a price.
    pub unpriced: Vec<UnpricedReport>,
    /// What is to be said besides.
    #[serde(flatten)]
    pub notes: Notes,
    /// What all accounts pay.
    pub payable: String,
}

/// What an account pays.
#[derive(Debug, Serialize)]
pub struct AccountReport {
    /// The account.
    pub account: String,
    /// Sums by item, variant and zone.
    pub items: Vec<ItemReport>,
    /// The sum of the lines, 8 places.
    pub amount: String,
    /// What makes them agree with what is paid (R30).
    pub adjustment: String,
    /// What is paid, 2 places.
    pub payable: String,
    /// Lines that are in no sum and that somebody has to look at.
    pub needs_review: usize,
    /// What of it each domain costs: all that traffic made, the dearest first.
    pub domains: Vec<DomainReport>,
    /// What the lines that need review come to in money, 8 places.
    pub review_amount: String,
    /// … and in package gigabytes, which may be owed where packages paid.
    pub review_package_gigabytes: String,
}

/// What a domain costs.
#[derive(Debug, Serialize)]
pub struct DomainReport {
    /// The domain; empty where nobody knows any more which it was.
    pub domain: String,
    /// What it is sold as.
    pub class: &'static str,
    /// The closed month that this corrects; empty for what this month costs.
    pub corrects: String,
    /// Its shares of lines added up, 8 places.
    pub amount: String,
    /// What it took of packages.
    pub package_gigabytes: String,
}

/// The lines of one item and zone, usage and corrections apart.
#[derive(Debug, Serialize)]
pub struct ItemReport {
    /// The closed month that they correct; empty for what the month itself has.
    pub corrects: String,
    /// The item.
    pub item: &'static str,
    /// What of it; empty where the item has no variants.
    pub variant: String,
    /// The zone; empty where the price does not depend on it.
    pub zone: &'static str,
    /// Lines.
    pub lines: usize,
    /// Their quantities, added up; of peaks too, which is a sum of days and no bandwidth.
    pub quantity: String,
    /// What a unit is.
    pub unit: &'static str,
    /// Their amounts, 8 places.
    pub amount: String,
    /// Their parts of what is paid, 2 places.
    pub payable: String,
}

/// Usage without a price.
#[derive(Debug, Serialize)]
pub struct UnpricedReport {
    /// Whose it is.
    pub account: String,
    /// Its class.
    pub class: &'static str,
    /// How much.
    pub bytes: u64,
    /// Why.
    pub why: &'static str,
}

impl BillReport {
    /// Sums up a bill.
    ///
    /// Errors: [`Inexact`].
    pub fn new(bill: &Bill, terms: &BillTerms<'_>, notes: Notes) -> Result<Self, Inexact> {
        let accounts = bill.accounts.iter().map(account);
        let payables = bill.accounts.iter().map(|account| account.payable);
        Ok(BillReport {
            month: bill.month.to_string(),
            billing_zone: bill.zone.to_string(),
            charge_date: bill.charge_date(),
            catalogue: terms.catalogue.name.clone(),
            catalogue_digest: terms.catalogue.digest().to_owned(),
            currency: terms.catalogue.currency.clone(),
            standard_mode: terms.mode.name(),
            overhead_factor: terms.overhead.to_string(),
            sampling_factor: terms.sampling.to_string(),
            accounts: accounts.collect::<Result<_, _>>()?,
            unpriced: bill
                .unpriced
                .iter()
                .map(|unpriced| UnpricedReport {
                    account: unpriced.account.clone(),
                    class: unpriced.class.name(),
                    bytes: unpriced.bytes,
                    why: unpriced.why,
                })
                .collect(),
            notes,
            payable: format!("{:.2}", add_exactly(payables)?),
        })
    }
}

impl BillReport {
    /// Adds what each domain costs.
    pub fn add_costs(&mut self, sums: &CostSums) {
        for account in &mut self.accounts {
            let mut domains: Vec<_> = sums.of_account(&account.account).collect();
            domains.sort_by_key(|(corrects, _, _, sum)| (*corrects, Reverse(sum.amount.abs())));
            let report =
                |(corrects, domain, class, sum): &(Option<Month>, &str, Class, &CostSum)| {
                    let corrects = corrects.map(|month| month.to_string());
                    DomainReport {
                        domain: (*domain).to_owned(),
                        class: class.name(),
                        corrects: corrects.unwrap_or_default(),
                        amount: format!("{:.8}", sum.amount),
                        package_gigabytes: sum.package_gigabytes.normalize().to_string(),
                    }
                };
            account.domains = domains.iter().map(report).collect();
        }
    }
}

fn account(bill: &AccountBill) -> Result<AccountReport, Inexact> {
    let mut groups: BTreeMap<_, Vec<&Charge>> = BTreeMap::new();
    for charge in bill.charged() {
        groups
            .entry((charge.corrects, charge.item, &charge.variant, charge.zone))
            .or_default()
            .push(charge);
    }
    let items = groups
        .into_iter()
        .map(|((corrects, item, variant, zone), charges)| {
            let sum =
                |of: fn(&Charge) -> Decimal| add_exactly(charges.iter().map(|charge| of(charge)));
            Ok(ItemReport {
                corrects: corrects.map_or_else(String::new, |month: Month| month.to_string()),
                item: item.name(),
                variant: variant.clone(),
                zone: zone.map_or("", |zone| zone.name()),
                lines: charges.len(),
                quantity: format!("{:.9}", sum(|charge| charge.quantity)?),
                unit: item.unit(),
                amount: format!("{:.8}", sum(|charge| charge.detail)?),
                payable: format!("{:.2}", sum(|charge| charge.payable)?),
            })
        });
    let (review_amount, review_gigabytes) = bill.reviewed()?;
    Ok(AccountReport {
        account: bill.account.clone(),
        items: items.collect::<Result<_, _>>()?,
        amount: format!("{:.8}", bill.details),
        adjustment: format!("{:.8}", bill.adjustment),
        payable: format!("{:.2}", bill.payable),
        needs_review: bill.for_review().count(),
        domains: Vec::new(),
        review_amount: format!("{review_amount:.8}"),
        review_package_gigabytes: review_gigabytes.normalize().to_string(),
    })
}

/// Writes the table of a bill.
///
/// Errors: those of `out`.
pub fn print_bill(out: &mut impl Write, bill: &BillReport) -> io::Result<()> {
    writeln!(
        out,
        "\nbill      {} by the clock {}, {} by catalogue {} ({}…), standard traffic by {}",
        bill.month,
        bill.billing_zone,
        bill.currency,
        shown(&bill.catalogue),
        &bill.catalogue_digest[..12],
        bill.standard_mode,
    )?;
    if (&bill.overhead_factor[..], &bill.sampling_factor[..]) != ("1", "1") {
        writeln!(
            out,
            "          bytes as logged × overhead {} × sampling {} (R60)",
            bill.overhead_factor, bill.sampling_factor
        )?;
    }
    for account in bill.accounts.iter().take(ACCOUNTS_MAX) {
        print_account(out, account, &bill.currency)?;
    }
    if let Some(more) = bill
        .accounts
        .len()
        .checked_sub(ACCOUNTS_MAX)
        .filter(|more| *more != 0)
    {
        writeln!(
            out,
            "          … and {} in the Parquet charges",
            counted(more as u64, "more account")
        )?;
    }
    print_notes(out, &bill.notes, &bill.currency)?;
    print_some(out, &bill.unpriced, |of| {
        let account = match &of.account[..] {
            "" => String::new(),
            account => format!(" of account {}", shown(account)),
        };
        format!(
            "not priced: {} B of class {}{account}: {}",
            of.bytes, of.class, of.why
        )
    })?;
    writeln!(
        out,
        "          to pay in all: {} {}; what is settled by the month is charged on {}, the 1st of the month \
         after (每月1日, R13)",
        bill.payable, bill.currency, bill.charge_date
    )
}

fn print_account(out: &mut impl Write, account: &AccountReport, currency: &str) -> io::Result<()> {
    writeln!(out, "account   {}", shown(&account.account))?;
    let mut corrects = "";
    for item in &account.items {
        if item.corrects != corrects {
            corrects = &item.corrects;
            writeln!(out, "          corrections of {corrects}, which is closed")?;
        }
        let what = format!("{} {}", item.item, item.variant);
        writeln!(
            out,
            "          {:<26}  {:<8}  {:>6} {:<5}  {:>22} {:<13}  {:>20}",
            what.trim_end(),
            item.zone,
            item.lines,
            if item.lines == 1 { "line" } else { "lines" },
            item.quantity,
            item.unit,
            item.amount
        )?;
    }
    writeln!(
        out,
        "          {:<26}  {:>82}\n          {:<26}  {:>76}",
        PRECISION, account.adjustment, "to pay", account.payable
    )?;
    print_domains(out, &account.domains)?;
    if account.needs_review != 0 {
        writeln!(
            out,
            "          {}, {} in all: settled as standard traffic before {} domain became a mini-program domain (R21)",
            match account.needs_review {
                1 => "1 line needs review and is in no sum".to_owned(),
                lines => format!("{lines} lines need review and are in no sum"),
            },
            in_all(
                &account.review_amount,
                &account.review_package_gigabytes,
                currency
            ),
            if account.needs_review == 1 {
                "its"
            } else {
                "their"
            }
        )?;
    }
    Ok(())
}

/// What the dearest domains cost, of what is to pay.
fn print_domains(out: &mut impl Write, domains: &[DomainReport]) -> io::Result<()> {
    for of in domains.iter().take(DOMAINS_MAX) {
        let mut what = match &of.domain[..] {
            "" => "traffic of no known domain".to_owned(),
            domain => format!("traffic of {domain}"),
        };
        if !of.corrects.is_empty() {
            what += &format!(", corrections of {}", of.corrects);
        }
        let packages = match &of.package_gigabytes[..] {
            "0" => String::new(),
            taken => format!("{taken} GB of packages"),
        };
        writeln!(
            out,
            "            {what:<52} {packages:>34} {:>20}",
            of.amount
        )?;
    }
    match domains.len().checked_sub(DOMAINS_MAX) {
        Some(more @ 1..) => writeln!(
            out,
            "            … and {} in the Parquet costs",
            counted(more as u64, "more domain")
        ),
        _ => Ok(()),
    }
}

/// The words for the line that rounds.
const PRECISION: &str = "precision adjustment";
