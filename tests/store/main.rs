//! The store by its front: what is delivered counts once, whatever is repeated, moved or killed.

mod access;
mod against;
mod astray;
mod backup;
mod closing;
mod compaction;
mod copies;
mod counted;
mod crash;
mod damage;
mod deliveries;
mod explain;
mod explained;
mod faults;
mod files;
mod forgotten;
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
mod sealed;
mod sequences;
mod steps;
mod sums;
#[path = "../support/mod.rs"]
mod support;
mod telling;
mod world;
