//! `redis_session` and `sql_session` against stores that misbehave: what each fault becomes, that
//! they come back by themselves, and that each key of their tables takes effect.

use std::sync::Arc;
use std::time::{Duration, Instant};

use cambio::sso::SsoValidator;
use serde_json::{Value, json};

use crate::fake_postgres::{self, Column, FakePostgres, INT8, TEXT, TIMESTAMP};
use crate::fake_redis::{self, FakeRedis};
use crate::sso_fixtures::{
    NOW, cookie, cx, merged, name, problem_paths, refusing_port, validator, vector,
};

const ID: &str = "good-session-0000";

/// The name of the verdict on a session.
async fn verdict(validator: &Arc<dyn SsoValidator>, id: &str) -> &'static str {
    let verdict = validator.validate(&cookie(id), &cx()).await;
    if let Err(error) = &verdict {
        assert!(!error.to_string().contains(id), "{error}");
    }
    name(&verdict)
}

fn redis_table(port: u16) -> Value {
    json!({"kind": "redis_session", "key": "sess:{id}", "format": "json",
        "fields": {"subject": "user"}, "redis": {"port": port}})
}

fn on_redis(redis: &FakeRedis, further: &Value) -> Arc<dyn SsoValidator> {
    validator(merged(redis_table(redis.port), further))
}

async fn redis() -> FakeRedis {
    FakeRedis::start(&[("sess:good-session-0000", r#"{"user":"ann"}"#, 60_000)]).await
}

fn sql_table(port: u16) -> Value {
    json!({"kind": "sql_session", "format": "json", "fields": {"subject": "user"},
        "query": "select data, expires_at from sessions where id = $1",
        "postgres": {"port": port}})
}

fn on_postgres(postgres: &FakePostgres, further: &Value) -> Arc<dyn SsoValidator> {
    validator(merged(sql_table(postgres.port), further))
}

fn text(name: &'static str, text: &str) -> Column {
    (name, TEXT, Some(text.as_bytes().to_vec()))
}

fn end(secs: i64) -> Column {
    ("expires_at", INT8, Some((NOW.secs() + secs).to_be_bytes().to_vec()))
}

async fn postgres() -> FakePostgres {
    let row = vec![text("data", r#"{"user":"ann"}"#), end(60)];
    FakePostgres::start(&[(ID, vec![row])]).await
}

#[tokio::test]
async fn what_redis_does_becomes_the_verdict() {
    use fake_redis::Behaviour;
    for (behaviour, want) in [
        (Behaviour::Serve, "verified"),
        (Behaviour::Error("WRONGTYPE Operation against a key of the wrong kind"), "upstream"),
        (Behaviour::Error("LOADING Redis is loading the dataset in memory"), "unavailable"),
        (Behaviour::Error("NOAUTH Authentication required."), "unavailable"),
        (Behaviour::Error("NOPERM this user has no permissions"), "unavailable"),
        (Behaviour::Error("ERR something is wrong with good-session-0000"), "unavailable"),
        (Behaviour::Error("MASTERDOWN Link with MASTER is down"), "unavailable"),
        (Behaviour::Hang, "unavailable"),
        (Behaviour::Reset, "unavailable"),
        // Who speaks another protocol is not there, as far as anybody can tell.
        (Behaviour::Garbage, "unavailable"),
    ] {
        let redis = redis().await;
        let validator = on_redis(&redis, &json!({"redis": {"timeout": "3s"}}));
        redis.then(behaviour.clone());
        assert_eq!(verdict(&validator, ID).await, want, "{behaviour:?} on a new connection");
        redis.then(Behaviour::Serve);
        assert_eq!(verdict(&validator, ID).await, "verified", "after {behaviour:?}");
        redis.then(behaviour.clone());
        assert_eq!(verdict(&validator, ID).await, want, "{behaviour:?} on a used connection");
        redis.then(Behaviour::Serve);
        assert_eq!(verdict(&validator, ID).await, "verified", "after {behaviour:?}");
    }
    let down = validator(redis_table(refusing_port().await));
    assert_eq!(verdict(&down, ID).await, "unavailable");
}

#[tokio::test]
async fn what_postgres_does_becomes_the_verdict() {
    use fake_postgres::Behaviour;
    for (behaviour, want) in [
        (Behaviour::Serve, "verified"),
        // A value that its type does not take; the server's text quotes it.
        (Behaviour::Error("22P02"), "upstream"),
        // No such table, no permission, timeout of the statement, shutdown, too many connections.
        (Behaviour::Error("42P01"), "unavailable"),
        (Behaviour::Error("42501"), "unavailable"),
        (Behaviour::Error("57014"), "unavailable"),
        (Behaviour::Error("57P01"), "unavailable"),
        (Behaviour::Error("53300"), "unavailable"),
        (Behaviour::Hang, "unavailable"),
        (Behaviour::Reset, "unavailable"),
        // Who speaks another protocol is not there, as far as anybody can tell.
        (Behaviour::Garbage, "unavailable"),
    ] {
        let postgres = postgres().await;
        let validator = on_postgres(&postgres, &json!({"postgres": {"timeout": "3s"}}));
        postgres.then(behaviour.clone());
        assert_eq!(verdict(&validator, ID).await, want, "{behaviour:?} on a new connection");
        postgres.then(Behaviour::Serve);
        assert_eq!(verdict(&validator, ID).await, "verified", "after {behaviour:?}");
        postgres.then(behaviour.clone());
        assert_eq!(verdict(&validator, ID).await, want, "{behaviour:?} on a used connection");
        postgres.then(Behaviour::Serve);
        assert_eq!(verdict(&validator, ID).await, "verified", "after {behaviour:?}");
    }
    let down = validator(sql_table(refusing_port().await));
    assert_eq!(verdict(&down, ID).await, "unavailable");
}

#[tokio::test]
async fn the_connection_to_redis_is_one_and_is_kept() {
    let redis = redis().await;
    let validator = on_redis(&redis, &json!({}));
    let asked: Vec<_> = (0..20).map(|_| verdict(&validator, ID)).collect();
    for verdict in futures_util::future::join_all(asked).await {
        assert_eq!(verdict, "verified");
    }
    assert_eq!(redis.connections(), 1);
}

#[tokio::test]
async fn redis_is_sent_the_key_and_the_bound_and_nothing_else() {
    let redis = FakeRedis::start(&[("app:good-session-0000:s", r#"{"user":"ann"}"#, -1)]).await;
    let further = json!({"key": "app:{id}:s", "max_bytes": 2048,
        "redis": {"database": 3, "user": "reader", "password": "hunter2"}});
    let validator = on_redis(&redis, &further);
    let who = validator.validate(&cookie(ID), &cx()).await.unwrap();
    assert_eq!(who.expires_at, None, "a key without an end");
    let key = "app:good-session-0000:s";
    assert_eq!(
        redis.commands(),
        [
            vec!["AUTH", "reader", "hunter2"],
            vec!["SELECT", "3"],
            vec!["GETRANGE", key, "0", "2048"],
            vec!["PTTL", key],
        ]
    );
}

#[tokio::test]
async fn the_end_of_a_session_is_that_of_its_key() {
    let redis = redis().await;
    let validator = on_redis(&redis, &json!({}));
    let who = validator.validate(&cookie(ID), &cx()).await.unwrap();
    assert_eq!(who.expires_at, Some(NOW.plus(Duration::from_secs(60))));
    assert_eq!(verdict(&validator, "unknown-session-0").await, "rejected");
}

#[tokio::test]
async fn a_value_that_is_larger_than_allowed_is_upstream() {
    let large = json!({"user": "ann", "x": "a".repeat(2000)}).to_string();
    let redis = FakeRedis::start(&[("sess:good-session-0000", &large, 60_000)]).await;
    assert_eq!(verdict(&on_redis(&redis, &json!({"max_bytes": 1024})), ID).await, "upstream");
    assert_eq!(verdict(&on_redis(&redis, &json!({"max_bytes": 4096})), ID).await, "verified");
    let row = vec![text("data", &large), end(60)];
    let postgres = FakePostgres::start(&[(ID, vec![row])]).await;
    assert_eq!(verdict(&on_postgres(&postgres, &json!({"max_bytes": 1024})), ID).await, "upstream");
    assert_eq!(verdict(&on_postgres(&postgres, &json!({"max_bytes": 4096})), ID).await, "verified");
}

#[tokio::test]
async fn a_query_runs_read_only_with_a_timeout_in_one_transaction() {
    let postgres = postgres().await;
    let validator = on_postgres(&postgres, &json!({"postgres": {"timeout": "1500ms"}}));
    assert_eq!(verdict(&validator, ID).await, "verified");
    assert_eq!(
        postgres.asked(),
        [
            "BEGIN READ ONLY; SET LOCAL statement_timeout = 1500",
            "select data, expires_at from sessions where id = $1 good-session-0000",
            "COMMIT",
        ]
    );
}

#[tokio::test]
async fn connections_to_postgres_are_reused_and_bounded() {
    let postgres = postgres().await;
    let validator = on_postgres(&postgres, &json!({"postgres": {"max_connections": 3}}));
    for _ in 0..3 {
        let asked: Vec<_> = (0..20).map(|_| verdict(&validator, ID)).collect();
        for verdict in futures_util::future::join_all(asked).await {
            assert_eq!(verdict, "verified");
        }
    }
    assert!(postgres.connections() <= 3, "{}", postgres.connections());
}

#[tokio::test]
async fn a_row_that_does_not_say_what_it_must_is_upstream() {
    let good = || text("data", r#"{"user":"ann","until":9999999999}"#);
    for (rows, want) in [
        (vec![], "rejected"),
        (vec![vec![good(), end(60)]], "verified"),
        (vec![vec![good(), end(0)]], "rejected"),
        (
            vec![vec![good(), ("expires_at", TEXT, Some(b"2099-01-01T00:00:00Z".to_vec()))]],
            "verified",
        ),
        (vec![vec![good()]], "upstream"),
        (vec![vec![good(), ("expires_at", INT8, None)]], "upstream"),
        (vec![vec![good(), ("expires_at", TEXT, Some(b"tomorrow".to_vec()))]], "upstream"),
        // Without an offset nobody knows when that is.
        (vec![vec![good(), ("expires_at", TIMESTAMP, Some(vec![0; 8]))]], "upstream"),
        (vec![vec![("data", TEXT, None), end(60)]], "upstream"),
        (vec![vec![text("data", "{"), end(60)]], "upstream"),
        (vec![vec![good(), end(60)], vec![good(), end(60)]], "upstream"),
    ] {
        let postgres = FakePostgres::start(&[(ID, rows.clone())]).await;
        assert_eq!(verdict(&on_postgres(&postgres, &json!({})), ID).await, want, "{rows:?}");
    }
    // The session itself may say it.
    let postgres = FakePostgres::start(&[(ID, vec![vec![good()]])]).await;
    let validator = on_postgres(&postgres, &json!({"fields": {"expires_at": "until"}}));
    assert_eq!(verdict(&validator, ID).await, "verified");
}

#[tokio::test]
async fn columns_are_the_session_or_stand_beside_it() {
    let row = || vec![text("user", "ann"), end(60), text("mail", "a@b")];
    let postgres = FakePostgres::start(&[(ID, vec![row()])]).await;
    let further = json!({"format": "columns", "fields": {"attributes": {"mail": "mail"}}});
    let who = on_postgres(&postgres, &further).validate(&cookie(ID), &cx()).await.unwrap();
    assert_eq!((who.subject.as_str(), &who.attributes["mail"]), ("ann", &json!("a@b")));

    let row = vec![text("data", r#"{"user":"ann","row":"own"}"#), end(60), text("mail", "a@b")];
    let postgres = FakePostgres::start(&[(ID, vec![row])]).await;
    let further = json!({"fields": {"attributes": {"mail": "/row/mail"}}});
    let who = on_postgres(&postgres, &further).validate(&cookie(ID), &cx()).await.unwrap();
    assert_eq!(who.attributes["mail"], "a@b");
}

#[tokio::test]
async fn the_user_of_a_django_session_is_looked_up_and_must_have_that_password() {
    let (file, data) = vector("django", "/db/session_data");
    let password = file.pointer("/user/password_field").unwrap().as_str().unwrap();
    let session = vec![
        text("data", &data),
        ("expires_at", INT8, Some(2_000_000_000_i64.to_be_bytes().to_vec())),
    ];
    let further = json!({"format": "django", "fields": {"subject": "/user_row/username"},
        "django": {"secret_key": file["secret_key"],
            "user_query": "select password as user_password, username from auth_user where id = $1::bigint"}});
    for (user, want) in [
        (vec![vec![text("user_password", password), text("username", "alice")]], "verified"),
        (vec![vec![text("user_password", "changed"), text("username", "alice")]], "rejected"),
        (vec![], "rejected"),
        (vec![vec![text("password", password), text("username", "alice")]], "upstream"),
    ] {
        let rows = [(ID, vec![session.clone()]), ("1", user)];
        let postgres = FakePostgres::start(&rows).await;
        assert_eq!(verdict(&on_postgres(&postgres, &further), ID).await, want, "{rows:?}");
        let asked = postgres.asked();
        assert!(asked.iter().any(|sql| sql.ends_with("where id = $1::bigint 1")), "{asked:?}");
    }
}

#[tokio::test]
async fn a_store_that_hangs_is_given_up_after_its_timeouts() {
    let begun = Instant::now();
    let redis = redis().await;
    redis.then(fake_redis::Behaviour::Hang);
    // With a password even the log-in hangs.
    let further = json!({"redis": {"connect_timeout": "50ms", "timeout": "50ms", "password": "x"}});
    assert_eq!(verdict(&on_redis(&redis, &further), ID).await, "unavailable");
    let further = json!({"redis": {"connect_timeout": "60s", "timeout": "50ms"}});
    assert_eq!(verdict(&on_redis(&redis, &further), ID).await, "unavailable");
    let postgres = postgres().await;
    postgres.then(fake_postgres::Behaviour::HangAtOnce);
    let further = json!({"postgres": {"connect_timeout": "50ms", "timeout": "60s"}});
    assert_eq!(verdict(&on_postgres(&postgres, &further), ID).await, "unavailable");
    let further = json!({"postgres": {"connect_timeout": "60s", "timeout": "50ms"}});
    assert_eq!(verdict(&on_postgres(&postgres, &further), ID).await, "unavailable");
    // Below the contexts' own deadline, which is ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn a_postgres_that_hangs_keeps_no_connection_of_those_who_gave_up() {
    let postgres = postgres().await;
    let further = json!({"postgres": {"timeout": "50ms", "max_connections": 2}});
    let validator = on_postgres(&postgres, &further);
    postgres.then(fake_postgres::Behaviour::Hang);
    for _ in 0..5 {
        assert_eq!(verdict(&validator, ID).await, "unavailable");
    }
    let left = tokio::time::timeout(Duration::from_secs(30), postgres.is_left()).await;
    assert!(left.is_ok(), "connections are left open");
}

#[tokio::test]
async fn who_waits_for_a_connection_to_redis_waits_for_one_attempt() {
    let redis = redis().await;
    redis.then(fake_redis::Behaviour::Hang);
    // With a password the log-in hangs.
    let further = json!({"redis": {"connect_timeout": "500ms", "password": "x"}});
    let validator = on_redis(&redis, &further);
    let begun = Instant::now();
    let asked: Vec<_> = (0..20).map(|_| verdict(&validator, ID)).collect();
    for verdict in futures_util::future::join_all(asked).await {
        assert_eq!(verdict, "unavailable");
    }
    assert_eq!(redis.connections(), 1);
    // Twenty attempts would take ten seconds.
    assert!(begun.elapsed() < Duration::from_secs(8), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn made_up_credentials_do_not_open_the_circuit() {
    let (redis, postgres) = (redis().await, postgres().await);
    redis.then(fake_redis::Behaviour::Error("WRONGTYPE Operation against a key"));
    postgres.then(fake_postgres::Behaviour::Error("22P02"));
    let further = json!({"upstream": {"failures": 2, "open_for": "60s"}});
    for (validator, serve) in [
        (
            on_redis(&redis, &further),
            Box::new(|| redis.then(fake_redis::Behaviour::Serve)) as Box<dyn Fn()>,
        ),
        (
            on_postgres(&postgres, &further),
            Box::new(|| postgres.then(fake_postgres::Behaviour::Serve)),
        ),
    ] {
        for number in 0..5 {
            let made_up = format!("made-up-session-{number}");
            assert_eq!(verdict(&validator, &made_up).await, "upstream");
        }
        serve();
        assert_eq!(verdict(&validator, ID).await, "verified");
    }
}

#[tokio::test]
async fn a_kept_verdict_stands_in_while_the_store_is_down() {
    let redis = redis().await;
    let further = json!({"cache": {"ttl": "1s", "stale_if_error": "50s", "jitter": 0},
        "redis": {"timeout": "5s"}});
    let validator = on_redis(&redis, &further);
    assert_eq!(verdict(&validator, ID).await, "verified");
    redis.then(fake_redis::Behaviour::Reset);
    let later = |secs| {
        crate::sso_fixtures::cx_at(NOW.plus(Duration::from_secs(secs)), Duration::from_secs(10))
    };
    let stale = validator.validate(&cookie(ID), &later(10)).await;
    assert_eq!(name(&stale), "verified");
    // Never past the session's own end.
    let ended = validator.validate(&cookie(ID), &later(60)).await;
    assert_ne!(name(&ended), "verified");
}

#[test]
fn tables_that_cannot_work_are_refused_by_their_keys() {
    let redis = |further| problem_paths(merged(redis_table(1), &further));
    assert_eq!(redis(json!({"key": "sess"})), ["v.key"]);
    assert_eq!(redis(json!({"key": "{id}{id}"})), ["v.key"]);
    assert_eq!(redis(json!({"format": "columns"})), ["v.format"]);
    assert_eq!(redis(json!({"redis": {"host": "redis.example.com"}})), ["v.redis.tls"]);
    assert_eq!(redis(json!({"query": "select $1"})), ["v.query"]);
    let django = json!({"secret_key": "a secret of some length", "user_query": "select $1"});
    assert_eq!(redis(json!({"django": django})), ["v.django.user_query"]);
    let sql = |further| problem_paths(merged(sql_table(1), &further));
    assert_eq!(sql(json!({"query": "select 1"})), ["v.query"]);
    assert_eq!(sql(json!({"query": "delete from s where id = $1"})), ["v.query"]);
    assert_eq!(sql(json!({"postgres": {"host": "db.example.com"}})), ["v.postgres.tls"]);
    let django = json!({"secret_key": "a secret of some length", "user_query": "select 1"});
    assert_eq!(sql(json!({"django": django})), ["v.django.user_query"]);
}
