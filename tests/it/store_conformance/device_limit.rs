//! How many devices an account may have, in all and of a class: counted in the one step that registers
//! one more.

use std::ops::Range;
use std::sync::Arc;

use cambio::session::{BeginError, Begun, NewSession};

use super::*;

on_every_backend![
    the_device_limit_holds_when_it_is_raced,
    the_limit_of_a_class_holds_when_it_is_raced,
    both_limits_hold_when_classes_race,
    the_limit_of_a_class_counts_its_own_devices,
    disabled_devices_count_and_deleted_ones_do_not,
];

/// Sign-on `n`, on a new device of this class.
fn on_a(class: Option<&str>, n: u64, to: DeviceLimits) -> NewSession {
    let mut new = sign_on(n, &format!("d{n}"));
    if let DeviceRequest::Register { device, limits } = &mut new.device {
        device.class = class.map(str::to_owned);
        *limits = to;
    }
    new
}

/// First sign-ons of these numbers at once, over both nodes, with the classes in turn.
async fn race_of(
    b: &Backend,
    classes: [&'static str; 2],
    numbers: Range<u64>,
    limits: DeviceLimits,
) -> Vec<Result<Begun, BeginError>> {
    let calls = numbers.map(|n| {
        let store = Arc::clone(if n % 2 == 0 { &b.store } else { &b.other });
        let class = classes[usize::from(n % 4 >= 2)];
        async move { store.begin(on_a(Some(class), n, limits), at(0)).await }
    });
    race(calls).await
}

/// How many succeeded; every other one was refused for the limit.
fn registered(answers: &[Result<Begun, BeginError>]) -> usize {
    let good = answers.iter().filter(|a| a.is_ok()).count();
    let refused = answers.iter().filter(|a| **a == Err(BeginError::DeviceLimit)).count();
    assert_eq!(good + refused, answers.len(), "{answers:?}");
    good
}

impl Backend {
    /// How many devices of this class account 1663 has.
    async fn devices_of(&self, class: &str) -> usize {
        let devices = self.other.devices(&tenant("nagra"), &account("1663")).await.unwrap();
        devices.iter().filter(|device| device.class.as_deref() == Some(class)).count()
    }
}

async fn the_limit_of_a_class_holds_when_it_is_raced(b: &Backend) {
    let three = DeviceLimits { all: None, of_class: Some(3) };
    assert_eq!(registered(&race_of(b, ["TV", "TV"], 0..64, three).await), 3);
    assert_eq!((b.devices_of("TV").await, b.device_names().await.len()), (3, 3));
    // Another class has its own places, and this one has none left at either node.
    assert!(b.other.begin(on_a(Some("PHONE"), 64, three), at(0)).await.is_ok());
    for store in [&b.store, &b.other] {
        let one_more = store.begin(on_a(Some("TV"), 65, three), at(0)).await;
        assert_eq!(one_more, Err(BeginError::DeviceLimit));
    }
}

async fn both_limits_hold_when_classes_race(b: &Backend) {
    let classes = ["TV", "PHONE"];
    let three = DeviceLimits { all: None, of_class: Some(3) };
    assert_eq!(registered(&race_of(b, classes, 0..64, three).await), 6);
    assert_eq!((b.devices_of("TV").await, b.devices_of("PHONE").await), (3, 3));
    let seven = DeviceLimits { all: Some(7), of_class: Some(9) };
    assert_eq!(registered(&race_of(b, classes, 64..128, seven).await), 1);
    assert_eq!(b.device_names().await.len(), 7);
}

async fn the_device_limit_holds_when_it_is_raced(b: &Backend) {
    let calls = (0..64).map(|n| {
        let store = Arc::clone(&b.store);
        async move { store.begin(limited(sign_on(n, &format!("d{n}")), 3), at(0)).await }
    });
    let answers = race(calls).await;
    assert_eq!(answers.iter().filter(|a| a.is_ok()).count(), 3);
    assert_eq!(answers.iter().filter(|a| **a == Err(BeginError::DeviceLimit)).count(), 61);
    assert_eq!(b.device_names().await.len(), 3);
}

async fn the_limit_of_a_class_counts_its_own_devices(b: &Backend) {
    let of_class =
        |n: u64, class: Option<&str>, limits| b.store.begin(on_a(class, n, limits), at(0));
    let one = DeviceLimits { all: Some(4), of_class: Some(1) };
    assert!(of_class(1, Some("TV"), one).await.is_ok());
    assert!(of_class(2, Some("PHONE"), one).await.is_ok());
    assert!(of_class(3, None, one).await.is_ok());
    for class in [Some("TV"), Some("PHONE"), None] {
        assert_eq!(of_class(4, class, one).await, Err(BeginError::DeviceLimit));
    }
    let two = DeviceLimits { of_class: Some(2), ..one };
    assert!(of_class(4, Some("TV"), two).await.is_ok());
    assert_eq!(of_class(5, Some("STB"), two).await, Err(BeginError::DeviceLimit));
    b.set_device("d1", DeviceState::Deleted).await;
    assert!(of_class(5, Some("TV"), two).await.is_ok());
}

async fn disabled_devices_count_and_deleted_ones_do_not(b: &Backend) {
    b.store.begin(sign_on(1, "a"), at(0)).await.unwrap();
    b.set_device("a", DeviceState::Disabled).await;
    let begun = b.store.begin(limited(sign_on(2, "b"), 1), at(0)).await;
    assert_eq!(begun, Err(BeginError::DeviceLimit));
    b.set_device("a", DeviceState::Deleted).await;
    assert!(b.store.begin(limited(sign_on(2, "b"), 1), at(0)).await.is_ok());
    let begun = b.store.begin(limited(sign_on(3, "c"), 0), at(0)).await;
    assert_eq!(begun, Err(BeginError::DeviceLimit));
}
