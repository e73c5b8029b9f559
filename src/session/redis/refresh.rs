//! Refreshing: one script decides. Only when it finds no session a second call looks why: who
//! ended it has left the note in the same step, so it is there by then.

use std::sync::Weak;
use std::time::Instant;

use redis::Value;

use super::names::AccountNames;
use super::{RedisStore, record, time_to_live, unreadable};
use crate::domain::Timestamp;
use crate::session::audit::Asked;
use crate::session::{
    DeviceState, LAST_GENERATION, NextPair, PresentedRefresh, RefreshError, Refreshed, Session,
    StoreError, rules,
};

impl RedisStore {
    pub(super) async fn rotate(
        &self,
        presented: &PresentedRefresh,
        next: &NextPair,
        now: Timestamp,
        asked: &Asked,
        caller: Weak<()>,
    ) -> Result<Refreshed, RefreshError> {
        if next.account.as_ref().is_some_and(|account| account.id != presented.account) {
            return Err(RefreshError::Gone);
        }
        let keys = self.names.account(&presented.tenant, &presented.account);
        let owner = record::owner(&presented.device, &next.service);
        let expires_at = next.expires_at.min(presented.id.ends_at);
        let account = next.account.as_ref().map(record::json).transpose()?.unwrap_or_default();
        let unheard = keys.unheard(&record::field(presented.id));
        let deadline = self.ends();
        let done = self
            .write_until(
                deadline,
                Some(caller),
                &self.scripts.refresh,
                &[&keys.sessions, &keys.devices],
                &[
                    record::field(presented.id).as_bytes(),
                    now.secs().to_string().as_bytes(),
                    owner.as_bytes(),
                    presented.device.as_str().as_bytes(),
                    presented.generation.to_string().as_bytes(),
                    LAST_GENERATION.to_string().as_bytes(),
                    expires_at.secs().to_string().as_bytes(),
                    if next.on_network { b"1" } else { b"0" },
                    account.as_bytes(),
                    time_to_live(expires_at, now).to_string().as_bytes(),
                    next.grace.as_secs().to_string().as_bytes(),
                    self.waits(),
                    unheard.as_bytes(),
                    keys.mark().as_bytes(),
                ],
            )
            .await?;

        // What was written counts once replicas have it, and so does that there is no session: another
        // call may have ended it, or a sign-on evicted it that is taken back. Other refusals count at once.
        let Value::BulkString(answer) = &done.value else { return Err(unknown().into()) };
        let refusal = match answer.first() {
            Some(b'N') => {
                let why = self.why_gone(&keys, presented, &owner, (now, deadline)).await?;
                if done.is_repeated && why == RefreshError::Gone {
                    asked.perhaps_reused(presented);
                }
                done.acknowledged()?;
                return Err(why);
            }
            Some(b'G') => RefreshError::Gone,
            Some(b'D') => RefreshError::DeviceDisabled,
            Some(b'X') => RefreshError::DeviceDeleted,
            Some(b'U') => {
                asked.reused(presented);
                done.acknowledged()?;
                RefreshError::Reused
            }
            Some(b'E') => {
                done.acknowledged()?;
                RefreshError::Exhausted
            }
            Some(&letter @ (b'R' | b'P' | b'Q')) => {
                let session = record::session(&presented.tenant, presented.id, &answer[1..])?;
                // Somebody has been told of a pair that is merely asked for again.
                let is_unheard = letter != b'P' || done.is_repeated;
                if let Err(error) = done.acknowledged() {
                    if is_unheard {
                        self.note_unheard(&keys, &unheard, &session, now, deadline).await;
                    }
                    return Err(error.into());
                }
                return Ok(match letter {
                    b'R' => Refreshed::Rotated(session),
                    _ => Refreshed::Replayed(session),
                });
            }
            _ => return Err(unknown().into()),
        };
        Err(refusal)
    }

    /// Notes that nobody is told of the session's pair, which too few replicas have. Else whoever
    /// comes back with the token before it, when they are there again, would be too late for
    /// `grace` and look like a thief. If it cannot be noted, that is how it will be.
    async fn note_unheard(
        &self,
        keys: &AccountNames,
        note: &str,
        session: &Session,
        now: Timestamp,
        deadline: Instant,
    ) {
        let call = self.scripts.unheard.on(
            &[&keys.sessions],
            &[
                record::field(session.id).as_bytes(),
                session.generation.to_string().as_bytes(),
                session.issued_at.secs().to_string().as_bytes(),
                note.as_bytes(),
                time_to_live(session.expires_at, now).to_string().as_bytes(),
            ],
        );
        if let Err(fault) = self.masters.call(&keys.sessions, call, deadline).await {
            tracing::debug!("an unacknowledged refresh is not noted: {fault}");
        }
    }

    /// Why a session is not there that this token was once good for.
    async fn why_gone(
        &self,
        keys: &AccountNames,
        presented: &PresentedRefresh,
        owner: &str,
        (now, deadline): (Timestamp, Instant),
    ) -> Result<RefreshError, StoreError> {
        let note = format!("{}{}", keys.gone(), record::field(presented.id));
        let device = presented.device.as_str().as_bytes();
        let answer = self
            .read_until(deadline, &keys.sessions, || {
                self.scripts.gone.on(&[&note, &keys.devices], &[device])
            })
            .await?;
        let Value::Array(answer) = answer else { return Err(unknown()) };
        let [Value::BulkString(note), device] = &answer[..] else { return Ok(RefreshError::Gone) };
        let (expires_at, was) = record::note(note)?;
        if !rules::alive(expires_at, now) || was != owner {
            return Ok(RefreshError::Gone);
        }
        let state = match device {
            Value::BulkString(device) => record::device_state(device)?,
            // Deleted so long ago that it is forgotten.
            Value::Nil => DeviceState::Deleted,
            _ => return Err(unreadable("device")),
        };
        Ok(match state {
            DeviceState::Active => RefreshError::Evicted,
            DeviceState::Disabled => RefreshError::DeviceDisabled,
            DeviceState::Deleted => RefreshError::DeviceDeleted,
        })
    }
}

fn unknown() -> StoreError {
    StoreError("redis: a script answers in no known form".to_owned())
}
