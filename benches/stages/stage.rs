//! One measured piece of work.

use std::hint::black_box;
use std::time::{Duration, Instant};

/// An operation on an input, and how to do it once.
pub struct Stage<'a> {
    /// First part of the id.
    pub operation: &'static str,
    /// The rest of the id.
    pub input: String,
    /// Decompressed bytes of log text that one pass deals with.
    pub bytes: u64,
    /// Threads that one pass keeps busy.
    pub workers: usize,
    /// Id of the stage that it is compared with, in the table.
    pub rival: Option<String>,
    pass: Box<dyn FnMut() -> Duration + 'a>,
}

impl<'a> Stage<'a> {
    /// A stage whose pass is all of `work`.
    pub fn new<T>(
        operation: &'static str,
        input: impl Into<String>,
        bytes: u64,
        mut work: impl FnMut() -> T + 'a,
    ) -> Self {
        Stage::prepared(operation, input, bytes, || (), move |()| work())
    }

    /// A stage whose pass uses up what `prepare` makes; making it is not measured, nor is
    /// dropping the result of `work`.
    pub fn prepared<P, T>(
        operation: &'static str,
        input: impl Into<String>,
        bytes: u64,
        mut prepare: impl FnMut() -> P + 'a,
        mut work: impl FnMut(P) -> T + 'a,
    ) -> Self {
        let pass = move || {
            let prepared = prepare();
            let started = Instant::now();
            let result = black_box(work(black_box(prepared)));
            let took = started.elapsed();
            drop(result);
            took
        };
        let (input, pass) = (input.into(), Box::new(pass));
        Stage {
            operation,
            input,
            bytes,
            workers: 1,
            rival: None,
            pass,
        }
    }

    /// Compares with the stage called `rival` in the table.
    pub fn against(mut self, rival: impl Into<String>) -> Self {
        self.rival = Some(rival.into());
        self
    }

    /// States how many threads one pass keeps busy.
    pub fn on(mut self, workers: usize) -> Self {
        self.workers = workers;
        self
    }

    /// Does the work once; how long it took.
    pub fn pass(&mut self) -> Duration {
        (self.pass)()
    }

    /// The id, as criterion has it.
    pub fn id(&self) -> String {
        format!("{}/{}", self.operation, self.input)
    }
}
