//! A panic below becomes a 500 like any other error, with the correlation id in its body
//! (which is why this is not `tower-http`'s layer: that one answers without the request).
//! What the panic said is logged by the hook that `telemetry` installs, in the request's span.

use std::convert::Infallible;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};

use axum::response::Response;
use http::Request;
use pin_project_lite::pin_project;
use tower::{Layer, Service};

use crate::http::error::{ErrorCode, HttpError};
use crate::http::request::Info;

/// The layer.
#[derive(Debug, Clone, Copy)]
pub struct CatchPanic;

impl<S> Layer<S> for CatchPanic {
    type Service = CatchPanicService<S>;
    fn layer(&self, inner: S) -> Self::Service {
        CatchPanicService { inner }
    }
}

/// The service inside it.
#[derive(Debug, Clone)]
pub struct CatchPanicService<S> {
    inner: S,
}

impl<S, B> Service<Request<B>> for CatchPanicService<S>
where
    S: Service<Request<B>, Response = Response, Error = Infallible>,
{
    type Response = Response;
    type Error = Infallible;
    type Future = CatchPanicFuture<S::Future>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, request: Request<B>) -> Self::Future {
        let info = super::info(&request);
        // Unwind safe: after a panic the request's values are dropped, and what outlives it
        // (locks that do not poison, atomics) is consistent at every step.
        let inner = catch_unwind(AssertUnwindSafe(|| self.inner.call(request))).ok();
        CatchPanicFuture { inner, info }
    }
}

pin_project! {
    /// The request, unless it has panicked.
    #[derive(Debug)]
    pub struct CatchPanicFuture<F> {
        #[pin]
        inner: Option<F>,
        info: Option<Info>,
    }
}

impl<F: Future<Output = Result<Response, Infallible>>> Future for CatchPanicFuture<F> {
    type Output = F::Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        if let Some(inner) = this.inner.as_mut().as_pin_mut()
            && let Ok(polled) = catch_unwind(AssertUnwindSafe(|| inner.poll(cx)))
        {
            return polled;
        }
        this.inner.set(None);
        let error = HttpError::new(ErrorCode::Internal, "the gateway failed, see its log");
        Poll::Ready(Ok(super::refuse(this.info.as_ref(), error.because("panic"))))
    }
}
