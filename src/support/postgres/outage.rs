//! What a search for a server that was in vain means for who comes next. For a moment everybody is
//! refused at once. Then there is one search for all, which belongs to nobody who waits for it, and it is
//! waited for a moment only. What was in vain a while ago says nothing any more.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;

use crate::support::Fault;
use crate::support::fault::{HOPE, RECENT};

/// How long after a search in vain everybody is refused at once, and how often a server that refused is
/// asked again: those who wait for a standby to be promoted must not keep it busy with their log-ins.
pub(super) const PAUSE: Duration = Duration::from_millis(100);

/// Whether there is an outage, by the last search.
#[derive(Debug, Default)]
pub(super) struct Outage(Arc<watch::Sender<State>>);

#[derive(Debug, Default)]
struct State {
    is_led: bool,
    /// When the last search ended that was in vain, and why it was.
    failed: Option<(Instant, Fault)>,
    /// When one last was not.
    found: Option<Instant>,
}

/// What somebody does who needs a server.
pub(super) enum Way {
    /// Search.
    Search,
    /// Begin the search for all.
    Lead(Lead),
    /// Wait for it. The last search was in vain, for this reason.
    Follow(Fault),
}

/// The search for all. There is one at a time.
pub(super) struct Lead(Arc<watch::Sender<State>>, Instant);

impl Outage {
    /// What to do.
    ///
    /// # Errors
    /// Why there is no server, while it is too early to search again.
    pub(super) fn way(&self) -> Result<Way, Fault> {
        let mut way = Ok(Way::Search);
        self.0.send_if_modified(|state| {
            if let Some((at, fault)) = &state.failed {
                let since = at.elapsed();
                if since < PAUSE {
                    way = Err(fault.clone());
                } else if state.is_led {
                    way = Ok(Way::Follow(fault.clone()));
                } else if since < RECENT {
                    way = Ok(Way::Lead(Lead(Arc::clone(&self.0), Instant::now())));
                    state.is_led = true;
                }
            }
            false
        });
        way
    }

    /// Waits until the outage is over, or nobody searches for all; answers whether that was in time.
    pub(super) async fn changes(&self, until: Instant) -> bool {
        let mut state = self.0.subscribe();
        let changed = state.wait_for(|state| state.failed.is_none() || !state.is_led);
        matches!(tokio::time::timeout_at(until.into(), changed).await, Ok(Ok(_)))
    }

    /// A search found somebody.
    pub(super) fn is_over(&self) {
        self.0.send_modify(|state| (state.found, state.failed) = (Some(Instant::now()), None));
    }

    /// Until when who must know by the deadline waits for what others have, who may be waiting for a server themselves.
    pub(super) fn hope(&self, deadline: Instant) -> Instant {
        let state = self.0.borrow();
        let is_known =
            state.failed.as_ref().is_some_and(|(at, _)| state.is_led || at.elapsed() < RECENT);
        if is_known { deadline.min(Instant::now() + HOPE) } else { deadline }
    }

    /// A search that began then was in vain. Another one may have found somebody since, or has found out the same.
    pub(super) fn goes_on(&self, begun: Instant, fault: Fault) {
        self.0.send_modify(|state| {
            let is_news = state.failed.as_ref().is_none_or(|(at, _)| *at <= begun);
            if is_news && state.found.is_none_or(|found| found < begun) {
                state.failed = Some((Instant::now(), fault));
            }
        });
    }
}

impl Lead {
    /// It was in vain. Another search may have found somebody since; if one after that did not, it is an outage
    /// as before.
    pub(super) fn is_in_vain(&self, fault: Fault) {
        self.0.send_modify(|state| {
            if state.failed.is_some() || state.found.is_none_or(|found| found < self.1) {
                state.failed = Some((Instant::now(), fault));
            }
        });
    }
}

impl Drop for Lead {
    fn drop(&mut self) {
        self.0.send_modify(|state| state.is_led = false);
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
            assert!(matches!(outage.way(), Ok(Way::Search)));
            assert!(matches!(outage.way(), Ok(Way::Search)));
        }
    }

    #[test]
    fn after_a_search_in_vain_everybody_is_refused_for_a_moment() {
        let outage = since(Duration::ZERO);
        // As if it ended later than now: however long this takes, it is within the moment.
        outage.0.send_modify(|state| {
            state.failed = state.failed.take().map(|(_, fault)| (far(), fault));
        });
        assert_eq!(outage.way().err(), Some(fault()));
        assert!(matches!(since(PAUSE).way(), Ok(Way::Lead(_))));
    }

    #[tokio::test]
    async fn there_is_one_search_for_all_and_everybody_follows() {
        let outage = since(PAUSE);
        let lead = outage.way();
        assert!(matches!(lead, Ok(Way::Lead(_))));
        assert!(matches!(outage.way(), Ok(Way::Follow(why)) if why == fault()));
        assert!(!outage.changes(Instant::now() + PAUSE).await, "it goes on");
        let ends = async { drop(lead) };
        assert!(tokio::join!(biased; outage.changes(far()), ends).0);
    }

    #[tokio::test]
    async fn whoever_follows_goes_on_when_somebody_is_found() {
        let outage = since(PAUSE);
        let lead = outage.way();
        let found = async { outage.is_over() };
        assert!(tokio::join!(biased; outage.changes(far()), found).0);
        assert!(matches!(outage.way(), Ok(Way::Search)));
        drop(lead);
    }

    #[test]
    fn what_others_have_is_waited_for_briefly_while_an_outage_is_known() {
        let deadline = far();
        for outage in [Outage::default(), since(RECENT)] {
            assert_eq!(outage.hope(deadline), deadline);
        }
        let outage = since(Duration::ZERO);
        assert!(outage.hope(deadline) < deadline);
        assert!(outage.hope(Instant::now()) <= Instant::now());
        outage.is_over();
        assert_eq!(outage.hope(deadline), deadline);
    }

    #[test]
    fn a_search_that_began_before_another_one_failed_says_nothing_new() {
        let (outage, begun) = (since(PAUSE), Instant::now() - PAUSE * 2);
        outage.goes_on(begun, fault());
        assert!(matches!(outage.way(), Ok(Way::Lead(_))));
        outage.goes_on(Instant::now(), fault());
        assert!(outage.way().is_err());
    }

    #[test]
    fn the_search_for_all_that_is_in_vain_says_nothing_of_who_was_found_meanwhile() {
        let outage = since(PAUSE);
        let Ok(Way::Lead(lead)) = outage.way() else { panic!("somebody is to search") };
        outage.is_over();
        lead.is_in_vain(fault());
        assert!(matches!(outage.way(), Ok(Way::Search)));
        // Who was found is gone again.
        outage.goes_on(Instant::now(), fault());
        lead.is_in_vain(Fault::new(FaultKind::NotConnected, "nor now"));
        assert_eq!(outage.way().err().unwrap().reason, "nor now");
    }

    #[test]
    fn what_began_before_somebody_was_found_says_nothing() {
        let (outage, begun) = (Outage::default(), Instant::now());
        outage.is_over();
        outage.goes_on(begun, fault());
        assert!(matches!(outage.way(), Ok(Way::Search)));
        outage.goes_on(far(), fault());
        assert!(!matches!(outage.way(), Ok(Way::Search)));
    }
}
