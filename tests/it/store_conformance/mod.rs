//! The session store's contract (`cambio::session`), a test per clause per backend. A
//! clause is an async function over a [`Backend`]; `on_every_backend!` makes a test of it
//! for each. What only one backend promises is in the file of its name.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

/// Makes a test of each clause for each backend. Backends that need a server stand in a module
/// `real`.
macro_rules! on_every_backend {
    ($($clause:ident),* $(,)?) => {
        on_backend!(memory: $($clause),*);
        on_backend!(sqlite: $($clause),*);
        on_backend!(sqlite_merging: $($clause),*);
        mod real {
            use super::*;

            on_backend!(redis: $($clause),*);
            on_backend!(redis_sentinel: $($clause),*);
            on_backend!(redis_cluster: $($clause),*);
            on_backend!(postgres: $($clause),*);
            on_backend!(pgbouncer: $($clause),*);
        }
    };
}

/// The same for what only backends promise that are swept: elsewhere records expire by themselves.
macro_rules! on_every_swept_backend {
    ($($clause:ident),* $(,)?) => {
        on_backend!(memory: $($clause),*);
        on_backend!(sqlite: $($clause),*);
        on_backend!(sqlite_merging: $($clause),*);
        mod real {
            use super::*;

            on_backend!(postgres: $($clause),*);
            on_backend!(pgbouncer: $($clause),*);
        }
    };
}

/// Makes a test of each clause for one backend, which is a constructor of [`Backend`].
macro_rules! on_backend {
    ($backend:ident: $($clause:ident),*) => {
        mod $backend {
            $(
                #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
                async fn $clause() {
                    let backend = crate::store_conformance::Backend::$backend().await;
                    super::$clause(&backend).await;
                }
            )*
        }
    };
}

mod begin;
mod calls;
mod clients;
mod device;
mod device_limit;
mod key;
mod limit;
mod memory;
mod model;
mod operator;
mod page;
mod postgres;
mod redis;
mod refresh;
mod same;
mod session;
mod sqlite;
mod sqlite_merge;
mod sqlite_schema;
mod sqlite_shared;
mod sweep;
mod ticket;

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use cambio::account::Account;
use cambio::domain::identity::OneTimeClaim;
use cambio::domain::setting::Problems;
use cambio::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};
use cambio::session::{
    Device, DeviceChange, DeviceLimits, DeviceRequest, DeviceState, Facts, NewSession, NextPair,
    PresentedRefresh, Session, SessionId, Store, StoreError, Ticket, settings,
};

/// A fresh store of some kind.
struct Backend {
    store: Arc<dyn Store>,
    /// Another node's view of the same data; the same where a backend is for one node.
    other: Arc<dyn Store>,
    /// What must live as long as the store.
    _holds: Box<dyn Send + Sync>,
}

impl Backend {
    async fn memory() -> Self {
        let store = open(serde_json::json!({"kind": "memory"})).await.unwrap();
        Self { other: Arc::clone(&store), store, _holds: Box::new(()) }
    }

    async fn sqlite() -> Self {
        Self::sqlite_with(65_536).await
    }

    /// Writes its changes to the trees all the time.
    async fn sqlite_merging() -> Self {
        Self::sqlite_with(2).await
    }

    async fn sqlite_with(memtable: usize) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("store.db");
        let settings = serde_json::json!({"kind": "sqlite", "path": path, "memtable": memtable});
        let store = open(settings).await.unwrap();
        Self { other: Arc::clone(&store), store, _holds: Box::new(dir) }
    }
}

async fn open(value: serde_json::Value) -> Result<Arc<dyn Store>, StoreError> {
    let mut problems = Problems::default();
    settings::parse(value, "store", &mut problems).unwrap().open().await
}

/// Seconds from the beginning of the test to the absolute end of its sessions.
const END: i64 = 30 * 86_400;
/// Seconds that a refresh token lives.
const IDLE: i64 = 2 * 86_400;
/// Seconds that a superseded refresh token gets the same pair.
const GRACE: i64 = 30;

/// The time, in seconds after the test began.
fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1_700_000_000 + secs)
}

fn id(number: u64) -> SessionId {
    SessionId { ends_at: at(END), number }
}

fn tenant(name: &str) -> TenantId {
    TenantId::parse(name).unwrap()
}

fn account(name: &str) -> AccountId {
    AccountId::parse(name).unwrap()
}

fn device_id(name: &str) -> DeviceId {
    DeviceId::parse(name).unwrap()
}

fn service() -> ServiceName {
    ServiceName::parse("Customer Auth Service").unwrap()
}

fn facts(name: &str) -> Facts {
    let account = Account::new(account(name), "user".to_owned());
    Facts { account, on_network: false, authenticated_at: at(0) }
}

fn device(name: &str) -> Device {
    Device {
        id: device_id(name),
        account: account("1663"),
        name: None,
        class: Some("TV".to_owned()),
        information: r#"{"deviceType":"tv"}"#.to_owned(),
        state: DeviceState::Active,
        registered_at: at(0),
    }
}

/// A sign-on of account 1663 at tenant `nagra` on a new device.
fn sign_on(number: u64, device_name: &str) -> NewSession {
    NewSession {
        id: id(number),
        tenant: tenant("nagra"),
        service: service(),
        device: DeviceRequest::Register {
            device: device(device_name),
            limits: DeviceLimits::default(),
        },
        expires_at: at(IDLE),
        facts: facts("1663"),
        claim: None,
        upstream: None,
        limit: None,
    }
}

/// The same on a device that is already registered.
fn sign_on_again(number: u64, device_name: &str) -> NewSession {
    let device = DeviceRequest::Existing(device_id(device_name));
    NewSession { device, ..sign_on(number, device_name) }
}

fn limited(mut new: NewSession, to: u32) -> NewSession {
    if let DeviceRequest::Register { limits, .. } = &mut new.device {
        limits.all = Some(to);
    }
    new
}

fn claiming(new: NewSession, digest: OneTimeClaim) -> NewSession {
    NewSession { claim: Some(digest), ..new }
}

fn digest(n: u8) -> OneTimeClaim {
    OneTimeClaim([n; 32])
}

/// A ticket that fits [`sign_on`].
fn ticket() -> Ticket {
    Ticket {
        tenant: tenant("nagra"),
        service: service(),
        account: account("1663"),
        expires_at: at(300),
        sign_on: None,
    }
}

/// The session's refresh token of a generation.
fn token(session: &Session, generation: u32) -> PresentedRefresh {
    PresentedRefresh {
        tenant: session.tenant.clone(),
        id: session.id,
        generation,
        account: session.facts.account.id.clone(),
        device: session.device.clone(),
    }
}

/// What a refresh at `now` seconds would make.
fn next(now: i64) -> NextPair {
    NextPair {
        service: service(),
        expires_at: at(now + IDLE),
        account: None,
        on_network: false,
        grace: Duration::from_secs(GRACE.unsigned_abs()),
    }
}

/// Starts all calls at once and waits for their answers.
async fn race<T, F>(calls: impl IntoIterator<Item = F>) -> Vec<T>
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let tasks: Vec<_> = calls.into_iter().map(tokio::spawn).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.unwrap());
    }
    answers
}

impl Backend {
    /// The session as it is stored, read `now` seconds after the beginning.
    async fn find(&self, session: &Session, now: i64) -> Option<Session> {
        let account = &session.facts.account.id;
        self.store.session(&session.tenant, account, session.id, at(now)).await.unwrap()
    }

    /// The state of account 1663's device.
    async fn set_device(&self, name: &str, state: DeviceState) -> bool {
        self.change_device(name, DeviceChange::State(state)).await
    }

    async fn change_device(&self, name: &str, change: DeviceChange) -> bool {
        let (tenant, account) = (tenant("nagra"), account("1663"));
        self.store.change_device(&tenant, &account, &device_id(name), change).await.unwrap()
    }

    /// The names of account 1663's devices.
    async fn device_names(&self) -> Vec<String> {
        let devices = self.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
        devices.into_iter().map(|d| d.id.to_string()).collect()
    }
}
