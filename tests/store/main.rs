//! The store by its front: what is delivered counts once, whatever is repeated, moved or killed.

mod crash;
mod deliveries;
mod old;
mod program;
#[path = "../support/mod.rs"]
mod support;
