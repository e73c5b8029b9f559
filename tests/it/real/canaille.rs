//! Canaille (PyPI): an identity provider on Flask. Its cookie through `flask`, its access tokens
//! through `introspection` and `oidc`, from a log-in by its own form to the log-out there.

use std::process::Command;

use cambio::domain::{Clock, SystemClock};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::free_port;
use super::installed::installed;
use super::server::{Folder, Server};
use super::visitor::{Visitor, encoded};
use crate::support::{Answer, Call, Fixture, claims_of};

/// What is in `canaille.toml`.
const SECRET_KEY: &str = "a secret of the tests, of more than 32 bytes";
const PASSWORD: &str = "a password of the tests";

/// A running Canaille with one user and one client.
struct Canaille {
    _server: Server,
    origin: String,
    client: (String, String),
}

impl Canaille {
    async fn start() -> Self {
        let folder = Folder::new("nobody");
        let port = free_port();
        let origin = format!("http://127.0.0.1:{port}");
        let dir = folder.path().display().to_string();
        let config = include_str!("canaille/canaille.toml");
        let config = config.replace("@PORT@", &port.to_string()).replace("@DIR@", &dir);
        folder.write("canaille.toml", config);
        folder.run("install", command(&folder, "install", &["install"]));
        let user = ["create", "user", "--user-name", "alice", "--password", PASSWORD];
        let names =
            ["--emails", "alice@example.test", "--given-name", "Alice", "--family-name", "T"];
        folder.run("user", command(&folder, "user", &[&user[..], &names[..]].concat()));
        let bind = format!("127.0.0.1:{port}");
        let run = command(&folder, "canaille", &["run", "--bind", &bind]);
        let mut server = Server::start("canaille", folder, run);
        server.listens(port).await;
        let client = register(&origin).await;
        Self { _server: server, origin, client }
    }

    /// Somebody goes through its log-in form: the name first, then the password.
    async fn log_in(&self) -> Visitor {
        let mut visitor = Visitor::new(&self.origin);
        let page = visitor.get("/login").await;
        let secret = page.field("csrf_token");
        let page = visitor.post("/login", &[("csrf_token", &secret), ("login", "alice")]).await;
        assert_eq!(page.location.as_deref(), Some("/auth/password"), "{page:?}");
        let secret = visitor.get("/auth/password").await.field("csrf_token");
        let fields = [("csrf_token", secret.as_str()), ("password", PASSWORD)];
        let page = visitor.post("/auth/password", &fields).await;
        assert_eq!((page.status, page.location.as_deref()), (302, Some("/")), "{page:?}");
        visitor
    }

    /// Who has logged in agrees that the client gets an access token.
    async fn token(&self, visitor: &mut Visitor) -> String {
        let (id, secret) = (self.client.0.as_str(), self.client.1.as_str());
        let (scope, redirect) = (encoded("openid profile"), encoded("http://127.0.0.1:1/cb"));
        let place = format!(
            "/oauth/authorize?client_id={id}&response_type=code&scope={scope}\
             &redirect_uri={redirect}&nonce=n1&state=s1"
        );
        let mut page = visitor.get(&place).await;
        if page.sent_with("code").is_none() {
            let secret = page.field("csrf_token");
            page = visitor.post(&place, &[("csrf_token", &secret), ("answer", "accept")]).await;
        }
        let code = page.sent_with("code").unwrap_or_else(|| panic!("{page:?}"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1:1/cb"),
        ];
        let tokens = visitor.call("/oauth/token", (id, secret), &fields).await;
        tokens["access_token"].as_str().unwrap_or_else(|| panic!("{tokens}")).to_owned()
    }

    async fn revoke(&self, token: &str) {
        let client = (self.client.0.as_str(), self.client.1.as_str());
        Visitor::new(&self.origin).call("/oauth/revoke", client, &[("token", token)]).await;
    }

    /// What it says itself of a token.
    async fn introspected(&self, token: &str) -> Value {
        let client = (self.client.0.as_str(), self.client.1.as_str());
        Visitor::new(&self.origin).call("/oauth/introspect", client, &[("token", token)]).await
    }

    /// A gateway whose one service validates by these keys.
    async fn gateway(&self, keys: &str) -> Fixture {
        let keys = keys
            .replace("ORIGIN", &self.origin)
            .replace("CLIENT_ID", &self.client.0)
            .replace("CLIENT_SECRET", &self.client.1);
        let gateway = Fixture::only(&format!(
            r#"
            store.kind = "memory"
            server.limits.request_timeout = "60s"
            [validators.idp]
            {keys}
            [tenants.community.answerhub]
            cookie_service = "IdP"
            tokens.issuer = "https://community.example.com"
            [[tenants.community.services]]
            name = "IdP"
            validator = "idp"
            cookie = "canaille"
            "#,
        ))
        .await;
        gateway.clock.set(SystemClock.now());
        gateway
    }

    async fn introspecting(&self, secret: &str) -> Fixture {
        self.gateway(&format!(
            r#"kind = "introspection"
            url = "ORIGIN/oauth/introspect"
            auth = {{ client_secret_basic = {{ client_id = "CLIENT_ID", client_secret = "{secret}" }} }}
            issuer = "ORIGIN"
            audience = "CLIENT_ID"
            token_type = "Bearer"
            scopes = ["profile"]
            connect_timeout = "20s"
            read_timeout = "20s"
            timeout = "20s""#
        ))
        .await
    }
}

/// A client of its own making, by dynamic registration.
async fn register(origin: &str) -> (String, String) {
    let client = json!({"client_name": "web", "redirect_uris": ["http://127.0.0.1:1/cb"],
        "grant_types": ["authorization_code"], "response_types": ["code"],
        "scope": "openid profile", "token_endpoint_auth_method": "client_secret_basic"});
    let request = reqwest::Client::builder().no_proxy().build().unwrap();
    let request = request.post(format!("{origin}/oauth/register")).body(client.to_string());
    let answer = request.header("content-type", "application/json").send().await.unwrap();
    let client: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
    let text = |name: &str| client[name].as_str().unwrap_or_else(|| panic!("{client}")).to_owned();
    (text("client_id"), text("client_secret"))
}

fn command(folder: &Folder, name: &str, args: &[&str]) -> Command {
    let mut command = folder.command(name, installed("canaille").join("bin/canaille"));
    command.args(args).env("PYTHONDONTWRITEBYTECODE", "1");
    command.env("CONFIG", "canaille.toml").env("CANAILLE_CONFIG", "canaille.toml");
    command
}

/// The Canaille that tests share.
async fn shared() -> &'static Canaille {
    static SHARED: OnceCell<Canaille> = OnceCell::const_new();
    SHARED.get_or_init(Canaille::start).await
}

/// Shows the gateway a cookie or token.
async fn exchange(gateway: &Fixture, credential: &str) -> Answer {
    let call = Call::post("/services/v2/auth/cookiesso/token.json");
    gateway.send(call.header("cookie", &format!("canaille={credential}"))).await
}

async fn minted(gateway: &Fixture, credential: &str) -> Value {
    let body = exchange(gateway, credential).await.expect(200);
    claims_of(body["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn its_cookie_is_a_flask_session_whose_copies_a_log_out_does_not_end() {
    let canaille = shared().await;
    let gateway = canaille
        .gateway(&format!(
            r#"kind = "flask"
            secret_key = "{SECRET_KEY}"
            fields = {{ subject = "/sessions/0/user" }}"#
        ))
        .await;
    let mut visitor = canaille.log_in().await;
    let cookie = visitor.cookie("canaille").unwrap().to_owned();
    // Who it is, by the id that Canaille has for its users.
    let subject = minted(&gateway, &cookie).await["sub"].as_str().unwrap().to_owned();
    assert_eq!(subject.len(), 36, "{subject}");
    let page = visitor.get("/logout").await;
    assert_eq!(page.status, 302);
    // The browser's cookie is another now, and nobody's.
    let after = visitor.cookie("canaille").unwrap_or_default().to_owned();
    assert_ne!(after, cookie);
    exchange(&gateway, &after).await.problem(401);
    // A copy that somebody kept stays good until it is too old, there as here: a signed cookie
    // is all that there is to a session.
    assert_eq!(minted(&gateway, &cookie).await["sub"], subject);
    gateway.advance(31 * 24 * 3600);
    exchange(&gateway, &cookie).await.problem(401);
}

#[tokio::test]
async fn its_access_token_is_introspected_until_it_is_revoked() {
    let canaille = shared().await;
    let gateway = canaille.introspecting("CLIENT_SECRET").await;
    let mut visitor = canaille.log_in().await;
    let token = canaille.token(&mut visitor).await;
    // What this shows: its times have fractions, its audience is a list.
    let said = canaille.introspected(&token).await;
    assert!(said["exp"].is_f64() && said["aud"].is_array(), "{said}");
    let claims = minted(&gateway, &token).await;
    assert_eq!(claims["sub"], "alice");
    assert!(claims["exp"].as_i64().unwrap() <= said["exp"].as_f64().unwrap() as i64);

    // Its log-out ends the browser's session and no token; who wants that revokes it.
    visitor.get("/logout").await;
    assert_eq!(canaille.introspected(&token).await["active"], true);
    minted(&gateway, &token).await;
    canaille.revoke(&token).await;
    exchange(&gateway, &token).await.problem(401);
    exchange(&gateway, "nobody-knows-it").await.problem(401);
}

#[tokio::test]
async fn our_own_wrong_secret_is_no_log_out() {
    let canaille = shared().await;
    let gateway = canaille.introspecting("wrong").await;
    let token = canaille.token(&mut canaille.log_in().await).await;
    exchange(&gateway, &token).await.problem(502);
}

#[tokio::test]
async fn its_access_token_is_verified_with_the_published_key() {
    let canaille = shared().await;
    let oidc = r#"kind = "oidc"
        issuer = "ORIGIN"
        audience = "CLIENT_ID"
        algorithms = ["RS256"]
        header_typ = "JWT"
        connect_timeout = "20s"
        read_timeout = "20s"
        timeout = "20s""#;
    let gateway = canaille.gateway(oidc).await;
    let token = canaille.token(&mut canaille.log_in().await).await;
    assert_eq!(minted(&gateway, &token).await["sub"], "alice");
    // Nobody is asked about the token itself, so nobody says that it has been revoked.
    canaille.revoke(&token).await;
    assert_eq!(minted(&gateway, &token).await["sub"], "alice");
    // As it stands by default: its access tokens do not call themselves that.
    let strict = canaille.gateway(&oidc.replace("header_typ = \"JWT\"", "")).await;
    exchange(&strict, &token).await.problem(401);
}
