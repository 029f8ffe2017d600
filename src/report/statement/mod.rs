//! The bill as a page for people who pay it: one HTML file that needs nothing else, on screen and paper.
//!
//! No script, no network, no font or picture of others; every name on it is escaped. What is too long
//! for a page is cut at named limits, and the page says what is missing and where it is.

mod account;
mod charts;
mod month;
mod text;

use std::collections::BTreeSet;

use rust_decimal::Decimal;

use super::BillReport;
use crate::billing::{Bill, Inexact, add_exactly, rule};
use text::{escaped, money};

/// Accounts of a month on a page, those that pay most.
pub const STATEMENT_ACCOUNTS_MAX: usize = 50;
/// Lines of an account that are told in full, those that cost most.
pub const STATEMENT_LINES_MAX: usize = 20;
/// Rows of a table of an account, and notes of a kind.
pub const STATEMENT_ROWS_MAX: usize = 60;
/// Months of a page.
pub const STATEMENT_MONTHS_MAX: usize = 36;

/// A page in the making.
#[derive(Debug, Default)]
pub struct Statement {
    months: Vec<MonthPart>,
    months_left_out: usize,
    rules: BTreeSet<String>,
    /// Names and digests.
    catalogues: BTreeSet<(String, String)>,
}

/// The part of a page that tells of a month.
#[derive(Debug)]
struct MonthPart {
    month: String,
    payable: Decimal,
    currency: String,
    html: String,
}

impl Statement {
    /// Adds a month's bill and its sums. Of too many months the newest stay.
    ///
    /// Errors: [`Inexact`].
    pub fn add(&mut self, bill: &Bill, report: &BillReport) -> Result<(), Inexact> {
        let cited = month::cited(bill, report);
        self.rules.extend(cited.into_iter().map(str::to_owned));
        let catalogue = (&report.catalogue, &report.catalogue_digest);
        self.catalogues
            .insert((catalogue.0.clone(), catalogue.1.clone()));
        let charges = bill.accounts.iter().flat_map(|account| &account.charges);
        let others = charges.filter_map(|charge| charge.priced_by.as_deref());
        let others: BTreeSet<_> = others.map(|by| (&by.name, &by.digest)).collect();
        for (name, digest) in others {
            self.catalogues.insert((name.clone(), digest.clone()));
        }
        self.months.push(MonthPart {
            month: report.month.clone(),
            payable: add_exactly(bill.accounts.iter().map(|account| account.payable))?,
            currency: report.currency.clone(),
            html: month::section(bill, report)?,
        });
        // Months in which something was bought and nothing used are billed last.
        self.months.sort_by(|a, b| a.month.cmp(&b.month));
        if STATEMENT_MONTHS_MAX < self.months.len() {
            self.months.remove(0);
            self.months_left_out += 1;
        }
        Ok(())
    }

    /// The page.
    pub fn page(&self) -> String {
        let title = match &self.months[..] {
            [only] => format!("Statement of {}", only.month),
            [first, .., last] => format!("Statement of {} to {}", first.month, last.month),
            [] => "Statement of nothing".to_owned(),
        };
        let title = escaped(&title);
        let style = include_str!("style.css");
        let mut page = format!(
            "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
             <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
             <title>{title}</title>\n<style>\n{style}</style>\n</head>\n<body>\n\
             <header><h1>{title}</h1></header>\n"
        );
        if 1 < self.months.len() {
            page += &self.contents();
        }
        page += "<main>\n";
        for month in &self.months {
            page += &month.html;
        }
        page += "</main>\n";
        page += &self.colophon();
        page + "</body>\n</html>\n"
    }

    /// The months with what is to pay for each.
    fn contents(&self) -> String {
        let mut table = "<nav aria-label=\"Months\"><table><caption>Months</caption>\n\
             <thead><tr><th scope=\"col\">Month</th><th scope=\"col\" class=\"number\">To pay</th></tr></thead>\n\
             <tbody>\n"
            .to_owned();
        for part in &self.months {
            let (month, currency) = (escaped(&part.month), escaped(&part.currency));
            table += &format!(
                "<tr><th scope=\"row\"><a href=\"#m{month}\">{month}</a></th>\
                 <td class=\"number\">{} {currency}</td></tr>\n",
                money(part.payable, 2)
            );
        }
        table += "</tbody></table></nav>\n";
        if self.months_left_out != 0 {
            table += &format!(
                "<p>{} in the dataset charges.</p>\n",
                match self.months_left_out {
                    1 => "1 earlier month is".to_owned(),
                    more => format!("{more} earlier months are"),
                }
            );
        }
        table
    }

    /// The rules that it cites, the catalogues that priced it, and who wrote it.
    fn colophon(&self) -> String {
        let mut footer = "<footer>\n<h2>Rules</h2>\n<ul>\n".to_owned();
        for id in &self.rules {
            let sentence = rule(id).unwrap_or_default();
            footer += &format!("<li>{}: {}</li>\n", escaped(id), escaped(sentence));
        }
        footer += "</ul>\n<h2>Prices</h2>\n<ul>\n";
        for (name, digest) in &self.catalogues {
            let (name, digest) = (escaped(name), escaped(digest));
            footer += &format!("<li>{name}: SHA-256 <code>{digest}</code></li>\n");
        }
        footer
            + &format!(
                "</ul>\n<p>Written by cdn-meter {}. Every line with its usage, price and source is in \
                 the dataset charges; amounts have 8 places there, and what is paid has 2.</p>\n</footer>\n",
                env!("CARGO_PKG_VERSION")
            )
    }
}
