//! The refresh rules against a model: any sequence of refreshes, passing time, ended
//! sessions and device states has the same answers from every backend.

use cambio::session::{NewSession, RefreshError, Refreshed};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::*;

const SHORT_IDLE: i64 = 100;
const SHORT_END: i64 = 400;

on_every_backend![sessions_refresh_like_the_model];

#[derive(Debug, Clone)]
enum Step {
    /// With the token this many generations before the current one (-1: never issued).
    Refresh(i64),
    /// Seconds; negative when the clock is set back.
    Pass(i64),
    Device(DeviceState),
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let states = [DeviceState::Active, DeviceState::Active, DeviceState::Disabled];
    prop_oneof![
        8 => (0..=1i64).prop_map(Step::Refresh),
        2 => (-1..=4i64).prop_map(Step::Refresh),
        4 => (0..=GRACE + 2).prop_map(Step::Pass),
        2 => (-50..=SHORT_IDLE + 5).prop_map(Step::Pass),
        2 => prop::sample::select(states.to_vec()).prop_map(Step::Device),
        1 => Just(Step::Device(DeviceState::Deleted)),
        1 => Just(Step::End),
    ]
}

/// What the rules say, written down a second time and as plainly as possible.
struct Model {
    ended: bool,
    generation: i64,
    issued: i64,
    expires: i64,
    device: DeviceState,
}

#[derive(Debug, PartialEq)]
enum Answer {
    Rotated { generation: i64, issued: i64, expires: i64 },
    Replayed { generation: i64, issued: i64, expires: i64 },
    Error(RefreshError),
}

impl Model {
    /// Whether there is something to tell its client.
    fn kept(&self, now: i64) -> bool {
        !self.ended && now < self.expires && now < SHORT_END
    }

    fn alive(&self, now: i64) -> bool {
        self.kept(now) && self.device != DeviceState::Deleted
    }

    fn refresh(&mut self, presented: i64, now: i64) -> Answer {
        if !self.kept(now) {
            return Answer::Error(RefreshError::Gone);
        }
        if self.device == DeviceState::Deleted {
            return Answer::Error(RefreshError::DeviceDeleted);
        }
        if self.device == DeviceState::Disabled {
            return Answer::Error(RefreshError::DeviceDisabled);
        }
        if presented == self.generation {
            self.generation += 1;
            self.issued = now;
            self.expires = SHORT_END.min(now + SHORT_IDLE);
            let Self { generation, issued, expires, .. } = *self;
            return Answer::Rotated { generation, issued, expires };
        }
        let previous = presented >= 1 && presented == self.generation - 1;
        if previous && now - self.issued <= GRACE {
            let Self { generation, issued, expires, .. } = *self;
            return Answer::Replayed { generation, issued, expires };
        }
        self.ended = true;
        Answer::Error(RefreshError::Reused)
    }
}

async fn sessions_refresh_like_the_model(b: &Backend) {
    let runtime = Handle::current();
    let number = std::cell::Cell::new(0);
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..24);
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&steps, |steps| {
            number.set(number.get() + 1);
            runtime.block_on(follow(b, number.get(), steps))
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

async fn follow(b: &Backend, number: u64, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let name = format!("d{number}");
    let id = SessionId { ends_at: at(SHORT_END), number };
    let new = NewSession { id, expires_at: at(SHORT_IDLE), ..sign_on(number, &name) };
    let session = b.store.begin(new, at(0)).await.unwrap().session;
    let mut model = Model {
        ended: false,
        generation: 1,
        issued: 0,
        expires: SHORT_IDLE,
        device: DeviceState::Active,
    };
    let mut now = 0;
    for step in steps {
        match step {
            Step::Refresh(back) => {
                let presented = (model.generation - back).max(0);
                let token = token(&session, u32::try_from(presented).unwrap());
                let next = NextPair { expires_at: at(now + SHORT_IDLE), ..next(now) };
                let answer = b.store.refresh(&token, next, at(now)).await;
                prop_assert_eq!(answer_of(answer), model.refresh(presented, now));
            }
            Step::Pass(secs) => now += secs,
            Step::Device(state) => {
                let changed = b.set_device(&name, state).await;
                let may = model.device != DeviceState::Deleted || state == DeviceState::Deleted;
                prop_assert_eq!(changed, may);
                if may {
                    model.device = state;
                }
            }
            Step::End => {
                let ended = b
                    .store
                    .end(&session.tenant, &account("1663"), id, &session.device, at(now))
                    .await;
                prop_assert_eq!(ended, Ok(model.alive(now)));
                model.ended |= model.alive(now);
            }
        }
        prop_assert_eq!(b.find(&session, now).await.is_some(), model.alive(now));
    }
    Ok(())
}

fn answer_of(answer: Result<Refreshed, RefreshError>) -> Answer {
    let start = at(0);
    match answer {
        Ok(Refreshed::Rotated(s)) => Answer::Rotated {
            generation: s.generation.into(),
            issued: s.issued_at.since(start),
            expires: s.expires_at.since(start),
        },
        Ok(Refreshed::Replayed(s)) => Answer::Replayed {
            generation: s.generation.into(),
            issued: s.issued_at.since(start),
            expires: s.expires_at.since(start),
        },
        Err(error) => Answer::Error(error),
    }
}
