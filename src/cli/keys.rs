//! `cambio keys`: keys that the operator makes and keeps.

use std::process::ExitCode;

use clap::{Subcommand, ValueEnum};

use super::{fail, print};
use crate::domain::SystemRandom;
use crate::token::{self, Algorithm};

/// Make keys of your own
#[derive(Debug, Subcommand)]
pub(super) enum Keys {
    /// Make a key and print it
    ///
    /// Prints a private key (PKCS#8 PEM, or base64url for a shared secret) on standard output,
    /// for a file that `tokens.keys` names; the key id and the public key (JWK) go to standard
    /// error. Without imported keys Cambio makes its own, so this is for keys that several
    /// systems must share.
    Generate {
        /// The signature algorithm.
        #[arg(long, value_enum, default_value = "es256", ignore_case = true)]
        algorithm: KeyAlgorithm,
    },
}

/// What keys can be made for.
#[derive(Debug, Clone, Copy, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(super) enum KeyAlgorithm {
    Es256,
    Es384,
    EdDsa,
    Rs256,
    Ps256,
    Hs256,
    Hs512,
}

impl KeyAlgorithm {
    fn algorithm(self) -> Algorithm {
        match self {
            Self::Es256 => Algorithm::ES256,
            Self::Es384 => Algorithm::ES384,
            Self::EdDsa => Algorithm::EdDSA,
            Self::Rs256 => Algorithm::RS256,
            Self::Ps256 => Algorithm::PS256,
            Self::Hs256 => Algorithm::HS256,
            Self::Hs512 => Algorithm::HS512,
        }
    }
}

impl Keys {
    pub(super) fn run(self) -> ExitCode {
        let Self::Generate { algorithm } = self;
        let key = match token::generate(algorithm.algorithm(), &SystemRandom) {
            Ok(key) => key,
            Err(error) => return fail(error),
        };
        eprintln!("key id: {}", key.kid);
        if let Some(public) = &key.public {
            match serde_json::to_string(public) {
                Ok(jwk) => eprintln!("public key: {jwk}"),
                Err(error) => return fail(error),
            }
        }
        print(&format!("{}\n", key.private.expose().trim_end()));
        ExitCode::SUCCESS
    }
}
