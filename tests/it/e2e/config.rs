//! A configuration for `cambio serve`, as an operator would write it.

use std::path::{Path, PathBuf};

use cambio::domain::{Attributes, SecretString, Subject, Timestamp};
use cambio::sso::{SignedCookiePayload, issue_signed_cookie};

/// What signs the cookies of tenants.
pub(super) const SECRET: &str = "a secret of forty bytes for the tests...";

/// One tenant on memory, named `community`.
pub(super) const ONE_TENANT: &str = r#"
[server]
listen = "127.0.0.1:0"
[admin]
listen = "127.0.0.1:0"
[store]
kind = "memory"
[validators.portal]
kind = "signed_cookie"
secrets = ["a secret of forty bytes for the tests..."]
[tenants.community.answerhub]
cookie_service = "Site"
tokens.issuer = "https://community.example.com"
[[tenants.community.services]]
name = "Site"
validator = "portal"
"#;

/// One more tenant.
pub(super) const ANOTHER_TENANT: &str = r#"
[tenants.second.answerhub]
cookie_service = "Site"
tokens.issuer = "https://second.example.com"
[[tenants.second.services]]
name = "Site"
validator = "portal"
"#;

/// Writes a file.
pub(super) fn write(dir: &Path, name: &str, text: &str) -> PathBuf {
    let path = dir.join(name);
    std::fs::write(&path, text).unwrap();
    path
}

/// A `Cookie` header that [`SECRET`] has signed.
pub(super) fn cookie() -> String {
    let payload = SignedCookiePayload {
        sub: Subject::parse("ada").unwrap(),
        uid: None,
        roles: vec!["USE_API".to_owned()],
        accounts: Vec::new(),
        exp: Timestamp::from_secs(4_102_444_800),
        sid: None,
        attrs: Attributes::new(),
    };
    let value = issue_signed_cookie(&SecretString::new(SECRET), &payload);
    format!("AnswerHubCookieSSO={value}")
}
