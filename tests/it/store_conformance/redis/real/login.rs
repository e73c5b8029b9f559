//! Logging in, rights, and what an operator is told.

use std::io::Write;

use parking_lot::Mutex;
use tracing_subscriber::fmt::MakeWriter;

use super::*;

/// What a user of Redis must be allowed, as the documentation says.
const RIGHTS: &str = "-@all +eval +evalsha +hget +hgetall +hmget +hset +hsetnx +hdel +hlen +hvals \
    +hrandfield +get +set +del +unlink +ttl +expire +time +scan +info +wait +role +cluster|slots \
    +asking +select";

/// Makes this user, and answers the settings to be them.
pub(super) async fn gateway(redis: &Redis) -> Value {
    let mut words = vec!["ACL", "SETUSER", "gateway", "on", ">of the gateway", "~cambio:*"];
    words.extend(RIGHTS.split_whitespace());
    redis.ask(&words).await.unwrap();
    json!({"user": "gateway", "password": "of the gateway"})
}

#[tokio::test]
async fn a_user_with_these_rights_can_do_everything() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, gateway(&redis).await)).await.unwrap();
    store.put_ticket(digest(1), ticket()).await.unwrap();
    assert!(store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
    let new = limited(claiming(sign_on(1, "a"), digest(1)), 3);
    let session = store.begin(new, at(0)).await.unwrap().session;
    for n in 10..50 {
        store.begin(sign_on_again(n, "a"), at(0)).await.unwrap();
    }
    store.refresh(&token(&session, 1), next(0), at(0)).await.unwrap();
    let (tenant, account) = (tenant("nagra"), account("1663"));
    assert_eq!(store.sessions(&tenant, &account, at(0)).await.unwrap().len(), 41);
    assert_eq!(store.page(None, 100, at(0)).await.unwrap().sessions.len(), 41);
    assert_eq!(store.end(&tenant, &account, session.id, &session.device, at(0)).await, Ok(true));
    let change = DeviceChange::State(DeviceState::Deleted);
    assert_eq!(store.change_device(&tenant, &account, &session.device, change).await, Ok(true));
    let gone = store.refresh(&token(&session, 1), next(0), at(0)).await;
    assert_eq!(gone, Err(RefreshError::Gone));
    assert_eq!(store.end_all(&tenant, &account, at(0)).await, Ok(0));
    assert_eq!(store.devices(&tenant, &account).await.unwrap().len(), 1);
    assert!(store.swap_keys("k", 0, b"ring").await.unwrap());
    assert!(store.load_keys("k").await.unwrap().is_some());
    assert_eq!(store.check().await, Ok(()));
}

#[tokio::test]
async fn a_wrong_password_is_said_and_not_shown() {
    let redis = Redis::start().await;
    let mut without = settings(redis.port, json!({}));
    without["redis"].as_object_mut().unwrap().remove("password");
    for settings in [settings(redis.port, json!({"password": "wrong one"})), without] {
        let error = open(settings).await.unwrap_err();
        assert!(!error.0.contains("wrong one"), "{error}");
        assert!(error.0.starts_with("redis: "), "{error}");
    }
}

#[tokio::test]
async fn the_password_may_stand_in_a_file() {
    let redis = Redis::start().await;
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    std::fs::write(&file, format!("{PASSWORD}\n")).unwrap();
    let more = json!({"password": {"file": file}});
    assert!(open(settings(redis.port, more)).await.is_ok());
}

#[tokio::test]
async fn a_redis_that_is_not_there_is_said_at_once() {
    let error = open(settings(crate::real::free_port(), json!({}))).await.unwrap_err();
    assert!(error.0.contains("cannot connect"), "{error}");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl MakeWriter<'_> for Log {
    type Writer = Self;

    fn make_writer(&self) -> Self {
        self.clone()
    }
}

#[tokio::test]
async fn a_redis_that_evicts_is_warned_of_once_until_it_is_put_right() {
    let redis = Redis::start_with(&["--save", "", "--maxmemory-policy", "allkeys-lru"]).await;
    let log = Log::default();
    let subscriber = tracing_subscriber::fmt().with_writer(log.clone()).with_ansi(false).finish();
    let _guard = tracing::subscriber::set_default(subscriber);
    let warnings = || String::from_utf8(log.0.lock().clone()).unwrap().matches("may evict").count();

    let store = open(settings(redis.port, json!({}))).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(warnings(), 1);
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "noeviction"]).await.unwrap();
    store.check().await.unwrap();
    redis.ask(&["CONFIG", "SET", "maxmemory-policy", "volatile-ttl"]).await.unwrap();
    store.check().await.unwrap();
    assert_eq!(warnings(), 2);
}
