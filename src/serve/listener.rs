//! Sockets: binding with a clear error, accepting within the connection limit.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that wait to be accepted; the kernel may cap it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// How long to wait when the process is out of file descriptors.
const OUT_OF_FILES: Duration = Duration::from_millis(50);

/// Binds a listening socket; a restarted server gets its address back at once.
///
/// # Errors
/// A text that names the address.
pub fn bind(address: SocketAddr) -> Result<TcpListener, String> {
    let bound = || -> std::io::Result<TcpListener> {
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
        socket.set_reuse_address(true)?;
        socket.set_nonblocking(true)?;
        socket.bind(&address.into())?;
        socket.listen(BACKLOG)?;
        TcpListener::from_std(socket.into())
    };
    bound().map_err(|e| format!("cannot listen on {address}: {e}"))
}

/// The next connection and its place among those that may be open; `None` when this one failed.
/// A client that leaves bytes unread for longer than `unread_for` loses its connection.
pub(super) async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    unread_for: Duration,
) -> Option<(TcpStream, SocketAddr, OwnedSemaphorePermit)> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            // Answers are one small write; waiting for more would only delay them.
            let _ = stream.set_nodelay(true);
            // HTTP's own timers do not run while a client takes no bytes; the kernel's does.
            let _ = SockRef::from(&stream).set_tcp_user_timeout(Some(unread_for));
            Some((stream, peer, place))
        }
        Err(error) if is_about_one_connection(&error) => None,
        Err(error) => {
            tracing::warn!(%error, "cannot accept connections");
            tokio::time::sleep(OUT_OF_FILES).await;
            None
        }
    }
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
