//! `cdn-meter bill --explain`: a line of a bill down to its rules, its price and its usage.

use std::io::{self, Write};

use serde_json::json;

use super::bills::Prices;
use super::months::usage_of_closed;
use super::{Failure, print_json};
use crate::billing::{Charge, Cost, DETAIL_PLACES, Status, parts_of, rule};
use crate::registry::Registry;
use crate::report::read_summary;
use crate::store::Store;
use crate::summary::{AccountUsage, Book, FrozenOwners};
use crate::units::{Month, Region};

/// Lines that are explained at most.
const LINES_MAX: usize = 50;

/// A line, and what it is made of.
pub(super) struct Explained {
    charge: Charge,
    /// Domain, region and bytes; empty for what is not made of bytes.
    parts: Vec<(String, Region, u64)>,
}

/// Explains lines: the usage behind them is that of their month, as it was frozen if it is closed.
pub(super) fn explained(
    charges: Vec<Charge>,
    store: &Store,
    registry: &Registry,
    prices: &Prices,
    rows_max: usize,
) -> Result<Vec<Explained>, Failure> {
    let mut lines: Vec<Explained> = Vec::new();
    for charge in charges.into_iter().take(LINES_MAX) {
        let parts = Vec::new();
        lines.push(Explained { charge, parts });
    }
    lines.sort_by_key(|line| line.charge.month());
    for lines in lines.chunk_by_mut(|a, b| a.charge.month() == b.charge.month()) {
        let month = lines[0].charge.month();
        with_accounts(store, month, registry, rows_max, |used| {
            let of_account = lines.iter_mut();
            for line in of_account.filter(|line| line.charge.account == used.account) {
                line.parts = parts_of(&line.charge, used, &prices.terms())?;
            }
            Ok(())
        })?;
    }
    Ok(lines)
}

/// Hands the usage of every account in a month to `each`.
fn with_accounts(
    store: &Store,
    month: Month,
    registry: &Registry,
    rows_max: usize,
    mut each: impl FnMut(&AccountUsage) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let closes = store.closes()?;
    let Some(close) = closes.iter().find(|close| close.terms.month == month) else {
        let zone = registry.zone();
        let usage = store.usage(month.slots(zone), rows_max)?;
        let book = Book::new(usage.table, usage.domains, registry, zone)?;
        let mut accounts = book.months().flat_map(|usage| usage.accounts(registry));
        return accounts.try_for_each(|used| each(&used?));
    };
    let summary = read_summary(&store.closed_folder(month, "summary"))?;
    let owners = FrozenOwners::new(&summary, registry);
    let book = usage_of_closed(store, close, &owners)?;
    let mut accounts = book.months().flat_map(|usage| usage.accounts(&owners));
    accounts.try_for_each(|used| each(&used?))
}

/// Shows explained lines.
pub(super) fn show_explained(lines: &[Explained], is_json: bool) -> io::Result<()> {
    match is_json {
        true => print_json(&lines.iter().map(line_json).collect::<Vec<_>>()),
        false => print(lines),
    }
}

fn print(lines: &[Explained]) -> io::Result<()> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    for Explained { charge, parts } in lines {
        writeln!(out, "charge    {}", charge.id())?;
        writeln!(
            out,
            "          {} {} × {} = {} on the detail, {} of what is paid ({})",
            charge.quantity.normalize(),
            charge.item.unit(),
            charge.unit_price.normalize(),
            charge.detail.normalize(),
            charge.payable.normalize(),
            charge.status.name(),
        )?;
        if charge.status == Status::NeedsReview {
            let candidate = charge
                .amount
                .round(DETAIL_PLACES)
                .map_err(io::Error::other)?;
            writeln!(out, "          it would be {}", candidate.normalize())?;
        }
        writeln!(out, "how       {}", charge.how)?;
        writeln!(out, "price     {}: {}", charge.price, charge.source)?;
        for id in &charge.rules {
            writeln!(out, "rule      {id}: {}", rule(id).unwrap_or_default())?;
        }
        for (domain, region, bytes) in parts {
            writeln!(
                out,
                "usage     {bytes:>20} B  {domain} in {}: cdn-meter explain {domain} --month {}",
                region.name(),
                charge.month()
            )?;
        }
        for share in &charge.shares {
            writeln!(
                out,
                "cost      {:>20} of {} in {}, for {} B",
                format!("{:.8}", share.amount),
                share.domain,
                share.region.name(),
                share.bytes
            )?;
        }
        writeln!(out)?;
    }
    out.flush()
}

fn line_json(Explained { charge, parts }: &Explained) -> serde_json::Value {
    let usage = parts.iter().map(|(domain, region, bytes)| {
        json!({ "domain": domain, "region": region.name(), "bytes": bytes })
    });
    let rules = charge.rules.iter();
    let rules = rules.map(|id| json!({ "rule": id, "says": rule(id) }));
    json!({
        "charge_id": charge.id(),
        "item": charge.item.name(),
        "quantity": charge.quantity.normalize().to_string(),
        "unit": charge.item.unit(),
        "unit_price": charge.unit_price.normalize().to_string(),
        "amount": format!("{:.8}", charge.detail),
        "payable": format!("{:.2}", charge.payable),
        "status": charge.status.name(),
        "metered_bytes": charge.bytes.to_string(),
        "explanation": charge.how,
        "price": charge.price,
        "source": charge.source,
        "rules": rules.collect::<Vec<_>>(),
        "usage": usage.collect::<Vec<_>>(),
        "costs": charge.shares.iter().map(cost_json).collect::<Vec<_>>(),
    })
}

fn cost_json(share: &Cost) -> serde_json::Value {
    json!({
        "domain": share.domain,
        "class": share.class.name(),
        "region": share.region.name(),
        "metered_bytes": share.bytes.to_string(),
        "quantity": share.quantity.normalize().to_string(),
        "package_gigabytes": share.package_gigabytes.normalize().to_string(),
        "amount": format!("{:.8}", share.amount),
    })
}
