//! Express with express-session and connect-redis (npm): its cookie through `redis_session`,
//! from a log-in by its own form to the log-out there, over an outage of Redis.

use serde_json::json;

use super::apps::{Gateway, PASSWORD, SECRET, log_in};
use super::installed::installed;
use super::redis::{self, Redis};
use super::server::{Folder, Server};
use super::visitor::Visitor;
use super::{eventually, free_port};

const COOKIE: &str = "connect.sid";

struct Express {
    _server: Server,
    origin: String,
}

impl Express {
    async fn start(redis: &Redis, secrets: &[&str]) -> Self {
        let folder = Folder::new("nobody");
        let port = free_port();
        let settings = json!({"port": port, "redisPort": redis.port, "password": PASSWORD,
            "redisPassword": redis::PASSWORD, "secrets": secrets});
        folder.write("settings.json", settings.to_string());
        folder.write("app.mjs", include_str!("express/app.mjs"));
        let modules = installed("express").join("node_modules");
        std::os::unix::fs::symlink(modules, folder.path().join("node_modules")).unwrap();
        let mut command = folder.command("express", "node");
        command.arg("app.mjs");
        let mut server = Server::start("express", folder, command);
        server.listens(port).await;
        Self { _server: server, origin: format!("http://127.0.0.1:{port}") }
    }
}

async fn gateway(redis: &Redis, secret: &str) -> Gateway {
    let server = format!("host = \"127.0.0.1\", port = {}, timeout = \"20s\"", redis.port);
    let others = [
        ("{ file = \"/run/secrets/express-secret\" }", &*format!("\"{secret}\"")),
        ("{ file = \"/run/secrets/redis-password\" }", &format!("\"{}\"", redis::PASSWORD)),
        ("host = \"redis.example.com\"", &server),
        (", tls = {}", ""),
    ];
    Gateway::new("express", COOKIE, &others).await
}

/// Keeps its data over a restart.
async fn durable_redis() -> Redis {
    Redis::start_with(&["--appendonly", "yes", "--appendfsync", "always"]).await
}

#[tokio::test]
async fn a_log_in_there_is_one_here_until_the_log_out_there() {
    let redis = redis::shared().await;
    let express = Express::start(redis, &[SECRET]).await;
    let gateway = gateway(redis, SECRET).await;
    let (mut visitor, cookie) = log_in(&express.origin, "/login", COOKIE).await;
    let claims = gateway.minted(&cookie).await;
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("42"), &json!(["dev", "ops"])));

    assert_eq!(visitor.post("/logout", &[]).await.status, 302);
    // For as long as the verdict is kept, nobody is asked.
    gateway.exchange(&cookie).await.expect(200);
    gateway.later(40);
    gateway.exchange(&cookie).await.problem(401);
}

#[tokio::test]
async fn a_visitor_and_a_forged_cookie_are_nobody() {
    let redis = redis::shared().await;
    let express = Express::start(redis, &[SECRET]).await;
    let gateway = gateway(redis, SECRET).await;
    let mut visitor = Visitor::new(&express.origin);
    visitor.get("/cart").await;
    gateway.exchange(visitor.cookie(COOKIE).unwrap()).await.problem(401);
    let (_, cookie) = log_in(&express.origin, "/login", COOKIE).await;
    let id = cookie.split('.').next().unwrap();
    gateway.exchange(id).await.problem(400);
    let other = Express::start(redis, &["another secret of the tests"]).await;
    let (_, of_another_secret) = log_in(&other.origin, "/login", COOKIE).await;
    gateway.exchange(&of_another_secret).await.problem(401);
}

#[tokio::test]
async fn a_secret_that_was_replaced_is_good_while_it_is_listed() {
    let redis = redis::shared().await;
    let express = Express::start(redis, &["a newer secret of the tests", SECRET]).await;
    let (_, cookie) = log_in(&express.origin, "/login", COOKIE).await;
    gateway(redis, SECRET).await.exchange(&cookie).await.problem(401);
    let both = gateway(redis, &format!("a newer secret of the tests\", \"{SECRET}")).await;
    both.exchange(&cookie).await.expect(200);
}

#[tokio::test]
async fn an_outage_of_redis_is_no_log_out_and_ends_by_itself() {
    let mut redis = durable_redis().await;
    let express = Express::start(&redis, &[SECRET]).await;
    let gateway = gateway(&redis, SECRET).await;
    let (_, known) = log_in(&express.origin, "/login", COOKIE).await;
    let (_, unknown) = log_in(&express.origin, "/login", COOKIE).await;
    gateway.exchange(&known).await.expect(200);

    redis.server.stop().await;
    gateway.exchange(&unknown).await.problem(503);
    gateway.later(40);
    // The last verdict stands in, for as long as it may.
    gateway.exchange(&known).await.expect(200);
    gateway.later(600);
    gateway.exchange(&known).await.problem(503);

    redis.start_again().await;
    gateway.later(60);
    let back = async || Some(gateway.exchange(&known).await).filter(|answer| answer.status == 200);
    eventually("the gateway finds Redis again", back).await;
    gateway.exchange(&unknown).await.expect(200);
}

#[tokio::test]
async fn a_redis_that_hangs_is_503() {
    let redis = durable_redis().await;
    let express = Express::start(&redis, &[SECRET]).await;
    let (_, cookie) = log_in(&express.origin, "/login", COOKIE).await;
    let server = format!("host = \"127.0.0.1\", port = {}, timeout = \"100ms\"", redis.port);
    let others = [
        ("{ file = \"/run/secrets/express-secret\" }", &*format!("\"{SECRET}\"")),
        ("{ file = \"/run/secrets/redis-password\" }", &format!("\"{}\"", redis::PASSWORD)),
        ("host = \"redis.example.com\"", &server),
        (", tls = {}", ", connect_timeout = \"100ms\""),
    ];
    let gateway = Gateway::new("express", COOKIE, &others).await;
    redis.server.signal("STOP");
    gateway.exchange(&cookie).await.problem(503);
    redis.server.signal("CONT");
    let back = async || Some(gateway.exchange(&cookie).await).filter(|answer| answer.status == 200);
    eventually("the gateway finds Redis again", back).await;
}
