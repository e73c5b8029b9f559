//! Every backend does as `memory` does: the same calls in any order get the same answers. What
//! the other files show one by one is here in combination: limits of sessions and devices,
//! evictions, shared places, refreshes, ends and passing time.

use std::num::NonZeroU32;

use cambio::session::{NewSession, SessionLimit, UpstreamSession, WhenFull};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::*;

on_every_backend![does_as_memory_does];

#[derive(Debug, Clone)]
enum Step {
    Begin {
        on: On,
        upstream: Option<u8>,
        limit: Option<(u32, WhenFull)>,
        lasts: i64,
    },
    /// The n-th session that was begun, with a token so many generations old.
    Refresh(usize, u32),
    End(usize),
    EndAll,
    Device(u8, DeviceState),
    Pass(i64),
}

#[derive(Debug, Clone)]
enum On {
    New { device: u8, class: Option<bool>, all: Option<u32>, of_class: Option<u32> },
    Existing(u8),
}

fn on() -> impl Strategy<Value = On> {
    let limit = || prop::option::of(0..5u32);
    prop_oneof![
        3 => (0..8u8, any::<Option<bool>>(), limit(), limit())
            .prop_map(|(device, class, all, of_class)| On::New { device, class, all, of_class }),
        2 => (0..8u8).prop_map(On::Existing),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let when_full =
        prop::sample::select(vec![WhenFull::Deny, WhenFull::EvictOldest, WhenFull::EvictIdle]);
    let states = prop::sample::select(vec![
        DeviceState::Active,
        DeviceState::Disabled,
        DeviceState::Deleted,
    ]);
    let begin = (on(), prop::option::of(0..3u8), prop::option::of((1..4u32, when_full)), 1..200i64)
        .prop_map(|(on, upstream, limit, lasts)| Step::Begin { on, upstream, limit, lasts });
    prop_oneof![
        6 => begin,
        4 => (0..12usize, 0..3u32).prop_map(|(n, back)| Step::Refresh(n, back)),
        1 => (0..12usize).prop_map(Step::End),
        1 => Just(Step::EndAll),
        1 => (0..8u8, states).prop_map(|(device, state)| Step::Device(device, state)),
        3 => (0..60i64).prop_map(Step::Pass),
    ]
}

async fn does_as_memory_does(b: &Backend) {
    let runtime = Handle::current();
    let case = std::cell::Cell::new(0);
    let config = Config { cases: 48, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..40);
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&steps, |steps| {
            case.set(case.get() + 1);
            runtime.block_on(follow(b, &format!("case{}", case.get()), steps))
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// Takes the steps on a tenant of its own, here and in a fresh memory.
async fn follow(b: &Backend, name: &str, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let memory = Backend::memory().await;
    let (tenant, account) = (tenant(name), account(name));
    let mut begun: Vec<Session> = Vec::new();
    let (mut now, mut number) = (0, 0);
    for step in steps {
        match step {
            Step::Begin { on, upstream, limit, lasts } => {
                number += 1;
                let new = new_session(name, number, on, upstream, limit, now + lasts);
                let here = b.store.begin(new.clone(), at(now)).await;
                prop_assert_eq!(&here, &memory.store.begin(new, at(now)).await);
                begun.extend(here.ok().map(|begun| begun.session));
            }
            Step::Refresh(n, back) => {
                let Some(session) = begun.get(n) else { continue };
                let token = token(session, session.generation.saturating_sub(back));
                let next = NextPair { expires_at: at(now + 100), ..next(now) };
                let here = b.other.refresh(&token, next.clone(), at(now)).await;
                prop_assert_eq!(&here, &memory.store.refresh(&token, next, at(now)).await);
                use cambio::session::Refreshed::{Replayed, Rotated};
                if let Ok(Rotated(session) | Replayed(session)) = here {
                    begun[n] = session;
                }
            }
            Step::End(n) => {
                let Some(session) = begun.get(n) else { continue };
                let (id, device) = (session.id, &session.device);
                let here = b.store.end(&tenant, &account, id, device, at(now)).await;
                let there = memory.store.end(&tenant, &account, id, device, at(now)).await;
                prop_assert_eq!(here, there);
            }
            Step::EndAll => {
                let here = b.store.end_all(&tenant, &account, at(now)).await;
                prop_assert_eq!(here, memory.store.end_all(&tenant, &account, at(now)).await);
            }
            Step::Device(device, state) => {
                let (device, change) = (device_of(device), DeviceChange::State(state));
                let here = b.store.change_device(&tenant, &account, &device, change.clone()).await;
                let there = memory.store.change_device(&tenant, &account, &device, change).await;
                prop_assert_eq!(here, there);
            }
            Step::Pass(secs) => now += secs,
        }
        let here = b.other.sessions(&tenant, &account, at(now)).await;
        prop_assert_eq!(here, memory.store.sessions(&tenant, &account, at(now)).await);
    }
    let here = b.other.devices(&tenant, &account).await;
    prop_assert_eq!(here, memory.store.devices(&tenant, &account).await);
    Ok(())
}

fn device_of(n: u8) -> DeviceId {
    device_id(&format!("d{n}"))
}

fn new_session(
    name: &str,
    number: u64,
    on: On,
    upstream: Option<u8>,
    limit: Option<(u32, WhenFull)>,
    until: i64,
) -> NewSession {
    let device = match on {
        On::Existing(device) => DeviceRequest::Existing(device_of(device)),
        On::New { device: n, class, all, of_class } => DeviceRequest::Register {
            device: Device {
                id: device_of(n),
                account: account(name),
                class: class.map(|tv| if tv { "TV" } else { "line\nbreak \"" }.to_owned()),
                ..device("any")
            },
            limits: DeviceLimits { all, of_class },
        },
    };
    let limit = limit.map(|(max, when_full)| {
        let max = NonZeroU32::new(max).unwrap();
        SessionLimit { max, when_full }
    });
    let upstream = upstream.map(|n| UpstreamSession([n; 32]));
    let expires_at = at(until);
    NewSession {
        tenant: tenant(name),
        device,
        expires_at,
        facts: facts(name),
        upstream,
        limit,
        ..sign_on(number, "any")
    }
}
