//! Glewlwyd, a small single sign-on server: its session cookie, asked about at its profile API, and
//! the access tokens of its OpenID Connect plugin, verified with the keys it publishes.

use std::process::Command;

use reqwest::{RequestBuilder, StatusCode};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::server::{Folder, Server};
use super::visitor::{client, cookie_of, exchange, send};
use super::{eventually, free_port};
use crate::support::{Answer, Fixture, claims_of};

const COOKIE: &str = "GLEWLWYD2_SESSION_ID";
/// What Debian's package makes the database from.
const SCHEMA: &str = "/usr/share/dbconfig-common/data/glewlwyd/install/sqlite3";
/// The client that asks for tokens, and its secret.
const CLIENT: (&str, &str) = ("app", "a secret of the tests");
/// The user, and the password.
const USER: (&str, &str) = ("alice", "a password of the tests");

/// A running server with a user, a client and the plugin.
struct Glewlwyd {
    server: Server,
    port: u16,
}

impl Glewlwyd {
    async fn start() -> Self {
        let folder = Folder::new("nobody");
        let (dir, port) = (folder.path().display().to_string(), free_port());
        let conf = include_str!("glewlwyd/glewlwyd.conf");
        let conf = conf.replace("@DIR@", &dir).replace("@PORT@", &port.to_string());
        folder.write("glewlwyd.conf", conf);
        folder.folder("middleware");
        let database = folder.write("glewlwyd.db", "");
        let schema = std::fs::read_to_string(SCHEMA).unwrap();
        rusqlite::Connection::open(&database).unwrap().execute_batch(&schema).unwrap();
        let command = command(&folder);
        let mut server = Server::start("glewlwyd", folder, command);
        server.listens(port).await;
        let glewlwyd = Self { server, port };
        glewlwyd.set_up().await;
        glewlwyd
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}/api/{path}", self.port)
    }

    /// Logs in as its form does; answers the session's cookie.
    async fn log_in(&self, username: &str, password: &str) -> String {
        let request = client().post(self.url("auth/"));
        let answer = send(with_json(request, &json!({"username": username, "password": password})));
        let answer = answer.await;
        assert_eq!(answer.status(), 200);
        cookie_of(&answer, COOKIE)
    }

    async fn log_out(&self, session: &str) {
        let request = client().delete(self.url(&format!("auth/?username={}", USER.0)));
        let answer = send(request.header("cookie", format!("{COOKIE}={session}"))).await;
        assert_eq!(answer.status(), 200);
    }

    /// An access token of the user, by the password grant.
    async fn token(&self) -> String {
        let form = format!(
            "grant_type=password&username={}&password={}&scope=api",
            USER.0,
            USER.1.replace(' ', "+")
        );
        let request = client().post(self.url("oidc/token")).basic_auth(CLIENT.0, Some(CLIENT.1));
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = send(request.body(form)).await;
        assert_eq!(answer.status(), 200);
        let answer: Value = serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap();
        answer["access_token"].as_str().unwrap().to_owned()
    }

    /// What an administrator does once.
    async fn set_up(&self) {
        let admin = self.log_in("admin", "password").await;
        let key = rcgen::KeyPair::generate().unwrap();
        let plugin = json!({
            "iss": format!("http://127.0.0.1:{}", self.port),
            "jwt-type": "ecdsa", "jwt-key-size": "256",
            "key": key.serialize_pem(), "cert": key.public_key_pem(),
            "access-token-duration": 3600, "refresh-token-duration": 86_400, "code-duration": 600,
            "refresh-token-rolling": true, "refresh-token-one-use": "never",
            "allow-non-oidc": true,
            "auth-type-code-enabled": true, "auth-type-token-enabled": false,
            "auth-type-id-token-enabled": false, "auth-type-password-enabled": true,
            "auth-type-client-enabled": true, "auth-type-refresh-enabled": true,
            "auth-type-none-enabled": false, "jwks-show": true,
            "secret-type": "public", "subject-type": "public",
            "name-claim": "mandatory", "email-claim": "on-demand", "scope-claim": "no",
        });
        for (path, thing) in [
            (
                "mod/plugin/",
                json!({"module": "oidc", "name": "oidc", "display_name": "oidc", "parameters": plugin}),
            ),
            (
                "scope/",
                json!({"name": "api", "display_name": "api", "description": "the api",
                "password_required": true, "password_max_age": 0, "scheme": {}}),
            ),
            (
                "client/",
                json!({"client_id": CLIENT.0, "name": "app", "password": CLIENT.1,
                "confidential": true, "enabled": true, "scope": ["api"],
                "authorization_type": ["client_credentials", "password"],
                "redirect_uri": ["https://app.example.com/"],
                "token_endpoint_auth_method": ["client_secret_basic"]}),
            ),
            (
                "user/",
                json!({"username": USER.0, "password": USER.1, "name": "Alice",
                "email": "alice@example.org", "scope": ["openid", "api", "g_profile"], "enabled": true}),
            ),
        ] {
            let request =
                client().post(self.url(path)).header("cookie", format!("{COOKIE}={admin}"));
            let answer = send(with_json(request, &thing)).await;
            let status = answer.status();
            assert_eq!(status, StatusCode::OK, "{path}: {}", answer.text().await.unwrap());
        }
    }

    /// The gateway on the example that asks the profile API.
    async fn by_profile(&self) -> Fixture {
        let url = self.url("profile_list");
        Fixture::example("glewlwyd", &format!("validators.sso.url = {url:?}")).await
    }

    /// The gateways on the examples that verify tokens, with discovery and without.
    async fn by_keys(&self) -> [Fixture; 2] {
        let issuer = format!("validators.sso.issuer = \"http://127.0.0.1:{}\"", self.port);
        let discovery = self.url("oidc/.well-known/openid-configuration");
        let discovery = format!("{issuer}\nvalidators.sso.discovery_url = {discovery:?}");
        let keys = format!("{issuer}\nvalidators.sso.jwks_url = {:?}", self.url("oidc/jwks"));
        [
            Fixture::example("glewlwyd-oidc", &discovery).await,
            Fixture::example("glewlwyd-jwt", &keys).await,
        ]
    }
}

fn command(folder: &Folder) -> Command {
    let mut command = folder.command("glewlwyd", "glewlwyd");
    command.arg(format!("--config-file={}", folder.path().join("glewlwyd.conf").display()));
    command
}

fn with_json(request: RequestBuilder, body: &Value) -> RequestBuilder {
    request.header("content-type", "application/json").body(body.to_string())
}

/// The server that tests share.
async fn shared() -> &'static Glewlwyd {
    static SHARED: OnceCell<Glewlwyd> = OnceCell::const_new();
    SHARED.get_or_init(Glewlwyd::start).await
}

async fn by_cookie(gateway: &Fixture, session: &str) -> Answer {
    exchange(gateway, "cookie", &format!("{COOKIE}={session}")).await
}

async fn by_token(gateway: &Fixture, token: &str) -> Answer {
    exchange(gateway, "Access-Token", token).await
}

/// The claims of the token in an answer.
fn claims(answer: &Answer) -> Value {
    claims_of(answer.expect(200)["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn a_session_is_exchanged_until_it_is_logged_out() {
    let glewlwyd = shared().await;
    let gateway = glewlwyd.by_profile().await;
    let session = glewlwyd.log_in(USER.0, USER.1).await;
    let token = claims(&by_cookie(&gateway, &session).await);
    assert_eq!(token["sub"], USER.0);
    let roles = token["roles"].as_array().unwrap();
    assert!(roles.contains(&json!("api")), "{token}");

    glewlwyd.log_out(&session).await;
    assert_eq!(claims(&by_cookie(&gateway, &session).await)["sub"], USER.0, "it is still cached");
    // The example's ttl is 30 s, give or take a tenth.
    gateway.advance(34);
    by_cookie(&gateway, &session).await.problem(401);
    by_cookie(&gateway, &"a".repeat(128)).await.problem(401);
    by_cookie(&gateway, "bogus").await.problem(400);
}

#[tokio::test]
async fn an_access_token_is_exchanged_until_it_expires() {
    let glewlwyd = shared().await;
    for gateway in glewlwyd.by_keys().await {
        let theirs = glewlwyd.token().await;
        let said = claims_of(&theirs);
        let token = claims(&by_token(&gateway, &theirs).await);
        assert_eq!(token["sub"], said["sub"]);
        assert_eq!(token["exp"], said["exp"], "nothing outlives it");
        assert_eq!(token["roles"], json!(["api"]));

        let (signed, signature) = theirs.rsplit_once('.').unwrap();
        let other = if signature.starts_with('A') { "B" } else { "A" };
        by_token(&gateway, &format!("{signed}.{other}{}", &signature[1..])).await.problem(401);
        // Leeway included.
        let end = said["exp"].as_i64().unwrap() + 30;
        gateway.advance(u64::try_from(end - gateway.now()).unwrap());
        by_token(&gateway, &theirs).await.problem(401);
    }
}

#[tokio::test]
async fn a_token_of_another_server_is_refused() {
    let (ours, other) = (shared().await, Glewlwyd::start().await);
    for gateway in ours.by_keys().await {
        assert_eq!(by_token(&gateway, &ours.token().await).await.status, 200);
        by_token(&gateway, &other.token().await).await.problem(401);
    }
}

#[tokio::test]
async fn an_outage_is_503_and_never_a_log_out() {
    let mut glewlwyd = Glewlwyd::start().await;
    let session = glewlwyd.log_in(USER.0, USER.1).await;
    let token = glewlwyd.token().await;
    let known = (glewlwyd.by_profile().await, glewlwyd.by_keys().await);
    assert_eq!(by_cookie(&known.0, &session).await.status, 200);
    for gateway in &known.1 {
        assert_eq!(by_token(gateway, &token).await.status, 200);
    }

    glewlwyd.server.stop().await;
    by_cookie(&glewlwyd.by_profile().await, &session).await.problem(503);
    for gateway in glewlwyd.by_keys().await {
        by_token(&gateway, &token).await.problem(503);
    }
    // Who was known stays known, for `stale_if_error` after the ttl.
    known.0.advance(60);
    assert_eq!(by_cookie(&known.0, &session).await.status, 200);
    known.0.advance(600);
    by_cookie(&known.0, &session).await.problem(503);
    // Keys that were fetched are kept, whatever becomes of the server.
    for gateway in &known.1 {
        gateway.advance(1800);
        assert_eq!(by_token(gateway, &token).await.status, 200);
    }

    let command = command(glewlwyd.server.folder());
    glewlwyd.server.start_again(command);
    glewlwyd.server.listens(glewlwyd.port).await;
    known.0.advance(60);
    eventually("the session is good again", async || {
        (by_cookie(&known.0, &session).await.status == 200).then_some(())
    })
    .await;
}
