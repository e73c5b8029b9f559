//! What the in-process tests drive: the real [`App`] on a real configuration, with a clock
//! that stands still until a test turns it, asked through the same service that the sockets
//! feed. Nothing here sleeps, retries or listens.

mod ags;
mod answer;
mod call;
mod configuration;
mod credentials;
mod failing;
pub(crate) mod mmdb;

use std::sync::Arc;
use std::time::Duration;

use cambio::app::{App, World};
use cambio::config::{self, Settings, Sources};
use cambio::domain::setting::Problem;
use cambio::domain::{
    AccountId, Clock, DeviceId, ManualClock, SystemClock, SystemRandom, TenantId, Timestamp,
};
use cambio::http::GatewayService;
use cambio::session::{DeviceChange, DeviceState, Store};
use cambio::support::Watcher;
use tempfile::TempDir;
use tower::ServiceExt;

pub(crate) use ags::{AGS_SERVICE, OPERATOR_TENANT, parameters, sign_on_body};
pub(crate) use answer::Answer;
pub(crate) use call::Call;
pub(crate) use configuration::{
    AGS_SECRET, BASE, HASTY, OPERATOR_SECRET, PORTAL_SECRET, SITE_SECRET,
};
pub(crate) use credentials::{claims_of, cookie, header_of, operator_token, payload, signed_jwt};
pub(crate) use failing::{Failing, Mood};

/// When every test begins, in seconds since the epoch.
pub(crate) const NOW: i64 = 1_800_000_000;

/// A running gateway without sockets.
pub(crate) struct Fixture {
    pub(crate) app: App,
    pub(crate) settings: Settings,
    pub(crate) clock: Arc<ManualClock>,
    /// A folder of the test's own; what the configuration calls `@DIR@`.
    pub(crate) dir: TempDir,
    service: GatewayService,
}

impl Fixture {
    /// The base configuration.
    pub(crate) async fn new() -> Self {
        Self::with("").await
    }

    /// The base configuration, with `overlay` merged over it key by key.
    pub(crate) async fn with(overlay: &str) -> Self {
        Self::in_dir(tempfile::tempdir().unwrap(), overlay).await
    }

    /// The same, in a folder where the test has put files.
    pub(crate) async fn in_dir(dir: TempDir, overlay: &str) -> Self {
        let settings = settings(&dir, overlay).unwrap();
        Self::of(dir, settings).await
    }

    /// The embedded defaults and this text, without the base configuration.
    pub(crate) async fn only(text: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let overlay = Some(in_place(text, &dir));
        let settings = config::load(&Sources { overlay, ..Sources::default() }).unwrap();
        Self::of(dir, settings).await
    }

    /// The base configuration with `overlay`, on a store that fails when it is told to.
    pub(crate) async fn that_can_fail(overlay: &str) -> (Self, Arc<Failing>) {
        let dir = tempfile::tempdir().unwrap();
        let settings = settings(&dir, overlay).unwrap();
        let store = Arc::new(Failing::around(settings.store.open().await.unwrap()));
        let start = Timestamp::from_secs(NOW);
        (Self::on(dir, settings, Arc::clone(&store) as _, start).await, store)
    }

    /// A documented example, `config/examples/<name>.toml`, with `overlay` merged over it. Its time
    /// begins now, because it is for systems that have a clock of their own.
    pub(crate) async fn example(name: &str, overlay: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let example = format!("{}/config/examples/{name}.toml", env!("CARGO_MANIFEST_DIR"));
        let overlay = format!("store.kind = \"memory\"\n{overlay}");
        let sources =
            Sources { files: vec![example.into()], overlay: Some(overlay), environment: false };
        let settings = config::load(&sources).unwrap();
        Self::at(dir, settings, SystemClock.now()).await
    }

    async fn of(dir: TempDir, settings: Settings) -> Self {
        Self::at(dir, settings, Timestamp::from_secs(NOW)).await
    }

    async fn at(dir: TempDir, settings: Settings, now: Timestamp) -> Self {
        let store = settings.store.open().await.unwrap();
        Self::on(dir, settings, store, now).await
    }

    async fn on(dir: TempDir, settings: Settings, store: Arc<dyn Store>, now: Timestamp) -> Self {
        let clock = Arc::new(ManualClock::new(now));
        let world = World {
            clock: Arc::clone(&clock) as Arc<dyn Clock>,
            random: Arc::new(SystemRandom),
            watcher: Watcher::default(),
        };
        let app = App::build(&settings, store, world).await.unwrap();
        let service = app.service(&settings);
        Self { app, settings, clock, dir, service }
    }

    /// The base configuration on the embedded database instead of memory.
    pub(crate) async fn on_sqlite() -> Self {
        Self::with("store = { kind = \"sqlite\", path = \"@DIR@/cambio.db\" }").await
    }

    /// Asks.
    pub(crate) async fn send(&self, call: Call) -> Answer {
        let sent = call.request();
        let Ok(response) = self.service.clone().oneshot(sent).await;
        Answer::read(response).await
    }

    pub(crate) fn advance(&self, secs: u64) {
        self.clock.advance(Duration::from_secs(secs));
    }

    pub(crate) fn now(&self) -> i64 {
        self.clock.now().secs()
    }

    /// What an operator's tool does to a device.
    pub(crate) async fn set_device(&self, account: &str, device: &str, state: DeviceState) {
        let tenant = TenantId::parse(OPERATOR_TENANT).unwrap();
        let account = AccountId::parse(account).unwrap();
        let device = DeviceId::parse(device).unwrap();
        let change = DeviceChange::State(state);
        let changed = self.app.store().change_device(&tenant, &account, &device, change).await;
        assert!(changed.unwrap(), "the account has the device");
    }
}

/// The base configuration with `overlay` merged over it, `@DIR@` being the folder.
pub(crate) fn settings(dir: &TempDir, overlay: &str) -> Result<Settings, Vec<Problem>> {
    let base = dir.path().join("base.toml");
    std::fs::write(&base, in_place(BASE, dir)).unwrap();
    let overlay = Some(in_place(overlay, dir));
    config::load(&Sources { files: vec![base], overlay, environment: false })
}

fn in_place(text: &str, dir: &TempDir) -> String {
    text.replace("@DIR@", &dir.path().display().to_string())
}
