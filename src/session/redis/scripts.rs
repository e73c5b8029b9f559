//! The scripts that run inside Redis. Each file in `lua/` says what it answers; the rules in
//! them are those of `session::rules`, and the conformance suite holds both to the same. Those
//! that write are void when they arrive late: `lua/in_time.lua` stands before each of them.

use crate::support::redis::Script;

/// All of them, with their hashes.
#[derive(Debug)]
pub(super) struct Scripts {
    pub(super) begin: Script,
    pub(super) unbegin: Script,
    pub(super) refresh: Script,
    pub(super) unheard: Script,
    pub(super) gone: Script,
    pub(super) find: Script,
    pub(super) end: Script,
    pub(super) end_all: Script,
    pub(super) change_device: Script,
    pub(super) put: Script,
    pub(super) swap: Script,
}

/// A script that writes.
macro_rules! writes {
    ($file:literal) => {
        Script::in_time(concat!(include_str!("lua/in_time.lua"), include_str!($file)))
    };
}

/// One that may find nothing to change.
macro_rules! touches {
    ($file:literal) => {
        Script::in_time(concat!(
            include_str!("lua/in_time.lua"),
            include_str!("lua/touch.lua"),
            include_str!($file)
        ))
    };
}

impl Scripts {
    pub(super) fn new() -> Self {
        Self {
            begin: touches!("lua/begin.lua"),
            unbegin: writes!("lua/unbegin.lua"),
            refresh: touches!("lua/refresh.lua"),
            unheard: writes!("lua/unheard.lua"),
            gone: Script::new(include_str!("lua/gone.lua")),
            find: touches!("lua/find.lua"),
            end: touches!("lua/end.lua"),
            end_all: touches!("lua/end_all.lua"),
            change_device: touches!("lua/change_device.lua"),
            put: writes!("lua/put.lua"),
            swap: writes!("lua/swap.lua"),
        }
    }
}
