//! What `serve` and `demo` share: the start, the listeners, the background tasks and the end.

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval};

use super::{fail, load, refuse, runtime};
use crate::app::{App, World};
use crate::config::{self, Settings, Sources};
use crate::domain::setting::Problem;
use crate::serve::{self, Ended, Serve, Signals, Stage, TlsKeys, admin};
use crate::telemetry;

/// How often watched files are looked at.
const WATCH_EVERY: Duration = Duration::from_secs(2);
/// How often expired sessions are removed, how many at a time and how many times at the most.
const SWEEP_EVERY: Duration = Duration::from_secs(1);
const SWEEP_BATCH: u32 = 500;
const SWEEP_BATCHES: u32 = 100;

/// Where the service can be reached.
#[derive(Debug, Clone, Copy)]
pub(super) struct Addresses {
    /// The service.
    pub(super) service: SocketAddr,
    /// `/livez` and `/readyz`.
    pub(super) admin: SocketAddr,
}

/// Serves what the sources describe until signals end it. `prepare` is given the app before anybody
/// is served, and answers what is called once the listeners are open.
pub(super) fn start<R: FnOnce(Addresses)>(
    sources: Sources,
    prepare: impl AsyncFnOnce(&App) -> Result<R, String>,
) -> ExitCode {
    let settings = match load(&sources) {
        Ok(settings) => settings,
        Err(code) => return code,
    };
    let sink = telemetry::install(&settings.log);
    let runtime = match runtime(settings.server.workers) {
        Ok(runtime) => runtime,
        Err(code) => return code,
    };
    let code = runtime.block_on(async {
        let store = match settings.store.open().await {
            Ok(store) => store,
            Err(error) => return fail(error),
        };
        let app = match App::build(&settings, store, World::default()).await {
            Ok(app) => app,
            Err(problems) => return refuse(&problems),
        };
        match prepare(&app).await {
            Ok(ready) => run(app, settings, sources, ready).await,
            Err(error) => fail(error),
        }
    });
    drop(runtime);
    sink.flush();
    code
}

/// Serves the app until signals end it; `ready` is called once the listeners are open.
async fn run(
    app: App,
    settings: Settings,
    sources: Sources,
    ready: impl FnOnce(Addresses),
) -> ExitCode {
    let app = Arc::new(app);
    let (stage, stages) = watch::channel(Stage::Running);
    let prepared = prepare(&app, &settings, &stages);
    let (serve, addresses, signals, hangups) = match prepared {
        Ok(prepared) => prepared,
        Err(error) => return fail(error),
    };
    tokio::spawn(watch_files(Arc::clone(&app)));
    tokio::spawn(sweep(Arc::clone(&app)));
    tokio::spawn(reload(Arc::clone(&app), settings.clone(), sources, hangups));
    let leave_for = settings.server.limits.drain_delay.0;
    tokio::spawn(async move { serve::stages(signals, &stage, leave_for).await });

    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        server.listen = %addresses.service,
        admin.listen = %addresses.admin,
        store.kind = app.store().kind(),
        "serving"
    );
    let serving = tokio::spawn(serve.run(stages));
    ready(addresses);
    match serving.await {
        Ok(Ended::Drained) => {
            tracing::info!("stopped, every request was answered");
            ExitCode::SUCCESS
        }
        Ok(Ended::CutOff) => {
            tracing::warn!("stopped, open connections were cut off");
            ExitCode::FAILURE
        }
        Err(error) => fail(error),
    }
}

fn prepare(
    app: &App,
    settings: &Settings,
    stages: &watch::Receiver<Stage>,
) -> Result<(Serve, Addresses, Signals, Signal), String> {
    // Before anybody can know that there is something to stop.
    let signals = Signals::listen()?;
    let hangups =
        signal(SignalKind::hangup()).map_err(|e| format!("cannot listen for sighup: {e}"))?;
    let tls = settings.server.tls.as_ref();
    let tls = tls
        .map(|tls| TlsKeys::open(tls, &app.world().watcher))
        .transpose()
        .map_err(|e| format!("server.tls: {e}"))?;
    let bind = |key: &str, at| serve::bind(at).map_err(|e| format!("{key}: {e}"));
    let listener = bind("server.listen", settings.server.listen)?;
    let admin_listener = bind("admin.listen", settings.admin.listen)?;
    let address = |l: &tokio::net::TcpListener| l.local_addr().map_err(|e| e.to_string());
    let addresses = Addresses { service: address(&listener)?, admin: address(&admin_listener)? };
    let health = admin::Health { store: Arc::clone(app.store()), stage: stages.clone() };
    tokio::spawn(admin::run(admin_listener, health));
    let limits = settings.server.limits.clone();
    let serve = Serve { listener, service: app.service(settings), tls, limits };
    Ok((serve, addresses, signals, hangups))
}

async fn watch_files(app: Arc<App>) {
    let mut ticks = interval(WATCH_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        let watcher = app.world().watcher.clone();
        let _ = tokio::task::spawn_blocking(move || watcher.poll()).await;
    }
}

async fn sweep(app: Arc<App>) {
    let mut ticks = interval(SWEEP_EVERY);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        ticks.tick().await;
        // As long as there is much to remove, so that it keeps up with any rate of sign-ons; a
        // batch at a time, so that requests get their turn.
        for _ in 0..SWEEP_BATCHES {
            match app.store().sweep(SWEEP_BATCH, app.world().clock.now()).await {
                Ok(0) => break,
                Ok(removed) => tracing::debug!(removed, "expired sessions and tickets removed"),
                Err(error) => {
                    tracing::warn!(%error, "cannot remove expired sessions");
                    break;
                }
            }
        }
    }
}

/// SIGHUP reads the configuration again.
async fn reload(app: Arc<App>, started: Settings, sources: Sources, mut hangups: Signal) {
    while hangups.recv().await.is_some() {
        let outcome = match config::load(&sources) {
            Ok(settings) => app.reload(&settings).await.map(|()| settings),
            Err(problems) => Err(problems),
        };
        match outcome {
            Ok(settings) => {
                tracing::info!("configuration reloaded");
                for section in settings.needing_restart(&started) {
                    tracing::warn!(config.path = section, "changed, and needs a restart to count");
                }
            }
            Err(problems) => report(&problems),
        }
    }
}

fn report(problems: &[Problem]) {
    for problem in problems {
        tracing::error!(config.path = problem.path, problem = problem.message, "bad configuration");
    }
    tracing::error!(problems = problems.len(), "configuration not reloaded, keeping the old one");
}
