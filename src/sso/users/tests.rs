//! The users file's rules, and what happens when more people sign on than cores can hash.

use std::time::Instant;

use proptest::prelude::*;
use serde_json::json;

use super::*;
use crate::domain::{ServiceName, SystemRandom, TenantId, Timestamp};
use crate::support::Watcher;

const CHEAP: &str =
    "$argon2id$v=19$m=64,t=1,p=1$c2FsdCBzYWx0IHNhbHQ$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

fn passwords(max_waiting: usize) -> (Passwords, tempfile::NamedTempFile) {
    let file = tempfile::NamedTempFile::new().unwrap();
    let list = json!({"users": [{"username": "ann", "password_hash": CHEAP}]});
    std::fs::write(file.path(), list.to_string()).unwrap();
    let users = Watched::open(file.path(), &Watcher::default(), Users::parse).unwrap();
    let slots = Arc::new(Semaphore::new(1));
    (Passwords { users, slots, waiting: AtomicUsize::new(0), max_waiting }, file)
}

async fn sign_on(passwords: &Passwords, patience: Duration) -> Result<Verified, ValidateError> {
    let credential = Credential::Password {
        username: SecretString::new("ann"),
        password: SecretString::new("password"),
    };
    let (tenant, service) = (TenantId::parse("t").unwrap(), ServiceName::parse("s").unwrap());
    let deadline = Instant::now() + patience;
    let now = Timestamp::from_secs(0);
    let cx = ValidateCx { now, deadline, tenant: &tenant, service: &service };
    passwords.validate(&credential, &cx).await
}

#[tokio::test]
async fn too_long_a_queue_fails_fast_and_says_when_to_come_back() {
    let (passwords, _file) = passwords(0);
    let taken = Arc::clone(&passwords.slots).acquire_owned().await.unwrap();
    for _ in 0..2 {
        let verdict = sign_on(&passwords, Duration::from_secs(60)).await;
        assert_eq!(verdict, Err(busy("too many password checks wait")));
    }
    drop(taken);
    assert_eq!(sign_on(&passwords, Duration::from_secs(60)).await, Err(REJECTED));
}

#[tokio::test]
async fn who_waits_gives_up_at_the_deadline_and_leaves_the_queue() {
    let (passwords, _file) = passwords(1);
    let taken = Arc::clone(&passwords.slots).acquire_owned().await.unwrap();
    for _ in 0..2 {
        let verdict = sign_on(&passwords, Duration::from_millis(5)).await;
        assert_eq!(verdict, Err(busy("password check takes too long")));
    }
    drop(taken);
    assert_eq!(passwords.waiting.load(Ordering::Relaxed), 0);
}

#[test]
fn a_hash_that_is_weak_in_form_or_costs_too_much_is_refused() {
    assert!(Hash::parse(CHEAP).is_ok());
    for bad in [
        "",
        "hunter2",
        "$2b$12$abcdefghijklmnopqrstuu",
        &CHEAP.replace("argon2id", "argon2i"),
        &CHEAP.replace("v=19", "v=16"),
        &CHEAP.replace("m=64", "m=262145"),
        &CHEAP.replace("m=64", "m=99999999999"),
        &CHEAP.replace("t=1", "t=17"),
        &CHEAP.replace("p=1", "p=9"),
        &CHEAP[..CHEAP.len() - 30],
        CHEAP.rsplit_once('$').unwrap().0,
    ] {
        let error = Hash::parse(bad).err().unwrap();
        assert!(bad.is_empty() || !error.contains(bad), "{bad}");
    }
}

use super::hash::Hash;

#[test]
fn a_made_hash_is_of_its_password_only() {
    let password = SecretString::new("correct horse");
    let made = hash_password(&password, &SystemRandom);
    assert!(made.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{made}");
    assert_ne!(made, hash_password(&password, &SystemRandom));
    let hash = Hash::parse(&made).unwrap();
    assert!(hash.is_of(&password));
    assert!(!hash.is_of(&SecretString::new("correct horsf")));
}

#[test]
fn nobody_costs_as_much_as_most_and_has_no_password() {
    let costly = CHEAP.replace("m=64", "m=128");
    let list = json!({"users": [
        {"username": "a", "password_hash": CHEAP},
        {"username": "b", "password_hash": costly},
        {"username": "c", "password_hash": costly},
    ]});
    let users = Users::parse(list.to_string().as_bytes()).unwrap();
    let (user, hash) = users.look_up(&Subject::parse("nobody").unwrap());
    assert!(user.is_none());
    assert_eq!(hash.cost(), (128, 1, 1));
    assert!(!hash.is_of(&SecretString::new("password")));
}

#[test]
fn a_wrong_file_names_every_problem_and_no_content() {
    let list = json!({"users": [
        {"username": "ann", "password_hash": "hunter2"},
        {"username": "bob", "password_hash": 12345678},
        {"username": "eve", "password_hash": CHEAP},
        {"username": "eve", "password_hash": CHEAP},
        {"username": "joe", "password_hash": CHEAP, "admin": true},
    ]});
    let error = Users::parse(list.to_string().as_bytes()).err().unwrap();
    for path in ["users.0.password_hash", "users.1.password_hash", "users.3.username", "users.4"] {
        assert!(error.contains(path), "{path} in {error}");
    }
    for secret in ["hunter2", "12345678", CHEAP] {
        assert!(!error.contains(secret), "{error}");
    }
}

proptest! {
    #[test]
    fn no_hash_text_panics(text in "(\\$argon2id)?(\\$v=19)?(\\$m=[0-9]{0,11},t=[0-9]{0,3},p=[0-9]{0,3})?\\PC{0,40}") {
        let _ = Hash::parse(&text);
    }

    #[test]
    fn no_file_panics(text in "[\\[\\]{}=\"a-z0-9:, \n]{0,80}") {
        let _ = Users::parse(text.as_bytes());
    }
}
