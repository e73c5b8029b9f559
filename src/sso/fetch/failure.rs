//! Why there is no whole answer: turns the client's errors into `Unavailable` or `Upstream`,
//! and says how far the request got, which decides whether it may be sent once more. Never
//! quotes a request, whose URL may hold a credential.

use std::error::Error;
use std::io::ErrorKind;

use super::super::ValidateError;

/// Why there is no whole answer.
#[derive(Debug)]
pub(in super::super) struct Failure {
    pub(in super::super) error: ValidateError,
    pub(in super::super) reached: Reached,
}

/// How far a request got.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Reached {
    /// No connection could be made: nobody has seen the request.
    Nobody,
    /// The connection was lost before an answer's head came: it may have been acted on.
    NoAnswer,
    /// Further, or it took too long: not to be sent again.
    Answer,
}

impl From<Failure> for ValidateError {
    fn from(failure: Failure) -> Self {
        failure.error
    }
}

impl Failure {
    pub(super) fn new(error: ValidateError) -> Self {
        Self { error, reached: Reached::Answer }
    }

    /// While sending, until the answer's head.
    pub(super) fn before_answer(error: &reqwest::Error) -> Self {
        let reached = if error.is_timeout() || !was_lost(error) {
            Reached::Answer
        } else if error.is_connect() {
            Reached::Nobody
        } else {
            Reached::NoAnswer
        };
        Self { error: verdict(error), reached }
    }

    /// While reading the content.
    pub(super) fn in_answer(error: &reqwest::Error) -> Self {
        Self::new(verdict(error))
    }
}

fn verdict(error: &reqwest::Error) -> ValidateError {
    let spoke_nonsense = sources(error)
        .filter_map(|e| e.downcast_ref::<hyper::Error>())
        .any(|e| e.is_parse() || e.is_parse_too_large());
    if spoke_nonsense {
        return ValidateError::Upstream("answer is not HTTP".to_owned());
    }
    ValidateError::unavailable(if error.is_timeout() {
        "no answer in time".to_owned()
    } else if error.is_connect() {
        format!("cannot connect: {}", deepest(error))
    } else {
        format!("connection failed: {}", deepest(error))
    })
}

/// Refused, reset or closed; not TLS that failed, which fails again.
fn was_lost(error: &reqwest::Error) -> bool {
    sources(error).any(|e| {
        let closed =
            e.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message);
        let lost = e.downcast_ref::<std::io::Error>().is_some_and(|e| {
            matches!(
                e.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::ConnectionReset
                    | ErrorKind::ConnectionAborted
                    | ErrorKind::BrokenPipe
            )
        });
        closed || lost
    })
}

/// The first cause's text. reqwest's own texts, which may hold the URL, are outside of it.
pub(super) fn deepest(error: &reqwest::Error) -> String {
    sources(error).last().map_or_else(|| "no cause given".to_owned(), ToString::to_string)
}

fn sources<'e>(error: &'e reqwest::Error) -> impl Iterator<Item = &'e (dyn Error + 'static)> {
    std::iter::successors(error.source(), |&e| e.source())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn a_refused_connection_has_reached_nobody() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/s?id=secret", listener.local_addr().unwrap());
        drop(listener);
        let error = reqwest::Client::new().get(url).send().await.unwrap_err();
        let failure = Failure::before_answer(&error);
        assert_eq!(failure.reached, Reached::Nobody);
        assert!(matches!(failure.error, ValidateError::Unavailable { .. }));
        assert!(!failure.error.to_string().contains("secret"), "{}", failure.error);
    }
}
