//! `cdn-meter formats`: what can be read.

use std::io::Write;

use clap::Args;

use super::out::out;
use super::progress::say;
use super::{Failure, Finish};
use crate::record::{FORMATS, Layout, Template};

/// List the log formats that are read, and the field that each meters
#[derive(Args)]
pub(super) struct FormatsArgs {
    /// Say what is taken from lines of this log_format string, and what clients could do to them
    #[arg(long, value_name = "STRING")]
    log_format: Option<String>,
}

pub(super) fn formats(args: &FormatsArgs) -> Result<Finish, Failure> {
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

/// Says where clients can make lines ambiguous.
pub(super) fn warn_of(template: &Template) {
    if let Some(warning) = template.warning() {
        say(&format!("warning: {warning}"));
    }
}
