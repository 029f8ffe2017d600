//! The part of a month that tells of one account.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use rust_decimal::Decimal;

use super::text::{escaped, grouped, lines, money, quantity};
use super::{STATEMENT_LINES_MAX, STATEMENT_ROWS_MAX};
use crate::billing::{
    AccountBill, Charge, DETAIL_PLACES, Inexact, Item, PAYABLE_PLACES, add_exactly,
};
use crate::report::bill::DomainReport;
use crate::report::notes::in_all;
use crate::units::{Month, Region};

const DETAIL: usize = DETAIL_PLACES as usize;
const PAYABLE: usize = PAYABLE_PLACES as usize;

/// An account: what it pays, its sums, what needs review, and its dearest lines. `id` is the anchor.
/// `domains` are what it costs by domain.
pub(super) fn of_account(
    account: &AccountBill,
    domains: &[DomainReport],
    id: &str,
    currency: &str,
) -> Result<String, Inexact> {
    let payable = money(account.payable, PAYABLE);
    let mut html = format!(
        "<section class=\"account\" id=\"{id}\"><div class=\"head\"><h3>{}</h3>\
         <div class=\"sum\">{payable} <small>{currency}</small></div></div>\n",
        name(&account.account)
    );
    html += &table(account, currency)?;
    html += &by_domain(domains, currency);
    html += &review(account, currency)?;
    html += &dearest(account, currency);
    Ok(html + "</section>\n")
}

/// The name of an account.
pub(super) fn name(account: &str) -> String {
    match account {
        "" => "(no account)".to_owned(),
        name => escaped(name),
    }
}

/// Lines that have a row together: what they have in common, and their sums.
struct GroupSum<'a> {
    first: &'a Charge,
    lines: usize,
    quantity: Decimal,
    detail: Decimal,
    payable: Decimal,
}

/// Sums by month that is corrected, item, variant and zone.
fn sums(account: &AccountBill) -> Result<Vec<GroupSum<'_>>, Inexact> {
    type GroupKey<'a> = (Option<Month>, Item, &'a str, Option<Region>);
    let mut sums: BTreeMap<GroupKey<'_>, GroupSum<'_>> = BTreeMap::new();
    for charge in account.charged() {
        let variant = &charge.variant[..];
        let key = (charge.corrects, charge.item, variant, charge.zone);
        let sum = sums.entry(key).or_insert(GroupSum {
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

/// The sums of an account: its columns add up to what it pays, whatever has no room.
fn table(account: &AccountBill, currency: &str) -> Result<String, Inexact> {
    let mut html = format!(
        "<table class=\"lines\"><caption>Lines by item and zone; amounts in {currency}</caption>\n\
         <thead><tr><th scope=\"col\">Item</th><th scope=\"col\">Zone</th>\
         <th scope=\"col\" class=\"number\">Lines</th><th scope=\"col\" class=\"number\">Quantity</th>\
         <th scope=\"col\" class=\"number\">Amount</th><th scope=\"col\" class=\"number\">To pay</th></tr></thead>\n"
    );
    let sums = sums(account)?;
    let shown = sums.len().min(STATEMENT_ROWS_MAX);
    for part in sums[..shown].chunk_by(|a, b| a.first.corrects == b.first.corrects) {
        html += "<tbody>\n";
        if let Some(month) = part[0].first.corrects {
            html += &format!(
                "<tr class=\"part\"><th colspan=\"6\" scope=\"rowgroup\">Corrections of {month}</th></tr>\n"
            );
        }
        html.extend(part.iter().map(row));
        html += "</tbody>\n";
    }
    html += "<tbody>\n";
    if shown < sums.len() {
        let rest = &sums[shown..];
        html += &closing_row(
            "quiet",
            &match rest.len() {
                1 => "1 more row is in the dataset charges".to_owned(),
                rows => format!("{rows} more rows are in the dataset charges"),
            },
            &money(add_exactly(rest.iter().map(|sum| sum.detail))?, DETAIL),
            &money(add_exactly(rest.iter().map(|sum| sum.payable))?, PAYABLE),
        );
    }
    let adjustment = money(account.adjustment, DETAIL);
    html += &closing_row("quiet", "Precision adjustment (R30)", &adjustment, "");
    let payable = money(account.payable, PAYABLE);
    html += &closing_row("total", "To pay", "", &payable);
    Ok(html + "</tbody></table>\n")
}

/// What of an account's traffic each domain costs, the dearest first.
fn by_domain(domains: &[DomainReport], currency: &str) -> String {
    if domains.is_empty() {
        return String::new();
    }
    let mut html = format!(
        "<table class=\"domains\"><caption>What traffic costs, by domain; amounts in {currency}</caption>\n\
         <thead><tr><th scope=\"col\">Domain</th><th scope=\"col\">Class</th>\
         <th scope=\"col\" class=\"number\">Of packages, GB</th>\
         <th scope=\"col\" class=\"number\">Amount</th></tr></thead>\n<tbody>\n"
    );
    for of in domains.iter().take(STATEMENT_ROWS_MAX) {
        let domain = match &of.domain[..] {
            "" => "(unknown)".to_owned(),
            domain => escaped(domain),
        };
        let corrects = match &of.corrects[..] {
            "" => String::new(),
            month => format!(" · correction of {}", escaped(month)),
        };
        html += &format!(
            "<tr><th scope=\"row\">{domain}{corrects}</th><td class=\"zone\">{}</td>\
             <td class=\"number quantity\">{}</td><td class=\"number amount\">{}</td></tr>\n",
            of.class,
            grouped(&of.package_gigabytes),
            grouped(&of.amount)
        );
    }
    if let Some(more @ 1..) = domains.len().checked_sub(STATEMENT_ROWS_MAX) {
        html += &format!(
            "<tr class=\"quiet\"><th scope=\"row\" colspan=\"4\">{more} more domains are in the dataset \
             costs</th></tr>\n"
        );
    }
    html + "</tbody></table>\n"
}

/// A row under the items.
fn closing_row(class: &str, name: &str, amount: &str, payable: &str) -> String {
    format!(
        "<tr class=\"{class}\"><th scope=\"row\" colspan=\"4\">{name}</th>\
         <td class=\"number amount\">{amount}</td><td class=\"number payable\">{payable}</td></tr>\n"
    )
}

fn row(sum: &GroupSum<'_>) -> String {
    let charge = sum.first;
    let variant = match &charge.variant[..] {
        "" => String::new(),
        variant => format!(" · {}", escaped(variant)),
    };
    format!(
        "<tr><th scope=\"row\">{}{variant}</th><td class=\"zone\">{}</td>\
         <td class=\"number lines\" data-unit=\"{}\">{}</td><td class=\"number quantity\">{} {unit}</td>\
         <td class=\"number amount\">{}</td><td class=\"number payable\">{}</td></tr>\n",
        title(charge.item),
        charge.zone.map_or("", Region::name),
        if sum.lines == 1 { "line" } else { "lines" },
        grouped(&sum.lines.to_string()),
        quantity(sum.quantity),
        money(sum.detail, DETAIL),
        money(sum.payable, PAYABLE),
        unit = unit(charge.item.unit(), sum.quantity),
    )
}

/// A unit behind its number: units are named in the plural.
fn unit(unit: &str, quantity: Decimal) -> String {
    if unit.starts_with(|first: char| first.is_ascii_digit()) {
        return format!("× {unit}");
    }
    let singular = unit.strip_suffix('s').filter(|_| unit != "Mbps");
    let is_one = quantity == Decimal::ONE;
    singular.filter(|_| is_one).unwrap_or(unit).to_owned()
}

/// Lines that may be owed.
fn review(account: &AccountBill, currency: &str) -> Result<String, Inexact> {
    // Money and package gigabytes cannot be compared: each has a list of its own.
    let (mut of_money, mut of_packages) = (Vec::new(), Vec::new());
    for line in account.for_review() {
        match line.package_gigabytes_owed() {
            Some(gigabytes) => of_packages.push((gigabytes, line)),
            None => of_money.push((line.amount.round(DETAIL_PLACES)?, line)),
        }
    }
    let lines = of_money.len() + of_packages.len();
    if lines == 0 {
        return Ok(String::new());
    }
    for lines in [&mut of_money, &mut of_packages] {
        lines.sort_by_key(|(owed, _)| Reverse(owed.abs()));
    }
    let (amount, gigabytes) = account.reviewed()?;
    Ok(format!(
        "<div class=\"notes\"><p>To be reviewed, and in no sum: {}, {} in all, of days that \
         were settled as standard traffic before their domain became a mini-program domain (R21).</p>\n{}{}</div>\n",
        count(lines),
        in_all(&money(amount, PAYABLE), &quantity(gigabytes), currency),
        explained(&of_money, currency),
        explained(&of_packages, "package GB")
    ))
}

/// The lines that cost most.
fn dearest(account: &AccountBill, currency: &str) -> String {
    let mut lines: Vec<_> = account.charged().map(|line| (line.detail, line)).collect();
    lines.sort_by_key(|(amount, _)| Reverse(amount.abs()));
    explained(&lines, currency)
}

fn count(count: usize) -> String {
    lines(count as u64)
}

/// The first of `lines`, each with its amount in `unit`, rules, price and source.
fn explained(lines: &[(Decimal, &Charge)], unit: &str) -> String {
    if lines.is_empty() {
        return String::new();
    }
    let shown = lines.len().min(STATEMENT_LINES_MAX);
    let what = match lines.len() {
        1 => "The line".to_owned(),
        len if len == shown => format!("All {}", count(len)),
        len => format!("The {shown} dearest of {}", count(len)),
    };
    let mut html = format!("<details><summary>{what}, explained</summary>\n");
    for (amount, charge) in &lines[..shown] {
        let amount = match charge.package_gigabytes_owed() {
            Some(gigabytes) => quantity(gigabytes),
            None => money(*amount, DETAIL),
        };
        html += &format!(
            "<div class=\"line\"><div class=\"head\"><b>{}</b><span>{amount} {unit}</span></div>\
             <p>{}</p><p class=\"quiet\">{}: {} · {}</p></div>\n",
            escaped(&charge.id()),
            escaped(&charge.how),
            escaped(&charge.price),
            escaped(&charge.source),
            escaped(&charge.rules.join(" "))
        );
    }
    if shown < lines.len() {
        let more = count(lines.len() - shown);
        html += &format!("<p class=\"quiet\">{more} more in the dataset charges.</p>\n");
    }
    html + "</details>\n"
}

/// An item in words.
pub(super) const fn title(item: Item) -> &'static str {
    match item {
        Item::MiniProgramTraffic => "Mini-program traffic",
        Item::StandardTraffic => "Standard traffic",
        Item::StandardPeak => "Standard traffic, daily peaks",
        Item::StandardMonthlyAverage => "Standard traffic, mean of daily peaks",
        Item::StandardMonthly95 => "Standard traffic, 95th percentile",
        Item::PluginLicence => "Plugin licences",
        Item::PushTraffic => "Upstream",
        Item::PushPeak => "Upstream, daily peaks",
        Item::PackageTraffic => "Traffic paid for by packages",
        Item::TrafficPackage => "Traffic packages",
        Item::TranscodingPackage => "Transcoding packages",
        Item::Transcoding => "Transcoding",
        Item::PackageTranscoding => "Transcoding paid for by packages",
        Item::Recording => "Recording",
        Item::Screenshot => "Screenshots",
        Item::PornDetection => "Porn detection",
        Item::MobileLicence => "Mobile live SDK",
        Item::VodStorage => "Video on demand, storage",
        Item::VodTraffic => "Video on demand, traffic",
        Item::VodTranscoding => "Video on demand, transcoding",
        Item::VodEditing => "Video on demand, editing",
        Item::ImPlan => "Instant messaging, plans",
        Item::ImOverUse => "Instant messaging, beyond plans",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_singular() {
        for (name, quantity, shown) in [
            ("Licenses", Decimal::ONE, "License"),
            ("Licenses", Decimal::TWO, "Licenses"),
            ("GB-Days", Decimal::ONE, "GB-Day"),
            ("Mbps", Decimal::ONE, "Mbps"),
            ("GB", Decimal::ONE, "GB"),
            ("1000 Pictures", Decimal::ONE, "× 1000 Pictures"),
        ] {
            assert_eq!(unit(name, quantity), shown);
        }
    }
}
