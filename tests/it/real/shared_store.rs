//! Two gateways on each store that nodes can share: what ends at one has ended at the other at once, and
//! what one begins the other finishes, once.

use serde_json::{Value, json};

use super::postgres::{self, PASSWORD, USER};
use super::redis_load::{Nodes, nodes};
use super::redis_nodes::{CLIENTS, count, everywhere, race};
use crate::support::{Answer, Call, claims_of, parameters};

/// A service whose users sign on with a password; `ada` has two accounts.
const PEOPLE: &str = r#"
validators.people.kind = "scripted"
validators.people.answers = [{ credential = "ada:pw", subject = "ada", accounts = [
    { id = "1", user_id = "u-1" }, { id = "2", user_id = "u-2" } ] }]
tenants.nagra.services = [
    { name = "Customer Auth Service", validator = "tickets" },
    { name = "People", validator = "people", endpoints = [
        { name = "SIGNON", path = "/signOn", parameters = [
            { name = "Username", mandatory = true },
            { name = "Password", mandatory = true, password = true } ] },
        { name = "SUBSEQUENT_SIGNON", path = "/subsequentSignOn" } ] },
]
"#;

/// Two nodes on one Redis, two on a Redis Cluster and two on one PostgreSQL.
async fn on_every_store(test: &str, more: &str) -> Vec<Nodes> {
    let mut all = Vec::from(everywhere(test, more).await);
    let postgres = postgres::shared().await;
    let (port, database) = (postgres.port, postgres.database().await);
    let store = format!(
        "{more}\nstore = {{ kind = \"postgres\", postgres = {{ port = {port}, database = {database:?}, \
         user = {USER:?}, password = {PASSWORD:?}, timeout = \"20s\", connect_timeout = \"20s\" }} }}"
    );
    all.push(nodes(&store).await);
    all
}

fn text<'a>(body: &'a Value, member: &str) -> &'a str {
    body[member].as_str().unwrap()
}

fn sign_out_everywhere(access: &str) -> Call {
    Call::ags("signOutEverywhere").header("authorization", access).json(&parameters(&[]))
}

/// The call with which a user changes a device.
fn rename(access: &str, device: &str) -> Call {
    Call::new(http::Method::PATCH, &format!("/ags/devices/{device}"))
        .header("nv-tenant-id", "nagra")
        .bearer(access)
        .json(&json!({"name": "theirs"}))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn signing_out_everywhere_at_one_node_is_felt_at_the_other_at_once() {
    for nodes in on_every_store("everywhere", "").await {
        let stranger = nodes[0].signed_on("99").await;
        // From either node.
        for (here, there) in [(&nodes[0], &nodes[1]), (&nodes[1], &nodes[0])] {
            let mine = here.signed_on("1663").await;
            let other = there.signed_on("1663").await;
            let rotated = there.refreshed(&other).await.expect(200);
            let found = there.send(Call::devices(text(&mine, "access_token"))).await.expect(200);
            let registered = found["devices"].as_array().unwrap().len();

            here.send(sign_out_everywhere(text(&mine, "access_token"))).await.expect(200);

            for node in [there, here] {
                for pair in [&mine, &other, &rotated] {
                    let (access, device) = (text(pair, "access_token"), text(pair, "client_id"));
                    node.refreshed(pair).await.problem(401);
                    node.send(Call::devices(access)).await.problem(401);
                    node.send(rename(access, device)).await.problem(401);
                    node.send(Call::delete_device(access, device)).await.problem(401);
                    node.send(Call::sign_out(access)).await.problem(401);
                    node.send(sign_out_everywhere(access)).await.problem(401);
                }
            }
            // Devices stay as they were, and whoever signs on again is none of its business.
            let again = Call::sign_on_again(&here.ticket("1663").await, text(&mine, "client_id"));
            let again = there.send(again).await.expect(201);
            let found = here.send(Call::devices(text(&again, "access_token"))).await.expect(200);
            let devices = found["devices"].as_array().unwrap();
            assert_eq!(devices.len(), registered);
            assert!(devices.iter().all(|device| device["name"].is_null()), "{devices:?}");
        }
        nodes[1].refreshed(&stranger).await.expect(200);
    }
}

fn sign_on() -> Call {
    let mut body = parameters(&[("Username", "ada"), ("Password", "pw")]);
    body["deviceInformation"] = json!({"deviceType": "TV", "playoutDeviceClass": "TV"});
    Call::ags("signOn").with("x-auth-service-id", "People").json(&body)
}

fn choose(user_token: &str) -> Call {
    Call::ags("subsequentSignOn")
        .with("x-auth-service-id", "People")
        .header("user-token", user_token)
        .json(&parameters(&[]))
}

/// The user tokens of a 300, in the order of their accounts.
fn user_tokens(answer: &Answer) -> Vec<String> {
    let body = answer.expect(300);
    let accounts = body["accounts"].as_array().unwrap().iter();
    let (ids, tokens): (Vec<_>, Vec<_>) = accounts
        .map(|account| (text(account, "accountId"), text(account, "userAccountToken").to_owned()))
        .unzip();
    assert_eq!(ids, ["1", "2"]);
    tokens
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_choice_that_one_node_offers_is_made_at_the_other_once() {
    for nodes in on_every_store("choices", PEOPLE).await {
        let tokens = user_tokens(&nodes[0].send(sign_on()).await);
        let pair = nodes[1].send(choose(&tokens[1])).await.expect(201);
        let claims = claims_of(text(&pair, "access_token"));
        let said = ["accountId", "userId", "playoutDeviceClass"].map(|claim| text(&claims, claim));
        assert_eq!(said, ["2", "u-2", "TV"]);
        for node in &nodes {
            node.send(choose(&tokens[1])).await.problem(401);
        }
        // The other account's is good as ever.
        nodes[0].send(choose(&tokens[0])).await.expect(201);
        let refresh = Call::refresh(text(&pair, "refresh_token"));
        nodes[0].send(refresh.with("x-auth-service-id", "People")).await.expect(200);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_64_clients_with_one_user_token_one_signs_on() {
    for nodes in on_every_store("choosers", PEOPLE).await {
        let tokens = user_tokens(&nodes[0].send(sign_on()).await);
        let answers = race(&nodes, |_| choose(&tokens[0])).await;
        assert_eq!((count(&answers, 201), count(&answers, 401)), (1, CLIENTS - 1));
        let pair = answers.iter().find(|answer| answer.status == 201).unwrap().expect(201);
        let found = nodes[1].send(Call::devices(text(&pair, "access_token"))).await.expect(200);
        assert_eq!(found["devices"].as_array().unwrap().len(), 1);
    }
}
