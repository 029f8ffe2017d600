//! Standard output.
//!
//! A reader that has gone (`cdn-meter … | head`) changes nothing: what the command does it does, what it would
//! have printed is dropped, and its exit code is what it is without the pipe. Output that cannot be written for
//! another reason, such as a full disk, ends a command with exit code 3, and the message says what is done already.

use std::io::{self, BufWriter, ErrorKind, StdoutLock, Write};

use super::Failure;
use crate::units::Shown;

/// Standard output, as it is: for JSON, CSV and pages.
pub(super) fn plain() -> BufWriter<Piped> {
    BufWriter::new(Piped {
        out: io::stdout().lock(),
        is_closed: false,
    })
}

/// Standard output for people: text of others cannot steer a terminal.
pub(super) fn out() -> Shown<BufWriter<Piped>> {
    Shown(plain())
}

/// A failure to print, when something was done already: `done` says what.
pub(super) fn after(done: String) -> impl FnOnce(io::Error) -> Failure {
    move |error| Failure::state(format!("{error}; {done}"))
}

/// Standard output, of which it does not matter whether anybody reads it.
pub(super) struct Piped {
    out: StdoutLock<'static>,
    is_closed: bool,
}

impl Piped {
    fn note(&mut self, written: io::Result<()>) -> io::Result<()> {
        match written {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            Err(error) => {
                let text = format!("cannot write to standard output: {error}");
                Err(io::Error::new(error.kind(), text))
            }
            Ok(()) => Ok(()),
        }
    }
}

impl Write for Piped {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if !self.is_closed {
            let written = self.out.write_all(bytes);
            self.note(written)?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        match self.is_closed {
            true => Ok(()),
            false => {
                let flushed = self.out.flush();
                self.note(flushed)
            }
        }
    }
}
