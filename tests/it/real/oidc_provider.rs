//! oidc-provider (npm): opaque tokens through `introspection`, JWT access tokens through `oidc`,
//! from a real log-in to the end of the session there.

use std::os::unix::fs::symlink;
use std::process::Command;
use std::time::Duration;

use cambio::domain::{Clock, SystemClock, SystemRandom};
use cambio::token::{Algorithm, GeneratedKey, generate};
use serde_json::{Value, json};
use tokio::sync::OnceCell;

use super::installed::installed;
use super::server::{Folder, Server};
use super::visitor::{Visitor, encoded};
use super::{eventually, free_port};
use crate::support::{Answer, Call, Fixture, claims_of};

const WEB: (&str, &str) = ("web", "a secret of the web");
const BASIC: (&str, &str) = ("gateway:basic", "a secret: 100% + / of it");

/// A running provider.
struct Provider {
    server: Server,
    port: u16,
    /// The key of its client `gateway-jwt`.
    client_key: GeneratedKey,
}

impl Provider {
    async fn start() -> Self {
        let folder = Folder::new("nobody");
        folder.write("provider.mjs", include_str!("oidc-provider/provider.mjs"));
        let packages = installed("oidc-provider").join("node_modules");
        symlink(packages, folder.path().join("node_modules")).unwrap();
        let (port, client_key) = (free_port(), generate(Algorithm::ES256, &SystemRandom).unwrap());
        let command = command(&folder, port, "k1", &client_key);
        let server = Server::start("oidc-provider", folder, command);
        let mut provider = Self { server, port, client_key };
        provider.ready().await;
        provider
    }

    /// Starts it again, after it was killed, with another key and nothing in its memory.
    async fn start_again(&mut self, key_id: &str) {
        let command = command(self.server.folder(), self.port, key_id, &self.client_key);
        self.server.start_again(command);
        self.ready().await;
    }

    async fn ready(&mut self) {
        self.server.listens(self.port).await;
        let document = format!("{}/.well-known/openid-configuration", self.origin());
        eventually("the provider answers", async || {
            reqwest::get(&document).await.ok().filter(|answer| answer.status() == 200)
        })
        .await;
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }

    /// Somebody logs in and agrees that `web` gets a token for the resource; the tokens, and the browser.
    async fn log_in(&self, resource: &str, scope: &str) -> (Value, Visitor) {
        let mut visitor = Visitor::new(&self.origin());
        let redirect = encoded("http://127.0.0.1:1/cb");
        let (resource, scope) = (encoded(resource), encoded(scope));
        let mut page = visitor
            .get(&format!(
                "/auth?client_id=web&response_type=code&redirect_uri={redirect}&scope={scope}\
                 &resource={resource}&prompt=consent&nonce=n1"
            ))
            .await;
        // Its own form for the name and password, then the one that asks for consent.
        for _ in 0..8 {
            if page.sent_with("code").is_some() {
                break;
            }
            let place = page.location.clone().unwrap_or_else(|| panic!("{page:?}"));
            page = visitor.get(&place).await;
            if place.contains("/interaction/") {
                let prompt = page.field("prompt");
                let fields = [("prompt", prompt.as_str()), ("login", "alice"), ("password", "x")];
                let fields = if prompt == "login" { &fields[..] } else { &fields[..1] };
                page = visitor.post(&place, fields).await;
            }
        }
        let code = page.sent_with("code").unwrap_or_else(|| panic!("{page:?}"));
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code),
            ("redirect_uri", "http://127.0.0.1:1/cb"),
        ];
        (visitor.call("/token", WEB, &fields).await, visitor)
    }

    /// An opaque access token.
    async fn opaque(&self) -> String {
        let (tokens, _) = self.log_in("urn:opaque", "openid read").await;
        text(&tokens, "access_token")
    }

    /// The token that stands for a program and no user.
    async fn robot(&self) -> String {
        let fields =
            [("grant_type", "client_credentials"), ("resource", "urn:opaque"), ("scope", "read")];
        let robot = ("robot", "a secret of the robot");
        let tokens = Visitor::new(&self.origin()).call("/token", robot, &fields).await;
        text(&tokens, "access_token")
    }

    async fn revoke(&self, token: &str) {
        let visitor = Visitor::new(&self.origin());
        visitor.call("/token/revocation", WEB, &[("token", token)]).await;
    }

    /// The gateway of the documented example, with changes in its text.
    async fn gateway(&self, example: &str, changes: &[(&str, &str)]) -> Fixture {
        let mut text = example.replace("https://idp.example.com", &self.origin());
        for (old, new) in changes {
            assert!(text.contains(old), "{old} in {text}");
            text = text.replace(old, new);
        }
        // A busy machine must not look like an outage.
        let patience = "connect_timeout = \"20s\"\nread_timeout = \"20s\"\ntimeout = \"20s\"\n";
        let text = text.replace("issuer = \"http:", &format!("{patience}issuer = \"http:"));
        let server = "store.kind = \"memory\"\nserver.limits.request_timeout = \"60s\"\n";
        let gateway = Fixture::only(&format!("{server}{text}")).await;
        gateway.clock.set(SystemClock.now());
        gateway
    }

    /// A gateway that introspects, as `gateway:basic`, and keeps nothing.
    async fn introspecting(&self) -> Fixture {
        self.introspecting_with(&basic(BASIC.1), NO_CACHE).await
    }

    async fn introspecting_with(&self, auth: &str, cache: &str) -> Fixture {
        let changes = [
            (AUTH, auth),
            (CACHE, cache),
            ("https://gateway.example.com", "urn:opaque"),
            ("token_type =", "scopes = [\"read\"]\ntoken_type ="),
        ];
        self.gateway(include_str!("../../../config/examples/introspection.toml"), &changes).await
    }

    async fn verifying(&self) -> Fixture {
        let changes = [("https://gateway.example.com", "urn:api")];
        self.gateway(include_str!("../../../config/examples/oidc.toml"), &changes).await
    }
}

/// What the examples say, and the tests change.
const AUTH: &str = "client_secret_basic = { client_id = \"cambio\", client_secret = { file = \"/run/secrets/idp-client\" } }";
const CACHE: &str = "cache = { ttl = \"20s\", obey_hints = false }";
const NO_CACHE: &str = "";

fn basic(secret: &str) -> String {
    let id = BASIC.0;
    format!("client_secret_basic = {{ client_id = \"{id}\", client_secret = \"{secret}\" }}")
}

fn command(folder: &Folder, port: u16, key_id: &str, client_key: &GeneratedKey) -> Command {
    let mut command = folder.command("oidc-provider", "node");
    let client_key = json!(client_key.public).to_string();
    command.arg("provider.mjs").env("PORT", port.to_string()).env("NODE_ENV", "production");
    command.env("KEY_ID", key_id).env("CLIENT_KEY", client_key);
    command
}

/// The provider that tests share.
async fn shared() -> &'static Provider {
    static SHARED: OnceCell<Provider> = OnceCell::const_new();
    SHARED.get_or_init(Provider::start).await
}

fn text(tokens: &Value, name: &str) -> String {
    tokens[name].as_str().unwrap_or_else(|| panic!("no {name}: {tokens}")).to_owned()
}

/// Shows the gateway a token.
async fn exchange(gateway: &Fixture, token: &str) -> Answer {
    let call = Call::post("/services/v2/auth/cookiesso/token.json");
    gateway.send(call.header("cookie", format!("token={token}"))).await
}

/// The claims of what the gateway minted for a token.
async fn minted(gateway: &Fixture, token: &str) -> Value {
    let body = exchange(gateway, token).await.expect(200);
    claims_of(body["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn an_opaque_token_is_introspected_and_refused_once_it_is_revoked() {
    let provider = shared().await;
    let gateway = provider.introspecting().await;
    let token = provider.opaque().await;
    let claims = minted(&gateway, &token).await;
    assert_eq!(claims["sub"], "alice");
    // It lives for ten minutes there, and what is minted no longer.
    let left = claims["exp"].as_i64().unwrap() - gateway.now();
    assert!((500..=600).contains(&left), "{left}");
    provider.revoke(&token).await;
    exchange(&gateway, &token).await.problem(401);
}

#[tokio::test]
async fn a_revoked_token_is_refused_within_the_time_that_verdicts_are_kept() {
    let provider = shared().await;
    let cache = CACHE.replace(" }", ", jitter = 0 }");
    let gateway = provider.introspecting_with(&basic(BASIC.1), &cache).await;
    let token = provider.opaque().await;
    minted(&gateway, &token).await;
    provider.revoke(&token).await;
    gateway.advance(19);
    exchange(&gateway, &token).await.expect(200);
    gateway.advance(1);
    exchange(&gateway, &token).await.problem(401);
    // Its answers say no-store: whoever heeds that keeps nothing.
    let heeding = CACHE.replace("obey_hints = false", "obey_hints = true");
    let gateway = provider.introspecting_with(&basic(BASIC.1), &heeding).await;
    let token = provider.opaque().await;
    minted(&gateway, &token).await;
    provider.revoke(&token).await;
    exchange(&gateway, &token).await.problem(401);
}

#[tokio::test]
async fn every_way_of_client_authentication_is_accepted() {
    let provider = shared().await;
    let token = provider.opaque().await;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key.pem");
    std::fs::write(&key, provider.client_key.private.expose()).unwrap();
    for auth in [
        "client_secret_post = { client_id = \"gateway-post\", client_secret = \"a secret & more = %\" }".to_owned(),
        format!(
            "private_key_jwt = {{ client_id = \"gateway-jwt\", key = {{ file = {:?} }}, algorithm = \"ES256\" }}",
            key.display().to_string()
        ),
    ] {
        let gateway = provider.introspecting_with(&auth, NO_CACHE).await;
        // Twice: it remembers assertions, and takes none again.
        for _ in 0..2 {
            assert_eq!(minted(&gateway, &token).await["sub"], "alice", "{auth}");
        }
    }
}

#[tokio::test]
async fn our_own_wrong_secret_is_no_log_out() {
    let provider = shared().await;
    let gateway = provider.introspecting_with(&basic("wrong"), NO_CACHE).await;
    let token = provider.opaque().await;
    exchange(&gateway, &token).await.problem(502);
}

#[tokio::test]
async fn what_is_no_access_token_of_a_user_is_refused() {
    let provider = shared().await;
    let gateway = provider.introspecting().await;
    exchange(&gateway, "nobody-knows-it").await.problem(401);
    // A client's own token names nobody; a refresh token is active, and no access token.
    let robot = provider.robot().await;
    let asking = Visitor::new(&provider.origin());
    let said = asking.call("/token/introspection", WEB, &[("token", &robot)]).await;
    assert_eq!(
        (&said["active"], &said["sub"], &said["scope"]),
        (&json!(true), &json!(null), &json!("read"))
    );
    exchange(&gateway, &robot).await.problem(401);
    let (tokens, _) = provider.log_in("urn:opaque", "openid offline_access read").await;
    exchange(&gateway, &text(&tokens, "refresh_token")).await.problem(401);
    minted(&gateway, &text(&tokens, "access_token")).await;
    // The provider introspects no JWTs, and says so: it is no credential for this validator.
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    exchange(&gateway, &text(&tokens, "access_token")).await.problem(400);
}

#[tokio::test]
async fn logging_out_there_ends_the_token() {
    let provider = shared().await;
    let gateway = provider.introspecting().await;
    let (tokens, mut visitor) = provider.log_in("urn:opaque", "openid read").await;
    let token = text(&tokens, "access_token");
    minted(&gateway, &token).await;
    let page =
        visitor.get(&format!("/session/end?id_token_hint={}", text(&tokens, "id_token"))).await;
    let secret = page.field("xsrf");
    let page = visitor.post("/session/end/confirm", &[("xsrf", &secret), ("logout", "yes")]).await;
    assert_eq!(page.status, 303, "{page:?}");
    exchange(&gateway, &token).await.problem(401);
}

#[tokio::test]
async fn a_jwt_access_token_is_verified_with_the_published_key() {
    let provider = shared().await;
    let gateway = provider.verifying().await;
    let (tokens, _) = provider.log_in("urn:api", "openid offline_access read").await;
    let token = text(&tokens, "access_token");
    assert_eq!(minted(&gateway, &token).await["sub"], "alice");
    // Signed by the same key for the same user, and no access token for us.
    exchange(&gateway, &text(&tokens, "id_token")).await.problem(401);
    exchange(&gateway, &text(&tokens, "refresh_token")).await.problem(400);
    let (tokens, _) = provider.log_in("urn:other", "openid read").await;
    exchange(&gateway, &text(&tokens, "access_token")).await.problem(401);
    // A bit more or less is another token.
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let first = if signature.starts_with('A') { "B" } else { "A" };
    exchange(&gateway, &format!("{signed}.{first}{}", &signature[1..])).await.problem(401);
    // Its end is a matter of the clock.
    gateway.advance(631);
    exchange(&gateway, &token).await.problem(401);
}

#[tokio::test]
async fn one_service_takes_both_kinds_of_tokens() {
    let provider = shared().await;
    let dir = tempfile::tempdir().unwrap();
    let key = dir.path().join("key.pem");
    std::fs::write(&key, provider.client_key.private.expose()).unwrap();
    let changes = [
        ("/run/secrets/cambio-client-key", key.to_str().unwrap()),
        ("client_id = \"cambio\"", "client_id = \"gateway-jwt\""),
    ];
    let example = include_str!("../../../config/examples/oidc-provider.toml");
    let gateway = provider.gateway(example, &changes).await;
    assert_eq!(minted(&gateway, &provider.opaque().await).await["sub"], "alice");
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    assert_eq!(minted(&gateway, &text(&tokens, "access_token")).await["sub"], "alice");
    exchange(&gateway, &text(&tokens, "id_token")).await.problem(401);
    exchange(&gateway, "nobody-knows-it").await.problem(401);
}

#[tokio::test]
async fn a_key_that_is_not_known_is_fetched() {
    let mut provider = Provider::start().await;
    let gateway = provider.verifying().await;
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    let old = text(&tokens, "access_token");
    minted(&gateway, &old).await;

    provider.server.kill();
    provider.start_again("k2").await;
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    let new = text(&tokens, "access_token");
    provider.server.kill();
    // Nobody can say what is about the new key; what is known stays known.
    gateway.advance(30);
    exchange(&gateway, &new).await.problem(503);
    minted(&gateway, &old).await;

    provider.start_again("k3").await;
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    let newest = text(&tokens, "access_token");
    // Not sooner than it may be tried again.
    exchange(&gateway, &newest).await.problem(503);
    gateway.advance(5);
    minted(&gateway, &newest).await;
    exchange(&gateway, &new).await.problem(401);
    exchange(&gateway, &old).await.problem(401);
}

#[tokio::test]
async fn a_gateway_starts_before_its_provider() {
    let mut provider = Provider::start().await;
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    let token = text(&tokens, "access_token");
    provider.server.kill();
    let gateway = provider.verifying().await;
    let introspecting = provider.introspecting().await;
    exchange(&gateway, &token).await.problem(503);
    exchange(&introspecting, "abc").await.problem(503);
    provider.start_again("k2").await;
    let (tokens, _) = provider.log_in("urn:api", "openid read").await;
    gateway.clock.advance(Duration::from_secs(5));
    minted(&gateway, &text(&tokens, "access_token")).await;
    exchange(&introspecting, "abc").await.problem(401);
}
