//! Minting, the half of the part's API that sign-on and refresh use; `settings.rs` and
//! `build.rs` make both types, `verify.rs` is their other half. Nothing minted outlives
//! what it was minted from.

mod session;
mod site;

pub use session::{Lifetimes, SessionTokens, TokenPair};
pub use site::{SiteToken, SiteTokens};
