//! The store by its front: what is delivered counts once, whatever is repeated, moved or killed.

mod against;
mod changed;
mod clock;
mod closing;
mod compaction;
mod copies;
mod counted;
mod crash;
mod deliveries;
mod explain;
mod explained;
mod faults;
mod files;
mod forgotten;
mod frozen;
mod hosts;
mod logs;
mod model;
mod month;
mod names;
mod old;
mod program;
mod recount;
mod retry;
mod rotation;
mod salvage;
mod sequences;
mod signals;
mod steps;
mod sums;
#[path = "../support/mod.rs"]
mod support;
mod world;
