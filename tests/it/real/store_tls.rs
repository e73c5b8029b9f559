//! `redis_session` and `sql_session` over TLS to a real Redis and a real PostgreSQL: whom they
//! trust, for which name, and with which certificate of their own.

use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;

use cambio::sso::SsoValidator;
use serde_json::{Value, json};

use super::certificates::Certificates;
use super::postgres::{self, Postgres};
use super::redis::{self, Redis};
use crate::sso_fixtures::{NOW, cookie, cx, merged, name, validator};

const ID: &str = "good-session-0000";

async fn verdict(validator: &Arc<dyn SsoValidator>) -> &'static str {
    name(&validator.validate(&cookie(ID), &cx()).await)
}

/// A Redis that speaks TLS on one port, and holds one session.
async fn redis(certificates: &Certificates, asks_clients: &str) -> (Redis, u16) {
    let redis = Redis::start_encrypted(certificates, asks_clients, &[]).await;
    let address = ::redis::ConnectionAddr::Tcp("127.0.0.1".into(), redis.port);
    let info = ::redis::IntoConnectionInfo::into_connection_info(address).unwrap();
    let log_in = ::redis::RedisConnectionInfo::default().set_password(redis::PASSWORD);
    let client = ::redis::Client::open(info.set_redis_settings(log_in)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let set = ::redis::cmd("SET").arg(format!("sess:{ID}")).arg(r#"{"user":"ann"}"#).to_owned();
    set.exec_async(&mut connection).await.unwrap();
    let port = redis.known_port();
    (redis, port)
}

fn on_redis(port: u16, further: &Value) -> Arc<dyn SsoValidator> {
    let table = json!({"kind": "redis_session", "key": "sess:{id}", "format": "json",
        "fields": {"subject": "user"}, "redis": {"host": "localhost", "port": port,
            "password": redis::PASSWORD, "timeout": "20s", "connect_timeout": "20s"}});
    validator(merged(table, &json!({ "redis": further })))
}

#[tokio::test]
async fn redis_is_believed_by_its_certificate_and_name_alone() {
    let certificates = Certificates::new();
    let (_redis, port) = redis(&certificates, "no").await;
    let ca = json!({"tls": certificates.trusting()});
    assert_eq!(verdict(&on_redis(port, &ca)).await, "verified");
    let by_address = merged(ca, &json!({"host": "127.0.0.1"}));
    assert_eq!(verdict(&on_redis(port, &by_address)).await, "unavailable");
    let other = Certificates::new();
    let other = json!({"tls": other.trusting()});
    assert_eq!(verdict(&on_redis(port, &other)).await, "unavailable");
    // Without TLS nothing is understood there.
    assert_eq!(verdict(&on_redis(port, &json!({"connect_timeout": "500ms"}))).await, "unavailable");
}

#[tokio::test]
async fn redis_may_ask_for_a_certificate_of_ours() {
    let certificates = Certificates::new();
    let (_redis, port) = redis(&certificates, "yes").await;
    let with = json!({"tls": certificates.known()});
    assert_eq!(verdict(&on_redis(port, &with)).await, "verified");
    let without = json!({"tls": certificates.trusting()});
    assert_eq!(verdict(&on_redis(port, &without)).await, "unavailable");
}

/// A PostgreSQL that speaks TLS with a server's certificate.
async fn postgres(certificates: &Certificates) -> Postgres {
    let postgres = Postgres::start().await;
    let folder = postgres.server.folder();
    for (file, option) in [("server.pem", "ssl_cert_file"), ("server.key", "ssl_key_file")] {
        let content = std::fs::read(certificates.folder.path().join(file)).unwrap();
        let path = folder.write(file, content);
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600)).unwrap();
        let sql = format!("alter system set {option} = '{}'", path.display());
        postgres.execute("postgres", &sql).await;
    }
    postgres.execute("postgres", "alter system set ssl = on").await;
    postgres.execute("postgres", "select pg_reload_conf()").await;
    postgres
}

fn on_postgres(port: u16, further: &Value) -> Arc<dyn SsoValidator> {
    let end = NOW.secs() + 60;
    let query = format!(
        "select 'ann' as subject, ssl, {end} as expires_at from pg_stat_ssl
         where pid = pg_backend_pid() and $1 <> ''"
    );
    let table = json!({"kind": "sql_session", "format": "columns", "query": query,
        "fields": {"subject": "subject", "attributes": {"ssl": "ssl"}},
        "postgres": {"host": "localhost", "port": port, "user": postgres::USER,
            "database": "postgres", "password": postgres::PASSWORD, "timeout": "20s",
            "connect_timeout": "20s"}});
    validator(merged(table, &json!({ "postgres": further })))
}

#[tokio::test]
async fn postgresql_is_believed_by_its_certificate_and_name_alone() {
    let certificates = Certificates::new();
    let postgres = postgres(&certificates).await;
    let ca = json!({"tls": certificates.trusting()});
    let encrypted = async |validator: Arc<dyn SsoValidator>| {
        let who = validator.validate(&cookie(ID), &cx()).await;
        who.map(|who| who.attributes["ssl"].clone())
    };
    // The reload takes a moment.
    super::eventually("PostgreSQL speaks TLS", async || {
        encrypted(on_postgres(postgres.port, &ca)).await.ok().filter(|ssl| *ssl == json!(true))
    })
    .await;
    assert_eq!(encrypted(on_postgres(postgres.port, &json!({}))).await, Ok(json!(false)));
    let by_address = merged(ca, &json!({"host": "127.0.0.1"}));
    assert_eq!(verdict(&on_postgres(postgres.port, &by_address)).await, "unavailable");
    let other = Certificates::new();
    let other = json!({"tls": other.trusting()});
    assert_eq!(verdict(&on_postgres(postgres.port, &other)).await, "unavailable");
}

#[tokio::test]
async fn nothing_can_be_written_through_a_query() {
    let postgres = postgres::shared().await;
    let database = postgres.database().await;
    postgres.execute(&database, "create table t (id text); insert into t values ('x')").await;
    let query = "with gone as (delete from t where id = $1 or true returning id)
        select id as subject, 9999999999 as expires_at from gone";
    let further =
        json!({"query": query, "postgres": {"port": postgres.port, "database": database}});
    let table = json!({"kind": "sql_session", "format": "columns", "fields": {"subject": "subject"},
        "postgres": {"user": postgres::USER, "password": postgres::PASSWORD, "timeout": "20s"}});
    let writing = validator(merged(table, &further));
    assert_eq!(verdict(&writing).await, "unavailable");
    let client = postgres.connect(&database).await.unwrap();
    let left = client.query_one("select count(*) from t", &[]).await.unwrap();
    assert_eq!(left.get::<_, i64>(0), 1);
}
