//! Devices of an account.

use super::*;

on_every_backend![
    devices_are_listed_in_order_with_the_deleted_ones,
    only_the_accounts_own_devices_change,
    a_deleted_device_stays_deleted,
    accounts_whose_names_begin_alike_are_apart,
];

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
        let disabled = DeviceState::Disabled;
        b.store.set_device_state(&tenant, &account, &device_id(device), disabled).await.unwrap()
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
        if let DeviceRequest::Register { device, limit } = &mut new.device {
            device.account = account(name);
            *limit = Some(1);
        }
        b.store.begin(new, at(0)).await.unwrap();
    }
    assert_eq!(b.device_names().await, ["a"]);
}
