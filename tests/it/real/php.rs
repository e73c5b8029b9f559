//! A PHP application with phpredis (Debian): its sessions in Redis through `redis_session`, in
//! both of PHP's formats.

use serde_json::json;

use super::apps::{Gateway, PASSWORD, log_in};
use super::free_port;
use super::redis::{self, Redis};
use super::server::{Folder, Server};

const COOKIE: &str = "PHPSESSID";

struct Php {
    _server: Server,
    origin: String,
}

impl Php {
    async fn start(redis: &Redis, serialize_handler: &str) -> Self {
        let folder = Folder::new("nobody");
        let port = free_port();
        folder.write("settings.json", json!({"password": PASSWORD}).to_string());
        folder.write("index.php", include_str!("php/index.php"));
        let password = redis::PASSWORD.replace(' ', "%20");
        folder.write(
            "php.ini",
            format!(
                "session.save_handler = redis\nsession.serialize_handler = {serialize_handler}\n\
                 session.save_path = \"tcp://127.0.0.1:{}?auth={password}\"\n",
                redis.port
            ),
        );
        let mut command = folder.command("php", "php");
        command.args(["-c", "php.ini", "-S", &format!("127.0.0.1:{port}"), "index.php"]);
        let mut server = Server::start("php", folder, command);
        server.listens(port).await;
        Self { _server: server, origin: format!("http://127.0.0.1:{port}") }
    }
}

#[tokio::test]
async fn a_log_in_there_is_one_here_until_the_log_out_there() {
    let redis = redis::shared().await;
    let server = format!("host = \"127.0.0.1\", port = {}, timeout = \"20s\"", redis.port);
    for handler in ["php", "php_serialize"] {
        let php = Php::start(redis, handler).await;
        let others = [
            ("{ file = \"/run/secrets/redis-password\" }", &*format!("\"{}\"", redis::PASSWORD)),
            ("host = \"redis.example.com\"", &server),
            (", tls = {}", ""),
            ("format = \"php\"", &format!("format = \"{handler}\"")),
        ];
        let gateway = Gateway::new("php", COOKIE, &others).await;
        let (mut visitor, cookie) = log_in(&php.origin, "/login", COOKIE).await;
        let claims = gateway.minted(&cookie).await;
        assert_eq!((&claims["sub"], &claims["roles"]), (&json!("alice"), &json!(["dev", "ops"])));
        visitor.post("/logout", &[]).await;
        gateway.exchange(&cookie).await.expect(200);
        gateway.later(40);
        gateway.exchange(&cookie).await.problem(401);
    }
}
