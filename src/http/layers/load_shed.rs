//! Load shedding: more requests in flight than the gateway is sized for are refused at once
//! with 503 and `Retry-After`, instead of making all of them slow.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll};

use axum::response::Response;
use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::http::error::HttpError;

/// The layer.
#[derive(Debug, Clone)]
pub struct LoadShed {
    limit: usize,
    in_flight: Arc<AtomicUsize>,
}

impl LoadShed {
    /// At most `limit` requests at a time.
    #[must_use]
    pub fn new(limit: usize) -> Self {
        Self { limit, in_flight: Arc::default() }
    }
}

impl<S> Layer<S> for LoadShed {
    type Service = LoadShedService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        LoadShedService { inner, shed: self.clone() }
    }
}

/// The service inside it.
#[derive(Debug, Clone)]
pub struct LoadShedService<S> {
    inner: S,
    shed: LoadShed,
}

/// A request's place; given back when it is dropped, whatever the reason.
#[derive(Debug)]
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

impl<S, B> Service<Request<B>> for LoadShedService<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = LoadShedFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let before = self.shed.in_flight.fetch_add(1, Ordering::Relaxed);
        let place = Place(Arc::clone(&self.shed.in_flight));
        if before >= self.shed.limit {
            let error = HttpError::unavailable("too many requests in flight, try again later");
            let refused = super::refuse(super::info(&request).as_ref(), error);
            return LoadShedFuture { inner: None, refused: Some(refused), place };
        }
        LoadShedFuture { inner: Some(self.inner.call(request)), refused: None, place }
    }
}

pin_project! {
    /// The request in its place, or the refusal.
    #[derive(Debug)]
    pub struct LoadShedFuture<F> {
        #[pin]
        inner: Option<F>,
        refused: Option<Response>,
        place: Place,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for LoadShedFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        if let Some(refused) = this.refused.take() {
            return Poll::Ready(Ok(refused));
        }
        match this.inner.as_pin_mut() {
            Some(inner) => inner.poll(cx),
            None => Poll::Pending,
        }
    }
}
