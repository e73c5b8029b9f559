//! The scripts that run inside Redis. Each file in `lua/` says what it answers; the rules in
//! them are those of `session::rules`, and the conformance suite holds both to the same.

use crate::support::redis::Script;

/// A script that writes, and therefore does nothing when it is run too late.
macro_rules! in_time {
    ($file:literal) => {
        Script::new(concat!(include_str!("lua/in_time.lua"), include_str!($file)))
    };
}

/// All of them, with their hashes.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) refresh: Script,
    pub(super) gone: Script,
    pub(super) end: Script,
    pub(super) end_all: Script,
    pub(super) change_device: Script,
    pub(super) put: Script,
    pub(super) swap: Script,
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: in_time!("lua/begin.lua"),
            refresh: in_time!("lua/refresh.lua"),
            gone: Script::new(include_str!("lua/gone.lua")),
            end: in_time!("lua/end.lua"),
            end_all: in_time!("lua/end_all.lua"),
            change_device: in_time!("lua/change_device.lua"),
            put: in_time!("lua/put.lua"),
            swap: in_time!("lua/swap.lua"),
        }
    }
}
