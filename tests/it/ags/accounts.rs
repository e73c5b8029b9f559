//! B.0: accounts that an operator keeps in a file: their states (20001, 20002), their
//! profile, and that a change counts from the next refresh on.

use std::path::Path;

use crate::support::{Call, Fixture, claims_of, operator_token};
use serde_json::json;

const OVERLAY: &str = r#"
[accounts.subscribers]
kind = "file"
file = "@DIR@/accounts.json"
[[tenants.nagra.services]]
name = "Customer Auth Service"
validator = "tickets"
accounts = "subscribers"
[[tenants.nagra.services]]
name = "IdP"
validator = "idp"
accounts = "subscribers"
"#;

fn write(dir: &Path, state: &str) {
    // The file's length differs by state, so that the change shows whatever the clock's grain.
    let accounts = json!({"accounts": [
        {"id": "1663", "user_id": "u-1", "state": state, "max_devices": 2,
         "billing_country": "CH", "profile_id": "KIDS", "max_sessions": 7},
        {"id": "cancelled", "state": "cancelled"},
        {"id": "suspended", "state": "suspended"},
    ]});
    std::fs::write(dir.join("accounts.json"), accounts.to_string()).unwrap();
}

async fn fixture() -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    write(dir.path(), "active");
    Fixture::in_dir(dir, OVERLAY).await
}

impl Fixture {
    fn account_becomes(&self, state: &str) {
        write(self.dir.path(), state);
        self.app.world().watcher.poll();
    }
}

#[tokio::test]
async fn cancelled_and_suspended_accounts_get_no_session_token() {
    let gateway = fixture().await;
    for (account, code) in [("cancelled", 20001), ("suspended", 20002)] {
        let call = Call::get_session_token(&operator_token("nagra", account));
        gateway.send(call).await.forbidden(code);
    }
}

#[tokio::test]
async fn an_account_that_does_not_exist_is_404() {
    let gateway = fixture().await;
    let call = Call::get_session_token(&operator_token("nagra", "9"));
    gateway.send(call).await.problem(404);
}

#[tokio::test]
async fn a_state_that_changes_after_the_session_token_refuses_and_burns_nothing() {
    let gateway = fixture().await;
    let ticket = gateway.ticket("1663").await;
    for (state, code) in [("cancelled", 20001), ("suspended", 20002)] {
        gateway.account_becomes(state);
        gateway.send(Call::sign_on(&ticket)).await.forbidden(code);
        gateway.send(Call::idp_sign_on("idp-ada")).await.forbidden(code);
    }
    gateway.account_becomes("active");
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn a_state_that_changes_after_sign_on_refuses_the_refresh_and_uses_nothing_up() {
    let gateway = fixture().await;
    let pair = gateway.signed_on("1663").await;
    gateway.account_becomes("suspended");
    gateway.refreshed(&pair).await.forbidden(20002);
    gateway.account_becomes("cancelled");
    gateway.refreshed(&pair).await.forbidden(20001);
    gateway.account_becomes("active");
    gateway.refreshed(&pair).await.expect(200);
}

#[tokio::test]
async fn an_account_that_has_gone_is_404_at_refresh() {
    let gateway = fixture().await;
    let pair = gateway.signed_on("1663").await;
    std::fs::write(gateway.dir.path().join("accounts.json"), "{}").unwrap();
    gateway.app.world().watcher.poll();
    gateway.refreshed(&pair).await.problem(404);
}

#[tokio::test]
async fn a_bad_new_file_keeps_the_good_old_one() {
    let gateway = fixture().await;
    let pair = gateway.signed_on("1663").await;
    std::fs::write(gateway.dir.path().join("accounts.json"), "{\"accounts\": [{").unwrap();
    gateway.app.world().watcher.poll();
    gateway.refreshed(&pair).await.expect(200);
}

#[tokio::test]
async fn the_profile_shows_in_the_token_and_the_accounts_own_limit_counts() {
    let gateway = fixture().await;
    let claims = claims_of(gateway.signed_on("1663").await["access_token"].as_str().unwrap());
    assert_eq!(claims["accountProfileId"], "KIDS");
    assert_eq!(claims["userId"], "u-1");
    assert_eq!(claims["billingCountryCode"], "CH");
    assert_eq!(claims["sessionControl"]["maxSessions"], 7);
    gateway.signed_on("1663").await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20007);
}
