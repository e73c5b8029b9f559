//! Refreshing in PostgreSQL. What nearly every refresh is, the current token of a live
//! session, is one statement. Anything else is looked at and decided by `rules`; what that
//! wants changed is changed only if the row is still as it was looked at. So each refresh takes
//! effect in one statement, and no lock outlives a round trip.

use tokio_postgres::types::Type;

use super::call::{On, Operation};
use super::error::Error;
use super::row::{self, Key, Param, Stored};
use crate::domain::Timestamp;
use crate::session::rules::{self, Decision};
use crate::session::{
    LAST_GENERATION, NextPair, PresentedRefresh, RefreshError, Refreshed, Session,
};

/// How often others may change the session between a look and the change that it led to.
const LOOKS: u32 = 8;

/// A refresh.
pub(super) struct Refresh {
    pub(super) presented: PresentedRefresh,
    pub(super) next: NextPair,
    pub(super) now: Timestamp,
}

/// Carried out once more after it happened, it answers the same pair as a retry's.
impl Operation for Refresh {
    type Answer = Result<Refreshed, RefreshError>;

    async fn run(&self, on: On<'_>) -> Result<Self::Answer, Error> {
        let Self { presented, next, now } = self;
        let key = Key::of(&presented.tenant, &presented.account, presented.id);
        let same = |account: &crate::account::Account| account.id == presented.account;
        if presented.generation < LAST_GENERATION
            && next.account.as_ref().is_none_or(same)
            && let Some(session) = self.rotate(on, &key).await?
        {
            return Ok(Ok(Refreshed::Rotated(session)));
        }
        for _ in 0..LOOKS {
            let Some(Stored { session, evicted, device }) = find(on, &key).await? else {
                return Ok(Err(RefreshError::Gone));
            };
            let seen = (session.generation, session.issued_at, session.expires_at);
            match rules::refresh(session, evicted, Some(device), presented, next.clone(), *now) {
                Decision::Replay(session) => return Ok(Ok(Refreshed::Replayed(session))),
                Decision::Refuse(why) => return Ok(Err(why)),
                Decision::Rotate(_) => {
                    if let Some(session) = self.rotate(on, &key).await? {
                        return Ok(Ok(Refreshed::Rotated(session)));
                    }
                }
                Decision::End(why) => {
                    if end(on, &key, seen).await? {
                        return Ok(Err(why));
                    }
                }
            }
        }
        Err(Error::Busy)
    }
}

impl Refresh {
    /// The session with its next generation, if the presented one is current and all is well.
    async fn rotate(&self, on: On<'_>, key: &Key<'_>) -> Result<Option<Session>, Error> {
        let Self { presented, next, now } = self;
        let Ok(generation) = i32::try_from(presented.generation) else { return Ok(None) };
        let (device, service) = (presented.device.as_str(), next.service.as_str());
        let (now, expires_at) = (now.secs(), next.expires_at.secs());
        let profile = next.account.as_ref().map(row::json_text).transpose()?;
        let params = key.and([
            (&generation as _, Type::INT4),
            (&device, Type::TEXT),
            (&service, Type::TEXT),
            (&now, Type::INT8),
            (&expires_at, Type::INT8),
            (&next.on_network, Type::BOOL),
            (&profile, Type::TEXT),
        ]);
        let rotated = on.client.query_typed_opt(&on.sql.rotate, &params).await?;
        Ok(rotated.as_ref().map(row::session).transpose()?.map(|stored| stored.session))
    }
}

async fn find(on: On<'_>, key: &Key<'_>) -> Result<Option<Stored>, Error> {
    let found = on.client.query_typed_opt(&on.sql.find_session, &key.and([])).await?;
    found.as_ref().map(row::session).transpose()
}

/// Ends the session, if it is still what it was when it was seen. `false`: look again.
async fn end(
    on: On<'_>,
    key: &Key<'_>,
    (generation, issued_at, expires_at): (u32, Timestamp, Timestamp),
) -> Result<bool, Error> {
    let generation = i64::from(generation);
    let (issued_at, expires_at) = (issued_at.secs(), expires_at.secs());
    let seen: [Param<'_>; 3] =
        [(&generation, Type::INT8), (&issued_at, Type::INT8), (&expires_at, Type::INT8)];
    Ok(on.client.execute_typed(&on.sql.end_unchanged, &key.and(seen)).await? == 1)
}
