//! A user with more accounts than anybody chooses from: the first of them are offered, and whoever runs
//! the gateway reads in its audit log that there were more.

use cambio::domain::{SecretString, Subject, Timestamp};
use cambio::sso::{SignedCookiePayload, issue_signed_cookie};
use serde_json::{Value, json};

use super::config::{ONE_TENANT, SECRET, write};
use super::server::{Answer, Server, log_lines, send};

/// A tenant whose users show the portal's cookie to `signOn`, beside [`ONE_TENANT`].
const NAGRA: &str = r#"
[tenants.nagra.ags]
[[tenants.nagra.services]]
name = "Portal"
validator = "portal"
endpoints = [{ name = "SIGNON", path = "/signOn", parameters = [{ name = "cookie", mandatory = true }] }]
"#;

/// Signs on as somebody who has this many accounts.
async fn sign_on(server: &Server, accounts: u32) -> Answer {
    let ids: Vec<_> = (0..accounts).map(|n| json!({"id": n.to_string()})).collect();
    let payload = SignedCookiePayload {
        sub: Subject::parse("ada").unwrap(),
        uid: None,
        roles: Vec::new(),
        accounts: serde_json::from_value(ids.into()).unwrap(),
        exp: Timestamp::from_secs(4_102_444_800),
        sid: None,
        attrs: cambio::domain::Attributes::new(),
    };
    let cookie = issue_signed_cookie(&SecretString::new(SECRET), &payload);
    let body =
        json!({"parameters": [{"name": "cookie", "value": cookie}], "deviceInformation": {}});
    let request = server.client.post(server.url("/ags/signOn")).body(body.to_string());
    let request = request.header("nv-tenant-id", "nagra").header("x-auth-service-id", "Portal");
    send(request).await.unwrap()
}

#[tokio::test]
async fn more_accounts_than_are_offered_are_in_the_audit_log() {
    let dir = tempfile::tempdir().unwrap();
    let server =
        Server::serve(&write(dir.path(), "cambio.toml", &format!("{ONE_TENANT}{NAGRA}")), &[])
            .await;
    for accounts in [64, 66] {
        let answer = sign_on(&server, accounts).await;
        assert_eq!(answer.status, 300, "{answer:?}");
        let offered = answer.body["accounts"].as_array().unwrap();
        let ids: Vec<_> = offered.iter().map(|account| account["accountId"].clone()).collect();
        let first: Vec<_> = (0..64).map(|n| Value::from(n.to_string())).collect();
        assert_eq!(ids, first);
    }
    let lines = log_lines(&server.stop("TERM").await.stderr);
    let audited: Vec<_> = lines.iter().filter(|line| line["target"] == "cambio::audit").collect();
    assert_eq!(audited.len(), 1, "{audited:?}");
    let line = audited[0];
    assert_eq!(line["message"], "more accounts than a user is asked to choose from");
    assert_eq!((&line["accounts"], &line["offered"]), (&json!(66), &json!(64)));
    assert_eq!((&line["tenant.id"], &line["service.name"]), (&json!("nagra"), &json!("Portal")));
    assert!(line["correlation.id"].is_string(), "{line}");
}
