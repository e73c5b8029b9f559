//! The scope that every log line of a request stands in, and one line a request when it has
//! been answered: what was asked, for whom, what came of it, how long it took, and why it
//! failed. Never a header, a body or a query.

use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use http::{Method, Request, Response, Uri};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::http::request::{Info, Peer};
use crate::support::correlation::Scope;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct AccessLog;

impl<S> Layer<S> for AccessLog {
    type Service = AccessLogService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        AccessLogService { inner }
    }
}

/// The service inside it.
#[derive(Debug, Clone)]
pub struct AccessLogService<S> {
    inner: S,
}

impl<S, B, R> Service<Request<B>> for AccessLogService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = AccessLogFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let info = super::info(&request);
        let line = Line {
            method: request.method().clone(),
            uri: request.uri().clone(),
            peer: request.extensions().get::<Peer>().copied(),
            info,
        };
        let inner = {
            let _in = line.scope();
            self.inner.call(request)
        };
        AccessLogFuture { inner, line }
    }
}

/// What is known before the answer.
#[derive(Debug)]
struct Line {
    method: Method,
    uri: Uri,
    peer: Option<Peer>,
    info: Option<Info>,
}

impl Line {
    fn scope(&self) -> Option<Scope> {
        self.info.as_ref().map(|info| Scope::enter(info.correlation_id.clone()))
    }

    fn write(&self, status: u16) {
        let Some(info) = &self.info else { return };
        let client = info.client.get().copied().or(self.peer.map(|p| p.ip)).map(AddressText::new);
        let micros = u64::try_from(info.started.elapsed().as_micros()).unwrap_or(u64::MAX);
        tracing::info!(
            target: "cambio::access",
            { http.method = self.method.as_str(),
            http.path = bounded(self.uri.path()),
            http.status = status,
            duration.us = micros,
            client.ip = client.as_ref().map(AddressText::as_str),
            client.tls = self.peer.and_then(|p| p.tls.then_some(true)),
            tenant.id = info.tenant.get().map(|t| t.as_str()),
            service.name = info.service.get().map(|s| s.as_str()),
            error = info.cause.get().map(String::as_str) },
            "request"
        );
    }
}

/// An address as text, without the formatting machinery, which costs more than the rest of
/// the line.
struct AddressText {
    bytes: [u8; 48],
    len: usize,
}

impl AddressText {
    fn new(ip: IpAddr) -> Self {
        let mut text = Self { bytes: [0; 48], len: 0 };
        match ip {
            IpAddr::V4(ip) => {
                for (i, octet) in ip.octets().into_iter().enumerate() {
                    if i > 0 {
                        text.push(b'.');
                    }
                    if octet >= 100 {
                        text.push(b'0' + octet / 100);
                    }
                    if octet >= 10 {
                        text.push(b'0' + octet / 10 % 10);
                    }
                    text.push(b'0' + octet % 10);
                }
            }
            IpAddr::V6(ip) => ip.to_string().bytes().for_each(|b| text.push(b)),
        }
        text
    }

    fn push(&mut self, byte: u8) {
        if let Some(place) = self.bytes.get_mut(self.len) {
            *place = byte;
            self.len += 1;
        }
    }

    fn as_str(&self) -> &str {
        std::str::from_utf8(&self.bytes[..self.len]).unwrap_or_default()
    }
}

/// Paths are the client's text: enough of them to recognise, not enough to flood.
fn bounded(path: &str) -> &str {
    &path[..path.floor_char_boundary(256)]
}

pin_project! {
    /// Runs in the request's scope and writes the line.
    #[derive(Debug)]
    pub struct AccessLogFuture<F> {
        #[pin]
        inner: F,
        line: Line,
    }
}

impl<F, R, E> Future for AccessLogFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let _in = this.line.scope();
        let outcome = ready!(this.inner.poll(cx));
        this.line.write(outcome.as_ref().map_or(500, |r| r.status().as_u16()));
        Poll::Ready(outcome)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn paths_are_bounded_wherever_their_characters_end(path in "\\PC{0,400}") {
            prop_assert!(bounded(&path).len() <= 256 && path.starts_with(bounded(&path)));
        }

        #[test]
        fn addresses_read_as_the_standard_library_writes_them(ip in any::<IpAddr>()) {
            let text = AddressText::new(ip);
            prop_assert_eq!(text.as_str(), ip.to_string());
        }
    }
}
