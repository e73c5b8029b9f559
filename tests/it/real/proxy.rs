//! A TCP proxy on a port of its own that does to connections what networks do: lets nothing
//! through, breaks them, or takes its time.

use std::sync::Arc;
use std::sync::atomic::{AtomicU16, Ordering};
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
    network: Arc<watch::Sender<Network>>,
    listening: JoinHandle<()>,
}

impl Proxy {
    /// One to this port of 127.0.0.1.
    pub(crate) async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let target = Arc::new(AtomicU16::new(port));
        let aim = Arc::clone(&target);
        let network = Arc::new(watch::Sender::new(Network::Good));
        let state = Arc::clone(&network);
        let listening = tokio::spawn(async move {
            loop {
                let (client, _) = listener.accept().await.unwrap();
                tokio::spawn(serve(client, aim.load(Ordering::Relaxed), state.subscribe()));
            }
        });
        Self { port: own, target, network, listening }
    }

    /// Sends new connections to this port.
    pub(crate) fn aim(&self, port: u16) {
        self.target.store(port, Ordering::Relaxed);
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

async fn serve(client: TcpStream, port: u16, network: watch::Receiver<Network>) {
    client.set_nodelay(true).unwrap();
    let through = async {
        passable(network.clone()).await;
        let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await else { return };
        server.set_nodelay(true).unwrap();
        let (from_client, to_client) = client.into_split();
        let (from_server, to_server) = server.into_split();
        tokio::join!(
            copy(from_client, to_server, network.clone()),
            copy(from_server, to_client, network.clone()),
        );
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

async fn copy(mut from: OwnedReadHalf, mut to: OwnedWriteHalf, network: watch::Receiver<Network>) {
    let mut buffer = vec![0; 64 * 1024];
    while let Ok(length @ 1..) = from.read(&mut buffer).await {
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
