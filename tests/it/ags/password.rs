//! B.4: `signOn` with a user name and a password; also the service that `choice` begins with.

use crate::support::{AGS_SERVICE, Answer, Call, Fixture, claims_of, parameters};
use serde_json::{Value, json};

/// The service whose users sign on with passwords.
pub(super) const PEOPLE: &str = "People";

/// Adds the service. `ada` could even do without a password, `two` has two accounts, of which `closed` has one that is cancelled.
const OVERLAY: &str = r#"
[validators.people]
kind = "scripted"
answers = [
    { credential = "ada:pw", subject = "ada", accounts = [{ id = "1" }] },
    { credential = "two:pw", subject = "two", accounts = [{ id = "1" }, { id = "2" }], expires_at = 1800086400 },
    { credential = "closed:pw", subject = "closed", accounts = [{ id = "1" }, { id = "3" }] },
    { credential = "gone:pw", subject = "gone", accounts = [{ id = "3" }] },
    { credential = "nobody:pw", subject = "nobody", accounts = [{ id = "404" }] },
    { credential = "down:pw", outcome = "unavailable" },
    { credential = "ada:", subject = "ada", accounts = [{ id = "1" }] },
]

[accounts.people]
kind = "file"
file = "@DIR@/people.json"

[tenants.nagra]
services = [
    { name = "Customer Auth Service", validator = "tickets", endpoints = [
        { name = "GET_SESSION_TOKEN", path = "/getSessionToken" },
        { name = "SIGNON_WITH_SESSION_TOKEN", path = "/signOnWithSessionToken" },
        { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" } ] },
    { name = "Tickets Only", validator = "tickets" },
    { name = "People", validator = "people", accounts = "people", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [
            { name = "Username", mandatory = true }, { name = "Password", password = true } ] },
        { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" },
        { name = "SIGNON_WITH_SESSION_TOKEN", path = "/signOnWithSessionToken", parameters = [
            { name = "sessionToken", mandatory = true } ] },
    ] },
    { name = "Other People", validator = "people", accounts = "people", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [
            { name = "Username", mandatory = true }, { name = "Password", password = true } ] } ] },
]

[tenants.rival]
services = [{ name = "People", validator = "people", endpoints = [
    { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" } ] }]
"#;

const ACCOUNTS: &str = r#"{"accounts": [{"id": "1", "user_id": "u1"}, {"id": "2", "user_id": "u2"},
    {"id": "3", "state": "cancelled"}]}"#;

pub(super) async fn gateway_with(overlay: &str) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("people.json"), ACCOUNTS).unwrap();
    Fixture::in_dir(dir, &format!("{OVERLAY}{overlay}")).await
}

pub(super) async fn gateway() -> Fixture {
    gateway_with("").await
}

pub(super) fn body(pairs: &[(&str, &str)]) -> Value {
    let mut body = parameters(pairs);
    body["deviceInformation"] = json!({"deviceType": "TV", "playoutDeviceClass": "TV"});
    body
}

pub(super) fn sign_on(user: &str) -> Call {
    let body = body(&[("username", user), ("PASSWORD", "pw")]);
    Call::ags("signOn").with("x-auth-service-id", PEOPLE).json(&body)
}

#[tokio::test]
async fn a_user_name_and_a_password_sign_on() {
    let gateway = gateway().await;
    let body = gateway.send(sign_on("ada")).await.expect(201);
    assert_eq!((&body["accountId"], &body["token_type"]), (&json!("1"), &json!("bearer")));
    let claims = claims_of(body["access_token"].as_str().unwrap());
    assert_eq!((&claims["userId"], &claims["playoutDeviceClass"]), (&json!("u1"), &json!("TV")));
    let refresh = Call::refresh(body["refresh_token"].as_str().unwrap());
    gateway.send(refresh.with("x-auth-service-id", PEOPLE)).await.expect(200);
}

#[tokio::test]
async fn a_wrong_password_and_an_unknown_user_are_one_401_and_an_outage_is_503() {
    let gateway = gateway().await;
    let wrong = body(&[("username", "ada"), ("password", "no")]);
    let wrong = Call::ags("signOn").with("x-auth-service-id", PEOPLE).json(&wrong);
    let detail = |answer: Answer| answer.problem(401)["detail"].clone();
    assert_eq!(detail(gateway.send(wrong).await), detail(gateway.send(sign_on("eve")).await));
    gateway.send(sign_on("down")).await.problem(503);
    gateway.send(sign_on("gone")).await.forbidden(20001);
    gateway.send(sign_on("nobody")).await.problem(404);
}

#[tokio::test]
async fn what_is_malformed_is_400_and_what_is_not_offered_404() {
    let gateway = gateway().await;
    let send = async |body: &Value| {
        gateway.send(Call::ags("signOn").with("x-auth-service-id", PEOPLE).json(body)).await
    };
    send(&body(&[("password", "pw")])).await.problem(400);
    send(&body(&[("username", ""), ("password", "pw")])).await.problem(400);
    send(&body(&[("username", "ada"), ("Username", "ada"), ("password", "pw")])).await.problem(400);
    send(&parameters(&[("username", "ada"), ("password", "pw")])).await.problem(400);
    let twice = [("username", "ada"), ("password", "pw"), ("PASSWORD", "pw")];
    send(&body(&twice)).await.problem(400);
    let mut both = body(&[("username", "ada"), ("password", "pw")]);
    both["clientId"] = json!("PUB_1");
    send(&both).await.problem(400);
    let elsewhere = sign_on("ada").with("x-auth-service-id", AGS_SERVICE);
    gateway.send(elsewhere).await.problem(404);
}

/// Discovery says that `Password` is not mandatory, so a call without it is well-formed.
#[tokio::test]
async fn a_credential_that_need_not_be_sent_proves_nobody_when_it_is_not() {
    let gateway = gateway().await;
    let send = async |pairs: &[(&str, &str)]| {
        let call = Call::ags("signOn").with("x-auth-service-id", PEOPLE).json(&body(pairs));
        gateway.send(call).await.problem(401)["detail"].clone()
    };
    let wrong = send(&[("username", "ada"), ("password", "no")]).await;
    assert_eq!(send(&[("username", "ada")]).await, wrong);
    // The validator would take it, and is not asked.
    assert_eq!(send(&[("username", "ada"), ("password", "")]).await, wrong);
}

#[tokio::test]
async fn a_service_that_takes_passwords_only_offers_the_flow_by_itself() {
    let dir = tempfile::tempdir().unwrap();
    let hash = "$argon2id$v=19$m=8,t=1,p=1$c29tZXNhbHQ$Cg0Kn8YrZQzUhpOo9QIQTQ";
    let users = format!("[[users]]\nusername = \"ada\"\npassword_hash = \"{hash}\"\n");
    std::fs::write(dir.path().join("users.toml"), users).unwrap();
    let overlay = r#"
        [validators.passwords]
        kind = "users"
        file = "@DIR@/users.toml"
        [tenants.nagra]
        services = [{ name = "Passwords", validator = "passwords" }]
    "#;
    let gateway = Fixture::in_dir(dir, overlay).await;
    let discovery = Call::get("/ags/servicediscovery").header("nv-tenant-id", "nagra");
    let found = gateway.send(discovery).await.expect(200);
    let endpoints = found["availableServices"][0]["endpoints"].as_array().unwrap();
    let paths: Vec<_> = endpoints.iter().map(|e| e["path"].as_str().unwrap()).collect();
    assert_eq!(paths, ["/signOn", "/subsequentSignOn", "/refresh", "/signOut"]);
    let named = |name| json!({"name": name, "mandatory": true, "isPassword": name == "Password"});
    assert_eq!(endpoints[0]["parameterProperties"], json!([named("Username"), named("Password")]));
    let call = sign_on("eve").with("x-auth-service-id", "Passwords");
    gateway.send(call).await.problem(401);
}
