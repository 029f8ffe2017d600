//! The store by its front: what is delivered counts once, whatever is repeated, moved or killed.

mod against;
mod closing;
mod compaction;
mod copies;
mod counted;
mod crash;
mod deliveries;
mod explain;
mod explained;
mod faults;
mod frozen;
mod logs;
mod model;
mod month;
mod old;
mod program;
mod publishing;
mod recount;
mod retry;
mod rotation;
mod salvage;
mod sequences;
mod steps;
mod sums;
#[path = "../support/mod.rs"]
mod support;
mod telling;
mod world;
