//! Correlation ids: a client's `x-correlation-id` if it is well-formed, else a fresh one;
//! echoed on every answer. Makes the request's [`RequestInfo`], so it stands outermost.

use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, ready};
use std::time::Instant;

use http::{HeaderName, HeaderValue, Request, Response};
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::domain::{CorrelationId, Random};
use crate::http::request::{Info, RequestInfo};

static HEADER: HeaderName = HeaderName::from_static("x-correlation-id");

/// The layer.
#[derive(Debug, Clone)]
pub struct Correlation {
    random: Arc<dyn Random>,
}

impl Correlation {
    /// Fresh ids come from `random`.
    #[must_use]
    pub fn new(random: Arc<dyn Random>) -> Self {
        Self { random }
    }
}

impl<S> Layer<S> for Correlation {
    type Service = CorrelationService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        CorrelationService { inner, random: Arc::clone(&self.random) }
    }
}

/// The service inside it.
#[derive(Debug, Clone)]
pub struct CorrelationService<S> {
    inner: S,
    random: Arc<dyn Random>,
}

impl<S, B, R> Service<Request<B>> for CorrelationService<S>
where
    S: Service<Request<B>, Response = Response<R>>,
{
    type Response = Response<R>;
    type Error = S::Error;
    type Future = CorrelationFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, mut request: Request<B>) -> Self::Future {
        let mut sent = request.headers().get_all(&HEADER).iter();
        let correlation_id = match (sent.next(), sent.next()) {
            (Some(value), None) => CorrelationId::parse(value.as_bytes()),
            _ => None,
        }
        .unwrap_or_else(|| CorrelationId::fresh(&*self.random));
        let info = Info(Arc::new(RequestInfo {
            correlation_id,
            started: Instant::now(),
            client: OnceLock::new(),
            tenant: OnceLock::new(),
            service: OnceLock::new(),
            cause: OnceLock::new(),
        }));
        request.extensions_mut().insert(info.clone());
        CorrelationFuture { inner: self.inner.call(request), info }
    }
}

pin_project! {
    /// Puts the id on the answer.
    #[derive(Debug)]
    pub struct CorrelationFuture<F> {
        #[pin]
        inner: F,
        info: Info,
    }
}

impl<F, R, E> Future for CorrelationFuture<F>
where
    F: Future<Output = Result<Response<R>, E>>,
{
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let mut outcome = ready!(this.inner.poll(cx));
        if let Ok(response) = &mut outcome {
            // The alphabet of correlation ids is a subset of what headers allow.
            if let Ok(value) = HeaderValue::from_str(this.info.correlation_id.as_str()) {
                response.headers_mut().insert(HEADER.clone(), value);
            }
        }
        Poll::Ready(outcome)
    }
}
