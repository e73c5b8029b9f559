//! The `cambio` command; everything is in the library, so that tests can reach it.

use std::process::ExitCode;

fn main() -> ExitCode {
    cambio::cli::main()
}
