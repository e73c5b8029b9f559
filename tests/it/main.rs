//! The integration tests: one binary. Each module names what it is about; `*_fixtures` and
//! `fake_*` hold no tests.

#![expect(clippy::unwrap_used, reason = "what a test needs and cannot have stops it")]

mod fake_upstream;
mod sso_contract;
mod sso_fixtures;
mod sso_http;
mod sso_jwt;
