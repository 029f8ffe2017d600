//! What every command that reads logs takes, and how it goes about it.

use std::ffi::OsString;
use std::path::Path;

use clap::{Args, ValueEnum};

use crate::cli::Failure;
use crate::cli::args::clock::now_nanos;
use crate::cli::args::size::parse_size;
use crate::cli::progress::say;
use crate::ingest::{Options, RejectRatio, WORKERS_MAX, is_quarantine};
use crate::meter::UsageTable;
use crate::record::{Layout, Template};
use crate::report::mark_of_folder;
use crate::source::{Discovered, discover_but};
use crate::store::{Names, is_store};
use crate::units::Domain;

/// Arguments about what lines mean.
#[derive(Args)]
pub(in crate::cli) struct LayoutArgs {
    /// Format of all inputs, instead of telling it from content; see `cdn-meter formats`
    #[arg(long, value_name = "NAME")]
    format: Option<String>,
    /// log_format string of nginx or Apache, or the name of one (`combined` …) in `cdn-meter formats`
    ///
    /// As it is, or pasted with its directive: log_format main escape=json '…' '…'; or LogFormat "…".
    /// A line that fits it in several ways that differ in what is metered is rejected as ambiguous.
    #[arg(long, value_name = "STRING")]
    log_format: Option<String>,
    /// Domain of lines that name none
    #[arg(long, value_name = "NAME", id = "fallback")]
    domain: Option<String>,
}

impl LayoutArgs {
    /// The format, if one was named.
    pub(in crate::cli) fn layout(&self) -> Result<Option<Layout>, Failure> {
        if self.format.as_deref().is_some_and(|name| name != "nginx") && self.log_format.is_some() {
            return Err(Failure::start("--log-format goes with --format nginx only"));
        }
        Ok(match (&self.format, &self.log_format) {
            (Some(name), template) => Some(Layout::by_name(name, template.as_deref())?),
            (None, Some(template)) => Some(Layout::of_template(template)?),
            (None, None) => None,
        })
    }

    /// Says what is taken by a `log_format` that was given.
    fn say_taken(&self, layout: Option<&Layout>) {
        if let (Some(_), Some(Layout::Nginx(template))) = (&self.log_format, layout) {
            say(&format!("log format: {}", template.takes()));
            warn_of(template);
        }
    }

    /// The domain of lines that name none.
    pub(in crate::cli) fn fallback_domain(&self) -> Result<Option<String>, Failure> {
        let Some(name) = self.domain.as_deref() else {
            return Ok(None);
        };
        let domain = Domain::parse(name.as_bytes()).map_err(|_| {
            let problem = match name.trim().is_empty() {
                true => "the name is empty".to_owned(),
                false => format!("`{name}` is no host name"),
            };
            Failure::start(format!(
                "--domain: {problem}; give the domain whose traffic it is, such as --domain www.example.com"
            ))
        })?;
        Ok(Some(domain.as_str().to_owned()))
    }
}

/// Says where clients can make lines ambiguous.
pub(in crate::cli) fn warn_of(template: &Template) {
    if let Some(warning) = template.warning() {
        say(&format!("warning: {warning}"));
    }
}

/// Arguments about metering logs.
#[derive(Args)]
pub(in crate::cli) struct MeterArgs {
    #[command(flatten)]
    layout: LayoutArgs,
    /// Largest part of a file's rows that may be rejected; beyond it nothing of the file counts
    ///
    /// Rows are lines that are not blank and no header, comment or line of another logger. One rejected
    /// line refuses no file that has metered ones, unless the ratio is 0; a file of which no line is
    /// metered and any is rejected is refused at any ratio. A file that has grown is refused if its new
    /// lines have too many, and all of it has.
    #[arg(long, value_name = "RATIO", default_value = "0.01")]
    max_reject_ratio: RejectRatio,
    /// Count the readable prefix of a truncated or corrupt archive, up to its last whole line
    ///
    /// Without it nothing of such a file counts. The checksum behind what is kept cannot be checked, or
    /// differs: it is a prefix that decoded, and not known to be what was packed. Files only; standard
    /// input cannot be read twice. When the whole file comes, its other lines are added.
    #[arg(long)]
    salvage: bool,
    /// Count a file again that holds what another one holds, as a copy of its own
    ///
    /// For feeds in which equal files are different deliveries; not for folders where logs rotate,
    /// as what was copied aside counts again. A file that was renamed does not.
    #[arg(long)]
    allow_duplicates: bool,
    /// What the names of the files stand for, where the times of their lines do not tell
    ///
    /// Lines that come under a name that held others are those of a newer version of the same log, which
    /// replaces the old one, if they are of the same time, and those of the next log, if they are of another.
    #[arg(long, value_enum, value_name = "WHAT")]
    names: Option<NamesArg>,
    /// Read files again that look as they did when they were counted
    #[arg(long)]
    rehash: bool,
    #[command(flatten)]
    workers: WorkerArgs,
}

/// What names of files stand for.
#[derive(Clone, Copy, ValueEnum)]
enum NamesArg {
    /// For one delivery each: other lines are a newer version of it, and it counts no more
    Deliveries,
    /// For logs that rotate: other lines are another log, and both count
    Rotation,
}

/// Threads.
#[derive(Args)]
pub(in crate::cli) struct WorkerArgs {
    /// Worker threads, at most 1024; 0 means one per core
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = parse_workers)]
    workers: usize,
}

impl WorkerArgs {
    /// How many; at least 1.
    pub(in crate::cli) fn count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            workers => workers,
        }
    }
}

/// A number of worker threads.
///
/// Errors: a sentence for the user.
fn parse_workers(text: &str) -> Result<usize, String> {
    let workers: Option<usize> = text.parse().ok();
    workers
        .filter(|workers| *workers <= WORKERS_MAX)
        .ok_or_else(|| format!("give a number from 0 to {WORKERS_MAX}"))
}

/// Memory for usage rows, which reading and summing share.
#[derive(Args)]
pub(in crate::cli) struct MemoryArgs {
    /// Memory for usage rows
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = parse_size)]
    pub(in crate::cli) memory_limit: u64,
}

impl MemoryArgs {
    /// The rows that fit.
    pub(in crate::cli) fn rows_max(&self) -> usize {
        UsageTable::rows_in(self.memory_limit)
    }
}

impl MeterArgs {
    /// How to read them.
    pub(in crate::cli) fn options(&self, memory: &MemoryArgs) -> Result<Options, Failure> {
        if !self.max_reject_ratio.is_part_of_one() {
            return Err(Failure::start(
                "--max-reject-ratio is a part of 1, such as 0.01",
            ));
        }
        let layout = self.layout.layout()?;
        self.layout.say_taken(layout.as_ref());
        Ok(Options {
            workers: self.workers.count(),
            layout,
            fallback_domain: self.layout.fallback_domain()?,
            reject_ratio_max: Some(self.max_reject_ratio),
            rows_max: memory.rows_max(),
            now_nanos: now_nanos(),
            is_rehash: self.rehash,
            is_salvage: self.salvage,
            is_counting_duplicates: self.allow_duplicates,
            names: self.names.map(|names| match names {
                NamesArg::Deliveries => Names::Deliveries,
                NamesArg::Rotation => Names::Rotation,
            }),
            only: None,
        })
    }
}

/// The files that `inputs` name, but for what this program wrote, which is said; there is at least one.
pub(in crate::cli) fn discover_some(inputs: &[OsString]) -> Result<Discovered, Failure> {
    let found = discover_but(inputs, &mark_of)?;
    if !found.left_out.is_empty() {
        let left_out = found.left_out.iter();
        let left_out = left_out.map(|(name, what)| format!("{name} ({what})"));
        let left_out: Vec<_> = left_out.collect();
        say(&format!(
            "left out {}: cdn-meter wrote that, and it is no log",
            left_out.join(", ")
        ));
    }
    match found.sources.is_empty() {
        true => Err(Failure::start(
            "there are no files in the inputs; name a folder with logs",
        )),
        false => Ok(found),
    }
}

/// What a path is that this program wrote.
fn mark_of(path: &Path, is_folder: bool) -> Option<&'static str> {
    match is_folder {
        true if is_store(path) => Some("a store"),
        true => mark_of_folder(path),
        false => is_quarantine(path).then_some("rejected lines"),
    }
}
