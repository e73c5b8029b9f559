//! What only the `memory` backend promises: that it is bounded.

use cambio::session::BeginError;
use serde_json::json;

use super::*;

async fn of_capacity(capacity: u32) -> Arc<dyn Store> {
    open(json!({"kind": "memory", "capacity": capacity})).await.unwrap()
}

#[tokio::test]
async fn a_full_store_refuses_and_changes_nothing() {
    let store = of_capacity(1).await;
    store.put_ticket(digest(1), ticket()).await.unwrap();
    assert!(store.put_ticket(digest(2), ticket()).await.is_err());
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let refused = store.begin(claiming(sign_on(2, "b"), digest(1)), at(0)).await;
    assert!(matches!(refused, Err(BeginError::Store(_))), "{refused:?}");
    assert!(store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
    assert_eq!(store.devices(&tenant("nagra"), &account("1663")).await.unwrap(), [device("a")]);
}

#[tokio::test]
async fn a_full_store_makes_room_of_what_has_ended() {
    let store = of_capacity(1).await;
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let mut later = sign_on_again(2, "a");
    later.id.ends_at = at(2 * END);
    assert!(store.begin(later.clone(), at(END - 1)).await.is_err());
    // The device is one of a full store's, too, but already there.
    assert!(store.begin(later, at(END)).await.is_ok());
}
