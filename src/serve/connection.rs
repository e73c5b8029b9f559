//! One connection: TLS if configured, then HTTP/1.1 or HTTP/2, within its time limits, so
//! that a slow client cannot hold the server. When the server is to end, each HTTP/1.1 answer is its
//! connection's last, and says so.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::Body;
use http::header::{CONNECTION, HeaderValue};
use http::{Request, Version};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::server::graceful::Watcher;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::sync::watch;
use tower::Service;

use super::Stage;
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
    stage: Arc<watch::Receiver<Stage>>,
}

impl Server {
    pub(super) fn new(
        service: GatewayService,
        tls: Option<Arc<TlsKeys>>,
        limits: &LimitSettings,
        stage: watch::Receiver<Stage>,
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
            stage: Arc::new(stage),
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
        let (service, stage) = (self.service.clone(), Arc::clone(&self.stage));
        let answer = hyper::service::service_fn(move |request: Request<Incoming>| {
            let mut request = request.map(Body::new);
            request.extensions_mut().insert(peer);
            // HTTP/2 has a frame for it, which comes with the end.
            let says_last = request.version() < Version::HTTP_2;
            let stage = Arc::clone(&stage);
            // The layers are always ready: they shed instead of waiting.
            let answer = service.clone().call(request);
            async move {
                let mut answer = answer.await?;
                // A client that reuses the connection could meet its end with a request that nobody may repeat.
                // Any change is one towards the end. Unlike a look at the stage itself, this takes no lock.
                if says_last && stage.has_changed().unwrap_or(true) {
                    answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                Ok::<_, Infallible>(answer)
            }
        });
        let stream = TokioIo::new(Opening::new(stream, self.head_timeout));
        let connection = self.http.serve_connection(stream, answer).into_owned();
        if let Err(error) = watcher.watch(connection).await {
            tracing::debug!(%error, client.peer = %peer.ip, "connection ended early");
        }
    }
}
