//! What the tests with real applications share: a gateway on the documented example, with its
//! secrets and its store in place of those that the example names, and somebody who logs in.

use cambio::domain::{Clock, SystemClock};
use serde_json::Value;

use super::visitor::{Visitor, exchange};
use crate::support::{Answer, Fixture, claims_of};

/// The password of the one user of every application.
pub(crate) const PASSWORD: &str = "a password of the tests";
/// What every application signs with.
pub(crate) const SECRET: &str = "a secret of the tests, of more than 32 bytes";

/// A gateway whose one service reads one application's sessions.
pub(crate) struct Gateway {
    fixture: Fixture,
    cookie: &'static str,
}

impl Gateway {
    /// By an example, with these texts of it replaced.
    pub(crate) async fn new(example: &str, cookie: &'static str, other: &[(&str, &str)]) -> Self {
        let path = format!("{}/config/examples/{example}.toml", env!("CARGO_MANIFEST_DIR"));
        let mut text = std::fs::read_to_string(path).unwrap();
        for (there, here) in other {
            assert!(text.contains(there), "{there} in {text}");
            text = text.replace(there, here);
        }
        let fixture = Fixture::only(&format!("store.kind = \"memory\"\n{text}")).await;
        fixture.clock.set(SystemClock.now());
        Self { fixture, cookie }
    }

    /// Shows it the cookie that somebody has.
    pub(crate) async fn exchange(&self, cookie: &str) -> Answer {
        exchange(&self.fixture, "cookie", &format!("{}={cookie}", self.cookie)).await
    }

    /// The claims that it mints for a cookie.
    pub(crate) async fn minted(&self, cookie: &str) -> Value {
        let body = self.exchange(cookie).await.expect(200);
        claims_of(body["jwt"].as_str().unwrap())
    }

    /// Lets time pass for it.
    pub(crate) fn later(&self, secs: u64) {
        self.fixture.clock.advance(std::time::Duration::from_secs(secs));
    }
}

/// Somebody fills in an application's log-in form; answers them and their session's cookie.
pub(crate) async fn log_in(origin: &str, path: &str, cookie: &str) -> (Visitor, String) {
    log_in_with(origin, path, cookie, "user", PASSWORD).await
}

pub(crate) async fn log_in_with(
    origin: &str,
    path: &str,
    cookie: &str,
    user_field: &str,
    password: &str,
) -> (Visitor, String) {
    let mut visitor = Visitor::new(origin);
    let form = visitor.get(path).await;
    let mut fields = vec![(user_field, "alice"), ("password", password)];
    let token =
        form.body.contains("csrfmiddlewaretoken").then(|| form.field("csrfmiddlewaretoken"));
    fields.extend(token.as_deref().map(|token| ("csrfmiddlewaretoken", token)));
    let page = visitor.post(path, &fields).await;
    assert_eq!((page.status, page.location.as_deref()), (302, Some("/")), "{page:?}");
    assert_eq!(visitor.get("/").await.body, "alice");
    let cookie = visitor.cookie(cookie).unwrap_or_else(|| panic!("no cookie {cookie}")).to_owned();
    (visitor, cookie)
}
