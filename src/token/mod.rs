//! Tokens: what they say, the keys that sign them, and how they are verified again.
//! `settings.rs` builds [`SiteTokens`] (the AnswerHub endpoint) and [`SessionTokens`]
//! (the AGS endpoint), which are all that the stories use; signing and verifying are
//! synchronous and do no I/O. A token's header never chooses a key, an algorithm or
//! anything else, and no error or log ever holds a token's text.

mod alg;
mod assertion;
mod build;
mod error;
mod imported;
mod jwk;
mod jws;
mod keys;
mod mint;
mod numeric;
mod plan;
mod prepared;
mod presented;
mod profile;
mod ring;
mod sealing;
pub mod settings;
mod signer;
mod verify;

pub use alg::Algorithm;
pub use assertion::AssertionKey;
pub use build::KeyCx;
pub use error::{KeyError, MintError, TokenError};
pub use imported::ImportedKey;
pub use jwk::{Jwk, merged_jwks};
pub use keys::{GeneratedKey, generate};
pub use mint::{Lifetimes, SessionTokens, SiteToken, SiteTokens, TokenPair};
pub use profile::Profile;
pub use sealing::{Sealing, SealingError};
pub use settings::TokenSettings;
pub use verify::{AccessClaims, SiteClaims};
