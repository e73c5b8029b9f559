//! B.4: `signOn`'s 300 with several accounts, and `subsequentSignOn`.

use super::password::{PEOPLE, gateway, gateway_with, sign_on};
use crate::support::{AGS_SERVICE, Answer, Call, claims_of, parameters};
use serde_json::{Value, json};

pub(super) fn subsequent(token: &str) -> Call {
    Call::ags("subsequentSignOn")
        .with("x-auth-service-id", PEOPLE)
        .header("user-token", token)
        .json(&parameters(&[]))
}

/// The user tokens of a 300, by account.
pub(super) fn choices(answer: &Answer) -> Vec<(String, String)> {
    let body = answer.expect(300);
    let accounts = body["accounts"].as_array().unwrap().iter();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    accounts.map(|a| (text(&a["accountId"]), text(&a["userAccountToken"]))).collect()
}

#[tokio::test]
async fn it_answers_where_the_service_lists_it_or_sign_on() {
    let gateway = gateway().await;
    let at = async |service: &str| {
        gateway.send(subsequent("unknown").with("x-auth-service-id", service)).await
    };
    // The first lists it alone, the second both, the third `signOn` alone.
    for service in [AGS_SERVICE, PEOPLE, "Other People"] {
        at(service).await.problem(401);
    }
    let refused = at("Tickets Only").await.problem(404);
    let sign_on = sign_on("ada").with("x-auth-service-id", "Tickets Only");
    assert_eq!(refused["detail"], gateway.send(sign_on).await.problem(404)["detail"]);
}

#[tokio::test]
async fn what_is_malformed_is_400() {
    let gateway = gateway().await;
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
    gateway.send(subsequent(token).with("nv-tenant-id", "rival")).await.problem(401);
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
