//! Honest clients never lose their session: tabs that share a saved token and refresh at the
//! same time at two nodes, answers that are lost, a crash before the new token was saved. As
//! long as the saved token is shown again within the grace window, it is honoured, and all who
//! show it have the same pair.

use cambio::session::{NewSession, RefreshError, Refreshed};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseError, TestRunner};
use tokio::runtime::Handle;

use super::*;

on_every_backend![honest_clients_keep_their_session];

#[derive(Debug, Clone)]
enum Act {
    /// Tabs read the saved token and refresh with it, all at once.
    Refresh(Vec<Fate>),
    /// Seconds until somebody does something.
    Pass(i64),
}

/// What becomes of a tab's answer.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// The new token is saved, unless a newer one has been.
    Saved,
    /// It never arrives.
    Lost,
    /// It arrives, and the tab crashes before it is saved.
    Crashed,
}

fn act() -> impl Strategy<Value = Act> {
    let fate = prop::sample::select(vec![Fate::Saved, Fate::Saved, Fate::Lost, Fate::Crashed]);
    prop_oneof![
        4 => prop::collection::vec(fate, 1..5).prop_map(Act::Refresh),
        2 => (0..=GRACE).prop_map(Act::Pass),
        1 => (0..=3 * GRACE).prop_map(Act::Pass),
    ]
}

async fn honest_clients_keep_their_session(b: &Backend) {
    let runtime = Handle::current();
    let number = std::cell::Cell::new(0);
    let config = Config { cases: 64, failure_persistence: None, ..Config::default() };
    let cases = (prop::collection::vec(act(), 1..20), -3..=3i64);
    let outcome = tokio::task::block_in_place(|| {
        TestRunner::new(config).run(&cases, |(acts, skew)| {
            number.set(number.get() + 1);
            runtime.block_on(live(b, number.get(), acts, skew))
        })
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}

/// `skew` is how far the second node's clock is ahead of the first's.
async fn live(b: &Backend, number: u64, acts: Vec<Act>, skew: i64) -> Result<(), TestCaseError> {
    let new = NewSession { expires_at: at(END), ..sign_on(number, &format!("d{number}")) };
    let session = b.store.begin(new, at(0)).await.unwrap().session;
    let (mut now, mut saved, mut newest, mut issued) = (0, 1, 1, 0);
    for act in acts {
        let fates = match act {
            Act::Refresh(fates) => fates,
            Act::Pass(secs) => {
                now += secs;
                continue;
            }
        };
        let tabs = (0..fates.len()).map(|tab| {
            let (node, now) = if tab % 2 == 0 { (&b.store, now) } else { (&b.other, now + skew) };
            let (store, token) = (Arc::clone(node), token(&session, saved));
            let pair = NextPair { expires_at: at(END), ..next(now) };
            async move { store.refresh(&token, pair, at(now)).await }
        });
        let answers = race(tabs.collect::<Vec<_>>()).await;

        let nows = [now, now + if fates.len() > 1 { skew } else { 0 }];
        let late = |now: i64| saved != newest && now - issued > GRACE;
        if nows.into_iter().any(late) {
            // Nobody came back in time: whoever comes now ends the family. Not an honest
            // client's loss of its own making, but the price of ending a thief's.
            let over = |a: &Result<_, _>| {
                matches!(a, Ok(_) | Err(RefreshError::Reused | RefreshError::Gone))
            };
            prop_assert!(answers.iter().all(over), "{:?}", answers);
            prop_assert!(answers.contains(&Err(RefreshError::Reused)));
            return Ok(());
        }
        let mut pairs = Vec::new();
        for answer in answers {
            match answer {
                Ok(Refreshed::Rotated(pair) | Refreshed::Replayed(pair)) => pairs.push(pair),
                Err(error) => prop_assert!(false, "{error:?} at {now}, {saved} of {newest}"),
            }
        }
        prop_assert!(pairs.iter().all(|pair| *pair == pairs[0]), "{:?}", pairs);
        prop_assert_eq!(pairs[0].generation, saved + 1);
        (newest, issued) = (pairs[0].generation, pairs[0].issued_at.since(at(0)));
        if fates.contains(&Fate::Saved) {
            saved = newest;
        }
    }
    Ok(())
}
