//! The scripts that run inside Redis. Each file in `lua/` says what it answers; the rules in
//! them are those of `session::rules`, and the conformance suite holds both to the same.

use crate::support::redis::Script;

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
            begin: Script::new(include_str!("lua/begin.lua")),
            refresh: Script::new(include_str!("lua/refresh.lua")),
            gone: Script::new(include_str!("lua/gone.lua")),
            end: Script::new(include_str!("lua/end.lua")),
            end_all: Script::new(include_str!("lua/end_all.lua")),
            change_device: Script::new(include_str!("lua/change_device.lua")),
            put: Script::new(include_str!("lua/put.lua")),
            swap: Script::new(include_str!("lua/swap.lua")),
        }
    }
}
