//! Progress: a bar at a terminal, now and then a line elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::quarantine::QuarantineFile;
use super::signals::caught;
use crate::ingest::{Events, Outcome, Refusal, SourceReport};
use crate::units::{counted, shown};

/// Time between lines where there is no terminal.
const LINE_INTERVAL: Duration = Duration::from_secs(10);
/// Redraws per second of the bar.
const REDRAWS_PER_SEC: u8 = 8;

/// Shows progress on standard error and keeps rejected lines.
pub(super) struct Progress {
    bar: ProgressBar,
    line_due: Option<Mutex<Instant>>,
    quarantine: Mutex<Option<QuarantineFile>>,
    refused: Mutex<BTreeMap<String, Refused>>,
}

/// The sources that were refused for one reason, with one way to mend them.
struct Refused {
    count: u64,
    /// Place, name and reason of the first.
    first: (usize, String, String),
}

impl Progress {
    /// Progress over `stored_bytes` of input, if all of it tells how much it is; rejected lines go to the
    /// quarantine, if given.
    pub(super) fn new(stored_bytes: Option<u64>, quarantine: Option<QuarantineFile>) -> Self {
        let is_terminal = io::stderr().is_terminal();
        let target = match is_terminal {
            true => ProgressDrawTarget::stderr_with_hz(REDRAWS_PER_SEC),
            false => ProgressDrawTarget::hidden(),
        };
        let bar = ProgressBar::with_draw_target(stored_bytes, target);
        if let Ok(style) = ProgressStyle::with_template(style(stored_bytes)) {
            bar.set_style(style);
        }
        let line_due = (!is_terminal).then(|| Mutex::new(Instant::now() + LINE_INTERVAL));
        Progress {
            bar,
            line_due,
            quarantine: Mutex::new(quarantine),
            refused: Mutex::default(),
        }
    }

    /// Takes the bar away, says what was refused, a line for each reason, and hands the quarantine back.
    pub(super) fn finish(self) -> Option<QuarantineFile> {
        self.bar.finish_and_clear();
        let refused = self
            .refused
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        let mut refused: Vec<Refused> = refused.into_values().collect();
        refused.sort_by_key(|refused| refused.first.0);
        for Refused { count, first } in refused {
            let (_, name, reason) = first;
            match count {
                1 => say(&format!("refused {name}: {reason}")),
                _ => say(&format!(
                    "refused {count} files, {name} is the first: {reason}"
                )),
            }
        }
        self.quarantine
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner)
    }

    fn note_refused(&self, source: &SourceReport, refusal: &Refusal) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        let this = || (source.index, source.name.clone(), refusal.to_string());
        let of_kind = refused
            .entry(refusal.kind(&source.name))
            .or_insert_with(|| Refused {
                count: 0,
                first: this(),
            });
        of_kind.count += 1;
        if source.index < of_kind.first.0 {
            of_kind.first = this();
        }
    }

    fn say_now_and_then(&self) {
        let Some(due) = &self.line_due else { return };
        let Ok(mut due) = due.try_lock() else { return };
        if *due <= Instant::now() {
            *due = Instant::now() + LINE_INTERVAL;
            say(&line(self.bar.position(), self.bar.length()));
        }
    }
}

/// What the bar shows of `stored_bytes`.
fn style(stored_bytes: Option<u64>) -> &'static str {
    match stored_bytes {
        Some(_) => {
            "{bar:30} {decimal_bytes} of {decimal_total_bytes}  {decimal_bytes_per_sec}  ETA {eta}"
        }
        // How much a pipe will bring, nobody knows.
        None => "{spinner} {decimal_bytes} read  {decimal_bytes_per_sec}",
    }
}

/// The line that says how much was `done`.
fn line(done: u64, of: Option<u64>) -> String {
    match of {
        Some(of) => format!("read {done} of {of} stored bytes"),
        None => format!("read {}", counted(done, "byte")),
    }
}

impl Events for Progress {
    fn is_stopped(&self) -> bool {
        caught().is_some()
    }

    fn advanced(&self, stored_bytes: u64) {
        self.bar.inc(stored_bytes);
        self.say_now_and_then();
    }

    fn settled(&self, source: &SourceReport) -> io::Result<()> {
        if let Outcome::Refused(refusal) = &source.outcome {
            self.note_refused(source, refusal);
        }
        if let Some(kept) = source.kept_bytes.filter(|_| !source.is_refused()) {
            self.bar.suspend(|| {
                say(&format!(
                    "salvaged {}: it is damaged; only its first {kept} decompressed bytes count, \
                     fetch the file again",
                    source.name
                ));
            });
        }
        if source.rejects.not_kept != 0 {
            let not_kept = source.rejects.not_kept;
            self.bar.suspend(|| {
                say(&format!(
                    "{}: {}, counted but not kept",
                    source.name,
                    counted(not_kept, "rejected line")
                ));
            });
        }
        let mut quarantine = self
            .quarantine
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        match &mut *quarantine {
            Some(quarantine) => quarantine.keep(source),
            None => Ok(()),
        }
    }
}

/// A line on standard error; where that is gone, there is nobody to tell.
pub(super) fn say(text: &str) {
    let _ = writeln!(io::stderr(), "{}", shown(text));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn b9_of_a_pipe_nobody_says_how_much_it_will_be() {
        assert_eq!(line(5, None), "read 5 bytes");
        assert_eq!(line(5, Some(9)), "read 5 of 9 stored bytes");
        for word in ["total", "ETA", "{bar"] {
            assert!(!style(None).contains(word), "{word}");
            assert!(style(Some(9)).contains(word), "{word}");
        }
    }
}
