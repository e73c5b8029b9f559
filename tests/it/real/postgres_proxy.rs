//! A TCP proxy that injects faults between a node and its server: silence, resets, delays, and
//! an answer that is lost after the server has done what it was asked. Knows no protocol.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

/// What the network does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Network {
    /// Carries everything.
    Good,
    /// Carries nothing and says nothing: a partition. What was held back goes on when it heals.
    Silent,
    /// Resets every connection, new ones too.
    Reset,
    /// Carries everything this much later, each way.
    Slow(Duration),
}

/// A proxy in front of a server on 127.0.0.1. Ends with the runtime of the test.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    network: watch::Sender<Network>,
    cut: Arc<Mutex<Option<&'static [u8]>>>,
    /// Connections that came, and those of them that are over.
    count: Arc<(AtomicUsize, AtomicUsize)>,
}

impl Proxy {
    /// One in front of this port.
    pub(crate) async fn start(target: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (network, seen) = watch::channel(Network::Good);
        let cut = Arc::new(Mutex::new(None));
        let armed = Arc::clone(&cut);
        let count = Arc::new((AtomicUsize::new(0), AtomicUsize::new(0)));
        let counted = Arc::clone(&count);
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let target = SocketAddr::from(([127, 0, 0, 1], target));
                counted.0.fetch_add(1, Ordering::SeqCst);
                let (counted, carried) =
                    (Arc::clone(&counted), carry(client, target, seen.clone(), Arc::clone(&armed)));
                tokio::spawn(async move {
                    carried.await;
                    counted.1.fetch_add(1, Ordering::SeqCst);
                });
            }
        });
        Self { port, network, cut, count }
    }

    /// From now on, for connections that are there and for new ones.
    pub(crate) fn set(&self, network: Network) {
        self.network.send_replace(network);
    }

    /// How many connections have come.
    pub(crate) fn came(&self) -> usize {
        self.count.0.load(Ordering::SeqCst)
    }

    /// How many connections are over: whatever was said on them, the server has heard it.
    pub(crate) fn over(&self) -> usize {
        self.count.1.load(Ordering::SeqCst)
    }

    /// The next time that a client says something with these bytes in it, the server gets to hear
    /// it, its answer is lost and the connection is reset.
    pub(crate) fn lose_the_answer_to(&self, bytes: &'static [u8]) {
        *self.cut.lock() = Some(bytes);
    }

    /// Whether an answer has been lost since.
    pub(crate) fn has_lost_it(&self) -> bool {
        self.cut.lock().is_none()
    }
}

async fn carry(
    client: TcpStream,
    target: SocketAddr,
    mut network: watch::Receiver<Network>,
    armed: Arc<Mutex<Option<&'static [u8]>>>,
) {
    // Whoever drops the streams without more ado resets them.
    let reset_when_dropped = |stream: &TcpStream| {
        socket2::SockRef::from(stream).set_linger(Some(Duration::ZERO)).unwrap();
    };
    reset_when_dropped(&client);
    let through = async |network: &mut watch::Receiver<Network>| {
        let now = *network.wait_for(|n| *n != Network::Silent).await.unwrap();
        if let Network::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
    };
    let mut other = network.clone();
    let mut told = network.clone();
    let carried = async {
        through(&mut network).await;
        let Ok(server) = TcpStream::connect(target).await else { return };
        server.set_nodelay(true).unwrap();
        client.set_nodelay(true).unwrap();
        reset_when_dropped(&server);
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let is_cut = AtomicBool::new(false);
        let asks = async {
            let mut buffer = vec![0; 64 * 1024];
            while let Ok(n @ 1..) = from_client.read(&mut buffer).await {
                through(&mut network).await;
                if is_the_one(&armed, &buffer[..n]) {
                    is_cut.store(true, Ordering::SeqCst);
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
                through(&mut other).await;
                if is_cut.load(Ordering::SeqCst) {
                    return;
                }
                if to_client.write_all(&buffer[..n]).await.is_err() {
                    return;
                }
            }
        };
        // The connection is over when the server's side is.
        tokio::select! {
            () = answers => {}
            () = async { asks.await; std::future::pending().await } => {}
        }
    };
    tokio::select! {
        () = carried => {}
        _ = told.wait_for(|n| *n == Network::Reset) => {}
    }
}

/// Whether what a client says is what one waits for, which is then waited for no more.
fn is_the_one(armed: &Mutex<Option<&'static [u8]>>, said: &[u8]) -> bool {
    let mut armed = armed.lock();
    let found = armed.is_some_and(|cut| said.windows(cut.len()).any(|window| window == cut));
    if found {
        *armed = None;
    }
    found
}
