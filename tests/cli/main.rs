//! The program as its users run it: output, datasets, refusals, exit codes.

#[path = "../support/mod.rs"]
mod support;

mod endings;
mod left_out;
mod messages;
mod misfits;
mod passed_over;
mod program;
mod reading;
mod refusals;
mod samples;
