//! B.4: `signOn`, its 300 with several accounts, and `subsequentSignOn`.

use crate::support::{AGS_SERVICE, Answer, Call, Fixture, claims_of, parameters};
use serde_json::{Value, json};

/// The service whose users sign on with passwords.
const PEOPLE: &str = "People";

/// Adds the service. `two` has two accounts, of which `closed` has one that is cancelled.
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
]

[accounts.people]
kind = "file"
file = "@DIR@/people.json"

[tenants.nagra]
services = [
    { name = "Customer Auth Service", validator = "tickets" },
    { name = "People", validator = "people", accounts = "people", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [
            { name = "Username", mandatory = true }, { name = "Password", password = true } ] },
        { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" },
        { name = "SIGNON_WITH_SESSION_TOKEN", path = "/signOnWithSessionToken", parameters = [
            { name = "sessionToken", mandatory = true } ] },
    ] },
    { name = "Other People", validator = "people", endpoints = [
        { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" } ] },
]
"#;

const ACCOUNTS: &str = r#"{"accounts": [{"id": "1", "user_id": "u1"}, {"id": "2", "user_id": "u2"},
    {"id": "3", "state": "cancelled"}]}"#;

async fn gateway_with(overlay: &str) -> Fixture {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("people.json"), ACCOUNTS).unwrap();
    Fixture::in_dir(dir, &format!("{OVERLAY}{overlay}")).await
}

async fn gateway() -> Fixture {
    gateway_with("").await
}

fn body(pairs: &[(&str, &str)]) -> Value {
    let mut body = parameters(pairs);
    body["deviceInformation"] = json!({"deviceType": "TV", "playoutDeviceClass": "TV"});
    body
}

fn sign_on(user: &str) -> Call {
    let body = body(&[("username", user), ("PASSWORD", "pw")]);
    Call::ags("signOn").with("x-auth-service-id", PEOPLE).json(&body)
}

fn subsequent(token: &str) -> Call {
    Call::ags("subsequentSignOn")
        .with("x-auth-service-id", PEOPLE)
        .header("user-token", token)
        .json(&parameters(&[]))
}

/// The user tokens of a 300, by account.
fn choices(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.expect(300);
    let accounts = body["accounts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    accounts.map(|a| (text(&a["accountId"]), text(&a["userAccountToken"]))).collect()
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
    send(&body(&[("username", "ada")])).await.problem(400);
    send(&body(&[("password", "pw")])).await.problem(400);
    send(&body(&[("username", "ada"), ("Username", "ada"), ("password", "pw")])).await.problem(400);
    send(&parameters(&[("username", "ada"), ("password", "pw")])).await.problem(400);
    let mut both = body(&[("username", "ada"), ("password", "pw")]);
    both["clientId"] = json!("PUB_1");
    send(&both).await.problem(400);
    let elsewhere = sign_on("ada").with("x-auth-service-id", AGS_SERVICE);
    gateway.send(elsewhere).await.problem(404);
    gateway.send(subsequent("x").without("user-token")).await.problem(400);
    gateway.send(subsequent("")).await.problem(400);
    gateway.send(subsequent("x").body("{}")).await.problem(400);
}

#[tokio::test]
async fn several_accounts_are_a_300_and_each_token_signs_on_to_its_own_once() {
    let gateway = gateway().await;
    let answer = gateway.send(sign_on("two")).await;
    let information = answer.expect(300)["accounts"][1]["accountInformation"].clone();
    let information: Value = serde_json::from_str(information.as_str().unwrap()).unwrap();
    assert_eq!((&information["accountId"], &information["userId"]), (&json!("2"), &json!("u2")));
    let choices = choices(&answer);
    assert_eq!(choices.iter().map(|(id, _)| id.as_str()).collect::<Vec<_>>(), ["1", "2"]);

    gateway.advance(100);
    let (id, token) = &choices[1];
    let body = gateway.send(subsequent(token)).await.expect(201);
    assert_eq!(body["accountId"], json!(id));
    let claims = claims_of(body["access_token"].as_str().unwrap());
    assert_eq!((&claims["userId"], &claims["playoutDeviceClass"]), (&json!("u2"), &json!("TV")));
    // Nothing outlives the SSO session.
    assert_eq!(claims["fixed_exp"], json!(1_800_086_400));
    gateway.send(subsequent(token)).await.problem(401);
    gateway.send(subsequent(&choices[0].1)).await.expect(201);
}

#[tokio::test]
async fn a_user_token_ends_is_its_services_and_no_session_token() {
    let gateway = gateway().await;
    let choices = choices(&gateway.send(sign_on("two")).await);
    let token = &choices[0].1;
    gateway.send(subsequent("unknown")).await.problem(401);
    let other = subsequent(token).with("x-auth-service-id", "Other People");
    gateway.send(other).await.problem(401);
    let rival =
        subsequent(token).with("nv-tenant-id", "rival").with("x-auth-service-id", AGS_SERVICE);
    gateway.send(rival).await.problem(401);
    gateway.send(Call::sign_on(token)).await.problem(401);
    let session_token = gateway.ticket("1").await;
    let mixed = subsequent(&session_token).with("x-auth-service-id", AGS_SERVICE);
    gateway.send(mixed).await.problem(401);
    gateway.advance(300);
    gateway.send(subsequent(token)).await.problem(401);
}

#[tokio::test]
async fn the_choice_is_among_what_may_sign_on() {
    let gateway = gateway().await;
    let body = gateway.send(sign_on("closed")).await.expect(201);
    assert_eq!(body["accountId"], "1");
}

#[tokio::test]
async fn the_account_is_asked_after_again_when_it_has_been_chosen() {
    let gateway = gateway().await;
    let choices = choices(&gateway.send(sign_on("two")).await);
    let suspended = r#"{"accounts": [{"id": "1", "state": "suspended"}]}"#;
    std::fs::write(gateway.dir.path().join("people.json"), suspended).unwrap();
    gateway.app.world().watcher.poll();
    gateway.send(subsequent(&choices[0].1)).await.forbidden(20002);
    gateway.send(subsequent(&choices[1].1)).await.problem(404);
}

#[tokio::test]
async fn a_refused_choice_burns_nothing() {
    let gateway = gateway_with("[tenants.nagra.ags]\nmax_devices = 1\n").await;
    let first = gateway.send(sign_on("ada")).await.expect(201);
    let choices = choices(&gateway.send(sign_on("two")).await);
    gateway.send(subsequent(&choices[0].1)).await.forbidden(20007);
    let device = first["client_id"].as_str().unwrap();
    let token = first["access_token"].as_str().unwrap();
    gateway.send(Call::delete_device(token, device)).await.expect(200);
    gateway.send(subsequent(&choices[0].1)).await.expect(201);
}

#[tokio::test]
async fn of_racing_choices_one_signs_on() {
    let gateway = std::sync::Arc::new(gateway().await);
    let choices = choices(&gateway.send(sign_on("two")).await);
    let answers = crate::race::race(&gateway, || subsequent(&choices[0].1)).await;
    let count = |status| answers.iter().filter(|answer| answer.status == status).count();
    assert_eq!((count(201), count(401)), (1, answers.len() - 1));
}

#[tokio::test]
async fn a_blocked_place_gets_no_choice() {
    let gateway = gateway_with("[tenants.nagra.ags]\nlocation.allow = [\"CH\"]\n").await;
    gateway.send(sign_on("two").in_country("FR")).await.forbidden(20019);
    let choices = choices(&gateway.send(sign_on("two").in_country("CH")).await);
    gateway.send(subsequent(&choices[0].1).in_country("FR")).await.forbidden(20019);
    gateway.send(subsequent(&choices[0].1).in_country("CH")).await.expect(201);
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
