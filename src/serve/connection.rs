//! One connection: TLS if configured, then HTTP/1.1 or HTTP/2, within its time limits, so
//! that a slow client cannot hold the server.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::Request;
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tower::Service;

use super::opening::Opening;
use super::settings::LimitSettings;
use super::tls::TlsKeys;
use crate::http::{GatewayService, Peer};

/// Streams of one HTTP/2 connection that are open at a time.
const MAX_STREAMS: u32 = 200;
/// How often a silent HTTP/2 peer is asked whether it is there, and how long it may take.
const PING_EVERY: Duration = Duration::from_secs(20);
const PING_TIMEOUT: Duration = Duration::from_secs(10);

/// What all connections share.
pub(super) struct Server {
    service: GatewayService,
    tls: Option<Arc<TlsKeys>>,
    handshake_timeout: Duration,
    head_timeout: Duration,
    http: Builder<TokioExecutor>,
}

impl Server {
    pub(super) fn new(
        service: GatewayService,
        tls: Option<Arc<TlsKeys>>,
        limits: &LimitSettings,
    ) -> Self {
        let mut http = Builder::new(TokioExecutor::new());
        http.http1()
            .timer(TokioTimer::new())
            .header_read_timeout(limits.head_timeout.0)
            .max_buf_size(limits.max_head);
        http.http2()
            .timer(TokioTimer::new())
            .keep_alive_interval(PING_EVERY)
            .keep_alive_timeout(PING_TIMEOUT)
            .max_concurrent_streams(MAX_STREAMS)
            .max_header_list_size(u32::try_from(limits.max_head).unwrap_or(u32::MAX));
        Self {
            service,
            tls,
            handshake_timeout: limits.handshake_timeout.0,
            head_timeout: limits.head_timeout.0,
            http,
        }
    }

    /// Serves the connection to its end; `watcher` ends it early, between requests.
    pub(super) async fn serve(&self, stream: TcpStream, peer: SocketAddr, watcher: Watcher) {
        let Some(tls) = &self.tls else {
            return self.http(stream, Peer { ip: peer.ip(), tls: false }, watcher).await;
        };
        let handshake = tls.acceptor().accept(stream);
        match tokio::time::timeout(self.handshake_timeout, handshake).await {
            Ok(Ok(stream)) => {
                self.http(stream, Peer { ip: peer.ip(), tls: true }, watcher).await;
            }
            Ok(Err(error)) => tracing::debug!(%error, client.peer = %peer, "tls handshake failed"),
            Err(_) => tracing::debug!(client.peer = %peer, "tls handshake took too long"),
        }
    }

    async fn http<I>(&self, stream: I, peer: Peer, watcher: Watcher)
    where
        I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let service = self.service.clone();
        let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            // The layers are always ready: they shed instead of waiting.
            service.clone().call(request)
        });
        let stream = TokioIo::new(Opening::new(stream, self.head_timeout));
        let connection = self.http.serve_connection(stream, answer).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, client.peer = %peer.ip, "connection ended early");
        }
    }
}
