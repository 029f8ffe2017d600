//! A folder in which is published: what was built beside it is swapped in together, or not at all.
//!
//! ```text
//! OUT/.building-2-<random>/lock        held, as long as the command runs (scratch.rs)
//! OUT/.building-2-<random>/new/…       what it builds; by an exchange, also what it swapped out
//! OUT/.building-2-<random>/old/…       what it took out, or moved aside
//! OUT/_PUBLISHING                      what is about to change, and in which build's folder (journal.rs); made
//!                                      exclusively, held (turn.rs)
//! OUT/…                                swapped one place after the other (swap.rs), the folder synced
//! OUT/_PUBLISHING                      moved to OUT/.building-2-<random>/published: with this, all is published
//! ```
//! Whatever fails before the end is taken back, and OUT is as it was. A command that is killed in between leaves
//! `_PUBLISHING`, whose lock then is free: the next command that begins to build in OUT takes back what was swapped.
//! If the journal is damaged, or gone and half a publication is there all the same (half.rs), that command refuses,
//! and touches nothing. Two commands that publish in OUT wait for each other.
//!
//! Nothing here knows what is published: who swaps says which places change, and in which order.

mod error;
mod half;
mod journal;
mod scratch;
mod swap;
mod turn;

pub use error::SwapError;
pub use journal::{BUILDING, JOURNAL};
pub use scratch::{Begun, Scratch};
pub use swap::{Act, MARK, Step, is_there};
pub use turn::Turn;
