//! The deadline: a request that has not been answered in time is dropped and answered with
//! 503, since nobody could find out. Stories give up a little earlier by themselves.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use axum::response::Response;
use http::Request;
use pin_project_lite::pin_project;
use tokio::time::Sleep;
use tower::{Layer, Service};

use crate::http::error::HttpError;
use crate::http::request::Info;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct Deadline {
    after: Duration,
}

impl Deadline {
    /// Requests may take so long.
    #[must_use]
    pub fn new(after: Duration) -> Self {
        Self { after }
    }
}

impl<S> Layer<S> for Deadline {
    type Service = DeadlineService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        DeadlineService { inner, after: self.after }
    }
}

/// The service inside it.
#[derive(Debug, Clone)]
pub struct DeadlineService<S> {
    inner: S,
    after: Duration,
}

impl<S, B> Service<Request<B>> for DeadlineService<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = DeadlineFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let info = super::info(&request);
        DeadlineFuture { inner: self.inner.call(request), sleep: None, after: self.after, info }
    }
}

pin_project! {
    /// The request against its timer, which is set only if the first poll did not answer.
    #[derive(Debug)]
    pub struct DeadlineFuture<F> {
        #[pin]
        inner: F,
        #[pin]
        sleep: Option<Sleep>,
        after: Duration,
        info: Option<Info>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for DeadlineFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Poll::Ready(answer) = this.inner.poll(cx) {
            return Poll::Ready(answer);
        }
        if this.sleep.is_none() {
            this.sleep.set(Some(tokio::time::sleep(*this.after)));
        }
        let late = this.sleep.as_pin_mut().is_some_and(|sleep| sleep.poll(cx).is_ready());
        if !late {
            return Poll::Pending;
        }
        let error = HttpError::unavailable("the request took too long, try again later");
        Poll::Ready(Ok(super::refuse(this.info.as_ref(), error)))
    }
}
