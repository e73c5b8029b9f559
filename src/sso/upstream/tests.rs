//! The guard's parts alone: when the circuit opens and closes, who may wait, and what retries
//! cost. The whole is tested through `cache` and the fake upstream.

use std::task::{Context, Waker};
use std::time::Duration;

use super::breaker::{Breaker, Rules};
use super::budget::Budget;
use super::gate::Gate;
use super::*;
use crate::domain::{Subject, Verified};

const RULES: Rules =
    Rules { failures: 3, open_for: Duration::from_secs(5), max_open_for: Duration::from_secs(60) };

fn breaker() -> Breaker {
    Breaker::new("v", RULES)
}

fn at(secs: i64) -> Timestamp {
    Timestamp::from_secs(1000 + secs)
}

fn yes() -> Told {
    Told::plain(Ok(Verified::subject_only(Subject::parse("ann").unwrap())))
}

fn down() -> Told {
    Told::plain(Err(ValidateError::unavailable("down")))
}

fn asks_for(secs: u64) -> Told {
    let retry_after = Some(Duration::from_secs(secs));
    Told::plain(Err(ValidateError::Unavailable { reason: "429".to_owned(), retry_after }))
}

/// How long it stays open from then on; `None`: it is closed.
fn open_for(breaker: &Breaker, secs: i64) -> Option<u64> {
    match breaker.refuse_if_open(at(secs)) {
        Err(ValidateError::Unavailable { retry_after, .. }) => retry_after.map(|d| d.as_secs()),
        _ => None,
    }
}

fn report(breaker: &Breaker, told: &Told, secs: i64) {
    breaker.admit(at(secs)).unwrap().settle(told, at(secs));
}

#[test]
fn failures_in_a_row_open_it_and_a_success_between_does_not() {
    let breaker = breaker();
    for told in [down(), down(), yes(), down(), down()] {
        report(&breaker, &told, 0);
        assert_eq!(open_for(&breaker, 0), None);
    }
    report(&breaker, &down(), 0);
    assert_eq!(open_for(&breaker, 0), Some(5));
    assert_eq!(open_for(&breaker, 4), Some(1));
}

#[test]
fn one_probe_decides() {
    let breaker = breaker();
    (0..3).for_each(|_| report(&breaker, &down(), 0));
    let probe = breaker.admit(at(5)).unwrap();
    assert!(probe.is_probe());
    assert_eq!(open_for(&breaker, 5), Some(1), "the others wait for it");
    probe.settle(&down(), at(6));
    assert_eq!(open_for(&breaker, 6), Some(5), "one failure is enough");
    report(&breaker, &yes(), 11);
    assert_eq!(open_for(&breaker, 11), None);
    assert!(!breaker.admit(at(11)).unwrap().is_probe());
}

#[test]
fn a_probe_that_is_dropped_leaves_its_place() {
    let breaker = breaker();
    (0..3).for_each(|_| report(&breaker, &down(), 0));
    drop(breaker.admit(at(5)).unwrap());
    assert!(breaker.admit(at(5)).unwrap().is_probe());
}

#[test]
fn what_began_before_it_opened_has_no_say() {
    let breaker = breaker();
    let slow: Vec<_> = (0..5).map(|_| breaker.admit(at(0)).unwrap()).collect();
    for (pass, told) in slow.into_iter().zip([down(), down(), down(), yes(), asks_for(50)]) {
        pass.settle(&told, at(3));
    }
    assert_eq!(open_for(&breaker, 3), Some(5));
}

#[test]
fn a_named_time_is_waited_out_within_the_bound() {
    for (asked, want) in [(17, 17), (3600, 60), (0, 1)] {
        let breaker = breaker();
        report(&breaker, &asks_for(asked), 0);
        assert_eq!(open_for(&breaker, 0), Some(want));
    }
}

#[test]
fn one_credentials_fault_is_not_the_systems() {
    let breaker = breaker();
    let nonsense = || Told::plain(Err(ValidateError::Upstream("roles are no texts".to_owned())));
    for _ in 0..10 {
        report(&breaker, &Told { is_alive: true, ..nonsense() }, 0);
    }
    assert_eq!(open_for(&breaker, 0), None);
    (0..3).for_each(|_| report(&breaker, &nonsense(), 0));
    assert_eq!(open_for(&breaker, 0), Some(5));
}

#[test]
fn a_clock_that_was_set_back_does_not_keep_it_open() {
    let breaker = breaker();
    (0..3).for_each(|_| report(&breaker, &down(), 0));
    assert_eq!(open_for(&breaker, -3600), None);
}

#[tokio::test]
async fn whoever_finds_the_queue_full_is_refused_at_once() {
    let gate = Gate::new(1, 1);
    let soon = Instant::now();
    let far = soon + Duration::from_secs(20);
    let place = gate.enter(soon).await.unwrap();
    {
        let mut waiting = std::pin::pin!(gate.enter(far));
        let mut polling = Context::from_waker(Waker::noop());
        assert!(waiting.as_mut().poll(&mut polling).is_pending());
        assert!(gate.enter(far).await.is_err(), "the queue is full");
        drop(place);
        assert!(waiting.await.is_ok());
    }
    let _place = gate.enter(soon).await.unwrap();
    assert!(gate.enter(soon).await.is_err(), "nobody waits past the deadline");
}

#[test]
fn retries_are_a_share_of_the_requests() {
    let budget = Budget::new(100);
    let retries = (0..1000).filter(|_| {
        budget.earn();
        budget.spend()
    });
    assert_eq!(retries.count(), 101);
    let none = Budget::new(0);
    none.earn();
    assert!(!none.spend());
}
