//! The stories: each file tells one call from credential to answer, as the steps of its
//! doc comment. They know the parts by their traits and nothing of HTTP.

mod begin;
pub mod cookie_sso;
pub mod current_user;
pub mod devices;
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

use crate::domain::{ClientNetwork, Random, ServiceName, TenantId, Timestamp};
/// What the client of a sign-on says of its device.
pub use crate::session::PendingDevice as DeviceInput;
use crate::sso::ValidateCx;

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
