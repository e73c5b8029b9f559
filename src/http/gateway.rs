//! What the handlers work with: the tenants and how a request finds its own. Built at boot
//! by `app`, and swapped as a whole when the configuration is reloaded.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;

use super::network::NetworkRules;
use crate::domain::{Clock, Random, TenantId};
use crate::exchange::tenant::Tenant;

/// The gateway as of the newest good configuration.
#[derive(Debug)]
pub struct Gateway {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// The tenants, by id.
    pub tenants: HashMap<TenantId, Arc<Tenant>>,
    /// The tenants, by the host names they list, lower case and without port.
    pub hosts: HashMap<String, Arc<Tenant>>,
    /// Who an AnswerHub call without tenant means.
    pub default_tenant: Option<Arc<Tenant>>,
    /// Where clients are.
    pub network: NetworkRules,
    /// The longest body, in bytes.
    pub max_body: usize,
    /// How long a story may take; a little less than the deadline layer allows.
    pub deadline: Duration,
}

/// The handle that handlers load the newest [`Gateway`] from.
pub type SharedGateway = Arc<ArcSwap<Gateway>>;

impl Gateway {
    /// The only tenant, if there is exactly one.
    #[must_use]
    pub fn only_tenant(&self) -> Option<&Arc<Tenant>> {
        let mut all = self.tenants.values();
        all.next().filter(|_| all.next().is_none())
    }
}
