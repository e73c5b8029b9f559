//! What only the `postgres` backend promises: its schema, its locks, what it does when the
//! server or the network fails, and that each of its settings does what it says.

mod faults;
mod late;
mod nodes;
mod schema;
mod settings;
mod sweep;
mod tls;

use super::*;
