//! What was acknowledged survives SIGKILL: sixteen clients sign on and refresh, the server is
//! killed in the middle of it, and everything a client was told before must still be true.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::task::JoinSet;

use super::eventually;
use super::server::{Ags, Server};

const CLIENTS: usize = 16;
/// How many acknowledged calls each kill waits for.
const KILL_AFTER: [usize; 3] = [40, 300, 500];

/// What one client was told.
#[derive(Default)]
struct Known {
    sessions: Vec<Session>,
    unused_tickets: Vec<String>,
    used_tickets: Vec<String>,
}

/// An acknowledged session.
struct Session {
    device: String,
    /// The newest refresh token that was acknowledged; a refresh with it may be under way
    /// when the server dies.
    newest: String,
    /// The one that was superseded by it, and the one that was superseded by that.
    superseded: Option<String>,
    stale: Option<String>,
}

#[tokio::test]
async fn everything_acknowledged_survives_sigkill() {
    let dir = tempfile::tempdir().unwrap();
    let mut clients: Vec<Known> = (0..CLIENTS).map(|_| Known::default()).collect();
    for acknowledged in KILL_AFTER {
        clients = killed_under_load(dir.path(), clients, acknowledged).await;
        let server = Server::demo_in(dir.path(), &[]).await;
        let ags = server.ags();
        clients = each(clients, |known| verified(ags.clone(), known)).await;
        assert_eq!(server.stop("TERM").await.code, Some(0));
    }
    let sessions: usize = clients.iter().map(|known| known.sessions.len()).sum();
    assert!(sessions > CLIENTS, "too little load to say anything: {sessions} sessions");

    let server = Server::demo_in(dir.path(), &[]).await;
    let ags = server.ags();
    each(clients, |known| reuse_ends_the_family(ags.clone(), known)).await;
}

async fn killed_under_load(dir: &Path, clients: Vec<Known>, acknowledged: usize) -> Vec<Known> {
    let mut server = Server::demo_in(dir, &[]).await;
    let ags = server.ags();
    let count = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&count);
    let load = each(clients, |known| load(ags.clone(), known, Arc::clone(&count)));
    let kill = async {
        let enough = async || (seen.load(Ordering::Relaxed) >= acknowledged).then_some(());
        eventually("enough calls are acknowledged", enough).await;
        server.process.kill();
    };
    tokio::join!(load, kill).0
}

/// Runs this for every client at the same time.
async fn each<F>(clients: Vec<Known>, run: impl Fn(Known) -> F) -> Vec<Known>
where
    F: Future<Output = Known> + Send + 'static,
{
    clients.into_iter().map(run).collect::<JoinSet<F::Output>>().join_all().await
}

/// Signs on and refreshes until the server is gone.
async fn load(ags: Ags, mut known: Known, count: Arc<AtomicUsize>) -> Known {
    let acknowledged = || count.fetch_add(1, Ordering::Relaxed);
    loop {
        let Some(ticket) = ags.ticket().await else { return known };
        if acknowledged() % 4 == 0 {
            known.unused_tickets.push(ticket);
            continue;
        }
        // Without an answer nobody knows whether the ticket was used.
        let device = known.sessions.first().map(|session| session.device.clone());
        let device = device.filter(|_| known.sessions.len() % 2 == 1);
        let Some(answer) = ags.sign_on(&ticket, device.as_deref()).await else { return known };
        assert_eq!(answer.status, 201, "{answer:?}");
        acknowledged();
        known.used_tickets.push(ticket);
        known.sessions.push(Session {
            device: answer.text("client_id"),
            newest: answer.text("refresh_token"),
            superseded: None,
            stale: None,
        });
        let session = known.sessions.last_mut().unwrap();
        for _ in 0..2 {
            let Some(answer) = ags.refresh(&session.newest).await else { return known };
            assert_eq!(answer.status, 200, "{answer:?}");
            acknowledged();
            session.rotate(answer.text("refresh_token"));
        }
    }
}

/// Holds the server to everything the client was told.
async fn verified(ags: Ags, mut known: Known) -> Known {
    for session in &mut known.sessions {
        let refreshed = ags.refresh(&session.newest).await.unwrap();
        assert_eq!(refreshed.status, 200, "an acknowledged session is gone: {refreshed:?}");
        let newest = refreshed.text("refresh_token");
        let retried = ags.refresh(&session.newest).await.unwrap();
        assert_eq!(retried.status, 200, "{retried:?}");
        assert_eq!(retried.text("refresh_token"), newest, "a retry gets the same pair");
        session.rotate(newest);

        let ticket = ags.ticket().await.unwrap();
        let signed_on = ags.sign_on(&ticket, Some(&session.device)).await.unwrap();
        assert_eq!(signed_on.status, 201, "an acknowledged device is gone: {signed_on:?}");
        known.used_tickets.push(ticket);
    }
    for ticket in std::mem::take(&mut known.unused_tickets) {
        let signed_on = ags.sign_on(&ticket, None).await.unwrap();
        assert_eq!(signed_on.status, 201, "an acknowledged ticket is gone: {signed_on:?}");
        known.used_tickets.push(ticket);
    }
    for ticket in &known.used_tickets {
        let again = ags.sign_on(ticket, None).await.unwrap();
        assert_eq!(again.status, 401, "a used ticket came back: {again:?}");
    }
    known
}

/// A refresh token that was superseded twice is still known for what it is.
async fn reuse_ends_the_family(ags: Ags, known: Known) -> Known {
    for session in &known.sessions {
        let Some(stale) = &session.stale else { continue };
        assert_eq!(ags.refresh(stale).await.unwrap().status, 401);
        assert_eq!(ags.refresh(&session.newest).await.unwrap().status, 401);
    }
    known
}

impl Session {
    fn rotate(&mut self, newest: String) {
        let superseded = std::mem::replace(&mut self.newest, newest);
        self.stale = self.superseded.replace(superseded);
    }
}
