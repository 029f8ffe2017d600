//! The log lines behind a part of a figure, where the files are at hand.

use std::io::{self, Write};
use std::ops::Range;

use clap::Args;
use serde_json::json;

use crate::cli::Failure;
use crate::cli::args::metering::LayoutArgs;
use crate::ingest::{RereadError, WantedLines, reread, still_begins_with};
use crate::record::Layout;
use crate::source::{Seed, path_of};
use crate::store::Explained;
use crate::units::{Slot, counted, shown};

/// Arguments about log lines.
#[derive(Args)]
pub(in crate::cli) struct LinesArgs {
    /// Show the log lines themselves, as far as their files are at hand and as they were
    #[arg(long)]
    lines: bool,
    /// Most lines to show
    #[arg(long, value_name = "COUNT", default_value_t = 100, requires = "lines")]
    limit: usize,
    #[command(flatten)]
    layout: LayoutArgs,
}

/// Shows the lines of part after part.
pub(in crate::cli) struct Lines<'a> {
    layout: Option<Layout>,
    fallback_domain: Option<String>,
    domain: &'a str,
    slots: Range<u32>,
    seed: Seed,
    left: usize,
    /// Whether the lines of a part could not be shown.
    pub(in crate::cli) is_incomplete: bool,
}

/// One line to show.
struct Line {
    number: u64,
    offset: u64,
    slot: Slot,
    bytes: u64,
    text: String,
}

/// The lines of one part.
pub(in crate::cli) struct Shown {
    /// The file that they were read from; or why there are none.
    origin: Result<String, String>,
    lines: Vec<Line>,
    /// Lines beyond the limit.
    more: u64,
}

impl LinesArgs {
    /// What shows the lines of `domain` in `slots`; `None` where they were not asked for.
    pub(in crate::cli) fn begin<'a>(
        &self,
        domain: &'a str,
        slots: Range<u32>,
        seed: Seed,
    ) -> Result<Option<Lines<'a>>, Failure> {
        if !self.lines {
            return Ok(None);
        }
        Ok(Some(Lines {
            layout: self.layout.layout()?,
            fallback_domain: self.layout.fallback_domain()?,
            domain,
            slots,
            seed,
            left: self.limit,
            is_incomplete: false,
        }))
    }
}

impl Lines<'_> {
    /// The lines of a part; none are shown that do not add up to it.
    pub(in crate::cli) fn of(&mut self, part: &Explained) -> Shown {
        let at_hand = |name: &&String| {
            let digest = part.digest;
            still_begins_with(&path_of(name), self.seed, digest, part.span.to).unwrap_or(false)
        };
        let Some(name) = part.names.iter().find(at_hand) else {
            let why = "no file that still holds this is at hand under its names";
            return self.missing(why.to_owned());
        };
        let usage = (part.usage.bytes.as_u64(), part.usage.requests);
        match self.read(name, part) {
            Ok((shown, sums)) if sums == usage => shown,
            Ok((_, sums)) => self.missing(format!(
                "the lines of {name} add up to {} B in {} as they are read now; give the \
                 --format, --log-format and --domain with which it was ingested, or see \
                 `cdn-meter verify --against`",
                sums.0,
                counted(sums.1, "request")
            )),
            Err(error) => self.missing(format!("{name}: {error}")),
        }
    }

    fn read(&mut self, name: &str, part: &Explained) -> Result<(Shown, (u64, u64)), RereadError> {
        let wanted = WantedLines {
            domain: self.domain,
            slots: self.slots.clone(),
            fallback_domain: self.fallback_domain.as_deref(),
        };
        let mut shown = Shown {
            origin: Ok(name.to_owned()),
            lines: Vec::new(),
            more: 0,
        };
        let (mut bytes, mut requests, left) = (0u64, 0u64, &mut self.left);
        let layout = self.layout.clone();
        reread(&path_of(name), layout, part.span, &wanted, |line| {
            bytes = bytes.saturating_add(line.bytes.as_u64());
            requests += 1;
            if *left == 0 {
                shown.more += 1;
                return;
            }
            *left -= 1;
            shown.lines.push(Line {
                number: line.line,
                offset: line.offset,
                slot: line.slot,
                bytes: line.bytes.as_u64(),
                text: String::from_utf8_lossy(line.text).into_owned(),
            });
        })?;
        Ok((shown, (bytes, requests)))
    }

    fn missing(&mut self, why: String) -> Shown {
        self.is_incomplete = true;
        Shown {
            origin: Err(why),
            lines: Vec::new(),
            more: 0,
        }
    }
}

impl Shown {
    /// As text, indented below the part.
    pub(in crate::cli) fn print(&self, out: &mut impl Write) -> io::Result<()> {
        if let Err(why) = &self.origin {
            return writeln!(out, "        lines not shown: {}", shown(why));
        }
        for line in &self.lines {
            writeln!(
                out,
                "        line {} at {}: {} B  {}",
                line.number, line.offset, line.bytes, line.text
            )?;
        }
        match self.more {
            0 => Ok(()),
            more => writeln!(
                out,
                "        and {}; raise --limit to see them",
                counted(more, "more line")
            ),
        }
    }

    /// As JSON.
    pub(in crate::cli) fn json(&self) -> serde_json::Value {
        let lines: Vec<_> = self
            .lines
            .iter()
            .map(|line| {
                json!({
                    "line": line.number,
                    "offset": line.offset,
                    "slot": line.slot.start().rfc3339(),
                    "bytes": line.bytes,
                    "text": line.text,
                })
            })
            .collect();
        json!({
            "file": self.origin.as_ref().ok(),
            "not_shown": self.origin.as_ref().err(),
            "lines": lines,
            "more": self.more,
        })
    }
}
