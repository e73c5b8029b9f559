//! The `redis` backend: one server, a master that sentinels watch, or a cluster. Opened by
//! `session::settings` only. Everything of an account stands in keys of one slot (`names.rs`),
//! each operation is one script there (`lua/`), and keys expire by themselves. What Redis may
//! lose of what was acknowledged is its own configuration's matter; `wait_replicas` makes an
//! answer wait for replicas.

mod begin;
mod devices;
mod health;
mod names;
mod page;
mod record;
mod refresh;
mod rings;
mod scripts;
mod sessions;
pub(super) mod settings;
mod tickets;
mod unbegin;

use std::fmt;
use std::ops::Deref;
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use redis::Value;

use self::names::Names;
use self::scripts::Scripts;
use self::settings::RedisStoreSettings;
use super::{Store, StoreError};
use crate::domain::Timestamp;
use crate::support::redis::{Answer, Call, Masters, Replicas, Script};
use crate::support::{Fault, FaultKind};

/// How much longer than a record is good its key stays, in seconds: nodes' clocks may differ by
/// as much before one of them misses what another one still counts as alive.
const SLACK: i64 = 60;

/// The longest that a key is kept, in seconds (about a century).
const FOREVER: i64 = 3_000_000_000;

/// Redis servers and what is asked of them.
#[derive(Clone)]
pub(super) struct RedisStore(Arc<Shared>);

/// What calls share.
pub(super) struct Shared {
    masters: Masters,
    names: Names,
    scripts: Scripts,
    /// How long one call may take, retries included.
    deadline: Duration,
    /// Who must have a write before it is acknowledged.
    replicas: Option<Replicas>,
    /// Whether it has been said that Redis may evict.
    warned: AtomicBool,
}

/// What a script that writes was answered.
struct Done {
    value: Value,
    /// The first try may have done it: its answer was lost.
    is_repeated: bool,
    /// Why it must not be acknowledged yet.
    missing: Option<String>,
}

impl RedisStore {
    /// Looks whether the servers are there and fit; fails like [`Self::ready`].
    pub(super) async fn open(settings: &RedisStoreSettings) -> Result<Self, StoreError> {
        let store = Self(Arc::new(Shared {
            masters: settings.masters()?,
            names: Names::new(&settings.prefix),
            scripts: Scripts::new(),
            deadline: settings.deadline.0,
            replicas: settings.replicas(),
            warned: AtomicBool::new(false),
        }));
        store.ready().await?;
        Ok(store)
    }

    /// Runs a script that may write. Its last argument says whether this is a second try of
    /// one that may have been carried out: a script answers both the same.
    async fn write(
        &self,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Done, StoreError> {
        self.write_until(self.ends(), None, script, keys, args).await
    }

    /// The same, for a call that asks more than once; and not if its caller is gone before it is sent.
    async fn write_until(
        &self,
        deadline: Instant,
        caller: Option<Weak<()>>,
        script: &Script,
        keys: &[&str],
        args: &[&[u8]],
    ) -> Result<Done, StoreError> {
        let first: Vec<_> = args.iter().copied().chain([b"0".as_slice()]).collect();
        let mut call = script.on(keys, &first).waiting(self.replicas);
        if let Some(caller) = caller {
            call = call.unless_gone(caller);
        }
        let mut answer = self.masters.call(keys[0], call, deadline).await;
        let is_repeated = matches!(&answer, Err(Fault { kind: FaultKind::Lost, .. }));
        if is_repeated {
            let second: Vec<_> = args.iter().copied().chain([b"1".as_slice()]).collect();
            let call = script.on(keys, &second).waiting(self.replicas);
            answer = self.masters.call(keys[0], call, deadline).await;
        }
        let Answer { value, replicas } = answer.map_err(|e| unavailable(&e))?;
        let needed = self.replicas.map_or(0, |replicas| replicas.count);
        let missing = replicas
            .filter(|have| *have < needed)
            .map(|have| format!("written, but {have} of {needed} replicas have it in time"));
        Ok(Done { value, is_repeated, missing })
    }

    /// Asks something that changes nothing about one key's slot.
    async fn read(&self, key: &str, call: impl Fn() -> Call) -> Result<Value, StoreError> {
        self.read_until(self.ends(), key, call).await
    }

    /// The same, for a call that asks more than once.
    async fn read_until(
        &self,
        deadline: Instant,
        key: &str,
        call: impl Fn() -> Call,
    ) -> Result<Value, StoreError> {
        let mut answer = self.masters.call(key, call(), deadline).await;
        if matches!(&answer, Err(Fault { kind: FaultKind::Lost, .. })) {
            answer = self.masters.call(key, call(), deadline).await;
        }
        answer.map(|answer| answer.value).map_err(|e| unavailable(&e))
    }

    /// What a script is told of whether replicas are waited for.
    fn waits(&self) -> &'static [u8] {
        if self.replicas.is_some() { b"1" } else { b"0" }
    }

    /// When a call that begins now ends at the latest.
    fn ends(&self) -> Instant {
        Instant::now() + self.deadline
    }
}

impl Deref for RedisStore {
    type Target = Shared;

    fn deref(&self) -> &Shared {
        &self.0
    }
}

impl Done {
    /// The answer, once it may be acknowledged.
    fn acknowledged(self) -> Result<Value, StoreError> {
        match self.missing {
            Some(missing) => Err(StoreError(format!("redis: {missing}"))),
            None => Ok(self.value),
        }
    }

    /// Whether the script answered that it did something. That there is nothing to do may be because
    /// of what replicas do not have yet.
    fn did_it(self) -> Result<bool, StoreError> {
        Ok(self.acknowledged()? != Value::Int(0))
    }
}

impl Store for RedisStore {
    fn kind(&self) -> &'static str {
        "redis"
    }
}

/// Seconds that a key is kept whose record expires then.
fn time_to_live(expires_at: Timestamp, now: Timestamp) -> i64 {
    expires_at.since(now).max(0).saturating_add(SLACK).min(FOREVER)
}

fn unavailable(fault: &Fault) -> StoreError {
    StoreError(format!("redis: {fault}"))
}

/// What a stored value that cannot be read is to a caller: an error, never a verdict. Says
/// nothing of the value.
fn unreadable(what: &str) -> StoreError {
    StoreError(format!("redis: a stored {what} is not readable"))
}

impl fmt::Debug for RedisStore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisStore").field("masters", &self.masters).finish_non_exhaustive()
    }
}
