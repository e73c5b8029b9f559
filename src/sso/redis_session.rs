//! `redis_session`: reads the session that an application keeps in Redis. The cookie is opened
//! here; the id becomes a key; one round trip fetches the value, never more of it than is
//! allowed, and how long it still lives. Nothing is ever written there.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use redis::Pipeline;
use serde::Deserialize;
use serde_json::Value;

use super::asks::{Asks, Told};
use super::stored::{self, Found, SessionId, Stored, told_of};
use super::{ValidateCx, ValidateError};
use crate::domain::setting::{self, Problems, join};
use crate::domain::{Credential, Timestamp, Verified};
use crate::support::redis::{RedisLink, RedisSettings};

/// What the key's template holds where the id goes.
const SLOT: &str = "{id}";
/// What `PTTL` answers for a key that is not there, and for one that does not end.
const NO_KEY: i64 = -2;
const NO_END: i64 = -1;

/// The `redis_session` table, without what is common to both kinds.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Settings {
    /// The key, with `{id}` in it.
    key: String,
    #[serde(default)]
    redis: RedisSettings,
}

impl Settings {
    /// Reads the table at `path` and builds the validator; connects nothing.
    pub(super) fn build(
        mut table: Value,
        path: &str,
        problems: &mut Problems,
    ) -> Option<Arc<dyn Asks>> {
        let common = stored::Settings::take(&mut table, path, problems);
        let own: Option<Self> = setting::parse(table, path, problems);
        let (common, own) = (common?, own?);
        let before = problems.len();
        let key = problems.ok(&join(path, "key"), KeyTemplate::parse(&own.key));
        if common.is_columns() {
            problems.push(join(path, "format"), "must be that of the value: redis has no columns");
        }
        if common.user_query().is_some() {
            let at = join(&join(path, "django"), "user_query");
            problems.push(at, "is for sql_session: users are not in redis");
        }
        let stored = common.build(path, problems);
        let at = join(path, "redis");
        let link = own.redis.load(&at, problems).map(|server| server.link());
        let link = link.and_then(|link| problems.ok(&at, link));
        let validator = RedisSession { key: key?, stored: stored?, link: link? };
        (problems.len() == before).then(|| Arc::new(validator) as _)
    }
}

struct RedisSession {
    key: KeyTemplate,
    stored: Stored,
    link: RedisLink,
}

#[async_trait]
impl Asks for RedisSession {
    fn kind(&self) -> &'static str {
        "redis_session"
    }

    fn is_selective(&self) -> bool {
        self.stored.opens_cookies()
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        self.stored.id(credential).map(drop)
    }

    async fn ask(&self, credential: &Credential, cx: &ValidateCx<'_>) -> Told {
        let id = match self.stored.id(credential) {
            Ok(id) => id,
            Err(error) => return Told::plain(Err(error)),
        };
        match self.link.read::<(Vec<u8>, i64)>(&self.commands(&id), cx.deadline).await {
            Ok((value, lives_for)) => {
                Told { is_alive: true, ..Told::plain(self.verdict(value, lives_for, cx.now)) }
            }
            Err(fault) => told_of(&fault),
        }
    }
}

impl RedisSession {
    /// `GETRANGE` and not `GET`, so that the server sends no more than is read here; `PTTL`
    /// behind it, so that a key that ends in between counts as ended.
    fn commands(&self, id: &SessionId) -> Pipeline {
        let key = self.key.fill(id);
        let mut commands = Pipeline::new();
        commands.cmd("GETRANGE").arg(&key).arg(0).arg(self.stored.max_bytes());
        commands.cmd("PTTL").arg(&key);
        commands
    }

    fn verdict(
        &self,
        value: Vec<u8>,
        lives_for: i64,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        let end = match lives_for {
            NO_KEY => return Err(ValidateError::Rejected("there is no such session")),
            NO_END => None,
            millis => {
                let millis = u64::try_from(millis);
                let millis = millis.map_err(|_| ValidateError::Upstream("PTTL is none".into()))?;
                Some(now.plus(Duration::from_millis(millis)))
            }
        };
        let found = Found { data: Some(value), end, ..Found::default() };
        self.stored.verdict(self.stored.session(found, now)?, None, now)
    }
}

impl fmt::Debug for RedisSession {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RedisSession").field("stored", &self.stored).finish_non_exhaustive()
    }
}

/// A key with a place for the id.
#[derive(Debug)]
struct KeyTemplate {
    before: String,
    after: String,
}

impl KeyTemplate {
    fn parse(template: &str) -> Result<Self, &'static str> {
        let (before, after) = template.split_once(SLOT).ok_or("must hold {id}")?;
        if after.contains(SLOT) || template.len() > 512 {
            return Err("must hold {id} once, in at most 512 bytes");
        }
        Ok(Self { before: before.to_owned(), after: after.to_owned() })
    }

    fn fill(&self, id: &SessionId) -> String {
        [&*self.before, id.expose(), &*self.after].concat()
    }
}
