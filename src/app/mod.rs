//! The composition root: plugs the parts together as the configuration says, and swaps a
//! new gateway in when the configuration is reloaded. The only module that may import all
//! others; production and tests build the same [`App`].

mod gateway;
mod service;
mod tenant;

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use tower_http::cors::{AllowHeaders, AllowMethods, AllowOrigin, CorsLayer};

use crate::config::Settings;
use crate::domain::setting::Problem;
use crate::domain::{Clock, Random, SystemClock, SystemRandom};
use crate::http::{self, Gateway, GatewayService, LayerSettings, SharedGateway};
use crate::session::Store;
use crate::support::Watcher;

/// What the world gives: replaced in tests.
#[derive(Debug, Clone)]
pub struct World {
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Randomness.
    pub random: Arc<dyn Random>,
    /// Files that are read again when they change.
    pub watcher: Watcher,
}

impl Default for World {
    fn default() -> Self {
        Self {
            clock: Arc::new(SystemClock),
            random: Arc::new(SystemRandom),
            watcher: Watcher::default(),
        }
    }
}

/// The gateway, ready to serve and to be reloaded.
#[derive(Debug)]
pub struct App {
    world: World,
    store: Arc<dyn Store>,
    gateway: SharedGateway,
}

impl App {
    /// Builds the gateway on an open store.
    ///
    /// # Errors
    /// Everything that does not fit together.
    pub async fn build(
        settings: &Settings,
        store: Arc<dyn Store>,
        world: World,
    ) -> Result<Self, Vec<Problem>> {
        let gateway = gateway::build(settings, &store, &world).await?;
        Ok(Self { world, store, gateway: Arc::new(ArcSwap::from_pointee(gateway)) })
    }

    /// Swaps in a gateway of other settings; requests under way finish on the old one. What
    /// is bound at start (listeners, limits, logs, the store) stays as it is.
    ///
    /// # Errors
    /// Everything that does not fit together; the old gateway stays.
    pub async fn reload(&self, settings: &Settings) -> Result<(), Vec<Problem>> {
        let gateway = gateway::build(settings, &self.store, &self.world).await?;
        self.gateway.store(Arc::new(gateway));
        Ok(())
    }

    /// The service that answers requests.
    #[must_use]
    pub fn service(&self, settings: &Settings) -> GatewayService {
        let limits = &settings.server.limits;
        let layers = LayerSettings {
            random: Arc::clone(&self.world.random),
            max_in_flight: limits.max_requests,
            deadline: limits.request_timeout.0,
            cors: cors(&settings.server.cors.allowed_origins),
        };
        http::service(Arc::clone(&self.gateway), layers)
    }

    /// The session store.
    #[must_use]
    pub fn store(&self) -> &Arc<dyn Store> {
        &self.store
    }

    /// The newest gateway; for the demo, which makes itself live credentials.
    #[must_use]
    pub fn gateway(&self) -> Arc<Gateway> {
        self.gateway.load_full()
    }

    /// What the gateway was built in.
    #[must_use]
    pub fn world(&self) -> &World {
        &self.world
    }
}

/// Browser clients: the listed origins may call with cookies and read every answer.
fn cors(origins: &[String]) -> Option<CorsLayer> {
    if origins.is_empty() {
        return None;
    }
    let origins: Vec<_> = origins.iter().filter_map(|o| o.parse().ok()).collect();
    let exposed = ["x-correlation-id", "retry-after", "www-authenticate"];
    Some(
        CorsLayer::new()
            .allow_origin(AllowOrigin::list(origins))
            .allow_credentials(true)
            .allow_methods(AllowMethods::mirror_request())
            .allow_headers(AllowHeaders::mirror_request())
            .expose_headers(exposed.map(::http::HeaderName::from_static))
            .max_age(Duration::from_secs(600)),
    )
}
