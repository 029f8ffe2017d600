//! `cdn-meter formats`: what can be read.

use std::io::{self, Write};

use clap::Args;

use super::{Failure, Finish};
use crate::record::{FORMATS, Template};

/// List the log formats that are read, and the field that each meters
#[derive(Args)]
pub(super) struct FormatsArgs {}

pub(super) fn formats(_: &FormatsArgs) -> Result<Finish, Failure> {
    let mut out = io::stdout().lock();
    for format in FORMATS {
        writeln!(out, "{:<13} {}", format.name, format.title)?;
        writeln!(
            out,
            "{:<13} meters {} ({})",
            "", format.meter, format.bytes_in
        )?;
    }
    writeln!(
        out,
        "\nlog formats that --format and --log-format know by name:"
    )?;
    for (name, template) in Template::PRESETS {
        writeln!(out, "{name:<15} {template}")?;
    }
    Ok(Finish::Done)
}
