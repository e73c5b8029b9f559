//! Key rings: replaced by compare-and-swap.

use std::sync::Arc;

use cambio::session::Versioned;

use super::*;

on_every_backend![
    a_key_ring_is_created_once_and_then_replaced_by_version,
    of_racing_swaps_exactly_one_wins,
    key_rings_are_apart_by_name,
];

async fn a_key_ring_is_created_once_and_then_replaced_by_version(b: &Backend) {
    assert_eq!(b.store.load_keys("k").await.unwrap(), None);
    assert!(!b.store.swap_keys("k", 1, b"never").await.unwrap());
    assert!(b.store.swap_keys("k", 0, b"one").await.unwrap());
    assert!(!b.store.swap_keys("k", 0, b"again").await.unwrap());
    assert!(b.store.swap_keys("k", 1, b"two").await.unwrap());
    assert!(!b.store.swap_keys("k", 1, b"late").await.unwrap());
    let stored = b.store.load_keys("k").await.unwrap();
    assert_eq!(stored, Some(Versioned { version: 2, bytes: b"two".to_vec() }));
}

async fn of_racing_swaps_exactly_one_wins(b: &Backend) {
    for expected in 0..2 {
        let calls = (0..64u8).map(|n| {
            let store = Arc::clone(&b.store);
            async move { (n, store.swap_keys("k", expected, &[n]).await.unwrap()) }
        });
        let winners: Vec<u8> =
            race(calls).await.into_iter().filter(|(_, won)| *won).map(|(n, _)| n).collect();
        assert_eq!(winners.len(), 1);
        let stored = b.store.load_keys("k").await.unwrap();
        assert_eq!(stored, Some(Versioned { version: expected + 1, bytes: winners }));
    }
}

async fn key_rings_are_apart_by_name(b: &Backend) {
    b.store.swap_keys("a", 0, b"a").await.unwrap();
    assert_eq!(b.store.load_keys("b").await.unwrap(), None);
    assert!(b.store.swap_keys("b", 0, b"b").await.unwrap());
}
