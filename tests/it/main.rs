//! The integration tests: one binary, so that the crate is linked once. Each module is
//! named after what it shows; `*_fixtures` and `fake_*` hold no tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "fixtures fail loudly")]

mod e2e;
mod fake_upstream;
mod golden;
mod sso_contract;
mod sso_fixtures;
mod sso_http;
mod sso_jwt;
mod store_conformance;
mod token;
