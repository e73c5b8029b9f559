//! One-time tickets, but for taking them: that is in `begin.rs`.

use cambio::session::{PendingDevice, PendingSignOn, UpstreamSession};

use super::*;

on_every_backend![
    looking_at_a_ticket_does_not_use_it_up,
    an_unknown_or_expired_ticket_is_absent,
    a_waiting_sign_on_is_kept_as_it_was,
];

async fn a_waiting_sign_on_is_kept_as_it_was(b: &Backend) {
    let new = PendingDevice::New { class: None, information: "{}".to_owned() };
    for device in [new, PendingDevice::Existing(device_id("a"))] {
        let sign_on = Box::new(PendingSignOn {
            account: facts("1663").account,
            device,
            authenticated_at: at(7),
            upstream: Some(UpstreamSession([9; 32])),
            upstream_ends_at: Some(at(99)),
        });
        let waiting = Ticket { sign_on: Some(sign_on), ..ticket() };
        b.store.put_ticket(digest(1), waiting.clone()).await.unwrap();
        let found = b.other.peek_ticket(digest(1), at(0)).await;
        assert_eq!(found, Ok(Some(waiting)));
    }
    assert!(b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await.is_ok());
    assert_eq!(b.store.peek_ticket(digest(1), at(0)).await, Ok(None));
}

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
