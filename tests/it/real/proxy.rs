//! A TCP proxy on a port of its own that does to connections what networks do: lets nothing
//! through, breaks them, or takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU16, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// What becomes of what is sent.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Network {
    /// It arrives.
    Good,
    /// It is kept, and so are new connections, until the network is good again.
    Silent,
    /// Connections are reset, new ones at once.
    Broken,
    /// It arrives this much later, piece by piece.
    Slow(Duration),
}

/// A running proxy; it ends with its handle.
pub(crate) struct Proxy {
    pub(crate) port: u16,
    target: Arc<AtomicU16>,
    cut: Arc<AtomicBool>,
    network: Arc<watch::Sender<Network>>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// One to this port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(port));
        let cut = Arc::new(AtomicBool::new(false));
        let (aim, cuts) = (Arc::clone(&target), Arc::clone(&cut));
        let network = Arc::new(watch::Sender::new(Network::Good));
        let state = Arc::clone(&network);
        let listening = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                let (port, cut) = (aim.load(Ordering::Relaxed), Arc::clone(&cuts));
                tokio::spawn(serve(client, port, state.subscribe(), cut));
            }
        });
        Self { port: own, target, cut, network, listening }
    }

    /// Sends new connections to this port.
    pub(crate) fn aim(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
    }

    /// Breaks the connection on which the server answers next, instead of passing the answer on.
    pub(crate) fn cut_next_answer(&self) {
        self.cut.store(true, Ordering::Relaxed);
    }

    /// Whether an answer is still to be cut.
    pub(crate) fn is_cutting(&self) -> bool {
        self.cut.load(Ordering::Relaxed)
    }

    /// From now on, for connections that are there, too.
    pub(crate) fn becomes(&self, network: Network) {
        self.network.send_replace(network);
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        self.network.send_replace(Network::Broken);
        self.listening.abort();
    }
}

async fn serve(
    client: TcpStream,
    port: u16,
    network: watch::Receiver<Network>,
    cut: Arc<AtomicBool>,
) {
    client.set_nodelay(true).unwrap();
    let through = async {
        passable(network.clone()).await;
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        server.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        let never = AtomicBool::new(false);
        // Whichever ends takes the other with it.
        tokio::select! {
            () = copy(from_client, to_server, network.clone(), &never) => {}
            () = copy(from_server, to_client, network.clone(), &cut) => {}
        }
    };
    let broken = async {
        let _ = network.clone().wait_for(|now| *now == Network::Broken).await;
    };
    // Dropping a socket that has unread input, or is written to, resets the connection.
    tokio::select! {
        () = through => {}
        () = broken => {}
    }
}

async fn copy(
    mut from: OwnedReadHalf,
    mut to: OwnedWriteHalf,
    network: watch::Receiver<Network>,
    cut: &AtomicBool,
) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
        if cut.swap(false, Ordering::Relaxed) {
            return;
        }
        let now = *network.borrow();
        if let Network::Slow(delay) = now {
            tokio::time::sleep(delay).await;
        }
        passable(network.clone()).await;
        if to.write_all(&buffer[..length]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}

async fn passable(mut network: watch::Receiver<Network>) {
    let _ = network.wait_for(|now| *now != Network::Silent).await;
}
