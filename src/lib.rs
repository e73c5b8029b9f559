//! Cambio, a token-exchange gateway: SSO cookies and session tokens in, JWTs out.
//!
//! `http` turns bytes into typed requests, `exchange` tells each story, `sso`,
//! `account`, `session` and `token` are the replaceable parts, `domain` is the
//! vocabulary and `app` plugs them together. `ARCHITECTURE.md` walks a request
//! through, file by file; `tests/it/architecture.rs` holds who may import whom.

pub mod account;
pub mod app;
pub mod cli;
pub mod config;
pub mod domain;
pub mod exchange;
pub mod http;
pub mod serve;
pub mod session;
pub mod sso;
pub mod support;
pub mod telemetry;
pub mod token;
