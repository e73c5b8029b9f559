//! Sessions that an application keeps in a store of its own: what `redis_session` and
//! `sql_session` have in common. The cookie is opened here, without a call, to the session's
//! id; the kinds look that up; what they find is decoded and read here. This module asks nobody.
//!
//! Whose fault something is: the cookie is the client's (`Malformed`, `Rejected`), what stands
//! in the store is the application's (`Upstream`).

mod cookie;
mod document;
mod fault;
mod format;
mod login;
mod session_id;
mod settings;

pub(super) use self::document::{Found, Stored};
pub(super) use self::fault::told_of;
pub(super) use self::login::UserRow;
pub(super) use self::session_id::SessionId;
pub(super) use self::settings::Settings;

#[cfg(test)]
mod tests;
