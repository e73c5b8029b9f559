//! A TCP proxy that does to connections what networks do: lets nothing through, breaks them, takes
//! its time, or loses an answer after the server has done what it was asked; or changes what answers
//! say. Knows no protocol.

use std::sync::atomic::{AtomicBool, AtomicU16, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// It arrives.
    Good,
    /// It is kept, and so are new connections, until the network is good again: a partition. What
    /// was kept arrives then.
    Silent,
    /// Connections are reset, new ones at once.
    Broken,
    /// It arrives this much later, each way.
    Slow(Duration),
}

/// A running proxy; it ends with its handle.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    network: watch::Sender<Network>,
    shared: Arc<Shared>,
    listening: JoinHandle<()>,
}

#[derive(Default)]
struct Shared {
    target: AtomicU16,
    /// The answer to what has these bytes in it is to be lost.
    armed: Mutex<Option<&'static [u8]>>,
    /// What answers say, and what they are to say.
    instead: OnceLock<Vec<(String, String)>>,
    came: AtomicUsize,
    over: AtomicUsize,
}

impl Proxy {
    /// One to this port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let shared = Arc::new(Shared { target: port.into(), ..Shared::default() });
        let network = watch::Sender::new(Network::Good);
        let (seen, carrying) = (network.subscribe(), Arc::clone(&shared));
        let listening = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                carrying.came.fetch_add(1, Ordering::SeqCst);
                let (network, shared) = (seen.clone(), Arc::clone(&carrying));
                tokio::spawn(async move {
                    carry(client, network, &shared).await;
                    shared.over.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { port: own, network, shared, listening }
    }

    /// Sends new connections to this port.
    pub(crate) fn aim(&self, port: u16) {
        self.shared.target.store(port, Ordering::SeqCst);
    }

    /// Has answers say the second of a pair wherever they say the first, which is as long.
    pub(crate) fn says_instead(&self, pairs: Vec<(String, String)>) {
        assert!(pairs.iter().all(|(what, instead)| what.len() == instead.len()));
        self.shared.instead.set(pairs).unwrap();
    }

    /// From now on, for connections that are there, too.
    pub(crate) fn becomes(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// The next time that a client says something, the server gets to hear it, its answer is lost
    /// and the connection is reset.
    pub(crate) fn lose_the_next_answer(&self) {
        self.lose_the_answer_to(b"");
    }

    /// The same for what has these bytes in it.
    pub(crate) fn lose_the_answer_to(&self, bytes: &'static [u8]) {
        *self.shared.armed.lock() = Some(bytes);
    }

    /// Whether what was to be answered for the last time has come.
    pub(crate) fn has_lost_it(&self) -> bool {
        self.shared.armed.lock().is_none()
    }

    /// How many connections have come.
    pub(crate) fn came(&self) -> usize {
        self.shared.came.load(Ordering::SeqCst)
    }

    /// How many connections are over: whatever was said on them, the server has heard it.
    pub(crate) fn over(&self) -> usize {
        self.shared.over.load(Ordering::SeqCst)
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.becomes(Network::Broken);
        self.listening.abort();
    }
}

impl Shared {
    /// Whether the answer to what a client says is the one to be lost, which no other one is then.
    fn is_the_one(&self, said: &[u8]) -> bool {
        let mut armed = self.armed.lock();
        let has = |bytes: &[u8]| bytes.is_empty() || said.windows(bytes.len()).any(|w| w == bytes);
        let found = armed.is_some_and(has);
        if found {
            *armed = None;
        }
        found
    }

    /// Changes what is answered.
    fn change(&self, answer: &mut [u8]) {
        for (what, instead) in self.instead.get().into_iter().flatten() {
            for at in 0..(answer.len() + 1).saturating_sub(what.len()) {
                let said = &mut answer[at..at + what.len()];
                if said == what.as_bytes() {
                    said.copy_from_slice(instead.as_bytes());
                }
            }
        }
    }
}

/// Carries one connection until it is over or the network breaks.
async fn carry(client: TcpStream, network: watch::Receiver<Network>, shared: &Shared) {
    reset_when_dropped(&client);
    let mut told = network.clone();
    tokio::select! {
        () = through(client, network, shared) => {}
        _ = told.wait_for(|now| *now == Network::Broken) => {}
    }
}

async fn through(client: TcpStream, network: watch::Receiver<Network>, shared: &Shared) {
    arrives(&network).await;
    let target = ("127.0.0.1", shared.target.load(Ordering::SeqCst));
    let Ok(server) = TcpStream::connect(target).await else { return };
    reset_when_dropped(&server);
    server.set_nodelay(true).unwrap();
    client.set_nodelay(true).unwrap();
    let (mut from_client, mut to_client) = client.into_split();
    let (mut from_server, mut to_server) = server.into_split();
    let is_lost = AtomicBool::new(false);
    let asks = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
            arrives(&network).await;
            if shared.is_the_one(&buffer[..n]) {
                is_lost.store(true, Ordering::SeqCst);
            }
            if to_server.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
        // An orderly end goes on, so that the server ends its side.
        let _ = to_server.shutdown().await;
    };
    let answers = async {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(n @ 1..) = from_server.read(&mut buffer).await {
            arrives(&network).await;
            shared.change(&mut buffer[..n]);
            if is_lost.load(Ordering::SeqCst) || to_client.write_all(&buffer[..n]).await.is_err() {
                return;
            }
        }
    };
    // The connection is over when the server's side is.
    tokio::select! {
        () = answers => {}
        () = async { asks.await; std::future::pending().await } => {}
    }
}

/// Waits for as long as the network keeps what is sent now.
async fn arrives(network: &watch::Receiver<Network>) {
    let mut network = network.clone();
    // The proxy's end breaks the connection anyway.
    let Ok(now) = network.wait_for(|now| *now != Network::Silent).await.map(|now| *now) else {
        return;
    };
    if let Network::Slow(delay) = now {
        tokio::time::sleep(delay).await;
    }
}

/// Whoever drops the stream without more ado resets the connection.
fn reset_when_dropped(stream: &TcpStream) {
    socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
}
