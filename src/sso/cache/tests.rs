//! The cached validator around one whose answers a test gives out one by one: who waits for
//! whom, what is kept, and what stands in during an outage.

use std::collections::VecDeque;
use std::pin::pin;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Waker};

use async_trait::async_trait;
use parking_lot::Mutex;
use serde_json::json;
use tokio::sync::Semaphore;

use super::super::SsoValidator;
use super::super::asks::{Hint, Told};
use super::*;
use crate::domain::setting::Problems;
use crate::domain::{SecretString, ServiceName, Subject, TenantId};

const NOW: Timestamp = Timestamp::from_secs(1000);

static TENANT: LazyLock<TenantId> = LazyLock::new(|| TenantId::parse("t").unwrap());
static OTHER_TENANT: LazyLock<TenantId> = LazyLock::new(|| TenantId::parse("u").unwrap());
static SERVICE: LazyLock<ServiceName> = LazyLock::new(|| ServiceName::parse("s").unwrap());

/// Answers what the test has put in, when the test lets it.
#[derive(Debug)]
struct Asked {
    answers: Mutex<VecDeque<Told>>,
    calls: AtomicUsize,
    open: Semaphore,
}

#[async_trait]
impl Asks for Asked {
    fn kind(&self) -> &'static str {
        "asked"
    }

    fn screen(&self, credential: &Credential) -> Result<(), ValidateError> {
        if credential.text() == Some("") {
            return Err(ValidateError::Malformed("it is empty"));
        }
        Ok(())
    }

    async fn ask(&self, _: &Credential, _: &ValidateCx<'_>) -> Told {
        self.calls.fetch_add(1, Ordering::SeqCst);
        self.open.acquire().await.unwrap().forget();
        self.answers.lock().pop_front().expect("the test has an answer for every call")
    }
}

struct Fixture {
    asked: Arc<Asked>,
    cached: Arc<dyn SsoValidator>,
}

impl Fixture {
    fn new(answers: Vec<Told>) -> Self {
        let asked = Arc::new(Asked {
            answers: Mutex::new(answers.into()),
            calls: AtomicUsize::new(0),
            open: Semaphore::new(0),
        });
        let mut table = json!({"cache": {"ttl": "10s", "jitter": 0, "stale_if_error": "100s"}});
        let mut problems = Problems::default();
        let settings = Settings::take(&mut table, "v", &mut problems);
        assert!(problems.is_empty());
        Self { cached: settings.around(Arc::clone(&asked) as _, "v"), asked }
    }

    /// Lets this many calls be answered.
    fn open(&self, calls: usize) -> &Self {
        self.asked.open.add_permits(calls);
        self
    }

    fn calls(&self) -> usize {
        self.asked.calls.load(Ordering::SeqCst)
    }

    async fn verdict(&self, after: i64) -> Result<Verified, ValidateError> {
        self.cached.validate(&token("a"), &cx(after)).await
    }
}

fn cx(after: i64) -> ValidateCx<'static> {
    let deadline = Instant::now() + Duration::from_secs(20);
    let now = Timestamp::from_secs(NOW.secs() + after);
    ValidateCx { now, deadline, tenant: &TENANT, service: &SERVICE }
}

fn token(text: &str) -> Credential {
    Credential::Token(SecretString::new(text))
}

fn ann() -> Verified {
    let subject = Subject::parse("ann").unwrap();
    Verified { session_id: Some("session-1".to_owned()), ..Verified::subject_only(subject) }
}

fn yes() -> Told {
    Told::plain(Ok(ann()))
}

fn no() -> Told {
    Told::plain(Err(ValidateError::Rejected("unknown")))
}

fn down() -> Told {
    Told::plain(Err(ValidateError::unavailable("down")))
}

fn nonsense() -> Told {
    Told::plain(Err(ValidateError::Upstream("nonsense".to_owned())))
}

#[tokio::test]
async fn a_verdict_is_asked_for_once_while_it_is_fresh() {
    let f = Fixture::new(vec![yes(), no()]);
    f.open(2);
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(9).await.is_ok());
    assert_eq!(f.calls(), 1);
    assert_eq!(f.verdict(10).await, Err(ValidateError::Rejected("unknown")));
    assert_eq!(f.verdict(11).await, Err(ValidateError::Rejected("unknown")));
    assert_eq!(f.calls(), 2);
}

#[tokio::test]
async fn a_leader_that_gives_up_leaves_the_check_to_its_followers() {
    let f = Fixture::new(vec![yes()]);
    let (credential, context) = (token("a"), cx(0));
    let mut polling = Context::from_waker(Waker::noop());
    {
        let mut leader = pin!(f.cached.validate(&credential, &context));
        assert!(leader.as_mut().poll(&mut polling).is_pending());
        let mut follower = Box::pin(f.cached.validate(&credential, &context));
        assert!(follower.as_mut().poll(&mut polling).is_pending());
    }
    let follower = f.cached.validate(&credential, &context);
    f.open(1);
    assert!(follower.await.is_ok());
    assert_eq!(f.calls(), 1);
}

#[tokio::test]
async fn a_follower_keeps_its_own_deadline() {
    let f = Fixture::new(vec![yes()]);
    let (credential, context) = (token("a"), cx(0));
    let mut leader = pin!(f.cached.validate(&credential, &context));
    let mut polling = Context::from_waker(Waker::noop());
    assert!(leader.as_mut().poll(&mut polling).is_pending());
    let hasty = ValidateCx { deadline: Instant::now(), ..context };
    let verdict = f.cached.validate(&credential, &hasty).await;
    assert!(matches!(verdict, Err(ValidateError::Unavailable { .. })));
    f.open(1);
    assert!(leader.await.is_ok());
}

#[tokio::test]
async fn a_check_that_panics_leaves_nobody_waiting() {
    let f = Fixture::new(vec![]);
    f.open(1);
    assert!(matches!(f.verdict(0).await, Err(ValidateError::Unavailable { .. })));
    f.asked.answers.lock().push_back(yes());
    assert!(f.open(1).verdict(0).await.is_ok());
}

#[tokio::test]
async fn the_last_positive_verdict_stands_in_for_a_bounded_time() {
    for failure in [down, nonsense] {
        let f = Fixture::new(vec![yes(), failure(), failure(), failure()]);
        f.open(4);
        assert!(f.verdict(0).await.is_ok());
        assert!(f.verdict(10).await.is_ok());
        assert!(f.verdict(109).await.is_ok());
        assert_eq!(f.verdict(110).await, failure().verdict);
        assert_eq!(f.calls(), 4);
    }
}

#[tokio::test]
async fn nothing_stands_in_after_a_rejection() {
    let f = Fixture::new(vec![yes(), no(), down()]);
    f.open(3);
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(10).await.is_err());
    assert_eq!(f.verdict(20).await, down().verdict);
}

#[tokio::test]
async fn nothing_stands_in_beyond_the_credentials_own_end() {
    let who = Verified { expires_at: Some(Timestamp::from_secs(NOW.secs() + 15)), ..ann() };
    let f = Fixture::new(vec![Told::plain(Ok(who)), down(), down()]);
    f.open(3);
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(14).await.is_ok());
    assert_eq!(f.verdict(15).await, down().verdict);
}

#[tokio::test]
async fn what_is_not_to_be_kept_is_not() {
    let hint = Hint { fresh_for: Some(Duration::ZERO), never_stale: false };
    let f = Fixture::new(vec![Told { hint, ..yes() }, yes(), Told { hint, ..yes() }, down()]);
    f.open(4);
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(10).await.is_ok());
    assert_eq!(f.verdict(10).await, down().verdict);
}

#[tokio::test]
async fn a_one_time_credential_is_never_kept() {
    let claim = Some(crate::domain::identity::OneTimeClaim([7; 32]));
    let f = Fixture::new(vec![Told::plain(Ok(Verified { claim, ..ann() })), no()]);
    f.open(2);
    assert!(f.verdict(0).await.is_ok());
    assert!(f.verdict(0).await.is_err());
}

#[tokio::test]
async fn a_malformed_credential_asks_nobody() {
    let f = Fixture::new(vec![]);
    let verdict = f.cached.validate(&token(""), &cx(0)).await;
    assert_eq!(verdict, Err(ValidateError::Malformed("it is empty")));
    assert_eq!(f.calls(), 0);
}

#[tokio::test]
async fn purging_forgets_by_subject_and_by_session() {
    let subject = |name: &str| Purge::Subject(Subject::parse(name).unwrap());
    let session = |id: &str| Purge::Session(id.to_owned());
    for (others, ours) in [
        (subject("bob"), subject("ann")),
        (session("session-2"), session("session-1")),
        (session("ann"), Purge::Everything),
    ] {
        let f = Fixture::new(vec![yes(), no()]);
        f.open(2);
        assert!(f.verdict(0).await.is_ok());
        assert_eq!(f.cached.purge(&others), 0);
        assert!(f.verdict(0).await.is_ok());
        assert_eq!(f.cached.purge(&ours), 1);
        assert!(f.verdict(0).await.is_err(), "{ours:?}");
    }
}

#[tokio::test]
async fn a_check_that_began_before_a_purge_is_not_kept_and_not_followed() {
    let f = Fixture::new(vec![yes(), no()]);
    let (credential, context) = (token("a"), cx(0));
    let mut before = pin!(f.cached.validate(&credential, &context));
    let mut polling = Context::from_waker(Waker::noop());
    assert!(before.as_mut().poll(&mut polling).is_pending());
    tokio::task::yield_now().await;
    assert_eq!(f.calls(), 1);
    f.cached.purge(&Purge::Everything);
    let mut after = pin!(f.cached.validate(&credential, &context));
    assert!(after.as_mut().poll(&mut polling).is_pending());
    tokio::task::yield_now().await;
    assert_eq!(f.calls(), 2);
    f.open(2);
    assert!(before.await.is_ok());
    assert!(after.await.is_err());
    assert!(f.verdict(0).await.is_err(), "the newer verdict is the one that is kept");
}

#[tokio::test]
async fn a_rejection_counts_even_if_somebody_else_was_purged_meanwhile() {
    let f = Fixture::new(vec![yes(), no(), down()]);
    f.open(1);
    assert!(f.verdict(0).await.is_ok());
    let (credential, context) = (token("a"), cx(20));
    let mut check = pin!(f.cached.validate(&credential, &context));
    let mut polling = Context::from_waker(Waker::noop());
    assert!(check.as_mut().poll(&mut polling).is_pending());
    f.cached.purge(&Purge::Subject(Subject::parse("bob").unwrap()));
    f.open(2);
    assert!(check.await.is_err());
    assert_eq!(f.verdict(20).await, down().verdict, "nothing stands in");
}

#[tokio::test]
async fn tenants_share_a_verdict() {
    let f = Fixture::new(vec![yes()]);
    f.open(1);
    for tenant in [&*TENANT, &*OTHER_TENANT] {
        let context = ValidateCx { tenant, ..cx(0) };
        assert!(f.cached.validate(&token("a"), &context).await.is_ok());
    }
    assert_eq!(f.calls(), 1);
}
