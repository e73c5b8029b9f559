//! The layers by themselves, around services that no configuration makes: one that panics,
//! one that never answers, one that is full.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Waker};
use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use cambio::domain::SystemRandom;
use cambio::http::layers::{CatchPanic, Correlation, Deadline, LoadShed};
use http::Request;
use tokio::sync::Notify;
use tower::{Layer, Service, ServiceExt, service_fn};

use crate::support::Answer;

/// Asks a service inside the correlation layer, as the stack has it.
async fn ask<S>(inner: S) -> Answer
where
    S: Service<Request<Body>, Response = Response, Error = Infallible>,
{
    let service = Correlation::new(Arc::new(SystemRandom)).layer(inner);
    let Ok(response) = service.oneshot(Request::new(Body::empty())).await;
    Answer::read(response).await
}

/// Polls a request once: it is under way, and not answered.
fn started(request: Pin<&mut impl Future>) -> bool {
    request.poll(&mut Context::from_waker(Waker::noop())).is_pending()
}

fn panics() -> Result<Response, Infallible> {
    panic!("hunter2 in a panic's text")
}

#[tokio::test]
async fn a_panic_is_a_500_that_tells_nothing() {
    let at_once =
        service_fn(|_: Request<Body>| -> std::future::Ready<_> { std::future::ready(panics()) });
    let later = service_fn(|_: Request<Body>| async {
        tokio::task::yield_now().await;
        panics()
    });
    for answer in [ask(CatchPanic.layer(at_once)).await, ask(CatchPanic.layer(later)).await] {
        answer.problem(500);
        assert!(!answer.text().contains("hunter2"));
    }
}

#[tokio::test]
async fn a_request_that_takes_too_long_is_503_with_retry_after() {
    let never = service_fn(|_: Request<Body>| std::future::pending());
    ask(Deadline::new(Duration::from_millis(1)).layer(never)).await.problem(503);
}

#[tokio::test]
async fn a_request_in_time_is_left_alone() {
    let soon = service_fn(|_: Request<Body>| async {
        tokio::task::yield_now().await;
        Ok(Response::new(Body::empty()))
    });
    assert_eq!(ask(Deadline::new(Duration::from_secs(60)).layer(soon)).await.status, 200);
}

#[tokio::test]
async fn more_requests_than_there_is_room_for_are_503_until_one_ends() {
    let release = Arc::new(Notify::new());
    let waits = Arc::clone(&release);
    let inner = service_fn(move |_: Request<Body>| {
        let release = Arc::clone(&waits);
        async move {
            release.notified().await;
            Ok::<_, Infallible>(Response::new(Body::empty()))
        }
    });
    let service = LoadShed::new(1).layer(inner);
    let mut first = Box::pin(ask(service.clone()));
    assert!(started(first.as_mut()));
    ask(service.clone()).await.problem(503);
    release.notify_one();
    assert_eq!(first.await.status, 200);
    release.notify_one();
    assert_eq!(ask(service).await.status, 200);
}

#[tokio::test]
async fn a_request_that_is_dropped_gives_its_place_back() {
    let never = service_fn(|request: Request<Body>| async move {
        if request.uri().path() == "/never" {
            std::future::pending::<()>().await;
        }
        Ok::<_, Infallible>(Response::new(Body::empty()))
    });
    let service = LoadShed::new(1).layer(never);
    let request = Request::builder().uri("/never").body(Body::empty()).unwrap();
    let mut stuck = Box::pin(service.clone().oneshot(request));
    assert!(started(stuck.as_mut()));
    drop(stuck);
    assert_eq!(ask(service).await.status, 200);
}

#[tokio::test]
async fn a_place_is_given_back_after_a_panic() {
    let inner = service_fn(|_: Request<Body>| async { panics() });
    let service = CatchPanic.layer(LoadShed::new(1).layer(inner));
    for _ in 0..3 {
        ask(service.clone()).await.problem(500);
    }
}
