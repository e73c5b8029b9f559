//! The bounded map: its bounds, who goes first, and that index, slots and sum agree after any
//! sequence of operations.

use std::time::Duration;

use proptest::prelude::*;
use serde_json::json;

use super::super::key::Digester;
use super::*;
use crate::domain::{Credential, SecretString, Subject, SystemRandom};

const NOW: Timestamp = Timestamp::from_secs(1000);

fn verdicts(entries: usize, bytes: usize) -> Verdicts {
    Verdicts::new(Bounds { entries, bytes })
}

fn who(subject: &str) -> Verified {
    Verified::subject_only(Subject::parse(subject).unwrap())
}

fn kept(subject: &str) -> Kept {
    Kept::Verified(Arc::new(who(subject)))
}

fn life(fresh: u64, dead: u64) -> Life {
    let at = |secs| NOW.plus(Duration::from_secs(secs));
    Life { fresh_until: at(fresh), dead_from: at(dead) }
}

fn keys(n: usize) -> Vec<Key> {
    let digester = Digester::new(&SystemRandom);
    let key = |i: usize| digester.key(&Credential::Token(SecretString::new(i.to_string())));
    (0..n).map(key).collect()
}

fn is_fresh(verdicts: &mut Verdicts, key: &Key) -> bool {
    matches!(verdicts.get(key, NOW), Recalled::Fresh(_))
}

#[test]
fn ten_thousand_are_the_bound_however_many_come() {
    let mut verdicts = verdicts(10_000, usize::MAX);
    for key in keys(25_000) {
        verdicts.insert(key, kept("ann"), life(60, 60), NOW);
    }
    assert_eq!(verdicts.len(), 10_000);
    assert!(verdicts.is_consistent());
    assert!(verdicts.bytes() < 16 * 1024 * 1024, "{}", verdicts.bytes());
}

#[test]
fn large_verdicts_are_bounded_by_their_bytes() {
    let mut large = who("ann");
    large.attributes.insert("about".to_owned(), json!(["x".repeat(50_000)]));
    let mut verdicts = verdicts(10_000, 1_000_000);
    for key in keys(100) {
        verdicts.insert(key, Kept::Verified(Arc::new(large.clone())), life(60, 60), NOW);
        assert!(verdicts.bytes() <= 1_000_000);
    }
    assert_eq!(verdicts.len(), 19);
    let mut too_large = large;
    too_large.roles = vec!["x".repeat(1_000_000)];
    let key = keys(1)[0];
    verdicts.insert(key, Kept::Verified(Arc::new(too_large)), life(60, 60), NOW);
    assert!(!is_fresh(&mut verdicts, &key));
    assert_eq!(verdicts.len(), 19);
}

#[test]
fn the_dead_go_first_and_the_used_stay() {
    let mut verdicts = verdicts(8, usize::MAX);
    let keys = keys(12);
    for key in &keys[..8] {
        verdicts.insert(*key, kept("ann"), life(60, 60), NOW);
    }
    assert!(is_fresh(&mut verdicts, &keys[0]) && is_fresh(&mut verdicts, &keys[5]));
    verdicts.insert(keys[3], kept("ann"), life(0, 0), NOW);
    verdicts.insert(keys[8], kept("ann"), life(60, 60), NOW);
    for i in [0, 1, 2, 4, 5, 6, 7, 8] {
        assert!(verdicts.index.contains_key(&keys[i]), "number {i} stays, only the dead one went");
    }
    for key in &keys[9..12] {
        verdicts.insert(*key, kept("ann"), life(60, 60), NOW);
    }
    assert!(is_fresh(&mut verdicts, &keys[0]) && is_fresh(&mut verdicts, &keys[5]));
    assert_eq!(verdicts.len(), 8);
}

#[test]
fn a_clock_that_was_set_back_keeps_nothing_alive() {
    let mut verdicts = verdicts(8, usize::MAX);
    let key = keys(1)[0];
    verdicts.insert(key, kept("ann"), life(60, 60), NOW);
    // The clock of a request that is a little behind is no reason.
    let behind = NOW.minus(Duration::from_secs(2));
    assert!(matches!(verdicts.get(&key, behind), Recalled::Fresh(_)));
    let set_back = NOW.minus(Duration::from_secs(3600));
    assert!(matches!(verdicts.get(&key, set_back), Recalled::Nothing));
}

#[derive(Debug, Clone)]
enum Step {
    Insert(usize, u64, bool),
    Get(usize, u64),
    Remove(usize),
    PurgeAnn,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (0..30_usize, 0..20_u64, any::<bool>()).prop_map(|(k, l, ann)| Step::Insert(k, l, ann)),
        3 => (0..30_usize, 0..20_u64).prop_map(|(k, t)| Step::Get(k, t)),
        1 => (0..30_usize).prop_map(Step::Remove),
        1 => Just(Step::PurgeAnn),
    ]
}

proptest! {
    #[test]
    fn any_sequence_keeps_the_bounds(steps in proptest::collection::vec(step(), 0..200)) {
        let keys = keys(30);
        let mut verdicts = verdicts(7, 8_000);
        for step in steps {
            match step {
                Step::Insert(k, secs, ann) => {
                    let name = if ann { "ann" } else { "bob" };
                    verdicts.insert(keys[k], kept(name), life(secs, secs + 3), NOW);
                }
                Step::Get(k, secs) => {
                    let now = NOW.plus(Duration::from_secs(secs));
                    drop(verdicts.get(&keys[k], now));
                }
                Step::Remove(k) => verdicts.remove(&keys[k]),
                Step::PurgeAnn => {
                    verdicts.purge(&Purge::Subject(Subject::parse("ann").unwrap()));
                }
            }
            prop_assert!(verdicts.len() <= 7 && verdicts.bytes() <= 8_000);
            prop_assert!(verdicts.is_consistent());
        }
    }
}
