//! The part of a page that tells of one month.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::charts::{Bar, days, rows};
use super::text::{escaped, grouped, money, quantity};
use super::{STATEMENT_ACCOUNTS_MAX, STATEMENT_LINES_MAX, STATEMENT_ROWS_MAX};
use crate::billing::{
    AccountBill, Bill, BillTerms, Charge, DETAIL_PLACES, Inexact, Item, Status, add_exactly,
};
use crate::report::BillReport;
use crate::units::{Month, Region};

/// Bars of a chart with names.
const BARS_MAX: usize = 10;
const DETAIL: usize = DETAIL_PLACES as usize;

/// A month: its sum, its terms, what to look at, charts, and account by account.
pub(super) fn section(
    bill: &Bill,
    report: &BillReport,
    by: &BillTerms<'_>,
) -> Result<String, Inexact> {
    let month = escaped(&report.month);
    let currency = escaped(&report.currency);
    let mut html = format!(
        "<section class=\"month\" id=\"m{month}\">\n<div class=\"head\"><h2>{month}</h2>\
         <div class=\"sum\"><small>to pay</small> {} <small>{currency}</small></div></div>\n",
        grouped(&report.payable)
    );
    html += &terms(report);
    html += &notes(report);
    html += &charts(bill, by)?;
    let mut accounts: Vec<&AccountBill> = bill.accounts.iter().collect();
    accounts.sort_by_key(|account| Reverse(account.payable));
    for account in accounts.iter().take(STATEMENT_ACCOUNTS_MAX) {
        html += &of_account(account, by)?;
    }
    if STATEMENT_ACCOUNTS_MAX < accounts.len() {
        let more = accounts.len() - STATEMENT_ACCOUNTS_MAX;
        html +=
            &format!("<p>{more} more accounts, which pay less, are in the dataset charges.</p>\n");
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
    let facts = [
        ("Clock", &zone[..]),
        ("Catalogue of prices", &catalogue),
        ("Standard traffic", report.standard_mode),
        ("Quantities", &factors),
    ];
    let facts =
        facts.map(|(name, value)| format!("<div><dt>{name}</dt><dd>{}</dd></div>", escaped(value)));
    format!("<dl>{}</dl>\n", facts.concat())
}

/// What somebody should look at.
fn notes(report: &BillReport) -> String {
    let mut notes = Vec::new();
    if let Some(rejected) = &report.rejected {
        notes.push(format!(
            "At most {} {} not metered, of all months: {} lines of logs were rejected, which stand for at most {} B \
             at the dearest price of this month; of {} of them nothing is known.",
            grouped(&rejected.cost_at_most),
            report.currency,
            rejected.lines,
            grouped(&rejected.bytes_at_most),
            rejected.unread_lines
        ));
    }
    for of in report.unpriced.iter().take(STATEMENT_ROWS_MAX) {
        let account = match &of.account[..] {
            "" => String::new(),
            account => format!(" of account {account}"),
        };
        let bytes = grouped(&of.bytes.to_string());
        notes.push(format!("Not priced: {bytes} B{account}: {}.", of.why));
    }
    for of in report.unlicensed.iter().take(STATEMENT_ROWS_MAX) {
        notes.push(format!(
            "{} ({}) was watched on {} days without a licence; it is billed all the same (R09).",
            of.domain, of.app_id, of.days
        ));
    }
    let shown = notes.iter().map(|note| format!("<p>{}</p>", escaped(note)));
    let packages = report.packages.iter().take(STATEMENT_ROWS_MAX).map(|of| {
        let text = format!(
            "Package of {} GB of account {}: {} GB are left, until {}.",
            of.gigabytes, of.account, of.left, of.until
        );
        format!("<p>{}</p>", escaped(&text))
    });
    let mut html = String::new();
    if !notes.is_empty() {
        html += &format!("<div class=\"notes\">{}</div>\n", shown.collect::<String>());
    }
    html + &packages.collect::<String>()
}

/// Lines that are in a sum.
fn charged(bill: &Bill) -> impl Iterator<Item = &Charge> {
    let charges = bill.accounts.iter().flat_map(|account| &account.charges);
    charges.filter(|charge| charge.status == Status::Charged)
}

fn charts(bill: &Bill, by: &BillTerms<'_>) -> Result<String, Inexact> {
    let currency = &by.catalogue.currency;
    let mut items: BTreeMap<String, Decimal> = BTreeMap::new();
    let mut domains: BTreeMap<String, Decimal> = BTreeMap::new();
    let first = bill.month.first_day();
    let mut of_days = vec![Decimal::ZERO; bill.month.days() as usize];
    for charge in charged(bill) {
        add(items.entry(title(charge.item).to_owned()), charge)?;
        if !charge.domain.is_empty() {
            add(domains.entry(charge.domain.clone()), charge)?;
        }
        let is_bought = charge.item.is_purchase() || charge.corrects.is_some();
        let is_of_day = charge.days.len() == 1 && !is_bought;
        let day = usize::try_from(charge.days.start - first).ok();
        if let Some(sum) = day
            .filter(|_| is_of_day)
            .and_then(|day| of_days.get_mut(day))
        {
            *sum = add_exactly([*sum, charge.detail])?;
        }
    }
    let mut html = "<div class=\"charts\">\n".to_owned();
    html += &rows("What it is for", &dearest(items), currency)?;
    if !domains.is_empty() {
        html += &rows("Mini-program domains", &dearest(domains), currency)?;
    }
    if of_days.iter().any(|sum| !sum.is_zero()) {
        let bars: Vec<Bar> = (1..).zip(of_days).map(bar).collect();
        html += &days("Usage that is charged by the day", &bars, currency)?;
    }
    Ok(html + "</div>\n")
}

fn bar((name, amount): (impl ToString, Decimal)) -> Bar {
    Bar {
        name: name.to_string(),
        amount,
    }
}

fn add(
    sum: std::collections::btree_map::Entry<'_, String, Decimal>,
    charge: &Charge,
) -> Result<(), Inexact> {
    let sum = sum.or_default();
    *sum = add_exactly([*sum, charge.detail])?;
    Ok(())
}

/// The largest amounts first, as many as a chart has; what is left is one bar.
fn dearest(sums: BTreeMap<String, Decimal>) -> Vec<Bar> {
    let sums = sums.into_iter().filter(|(_, sum)| !sum.is_zero());
    let mut bars: Vec<Bar> = sums.map(bar).collect();
    bars.sort_by_key(|bar| Reverse(bar.amount.abs()));
    if BARS_MAX < bars.len() {
        let rest = bars.split_off(BARS_MAX - 1);
        let amount = rest.iter().map(|bar| bar.amount);
        if let Ok(amount) = add_exactly(amount) {
            bars.push(bar((format!("{} others", rest.len()), amount)));
        }
    }
    bars
}

/// Lines of a table: what they have in common, and their sums.
struct Sum<'a> {
    first: &'a Charge,
    lines: usize,
    quantity: Decimal,
    detail: Decimal,
    payable: Decimal,
}

/// Sums by month that is corrected, item, variant and zone.
fn sums(account: &AccountBill) -> Result<Vec<Sum<'_>>, Inexact> {
    type Key<'a> = (Option<Month>, Item, &'a str, Option<Region>);
    let mut sums: BTreeMap<Key<'_>, Sum<'_>> = BTreeMap::new();
    for charge in &account.charges {
        if charge.status != Status::Charged {
            continue;
        }
        let key = (
            charge.corrects,
            charge.item,
            &charge.variant[..],
            charge.zone,
        );
        let sum = sums.entry(key).or_insert(Sum {
            first: charge,
            lines: 0,
            quantity: Decimal::ZERO,
            detail: Decimal::ZERO,
            payable: Decimal::ZERO,
        });
        sum.lines += 1;
        sum.quantity = add_exactly([sum.quantity, charge.quantity])?;
        sum.detail = add_exactly([sum.detail, charge.detail])?;
        sum.payable = add_exactly([sum.payable, charge.payable])?;
    }
    Ok(sums.into_values().collect())
}

fn of_account(account: &AccountBill, by: &BillTerms<'_>) -> Result<String, Inexact> {
    let currency = escaped(&by.catalogue.currency);
    let name = match &account.account[..] {
        "" => "(no account)".to_owned(),
        name => escaped(name),
    };
    let mut html = format!(
        "<section class=\"account\"><div class=\"head\"><h3>{name}</h3>\
         <div class=\"sum\">{} <small>{currency}</small></div></div>\n\
         <table class=\"lines\"><caption>Lines by item and zone</caption>\n\
         <thead><tr><th scope=\"col\">Item</th><th scope=\"col\">Zone</th>\
         <th scope=\"col\" class=\"number\">Lines</th><th scope=\"col\" class=\"number\">Quantity</th>\
         <th scope=\"col\" class=\"number\">Amount</th><th scope=\"col\" class=\"number\">To pay</th></tr></thead>\n<tbody>\n",
        money(account.payable, 2)
    );
    let sums = sums(account)?;
    for sum in sums.iter().take(STATEMENT_ROWS_MAX) {
        html += &table_row(sum);
    }
    if STATEMENT_ROWS_MAX < sums.len() {
        let more = sums.len() - STATEMENT_ROWS_MAX;
        html += &format!(
            "<tr><td colspan=\"6\">{more} more rows are in the dataset charges</td></tr>\n"
        );
    }
    html += &format!(
        "<tr class=\"quiet\"><td colspan=\"4\">Precision adjustment (R30)</td>\
         <td class=\"number\" data-name=\"Amount\">{}</td><td></td></tr>\n\
         <tr class=\"total\"><td colspan=\"5\">To pay</td><td class=\"number\">{}</td></tr>\n\
         </tbody></table>\n",
        money(account.adjustment, DETAIL),
        money(account.payable, 2)
    );
    let is_review = |charge: &&Charge| charge.status == Status::NeedsReview;
    let review: Vec<&Charge> = account.charges.iter().filter(is_review).collect();
    html += &review_note(&review, &currency)?;
    html += &dearest_lines(account, &currency);
    Ok(html + "</section>\n")
}

fn table_row(sum: &Sum<'_>) -> String {
    let charge = sum.first;
    let variant = match &charge.variant[..] {
        "" => String::new(),
        variant => format!(" · {}", escaped(variant)),
    };
    let corrects = charge.corrects.map_or(String::new(), |month| {
        format!(" <span class=\"quiet\">correction of {month}</span>")
    });
    let unit = match charge.item.unit() {
        unit if unit.starts_with(|first: char| first.is_ascii_digit()) => format!("× {unit}"),
        unit => unit.to_owned(),
    };
    format!(
        "<tr><td class=\"name\">{}{variant}{corrects}</td><td data-name=\"Zone\">{}</td>\
         <td class=\"number\" data-name=\"Lines\">{}</td>\
         <td class=\"number\" data-name=\"Quantity\">{} {}</td>\
         <td class=\"number\" data-name=\"Amount\">{}</td>\
         <td class=\"number\" data-name=\"To pay\">{}</td></tr>\n",
        title(charge.item),
        charge.zone.map_or("", Region::name),
        grouped(&sum.lines.to_string()),
        quantity(sum.quantity),
        unit,
        money(sum.detail, DETAIL),
        money(sum.payable, 2)
    )
}

/// Lines that may be owed.
fn review_note(lines: &[&Charge], currency: &str) -> Result<String, Inexact> {
    if lines.is_empty() {
        return Ok(String::new());
    }
    let amounts = lines.iter().map(|line| line.amount.round(DETAIL_PLACES));
    let amount = add_exactly(amounts.collect::<Result<Vec<_>, _>>()?)?;
    Ok(format!(
        "<div class=\"notes\"><p>{} lines need review and are in no sum, {} {currency} in all: days that \
         were settled as standard traffic before their domain became a mini-program domain (R21).</p></div>\n",
        lines.len(),
        money(amount, 2)
    ))
}

/// The lines that cost most, each with its rules, price and source.
fn dearest_lines(account: &AccountBill, currency: &str) -> String {
    let charges = account.charges.iter();
    let mut lines: Vec<&Charge> = charges.filter(|of| of.status == Status::Charged).collect();
    lines.sort_by_key(|charge| Reverse(charge.detail.abs()));
    let shown = lines.len().min(STATEMENT_LINES_MAX);
    let all = grouped(&lines.len().to_string());
    let what = match lines.len() {
        1 => "The line".to_owned(),
        len if len == shown => format!("All {all} lines"),
        _ => format!("The {shown} dearest of {all} lines"),
    };
    let mut html = format!("<details><summary>{what}, explained</summary>\n");
    for charge in lines.iter().take(shown) {
        html += &format!(
            "<div class=\"line\"><div class=\"head\"><b>{}</b><span>{} {currency}</span></div>\
             <p>{}</p><p class=\"quiet\">{}: {} · {}</p></div>\n",
            escaped(&charge.id()),
            money(charge.detail, DETAIL),
            escaped(&charge.how),
            escaped(&charge.price),
            escaped(&charge.source),
            escaped(&charge.rules.join(" "))
        );
    }
    html + "</details>\n"
}

/// An item in words.
const fn title(item: Item) -> &'static str {
    match item {
        Item::MiniProgramTraffic => "Mini-program traffic",
        Item::StandardTraffic => "Standard traffic",
        Item::StandardPeak => "Standard traffic, daily peaks",
        Item::StandardMonthlyAverage => "Standard traffic, mean of daily peaks",
        Item::StandardMonthly95 => "Standard traffic, 95th percentile",
        Item::PluginLicence => "Plugin licences",
        Item::PushTraffic => "Upstream",
        Item::PushPeak => "Upstream, daily peaks",
        Item::PackageTraffic => "Paid for by packages",
        Item::TrafficPackage => "Traffic packages",
        Item::Transcoding => "Transcoding",
        Item::Recording => "Recording",
        Item::Screenshot => "Screenshots",
        Item::PornDetection => "Porn detection",
        Item::MobileLicence => "Mobile live SDK",
        Item::VodStorage => "Video on demand, storage",
        Item::VodTraffic => "Video on demand, traffic",
        Item::ImPlan => "Instant messaging, plans",
        Item::ImOverUse => "Instant messaging, beyond plans",
    }
}
