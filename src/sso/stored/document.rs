//! [`Stored`]: from a cookie to an id, and from what stood under it to a verdict.

use std::fmt;

use serde_json::{Map, Value};

use super::super::mapping::{EXPIRED, Mapping};
use super::super::{ValidateError, credential, iso_time};
use super::cookie::Cookie;
use super::format::FormatName;
use super::login::{Login, UserRow};
use super::session_id::{Rule, SessionId};
use crate::domain::{Credential, Timestamp, Verified};

/// The longest cookie, in bytes: what a browser keeps, and percent-encoding.
const MAX_COOKIE: usize = 8 * 1024;
/// Where express-session keeps the end of a session with a `maxAge`.
const EXPRESS_END: &str = "/cookie/expires";

/// The answer to a session of a visitor.
const NOBODY: ValidateError = ValidateError::Rejected(NOBODY_RULE);
/// Its rule.
pub(super) const NOBODY_RULE: &str = "nobody is logged in";

/// A kind's common part.
pub(in super::super) struct Stored {
    pub(super) cookie: Cookie,
    pub(super) rule: Rule,
    pub(super) format: FormatName,
    pub(super) max_bytes: usize,
    pub(super) login: Option<Login>,
    pub(super) mapping: Mapping,
}

/// What stood in the store.
#[derive(Debug, Default)]
pub(in super::super) struct Found {
    /// The session as the application wrote it.
    pub(in super::super) data: Option<Vec<u8>>,
    /// What else the store says of it.
    pub(in super::super) columns: Map<String, Value>,
    /// When it ends, by the store.
    pub(in super::super) end: Option<Timestamp>,
}

/// A session that was decoded.
#[derive(Debug)]
pub(in super::super) struct Session {
    document: Value,
    end: Option<Timestamp>,
}

impl Stored {
    /// Whether a cookie must have been made with one of its secrets.
    pub(in super::super) fn opens_cookies(&self) -> bool {
        !matches!(self.cookie, Cookie::Plain)
    }

    /// The largest session that is read, in bytes.
    pub(in super::super) fn max_bytes(&self) -> usize {
        self.max_bytes
    }

    /// Whether the store has to say when a session ends, because nothing else does.
    pub(in super::super) fn needs_an_end(&self) -> bool {
        !self.mapping.says_its_end()
    }

    /// The id in a credential.
    ///
    /// # Errors
    /// `Malformed` or `Rejected`, without asking anybody.
    pub(in super::super) fn id(&self, credential: &Credential) -> Result<SessionId, ValidateError> {
        let cookie = credential::text(credential, MAX_COOKIE)?;
        self.rule.parse(&self.cookie.open(cookie)?)
    }

    /// Decodes what was found and holds it to its end and to Django's rules for a log-in.
    ///
    /// # Errors
    /// `Rejected` when the session is over, `Upstream` when what was found is none.
    pub(in super::super) fn session(
        &self,
        found: Found,
        now: Timestamp,
    ) -> Result<Session, ValidateError> {
        let Found { data, columns, mut end } = found;
        let document = match (self.format, data) {
            (FormatName::Columns, _) => Value::Object(columns),
            (_, None) => return Err(upstream("there is no data in the session's row")),
            (_, Some(data)) if data.len() > self.max_bytes => {
                return Err(upstream("session is too large"));
            }
            (FormatName::Django, Some(data)) => {
                let login = self.login.as_ref().ok_or(upstream("no secret opens sessions"))?;
                let opened = login.open(&data)?;
                end = [end, opened.end].into_iter().flatten().min();
                beside(opened.session, "row", columns)
            }
            (format, Some(data)) => beside(format.decode(&data).map_err(upstream)?, "row", columns),
        };
        if self.format == FormatName::Json {
            end = [end, express_end(&document)?].into_iter().flatten().min();
        }
        if end.is_some_and(|end| end <= now) {
            return Err(EXPIRED);
        }
        if let Some(login) = &self.login {
            login.check(&document)?;
        }
        Ok(Session { document, end })
    }

    /// Whose session it is. `user` is the row of the user, where that is asked for.
    ///
    /// # Errors
    /// `Rejected` when nobody is logged in or the password has changed since.
    pub(in super::super) fn verdict(
        &self,
        session: Session,
        user: Option<UserRow>,
        now: Timestamp,
    ) -> Result<Verified, ValidateError> {
        let Session { mut document, end } = session;
        if let (Some(login), Some(user)) = (&self.login, user) {
            login.check_user(&document, &user)?;
            document = beside(document, "user_row", user.columns);
        }
        self.mapping.apply(&document, end, now)
    }
}

impl Session {
    /// Who `django.contrib.auth` says is logged in.
    ///
    /// # Errors
    /// `Rejected` when nobody is.
    pub(in super::super) fn django_user(&self) -> Result<&str, ValidateError> {
        Login::user_id(&self.document).ok_or(NOBODY)
    }
}

/// The document with one more member; a member of the session's own of that name gives way.
fn beside(mut document: Value, name: &str, columns: Map<String, Value>) -> Value {
    if let (Some(members), false) = (document.as_object_mut(), columns.is_empty()) {
        members.insert(name.to_owned(), Value::Object(columns));
    }
    document
}

/// The end that express-session writes into the session. `null` is a session of the browser:
/// then the store alone says it.
fn express_end(document: &Value) -> Result<Option<Timestamp>, ValidateError> {
    match document.pointer(EXPRESS_END) {
        None | Some(Value::Null | Value::Bool(false)) => Ok(None),
        Some(Value::String(text)) => {
            iso_time::parse(text).map(Some).ok_or(upstream("cookie.expires is no time"))
        }
        Some(_) => Err(upstream("cookie.expires is no time")),
    }
}

fn upstream(reason: &str) -> ValidateError {
    ValidateError::Upstream(reason.to_owned())
}

impl fmt::Debug for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stored").field("format", &self.format).finish_non_exhaustive()
    }
}
