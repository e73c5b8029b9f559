//! One search for a server at a time: whoever needs a server meanwhile hears how it ended. After one in
//! vain everybody is refused at once for a moment, and the next one is waited for a moment only.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::support::{Fault, FaultKind, HOPE};

/// How long after a search in vain everybody is refused at once: those who wait for a standby to
/// be promoted must not keep it busy with their log-ins.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Whose turn it is, and what the last search found.
#[derive(Debug, Default)]
pub(super) struct Turns(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    is_taken: bool,
    last: Option<Ended>,
}

#[derive(Debug, Clone)]
struct Ended {
    at: Instant,
    outcome: Result<usize, Fault>,
}

/// What somebody does who needs a server.
pub(super) enum Turn<'t> {
    /// Search.
    Search(Own<'t>),
    /// Connect to this one, which another search has found.
    Take(usize),
}

/// The turn to search. Who drops it has found out nothing.
pub(super) struct Own<'t>(&'t Turns);

impl Turns {
    /// Why there is no server, while it is too early to search again.
    pub(super) fn refusal(&self) -> Option<Fault> {
        match &self.0.borrow().last {
            Some(Ended { at, outcome: Err(fault) }) if at.elapsed() < PAUSE => Some(fault.clone()),
            _ => None,
        }
    }

    /// A turn, or what became of the search that was under way.
    ///
    /// # Errors
    /// It was in vain, or takes too long.
    pub(super) async fn next(&self, deadline: Instant) -> Result<Turn<'_>, Fault> {
        let mut state = self.0.subscribe();
        loop {
            let mut is_free = false;
            self.0.send_if_modified(|state| {
                is_free = !std::mem::replace(&mut state.is_taken, true);
                false
            });
            if is_free {
                return Ok(Turn::Search(Own(self)));
            }
            let before = state.borrow_and_update().last.clone();
            let (until, late) = match &before {
                Some(Ended { outcome: Err(fault), .. }) => {
                    (deadline.min(Instant::now() + HOPE), fault.clone())
                }
                _ => (deadline, Fault::new(FaultKind::NotConnected, "no connection in time")),
            };
            let at = before.map(|ended| ended.at);
            let ended = state.wait_for(|state| {
                !state.is_taken || state.last.as_ref().map(|ended| ended.at) != at
            });
            let Ok(Ok(state)) = tokio::time::timeout_at(until.into(), ended).await else {
                return Err(late);
            };
            if let Some(ended) = state.last.as_ref().filter(|ended| Some(ended.at) != at) {
                return ended.outcome.clone().map(Turn::Take);
            }
        }
    }
}

impl Own<'_> {
    /// The number of the server that was found, or why there is none.
    pub(super) fn ends(self, outcome: Result<usize, Fault>) {
        let ended = Ended { at: Instant::now(), outcome };
        self.0.0.send_modify(|state| state.last = Some(ended));
    }
}

impl Drop for Own<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.is_taken = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn fault() -> Fault {
        Fault::new(FaultKind::NotConnected, "none will do")
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    fn ends(turn: Result<Turn<'_>, Fault>, outcome: Result<usize, Fault>) {
        match turn {
            Ok(Turn::Search(own)) => own.ends(outcome),
            _ => panic!("no turn to search"),
        }
    }

    #[tokio::test]
    async fn who_comes_during_a_search_hears_how_it_ended() {
        for outcome in [Ok(1), Err(fault())] {
            let turns = Turns::default();
            let search = turns.next(far()).await;
            let waiting = async {
                match turns.next(far()).await {
                    Ok(Turn::Take(number)) => Ok(number),
                    Ok(Turn::Search(_)) => panic!("a second search"),
                    Err(fault) => Err(fault),
                }
            };
            let ending = async { ends(search, outcome.clone()) };
            assert_eq!(tokio::join!(biased; waiting, ending).0, outcome);
        }
    }

    #[tokio::test]
    async fn a_search_that_is_given_up_is_begun_again_by_who_waits() {
        let turns = Turns::default();
        let search = turns.next(far()).await;
        let waiting = async { matches!(turns.next(far()).await, Ok(Turn::Search(_))) };
        let giving_up = async { drop(search) };
        assert!(tokio::join!(biased; waiting, giving_up).0);
    }

    #[tokio::test]
    async fn after_a_search_in_vain_the_next_one_is_waited_for_a_moment_only() {
        let turns = Turns::default();
        assert_eq!(turns.refusal(), None);
        ends(turns.next(far()).await, Err(fault()));
        assert_eq!(turns.refusal(), Some(fault()));
        let _search = turns.next(far()).await;
        let begun = Instant::now();
        assert_eq!(turns.next(far()).await.err(), Some(fault()));
        assert!((HOPE..Duration::from_secs(30)).contains(&begun.elapsed()));
        assert_eq!(turns.refusal(), None, "the moment is over");
    }

    #[tokio::test]
    async fn a_search_that_found_somebody_ends_what_was_in_vain() {
        let turns = Turns::default();
        ends(turns.next(far()).await, Err(fault()));
        ends(turns.next(far()).await, Ok(0));
        assert_eq!(turns.refusal(), None);
        let search = turns.next(far()).await;
        let soon = Instant::now() + HOPE * 2;
        let late = turns.next(soon).await.err().map(|fault| fault.reason);
        assert_eq!(late.as_deref(), Some("no connection in time"));
        assert!(Instant::now() >= soon);
        drop(search);
    }
}
