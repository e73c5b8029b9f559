//! The integration tests: one binary, so that the crate is linked once. Each module is
//! named after what it shows.
#![expect(clippy::unwrap_used, clippy::expect_used, reason = "fixtures fail loudly")]

mod e2e;
mod golden;
mod token;
