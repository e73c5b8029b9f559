//! B.0: where sign-ons may come from (20019), by a trusted header and by a database.

use crate::support::{Call, Fixture, claims_of, mmdb};
use serde_json::Value;

const SWISS: &str = "tenants.nagra.ags.location = { allow = [\"CH\", \"FR\"], deny = [\"FR\"] }";

#[tokio::test]
async fn only_allowed_countries_sign_on_and_a_block_burns_nothing() {
    let gateway = Fixture::with(SWISS).await;
    let ticket = gateway.ticket("1663").await;
    for country in ["US", "FR", "XX", "", "Switzerland", "C"] {
        gateway.send(Call::sign_on(&ticket).in_country(country)).await.forbidden(20019);
    }
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20019);
    gateway.send(Call::sign_on(&ticket).in_country("ch")).await.expect(201);
}

#[tokio::test]
async fn a_country_header_from_anybody_else_counts_for_nothing() {
    let gateway = Fixture::with(SWISS).await;
    let ticket = gateway.ticket("1663").await;
    let call = Call::sign_on(&ticket).header("x-country", "CH").from([192, 0, 2, 7]);
    gateway.send(call).await.forbidden(20019);
}

#[tokio::test]
async fn an_unknown_country_may_be_allowed() {
    let gateway =
        Fixture::with("tenants.nagra.ags.location = { deny = [\"US\"], unknown = \"allow\" }")
            .await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket).in_country("US")).await.forbidden(20019);
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn an_exempt_account_signs_on_from_anywhere() {
    let dir = tempfile::tempdir().unwrap();
    let accounts = "[[accounts]]\nid = \"1663\"\ngeo_block_exempt = true\n[[accounts]]\nid = \"1\"";
    std::fs::write(dir.path().join("accounts.toml"), accounts).unwrap();
    let overlay = format!(
        "{SWISS}\naccounts.list = {{ kind = \"file\", file = \"@DIR@/accounts.toml\" }}\n\
         [[tenants.nagra.services]]\nname = \"Customer Auth Service\"\n\
         validator = \"tickets\"\naccounts = \"list\""
    );
    let gateway = Fixture::in_dir(dir, &overlay).await;
    let (exempt, other) = (gateway.ticket("1663").await, gateway.ticket("1").await);
    gateway.send(Call::sign_on(&other).in_country("US")).await.forbidden(20019);
    let body = gateway.send(Call::sign_on(&exempt).in_country("US")).await.expect(201);
    assert_eq!(claims_of(body["access_token"].as_str().unwrap())["geoBlockExempt"], true);
}

#[tokio::test]
async fn the_country_is_looked_up_in_a_database_when_no_header_says_it() {
    let dir = tempfile::tempdir().unwrap();
    let networks = [([192, 0, 2, 0].into(), 24, "CH"), ([198, 51, 100, 0].into(), 24, "US")];
    std::fs::write(dir.path().join("geo.mmdb"), mmdb::database(&networks)).unwrap();
    let overlay = format!("{SWISS}\ngeo.database = \"@DIR@/geo.mmdb\"");
    let gateway = Fixture::in_dir(dir, &overlay).await;
    let ticket = gateway.ticket("1663").await;
    for elsewhere in [[198, 51, 100, 1], [203, 0, 113, 1]] {
        gateway.send(Call::sign_on(&ticket).from(elsewhere)).await.forbidden(20019);
    }
    let forwarded = Call::sign_on(&ticket).from([10, 0, 0, 1]);
    let american = forwarded.header("x-forwarded-for", "192.0.2.9, 198.51.100.9");
    gateway.send(american).await.forbidden(20019);
    gateway.send(Call::sign_on(&ticket).from([192, 0, 2, 200])).await.expect(201);
}

#[tokio::test]
async fn the_database_is_read_again_when_it_changes() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("geo.mmdb");
    let network = |country| [([192, 0, 2, 0].into(), 24, country)];
    std::fs::write(&file, mmdb::database(&network("US"))).unwrap();
    let overlay = format!("{SWISS}\ngeo.database = \"@DIR@/geo.mmdb\"");
    let gateway = Fixture::in_dir(dir, &overlay).await;
    let ticket = gateway.ticket("1663").await;
    gateway.send(Call::sign_on(&ticket)).await.forbidden(20019);
    let more = [network("CH")[0], ([203, 0, 113, 0].into(), 24, "CH")];
    std::fs::write(&file, mmdb::database(&more)).unwrap();
    gateway.app.world().watcher.poll();
    gateway.send(Call::sign_on(&ticket)).await.expect(201);
}

#[tokio::test]
async fn on_network_is_where_the_client_is_at_each_issue() {
    let gateway = Fixture::with("tenants.nagra.ags.location.on_network = [\"192.0.2.0/25\"]").await;
    let on_network =
        |body: &Value| claims_of(body["access_token"].as_str().unwrap())["onNetwork"].clone();
    let ticket = gateway.ticket("1663").await;
    let body = gateway.send(Call::sign_on(&ticket).from([192, 0, 2, 1])).await.expect(201);
    assert_eq!(on_network(&body), true);
    let refresh = Call::refresh(body["refresh_token"].as_str().unwrap()).from([192, 0, 2, 129]);
    let body = gateway.send(refresh).await.expect(200);
    assert_eq!(on_network(&body), false);
}
