//! Backends on real servers: how a fresh store of each comes about, and what only each of them
//! promises.

use super::*;

mod postgres;
