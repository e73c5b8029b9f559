//! The stories: each file tells one call from credential to answer, as the steps of its
//! doc comment. They know the parts by their traits and nothing of HTTP.

mod begin;
pub mod cookie_sso;
pub mod current_user;
pub mod devices;
mod endpoint;
mod error;
mod introspect;
mod location;
mod policy;
pub mod refresh;
pub mod session_ticket;
pub mod session_token;
pub mod sign_on;
pub mod sign_out;
pub mod subsequent_sign_on;
pub mod tenant;

use std::time::Instant;

pub use error::{ExchangeError, Forbidden};
pub use location::{LocationSettings, UnknownCountry};
pub use policy::{DevicePolicy, SessionPolicy};

use crate::account::{Account, AccountDirectory, AccountError};
use crate::domain::Verified;
use crate::domain::{ClientNetwork, Random, ServiceName, TenantId, Timestamp};
/// What the client of a sign-on says of its device.
pub use crate::session::PendingDevice as DeviceInput;
use crate::sso::{SsoValidator, ValidateCx, ValidateError};
use crate::support::trace::{self, Fact};

/// What a story may depend on besides its input.
#[derive(Debug, Clone, Copy)]
pub struct ExchangeCx<'a> {
    /// The current time, read once a request.
    pub now: Timestamp,
    /// When the request gives up.
    pub deadline: Instant,
    /// Where the client is.
    pub client: ClientNetwork,
    /// For ids and tokens.
    pub random: &'a dyn Random,
}

impl<'a> ExchangeCx<'a> {
    fn validate<'b>(&self, tenant: &'b TenantId, service: &'b ServiceName) -> ValidateCx<'b> {
        ValidateCx { now: self.now, deadline: self.deadline, tenant, service }
    }
}

/// Notes what a validator said, for `explain`.
fn note_verdict(validator: &dyn SsoValidator, verdict: &Result<Verified, ValidateError>) {
    trace::note("verdict", || {
        let (says, why) = match verdict {
            Ok(_) => ("verified", None),
            Err(ValidateError::Rejected(_)) => ("rejected", Some(verdict)),
            Err(ValidateError::Malformed(_)) => ("malformed", Some(verdict)),
            Err(ValidateError::Unavailable { .. }) => ("unavailable", Some(verdict)),
            Err(ValidateError::Upstream(_)) => ("upstream", Some(verdict)),
        };
        let why = why.and_then(|verdict| verdict.as_ref().err()).map(ToString::to_string);
        [
            ("kind", Fact::plain(validator.kind())),
            ("verdict", Fact::plain(says)),
            ("why", Fact::plain(why)),
        ]
    });
}

/// Notes which account was found, for `explain`.
fn note_account(directory: &dyn AccountDirectory, found: &Result<Account, AccountError>) {
    trace::note("account", || {
        let account = found.as_ref().ok();
        [
            ("directory", Fact::plain(directory.kind())),
            ("id", Fact::personal(account.map(|account| account.id.as_str()))),
            ("state", Fact::plain(account.map(|account| account.state.name()))),
            ("why", Fact::plain(found.as_ref().err().map(ToString::to_string))),
        ]
    });
}
