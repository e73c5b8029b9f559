//! Ids as they are written on the command line and in what is printed.

use crate::domain::{AccountId, DeviceId, TenantId, Timestamp};
use crate::session::SessionId;

/// A session, as [`session_name`] writes it.
pub(super) fn session_id(text: &str) -> Result<SessionId, String> {
    let parse = || {
        let (end, number) = text.split_once('.')?;
        let ends_at = Timestamp::from_secs(end.parse().ok()?);
        let number = number.parse().ok().filter(|n| *n < SessionId::NUMBER_LIMIT)?;
        Some(SessionId { ends_at, number })
    };
    parse().ok_or_else(|| "a session is <end>.<number>, as the list prints it".to_owned())
}

/// `<end>.<number>`.
pub(super) fn session_name(id: SessionId) -> String {
    format!("{}.{}", id.ends_at.secs(), id.number)
}

pub(super) fn tenant(text: &str) -> Result<TenantId, String> {
    TenantId::parse(text).map_err(|e| e.to_string())
}

pub(super) fn account(text: &str) -> Result<AccountId, String> {
    AccountId::parse(text).map_err(|e| e.to_string())
}

pub(super) fn device(text: &str) -> Result<DeviceId, String> {
    DeviceId::parse(text).map_err(|e| e.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_session_is_named_as_it_is_printed() {
        let id = SessionId { ends_at: Timestamp::from_secs(1_800_000_000), number: 7 };
        assert_eq!(session_id(&session_name(id)), Ok(id));
        for bad in ["", "1", "1.", ".1", "1.x", "1.99999999999999999"] {
            assert!(session_id(bad).is_err(), "{bad}");
        }
    }
}
