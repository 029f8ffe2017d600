//! What every command that reads logs takes, and how it goes about it.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use clap::{Args, ValueEnum};
use rust_decimal::Decimal;

use super::Failure;
use super::progress::say;
use super::signals::wait;
use super::size::parse_size;
use super::taken::check_store;
use crate::ingest::{Options, WORKERS_MAX, is_quarantine};
use crate::meter::UsageTable;
use crate::record::Layout;
use crate::report::mark_of_folder;
use crate::source::{Discovered, Seed, discover_but};
use crate::store::{Access, Astray, Names, Occasion, Store, is_store};
use crate::units::{Domain, Timestamp, counted};

/// Arguments about what lines mean.
#[derive(Args)]
pub(super) struct LayoutArgs {
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
    pub(super) fn layout(&self) -> Result<Option<Layout>, Failure> {
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
            super::progress::say(&format!("log format: {}", template.takes()));
            super::formats::warn_of(template);
        }
    }

    /// The domain of lines that name none.
    pub(super) fn fallback_domain(&self) -> Result<Option<String>, Failure> {
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

/// Arguments about metering logs.
#[derive(Args)]
pub(super) struct MeterArgs {
    #[command(flatten)]
    layout: LayoutArgs,
    /// Largest part of a file's rows that may be rejected; beyond it nothing of the file counts
    ///
    /// Rows are lines that are not blank and no header, comment or line of another logger. One rejected
    /// line refuses no file that has metered ones, unless the ratio is 0; a file of which no line is
    /// metered and any is rejected is refused at any ratio. A file that has grown is refused if its new
    /// lines have too many, and all of it has.
    #[arg(long, value_name = "RATIO", default_value = "0.01")]
    max_reject_ratio: Decimal,
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
pub(super) struct WorkerArgs {
    /// Worker threads, at most 1024; 0 means one per core
    #[arg(long, value_name = "COUNT", default_value_t = 0, value_parser = parse_workers)]
    workers: usize,
}

impl WorkerArgs {
    /// How many; at least 1.
    pub(super) fn count(&self) -> usize {
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
pub(super) struct MemoryArgs {
    /// Memory for usage rows
    #[arg(long, value_name = "SIZE", default_value = "2GB", value_parser = parse_size)]
    pub(super) memory_limit: u64,
}

impl MemoryArgs {
    /// The rows that fit.
    pub(super) fn rows_max(&self) -> usize {
        UsageTable::rows_in(self.memory_limit)
    }
}

impl MeterArgs {
    /// How to read them.
    pub(super) fn options(&self, memory: &MemoryArgs) -> Result<Options, Failure> {
        if self.max_reject_ratio.is_sign_negative() || Decimal::ONE < self.max_reject_ratio {
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
pub(super) fn discover_some(inputs: &[OsString]) -> Result<Discovered, Failure> {
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

/// Where the store is.
#[derive(Args)]
pub(super) struct StoreArgs {
    /// Folder of the store
    #[arg(long, value_name = "DIR", default_value = "usage-store")]
    pub(super) store: PathBuf,
}

/// How a store is written to.
#[derive(Args)]
pub(super) struct WriterArgs {
    /// How long to wait for another process that writes to the store
    #[arg(long, value_name = "SECONDS", default_value_t = 0)]
    wait: u32,
    /// Let the group of its folder read a store that this makes: modes 0750 and 0640, not 0700 and 0600
    ///
    /// A store that is there keeps its modes: what is made in it has the mode of the folder that it is made in.
    /// `chmod -R g+rX DIR` opens it later.
    #[arg(long)]
    pub(super) group_readable: bool,
}

/// What is noted of a command that writes, and how it does.
pub(super) fn writing(command: &str, writer: &WriterArgs) -> Result<(Occasion, Access), Failure> {
    let occasion = Occasion {
        at: instant_now()?.rfc3339(),
        command: command.to_owned(),
    };
    let access = Access {
        wait: Duration::from_secs(writer.wait.into()),
        is_group_readable: writer.group_readable,
    };
    Ok((occasion, access))
}

/// Opens a store to write, and says what a crash had left in it.
pub(super) fn open_to_write(
    path: &Path,
    command: &str,
    writer: &WriterArgs,
) -> Result<Store, Failure> {
    check_store("store", path)?;
    let (occasion, access) = writing(command, writer)?;
    let nanos = now_nanos();
    // Only a new store takes it: the hash of its path and of the instant is nobody's to choose.
    let text = format!("{nanos} {} {}", std::process::id(), path.display());
    let seed = crate::source::Digest::of(Seed(nanos as u64), text.as_bytes()).to_bytes();
    let seed = Seed(u64::from_be_bytes(*seed.first_chunk().expect("16 bytes")));
    let store = wait(|| Store::open_to_write(path, seed, occasion, access))??;
    if writer.group_readable && !store.is_group_readable()? {
        let path = path.display();
        say(&format!(
            "the store {path} was there and keeps its modes; `chmod -R g+rX {path}` lets its group read it"
        ));
    }
    say_astray(path, store.astray());
    Ok(store)
}

/// Says what was done with files of a store that no commit names.
fn say_astray(path: &Path, astray: &Astray) {
    let path = path.display();
    if astray.removed != 0 {
        say(&format!(
            "removed {} that an interrupted run had left in {path}; nothing of that counted",
            counted(astray.removed, "unfinished file")
        ));
    }
    let (moved, (files, bytes)) = (&astray.moved, astray.lost);
    if let Some(first) = moved.first() {
        let others = match moved.len() - 1 {
            0 => String::new(),
            others => format!(" and {others} more"),
        };
        say(&format!(
            "moved {first}{others} to {path}/lost+found: no commit names it, as after an interrupted run, and \
             nothing of it counts; what is there ({}, {bytes} B) may be deleted once the logs of \
             that run are counted, and if no older copy of the ledger was put in its place",
            counted(files, "file")
        ));
        if moved.iter().any(|name| name.starts_with("closed/")) {
            say(
                "a closed month is among it: if it was closed, the ledger is an older copy; restore the newer one",
            );
        }
    }
    for name in &astray.foreign {
        say(&format!(
            "{path}/{name} is not ours; it is left alone, and is in no figure"
        ));
    }
}

/// Opens a store to read, and says what of it is not published.
pub(super) fn open_to_read(path: &Path) -> Result<Store, Failure> {
    let store = Store::open_to_read(path)?;
    say_set_aside(&store)?;
    Ok(store)
}

/// Says what of a store is not published, if anything is not.
pub(super) fn say_set_aside(store: &Store) -> Result<(), Failure> {
    for aside in store.set_aside()? {
        let name = aside
            .names
            .first()
            .map_or("a file that is gone", |name| &name[..]);
        say(&format!(
            "set aside {name}: with its {} all that counts would be more than 2^63 - 1 B, which no CDN \
             sent; no figure holds it; `cdn-meter ingest --recount {name}` counts its other lines, or \
             mend the file and ingest it",
            aside.bytes
        ));
    }
    Ok(())
}

/// The clock is read here and passed down. A build with debug assertions takes it from the environment, if
/// it is there: seconds since the epoch.
#[expect(clippy::disallowed_methods, reason = "this is the front")]
pub(super) fn now_nanos() -> i128 {
    #[cfg(debug_assertions)]
    if let Ok(secs) = std::env::var("CDN_METER_CLOCK") {
        return secs.parse::<i128>().map_or(0, |secs| secs * 1_000_000_000);
    }
    let since = SystemTime::now().duration_since(UNIX_EPOCH);
    since.map_or(0, |since| since.as_nanos().cast_signed())
}

/// The instant that the clock shows.
///
/// Errors: what is noted with a commit stays, and one of an impossible instant stops later closes.
pub(super) fn instant_now() -> Result<Timestamp, Failure> {
    let secs = now_unix_secs();
    Timestamp::from_unix_secs(secs).ok_or_else(|| {
        Failure::start(format!(
            "the clock of this machine is wrong: it shows {secs} seconds since 1970, which is not between \
             2000 and 2099; set it, and try again"
        ))
    })
}

/// Seconds since the epoch.
pub(super) fn now_unix_secs() -> i64 {
    i64::try_from(now_nanos() / 1_000_000_000).unwrap_or_default()
}
