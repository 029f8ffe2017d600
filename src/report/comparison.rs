//! The same usage priced in several ways, side by side.

use std::collections::BTreeMap;
use std::io::{self, Write};

use rust_decimal::Decimal;
use serde::Serialize;

use crate::billing::{AccountBill, Bill, BillTerms, Inexact, Item, add_exactly};
use crate::units::{Month, counted, shown};

/// Accounts of the table; what is beyond is in the JSON.
const ACCOUNTS_MAX: usize = 20;

/// A month priced in several ways. Lists of amounts are in the order of the ways.
#[derive(Debug, Serialize)]
pub struct Comparison {
    /// The billing month.
    pub month: String,
    /// Currency of all amounts.
    pub currency: String,
    /// How it was priced, the way that was asked for first.
    pub ways: Vec<WayReport>,
    /// Accounts in order.
    pub accounts: Vec<AccountComparison>,
    /// What all accounts pay.
    pub payable: Vec<String>,
    /// What all accounts pay more than the first way has it, or less.
    pub more: Vec<String>,
}

/// A way to price.
#[derive(Debug, Serialize)]
pub struct WayReport {
    /// As it was asked for.
    pub name: String,
    /// Name of the catalogue.
    pub catalogue: String,
    /// SHA-256 of the catalogue.
    pub catalogue_digest: String,
    /// How standard traffic is settled.
    pub standard_mode: &'static str,
}

/// What an account pays.
#[derive(Debug, Serialize)]
pub struct AccountComparison {
    /// The account.
    pub account: String,
    /// Sums by item, in order.
    pub items: Vec<ItemComparison>,
    /// What is paid, 2 places.
    pub payable: Vec<String>,
}

/// The lines of one item.
#[derive(Debug, Serialize)]
pub struct ItemComparison {
    /// The item.
    pub item: &'static str,
    /// The closed month that they correct; empty for what the month itself has.
    pub corrects: String,
    /// Their amounts, 8 places; none where there is no line.
    pub amounts: Vec<Option<String>>,
}

impl Comparison {
    /// Puts bills of one month side by side; each with its name and by what it was worked out.
    ///
    /// Errors: [`Inexact`].
    pub fn new(bills: &[(&str, BillTerms<'_>, &Bill)]) -> Result<Self, Inexact> {
        let mut by_account: BTreeMap<&str, Vec<Option<&AccountBill>>> = BTreeMap::new();
        for (at, (_, _, bill)) in bills.iter().enumerate() {
            for account in &bill.accounts {
                let of_account = by_account.entry(&account.account);
                of_account.or_insert_with(|| vec![None; bills.len()])[at] = Some(account);
            }
        }
        let payables = |bill: &Bill| add_exactly(bill.accounts.iter().map(|of| of.payable));
        let payables = bills.iter().map(|(_, _, bill)| payables(bill));
        let payables: Vec<Decimal> = payables.collect::<Result<_, _>>()?;
        let asked = payables.first().copied().unwrap_or_default();
        let more = payables
            .iter()
            .map(|payable| add_exactly([*payable, -asked]));
        let more: Vec<Decimal> = more.collect::<Result<_, _>>()?;
        let accounts = by_account.into_iter();
        let accounts = accounts.map(|(account, bills)| of_account(account, &bills));
        let first = bills.first();
        Ok(Comparison {
            month: first.map_or(String::new(), |(_, _, bill)| bill.month.to_string()),
            currency: first.map_or(String::new(), |(_, by, _)| by.catalogue.currency.clone()),
            ways: bills.iter().map(|(name, by, _)| way(name, by)).collect(),
            accounts: accounts.collect::<Result<_, _>>()?,
            payable: payables.iter().map(|of| format!("{of:.2}")).collect(),
            more: more.iter().map(|of| format!("{of:.2}")).collect(),
        })
    }
}

fn way(name: &str, by: &BillTerms<'_>) -> WayReport {
    WayReport {
        name: name.to_owned(),
        catalogue: by.catalogue.name.clone(),
        catalogue_digest: by.catalogue.digest().to_owned(),
        standard_mode: by.mode.name(),
    }
}

fn of_account(account: &str, bills: &[Option<&AccountBill>]) -> Result<AccountComparison, Inexact> {
    let mut items: BTreeMap<(Option<Month>, Item), Vec<Option<Decimal>>> = BTreeMap::new();
    for (at, bill) in bills.iter().enumerate() {
        for charge in bill.iter().flat_map(|bill| bill.charged()) {
            let of_item = items.entry((charge.corrects, charge.item));
            let sum = &mut of_item.or_insert_with(|| vec![None; bills.len()])[at];
            *sum = Some(add_exactly([sum.unwrap_or_default(), charge.detail])?);
        }
    }
    let item = |((corrects, item), sums): ((Option<Month>, Item), Vec<_>)| ItemComparison {
        item: item.name(),
        corrects: corrects.map_or_else(String::new, |month| month.to_string()),
        amounts: sums
            .iter()
            .map(|sum: &Option<Decimal>| sum.map(|sum| format!("{sum:.8}")))
            .collect(),
    };
    let payable = bills
        .iter()
        .map(|bill| bill.map_or(Decimal::ZERO, |bill| bill.payable));
    Ok(AccountComparison {
        account: account.to_owned(),
        items: items.into_iter().map(item).collect(),
        payable: payable.map(|payable| format!("{payable:.2}")).collect(),
    })
}

/// Writes the table of a comparison.
///
/// Errors: those of `out`.
pub fn print_comparison(out: &mut impl Write, of: &Comparison) -> io::Result<()> {
    writeln!(out, "\nmonth     {}, {}", of.month, of.currency)?;
    for (number, way) in (1..).zip(&of.ways) {
        writeln!(
            out,
            "     ({number})  {}: catalogue {} ({}…), standard traffic by {}",
            shown(&way.name),
            shown(&way.catalogue),
            &way.catalogue_digest[..12],
            way.standard_mode
        )?;
    }
    let numbers = (1..=of.ways.len()).map(|number| format!("({number})"));
    row(out, "", numbers)?;
    for account in of.accounts.iter().take(ACCOUNTS_MAX) {
        writeln!(out, "account   {}", shown(&account.account))?;
        for item in &account.items {
            let amounts = item.amounts.iter();
            let amounts = amounts.map(|amount| amount.clone().unwrap_or_else(|| "-".to_owned()));
            let corrects = match &item.corrects[..] {
                "" => String::new(),
                month => format!(" of {month}"),
            };
            row(out, &format!("{}{corrects}", item.item), amounts)?;
        }
        row(out, "to pay", account.payable.iter().map(as_amount))?;
    }
    if ACCOUNTS_MAX < of.accounts.len() {
        let more = of.accounts.len() - ACCOUNTS_MAX;
        let more = counted(more as u64, "more account");
        writeln!(out, "          … and {more} with --json")?;
    }
    writeln!(out, "all accounts")?;
    row(out, "to pay", of.payable.iter().map(as_amount))?;
    row(out, "more than (1)", of.more.iter().map(as_amount))
}

/// 2 places, with the point where 8 places have it.
fn as_amount(payable: &String) -> String {
    format!("{payable}{:6}", "")
}

fn row(
    out: &mut impl Write,
    what: &str,
    mut values: impl Iterator<Item = String>,
) -> io::Result<()> {
    write!(out, "          {what:<24}")?;
    values.try_for_each(|value| write!(out, "  {value:>20}"))?;
    writeln!(out)
}
