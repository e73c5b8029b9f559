//! Beginning a session: one step for ticket, device and session, or none of it.

use std::sync::Arc;

use cambio::session::{BeginError, NewSession, Ticket};

use super::*;

on_every_backend![
    a_begun_session_reads_back_as_it_was_answered,
    of_racing_claims_exactly_one_wins,
    a_used_ticket_is_gone,
    an_expired_ticket_is_gone,
    a_ticket_of_another_tenant_service_or_account_is_gone,
    a_failed_begin_keeps_the_ticket,
    an_existing_device_lends_its_class,
    an_unknown_deleted_or_foreign_device_is_refused,
    a_device_that_names_another_account_is_refused,
    the_errors_come_in_order,
    a_taken_session_number_changes_nothing,
    a_taken_device_id_changes_nothing,
    an_expired_session_gives_its_number_back,
    a_session_never_outlives_its_absolute_end,
    tenants_do_not_see_each_other,
];

async fn a_begun_session_reads_back_as_it_was_answered(b: &Backend) {
    let session = b.store.begin(sign_on(7, "d"), at(1)).await.unwrap().session;
    assert_eq!((session.generation, session.issued_at), (1, at(1)));
    assert_eq!((session.id, session.expires_at), (id(7), at(IDLE)));
    assert_eq!(session.device_class.as_deref(), Some("TV"));
    assert_eq!(session.facts, facts("1663"));
    assert_eq!(b.find(&session, 1).await, Some(session));
}

async fn of_racing_claims_exactly_one_wins(b: &Backend) {
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let calls = (0..64).map(|n| {
        let store = Arc::clone(&b.store);
        async move { store.begin(claiming(sign_on(n, &format!("d{n}")), digest(1)), at(0)).await }
    });
    let answers = race(calls).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 1);
    assert_eq!(answers.iter().filter(|a| **a == Err(BeginError::ClaimGone)).count(), 63);
    assert_eq!(b.device_names().await.len(), 1);
}

async fn a_used_ticket_is_gone(b: &Backend) {
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await.unwrap();
    let again = b.store.begin(claiming(sign_on(2, "b"), digest(1)), at(0)).await;
    assert_eq!(again, Err(BeginError::ClaimGone));
}

async fn an_expired_ticket_is_gone(b: &Backend) {
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let late = b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(300)).await;
    assert_eq!(late, Err(BeginError::ClaimGone));
    assert!(b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(299)).await.is_ok());
}

async fn a_ticket_of_another_tenant_service_or_account_is_gone(b: &Backend) {
    let others = [
        Ticket { tenant: tenant("other"), ..ticket() },
        Ticket { service: ServiceName::parse("Other").unwrap(), ..ticket() },
        Ticket { account: account("1664"), ..ticket() },
    ];
    for other in others {
        b.store.put_ticket(digest(1), other).await.unwrap();
        let begun = b.store.begin(claiming(sign_on(1, "a"), digest(1)), at(0)).await;
        assert_eq!(begun, Err(BeginError::ClaimGone));
        assert!(b.store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
    }
}

async fn a_failed_begin_keeps_the_ticket(b: &Backend) {
    b.store.begin(sign_on(1, "first"), at(0)).await.unwrap();
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let refused = limited(claiming(sign_on(2, "second"), digest(1)), 1);
    let begun = b.store.begin(refused.clone(), at(0)).await;
    assert_eq!(begun, Err(BeginError::DeviceLimit));
    assert_eq!(b.device_names().await, ["first"]);
    assert_eq!(
        b.store.session(&tenant("nagra"), &account("1663"), id(2), at(0)).await.unwrap(),
        None
    );
    assert!(b.store.begin(limited(refused, 2), at(0)).await.is_ok());
}

async fn an_existing_device_lends_its_class(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let session = b.store.begin(sign_on_again(2, "a"), at(0)).await.unwrap().session;
    assert_eq!(session.device_class.as_deref(), Some("TV"));
    assert_eq!(b.device_names().await, ["a"]);
}

async fn an_unknown_deleted_or_foreign_device_is_refused(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let foreign = NewSession { facts: facts("1664"), ..sign_on_again(2, "a") };
    assert_eq!(b.store.begin(foreign, at(0)).await, Err(BeginError::DeviceUnknown));
    let unknown = b.store.begin(sign_on_again(2, "b"), at(0)).await;
    assert_eq!(unknown, Err(BeginError::DeviceUnknown));
    b.set_device("a", DeviceState::Disabled).await;
    let disabled = b.store.begin(sign_on_again(2, "a"), at(0)).await;
    assert_eq!(disabled, Err(BeginError::DeviceDisabled));
    b.set_device("a", DeviceState::Deleted).await;
    let deleted = b.store.begin(sign_on_again(2, "a"), at(0)).await;
    assert_eq!(deleted, Err(BeginError::DeviceUnknown));
}

async fn a_device_that_names_another_account_is_refused(b: &Backend) {
    let new = NewSession { facts: facts("1664"), ..sign_on(1, "a") };
    assert_eq!(b.store.begin(new, at(0)).await, Err(BeginError::DeviceUnknown));
}

async fn the_errors_come_in_order(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    // Everything is wrong: the ticket, the limit, the device's id and the number.
    let wrong = limited(claiming(sign_on(1, "a"), digest(1)), 1);
    assert_eq!(b.store.begin(wrong.clone(), at(0)).await, Err(BeginError::ClaimGone));
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    assert_eq!(b.store.begin(wrong.clone(), at(0)).await, Err(BeginError::DeviceLimit));
    assert_eq!(b.store.begin(limited(wrong, 2), at(0)).await, Err(BeginError::Conflict));
}

async fn a_taken_session_number_changes_nothing(b: &Backend) {
    let first = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let begun = b.store.begin(claiming(sign_on(1, "b"), digest(1)), at(5)).await;
    assert_eq!(begun, Err(BeginError::Conflict));
    assert_eq!(b.device_names().await, ["a"]);
    assert_eq!(b.find(&first, 5).await, Some(first));
    assert!(b.store.peek_ticket(digest(1), at(5)).await.unwrap().is_some());
}

async fn a_taken_device_id_changes_nothing(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    b.store.put_ticket(digest(1), ticket()).await.unwrap();
    let mut new = claiming(sign_on(2, "a"), digest(1));
    if let DeviceRequest::Register { device, .. } = &mut new.device {
        device.class = None;
    }
    assert_eq!(b.store.begin(new, at(0)).await, Err(BeginError::Conflict));
    let kept = b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(kept, [device("a")]);
    assert_eq!(
        b.store.session(&tenant("nagra"), &account("1663"), id(2), at(0)).await.unwrap(),
        None
    );
    assert!(b.store.peek_ticket(digest(1), at(0)).await.unwrap().is_some());
}

async fn an_expired_session_gives_its_number_back(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let new = NewSession { expires_at: at(2 * IDLE), ..sign_on(1, "b") };
    let session = b.store.begin(new, at(IDLE)).await.unwrap().session;
    assert_eq!(b.find(&session, IDLE).await, Some(session));
}

async fn a_session_never_outlives_its_absolute_end(b: &Backend) {
    let new = NewSession { expires_at: at(2 * END), ..sign_on(1, "a") };
    let session = b.store.begin(new, at(0)).await.unwrap().session;
    assert_eq!(session.expires_at, at(END));
    assert!(b.find(&session, END - 1).await.is_some());
    assert_eq!(b.find(&session, END).await, None);
}

async fn tenants_do_not_see_each_other(b: &Backend) {
    let ours = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let other = tenant("other");
    assert_eq!(b.store.session(&other, &account("1663"), id(1), at(0)).await.unwrap(), None);
    assert_eq!(b.store.devices(&other, &account("1663")).await.unwrap(), []);
    let borrowed = NewSession { tenant: other.clone(), ..sign_on_again(2, "a") };
    assert_eq!(b.store.begin(borrowed, at(0)).await, Err(BeginError::DeviceUnknown));
    // The same number, device id and account of another tenant are no conflict.
    let same = NewSession { tenant: other, ..limited(sign_on(1, "a"), 1) };
    let theirs = b.store.begin(same, at(0)).await.unwrap().session;
    assert!(
        b.store
            .end(&theirs.tenant, &account("1663"), theirs.id, &theirs.device, at(0))
            .await
            .unwrap()
    );
    assert_eq!(b.find(&ours, 0).await, Some(ours));
}
