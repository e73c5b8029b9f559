//! What a fleet does as one: a session is the same at every node, and nodes come and go
//! unnoticed.

use super::Fleet;
use super::load::Load;
use super::stores::{Shared, on_every_shared_store};

on_every_shared_store! {
    a_session_is_the_same_at_every_node,
    a_rolling_restart_under_load_fails_no_request,
    a_node_that_is_killed_loses_nothing_acknowledged,
}

/// Clients that refresh, and such that sign on and out.
const REFRESHING: usize = 8;
const COMING: usize = 4;

async fn a_session_is_the_same_at_every_node(store: &Shared) {
    let fleet = Fleet::start(3, &store.table).await;
    let [first, second, third] = [0, 1, 2].map(|n| fleet.nodes[n].client("ada"));
    let ticket = second.ticket().await.unwrap();
    let signed_on = first.sign_on(&ticket, None).await.unwrap();
    assert_eq!(signed_on.status, 201, "{signed_on:?}");
    let again = third.sign_on(&ticket, None).await.unwrap();
    assert_eq!(again.status, 401, "the ticket was used at another node: {again:?}");

    let refreshed = second.refresh(&signed_on.text("refresh_token")).await.unwrap();
    assert_eq!(refreshed.status, 200, "{refreshed:?}");
    let retried = third.refresh(&signed_on.text("refresh_token")).await.unwrap();
    for token in ["access_token", "refresh_token"] {
        assert_eq!(retried.text(token), refreshed.text(token), "a retry gets the same pair");
    }

    let signed_out = third.sign_out(&refreshed.text("access_token")).await.unwrap();
    assert!((200..300).contains(&signed_out.status), "{signed_out:?}");
    for node in [&first, &second, &third] {
        let late = node.refresh(&refreshed.text("refresh_token")).await.unwrap();
        assert_eq!(late.status, 401, "{late:?}");
    }
}

async fn a_rolling_restart_under_load_fails_no_request(store: &Shared) {
    let mut fleet = Fleet::start(3, &store.table).await;
    let load = Load::start(&fleet, REFRESHING, COMING).await;
    for node in 0..fleet.nodes.len() {
        fleet.nodes[node].restart().await;
        load.goes_on(50).await;
    }
    let what = format!("rolling restart of three nodes on {}", store.name);
    assert_eq!(load.end(&fleet, &what).await, 0);
}

async fn a_node_that_is_killed_loses_nothing_acknowledged(store: &Shared) {
    let mut fleet = Fleet::start(2, &store.table).await;
    let load = Load::while_nodes_die(&fleet, REFRESHING, COMING).await;
    for node in 0..fleet.nodes.len() {
        fleet.nodes[node].kill();
        load.goes_on(50).await;
        fleet.nodes[node].start_again().await;
        load.goes_on(50).await;
    }
    let what = format!("SIGKILL of each of two nodes on {}", store.name);
    assert_eq!(load.end(&fleet, &what).await, 0);
}
