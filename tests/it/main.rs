//! The integration tests: one binary, so that the crate is linked once. Each module is
//! named after what it shows; `*_fixtures` and `fake_*` hold no tests.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "fixtures fail loudly")]

mod account_http;
mod ags;
mod answerhub;
mod architecture;
mod bad_input;
mod configuration;
pub(crate) mod e2e;
mod fake_postgres;
mod fake_redis;
mod fake_upstream;
mod golden;
mod race;
mod real;
mod sso_any_of;
mod sso_cache;
mod sso_cas;
mod sso_contract;
mod sso_endpoint_auth;
mod sso_examples;
mod sso_fixtures;
mod sso_http;
mod sso_introspection;
mod sso_jwt;
mod sso_mapping;
mod sso_oidc;
mod sso_outages;
mod sso_sealed;
mod sso_store_examples;
mod sso_stores;
mod standard;
mod store_conformance;
mod store_outage;
mod support;
mod token;
