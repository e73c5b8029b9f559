//! One piece of a walk over all sessions, for an operator: master by master, as far as `SCAN`
//! goes. Nothing that answers clients comes here.

use futures_util::future::join_all;
use redis::{Cmd, Value};

use super::{RedisStore, sessions, unavailable};
use crate::domain::Timestamp;
use crate::session::{Page, PageStart, Session, StoreError};
use crate::support::redis::{Call, Master};

/// The fewest and the most keys that Redis looks at at once.
const LOOK_AT: std::ops::RangeInclusive<u32> = 100..=1000;
/// How often a piece looks further when it has found little.
const LOOKS: usize = 64;

impl RedisStore {
    pub(super) async fn piece(
        &self,
        from: Option<PageStart>,
        limit: u32,
        now: Timestamp,
    ) -> Result<Page, StoreError> {
        let mut masters = self.masters.all().await.map_err(|e| unavailable(&e))?;
        masters.sort_unstable_by(|one, other| one.name.cmp(&other.name));
        let (mut cursor, mut at) = match from {
            None => (0, 0),
            Some(from) => find(&from, &masters)?,
        };
        let wanted = usize::try_from(limit).unwrap_or(usize::MAX).max(1);
        let mut page = Page::default();
        for _ in 0..LOOKS {
            let Some(master) = masters.get(at) else { break };
            let keys;
            (cursor, keys) = self.scan(master, cursor, limit).await?;
            page.sessions.extend(self.sessions_under(&keys, now).await?);
            if cursor == 0 {
                at += 1;
            }
            if page.sessions.len() >= wanted {
                break;
            }
        }
        page.next = masters.get(at).map(|master| PageStart(format!("{cursor}@{}", master.name)));
        Ok(page)
    }

    /// The next names of accounts' sessions at a master, and where to go on.
    async fn scan(
        &self,
        master: &Master,
        cursor: u64,
        limit: u32,
    ) -> Result<(u64, Vec<String>), StoreError> {
        let mut scan = redis::cmd("SCAN");
        scan.arg(cursor).arg("MATCH").arg(self.names.all_sessions());
        scan.arg("COUNT").arg(limit.clamp(*LOOK_AT.start(), *LOOK_AT.end()));
        let answer = master.call(Call::from(scan)).await.map_err(|e| unavailable(&e))?;
        redis::from_redis_value(answer)
            .map_err(|_| StoreError("redis: scan answers in no known form".to_owned()))
    }

    async fn sessions_under(
        &self,
        keys: &[String],
        now: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let reads = keys.iter().filter_map(|key| {
            let (tenant, _) = self.names.owner(key)?;
            Some(async move {
                let found: Value = self.read(key, || Cmd::hgetall(key).into()).await?;
                sessions::alive(&tenant, found, now)
            })
        });
        let mut all = Vec::new();
        for found in join_all(reads).await {
            all.extend(found?);
        }
        Ok(all)
    }
}

/// The cursor and the master that a place names.
fn find(from: &PageStart, masters: &[Master]) -> Result<(u64, usize), StoreError> {
    let nowhere = || StoreError("page begins nowhere".to_owned());
    let (cursor, name) = from.0.split_once('@').ok_or_else(nowhere)?;
    let cursor = cursor.parse().map_err(|_| nowhere())?;
    let at = masters.iter().position(|master| master.name == name).ok_or_else(nowhere)?;
    Ok((cursor, at))
}
