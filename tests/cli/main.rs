//! The program as its users run it: output, datasets, refusals, exit codes.

#[path = "../support/mod.rs"]
mod support;

mod messages;
mod misfits;
mod program;
mod reading;
mod readme;
mod refusals;
mod samples;
