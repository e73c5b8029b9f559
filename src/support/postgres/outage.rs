//! What a search for a server that was in vain means for who comes next. For a moment everybody is
//! refused at once. Then one searches for all, as long as it takes, and the others wait for that
//! a moment only. What was in vain a while ago says nothing any more.

use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::support::Fault;
use crate::support::fault::{HOPE, RECENT};

/// How long after a search in vain everybody is refused at once, and how often a server that refused is
/// asked again: those who wait for a standby to be promoted must not keep it busy with their log-ins.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Whether there is an outage, by the last search.
#[derive(Debug, Default)]
pub(super) struct Outage(watch::Sender<State>);

#[derive(Debug, Default)]
struct State {
    is_led: bool,
    /// When the last search ended that was in vain, and why it was.
    failed: Option<(Instant, Fault)>,
    /// When one last was not.
    found: Option<Instant>,
}

/// What somebody does who needs a server.
pub(super) enum Way<'o> {
    /// Search.
    Search,
    /// Search for all.
    Lead(Lead<'o>),
    /// Wait for who does. The last search was in vain, for this reason.
    Follow(Fault),
}

/// There is one at a time.
pub(super) struct Lead<'o>(&'o Outage);

impl Outage {
    /// What to do for who must know by then. Who has too little time left to find something out does not lead.
    ///
    /// # Errors
    /// Why there is no server, while it is too early to search again.
    pub(super) fn way(&self, deadline: Instant) -> Result<Way<'_>, Fault> {
        let has_time = deadline.saturating_duration_since(Instant::now()) >= HOPE;
        let mut way = Ok(Way::Search);
        self.0.send_if_modified(|state| {
            if let Some((at, fault)) = &state.failed {
                let since = at.elapsed();
                if since < PAUSE {
                    way = Err(fault.clone());
                } else if state.is_led {
                    way = Ok(Way::Follow(fault.clone()));
                } else if since < RECENT && has_time {
                    way = Ok(Way::Lead(Lead(self)));
                    state.is_led = true;
                }
            }
            false
        });
        way
    }

    /// Waits until the outage is over, or nobody leads; answers whether that was in time.
    pub(super) async fn changes(&self, until: Instant) -> bool {
        let mut state = self.0.subscribe();
        let changed = state.wait_for(|state| state.failed.is_none() || !state.is_led);
        matches!(tokio::time::timeout_at(until.into(), changed).await, Ok(Ok(_)))
    }

    /// A search found somebody.
    pub(super) fn is_over(&self) {
        self.0.send_modify(|state| (state.found, state.failed) = (Some(Instant::now()), None));
    }

    /// A search that began then was in vain. Another one may have found somebody since.
    pub(super) fn goes_on(&self, begun: Instant, fault: Fault) {
        self.0.send_modify(|state| {
            if state.found.is_none_or(|found| found < begun) {
                state.failed = Some((Instant::now(), fault));
            }
        });
    }
}

impl Drop for Lead<'_> {
    fn drop(&mut self) {
        self.0.0.send_modify(|state| state.is_led = false);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::support::FaultKind;

    fn fault() -> Fault {
        Fault::new(FaultKind::NotConnected, "none will do")
    }

    /// An outage of which a search found out so long ago.
    fn since(age: Duration) -> Outage {
        let outage = Outage::default();
        outage.goes_on(Instant::now(), fault());
        outage.0.send_modify(|state| {
            state.failed = state.failed.take().map(|(at, fault)| (at - age, fault));
        });
        outage
    }

    fn far() -> Instant {
        Instant::now() + Duration::from_secs(60)
    }

    #[test]
    fn everybody_searches_while_nothing_is_known_of_an_outage() {
        for outage in [Outage::default(), since(RECENT)] {
            assert!(matches!(outage.way(far()), Ok(Way::Search)));
            assert!(matches!(outage.way(far()), Ok(Way::Search)));
        }
    }

    #[test]
    fn after_a_search_in_vain_everybody_is_refused_for_a_moment() {
        let outage = since(Duration::ZERO);
        // As if it ended later than now: however long this takes, it is within the moment.
        outage.0.send_modify(|state| {
            state.failed = state.failed.take().map(|(_, fault)| (far(), fault));
        });
        assert_eq!(outage.way(far()).err(), Some(fault()));
        assert!(matches!(since(PAUSE).way(far()), Ok(Way::Lead(_))));
    }

    #[test]
    fn who_has_no_time_searches_and_does_not_lead() {
        let outage = since(PAUSE);
        assert!(matches!(outage.way(Instant::now()), Ok(Way::Search)));
        assert!(matches!(outage.way(far()), Ok(Way::Lead(_))));
    }

    #[tokio::test]
    async fn one_leads_and_the_others_follow() {
        let outage = since(PAUSE);
        let lead = outage.way(far());
        assert!(matches!(lead, Ok(Way::Lead(_))));
        assert!(matches!(outage.way(far()), Ok(Way::Follow(why)) if why == fault()));
        assert!(!outage.changes(Instant::now() + PAUSE).await, "somebody leads yet");
        let gives_up = async { drop(lead) };
        assert!(tokio::join!(biased; outage.changes(far()), gives_up).0);
    }

    #[tokio::test]
    async fn whoever_follows_goes_on_when_somebody_is_found() {
        let outage = since(PAUSE);
        let lead = outage.way(far());
        let found = async { outage.is_over() };
        assert!(tokio::join!(biased; outage.changes(far()), found).0);
        assert!(matches!(outage.way(far()), Ok(Way::Search)));
        drop(lead);
    }

    #[test]
    fn what_began_before_somebody_was_found_says_nothing() {
        let (outage, begun) = (Outage::default(), Instant::now());
        outage.is_over();
        outage.goes_on(begun, fault());
        assert!(matches!(outage.way(far()), Ok(Way::Search)));
        outage.goes_on(far(), fault());
        assert!(!matches!(outage.way(far()), Ok(Way::Search)));
    }
}
