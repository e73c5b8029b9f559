//! `cambio hash-password`: a line for the `users` validator's file.

use std::io::Read;
use std::process::ExitCode;

use clap::Args;

use super::{fail, print};
use crate::domain::{SecretString, SystemRandom};
use crate::sso;

/// Hash a password for the file of a `users` validator
///
/// Reads the password from standard input (never from the command line, where other processes
/// could see it) and prints its argon2id hash.
#[derive(Debug, Args)]
pub(super) struct HashPassword {}

impl HashPassword {
    pub(super) fn run(self) -> ExitCode {
        let mut text = String::new();
        if let Err(error) = std::io::stdin().take(4096).read_to_string(&mut text) {
            return fail(error);
        }
        let password = SecretString::new(text.trim_end_matches(['\r', '\n']));
        if password.expose().is_empty() {
            return fail("no password on standard input");
        }
        print(&format!("{}\n", sso::hash_password(&password, &SystemRandom)));
        ExitCode::SUCCESS
    }
}
