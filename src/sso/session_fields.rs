//! What is read from the session that a framework keeps inside its cookie: the `fields`
//! table of `rails`, `iron_session` and `laravel`, and the one place where such a session's
//! end is decided. Frameworks do not agree on a name for the user, so `subject` must be given.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde_json::Value;

use super::ValidateError;
use super::mapping::{Mapping, Place};
use super::roles::Roles;
use crate::domain::{Timestamp, Verified};

/// The latest time that is taken for one: the end of the year 9999.
const MAX_TIME: i64 = 253_402_300_799;

/// Where the session says what.
#[derive(Debug, Deserialize)]
#[serde(from = "Table")]
pub(super) struct Fields {
    mapping: Mapping,
    expires_at: Option<Place>,
}

/// Member names or JSON pointers.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    subject: Place,
    user_id: Option<Place>,
    roles: Option<Roles>,
    accounts: Option<Place>,
    session_id: Option<Place>,
    /// Whole seconds since the epoch.
    expires_at: Option<Place>,
    #[serde(default)]
    attributes: BTreeMap<String, Place>,
}

impl From<Table> for Fields {
    fn from(table: Table) -> Self {
        let Table { subject, user_id, roles, accounts, session_id, expires_at, attributes } = table;
        let mapping = Mapping { subject, user_id, roles, accounts, session_id, attributes };
        Self { mapping, expires_at }
    }
}

impl Fields {
    /// Whether the session itself has to say when it ends.
    pub(super) fn bounds_the_session(&self) -> bool {
        self.expires_at.is_some()
    }

    /// Reads an authentic session that its cookie lets live until `end`.
    ///
    /// # Errors
    /// `Rejected` when a field that is pointed at is wrong or the session is over. A session
    /// without a subject is one of a visitor who has not signed in.
    pub(super) fn read(
        &self,
        session: &Value,
        end: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        let mut who = self.mapping.apply(session).map_err(ValidateError::Rejected)?;
        let own = self.expires_at.as_ref().map(|place| time(place.find(session))).transpose()?;
        who.expires_at = [end, own].into_iter().flatten().min();
        if who.expires_at.is_some_and(|end| end <= now) {
            return Err(EXPIRED);
        }
        Ok(who)
    }
}

/// The answer to a cookie or session that is over.
pub(super) const EXPIRED: ValidateError = ValidateError::Rejected("it has expired");

/// A place that the configuration names must hold a time: no time is not "for ever".
fn time(value: Option<&Value>) -> Result<Timestamp, ValidateError> {
    match value.and_then(Value::as_i64) {
        Some(secs) if (0..=MAX_TIME).contains(&secs) => Ok(Timestamp::from_secs(secs)),
        _ => Err(ValidateError::Rejected("expires_at is no time")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    const NOW: Timestamp = Timestamp::from_secs(1_000);

    fn read(session: Value, end: Option<i64>) -> Result<Option<i64>, ValidateError> {
        let fields = json!({"subject": "user_id", "expires_at": "until"});
        let fields: Fields = serde_json::from_value(fields).unwrap();
        let who = fields.read(&session, end.map(Timestamp::from_secs), NOW)?;
        Ok(who.expires_at.map(Timestamp::secs))
    }

    #[test]
    fn the_earlier_end_counts() {
        assert_eq!(read(json!({"user_id": 1, "until": 2_000}), None), Ok(Some(2_000)));
        assert_eq!(read(json!({"user_id": 1, "until": 2_000}), Some(1_500)), Ok(Some(1_500)));
        assert_eq!(read(json!({"user_id": 1, "until": 1_500}), Some(2_000)), Ok(Some(1_500)));
    }

    #[test]
    fn a_session_that_is_over_is_rejected() {
        assert_eq!(read(json!({"user_id": 1, "until": 1_000}), None), Err(EXPIRED));
        assert_eq!(read(json!({"user_id": 1, "until": 2_000}), Some(1_000)), Err(EXPIRED));
    }

    #[test]
    fn no_time_is_not_for_ever() {
        for until in [json!(null), json!("2000"), json!(2e3), json!(-1), json!(1_u64 << 60)] {
            let verdict = read(json!({"user_id": 1, "until": until}), None);
            assert_eq!(verdict, Err(ValidateError::Rejected("expires_at is no time")), "{until}");
        }
    }

    #[test]
    fn a_visitor_who_has_not_signed_in_is_rejected() {
        let verdict = read(json!({"csrf": "x", "until": 2_000}), None);
        assert_eq!(verdict, Err(ValidateError::Rejected("subject is missing")));
    }

    #[test]
    fn a_subject_must_be_configured() {
        assert!(serde_json::from_value::<Fields>(json!({"roles": "roles"})).is_err());
        assert!(serde_json::from_value::<Fields>(json!({"subject": "a", "x": "b"})).is_err());
    }
}
