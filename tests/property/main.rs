//! Properties: whatever the input, the fast paths and the grammars agree.
//!
//! The one comparison is in `tests/check`; the fuzz targets call it too.

mod agreement;
#[path = "../check/agreement.rs"]
mod check;
mod hosts;
