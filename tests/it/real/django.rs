//! A Django site (PyPI): its sessions in PostgreSQL through `sql_session` and in its signed
//! cookies through `django`, from a log-in by its own form to the log-out there.

use std::process::Command;

use serde_json::{Value, json};

use super::apps::{Gateway, PASSWORD, SECRET, log_in_with};
use super::installed::installed;
use super::postgres::{self, Postgres};
use super::redis;
use super::server::{Folder, Server};
use super::visitor::Visitor;
use super::{eventually, free_port};

const COOKIE: &str = "sessionid";

struct Django {
    _server: Server,
    origin: String,
    database: String,
}

impl Django {
    /// A site with its users in a database of its own.
    async fn start(postgres: &Postgres, engine: &str) -> Self {
        let caches = json!({"default": {"BACKEND": "django.core.cache.backends.dummy.DummyCache"}});
        Self::start_with(postgres, engine, caches).await
    }

    async fn start_with(postgres: &Postgres, engine: &str, caches: Value) -> Self {
        let folder = Folder::new("nobody");
        let (port, database) = (free_port(), postgres.database().await);
        let settings = json!({"port": port, "secret_key": SECRET, "password": PASSWORD,
            "caches": caches, "session_engine": format!("django.contrib.sessions.backends.{engine}"),
            "database": {"HOST": "127.0.0.1", "PORT": postgres.port, "NAME": database,
                "USER": postgres::USER, "PASSWORD": postgres::PASSWORD}});
        folder.write("settings.json", settings.to_string());
        folder.write("manage.py", include_str!("django/manage.py"));
        folder.run("prepare", command(&folder, "prepare"));
        let serve = command(&folder, "serve");
        let mut server = Server::start("serve", folder, serve);
        server.listens(port).await;
        Self { _server: server, origin: format!("http://127.0.0.1:{port}"), database }
    }

    async fn log_in(&self, password: &str) -> (Visitor, String) {
        log_in_with(&self.origin, "/login/", COOKIE, "username", password).await
    }
}

fn command(folder: &Folder, what: &str) -> Command {
    let mut command = folder.command(what, installed("django").join("bin/python"));
    command.args(["manage.py", what]).env("PYTHONDONTWRITEBYTECODE", "1");
    command
}

/// Sends a form of the site, with the token that it hides there.
async fn send(visitor: &mut Visitor, form: &str, path: &str, fields: &[(&str, &str)]) {
    let token = visitor.get(form).await.field("csrfmiddlewaretoken");
    let fields = [fields, &[("csrfmiddlewaretoken", token.as_str())]].concat();
    let page = visitor.post(path, &fields).await;
    assert_eq!((page.status, page.location.as_deref()), (302, Some("/")), "{page:?}");
}

/// A gateway that may read two tables and nothing else.
async fn gateway(postgres: &Postgres, database: &str, secret: &str) -> Gateway {
    let role = format!("reader_of_{database}");
    postgres
        .execute(
            database,
            &format!(
                "do $$ begin if not exists (select from pg_roles where rolname = '{role}') then
                   create role {role} login password 'of the reader'; end if; end $$;
                 grant select on django_session, auth_user to {role}"
            ),
        )
        .await;
    let server = format!(
        "host = \"127.0.0.1\", port = {}, database = \"{database}\", user = \"{role}\", timeout = \"20s\"",
        postgres.port
    );
    let others = [
        ("{ file = \"/run/secrets/django-secret-key\" }", &*format!("\"{secret}\"")),
        ("{ file = \"/run/secrets/postgres-password\" }", "\"of the reader\""),
        ("host = \"db.example.com\", database = \"site\", user = \"cambio\"", &server),
        (", tls = {}", ""),
    ];
    Gateway::new("django-sessions", COOKIE, &others).await
}

#[tokio::test]
async fn a_log_in_there_is_one_here_until_the_log_out_there() {
    let postgres = postgres::shared().await;
    let django = Django::start(postgres, "db").await;
    let gateway = gateway(postgres, &django.database, SECRET).await;
    let (mut visitor, cookie) = django.log_in(PASSWORD).await;
    let claims = gateway.minted(&cookie).await;
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("alice"), &json!(["dev", "ops"])));
    let mut stranger = Visitor::new(&django.origin);
    stranger.get("/cart/").await;
    gateway.exchange(stranger.cookie(COOKIE).unwrap()).await.problem(401);

    send(&mut visitor, "/login/", "/logout/", &[]).await;
    gateway.exchange(&cookie).await.expect(200);
    gateway.later(40);
    gateway.exchange(&cookie).await.problem(401);
}

#[tokio::test]
async fn a_changed_password_and_a_disabled_user_end_every_session() {
    let postgres = postgres::shared().await;
    let django = Django::start(postgres, "db").await;
    let gateway = gateway(postgres, &django.database, SECRET).await;
    let (_, elsewhere) = django.log_in(PASSWORD).await;
    let (mut visitor, _) = django.log_in(PASSWORD).await;
    gateway.exchange(&elsewhere).await.expect(200);
    let new = "another password of the tests";
    let fields = [("old_password", PASSWORD), ("new_password1", new), ("new_password2", new)];
    send(&mut visitor, "/password/", "/password/", &fields).await;
    gateway.later(40);
    gateway.exchange(&elsewhere).await.problem(401);
    // Who changed it goes on, with the session that Django gave them.
    let own = visitor.cookie(COOKIE).unwrap().to_owned();
    gateway.exchange(&own).await.expect(200);

    postgres.execute(&django.database, "update auth_user set is_active = false").await;
    gateway.later(40);
    gateway.exchange(&own).await.problem(401);
}

#[tokio::test]
async fn what_the_gateway_cannot_read_is_not_the_clients_fault() {
    let postgres = postgres::shared().await;
    let django = Django::start(postgres, "db").await;
    let (_, cookie) = django.log_in(PASSWORD).await;
    // A secret that is not the site's: the row cannot be opened.
    let other = gateway(postgres, &django.database, "another secret of the tests").await;
    other.exchange(&cookie).await.problem(502);
    let role = format!("reader_of_{}", django.database);
    let good = gateway(postgres, &django.database, SECRET).await;
    postgres.execute(&django.database, &format!("revoke select on auth_user from {role}")).await;
    good.exchange(&cookie).await.problem(503);
    postgres.execute(&django.database, &format!("grant select on auth_user to {role}")).await;
    good.exchange(&cookie).await.expect(200);
}

#[tokio::test]
async fn an_outage_of_postgresql_is_no_log_out_and_ends_by_itself() {
    let mut postgres = Postgres::start().await;
    let django = Django::start(&postgres, "db").await;
    let gateway = gateway(&postgres, &django.database, SECRET).await;
    let (_, known) = django.log_in(PASSWORD).await;
    let (_, unknown) = django.log_in(PASSWORD).await;
    gateway.exchange(&known).await.expect(200);

    postgres.server.kill();
    gateway.exchange(&unknown).await.problem(503);
    gateway.later(40);
    gateway.exchange(&known).await.expect(200);
    gateway.later(600);
    gateway.exchange(&known).await.problem(503);

    postgres.start_again().await;
    gateway.later(60);
    let back = async || Some(gateway.exchange(&known).await).filter(|answer| answer.status == 200);
    eventually("the gateway finds PostgreSQL again", back).await;
    gateway.exchange(&unknown).await.expect(200);
}

#[tokio::test]
async fn a_log_in_with_its_session_in_a_cache_is_one_here_until_the_log_out_there() {
    let (postgres, redis) = (postgres::shared().await, redis::shared().await);
    let location = format!("redis://127.0.0.1:{}/1", redis.port);
    let caches = json!({"default": {"BACKEND": "django.core.cache.backends.redis.RedisCache",
        "LOCATION": location, "OPTIONS": {"password": redis::PASSWORD}}});
    let django = Django::start_with(postgres, "cache", caches).await;
    let server = format!("host = \"127.0.0.1\", port = {}, timeout = \"20s\"", redis.port);
    let others = [
        ("{ file = \"/run/secrets/django-secret-key\" }", &*format!("\"{SECRET}\"")),
        ("{ file = \"/run/secrets/redis-password\" }", &format!("\"{}\"", redis::PASSWORD)),
        ("host = \"redis.example.com\"", &server),
        (", tls = {}", ""),
    ];
    let gateway = Gateway::new("django-cache", COOKIE, &others).await;
    let (mut visitor, cookie) = django.log_in(PASSWORD).await;
    let claims = gateway.minted(&cookie).await;
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("1"), &json!(["dev", "ops"])));
    send(&mut visitor, "/login/", "/logout/", &[]).await;
    gateway.exchange(&cookie).await.expect(200);
    gateway.later(40);
    gateway.exchange(&cookie).await.problem(401);
}

#[tokio::test]
async fn its_signed_cookies_are_opened_without_a_call_and_a_copy_outlives_the_log_out() {
    let postgres = postgres::shared().await;
    let django = Django::start(postgres, "signed_cookies").await;
    let others = [("{ file = \"/run/secrets/django-secret-key\" }", &*format!("\"{SECRET}\""))];
    // The gateway's clock stands: it must not be behind the cookie's.
    let (mut visitor, cookie) = django.log_in(PASSWORD).await;
    let gateway = Gateway::new("django", COOKIE, &others).await;
    let claims = gateway.minted(&cookie).await;
    assert_eq!((&claims["sub"], &claims["roles"]), (&json!("1"), &json!(["dev", "ops"])));
    send(&mut visitor, "/login/", "/logout/", &[]).await;
    assert_eq!(visitor.cookie(COOKIE), None, "the browser has forgotten it");
    // As docs/sso/django.md says: nobody can tell, the site itself included.
    gateway.exchange(&cookie).await.expect(200);
    gateway.later(14 * 86_400);
    gateway.exchange(&cookie).await.problem(401);
}
