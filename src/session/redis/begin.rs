//! Beginning a session: everything that a sign-on needs, in one script.

use redis::Value;

use super::{FOREVER, RedisStore, SLACK, record, time_to_live, unreadable};
use crate::domain::Timestamp;
use crate::session::{
    BeginError, Begun, DeviceRequest, NewSession, SESSIONS_A_PLACE, SessionId, StoreError,
    WhenFull, rules,
};

/// What the script is told of the device.
struct Wanted {
    mode: &'static str,
    class: String,
    record: String,
    limits: [String; 2],
}

impl RedisStore {
    pub(super) async fn sign_on(
        &self,
        new: &NewSession,
        now: Timestamp,
    ) -> Result<Begun, BeginError> {
        let account = &new.facts.account.id;
        let keys = self.names.account(&new.tenant, account);
        let ticket = new.claim.map(|digest| keys.ticket(&digest));
        let mut names = vec![keys.sessions.as_str(), keys.devices.as_str()];
        names.extend(ticket.as_deref());

        // The class is the script's to fill in: an existing device's is known there.
        let session = rules::first(new, None, now);
        let device = wanted(new)?;
        let (max, when_full) = match new.limit {
            None => (String::new(), ""),
            Some(limit) => (limit.max.to_string(), word(limit.when_full)),
        };
        let account = record::json(&session.facts.account)?;
        let (field, gone, deadline) = (record::field(new.id), keys.gone(), self.ends());
        let done = self
            .write_until(
                deadline,
                None,
                &self.scripts.begin,
                &names,
                &[
                    field.as_bytes(),
                    now.secs().to_string().as_bytes(),
                    record::head(&session).as_bytes(),
                    account.as_bytes(),
                    time_to_live(session.expires_at, now).to_string().as_bytes(),
                    new.service.as_str().as_bytes(),
                    device.mode.as_bytes(),
                    session.device.as_str().as_bytes(),
                    device.class.as_bytes(),
                    device.record.as_bytes(),
                    device.limits[0].as_bytes(),
                    device.limits[1].as_bytes(),
                    max.as_bytes(),
                    when_full.as_bytes(),
                    record::upstream(new.upstream).as_bytes(),
                    SESSIONS_A_PLACE.to_string().as_bytes(),
                    gone.as_bytes(),
                    SLACK.to_string().as_bytes(),
                    FOREVER.to_string().as_bytes(),
                    self.waits(),
                    keys.mark().as_bytes(),
                ],
            )
            .await?;
        let answer = match &done.value {
            Value::BulkString(letter) => {
                let refusal = refusal(letter);
                if refusal == BeginError::ClaimGone {
                    // Who has used the ticket may put it back, unless replicas have that.
                    done.acknowledged()?;
                }
                return Err(refusal);
            }
            Value::Array(answer) => answer,
            _ => return Err(unreadable("session").into()),
        };
        if done.missing.is_some() {
            let of = [&field, session.device.as_str(), &device.record, &gone, &keys.ended()];
            self.take_back(&names, &of, answer, deadline).await;
        }
        let begun = begun(new, answer).ok_or_else(|| unreadable("session"))?;
        done.acknowledged()?;
        Ok(begun)
    }
}

fn wanted(new: &NewSession) -> Result<Wanted, StoreError> {
    let none = || [String::new(), String::new()];
    Ok(match &new.device {
        DeviceRequest::Existing(_) => {
            Wanted { mode: "existing", class: String::new(), record: String::new(), limits: none() }
        }
        DeviceRequest::Register { device, .. } if device.account != new.facts.account.id => {
            Wanted { mode: "foreign", class: String::new(), record: String::new(), limits: none() }
        }
        DeviceRequest::Register { device, limits } => Wanted {
            mode: "new",
            class: record::json(&device.class)?,
            record: record::device_record(device)?,
            limits: [limits.all, limits.of_class]
                .map(|limit| limit.map_or_else(String::new, |limit| limit.to_string())),
        },
    })
}

/// By what the script orders places.
fn word(when_full: WhenFull) -> &'static str {
    match when_full {
        WhenFull::Deny => "deny",
        WhenFull::EvictOldest => "taken",
        WhenFull::EvictIdle => "used",
    }
}

fn refusal(letter: &[u8]) -> BeginError {
    match letter {
        b"T" => BeginError::ClaimGone,
        b"U" => BeginError::DeviceUnknown,
        b"D" => BeginError::DeviceDisabled,
        b"L" => BeginError::DeviceLimit,
        b"S" => BeginError::SessionLimit,
        b"C" => BeginError::Conflict,
        _ => StoreError("redis: a script answers in no known form".to_owned()).into(),
    }
}

/// The session as it was written, and whom it evicted; between them stands what the ticket was.
fn begun(new: &NewSession, answer: &[Value]) -> Option<Begun> {
    let [Value::BulkString(_), Value::BulkString(written), _, _, evicted @ ..] = answer else {
        return None;
    };
    let session = record::session(&new.tenant, new.id, written).ok()?;
    let evicted: Option<Vec<SessionId>> = evicted
        .iter()
        .step_by(2)
        .map(|field| match field {
            Value::BulkString(field) => record::session_id(std::str::from_utf8(field).ok()?),
            _ => None,
        })
        .collect();
    Some(Begun { session, evicted: evicted? })
}
