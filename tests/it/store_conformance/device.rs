//! Devices of an account.

use cambio::session::{BeginError, RefreshError};

use super::*;

on_every_backend![
    devices_are_listed_in_order_with_the_deleted_ones,
    only_the_accounts_own_devices_change,
    a_deleted_device_stays_deleted,
    accounts_whose_names_begin_alike_are_apart,
    a_device_is_renamed_until_it_is_deleted,
    deleting_a_device_ends_its_sessions,
    a_disabled_devices_sessions_stay,
    of_many_deleted_devices_the_oldest_are_forgotten,
];

async fn a_device_is_renamed_until_it_is_deleted(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    b.store.begin(sign_on(2, "b"), at(0)).await.unwrap();
    let name = |name: Option<&str>| DeviceChange::Name(name.map(str::to_owned));
    assert!(b.change_device("a", name(Some("zoë's tv"))).await);
    let devices = || async { b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap() };
    let renamed = Device { name: Some("zoë's tv".to_owned()), ..device("a") };
    assert_eq!(devices().await, [renamed, device("b")]);
    assert!(b.change_device("a", name(None)).await);
    assert_eq!(devices().await, [device("a"), device("b")]);
    assert!(!b.change_device("c", name(None)).await);
    assert!(b.set_device("a", DeviceState::Deleted).await);
    assert!(!b.change_device("a", name(Some("again"))).await);
}

async fn deleting_a_device_ends_its_sessions(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    let again = b.store.begin(sign_on_again(2, "a"), at(0)).await.unwrap().session;
    let other = b.store.begin(sign_on(3, "b"), at(0)).await.unwrap().session;
    assert!(b.set_device("a", DeviceState::Deleted).await);
    for ended in [session, again] {
        assert_eq!(b.find(&ended, 1).await, None);
        let told = b.other.refresh(&token(&ended, 1), next(1), at(1)).await;
        assert_eq!(told, Err(RefreshError::DeviceDeleted));
    }
    assert_eq!(b.find(&other, 1).await.as_ref(), Some(&other));
    let left = b.store.sessions(&tenant("nagra"), &account("1663"), at(1)).await;
    assert_eq!(left, Ok(vec![other]));
}

async fn a_disabled_devices_sessions_stay(b: &Backend) {
    let session = b.store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    assert!(b.set_device("a", DeviceState::Disabled).await);
    assert_eq!(b.find(&session, 1).await, Some(session.clone()));
    assert!(b.set_device("a", DeviceState::Active).await);
    assert!(b.store.refresh(&token(&session, 1), next(1), at(1)).await.is_ok());
}

async fn devices_are_listed_in_order_with_the_deleted_ones(b: &Backend) {
    for (number, name) in [(1, "b"), (2, "c"), (3, "a")] {
        b.store.begin(sign_on(number, name), at(0)).await.unwrap();
    }
    assert!(b.set_device("b", DeviceState::Deleted).await);
    let expected =
        [device("a"), Device { state: DeviceState::Deleted, ..device("b") }, device("c")];
    let devices = b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(devices, expected);
}

async fn only_the_accounts_own_devices_change(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    let set = |tenant, account, device: &'static str| async move {
        let disabled = DeviceChange::State(DeviceState::Disabled);
        b.store.change_device(&tenant, &account, &device_id(device), disabled).await.unwrap()
    };
    assert!(!set(tenant("nagra"), account("1663"), "b").await);
    assert!(!set(tenant("nagra"), account("1664"), "a").await);
    assert!(!set(tenant("other"), account("1663"), "a").await);
    let devices = b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(devices, [device("a")]);
}

async fn a_deleted_device_stays_deleted(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    assert!(b.set_device("a", DeviceState::Deleted).await);
    assert!(b.set_device("a", DeviceState::Deleted).await);
    assert!(!b.set_device("a", DeviceState::Active).await);
    assert!(!b.set_device("a", DeviceState::Disabled).await);
    let devices = b.store.devices(&tenant("nagra"), &account("1663")).await.unwrap();
    assert_eq!(devices[0].state, DeviceState::Deleted);
}

async fn accounts_whose_names_begin_alike_are_apart(b: &Backend) {
    for (number, name) in [(1, "1663"), (2, "166"), (3, "16630")] {
        let mut new = sign_on(number, "a");
        new.facts = facts(name);
        if let DeviceRequest::Register { device, limits } = &mut new.device {
            device.account = account(name);
            limits.all = Some(1);
        }
        b.store.begin(new, at(0)).await.unwrap();
    }
    assert_eq!(b.device_names().await, ["a"]);
}

async fn of_many_deleted_devices_the_oldest_are_forgotten(b: &Backend) {
    // Of each, the number, and the higher the older: names are in the other order than ages.
    const LAST: u64 = 103;
    let name = |n: u64| format!("d{n:03}");
    let mut sessions = Vec::new();
    for n in 0..=LAST {
        let mut new = sign_on(n, &name(n));
        if let DeviceRequest::Register { device, .. } = &mut new.device {
            device.registered_at = at(1000 - i64::try_from(n).unwrap());
        }
        sessions.push(b.store.begin(new, at(0)).await.unwrap().session);
    }
    // The newest one stays. Each that is deleted is the oldest of them then.
    for n in 1..=LAST {
        assert!(b.set_device(&name(n), DeviceState::Deleted).await);
    }
    // A hundred others than the one that was deleted last.
    let expected: Vec<_> = (0..=LAST - 3).chain([LAST]).map(name).collect();
    assert_eq!(b.device_names().await, expected);

    // What is forgotten is as unknown as what is deleted, and does not count.
    let forgotten = LAST - 1;
    for state in [DeviceState::Active, DeviceState::Deleted] {
        assert!(!b.set_device(&name(forgotten), state).await);
    }
    let again = b.store.begin(sign_on_again(900, &name(forgotten)), at(1)).await;
    assert_eq!(again, Err(BeginError::DeviceUnknown));
    assert!(b.store.begin(limited(sign_on(901, "new"), 2), at(1)).await.is_ok());
    let full = b.store.begin(limited(sign_on(902, "newer"), 2), at(1)).await;
    assert_eq!(full, Err(BeginError::DeviceLimit));

    // Its sessions' clients are told what they would have been told.
    for n in [1, forgotten, LAST] {
        let ended = &sessions[usize::try_from(n).unwrap()];
        let told = b.other.refresh(&token(ended, 1), next(1), at(1)).await;
        assert_eq!(told, Err(RefreshError::DeviceDeleted), "{n}");
    }
}
