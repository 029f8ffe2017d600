//! Progress: a bar at a terminal, now and then a line elsewhere.

use std::collections::BTreeMap;
use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::signals::{caught, end_at_once};
use crate::ingest::{Events, Outcome, Refusal, SourceReport};
use crate::months::{Notice, QuarantineFile, Watch};
use crate::report::{Dataset, Removed};
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

/// Says at the terminal what is told of work on months, and stops it by a signal.
pub(super) struct Terminal;

impl Watch for Terminal {
    fn tell(&self, notice: &Notice<'_>) {
        match notice {
            Notice::Rerated(report) => report.texts().iter().for_each(|text| say(text)),
            notice => say(&text_of(notice)),
        }
    }

    fn is_stopped(&self) -> bool {
        caught().is_some()
    }

    fn begin_to_publish(&self) {
        end_at_once();
    }
}

/// What is said of a notice that is one line.
fn text_of(notice: &Notice<'_>) -> String {
    match notice {
        Notice::StillOpen(open) => {
            format!(
                "{open} is still open: until it is closed, what changes in it rewrites its bill"
            )
        }
        Notice::FactorsStay(close) => format!(
            "{} was closed with overhead factor {} and sampling factor {}, and keeps them",
            close.terms.month, close.terms.overhead_factor, close.terms.sampling_factor
        ),
        Notice::Adjusted {
            close,
            adjustments,
            bytes,
            folder,
        } => format!(
            "{} was closed at {} and is published as it was then; {} of {bytes} B in all {} in {}",
            close.terms.month,
            close.at,
            counted(*adjustments as u64, "adjustment"),
            if *adjustments == 1 { "is" } else { "are" },
            folder.display()
        ),
        Notice::QuarantineStale { path, has_lines } => format!(
            "{} was of an earlier command, or is damaged or gone: {}",
            path.display(),
            match has_lines {
                true => "it is written anew",
                false => "the store holds no rejected lines, so there is none now",
            }
        ),
        Notice::Removed(removed) => text_of_removed(removed),
        Notice::Left(left) => format!(
            "{} is left as it is and may not agree with what is published now: cdn-meter did not write all of it ({})",
            left.path.display(),
            left.what
        ),
        Notice::RejectedIn(path) => format!("rejected lines are in {}", path.display()),
        Notice::WrittenMeanwhile(out) => format!(
            "the store was written to while it was read: months in {} may be of different states of it; run the \
             command again",
            out.display()
        ),
        Notice::Rerated(report) => report.texts().join("\n"),
    }
}

fn text_of_removed(removed: &Removed) -> String {
    let hint = match removed.dataset {
        Dataset::Usage5min | Dataset::Summary => "`cdn-meter summary` writes it anew",
        Dataset::Adjustments => "`cdn-meter summary` writes it anew where a month is closed",
        Dataset::Charges | Dataset::Costs => "`cdn-meter bill` writes it anew",
        Dataset::Focus | Dataset::FocusCsv => "`cdn-meter bill --focus` writes it anew",
    };
    let why = match &removed.unlike {
        None => "was of an earlier command and may not agree with what is published now".to_owned(),
        Some(file) => format!("is not what was written there ({file})"),
    };
    let path = removed.path.display();
    format!("{path} {why}: removed; {hint}")
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
