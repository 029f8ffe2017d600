//! `cdn-meter explain`: a figure down to files and spans.

use std::io::{self, Write};

use clap::Args;
use serde_json::json;

use super::metering::StoreArgs;
use super::{Failure, Finish, print_json};
use crate::store::{Explained, Store};
use crate::units::{Domain, Month, Slot, Zone};

/// Show which files and spans the usage of a domain comes from
#[derive(Args)]
pub(super) struct ExplainArgs {
    /// The domain
    domain: String,
    /// Billing month, such as 2026-10; all of the store if it is left out
    #[arg(long, value_name = "MONTH")]
    month: Option<Month>,
    /// Clock of billing months
    #[arg(
        long,
        value_name = "OFFSET",
        default_value = "+08:00",
        allow_hyphen_values = true
    )]
    billing_zone: Zone,
    #[command(flatten)]
    store: StoreArgs,
    /// Print the explanation as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn explain(args: &ExplainArgs) -> Result<Finish, Failure> {
    let domain = Domain::parse(args.domain.as_bytes());
    let domain = domain.map_err(|error| Failure::start(format!("{}: {error}", args.domain)))?;
    let store = Store::open_to_read(&args.store.store)?;
    let slots = match args.month {
        Some(month) => month.slots(args.billing_zone),
        None => store.slots()?,
    };
    let explanation = store.explain(domain.as_str(), slots)?;
    let total = explanation.total;
    if args.json {
        let parts: Vec<_> = explanation.parts.iter().map(part_json).collect();
        print_json(&json!({
            "domain": domain.as_str(),
            "bytes": total.bytes.as_u64(),
            "requests": total.requests,
            "parts": parts,
        }))?;
    } else {
        let mut out = io::BufWriter::new(io::stdout().lock());
        for part in &explanation.parts {
            print_part(&mut out, part)?;
        }
        writeln!(
            out,
            "{}: {}, {} requests in {} parts",
            domain.as_str(),
            total.bytes,
            total.requests,
            explanation.parts.len()
        )?;
        out.flush()?;
    }
    Ok(Finish::Done)
}

fn print_part(out: &mut impl Write, part: &Explained) -> io::Result<()> {
    writeln!(
        out,
        "{:>22} {:>12} requests  {}  bytes {} of content {}, {} lines, {} to {}, committed {}",
        part.usage.bytes.to_string(),
        part.usage.requests,
        part.names.join(", "),
        part.span,
        part.digest,
        part.lines,
        slot_text(part.slots.0),
        slot_text(part.slots.1),
        part.committed_at
    )
}

fn part_json(part: &Explained) -> serde_json::Value {
    json!({
        "names": part.names,
        "from": part.span.from,
        "to": part.span.to,
        "lines": part.lines,
        "digest": part.digest.to_string(),
        "format": part.format,
        "committed_at": part.committed_at,
        "first_slot": slot_text(part.slots.0),
        "last_slot": slot_text(part.slots.1),
        "bytes": part.usage.bytes.as_u64(),
        "requests": part.usage.requests,
    })
}

fn slot_text(index: u32) -> String {
    Slot::from_index(index).map_or_else(String::new, |slot| slot.start().rfc3339())
}
