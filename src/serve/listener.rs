//! Sockets: binding with a clear error, accepting within the connection limit, and closing without
//! losing anybody who has connected.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use socket2::{Domain, Protocol, SockFilter, SockRef, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Connections that wait to be accepted; the kernel may cap it (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;
/// How long to wait when the process is out of file descriptors.
const OUT_OF_FILES: Duration = Duration::from_millis(50);
/// A packet filter that lets nothing through: "return 0" (`BPF_RET | BPF_K` in `linux/filter.h`).
const NOTHING: [SockFilter; 1] = [SockFilter::new(0x06, 0, 0, 0)];

/// A connection, whose it is, and its place among those that may be open.
pub(super) type Accepted = (TcpStream, SocketAddr, OwnedSemaphorePermit);

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

/// The next connection; `None` when this one failed.
/// A client that leaves bytes unread for longer than `unread_for` loses its connection.
pub(super) async fn accept(
    listener: &TcpListener,
    places: &Arc<Semaphore>,
    unread_for: Duration,
) -> Option<Accepted> {
    let place = Arc::clone(places).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, peer)) => {
            prepare(&stream, unread_for);
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

/// Closes the listener, and answers whoever had connected by then and finds a place. The kernel would reset
/// those that wait to be accepted, requests that came on them included. Who comes meanwhile does not get to
/// be connected: his kernel asks again, a second later, and is refused.
pub(super) fn close(
    listener: TcpListener,
    places: &Arc<Semaphore>,
    unread_for: Duration,
) -> Vec<Accepted> {
    // Only the listener hears nothing any more: connections have sockets of their own. Without the
    // filter, somebody may still come between the last `accept` and the end.
    let _ = SockRef::from(&listener).attach_filter(&NOTHING);
    let Ok(listener) = listener.into_std() else { return Vec::new() };
    let mut waiting = Vec::new();
    while let Ok(place) = Arc::clone(places).try_acquire_owned() {
        let (stream, peer) = match listener.accept() {
            Ok(accepted) => accepted,
            Err(error) if is_about_one_connection(&error) => continue,
            // Nobody waits.
            Err(_) => break,
        };
        let stream = stream.set_nonblocking(true).and_then(|()| TcpStream::from_std(stream));
        if let Ok(stream) = stream {
            prepare(&stream, unread_for);
            waiting.push((stream, peer, place));
        }
    }
    waiting
}

fn prepare(stream: &TcpStream, unread_for: Duration) {
    // Answers are one small write; waiting for more would only delay them.
    let _ = stream.set_nodelay(true);
    // HTTP's own timers do not run while a client takes no bytes; the kernel's does.
    let _ = SockRef::from(stream).set_tcp_user_timeout(Some(unread_for));
}

fn is_about_one_connection(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}
