//! `cdn-meter formats`: what can be read.

use std::io::Write;

use clap::Args;

use crate::cli::args::metering::warn_of;
use crate::cli::out::out;
use crate::cli::{Failure, Finish};
use crate::record::{FORMATS, Layout, Template};

/// List the log formats that are read, and the field that each meters
#[derive(Args)]
pub(in crate::cli) struct FormatsArgs {
    /// Say what is taken from lines of this log_format string, and what clients could do to them
    #[arg(long, value_name = "STRING")]
    log_format: Option<String>,
}

pub(in crate::cli) fn formats(args: &FormatsArgs) -> Result<Finish, Failure> {
    let mut out = out();
    if let Some(text) = &args.log_format {
        if let Layout::Nginx(template) = Layout::of_template(text)? {
            writeln!(out, "{}", template.takes())?;
            out.flush()?;
            warn_of(&template);
        }
        return Ok(Finish::Done);
    }
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
    out.flush()?;
    Ok(Finish::Done)
}
