//! Slow, greedy and broken clients: each is bounded, none harms the others.

use std::time::Duration;

use super::DEADLINE;
use super::client;
use super::eventually;
use super::raw::{Raw, request};
use super::server::{Server, send};

/// The path of a token request, up to where its length stands.
fn token_head(server: &Server, length: &str) -> String {
    let cookie = server.cookie();
    format!(
        "POST /services/v2/auth/cookiesso/token.json HTTP/1.1\r\nhost: x\r\ncookie: {cookie}\r\n\
         {length}\r\n\r\n"
    )
}

async fn still_serves(server: &Server) {
    let answer = send(client().get(server.url("/nothing"))).await.unwrap();
    assert_eq!(answer.status, 404);
}

#[tokio::test]
async fn connections_that_send_no_complete_head_are_closed() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__HEAD_TIMEOUT", "1s")]).await;
    let silent = Raw::connect(server.address).await;
    let half = Raw::opened(server.address, "GET /nothing HTTP/1.1\r\nhost: ").await;
    let half_preface = Raw::opened(server.address, "PRI * HTTP/2.0\r\n").await;
    let mut idle = Raw::opened(server.address, &request("a")).await;
    assert_eq!(idle.answer().await.unwrap().status, 404);
    let (silent, half, half_preface, idle) =
        tokio::join!(silent.closed(), half.closed(), half_preface.closed(), idle.closed());
    let bounds = Duration::from_millis(500)..Duration::from_secs(10);
    for (what, took) in
        [("silent", silent), ("half", half), ("half preface", half_preface), ("idle", idle)]
    {
        assert!(bounds.contains(&took), "{what}: {took:?}");
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn a_client_that_reads_no_answers_loses_its_connection() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__HEAD_TIMEOUT", "1s")]).await;
    let mut raw = Raw::connect(server.address).await;
    let pipelined = request("deaf").repeat(1000);
    let refused = async { while raw.offer(&pipelined).await {} };
    tokio::time::timeout(DEADLINE, refused).await.expect("the connection is closed");
    still_serves(&server).await;
}

#[tokio::test]
async fn a_connection_over_the_limit_waits_for_a_place() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__MAX_CONNECTIONS", "4")]).await;
    let mut open = Vec::new();
    for _ in 0..4 {
        open.push(Raw::connect(server.address).await);
    }
    let mut fifth = Raw::opened(server.address, &request("fifth")).await;
    for _ in 0..20 {
        for raw in &mut open {
            raw.send(&request("one")).await;
            assert_eq!(raw.answer().await.unwrap().status, 404);
        }
    }
    assert!(fifth.is_silent(), "a fifth connection was served");
    open.pop();
    assert_eq!(fifth.answer().await.unwrap().status, 404);
}

#[tokio::test]
async fn oversized_heads_are_refused() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__MAX_HEAD", "8192")]).await;
    let long =
        format!("GET /nothing HTTP/1.1\r\nhost: x\r\nx-long: {}\r\n\r\n", "a".repeat(20_000));
    let many = format!("GET /nothing HTTP/1.1\r\nhost: x\r\n{}\r\n", "a: b\r\n".repeat(200));
    let path = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "a".repeat(20_000));
    for head in [long, many, path] {
        let mut raw = Raw::connect(server.address).await;
        raw.push(&head).await;
        // Closing without an answer is as good, when the client is still sending.
        if let Some(answer) = raw.answer().await {
            assert!([414, 431].contains(&answer.status), "{answer:?}");
        }
    }
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let greedy = http2.get(server.url("/nothing")).header("x-long", "a".repeat(20_000));
    assert!(send(greedy).await.is_none_or(|answer| answer.status == 431));
    still_serves(&server).await;
}

#[tokio::test]
async fn oversized_bodies_are_413_however_they_are_framed() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__MAX_BODY", "1000")]).await;
    let mut fits = token_head(&server, "content-length: 1000");
    fits.push_str(&"a".repeat(1000));
    let mut counted = token_head(&server, "content-length: 1001");
    counted.push_str(&"a".repeat(1001));
    let mut chunked = token_head(&server, "transfer-encoding: chunked");
    chunked.push_str(&format!("1f4\r\n{}\r\n", "a".repeat(500)).repeat(3));
    chunked.push_str("0\r\n\r\n");
    for (bytes, status) in [(fits, 200), (counted, 413), (chunked, 413)] {
        let mut raw = Raw::opened(server.address, &bytes).await;
        assert_eq!(raw.answer().await.unwrap().status, status);
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn truncated_bodies_harm_nobody() {
    let server = Server::demo(&[]).await;
    let counted = token_head(&server, "content-length: 100") + "half";
    let chunked = token_head(&server, "transfer-encoding: chunked") + "64\r\nhalf";
    let broken = token_head(&server, "transfer-encoding: chunked") + "not a number\r\n";
    for bytes in [counted, chunked, broken] {
        let mut raw = Raw::opened(server.address, &bytes).await;
        raw.finish().await;
        if let Some(answer) = raw.answer().await {
            assert_eq!(answer.status, 400, "{answer:?}");
        }
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn contradictory_framing_is_refused() {
    let server = Server::demo(&[]).await;
    for length in [
        "content-length: 4\r\ncontent-length: 5",
        "content-length: -1",
        "content-length: 4, 5",
        "transfer-encoding: chunked\r\ntransfer-encoding: identity",
    ] {
        let mut raw = Raw::opened(server.address, &token_head(&server, length)).await;
        if let Some(answer) = raw.answer().await {
            assert_eq!(answer.status, 400, "{length}: {answer:?}");
        }
    }
    still_serves(&server).await;
}

#[tokio::test]
async fn slow_bodies_are_answered_for() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__REQUEST_TIMEOUT", "1s")]).await;
    let bytes = token_head(&server, "content-length: 100") + "half";
    let mut raw = Raw::opened(server.address, &bytes).await;
    let answer = raw.answer().await.unwrap();
    assert!([408, 503].contains(&answer.status), "{answer:?}");
    raw.closed().await;
    still_serves(&server).await;
}

#[tokio::test]
async fn a_thousand_connections_leave_no_descriptor_behind() {
    let server = Server::demo(&[]).await;
    let open = || std::fs::read_dir(format!("/proc/{}/fd", server.process.id())).unwrap().count();
    still_serves(&server).await;
    let before = eventually("descriptors settle", async || {
        let first = open();
        still_serves(&server).await;
        (open() == first).then_some(first)
    })
    .await;
    for i in 0..1000 {
        let mut raw = Raw::connect(server.address).await;
        match i % 4 {
            0 => {}
            1 => raw.send("GET /half").await,
            2 => raw.send(&request("unread")).await,
            _ => {
                raw.send(&request("read")).await;
                assert_eq!(raw.answer().await.unwrap().status, 404);
            }
        }
    }
    // The store opens some of its files when it first needs them: a few, not one of each hundred.
    eventually("all are closed", async || (open() < before + 10).then_some(())).await;
}
