//! `cdn-meter bill --explain`: what lines are made of, as it is shown.

use std::io::{self, Write};

use serde_json::json;

use crate::billing::{Charge, Cost, DETAIL_PLACES, Status, rule};
use crate::cli::out::out;
use crate::cli::print_json;
use crate::months::{Explained, Part, Side};
use crate::units::{Month, shown};

/// Shows explained lines.
pub(super) fn show_explained(lines: &[Explained], is_json: bool) -> io::Result<()> {
    match is_json {
        true => print_json(&lines.iter().map(line_json).collect::<Vec<_>>()),
        false => print(lines),
    }
}

fn print(lines: &[Explained]) -> io::Result<()> {
    let mut out = out();
    for Explained {
        charge,
        parts,
        bill,
    } in lines
    {
        writeln!(out, "charge    {}", shown(&charge.id()))?;
        writeln!(
            out,
            "          {} on the detail, {} of what is paid ({})",
            priced_text(charge),
            charge.payable.normalize(),
            charge.status.name(),
        )?;
        if charge.status == Status::NeedsReview {
            let owed = match charge.package_gigabytes_owed() {
                Some(gigabytes) => format!("{} package GB", gigabytes.normalize()),
                None => {
                    let amount = charge.amount.round(DETAIL_PLACES);
                    amount.map_err(io::Error::other)?.normalize().to_string()
                }
            };
            writeln!(out, "          it would be {owed}")?;
        } else {
            writeln!(out, "settled   {}", charge.settled_on(*bill))?;
        }
        writeln!(out, "how       {}", shown(&charge.how))?;
        let (price, source) = (shown(&charge.price), shown(&charge.source));
        writeln!(out, "price     {price}: {source}")?;
        for id in &charge.rules {
            writeln!(out, "rule      {id}: {}", rule(id).unwrap_or_default())?;
        }
        parts
            .iter()
            .try_for_each(|part| print_part(&mut out, part, charge.month()))?;
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

/// What a line is on the detail of the bill: a product only where it is one.
fn priced_text(charge: &Charge) -> String {
    let [quantity, price, detail] =
        [charge.quantity, charge.unit_price, charge.detail].map(|number| number.normalize());
    let unit = charge.item.unit();
    match charge.corrects {
        _ if charge.is_product() => format!("{quantity} {unit} × {price} = {detail}"),
        None => format!("{quantity} {unit} at {price} each: {detail}"),
        Some(_) => {
            format!("what it is now, less what was billed: {quantity:+} {unit}, {detail:+}")
        }
    }
}

fn print_part(out: &mut impl Write, part: &Part, month: Month) -> io::Result<()> {
    let Part {
        side,
        place: (place, region),
        bytes,
    } = part;
    write!(out, "usage     {bytes:>20} B  ")?;
    match side {
        Side::Now => writeln!(
            out,
            "{place} in {region}: cdn-meter explain {place} --month {month}"
        ),
        Side::Closed => writeln!(out, "{place} in {region}, as {month} was closed"),
        Side::Corrected => writeln!(out, "was corrected on {place}"),
        Side::Since => writeln!(out, "came or went {place}"),
    }
}

fn line_json(
    Explained {
        charge,
        parts,
        bill,
    }: &Explained,
) -> serde_json::Value {
    let usage = parts.iter().map(|part| {
        let (place, region) = &part.place;
        let bytes = i64::try_from(part.bytes).ok();
        json!({ "domain": place, "region": region, "bytes": bytes, "side": part.side.name() })
    });
    let rules = charge.rules.iter();
    let rules = rules.map(|id| json!({ "rule": id, "says": rule(id) }));
    let is_settled = charge.status == Status::Charged;
    json!({
        "charge_id": charge.id(),
        "bill": bill.to_string(),
        "item": charge.item.name(),
        "quantity": charge.quantity.normalize().to_string(),
        "unit": charge.item.unit(),
        "package_quantity": charge.package_quantity.map(|taken| taken.normalize().to_string()),
        "unit_price": charge.unit_price.normalize().to_string(),
        "amount": format!("{:.8}", charge.detail),
        "payable": format!("{:.2}", charge.payable),
        "status": charge.status.name(),
        "metered_bytes": charge.bytes.to_string(),
        "explanation": charge.how,
        "price": charge.price,
        "source": charge.source,
        "rules": rules.collect::<Vec<_>>(),
        "settled_on": is_settled.then(|| charge.settled_on(*bill)),
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
