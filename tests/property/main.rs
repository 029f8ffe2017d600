//! Properties: whatever the input, the fast paths and the grammars agree.
//!
//! `check_lines` is the one check; `tests/golden` and the fuzz targets call the same comparison.

mod agreement;
