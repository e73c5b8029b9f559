//! The verdict cache and the guard around the `http` validator, from the table to the requests
//! that the session endpoint gets. Every knob that `config/default.toml` names has a test here
//! that shows it takes effect; time is the context's, which a test turns.

use std::sync::Arc;
use std::time::Duration;

use cambio::config::DEFAULTS;
use cambio::domain::{Subject, Timestamp, Verified};
use cambio::sso::{Purge, SsoValidator, ValidateError};
use futures_util::future::{join, join_all};
use serde_json::{Value, json};

use crate::fake_upstream::{Behaviour, Upstream};
use crate::sso_fixtures::{NOW, cookie, cx_at, name, problem_paths, validator};

type Verdict = Result<Verified, ValidateError>;

/// A session endpoint, and a validator that asks it.
struct Fixture {
    up: Upstream,
    validator: Arc<dyn SsoValidator>,
}

impl Fixture {
    async fn new(cache: Value, upstream: Value) -> Self {
        Self::with(json!({"cache": cache, "upstream": upstream})).await
    }

    async fn with(tables: Value) -> Self {
        let up = Upstream::start(yes()).await;
        let mut table = json!({"kind": "http", "url": format!("{}/session", up.origin),
            "send": {"cookie": {"name": "s"}}, "read_timeout": "20s", "timeout": "20s",
            "fields": {"subject": "sub", "expires_at": {"cel": "session.?exp.orValue(253402300799)"}, "attributes": {"about": "about"}}});
        table.as_object_mut().unwrap().extend(tables.as_object().unwrap().clone());
        Self { validator: validator(table), up }
    }

    /// Asks about one credential, so many seconds after the test began.
    async fn ask(&self, text: &str, after: u64) -> Verdict {
        let now = NOW.plus(Duration::from_secs(after));
        self.validator.validate(&cookie(text), &cx_at(now, Duration::from_secs(30))).await
    }

    async fn name(&self, text: &str, after: u64) -> &'static str {
        name(&self.ask(text, after).await)
    }

    /// Asks about several at the same time.
    async fn ask_all(&self, texts: &[String], after: u64) -> Vec<&'static str> {
        join_all(texts.iter().map(|text| self.name(text, after))).await
    }

    fn calls(&self) -> usize {
        self.up.requests().len()
    }
}

fn yes() -> Behaviour {
    Behaviour::json(json!({"sub": "ann"}))
}

fn with_header(header: &str) -> Behaviour {
    let headers = format!("content-type: application/json\r\n{header}\r\n");
    Behaviour::status(200, &headers, r#"{"sub": "ann"}"#)
}

fn no() -> Behaviour {
    Behaviour::status(401, "", "")
}

fn down() -> Behaviour {
    Behaviour::status(503, "", "")
}

fn texts(n: usize) -> Vec<String> {
    (0..n).map(|i| format!("session-{i}")).collect()
}

fn retry_after(verdict: Verdict) -> Option<u64> {
    match verdict {
        Err(ValidateError::Unavailable { retry_after, .. }) => retry_after.map(|d| d.as_secs()),
        other => panic!("{other:?}"),
    }
}

/// The keys that the tests below show.
const KNOBS: [&str; 13] = [
    "failures",
    "jitter",
    "max_bytes",
    "max_concurrent",
    "max_entries",
    "max_open_for",
    "max_waiting",
    "negative_ttl",
    "obey_hints",
    "open_for",
    "retry_budget",
    "stale_if_error",
    "ttl",
];

#[test]
fn every_knob_of_the_reference_has_a_test() {
    let mut named: Vec<&str> = Vec::new();
    let mut inside = false;
    for line in DEFAULTS.lines() {
        if line.starts_with("#[") || line.starts_with('[') {
            inside = matches!(line, "#[validators.sso.cache]" | "#[validators.sso.upstream]");
        } else if inside && let Some((key, _)) = line.split_once(" = ") {
            named.extend(key.strip_prefix('#').filter(|key| !key.starts_with(' ')));
        }
    }
    named.sort_unstable();
    assert_eq!(named, KNOBS);
}

#[tokio::test]
async fn without_tables_everything_is_asked() {
    let f = Fixture::with(json!({})).await;
    for _ in 0..3 {
        assert_eq!(f.name("a", 0).await, "verified");
    }
    assert_eq!(f.calls(), 3);
}

#[tokio::test]
async fn ttl_is_how_long_a_verdict_is_good() {
    let f = Fixture::new(json!({"ttl": "7s", "jitter": 0}), json!({})).await;
    for (after, calls) in [(0, 1), (6, 1), (7, 2), (13, 2), (14, 3)] {
        assert_eq!(f.name("a", after).await, "verified");
        assert_eq!(f.calls(), calls, "after {after} s");
    }
    assert_eq!(f.name("b", 14).await, "verified");
    assert_eq!(f.calls(), 4, "another credential is another verdict");
}

#[tokio::test]
async fn negative_ttl_is_how_long_a_rejection_is_good() {
    for (ttl, calls) in [("3s", 1), ("0s", 2)] {
        let f = Fixture::new(json!({"negative_ttl": ttl}), json!({})).await;
        f.up.then(no());
        assert_eq!((f.name("a", 0).await, f.name("a", 2).await), ("rejected", "rejected"));
        assert_eq!(f.calls(), calls);
        f.up.then(yes());
        assert_eq!(f.name("a", 3).await, "verified");
    }
}

#[tokio::test]
async fn jitter_spreads_the_ends() {
    for (jitter, spread) in [(0.0, false), (0.5, true)] {
        let f = Fixture::new(json!({"ttl": "100s", "jitter": jitter}), json!({})).await;
        let texts = texts(40);
        f.ask_all(&texts, 0).await;
        f.ask_all(&texts, 100).await;
        let asked_again = f.calls() - 40;
        assert_eq!(asked_again < 40, spread, "{asked_again}");
        assert!(asked_again > 0);
    }
}

#[tokio::test]
async fn a_verdict_ends_with_its_session() {
    let f = Fixture::new(json!({"ttl": "60s", "stale_if_error": "60s"}), json!({})).await;
    f.up.then(Behaviour::json(json!({"sub": "ann", "exp": NOW.secs() + 5})));
    let who = f.ask("a", 0).await.unwrap();
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(NOW.secs() + 5)));
    assert_eq!(f.name("a", 4).await, "verified");
    assert_eq!(f.calls(), 1);
    f.up.then(down());
    assert_eq!(f.name("a", 5).await, "unavailable");
}

#[tokio::test]
async fn obey_hints_lets_the_endpoint_shorten_the_ttl() {
    for (header, obey, calls_at_4, calls_at_5) in [
        ("cache-control: max-age=5", true, 1, 2),
        ("cache-control: max-age=5", false, 1, 1),
        ("cache-control: no-store", true, 2, 3),
        ("cache-control: no-store", false, 1, 1),
        ("cache-control: private, no-cache", true, 2, 3),
        ("ory-session-cache-for: 5\r\ncache-control: no-store", true, 1, 2),
        ("cache-control: max-age=600", true, 1, 1),
    ] {
        let cache = json!({"ttl": "60s", "jitter": 0, "obey_hints": obey});
        let f = Fixture::new(cache, json!({})).await;
        f.up.then(with_header(header));
        f.ask("a", 0).await.unwrap();
        f.ask("a", 4).await.unwrap();
        assert_eq!(f.calls(), calls_at_4, "{header} {obey}");
        f.ask("a", 5).await.unwrap();
        assert_eq!(f.calls(), calls_at_5, "{header} {obey}");
    }
}

#[tokio::test]
async fn stale_if_error_is_how_long_a_verdict_stands_in() {
    for (span, at_39, at_40) in
        [("30s", "verified", "unavailable"), ("0s", "unavailable", "unavailable")]
    {
        let cache = json!({"ttl": "10s", "jitter": 0, "stale_if_error": span});
        let f = Fixture::new(cache, json!({"failures": 100})).await;
        assert_eq!(f.name("a", 0).await, "verified");
        f.up.then(down());
        assert_eq!((f.name("a", 39).await, f.name("a", 40).await), (at_39, at_40), "{span}");
        assert_eq!(f.name("b", 0).await, "unavailable", "nothing is known of another credential");
    }
}

#[tokio::test]
async fn nothing_stands_in_after_a_rejection() {
    let cache = json!({"ttl": "10s", "jitter": 0, "negative_ttl": 0});
    let f = Fixture::new(cache, json!({})).await;
    assert_eq!(f.name("a", 0).await, "verified");
    f.up.then(no());
    assert_eq!(f.name("a", 20).await, "rejected");
    f.up.then(down());
    assert_eq!(f.name("a", 20).await, "unavailable");
}

#[tokio::test]
async fn max_entries_bounds_how_many_are_kept() {
    let f = Fixture::new(json!({"max_entries": 100}), json!({"max_waiting": 1000})).await;
    let verdicts = f.ask_all(&texts(300), 0).await;
    assert!(verdicts.iter().all(|verdict| *verdict == "verified"));
    assert_eq!(f.calls(), 300);
    assert!(format!("{:?}", f.validator).contains("kept: 100,"), "{:?}", f.validator);
}

#[tokio::test]
async fn made_up_credentials_push_out_no_verdict() {
    let f = Fixture::new(json!({"max_entries": 50}), json!({"max_waiting": 1000})).await;
    f.ask_all(&texts(50), 0).await;
    f.up.then(no());
    let made_up: Vec<_> = (0..200).map(|i| format!("made-up-{i}")).collect();
    f.ask_all(&made_up, 0).await;
    assert_eq!(f.calls(), 250);
    let verdicts = f.ask_all(&texts(50), 0).await;
    assert!(verdicts.iter().all(|verdict| *verdict == "verified"));
    assert!(format!("{:?}", f.validator).contains("kept: 55,"), "{:?}", f.validator);
}

#[tokio::test]
async fn max_bytes_bounds_what_they_hold() {
    for (max_bytes, kept) in [(100_000, "kept: 4,"), (1_000_000, "kept: 10,")] {
        let f = Fixture::new(json!({"max_bytes": max_bytes}), json!({})).await;
        f.up.then(Behaviour::json(json!({"sub": "ann", "about": "x".repeat(20_000)})));
        f.ask_all(&texts(10), 0).await;
        assert!(format!("{:?}", f.validator).contains(kept), "{:?}", f.validator);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn a_thousand_identical_checks_make_one_call() {
    let f = Fixture::new(json!({}), json!({})).await;
    f.up.hold();
    let same = vec!["a".to_owned(); 1000];
    let opened = async {
        f.up.arrived(1).await;
        f.up.release();
    };
    let (verdicts, ()) = join(f.ask_all(&same, 0), opened).await;
    assert!(verdicts.iter().all(|verdict| *verdict == "verified"));
    assert_eq!(f.calls(), 1);
}

#[tokio::test]
async fn failures_open_the_circuit() {
    let f = Fixture::new(json!({}), json!({"failures": 3, "open_for": "10s"})).await;
    f.up.then(down());
    for _ in 0..3 {
        assert_eq!(retry_after(f.ask("a", 0).await), None);
    }
    assert_eq!(retry_after(f.ask("a", 1).await), Some(9), "refused with the time that is left");
    assert_eq!(f.calls(), 3);
}

#[tokio::test]
async fn open_for_is_how_long_nobody_asks() {
    let f = Fixture::new(json!({}), json!({"failures": 1, "open_for": "10s"})).await;
    f.up.then(down());
    for (after, calls) in [(0, 1), (9, 1), (10, 2), (19, 2), (20, 3)] {
        assert_eq!(f.name("a", after).await, "unavailable");
        assert_eq!(f.calls(), calls, "after {after} s");
    }
    f.up.then(yes());
    assert_eq!(f.name("a", 30).await, "verified");
}

#[tokio::test]
async fn max_open_for_bounds_what_the_endpoint_asks_for() {
    for (asked, most, left) in [(17, "60s", 17), (200, "60s", 60), (200, "20s", 20)] {
        let upstream = json!({"failures": 100, "max_open_for": most});
        let f = Fixture::new(json!({}), upstream).await;
        f.up.then(Behaviour::status(429, &format!("retry-after: {asked}\r\n"), ""));
        assert_eq!(retry_after(f.ask("a", 0).await), Some(asked));
        assert_eq!(retry_after(f.ask("b", 0).await), Some(left), "the circuit is open");
        assert_eq!(f.name("c", left - 1).await, "unavailable");
        assert_eq!(f.calls(), 1);
        f.up.then(yes());
        assert_eq!(f.name("c", left).await, "verified");
    }
}

#[tokio::test]
async fn max_concurrent_and_max_waiting_bound_who_asks_and_who_waits() {
    for (max_waiting, refused) in [(0, 8), (5, 3)] {
        let upstream = json!({"max_concurrent": 2, "max_waiting": max_waiting});
        let f = Fixture::new(json!({}), upstream).await;
        f.up.hold();
        let texts = texts(10);
        let opened = async {
            f.up.arrived(2).await;
            f.up.release();
        };
        let (verdicts, ()) = join(f.ask_all(&texts, 0), opened).await;
        let unavailable = verdicts.iter().filter(|verdict| **verdict == "unavailable").count();
        assert_eq!(unavailable, refused);
        assert_eq!((f.calls(), f.up.peak()), (10 - refused, 2));
    }
}

#[tokio::test]
async fn retry_budget_allows_one_more_try_where_it_is_safe() {
    for (method, budget, verdict, calls) in [
        ("GET", 0.1, "verified", 2),
        ("GET", 0.0, "unavailable", 1),
        // It may have been acted on.
        ("POST", 0.1, "unavailable", 1),
    ] {
        let upstream = json!({"retry_budget": budget});
        let f = Fixture::with(json!({"method": method, "upstream": upstream})).await;
        f.up.once(Behaviour::Reset);
        assert_eq!(f.name("a", 0).await, verdict, "{method} {budget}");
        assert_eq!(f.calls(), calls, "{method} {budget}");
    }
    let f = Fixture::new(json!({}), json!({"failures": 1000})).await;
    f.up.then(Behaviour::Reset);
    for text in texts(100) {
        assert_eq!(f.name(&text, 0).await, "unavailable");
    }
    assert_eq!(f.calls(), 111, "a tenth of the requests, and the first is free");
}

#[tokio::test]
async fn an_answer_is_never_asked_for_twice() {
    for behaviour in [down(), Behaviour::Truncate, Behaviour::Garbage, Behaviour::Huge, no()] {
        let f = Fixture::new(json!({}), json!({})).await;
        f.up.then(behaviour);
        f.ask("a", 0).await.unwrap_err();
        assert_eq!(f.calls(), 1);
    }
}

#[tokio::test]
async fn an_outage_is_bridged_and_its_end_is_no_stampede() {
    let cache = json!({"ttl": "30s", "jitter": 0, "stale_if_error": "120s"});
    let upstream = json!({"failures": 5, "open_for": "5s", "max_concurrent": 4,
        "max_waiting": 4});
    let f = Fixture::new(cache, upstream).await;
    let texts = texts(50);
    for text in &texts {
        assert_eq!(f.name(text, 0).await, "verified");
    }
    f.up.then(down());
    for second in 30..90 {
        for text in &texts {
            assert_eq!(f.name(text, second).await, "verified", "{text} after {second} s");
        }
        assert_eq!(f.name("stranger", second).await, "unavailable");
    }
    // Five failures, and one probe every five seconds of the following fifty-nine.
    assert_eq!(f.calls(), 50 + 5 + 11);
    f.up.then(yes());
    let verdicts = f.ask_all(&texts, 90).await;
    assert!(verdicts.iter().all(|verdict| *verdict == "verified"));
    assert_eq!(f.calls(), 67, "the probe asks, for the others the last verdict stands in");
    let verdicts = f.ask_all(&texts, 91).await;
    assert!(verdicts.iter().all(|verdict| *verdict == "verified"));
    assert_eq!(f.calls(), 67 + 8, "four ask, four wait, the others go on with the last verdict");
    assert!(f.up.peak() <= 4);
}

#[tokio::test]
async fn purging_asks_again() {
    let f = Fixture::new(json!({}), json!({})).await;
    assert_eq!(f.name("a", 0).await, "verified");
    assert_eq!(f.validator.purge(&Purge::Subject(Subject::parse("bob").unwrap())), 0);
    assert_eq!(f.validator.purge(&Purge::Subject(Subject::parse("ann").unwrap())), 1);
    f.up.then(no());
    assert_eq!(f.name("a", 0).await, "rejected");
}

#[test]
fn tables_that_cannot_work_do_not_start() {
    let with = |cache: Value, upstream: Value| {
        problem_paths(json!({"kind": "http", "url": "https://idp.example/s", "send": "url",
            "fields": {"subject": "sub"}, "url": "https://idp.example/{credential}",
            "cache": cache, "upstream": upstream}))
    };
    assert!(with(json!({}), json!({})).is_empty());
    for (cache, path) in [
        (json!({"ttl": 0}), "v.cache.ttl"),
        (json!({"ttl": "500ms"}), "v.cache.ttl"),
        (json!({"negative_ttl": "25h"}), "v.cache.negative_ttl"),
        (json!({"stale_if_error": "2days"}), "v.cache.stale_if_error"),
        (json!({"jitter": 0.6}), "v.cache.jitter"),
        (json!({"max_entries": 0}), "v.cache.max_entries"),
        (json!({"max_bytes": 1}), "v.cache.max_bytes"),
        (json!({"tll": 1}), "v.cache.tll"),
        (json!(true), "v.cache"),
    ] {
        assert_eq!(with(cache, json!({})), [path]);
    }
    for (upstream, path) in [
        (json!({"max_concurrent": 0}), "v.upstream.max_concurrent"),
        (json!({"max_waiting": 100_000}), "v.upstream.max_waiting"),
        (json!({"failures": 0}), "v.upstream.failures"),
        (json!({"open_for": 0}), "v.upstream.open_for"),
        (json!({"max_open_for": "1s"}), "v.upstream.max_open_for"),
        (json!({"retry_budget": 2}), "v.upstream.retry_budget"),
    ] {
        assert_eq!(with(json!({}), upstream), [path]);
    }
    let asks_nobody = json!({"kind": "session_token", "cache": {}});
    assert_eq!(problem_paths(asks_nobody), ["v.cache"]);
}
