//! The integration tests: one binary. Each module names what it is about; `*_fixtures` and
//! `fake_*` hold no tests.

mod fake_upstream;
mod sso_contract;
mod sso_fixtures;
mod sso_http;
mod sso_jwt;
