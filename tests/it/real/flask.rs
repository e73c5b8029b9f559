//! A Flask application (PyPI): its sessions in its signed cookie through `flask`, and with
//! Flask-Session in Redis, with a signer and without, through `redis_session`.

use serde_json::json;

use super::apps::{Gateway, PASSWORD, SECRET, log_in};
use super::free_port;
use super::installed::installed;
use super::redis::{self, Redis};
use super::server::{Folder, Server};

const COOKIE: &str = "session";

struct Flask {
    _server: Server,
    origin: String,
}

impl Flask {
    async fn start(redis: Option<&Redis>, use_signer: bool) -> Self {
        let folder = Folder::new("nobody");
        let port = free_port();
        let settings = json!({"port": port, "secret_key": SECRET, "password": PASSWORD,
            "redis_port": redis.map(|redis| redis.port), "redis_password": redis::PASSWORD,
            "use_signer": use_signer});
        folder.write("settings.json", settings.to_string());
        folder.write("app.py", include_str!("flask/app.py"));
        let mut command = folder.command("flask", installed("flask").join("bin/python"));
        command.arg("app.py").env("PYTHONDONTWRITEBYTECODE", "1");
        let mut server = Server::start("flask", folder, command);
        server.listens(port).await;
        Self { _server: server, origin: format!("http://127.0.0.1:{port}") }
    }
}

#[tokio::test]
async fn its_own_cookie_is_opened_without_a_call_and_a_copy_outlives_the_log_out() {
    let flask = Flask::start(None, false).await;
    let others = [("{ file = \"/run/secrets/flask-secret-key\" }", &*format!("\"{SECRET}\""))];
    // The gateway's clock stands: it must not be behind the cookie's.
    let (mut visitor, cookie) = log_in(&flask.origin, "/login", COOKIE).await;
    let gateway = Gateway::new("flask", COOKIE, &others).await;
    let claims = gateway.minted(&cookie).await;
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("42"), &json!(["dev"])));
    visitor.post("/logout", &[]).await;
    assert_eq!(visitor.cookie(COOKIE), None, "the browser has forgotten it");
    // As docs/sso/flask.md says: nobody can tell, the application itself included.
    gateway.exchange(&cookie).await.expect(200);
    gateway.later(31 * 86_400);
    gateway.exchange(&cookie).await.problem(401);
}

#[tokio::test]
async fn a_log_in_with_its_session_in_redis_is_one_here_until_the_log_out_there() {
    let redis = redis::shared().await;
    let server = format!("host = \"127.0.0.1\", port = {}, timeout = \"20s\"", redis.port);
    let signed = format!(
        "kind = \"redis_session\"\ncookie = {{ kind = \"flask_session\", secrets = [\"{SECRET}\"] }}"
    );
    for use_signer in [false, true] {
        let flask = Flask::start(Some(redis), use_signer).await;
        let kind = if use_signer { &*signed } else { "kind = \"redis_session\"" };
        let others = [
            ("{ file = \"/run/secrets/redis-password\" }", &*format!("\"{}\"", redis::PASSWORD)),
            ("host = \"redis.example.com\"", &server),
            (", tls = {}", ""),
            ("kind = \"redis_session\"", kind),
        ];
        let gateway = Gateway::new("flask-session", COOKIE, &others).await;
        let (mut visitor, cookie) = log_in(&flask.origin, "/login", COOKIE).await;
        let claims = gateway.minted(&cookie).await;
        assert_eq!((&claims["sub"], &claims["roles"]), (&json!("42"), &json!(["dev"])));
        visitor.post("/logout", &[]).await;
        gateway.exchange(&cookie).await.expect(200);
        gateway.later(40);
        gateway.exchange(&cookie).await.problem(401);
    }
}
