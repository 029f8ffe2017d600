//! The part of a page that tells of one month.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use rust_decimal::Decimal;

use super::account::{name, of_account, title};
use super::charts::{ChartBar, days, rows};
use super::text::{escaped, grouped, lines, money};
use super::{STATEMENT_ACCOUNTS_MAX, STATEMENT_ROWS_MAX};
use crate::billing::{AccountBill, Bill, Charge, Inexact, PAYABLE_PLACES, add_exactly};
use crate::report::{BillReport, RerateReport};
use crate::units::counted;

/// Bars of a chart with names.
const BARS_MAX: usize = 10;

/// A month: its sum, its terms, what to look at, charts, and account by account.
pub(super) fn section(bill: &Bill, report: &BillReport) -> Result<String, Inexact> {
    let month = escaped(&report.month);
    let currency = escaped(&report.currency);
    let mut html = format!(
        "<section class=\"month\" id=\"m{month}\">\n<div class=\"head\"><h2>{month}</h2>\
         <div class=\"sum\"><small>to pay</small> {} <small>{currency}</small></div></div>\n",
        grouped(&report.payable)
    );
    html += &terms(report);
    html += &notes(report);
    html += &packages(report);
    html += &charts(bill, &report.currency)?;
    let mut accounts: Vec<&AccountBill> = bill.accounts.iter().collect();
    accounts.sort_by_key(|account| Reverse(account.payable));
    if 1 < accounts.len() {
        html += &overview(&accounts, report)?;
    }
    for (number, account) in (1..).zip(accounts.iter().take(STATEMENT_ACCOUNTS_MAX)) {
        let reports = &mut report.accounts.iter();
        let domains = reports.find(|of| of.account == account.account);
        let domains = domains.map_or(&[][..], |of| &of.domains);
        html += &of_account(account, domains, &format!("m{month}-{number}"), &currency)?;
    }
    Ok(html + "</section>\n")
}

/// What the month was billed by.
fn terms(report: &BillReport) -> String {
    let zone = format!("months and days of UTC{}", report.billing_zone);
    let digest = report.catalogue_digest.get(..12).unwrap_or_default();
    let catalogue = format!("{} ({digest}…)", report.catalogue);
    let factors = format!(
        "bytes as logged × {} × {}",
        report.overhead_factor, report.sampling_factor
    );
    let charged = format!(
        "{}, the 1st of the month after (每月1日, R13)",
        report.charge_date
    );
    let facts = [
        ("What is settled by the month is charged on", &charged[..]),
        ("Clock", &zone),
        ("Catalogue of prices", &catalogue),
        ("Standard traffic", report.standard_mode),
        ("Quantities", &factors),
    ];
    let facts =
        facts.map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)));
    format!("<dl>{}</dl>\n", facts.concat())
}

/// The first of many texts as paragraphs, and how many are left.
fn paragraphs<T>(all: &[T], text: impl Fn(&T) -> String) -> String {
    let shown = all.iter().take(STATEMENT_ROWS_MAX).map(text);
    let mut html: String = shown
        .map(|text| format!("<p>{}</p>\n", escaped(&text)))
        .collect();
    if let Some(more @ 1..) = all.len().checked_sub(STATEMENT_ROWS_MAX) {
        html += &format!("<p>… and {more} more.</p>\n");
    }
    html
}

/// What somebody should look at.
fn notes(report: &BillReport) -> String {
    let mut html = paragraphs(&report.notes.mended, |of| {
        format!("Corrected: {}.", of.text())
    });
    html += &paragraphs(&report.notes.waiting, |of| {
        format!("Not yet corrected: {}.", of.text())
    });
    let rerated = report.notes.rerated.as_ref().map(RerateReport::texts);
    html += &paragraphs(&rerated.unwrap_or_default(), |text| {
        let (first, rest) = text.split_at(1);
        format!("{}{rest}.", first.to_uppercase())
    });
    html += &paragraphs(report.notes.rejected.as_slice(), |rejected| {
        format!(
            "At most {} {} not metered: {} of logs of all months {} rejected, for at most {} B, \
             here at the dearest price of this month. Nothing is known of {} of them.",
            grouped(&rejected.cost_at_most),
            report.currency,
            lines(rejected.lines),
            if rejected.lines == 1 { "was" } else { "were" },
            grouped(&rejected.bytes_at_most),
            grouped(&rejected.unread_lines.to_string())
        )
    });
    html += &paragraphs(report.notes.without_bytes.as_slice(), |of| {
        let extent = of.extent();
        format!(
            "Counted as 0 B: {extent}, of all months, of which no line says how many bytes it sent."
        )
    });
    html += &paragraphs(&report.unpriced, |of| {
        let account = match &of.account[..] {
            "" => String::new(),
            account => format!(" of account {account}"),
        };
        let bytes = grouped(&of.bytes.to_string());
        format!("Not priced: {bytes} B{account}: {}.", of.why)
    });
    html += &paragraphs(&report.notes.assumed_regions, |of| {
        format!("Priced {}.", of.text(grouped))
    });
    html += &unlicensed(report);
    match html.is_empty() {
        true => html,
        false => format!("<div class=\"notes\">{html}</div>\n"),
    }
}

/// Domains without a licence; a fold holds them, since there may be many.
fn unlicensed(report: &BillReport) -> String {
    let domains = match report.notes.unlicensed.len() {
        0 => return String::new(),
        1 => "1 mini-program domain was".to_owned(),
        many => format!("{many} mini-program domains were"),
    };
    let shown = report
        .notes
        .unlicensed
        .iter()
        .take(STATEMENT_ROWS_MAX)
        .map(|of| {
            let days = if of.days == 1 { "day" } else { "days" };
            format!("{} ({}, {} {days})", of.domain, of.app_id, of.days)
        });
    let mut list = escaped(&shown.collect::<Vec<_>>().join(", "));
    if let Some(more @ 1..) = report
        .notes
        .unlicensed
        .len()
        .checked_sub(STATEMENT_ROWS_MAX)
    {
        list += &format!(", … and {more} more");
    }
    format!(
        "<details><summary>{domains} watched on days without a licence: billed all the same \
         (R09)</summary>\n<p>{list}.</p></details>\n"
    )
}

/// What is left of packages.
fn packages(report: &BillReport) -> String {
    let traffic = paragraphs(&report.notes.packages, |of| {
        format!(
            "Package of {} GB of account {}: {} GB are left, until {}.",
            of.gigabytes,
            of.account,
            grouped(&of.left),
            of.until
        )
    });
    let transcoding = paragraphs(&report.notes.transcoding_packages, |of| {
        format!(
            "{} transcoding package of {} h of account {}: {} min are left, until {}.",
            of.kind,
            of.hours,
            of.account,
            grouped(&of.minutes_left),
            of.until
        )
    });
    traffic + &transcoding
}

/// Charts of what is in a sum. What corrects other months is apart, as it is in the tables.
fn charts(bill: &Bill, currency: &str) -> Result<String, Inexact> {
    let mut items: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut domains: BTreeMap<String, Decimal> = BTreeMap::new();
    let first = bill.month.first_day();
    let mut of_days = vec![Decimal::ZERO; bill.month.days() as usize];
    for charge in bill.accounts.iter().flat_map(AccountBill::charged) {
        if let Some(month) = charge.corrects {
            add(
                items.entry(format!("Corrections of {month}")).or_default(),
                charge,
            )?;
            continue;
        }
        add(
            items.entry(title(charge.item).to_owned()).or_default(),
            charge,
        )?;
        if !charge.domain.is_empty() {
            add(domains.entry(charge.domain.clone()).or_default(), charge)?;
        }
        let is_of_day = charge.days.len() == 1 && !charge.item.is_purchase();
        let day = usize::try_from(charge.days.start - first).ok();
        if let Some(sum) = day
            .filter(|_| is_of_day)
            .and_then(|day| of_days.get_mut(day))
        {
            add(sum, charge)?;
        }
    }
    let mut left = vec![rows("What it is for", &dearest(items)?, currency)?];
    if of_days.iter().any(|sum| !sum.is_zero()) {
        let bars: Vec<ChartBar> = (1..)
            .zip(of_days)
            .map(|(day, amount)| bar(day, amount))
            .collect();
        left.push(days("Usage that is charged by the day", &bars, currency)?);
    }
    // Two short charts stand beside the long one.
    let columns = match domains.is_empty() {
        true => left,
        false => vec![
            left.concat(),
            rows("Mini-program domains", &dearest(domains)?, currency)?,
        ],
    };
    let columns = columns
        .iter()
        .map(|charts| format!("<div>\n{charts}</div>\n"));
    Ok(format!(
        "<div class=\"charts\">\n{}</div>\n",
        columns.collect::<String>()
    ))
}

fn bar(name: impl ToString, amount: Decimal) -> ChartBar {
    ChartBar {
        name: name.to_string(),
        amount,
    }
}

fn add(sum: &mut Decimal, charge: &Charge) -> Result<(), Inexact> {
    *sum = add_exactly([*sum, charge.detail])?;
    Ok(())
}

/// The largest amounts first, as many as a chart has; what is left is one bar.
fn dearest(sums: BTreeMap<String, Decimal>) -> Result<Vec<ChartBar>, Inexact> {
    let sums = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
    let mut bars: Vec<ChartBar> = sums.map(|(name, amount)| bar(name, amount)).collect();
    bars.sort_by_key(|bar| Reverse(bar.amount.abs()));
    if BARS_MAX < bars.len() {
        let rest = bars.split_off(BARS_MAX - 1);
        let amount = add_exactly(rest.iter().map(|bar| bar.amount))?;
        bars.push(bar(counted(rest.len() as u64, "other"), amount));
    }
    Ok(bars)
}

/// What each account pays, which adds up to the month, whatever has no room.
fn overview(accounts: &[&AccountBill], report: &BillReport) -> Result<String, Inexact> {
    let (month, currency) = (escaped(&report.month), escaped(&report.currency));
    let places = PAYABLE_PLACES as usize;
    let mut html = format!(
        "<table class=\"accounts\"><caption>Accounts; amounts in {currency}</caption>\n\
         <thead><tr><th scope=\"col\">Account</th><th scope=\"col\" class=\"number\">To pay</th></tr></thead>\n\
         <tbody>\n"
    );
    let mut row = |class: &str, name: &str, payable: &str| {
        html += &format!(
            "<tr{class}><th scope=\"row\">{name}</th><td class=\"number\">{payable}</td></tr>\n"
        );
    };
    let (shown, rest) = accounts.split_at(accounts.len().min(STATEMENT_ACCOUNTS_MAX));
    for (number, account) in (1..).zip(shown) {
        let link = format!(
            "<a href=\"#m{month}-{number}\">{}</a>",
            name(&account.account)
        );
        row("", &link, &money(account.payable, places));
    }
    if !rest.is_empty() {
        let name = format!(
            "{} in the dataset charges",
            match rest.len() {
                1 => "1 more account, which pays less, is".to_owned(),
                more => format!("{more} more accounts, which pay less, are"),
            }
        );
        let payable = add_exactly(rest.iter().map(|account| account.payable))?;
        row(" class=\"quiet\"", &name, &money(payable, places));
    }
    row(
        " class=\"total\"",
        "To pay in all",
        &grouped(&report.payable),
    );
    Ok(html + "</tbody></table>\n")
}

/// The rules that a month's part of a page cites.
pub(super) fn cited<'a>(bill: &'a Bill, report: &BillReport) -> BTreeSet<&'a str> {
    let charges = bill.accounts.iter().flat_map(|account| &account.charges);
    let rules = charges.flat_map(|charge| &charge.rules);
    let mut cited: BTreeSet<&str> = rules.map(String::as_str).collect();
    let is_review = |account: &AccountBill| account.for_review().next().is_some();
    let has = |class: &str| report.unpriced.iter().any(|of| of.class == class);
    let besides = [
        ("R13", true),
        ("R09", !report.notes.unlicensed.is_empty()),
        ("R17", has("push")),
        ("R21", bill.accounts.iter().any(is_review)),
        ("R23", has("unknown")),
        ("R30", !bill.accounts.is_empty()),
    ];
    let besides = besides.into_iter().filter(|(_, is_cited)| *is_cited);
    cited.extend(besides.map(|(rule, _)| rule));
    cited
}
