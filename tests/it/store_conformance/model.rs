//! The refresh rules against a model: any sequence of refreshes, alone or raced at two nodes,
//! of sign-outs in flight, stepped and differing clocks, evictions and device states has the
//! same answers from every backend. What races must have gone in one order or the other.

use cambio::session::{NewSession, RefreshError, Refreshed, SessionLimit, WhenFull};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::*;

on_every_backend![sessions_refresh_like_the_model];

const SHORT_IDLE: i64 = 100;
const SHORT_END: i64 = 400;

#[derive(Debug, Clone)]
enum Step {
    /// With the token this many generations before the current one (-1: never issued).
    Refresh(i64),
    /// The same at the other node.
    RefreshElsewhere(i64),
    /// Two tokens at the two nodes at once.
    Race(i64, i64),
    /// A sign-out at the other node while the refresh is under way.
    EndDuring(i64),
    /// A sign-out everywhere, the same way.
    EndAllDuring(i64),
    /// Seconds; negative when the clock is set back.
    Pass(i64),
    /// The other node's clock is this far ahead.
    Skew(i64),
    Device(DeviceState),
    /// A newer session takes its place.
    Evict,
    End,
}

fn step() -> impl Strategy<Value = Step> {
    let states = [DeviceState::Active, DeviceState::Active, DeviceState::Disabled];
    prop_oneof![
        8 => (0..=1i64).prop_map(Step::Refresh),
        4 => (0..=1i64).prop_map(Step::RefreshElsewhere),
        2 => (-1..=4i64).prop_map(Step::Refresh),
        6 => (0..=1i64, 0..=2i64).prop_map(|(a, b)| Step::Race(a, b)),
        1 => (0..=2i64).prop_map(Step::EndDuring),
        1 => (0..=1i64).prop_map(Step::EndAllDuring),
        // The edges of the window more often than chance would.
        4 => prop::sample::select(vec![0, 1, GRACE, GRACE + 1]).prop_map(Step::Pass),
        2 => (-50..=SHORT_IDLE + 5).prop_map(Step::Pass),
        2 => (-5..=5i64).prop_map(Step::Skew),
        2 => prop::sample::select(states.to_vec()).prop_map(Step::Device),
        1 => Just(Step::Device(DeviceState::Deleted)),
        1 => Just(Step::Evict),
        1 => Just(Step::End),
    ]
}

/// What the rules say, written down a second time and as plainly as possible.
#[derive(Debug, Clone)]
struct Model {
    ended: bool,
    evicted: bool,
    generation: i64,
    issued: i64,
    expires: i64,
    device: DeviceState,
}

#[derive(Debug, Clone, PartialEq)]
enum Answer {
    Rotated { generation: i64, issued: i64, expires: i64 },
    Replayed { generation: i64, issued: i64, expires: i64 },
    Error(RefreshError),
    Ended(bool),
}

impl Model {
    /// Whether there is something to tell its client.
    fn kept(&self, now: i64) -> bool {
        !self.ended && now < self.expires && now < SHORT_END
    }

    fn alive(&self, now: i64) -> bool {
        self.kept(now) && !self.evicted && self.device != DeviceState::Deleted
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
        if self.evicted {
            return Answer::Error(RefreshError::Evicted);
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

    fn end(&mut self, now: i64) -> Answer {
        let alive = self.alive(now);
        self.ended |= alive;
        Answer::Ended(alive)
    }

    /// What has expired goes as well: by the other node's clock it may not have.
    fn end_all(&mut self) -> Answer {
        self.ended |= !self.evicted && self.device != DeviceState::Deleted;
        Answer::Ended(true)
    }
}

/// A call of either kind, and what the model says of it.
#[derive(Debug, Clone, Copy)]
enum Call {
    Refresh {
        presented: i64,
        now: i64,
    },
    End {
        now: i64,
    },
    /// Of all the account's sessions; answers only that it is done.
    EndAll {
        now: i64,
    },
}

impl Call {
    fn on_model(self, model: &mut Model) -> Answer {
        match self {
            Self::Refresh { presented, now } => model.refresh(presented, now),
            Self::End { now } => model.end(now),
            Self::EndAll { .. } => model.end_all(),
        }
    }

    async fn on_store(self, store: Arc<dyn Store>, session: Session) -> Answer {
        let account = &session.facts.account.id;
        match self {
            Self::Refresh { presented, now } => {
                let token = token(&session, u32::try_from(presented).unwrap());
                let next = NextPair { expires_at: at(now + SHORT_IDLE), ..next(now) };
                answer_of(store.refresh(&token, next, at(now)).await)
            }
            Self::End { now } => {
                let (tenant, device) = (&session.tenant, &session.device);
                let ended = store.end(tenant, account, session.id, device, at(now)).await;
                Answer::Ended(ended.unwrap())
            }
            Self::EndAll { now } => {
                store.end_all(&session.tenant, account, at(now)).await.unwrap();
                Answer::Ended(true)
            }
        }
    }
}

async fn sessions_refresh_like_the_model(b: &Backend) {
    let runtime = Handle::current();
    let number = std::cell::Cell::new(0);
    let config = Config { cases: 96, failure_persistence: None, ..Config::default() };
    let steps = prop::collection::vec(step(), 1..24);
    let outcome = tokio::task::block_in_place(|| {
        let follows = |steps| {
            number.set(number.get() + 1);
            runtime.block_on(follow(b, number.get(), steps))
        };
        // Rare, but found by chance once: ended by a node by whose clock it has expired.
        let ahead = vec![Step::Pass(SHORT_IDLE), Step::EndAllDuring(0), Step::Skew(-1)];
        let ahead = [ahead, vec![Step::Race(0, 0), Step::RefreshElsewhere(0)]].concat();
        follows(ahead).map_err(|error| error.to_string())?;
        TestRunner::new(config).run(&steps, follows).map_err(|failure| failure.to_string())
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
        evicted: false,
        generation: 1,
        issued: 0,
        expires: SHORT_IDLE,
        device: DeviceState::Active,
    };
    let (mut now, mut skew) = (0, 0);
    for step in steps {
        let refresh = |back: i64, now| {
            let presented = (model.generation - back).max(0);
            Call::Refresh { presented, now }
        };
        let calls = match step {
            Step::Refresh(back) => vec![(&b.store, refresh(back, now))],
            Step::RefreshElsewhere(back) => vec![(&b.other, refresh(back, now + skew))],
            Step::Race(one, other) => {
                vec![(&b.store, refresh(one, now)), (&b.other, refresh(other, now + skew))]
            }
            Step::EndDuring(back) => {
                let end = Call::End { now: now + skew };
                vec![(&b.store, refresh(back, now)), (&b.other, end)]
            }
            Step::EndAllDuring(back) => {
                let end = Call::EndAll { now: now + skew };
                vec![(&b.store, refresh(back, now)), (&b.other, end)]
            }
            Step::End => vec![(&b.store, Call::End { now })],
            Step::Pass(secs) => {
                now += secs;
                continue;
            }
            Step::Skew(secs) => {
                skew = secs;
                continue;
            }
            Step::Device(state) => {
                let changed = b.set_device(&name, state).await;
                let may = model.device != DeviceState::Deleted || state == DeviceState::Deleted;
                prop_assert_eq!(changed, may);
                if may {
                    model.device = state;
                }
                continue;
            }
            Step::Evict => {
                evict(b, number, now).await;
                model.evicted |= model.alive(now);
                continue;
            }
        };
        answers_like(&mut model, &session, calls).await?;
        prop_assert_eq!(b.find(&session, now).await.is_some(), model.alive(now));
    }
    Ok(())
}

/// Makes the calls at once; their answers must be the model's in one order of them.
async fn answers_like(
    model: &mut Model,
    session: &Session,
    calls: Vec<(&Arc<dyn Store>, Call)>,
) -> Result<(), TestCaseError> {
    let asked = calls.iter().map(|(store, call)| call.on_store(Arc::clone(store), session.clone()));
    let answers = race(asked.collect::<Vec<_>>()).await;
    let mut orders: Vec<Vec<usize>> = vec![(0..calls.len()).collect()];
    orders.push(orders[0].iter().rev().copied().collect());
    let before = model.clone();
    for order in orders {
        let mut tried = before.clone();
        let mut said = vec![None; calls.len()];
        for place in order {
            said[place] = Some(calls[place].1.on_model(&mut tried));
        }
        if said.into_iter().flatten().eq(answers.iter().cloned()) {
            *model = tried;
            return Ok(());
        }
    }
    let calls: Vec<_> = calls.iter().map(|(_, call)| call).collect();
    Err(TestCaseError::fail(format!("{before:?}: {calls:?} were answered {answers:?}")))
}

/// Signs on with a limit of one, so that every other session of the account goes.
async fn evict(b: &Backend, number: u64, now: i64) {
    // Its number is no other session's: those count up from 1.
    let number = (1 << 40) + number * 1_000_000 + u64::try_from(now + 100_000).unwrap();
    let mut new = sign_on(number, &format!("e{number}"));
    let max = std::num::NonZeroU32::MIN;
    new.limit = Some(SessionLimit { max, when_full: WhenFull::EvictOldest });
    // Evicting twice in one second finds the number taken, and everybody gone already.
    let _ = b.store.begin(new, at(now)).await;
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
