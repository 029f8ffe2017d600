//! Properties: whatever the input, the fast paths and the grammars agree.
//!
//! `agreement::check_block` is the one check; both properties call it.

mod agreement;
