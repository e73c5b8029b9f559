//! Two servers with one file of the `sqlite` backend: each remembers what it has read of the log, and either may have
//! merged and removed what the other has not read.

use std::collections::BTreeMap;
use std::path::Path;

use cambio::session::{BeginError, NewSession, RefreshError, Refreshed, Session};
use rusqlite::Connection;

use super::sqlite_merge::{crashed, logged, open_with, until_merged};
use super::*;

fn count(path: &Path, rows: &str) -> i64 {
    let db = Connection::open(path).unwrap();
    db.query_row(&format!("SELECT count(*) FROM {rows}"), (), |row| row.get(0)).unwrap()
}

const ORPHANS: &str = "refreshed WHERE id NOT IN (SELECT id FROM sessions)";

/// Each write merges a little.
async fn merge(store: &Arc<dyn Store>, path: &Path) {
    for _ in 0..1000 {
        if logged(path) == 0 {
            return;
        }
        store.check().await.unwrap();
    }
    panic!("{} rows are left", logged(path));
}

/// A server that merges at once, one that does not, and a session that the second does not know to have the row of
/// another that it remembers.
async fn in_anothers_row(path: &Path) -> (Arc<dyn Store>, Arc<dyn Store>, Session) {
    let (store, stale) = (open_with(path, 1).await, open_with(path, 65_536).await);
    let first = store.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    for n in 1..6 {
        store.refresh(&token(&first, n), next(0), at(0)).await.unwrap();
    }
    stale.check().await.unwrap();
    assert!(
        store
            .end(&tenant("nagra"), &account("1663"), first.id, &first.device, at(0))
            .await
            .unwrap()
    );
    let second = store.begin(sign_on(2, "b"), at(0)).await.unwrap().session;
    merge(&store, path).await;
    assert_eq!(count(path, "sessions"), 1);
    (store, stale, second)
}

#[tokio::test]
async fn a_server_that_missed_part_of_the_log_takes_no_session_for_another() {
    let dir = tempfile::tempdir().unwrap();
    let (_store, stale, second) = in_anothers_row(&dir.path().join("store.db")).await;
    let refreshed = stale.refresh(&token(&second, 1), next(100), at(100)).await;
    assert!(refreshed.is_ok(), "{refreshed:?}");
}

#[tokio::test]
async fn a_server_that_missed_part_of_the_log_writes_nothing_back() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let (store, stale, second) = in_anothers_row(&path).await;
    drop(store);
    // Only the other one is there to merge this.
    stale.begin(sign_on(3, "c"), at(0)).await.unwrap();
    until_merged(&path).await;
    assert_eq!(count(&path, "refreshed"), 0);
    assert_eq!(count(&path, "accounts WHERE ends_at <> 0"), 2);
    drop(stale);
    let later = open_with(&path, 1).await;
    assert!(later.refresh(&token(&second, 1), next(100), at(100)).await.is_ok());
}

/// What a session should be.
struct Expected {
    session: Session,
    generation: u32,
    issued_at: i64,
    expires_at: i64,
    on_network: bool,
}

/// A number below `n`, of a linear congruential generator (Knuth's MMIX).
fn below(state: &mut u64, n: u64) -> u64 {
    *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    (*state >> 33) % n
}

/// Sessions of three names, all in one range of rows, at two servers; `in_step` if both write after each step. A crash leaves a copy of the
/// file, which is looked at.
async fn random_steps(seed: u64, memtables: [usize; 2], in_step: bool) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("store.db");
    let mut servers = [open_with(&path, memtables[0]).await, open_with(&path, memtables[1]).await];
    let mut expected = BTreeMap::<u64, Expected>::new();
    let (mut now, mut state) = (0, seed);
    let (nagra, owner) = (tenant("nagra"), account("1663"));
    for step in 0..150_usize {
        let which = usize::from(below(&mut state, 2) == 1);
        let (mut server, number) = (Arc::clone(&servers[which]), below(&mut state, 3));
        let about = format!("seed {seed}, {memtables:?}, {in_step}, step {step}");
        let alive = expected.get(&number).is_some_and(|one| now < one.expires_at);
        match below(&mut state, 100) {
            0..30 => {
                let new = NewSession {
                    expires_at: at(now + IDLE),
                    ..sign_on(number, &format!("d{step}"))
                };
                let begun = server.begin(new, at(now)).await;
                if alive {
                    assert_eq!(begun.map(drop), Err(BeginError::Conflict), "{about}");
                } else {
                    let session = begun.unwrap().session;
                    let (issued_at, expires_at) = (now, now + IDLE);
                    expected.insert(
                        number,
                        Expected {
                            session,
                            generation: 1,
                            issued_at,
                            expires_at,
                            on_network: false,
                        },
                    );
                }
            }
            30..74 => {
                let Some(one) = expected.get_mut(&number) else { continue };
                let on_network = below(&mut state, 4) == 0;
                let next = NextPair { on_network, ..next(now) };
                let refreshed =
                    server.refresh(&token(&one.session, one.generation), next, at(now)).await;
                if !alive {
                    assert_eq!(refreshed, Err(RefreshError::Gone), "{about}");
                    continue;
                }
                let Ok(Refreshed::Rotated(session)) = refreshed else {
                    panic!("{about}: {refreshed:?}")
                };
                one.generation += 1;
                assert_eq!(session.generation, one.generation, "{about}");
                (one.issued_at, one.expires_at, one.on_network) =
                    (now, (now + IDLE).min(END), on_network);
            }
            74..78 => {
                let Some(one) = expected.get(&number).filter(|one| alive && one.generation > 2)
                else {
                    continue;
                };
                let reused = server
                    .refresh(&token(&one.session, one.generation - 2), next(now), at(now))
                    .await;
                assert_eq!(reused, Err(RefreshError::Reused), "{about}");
                expected.remove(&number);
            }
            78..86 => {
                let Some(one) = expected.get(&number) else { continue };
                let ended =
                    server.end(&nagra, &owner, one.session.id, &one.session.device, at(now)).await;
                assert_eq!(ended, Ok(alive), "{about}");
                if alive {
                    expected.remove(&number);
                }
            }
            86..90 => drop(server.sweep(100, at(now)).await.unwrap()),
            90..94 => now += IDLE / 2 + 7,
            94..97 => {
                servers[which] = open_with(&path, memtables[which]).await;
                server = Arc::clone(&servers[which]);
            }
            _ => server = open_with(&crashed(&path, step), memtables[which]).await,
        }
        if in_step {
            for server in &servers {
                server.check().await.unwrap();
            }
        }
        let wanted = expected.values().filter(|one| now < one.expires_at);
        let wanted: Vec<_> = wanted
            .map(|one| (one.session.id, one.generation, at(one.issued_at), one.on_network))
            .collect();
        let listed = server.sessions(&nagra, &owner, at(now)).await.unwrap();
        let walked = server.page(None, 100, at(now)).await.unwrap().sessions;
        for mut found in [listed, walked] {
            found.sort_unstable_by_key(|one| one.id);
            let found: Vec<_> = found
                .iter()
                .map(|one| (one.id, one.generation, one.issued_at, one.facts.on_network))
                .collect();
            assert_eq!(found, wanted, "{about}");
        }
        assert_eq!(count(&path, ORPHANS), 0, "{about}");
    }
}

#[tokio::test]
async fn two_servers_agree_whatever_each_has_merged() {
    for seed in 0..8 {
        let memtables = [1, 2, 7, 65_536];
        let of = |n: u64| memtables[usize::try_from(n % 4).unwrap()];
        random_steps(seed, [of(seed), of(seed / 4)], seed % 3 == 0).await;
    }
}
