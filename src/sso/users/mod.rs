//! `users`: user names and passwords against a file of argon2id hashes, which is read again
//! when it changes. Hashing runs on blocking threads, a bounded number at a time, and fails
//! fast when too many wait. An unknown user costs as much time as a wrong password.

mod hash;
mod list;

use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

pub use self::hash::hash_password;
use self::list::Users;
use super::credential::WRONG_KIND;
use super::settings::BuildCx;
use super::{SsoValidator, ValidateCx, ValidateError};
use crate::domain::setting::{Problems, join};
use crate::domain::{Credential, CredentialKind, SecretString, Subject, Verified};
use crate::support::Watched;

/// The longest accepted password, in bytes.
const MAX_PASSWORD: usize = 1024;
/// The one text for an unknown or disabled user and a wrong password.
const REJECTED: ValidateError = ValidateError::Rejected("user name or password is wrong");

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The users file; its form is described in `list.rs`.
    file: PathBuf,
    /// Passwords checked at the same time; each takes a core and its hash's memory.
    #[serde(default = "default_concurrent")]
    max_concurrent: usize,
    /// How many more may wait for that.
    #[serde(default = "default_waiting")]
    max_waiting: usize,
}

fn default_concurrent() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

fn default_waiting() -> usize {
    32
}

impl Settings {
    pub(super) fn build(
        self,
        path: &str,
        cx: &BuildCx<'_>,
        problems: &mut Problems,
    ) -> Option<Arc<dyn SsoValidator>> {
        if !(1..=256).contains(&self.max_concurrent) {
            problems.push(join(path, "max_concurrent"), "must be from 1 to 256");
        }
        let users = Watched::open(&self.file, cx.watcher, Users::parse);
        let users = problems.ok(&join(path, "file"), users)?;
        Some(Arc::new(Passwords {
            users,
            slots: Arc::new(Semaphore::new(self.max_concurrent.clamp(1, 256))),
            waiting: AtomicUsize::new(0),
            max_waiting: self.max_waiting,
        }))
    }
}

#[derive(Debug)]
struct Passwords {
    users: Arc<Watched<Users>>,
    slots: Arc<Semaphore>,
    waiting: AtomicUsize,
    max_waiting: usize,
}

#[async_trait]
impl SsoValidator for Passwords {
    fn kind(&self) -> &'static str {
        "users"
    }

    fn accepts(&self, kind: CredentialKind) -> bool {
        kind == CredentialKind::Password
    }

    fn recognizes(&self, credential: &Credential) -> bool {
        let Credential::Password { username, .. } = credential else { return false };
        let name = Subject::parse(username.expose());
        name.is_ok_and(|name| self.users.get().look_up(&name).0.is_some())
    }

    fn is_selective(&self) -> bool {
        true
    }

    async fn validate(
        &self,
        credential: &Credential,
        cx: &ValidateCx<'_>,
    ) -> Result<Verified, ValidateError> {
        let Credential::Password { username, password } = credential else {
            return Err(WRONG_KIND);
        };
        let name = Subject::parse(username.expose())
            .map_err(|_| ValidateError::Malformed("user name has a wrong shape"))?;
        if !(1..=MAX_PASSWORD).contains(&password.expose().len()) {
            return Err(ValidateError::Malformed("password must have 1 to 1024 bytes"));
        }
        if Instant::now() >= cx.deadline {
            return Err(busy("no time is left for a password check"));
        }
        let (user, hash) = {
            let users = self.users.get();
            let (user, hash) = users.look_up(&name);
            let who = user.filter(|user| !user.disabled).map(list::User::verified);
            (who, hash.clone())
        };
        let decided = async {
            let slot = self.slot().await?;
            self.is_of(hash, password.clone(), slot).await
        };
        match tokio::time::timeout_at(cx.deadline.into(), decided).await {
            Ok(Ok(true)) => user.ok_or(REJECTED),
            Ok(Ok(false)) => Err(REJECTED),
            Ok(Err(error)) => Err(error),
            Err(_) => Err(busy("password check takes too long")),
        }
    }
}

impl Passwords {
    /// A turn to use a core, or at once an error when too many wait for theirs.
    async fn slot(&self) -> Result<OwnedSemaphorePermit, ValidateError> {
        if let Ok(slot) = Arc::clone(&self.slots).try_acquire_owned() {
            return Ok(slot);
        }
        let _waiting = Waiting::enter(&self.waiting, self.max_waiting)?;
        Arc::clone(&self.slots)
            .acquire_owned()
            .await
            .map_err(|_| ValidateError::unavailable("password checks have stopped"))
    }

    /// The slot goes with the work: a caller who gives up frees it no sooner.
    async fn is_of(
        &self,
        hash: hash::Hash,
        password: SecretString,
        slot: OwnedSemaphorePermit,
    ) -> Result<bool, ValidateError> {
        let work = tokio::task::spawn_blocking(move || {
            let is_of = hash.is_of(&password);
            drop(slot);
            is_of
        });
        work.await.map_err(|_| ValidateError::unavailable("password check was stopped"))
    }
}

/// Counts one who waits, for as long as it is held.
struct Waiting<'n>(&'n AtomicUsize);

impl<'n> Waiting<'n> {
    fn enter(count: &'n AtomicUsize, max: usize) -> Result<Self, ValidateError> {
        let entered = Self(count);
        if count.fetch_add(1, Ordering::Relaxed) >= max {
            return Err(busy("too many password checks wait"));
        }
        Ok(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn busy(reason: &str) -> ValidateError {
    ValidateError::Unavailable {
        reason: reason.to_owned(),
        retry_after: Some(Duration::from_secs(1)),
    }
}

#[cfg(test)]
mod tests;
