//! Signals that ask the program to end.
//!
//! | when | SIGINT (Ctrl-C) or SIGTERM |
//! |---|---|
//! | `ingest` and `run` | the first one stops the reading of logs: what is finished is committed, and it is said what was kept. A run that has read them goes on to the end of the month in hand, and publishes nothing. The second one ends the program at once |
//! | `ingest` and `run`, while they wait for the store, and `run` while it publishes | ends the program at once |
//! | any other command | ends the program at once: what it leaves half done, the next one sweeps up |
//!
//! The exit code is 128 and the number of the signal. Both are always handled, because a process with the number 1,
//! as in a container, gets no signal that it does not handle. A write beyond `ulimit -f` is handled, too: it is an
//! error then, told as any other, and no end without a word.

use std::io;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, LazyLock};

use signal_hook::consts::{SIGINT, SIGTERM, SIGXFSZ};
use signal_hook::flag;

use super::Failure;
use crate::ingest::{IngestError, Ingested, Stopped};
use crate::months::MonthError;

/// What exit codes add to the number of a signal.
const EXIT_CODES: u8 = 128;

/// The signals, with their names and numbers.
const SIGNALS: [(i32, &str, u8); 2] = [(SIGINT, "SIGINT", 2), (SIGTERM, "SIGTERM", 15)];

/// Whether the next signal ends the program at once.
static IS_FINAL: LazyLock<Arc<AtomicBool>> = LazyLock::new(|| Arc::new(AtomicBool::new(true)));
/// The signal that came; 0 is none.
static CAUGHT: LazyLock<Arc<AtomicUsize>> = LazyLock::new(Arc::default);

/// Handles the signals from now on.
///
/// Errors: the system's.
pub(super) fn handle() -> io::Result<()> {
    for (signal, _, number) in SIGNALS {
        let code = i32::from(EXIT_CODES + number);
        // In this order: the first signal only says that the second one is the last.
        flag::register_conditional_shutdown(signal, code, Arc::clone(&IS_FINAL))?;
        flag::register(signal, Arc::clone(&IS_FINAL))?;
        flag::register_usize(signal, Arc::clone(&CAUGHT), usize::from(number))?;
    }
    flag::register(SIGXFSZ, Arc::default())?;
    Ok(())
}

/// The signal that came while logs were read: its name and number.
pub(super) fn caught() -> Option<(&'static str, u8)> {
    let caught = CAUGHT.load(Ordering::SeqCst);
    let mut signals = SIGNALS.into_iter();
    let found = signals.find(|(.., number)| usize::from(*number) == caught);
    found.map(|(_, name, number)| (name, number))
}

/// Until this is dropped, the first signal ends nothing by itself.
pub(super) struct Graceful;

/// Has the first signal stop the work in an orderly way.
pub(super) fn graceful() -> Graceful {
    IS_FINAL.store(false, Ordering::SeqCst);
    Graceful
}

/// Waits for something, before logs are read: a signal ends the program at once meanwhile.
///
/// Errors: a signal that came before.
pub(super) fn wait<T>(wait: impl FnOnce() -> T) -> Result<T, Failure> {
    let was_final = IS_FINAL.swap(true, Ordering::SeqCst);
    if let Some((name, number)) = caught() {
        return Err(Failure::signal(
            EXIT_CODES + number,
            format!("stopped by {name}: no log was read, and nothing was published"),
        ));
    }
    let waited = wait();
    IS_FINAL.store(was_final, Ordering::SeqCst);
    Ok(waited)
}

impl Drop for Graceful {
    fn drop(&mut self) {
        IS_FINAL.store(true, Ordering::SeqCst);
    }
}

/// Has a signal end the program at once from now on, as while it publishes: the next command takes back what is half
/// done.
pub(super) fn end_at_once() {
    IS_FINAL.store(true, Ordering::SeqCst);
}

/// Stops a run that has read all logs and has published nothing yet, if a signal came.
fn hold_not_stopped() -> Result<(), Failure> {
    match caught() {
        None => Ok(()),
        Some(signal) => Err(stopped_by(signal)),
    }
}

/// The end of a run that was stopped after all logs were read, before anything was published.
fn stopped_by((name, number): (&str, u8)) -> Failure {
    Failure::signal(
        EXIT_CODES + number,
        format!(
            "stopped by {name} after all logs were read: what is in a store stays counted; nothing was published"
        ),
    )
}

impl From<MonthError> for Failure {
    fn from(error: MonthError) -> Self {
        match (error, caught()) {
            (MonthError::Stopped, Some(signal)) => stopped_by(signal),
            (error, _) => Failure::of_month(error),
        }
    }
}

/// Reads logs so that a signal stops that, and says what was kept then.
pub(super) fn read_until_stopped(
    read: impl FnOnce() -> Result<Ingested, IngestError>,
) -> Result<Ingested, Failure> {
    match (read(), caught()) {
        (Err(IngestError::Stopped(stopped)), Some((name, number))) => Err(Failure::signal(
            EXIT_CODES + number,
            format!("stopped by {name}: {}", what_was_kept(&stopped)),
        )),
        (read, _) => {
            let ingested = read?;
            hold_not_stopped()?;
            Ok(ingested)
        }
    }
}

fn what_was_kept(stopped: &Stopped) -> String {
    let kept = match (stopped.finished, stopped.is_kept) {
        (0, _) => "nothing was finished".to_owned(),
        (count, true) => format!("{} finished and kept in the store", files(count)),
        (count, false) => format!(
            "{} finished, and nothing is kept without a store",
            files(count)
        ),
    };
    let unfinished = match &stopped.unfinished[..] {
        [] => return format!("{kept}; nothing was published"),
        [name] if name == "-" => "standard input was not, and nothing of it counts".to_owned(),
        [name] => format!("{name} was not, and nothing of it counts"),
        [name, rest @ ..] => {
            let others = rest.len();
            format!("{name} and {others} more were not, and nothing of them counts")
        }
    };
    let is_stdin = stopped.unfinished.iter().any(|name| name == "-");
    let advice = match is_stdin {
        true => "send what came by standard input once more",
        false => "run again to go on",
    };
    format!("{kept}; {unfinished}; {advice}")
}

fn files(count: usize) -> String {
    match count {
        1 => "1 file was".to_owned(),
        count => format!("{count} files were"),
    }
}
