//! The integration tests: one binary, so that the crate is linked once. Each module is
//! named after what it shows.

mod golden;
mod token;
