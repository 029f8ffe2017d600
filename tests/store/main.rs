//! The store by its front: what is delivered counts once, whatever is repeated, moved or killed.

mod closing;
mod crash;
mod deliveries;
mod program;
