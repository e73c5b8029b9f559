//! One-time tickets, but for taking them: that is in `begin.rs`.

use super::*;

on_every_backend![looking_at_a_ticket_does_not_use_it_up, an_unknown_or_expired_ticket_is_absent,];

async fn looking_at_a_ticket_does_not_use_it_up(b: &Backend) {
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    for _ in 0..2 {
        assert_eq!(b.store.peek_ticket(digest(1), at(0)).await.unwrap(), Some(ticket()));
    }
    assert!(b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await.is_ok());
    assert_eq!(b.store.peek_ticket(digest(1), at(0)).await.unwrap(), None);
}

async fn an_unknown_or_expired_ticket_is_absent(b: &Backend) {
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    assert_eq!(b.store.peek_ticket(digest(2), at(0)).await.unwrap(), None);
    assert!(b.store.peek_ticket(digest(1), at(299)).await.unwrap().is_some());
    assert_eq!(b.store.peek_ticket(digest(1), at(300)).await.unwrap(), None);
}
