//! What clients were told in each phase, and whether it was the truth.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::time::{Duration, Instant};

use parking_lot::Mutex;

/// What the endpoint was like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Phase {
    Before,
    Outage,
    After,
}

/// One answer.
#[derive(Debug, Clone, Copy)]
pub(super) struct Told {
    /// 0 when there was no answer.
    pub(super) status: u16,
    pub(super) retry_after: bool,
    pub(super) took: Duration,
}

/// All answers.
pub(super) struct Tally {
    /// How old a verdict may be that stands in, in seconds.
    oldest: u64,
    state: Mutex<State>,
}

struct State {
    phase: Phase,
    since: Instant,
    told: HashMap<Phase, Vec<Told>>,
    calls: HashMap<Phase, Vec<Instant>>,
    /// The latest 200 after the outage began, in seconds since then.
    last_stale: f64,
    /// Users who were never seen before the outage, and were let in during it.
    strangers: usize,
    bare_503: usize,
}

impl Tally {
    pub(super) fn new(oldest: u64) -> Self {
        let now = Instant::now();
        let state = State {
            phase: Phase::Before,
            since: now,
            told: HashMap::new(),
            calls: HashMap::new(),
            last_stale: 0.0,
            strangers: 0,
            bare_503: 0,
        };
        Self { oldest, state: Mutex::new(state) }
    }

    pub(super) fn enter(&self, phase: Phase) {
        let mut state = self.state.lock();
        state.phase = phase;
        state.since = Instant::now();
    }

    pub(super) fn record(&self, user: &str, told: Told) {
        let mut state = self.state.lock();
        let (phase, since) = (state.phase, state.since.elapsed());
        if phase == Phase::Outage && told.status == 200 && told.took < since {
            state.last_stale = state.last_stale.max(since.as_secs_f64());
            state.strangers += usize::from(user.starts_with("new-"));
        }
        state.bare_503 += usize::from(told.status == 503 && !told.retry_after);
        state.told.entry(phase).or_default().push(told);
    }

    pub(super) fn calls(&self, phase: Phase, calls: Vec<Instant>) {
        self.state.lock().calls.insert(phase, calls);
    }

    /// A row a phase.
    pub(super) fn table(&self) -> String {
        let state = self.state.lock();
        let mut text = "| phase | answers | 200 | 401, 403 | 503 | other | p50 / p99 / worst ms | calls upstream | most calls in 100 ms |\n|---|---|---|---|---|---|---|---|---|\n".to_owned();
        for phase in [Phase::Before, Phase::Outage, Phase::After] {
            let told = state.told.get(&phase).map_or(&[][..], Vec::as_slice);
            let count = |wanted: &[u16]| told.iter().filter(|t| wanted.contains(&t.status)).count();
            let (ok, refused, down) = (count(&[200]), count(&[401, 403]), count(&[503]));
            let mut times: Vec<_> = told.iter().map(|t| t.took.as_secs_f64() * 1e3).collect();
            times.sort_by(f64::total_cmp);
            let at = |share: usize| {
                times
                    .get((times.len() * share / 1000).min(times.len().saturating_sub(1)))
                    .copied()
                    .unwrap_or(0.0)
            };
            let calls = state.calls.get(&phase).map_or(&[][..], Vec::as_slice);
            // Writing to a text cannot fail.
            let _ = writeln!(
                text,
                "| {phase:?} | {} | {ok} | {refused} | {down} | {} | {:.1} / {:.1} / {:.1} | {} | {} |",
                told.len(),
                told.len() - ok - refused - down,
                at(500),
                at(990),
                at(1000),
                calls.len(),
                busiest(calls),
            );
        }
        let _ = write!(
            text,
            "\nThe last verdict stood in for up to {:.1} s of the outage.",
            state.last_stale
        );
        text
    }

    /// What was not as promised.
    pub(super) fn wrong(&self, users: usize, rounds: u64) -> Vec<String> {
        let state = self.state.lock();
        let mut wrong = Vec::new();
        let all = || state.told.values().flatten();
        let refused = all().filter(|t| matches!(t.status, 401 | 403)).count();
        if refused > 0 {
            wrong.push(format!("{refused} clients were told that they are logged out"));
        }
        let other = all().filter(|t| !matches!(t.status, 200 | 401 | 403 | 503)).count();
        if other > 0 {
            wrong.push(format!("{other} answers were neither 200 nor 503"));
        }
        if state.bare_503 > 0 {
            wrong.push(format!("{} answers of 503 had no Retry-After", state.bare_503));
        }
        if state.strangers > 0 {
            wrong.push(format!("{} people nobody vouched for were let in", state.strangers));
        }
        if state.last_stale > self.oldest as f64 + 1.0 {
            wrong.push(format!("a verdict stood in for {:.1} s", state.last_stale));
        }
        for phase in [Phase::Before, Phase::Outage, Phase::After] {
            if !state.told.get(&phase).is_some_and(|told| told.iter().any(|t| t.status == 200)) {
                wrong.push(format!("nobody was let in in phase {phase:?}"));
            }
        }
        // After the outage everybody is asked about once a time to live, not once a request; new users
        // come on top.
        let new = state.told.get(&Phase::After).map_or(0, |told| told.len() / 50 + 100);
        let after = state.calls.get(&Phase::After).map_or(0, Vec::len);
        let most = users * usize::try_from(rounds).unwrap_or(usize::MAX) + new;
        if after > most {
            wrong.push(format!("{after} calls upstream after the outage, more than {most}"));
        }
        wrong
    }
}

/// The most calls within a tenth of a second.
fn busiest(calls: &[Instant]) -> usize {
    let window = Duration::from_millis(100);
    let within = |first: usize| {
        calls[first..].iter().take_while(|c| c.duration_since(calls[first]) < window).count()
    };
    (0..calls.len()).map(within).max().unwrap_or(0)
}
