//! Walking over all sessions, for an operator.

use std::collections::BTreeSet;

use cambio::session::{NewSession, PageStart};

use super::*;

on_every_backend![
    a_walk_meets_every_live_session_of_every_tenant,
    a_walk_ends,
    a_place_of_nowhere_is_an_error,
];

async fn walk(b: &Backend, limit: u32, now: i64) -> Vec<Session> {
    let (mut met, mut from) = (Vec::new(), None);
    for _ in 0..10_000 {
        let page = b.store.page(from, limit, at(now)).await.unwrap();
        met.extend(page.sessions);
        match page.next {
            Some(next) => from = Some(next),
            None => return met,
        }
    }
    panic!("the walk does not end");
}

async fn a_walk_meets_every_live_session_of_every_tenant(b: &Backend) {
    let mut expected = BTreeSet::new();
    for n in 0..40 {
        let name = if n % 3 == 0 { "other.tenant" } else { "nagra" };
        let new = NewSession { tenant: tenant(name), ..sign_on(n, &format!("d{n}")) };
        let session = b.store.begin(new, at(0)).await.unwrap().session;
        if n % 5 == 0 {
            let account = &session.facts.account.id;
            b.store
                .end(&session.tenant, account, session.id, &session.device, at(0))
                .await
                .unwrap();
        } else {
            expected.insert((name.to_owned(), n));
        }
    }
    let short = NewSession { expires_at: at(1), ..sign_on(99, "short") };
    b.store.begin(short, at(0)).await.unwrap();
    for limit in [1, 7, 1000] {
        let met = walk(b, limit, 1).await;
        let names = met.iter().map(|s| (s.tenant.as_str().to_owned(), s.id.number));
        assert_eq!(names.collect::<BTreeSet<_>>(), expected, "by {limit}");
        assert_eq!(met[0], b.find(&met[0], 1).await.unwrap());
    }
}

async fn a_walk_ends(b: &Backend) {
    assert_eq!(walk(b, 10, 0).await, []);
}

async fn a_place_of_nowhere_is_an_error(b: &Backend) {
    for place in ["", "nowhere", "1.2", "1.2.", "-.-.-", "1.2.3\u{0}"] {
        let from = Some(PageStart(place.to_owned()));
        assert!(b.store.page(from, 10, at(0)).await.is_err(), "{place:?}");
    }
}
