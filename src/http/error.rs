//! Errors at the edge. One exhaustive match turns every [`ErrorCode`] into its status; what a client
//! reads never holds a credential or an internal cause, which goes to the access log through
//! [`RequestInfo::cause`](super::request::RequestInfo::cause). `problem.rs` writes them.

mod problem;

use std::time::Duration;

use http::StatusCode;

use super::request::Info;
use crate::exchange::{ExchangeError, Forbidden};

/// `Retry-After` when nobody knows better.
const DEFAULT_RETRY: Duration = Duration::from_secs(5);

/// What went wrong, as the client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErrorCode {
    /// The call is malformed; the detail says how.
    BadRequest,
    /// The credential proves nobody; one answer for all reasons.
    Unauthorized,
    /// The session was ended to make room for a newer one of its account.
    SessionEvicted,
    /// Refused, with the vendor's code.
    Forbidden(Forbidden),
    /// There is no such thing; the detail says what.
    NotFound,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The body is too large.
    PayloadTooLarge,
    /// The gateway is at fault.
    Internal,
    /// A system behind the gateway answered nonsense.
    BadGateway,
    /// It could not be found out, or there is too much to do.
    Unavailable,
}

impl ErrorCode {
    fn status(self) -> StatusCode {
        match self {
            Self::BadRequest => StatusCode::BAD_REQUEST,
            Self::Unauthorized | Self::SessionEvicted => StatusCode::UNAUTHORIZED,
            Self::Forbidden(_) => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::RequestTimeout => StatusCode::REQUEST_TIMEOUT,
            Self::PayloadTooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::BadGateway => StatusCode::BAD_GATEWAY,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }

    /// The problem's type and title: one of Cambio's own where a client can do something that the
    /// status and the vendor's code do not tell it.
    fn problem_type(self) -> (&'static str, &'static str) {
        match self {
            Self::SessionEvicted => ("urn:cambio:problem:session-evicted", "Session evicted"),
            Self::Forbidden(Forbidden::SessionLimit) => {
                ("urn:cambio:problem:session-limit", "Session limit reached")
            }
            _ => ("about:blank", self.status().canonical_reason().unwrap_or("Error")),
        }
    }

    /// The vendor's number (contract B.0), where there is one.
    fn vendor_code(self) -> Option<u32> {
        match self {
            Self::Forbidden(why) => match why {
                Forbidden::AccountCancelled => Some(20001),
                Forbidden::AccountSuspended => Some(20002),
                Forbidden::DeviceDeleted => Some(20003),
                Forbidden::DeviceDisabled => Some(20004),
                Forbidden::DeviceLimit => Some(20007),
                Forbidden::Location => Some(20019),
                Forbidden::SessionLimit
                | Forbidden::SeveralAccounts
                | Forbidden::OperatorTenant => None,
            },
            _ => None,
        }
    }
}

/// An error on its way to the client.
#[derive(Debug)]
pub struct HttpError {
    code: ErrorCode,
    detail: String,
    retry_after: Option<Duration>,
    cause: Option<String>,
    correlation_id: Option<String>,
}

impl HttpError {
    /// An error with what the client may read about it.
    pub fn new(code: ErrorCode, detail: impl Into<String>) -> Self {
        Self { code, detail: detail.into(), retry_after: None, cause: None, correlation_id: None }
    }

    /// A malformed call.
    pub fn bad_request(detail: impl Into<String>) -> Self {
        Self::new(ErrorCode::BadRequest, detail)
    }

    /// "Could not find out".
    pub fn unavailable(detail: impl Into<String>) -> Self {
        Self { retry_after: Some(DEFAULT_RETRY), ..Self::new(ErrorCode::Unavailable, detail) }
    }

    /// Says why, for the log.
    #[must_use]
    pub fn because(mut self, cause: impl Into<String>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says which request it is about, and leaves the cause for the access log.
    #[must_use]
    pub fn of(mut self, info: &Info) -> Self {
        let cause = self.cause.take().unwrap_or_else(|| self.detail.clone());
        let _ = info.cause.set(cause);
        self.correlation_id = Some(info.correlation_id.as_str().to_owned());
        self
    }
}

impl From<ExchangeError> for HttpError {
    fn from(error: ExchangeError) -> Self {
        let cause = error.to_string();
        match error {
            ExchangeError::MalformedCredential(_) => Self::bad_request("credential is malformed"),
            ExchangeError::Unauthenticated(_) => {
                Self::new(ErrorCode::Unauthorized, "credential is not valid")
            }
            ExchangeError::Evicted => {
                Self::new(ErrorCode::SessionEvicted, "session was ended by a newer sign-on")
            }
            ExchangeError::Forbidden(why) => Self::new(ErrorCode::Forbidden(why), why.to_string()),
            ExchangeError::NotFound(what) => {
                Self::new(ErrorCode::NotFound, format!("{what} does not exist"))
            }
            ExchangeError::Unavailable { retry_after, .. } => {
                let error = Self::unavailable("could not find out, try again later");
                Self { retry_after: retry_after.or(error.retry_after), ..error }
            }
            ExchangeError::BadUpstream(_) => Self {
                retry_after: Some(DEFAULT_RETRY),
                ..Self::new(ErrorCode::BadGateway, "a system behind the gateway misbehaved")
            },
            ExchangeError::Internal(_) => {
                Self::new(ErrorCode::Internal, "the gateway failed, see its log")
            }
        }
        .because(cause)
    }
}
