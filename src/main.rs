//! The `cdn-meter` program; everything is in the library.

use std::process::ExitCode;

fn main() -> ExitCode {
    cdn_meter::cli::main()
}
