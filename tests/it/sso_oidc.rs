//! The `oidc` validator: from an issuer's name to a verified token, what its table's keys do,
//! and what becomes of its keys while the issuer is away.

use std::sync::Arc;
use std::time::Duration;

use cambio::config::DEFAULTS;
use cambio::domain::Timestamp;
use cambio::sso::SsoValidator;
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_fixtures::{
    NOW, SigningKey, cx_at, name, problem_paths, reference_keys, token, validator,
};

const DOCUMENT: &str = "/.well-known/openid-configuration";

/// An issuer with two keys, of which it publishes the first.
struct Fixture {
    up: Upstream,
    validator: Arc<dyn SsoValidator>,
    keys: [SigningKey; 2],
}

impl Fixture {
    async fn new(keys: Value) -> Self {
        let up = Upstream::start(Behaviour::status(404, "", "")).await;
        let mut table = json!({"kind": "oidc", "issuer": up.origin, "audience": "cambio",
            "algorithms": ["ES256"], "read_timeout": "20s", "timeout": "20s"});
        table.as_object_mut().unwrap().extend(keys.as_object().unwrap().clone());
        let keys = [SigningKey::es256(), SigningKey::es256()];
        let f = Self { validator: validator(table), up, keys };
        f.announce(json!({}));
        f.publish(&[0]);
        f
    }

    /// Its discovery document, with changes.
    fn announce(&self, changes: Value) {
        let mut document =
            json!({"issuer": self.up.origin, "jwks_uri": format!("{}/jwks", self.up.origin)});
        document.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        self.up.at(DOCUMENT, Behaviour::json(document));
    }

    fn publish(&self, keys: &[usize]) {
        let jwks: Vec<Value> = keys.iter().map(|&i| self.keys[i].jwk(&format!("k{i}"))).collect();
        self.up.at("/jwks", Behaviour::json(json!({ "keys": jwks })));
    }

    /// A token of one of the keys, with changes in its header and claims.
    fn token(&self, key: usize, now: Timestamp, header: Value, claims: Value) -> String {
        let mut all = json!({"alg": "ES256", "typ": "at+jwt", "kid": format!("k{key}")});
        all.as_object_mut().unwrap().extend(header.as_object().unwrap().clone());
        let mut said = json!({"iss": self.up.origin, "aud": "cambio", "sub": "ann",
            "exp": now.secs() + 60});
        said.as_object_mut().unwrap().extend(claims.as_object().unwrap().clone());
        self.keys[key].sign(&all, &said)
    }

    async fn verdict(&self, text: &str, now: Timestamp) -> &'static str {
        name(&self.validator.validate(&token(text), &cx_at(now, Duration::from_secs(20))).await)
    }

    /// The verdict on a plain token of one of the keys, so many seconds after the beginning.
    async fn at(&self, after: u64, key: usize) -> &'static str {
        let now = NOW.plus(Duration::from_secs(after));
        self.verdict(&self.token(key, now, json!({}), json!({})), now).await
    }

    /// The verdict on a token with changes.
    async fn on(&self, header: Value, claims: Value) -> &'static str {
        self.verdict(&self.token(0, NOW, header, claims), NOW).await
    }

    /// The paths that were asked for, in order.
    fn asked(&self) -> Vec<String> {
        let requests = self.up.requests();
        requests.iter().map(|r| r.split(' ').nth(1).unwrap().to_owned()).collect()
    }
}

#[tokio::test]
async fn keys_are_discovered_with_the_first_token_and_nothing_of_it_is_sent() {
    let f = Fixture::new(json!({})).await;
    assert!(f.asked().is_empty(), "nobody is asked before");
    for after in 0..5 {
        assert_eq!(f.at(after, 0).await, "verified");
    }
    assert_eq!(f.asked(), [DOCUMENT, "/jwks"]);
    let sent = f.up.requests().concat();
    assert!(!sent.contains("authorization") && !sent.contains("cookie"), "{sent}");
    assert!(f.validator.check().await.is_ok());
}

#[tokio::test]
async fn only_this_issuers_access_tokens_for_us_are_believed() {
    let f = Fixture::new(json!({})).await;
    for (header, claims) in [
        (json!({}), json!({"aud": ["other", "cambio"]})),
        (json!({"typ": "application/at+JWT"}), json!({})),
        (json!({}), json!({"azp": "anybody", "client_id": "anybody"})),
    ] {
        assert_eq!(f.on(header.clone(), claims.clone()).await, "verified", "{header} {claims}");
    }
    for (header, claims) in [
        (json!({"typ": "JWT"}), json!({})),
        (json!({"typ": null}), json!({})),
        (json!({"alg": "none"}), json!({})),
        (json!({"alg": "HS256"}), json!({})),
        (json!({"alg": "RS256"}), json!({})),
        (json!({"jku": "https://evil/jwks"}), json!({})),
        (json!({}), json!({"iss": format!("{}/", f.up.origin)})),
        (json!({}), json!({"iss": [f.up.origin]})),
        (json!({}), json!({"aud": "other"})),
        (json!({}), json!({"aud": null})),
        (json!({}), json!({"exp": NOW.secs() - 30})),
        (json!({}), json!({"cnf": {"jkt": "x"}})),
        (json!({}), json!({"sub": null})),
    ] {
        assert_eq!(f.on(header.clone(), claims.clone()).await, "rejected", "{header} {claims}");
    }
}

/// A key of the table, and a token that is believed with it and not without, or vice versa.
#[tokio::test]
async fn every_expectation_is_one() {
    let nothing = || json!({});
    for (keys, header, claims, want) in [
        (json!({"audience": "other"}), nothing(), json!({"aud": "other"}), "verified"),
        (json!({"audience": false}), nothing(), json!({"aud": null}), "verified"),
        (json!({"algorithms": ["RS256"]}), nothing(), nothing(), "upstream"),
        (json!({"header_typ": "JWT"}), json!({"typ": "jwt"}), nothing(), "verified"),
        (json!({"header_typ": false}), json!({"typ": null}), nothing(), "verified"),
        (json!({"authorized_party": "app"}), nothing(), json!({"azp": "app"}), "verified"),
        (json!({"authorized_party": "app"}), nothing(), json!({"azp": "other"}), "rejected"),
        (json!({"authorized_party": "app"}), nothing(), json!({"azp": ["app"]}), "rejected"),
        (json!({"authorized_party": "app"}), nothing(), nothing(), "rejected"),
        (json!({"client_id": ["app"]}), nothing(), json!({"client_id": "app"}), "verified"),
        (json!({"client_id": ["app"]}), nothing(), json!({"client_id": "other"}), "rejected"),
        (json!({"leeway": "2m"}), nothing(), json!({"exp": NOW.secs() - 100}), "verified"),
        (json!({"claims": {"subject": "email"}}), nothing(), json!({"email": "a@b"}), "verified"),
        (json!({"claims": {"subject": "email"}}), nothing(), nothing(), "rejected"),
    ] {
        let f = Fixture::new(keys.clone()).await;
        assert_eq!(f.on(header.clone(), claims.clone()).await, want, "{keys} {header} {claims}");
    }
}

#[tokio::test]
async fn a_document_that_is_not_exactly_this_issuers_is_not_believed() {
    for changes in [
        json!({"issuer": "https://other"}),
        json!({"issuer": null}),
        json!({"jwks_uri": null}),
        json!({"jwks_uri": "jwks"}),
        json!({"jwks_uri": "http://idp.example/jwks"}),
        json!({"jwks_uri": "file:///etc/passwd"}),
        json!({"jwks_uri": "https://user:password@idp.example/jwks"}),
    ] {
        let f = Fixture::new(json!({})).await;
        f.announce(changes.clone());
        assert_eq!(f.at(0, 0).await, "upstream", "{changes}");
        assert_eq!(f.asked(), [DOCUMENT], "{changes}");
        assert!(f.validator.check().await.is_err());
    }
    let f = Fixture::new(json!({})).await;
    f.announce(json!({"issuer": format!("{}/", f.up.origin)}));
    assert_eq!(f.at(0, 0).await, "upstream", "a slash makes it another");
    for behaviour in [
        Behaviour::json("no json"),
        Behaviour::status(302, "location: /elsewhere\r\n", ""),
        Behaviour::Garbage,
        Behaviour::Huge,
    ] {
        let f = Fixture::new(json!({})).await;
        f.up.at(DOCUMENT, behaviour.clone());
        assert_eq!(f.at(0, 0).await, "upstream", "{behaviour:?}");
    }
}

#[tokio::test]
async fn not_finding_the_issuer_is_unavailable_and_tried_again() {
    let f = Fixture::new(json!({"retry_interval": "5s"})).await;
    for (i, behaviour) in [
        Behaviour::Reset,
        Behaviour::Truncate,
        Behaviour::status(500, "", ""),
        Behaviour::status(404, "", ""),
    ]
    .into_iter()
    .enumerate()
    {
        f.up.at(DOCUMENT, behaviour.clone());
        let after = 10 * u64::try_from(i).unwrap();
        assert_eq!(f.at(after, 0).await, "unavailable", "{behaviour:?}");
        assert_eq!(f.at(after + 4, 0).await, "unavailable");
        assert_eq!(f.asked().len(), i + 1, "asked once in five seconds");
        assert!(f.validator.check().await.is_err());
    }
    f.announce(json!({}));
    assert_eq!(f.at(35, 0).await, "verified");
    assert!(f.validator.check().await.is_ok());
    let refusing = refusing_origin().await;
    let nobody = validator(json!({"kind": "oidc", "issuer": refusing,
        "audience": "cambio", "algorithms": ["ES256"]}));
    let text = token(&f.token(0, NOW, json!({}), json!({"iss": refusing})));
    let verdict = nobody.validate(&text, &cx_at(NOW, Duration::from_secs(20))).await;
    assert_eq!(name(&verdict), "unavailable");
}

#[tokio::test]
async fn an_unknown_key_makes_it_look_again_but_not_often() {
    for (keys, interval) in [(json!({}), 30), (json!({"refetch_interval": "10s"}), 10)] {
        let f = Fixture::new(keys).await;
        assert_eq!(f.at(0, 0).await, "verified");
        f.publish(&[0, 1]);
        assert_eq!(f.at(interval - 1, 1).await, "rejected");
        assert_eq!(f.at(interval, 1).await, "verified");
        assert_eq!(f.at(interval, 0).await, "verified");
        // The document is not asked for again.
        assert_eq!(f.asked(), [DOCUMENT, "/jwks", "/jwks"]);
    }
}

#[tokio::test]
async fn old_keys_stay_while_a_fetch_fails_and_unknown_ones_are_unavailable() {
    let f = Fixture::new(json!({})).await;
    assert_eq!(f.at(0, 0).await, "verified");
    f.up.at("/jwks", Behaviour::status(503, "", ""));
    f.up.at(DOCUMENT, Behaviour::status(503, "", ""));
    assert_eq!(f.at(40, 1).await, "unavailable");
    for after in [41, 4000, 100_000] {
        assert_eq!(f.at(after, 0).await, "verified");
    }
    f.publish(&[1]);
    f.announce(json!({}));
    assert_eq!(f.at(100_100, 1).await, "verified");
    assert_eq!(f.at(100_200, 0).await, "rejected", "a key that was taken back");
}

#[tokio::test]
async fn keys_that_have_aged_are_asked_for_behind_the_callers_back() {
    let f = Fixture::new(json!({"keys_max_age": "10m"})).await;
    assert_eq!(f.at(0, 0).await, "verified");
    assert_eq!(f.at(599, 0).await, "verified");
    assert_eq!(f.asked().len(), 2);
    f.publish(&[1]);
    assert_eq!(f.at(600, 0).await, "verified");
    f.up.arrived(3).await;
    assert_eq!(f.at(600, 1).await, "verified");
    assert_eq!(f.asked().len(), 3);
}

#[tokio::test]
async fn keys_that_have_moved_are_found_again() {
    let f = Fixture::new(json!({})).await;
    assert_eq!(f.at(0, 0).await, "verified");
    f.up.at("/jwks", Behaviour::status(404, "", ""));
    f.announce(json!({"jwks_uri": format!("{}/moved", f.up.origin)}));
    f.up.at("/moved", Behaviour::json(json!({"keys": [f.keys[1].jwk("k1")]})));
    assert_eq!(f.at(30, 1).await, "unavailable");
    assert_eq!(f.at(35, 1).await, "verified");
    assert_eq!(f.asked(), [DOCUMENT, "/jwks", "/jwks", DOCUMENT, "/moved"]);
}

#[tokio::test]
async fn the_document_is_asked_for_again_when_it_has_aged() {
    let f = Fixture::new(json!({"discovery_max_age": "1m"})).await;
    assert_eq!(f.at(0, 0).await, "verified");
    assert_eq!(f.at(59, 1).await, "rejected");
    assert_eq!(f.at(119, 1).await, "rejected");
    assert_eq!(f.asked(), [DOCUMENT, "/jwks", "/jwks", DOCUMENT, "/jwks"]);
}

#[tokio::test]
async fn the_document_may_be_elsewhere() {
    let up = Upstream::start(Behaviour::status(404, "", "")).await;
    let f = Fixture::new(json!({"discovery_url": format!("{}/doc", up.origin)})).await;
    let jwks_uri = format!("{}/jwks", f.up.origin);
    up.at("/doc", Behaviour::json(json!({"issuer": f.up.origin, "jwks_uri": jwks_uri})));
    assert_eq!(f.at(0, 0).await, "verified");
    assert_eq!(f.asked(), ["/jwks"]);
}

#[tokio::test]
async fn our_own_proof_goes_to_nobody_whom_only_the_document_names() {
    let ours = json!({"auth": {"bearer": "our-own"}, "headers": {"x-key": "our-own"}});
    let f = Fixture::new(ours.clone()).await;
    assert_eq!(f.at(0, 0).await, "verified");
    for request in f.up.requests() {
        assert!(request.contains("authorization: Bearer our-own\r\n"), "{request}");
        assert!(request.contains("x-key: our-own\r\n"), "{request}");
    }
    let f = Fixture::new(ours).await;
    let elsewhere = Upstream::start(Behaviour::json(json!({"keys": [f.keys[0].jwk("k0")]}))).await;
    f.announce(json!({"jwks_uri": format!("{}/jwks", elsewhere.origin)}));
    assert_eq!(f.at(0, 0).await, "verified");
    let sent = elsewhere.requests().concat();
    assert!(!sent.is_empty() && !sent.contains("our-own"), "{sent}");
}

#[test]
fn a_table_that_cannot_be_safe_does_not_start() {
    let table = |changes: Value| {
        let mut table = json!({"kind": "oidc", "issuer": "https://idp.example/realm",
            "audience": "cambio", "algorithms": ["ES256"]});
        table.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        table
    };
    assert!(problem_paths(table(json!({}))).is_empty());
    for (changes, path) in [
        (json!({"issuer": "http://idp.example"}), "v.issuer"),
        (json!({"issuer": "idp.example"}), "v.issuer"),
        (json!({"issuer": "https://idp.example/?tenant=x"}), "v.issuer"),
        (json!({"issuer": "https://idp.example/#x"}), "v.issuer"),
        (json!({"audience": ""}), "v.audience"),
        (json!({"algorithms": []}), "v.algorithms"),
        (json!({"algorithms": ["HS256"]}), "v.algorithms"),
        (json!({"algorithms": ["none"]}), "v.algorithms.0"),
        (json!({"header_typ": ""}), "v.header_typ"),
        (json!({"leeway": "6m"}), "v.leeway"),
        (json!({"discovery_url": "http://idp.example/doc"}), "v.discovery_url"),
        (json!({"discovery_max_age": 0}), "v.discovery_max_age"),
        (json!({"keys_max_age": 0}), "v.keys_max_age"),
        (json!({"refetch_interval": 0}), "v.refetch_interval"),
        (json!({"retry_interval": 0}), "v.retry_interval"),
        (json!({"cache": {}}), "v.cache"),
        (json!({"max_bytes": 0}), "v.max_bytes"),
    ] {
        assert_eq!(problem_paths(table(changes.clone())), [path], "{changes}");
    }
}

/// The keys that the tests above and those of the connection show.
#[test]
fn every_knob_of_the_reference_has_a_test() {
    let shown = [
        "algorithms",
        "audience",
        "authorized_party",
        "claims",
        "client_id",
        "discovery_max_age",
        "discovery_url",
        "header_typ",
        "issuer",
        "keys_max_age",
        "kind",
        "leeway",
        "refetch_interval",
        "retry_interval",
    ];
    assert_eq!(reference_keys(DEFAULTS, "#[validators.provider]"), shown);
}
