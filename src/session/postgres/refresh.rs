//! Refreshing in PostgreSQL. What nearly every refresh is, the current token of a live
//! session, is one statement. Anything else is looked at and decided by `rules`; what that
//! wants changed is changed only if the row is still as it was looked at. So each refresh takes
//! effect in one statement, and no lock outlives a round trip.

use super::call::Operation;
use super::error::Error;
use super::on::On;
use super::row::{self, Stored};
use super::value::Value;
use crate::domain::Timestamp;
use crate::session::audit::Asked;
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
    pub(super) asked: Asked,
}

/// Carried out once more after it happened, it answers the same pair as a retry's.
impl Operation for Refresh {
    type Answer = Result<Refreshed, RefreshError>;

    async fn run(&self, on: On<'_>) -> Result<Self::Answer, Error> {
        let Self { presented, next, now, asked } = self;
        let key = row::key(&presented.tenant, &presented.account, presented.id);
        let same = |account: &crate::account::Account| account.id == presented.account;
        if presented.generation < LAST_GENERATION
            && next.account.as_ref().is_none_or(same)
            && let Some(session) = self.rotate(on, &key).await?
        {
            return Ok(Ok(Refreshed::Rotated(session)));
        }
        for _ in 0..LOOKS {
            let Some(Stored { session, evicted, device }) = find(on, &key).await? else {
                if on.is_repeated {
                    asked.perhaps_reused(presented);
                }
                return Ok(Err(RefreshError::Gone));
            };
            let seen = (session.generation, session.issued_at, session.expires_at);
            match rules::refresh(session, evicted, Some(device), presented, next.clone(), *now) {
                Decision::Replay(session) => return Ok(Ok(Refreshed::Replayed(session))),
                Decision::Refuse(why) => return Ok(Err(why)),
                // It may have been asked again, and gone on from there: by now an honest token
                // may look like reuse.
                Decision::Rotate(_) | Decision::End(_) if on.is_abandoned() => {
                    return Err(Error::Late);
                }
                Decision::Rotate(_) => {
                    if let Some(session) = self.rotate(on, &key).await? {
                        return Ok(Ok(Refreshed::Rotated(session)));
                    }
                }
                Decision::End(why) => {
                    if end(on, &key, seen).await? {
                        if why == RefreshError::Reused {
                            asked.reused(presented);
                        }
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
    async fn rotate(&self, on: On<'_>, key: &[Value<'_>]) -> Result<Option<Session>, Error> {
        let Self { presented, next, now, .. } = self;
        let Ok(generation) = i32::try_from(presented.generation) else { return Ok(None) };
        let profile = next.account.as_ref().map(row::json_text).transpose()?;
        let values = row::with(
            key,
            &[
                Value::Int4(generation),
                Value::Text(presented.device.as_str()),
                Value::Text(next.service.as_str()),
                Value::Int8(now.secs()),
                Value::Int8(next.expires_at.secs()),
                Value::Bool(next.on_network),
                Value::MaybeText(profile.as_deref()),
                Value::Float8(on.ends_at()),
            ],
        );
        let rotated = on.rotate(&values).await?;
        rotated.as_ref().map(|row| row::rotated(row, presented, next, *now)).transpose()
    }
}

async fn find(on: On<'_>, key: &[Value<'_>]) -> Result<Option<Stored>, Error> {
    let found = on.row(&on.sql.find_session, key).await?;
    found.as_ref().map(row::session).transpose()
}

/// Ends the session, if it is still what it was when it was seen. `false`: look again.
async fn end(
    on: On<'_>,
    key: &[Value<'_>],
    (generation, issued_at, expires_at): (u32, Timestamp, Timestamp),
) -> Result<bool, Error> {
    let seen = [
        Value::Int8(generation.into()),
        Value::Int8(issued_at.secs()),
        Value::Int8(expires_at.secs()),
    ];
    Ok(on.execute(&on.sql.end_unchanged, &row::with(key, &seen)).await? == 1)
}
