//! Keys expire by themselves, a little later than what is in them, and what expires before its
//! key goes with the next sign-on.

use cambio::session::{SessionLimit, WhenFull};

use super::*;

const SESSIONS: &str = "cambio:{nagra/1663}:s";
/// How much longer a key lives than what is in it, in seconds.
const SLACK: i64 = 60;

/// Whether a key will live about that long.
#[track_caller]
fn about(left: i64, expected: i64) {
    assert!((expected - 30..=expected).contains(&left), "{left}, not {expected}");
}

#[tokio::test]
async fn sessions_expire_with_the_last_of_their_account() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let short = NewSession { expires_at: at(1000), ..sign_on(1, "a") };
    let short = store.begin(short, at(0)).await.unwrap().session;
    about(number_of(&redis, &["TTL", SESSIONS]).await, 1000 + SLACK);
    store.begin(NewSession { expires_at: at(5000), ..sign_on(2, "b") }, at(0)).await.unwrap();
    about(number_of(&redis, &["TTL", SESSIONS]).await, 5000 + SLACK);
    // A refresh of the shorter one makes nothing shorter; one beyond the longest makes it longer.
    let next_pair = |secs| NextPair { expires_at: at(secs), ..next(0) };
    store.refresh(&token(&short, 1), next_pair(2000), at(0)).await.unwrap();
    about(number_of(&redis, &["TTL", SESSIONS]).await, 5000 + SLACK);
    store.refresh(&token(&short, 2), next_pair(9000), at(1000)).await.unwrap();
    about(number_of(&redis, &["TTL", SESSIONS]).await, 8000 + SLACK);
    // Devices stay.
    assert_eq!(number_of(&redis, &["TTL", "cambio:{nagra/1663}:d"]).await, -1);
}

#[tokio::test]
async fn the_last_session_takes_its_key_with_it() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let session = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let account = account("1663");
    store.end(&session.tenant, &account, session.id, &session.device, at(0)).await.unwrap();
    assert_eq!(number_of(&redis, &["EXISTS", SESSIONS]).await, 0);
}

#[tokio::test]
async fn tickets_expire_by_the_clock_of_redis_after_an_hour_or_a_day() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let name = "AQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQEBAQE";
    let keys = [format!("cambio:t:{name}"), format!("cambio:{{nagra/1663}}:t:{name}")];
    // The test's time is years ago.
    store.put_ticket(digest(1), ticket()).await.unwrap();
    for key in &keys {
        about(number_of(&redis, &["TTL", key]).await, 86_400);
    }
    let now: (i64, i64) = ::redis::from_redis_value(redis.ask(&["TIME"]).await.unwrap()).unwrap();
    let soon = Ticket { expires_at: Timestamp::from_secs(now.0 + 300), ..ticket() };
    store.put_ticket(digest(1), soon).await.unwrap();
    for key in &keys {
        about(number_of(&redis, &["TTL", key]).await, 3600);
    }
    let late = Ticket { expires_at: Timestamp::from_secs(now.0 + 7200), ..ticket() };
    store.put_ticket(digest(1), late).await.unwrap();
    for key in &keys {
        about(number_of(&redis, &["TTL", key]).await, 7200 + SLACK);
    }
}

#[tokio::test]
async fn a_sign_on_removes_what_has_long_expired_of_its_account() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let lasting = NewSession { expires_at: at(END), ..sign_on(999, "lasting") };
    store.begin(lasting, at(0)).await.unwrap();
    for n in 0..200 {
        let short = NewSession { expires_at: at(100), ..sign_on_again(n, "lasting") };
        store.begin(short, at(0)).await.unwrap();
    }
    // Another node's clock may be behind: nothing is removed in the minute after.
    store.begin(sign_on_again(1000, "lasting"), at(100 + SLACK - 1)).await.unwrap();
    assert_eq!(number_of(&redis, &["HLEN", SESSIONS]).await, 202);
    for n in 0..40 {
        let later = NewSession { expires_at: at(END), ..sign_on_again(2000 + n, "lasting") };
        store.begin(later, at(100 + SLACK)).await.unwrap();
    }
    // One sign-on looks at sixteen.
    let left = number_of(&redis, &["HLEN", SESSIONS]).await;
    assert!(left < 120, "{left}");
    let live = store.sessions(&tenant("nagra"), &account("1663"), at(100 + SLACK)).await.unwrap();
    assert_eq!(live.len(), 42);
}

#[tokio::test]
async fn notes_on_evicted_sessions_expire_with_their_tokens() {
    let redis = Redis::start().await;
    let store = open(settings(redis.port, json!({}))).await.unwrap();
    let limit = SessionLimit { max: 1.try_into().unwrap(), when_full: WhenFull::EvictOldest };
    let first = NewSession { expires_at: at(1000), ..sign_on(1, "a") };
    store.begin(first, at(0)).await.unwrap();
    let second = NewSession { limit: Some(limit), ..sign_on(2, "b") };
    assert_eq!(store.begin(second, at(400)).await.unwrap().evicted, [id(1)]);
    let note = format!("cambio:{{nagra/1663}}:e:{}.1", at(END).secs());
    about(number_of(&redis, &["TTL", &note]).await, 600 + SLACK);
    // And those of a deleted device, with the last of the account's sessions.
    let change = DeviceChange::State(DeviceState::Deleted);
    let (tenant, account) = (tenant("nagra"), account("1663"));
    assert!(store.change_device(&tenant, &account, &device_id("b"), change).await.unwrap());
    let note = format!("cambio:{{nagra/1663}}:e:{}.2", at(END).secs());
    about(number_of(&redis, &["TTL", &note]).await, IDLE - 400 + SLACK);
}
