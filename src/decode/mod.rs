//! From stored bytes to blocks of whole lines.
//!
//! Owns: recognising compression and containers by magic bytes, decoding all members, the cap on expansion,
//! cutting at line ends, what happens to a line over the limit.
//! Does not own: what a line means, who works on a block.
//!
//! Invariants: the blocks of a source, with the overlong lines and holes between them, cover its
//! decompressed bytes without gap or overlap (`SPAN-1`); a block ends at a line end or at the end
//! of the source; an archive that is cut or damaged is an error, never a short read, unless it is asked
//! for what can be read of it, and then says so ([`Damage`]).

mod archive;
mod blocks;
mod container;
mod error;
mod feed;
mod members;

pub use archive::{Damage, Reader, open};
pub use blocks::{BLOCK_BYTES, Block, Blocks, LINE_BYTES_MAX, Piece};
pub use container::{Compression, hold_no_container};
pub use error::DecodeError;

/// Decompressed bytes up to which no ratio is looked at.
pub const EXPANSION_FREE_BYTES: u64 = 256 << 20;
/// Largest ratio of decompressed to stored bytes beyond that. Real logs reach some 60.
pub const EXPANSION_RATIO_MAX: u64 = 400;
