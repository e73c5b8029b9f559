//! The whole service without a socket: what parsing, layers and story cost together, and what
//! the layers and parsers cost alone. Access logs are off; `scripts/bench` measures with them.

#![expect(clippy::expect_used, reason = "fixtures fail loudly")]

use std::hint::black_box;

use axum::body::Body;
use cambio::app::{App, World};
use cambio::config::{self, Sources};
use cambio::domain::{Attributes, Clock};
use cambio::domain::{CorrelationId, SecretString, ServiceName, Subject, SystemClock, TenantId};
use cambio::http::{GatewayService, Peer};
use cambio::sso::{SignedCookiePayload, issue_signed_cookie};
use criterion::Criterion;
use http::Request;
use tokio::runtime::Runtime;
use tower::Service;

const SECRET: &str = "a secret of the benches, 32 bytes and more";
const CONFIG: &str = r#"
[store]
kind = "memory"
[validators.portal]
kind = "signed_cookie"
secrets = ["a secret of the benches, 32 bytes and more"]
[[tenants.site.services]]
name = "AnswerHubCookieSSO"
validator = "portal"
[tenants.site.answerhub]
cookie_service = "AnswerHubCookieSSO"
tokens.issuer = "https://site.example.com"
"#;

/// The groups of this file.
pub(crate) fn benches(c: &mut Criterion) {
    parsers(c);
    service(c);
}

fn parsers(c: &mut Criterion) {
    c.bench_function("parse/correlation-id", |b| {
        b.iter(|| CorrelationId::parse(black_box(b"0e183799-e939-42c4-845c-836026b0472d")));
    });
    c.bench_function("parse/tenant-id", |b| b.iter(|| TenantId::parse(black_box("nagra"))));
    c.bench_function("parse/service-name", |b| {
        b.iter(|| ServiceName::parse(black_box("Customer Auth Service")));
    });
}

fn service(c: &mut Criterion) {
    let runtime = Runtime::new().expect("a runtime");
    let service = runtime.block_on(build());
    let payload = SignedCookiePayload {
        sub: Subject::parse("ada").expect("a subject"),
        uid: Some("5b07167f-fb17-4ab1-a3e0-131f48c66085".to_owned()),
        roles: vec!["USE_API".to_owned()],
        accounts: Vec::new(),
        exp: SystemClock.now().plus(std::time::Duration::from_secs(86_400)),
        sid: None,
        attrs: Attributes::new(),
    };
    let cookie = issue_signed_cookie(&SecretString::new(SECRET), &payload);
    let cookie = format!("AnswerHubCookieSSO={cookie}");
    let exchange = "/services/v2/auth/cookiesso/token.json";
    for (name, path, status) in [
        ("service/cookie-hs512", exchange, 200),
        ("service/layers-and-router-alone", "/nothing", 404),
    ] {
        c.bench_function(name, |b| {
            b.iter(|| {
                let request = Request::post(path)
                    .header("cookie", &cookie)
                    .extension(Peer { ip: [127, 0, 0, 1].into(), tls: false })
                    .body(Body::empty())
                    .expect("a request");
                let answer = runtime.block_on(service.clone().call(black_box(request)));
                assert_eq!(answer.map(|a| a.status().as_u16()), Ok(status));
            });
        });
    }
}

async fn build() -> GatewayService {
    let overlay = Some(CONFIG.to_owned());
    let sources = Sources { files: Vec::new(), overlay, environment: false };
    let settings = config::load(&sources).expect("settings");
    let store = settings.store.open().await.expect("a store");
    let app = App::build(&settings, store, World::default()).await.expect("an app");
    app.service(&settings)
}
