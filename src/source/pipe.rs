//! Reading what may say nothing for a long time: standard input, FIFOs, devices.
//!
//! A read of an empty pipe waits for its writer, and nothing but the writer ends that: a run that was asked to
//! stop would never come to its end. So the pipe is asked first, for a moment at a time, whether there is
//! something to read.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::io::Errno;

/// Time for which a pipe is asked at a time.
const PATIENCE: Timespec = Timespec {
    tv_sec: 0,
    tv_nsec: 100_000_000,
};

/// A pipe of which the reading can be given up.
#[derive(Debug)]
pub struct Pipe {
    file: File,
    is_given_up: Arc<AtomicBool>,
}

impl Pipe {
    /// The pipe `file`; reading it fails once `is_given_up`.
    pub fn new(file: File, is_given_up: &Arc<AtomicBool>) -> Self {
        Pipe {
            file,
            is_given_up: Arc::clone(is_given_up),
        }
    }

    /// Standard input, past the buffer that the standard library keeps of it.
    ///
    /// Errors: the system's.
    pub fn stdin(is_given_up: &Arc<AtomicBool>) -> io::Result<Self> {
        let file = io::stdin().as_fd().try_clone_to_owned()?;
        Ok(Pipe::new(file.into(), is_given_up))
    }

    /// Whether there is something to read, or the end, after a moment at most.
    fn is_ready(&self) -> io::Result<bool> {
        let mut asked = [PollFd::new(&self.file, PollFlags::IN)];
        match poll(&mut asked, Some(&PATIENCE)) {
            Ok(ready) => Ok(ready != 0),
            Err(Errno::INTR) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}

impl Read for Pipe {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while !self.is_given_up.load(Ordering::Relaxed) {
            if !self.is_ready()? {
                continue;
            }
            match self.file.read(buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read,
            }
        }
        Err(io::Error::other("the run was stopped"))
    }
}
