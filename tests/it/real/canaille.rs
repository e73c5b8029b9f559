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

/// The tenants of the example: one takes cookies, one tokens.
const COOKIES: &str = "community";
const TOKENS: &str = "portal";

/// A running Canaille with one user.
struct Running {
    _server: Server,
    origin: String,
}

/// The same with a client of a test's own: two tokens that say the same in the same second are the
/// same token to it, and the second is an error.
struct Canaille {
    origin: String,
    client: (String, String),
}

impl Running {
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
        Self { _server: server, origin }
    }
}

impl Canaille {
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

    /// The gateway of the documented example, with changes in its text.
    async fn gateway(&self, changes: &[(&str, &str)]) -> Fixture {
        let (id, secret) = &self.client;
        let ours = [
            ("{ file = \"/run/secrets/canaille-secret-key\" }", format!("{SECRET_KEY:?}")),
            ("{ file = \"/run/secrets/canaille-client\" }", format!("{secret:?}")),
            ("client_id = \"cambio\"", format!("client_id = {id:?}")),
            ("audience = \"portal\"", format!("audience = {id:?}")),
            ("https://id.example.com", self.origin.clone()),
        ];
        let ours = ours.iter().map(|(old, new)| (*old, new.as_str()));
        let changes: Vec<_> = ours.chain(changes.iter().copied()).collect();
        gateway(include_str!("../../../config/examples/canaille.toml"), &changes).await
    }

    /// A gateway that verifies its JWTs, as the example for any provider has it.
    async fn verifying(&self, header_typ: &str) -> Fixture {
        let audience = format!("audience = {:?}{header_typ}", self.client.0);
        let changes = [
            ("https://idp.example.com", self.origin.as_str()),
            ("audience = \"https://gateway.example.com\"", audience.as_str()),
            ("tenants.community", "tenants.portal"),
        ];
        gateway(include_str!("../../../config/examples/oidc.toml"), &changes).await
    }
}

async fn gateway(example: &str, changes: &[(&str, &str)]) -> Fixture {
    let mut text = example.to_owned();
    // A busy machine must not look like an outage.
    let patience =
        "\nconnect_timeout = \"20s\"\nread_timeout = \"20s\"\ntimeout = \"20s\"\nissuer = \"";
    for (old, new) in changes.iter().copied().chain([("\nissuer = \"", patience)]) {
        assert!(text.contains(old), "{old} in {text}");
        text = text.replace(old, new);
    }
    let server = "store.kind = \"memory\"\nserver.limits.request_timeout = \"60s\"\n";
    let gateway = Fixture::only(&format!("{server}{text}")).await;
    gateway.clock.set(SystemClock.now());
    gateway
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

/// The one that tests share.
async fn shared() -> Canaille {
    static SHARED: OnceCell<Running> = OnceCell::const_new();
    let origin = SHARED.get_or_init(Running::start).await.origin.clone();
    let client = register(&origin).await;
    Canaille { origin, client }
}

/// Shows a tenant a cookie or token.
async fn exchange(gateway: &Fixture, tenant: &str, credential: &str) -> Answer {
    let name = if tenant == COOKIES { "canaille" } else { "token" };
    let call = Call::post("/services/v2/auth/cookiesso/token.json").header("nv-tenant-id", tenant);
    gateway.send(call.header("cookie", format!("{name}={credential}"))).await
}

async fn minted(gateway: &Fixture, tenant: &str, credential: &str) -> Value {
    let body = exchange(gateway, tenant, credential).await.expect(200);
    claims_of(body["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn its_cookie_is_a_flask_session_whose_copies_a_log_out_does_not_end() {
    let canaille = shared().await;
    let gateway = canaille.gateway(&[]).await;
    let mut visitor = canaille.log_in().await;
    gateway.clock.set(SystemClock.now());
    let cookie = visitor.cookie("canaille").unwrap().to_owned();
    // Who it is, by the id that Canaille has for its users.
    let subject = minted(&gateway, COOKIES, &cookie).await["sub"].as_str().unwrap().to_owned();
    assert_eq!(subject.len(), 36, "{subject}");
    let page = visitor.get("/logout").await;
    assert_eq!(page.status, 302);
    // The browser's cookie is another now, and nobody's.
    let after = visitor.cookie("canaille").unwrap_or_default().to_owned();
    assert_ne!(after, cookie);
    exchange(&gateway, COOKIES, &after).await.problem(401);
    // A copy that somebody kept stays good until it is too old, there as here: a signed cookie
    // is all that there is to a session.
    assert_eq!(minted(&gateway, COOKIES, &cookie).await["sub"], subject);
    gateway.advance(31 * 24 * 3600);
    exchange(&gateway, COOKIES, &cookie).await.problem(401);
}

#[tokio::test]
async fn its_access_token_is_introspected_until_it_is_revoked() {
    let canaille = shared().await;
    let gateway =
        canaille.gateway(&[("cache = { ttl = \"20s\", obey_hints = false }\n", "")]).await;
    let mut visitor = canaille.log_in().await;
    let token = canaille.token(&mut visitor).await;
    // What this shows: its times have fractions, its audience is a list.
    let said = canaille.introspected(&token).await;
    assert!(said["exp"].is_f64() && said["aud"].is_array(), "{said}");
    let claims = minted(&gateway, TOKENS, &token).await;
    assert_eq!(claims["sub"], "alice");
    assert!(claims["exp"].as_i64().unwrap() <= said["exp"].as_f64().unwrap() as i64);

    // Its log-out ends the browser's session and no token; who wants that revokes it.
    visitor.get("/logout").await;
    assert_eq!(canaille.introspected(&token).await["active"], true);
    minted(&gateway, TOKENS, &token).await;
    canaille.revoke(&token).await;
    exchange(&gateway, TOKENS, &token).await.problem(401);
    exchange(&gateway, TOKENS, "nobody-knows-it").await.problem(401);
}

#[tokio::test]
async fn our_own_wrong_secret_is_no_log_out() {
    let canaille = shared().await;
    let gateway = canaille.gateway(&[(&canaille.client.1, "wrong")]).await;
    let token = canaille.token(&mut canaille.log_in().await).await;
    exchange(&gateway, TOKENS, &token).await.problem(502);
}

#[tokio::test]
async fn its_access_token_is_verified_with_the_published_key() {
    let canaille = shared().await;
    let gateway = canaille.verifying("\nheader_typ = \"JWT\"").await;
    let token = canaille.token(&mut canaille.log_in().await).await;
    assert_eq!(minted(&gateway, TOKENS, &token).await["sub"], "alice");
    // Nobody is asked about the token itself, so nobody says that it has been revoked.
    canaille.revoke(&token).await;
    assert_eq!(minted(&gateway, TOKENS, &token).await["sub"], "alice");
    // As it stands by default: its access tokens do not call themselves that.
    let strict = canaille.verifying("").await;
    exchange(&strict, TOKENS, &token).await.problem(401);
}
