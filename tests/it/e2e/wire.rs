//! HTTP as clients speak it: pipelined, split and odd requests on real sockets.

use super::raw::{Raw, request};
use super::server::{Server, send};

#[tokio::test]
async fn pipelined_requests_are_answered_in_order() {
    let server = Server::demo(&[]).await;
    let ids = ["first", "second", "third"];
    let all: String = ids.iter().map(|id| request(id)).collect();
    let mut raw = Raw::opened(server.address, &all).await;
    for id in ids {
        let answer = raw.answer().await.unwrap();
        assert_eq!(answer.status, 404);
        assert!(answer.head.contains(&format!("x-correlation-id: {id}\r\n")), "{answer:?}");
    }
}

#[tokio::test]
async fn a_request_that_comes_byte_by_byte_is_a_request() {
    let server = Server::demo(&[]).await;
    let mut raw = Raw::connect(server.address).await;
    for byte in request("slow").chars() {
        raw.send(&byte.to_string()).await;
    }
    assert_eq!(raw.answer().await.unwrap().status, 404);
}

#[tokio::test]
async fn http_1_0_clients_are_served_and_let_go() {
    let server = Server::demo(&[]).await;
    let mut raw = Raw::opened(server.address, "GET /nothing HTTP/1.0\r\n\r\n").await;
    assert_eq!(raw.answer().await.unwrap().status, 404);
    raw.closed().await;
}

#[tokio::test]
async fn what_is_not_http_gets_no_further() {
    let server = Server::demo(&[]).await;
    for bytes in
        ["\u{16}\u{3}\u{1}\u{2}\0\u{1}\0\u{1}hello", "HELO mail\r\n\r\n", "\0\0\0\0\r\n\r\n"]
    {
        let mut raw = Raw::opened(server.address, bytes).await;
        raw.finish().await;
        if let Some(answer) = raw.answer().await {
            assert_eq!(answer.status, 400, "{bytes:?}: {answer:?}");
        }
    }
    assert_eq!(server.site_token().await.status, 200);
}

#[tokio::test]
async fn cookies_split_over_several_fields_are_one_list() {
    let server = Server::demo(&[]).await;
    let cookie = server.cookie();
    let http1 = server.client.clone();
    let http2 = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    for client in [http1, http2] {
        let post = |fields: &[&str]| {
            let url = server.url("/services/v2/auth/cookiesso/token.json");
            fields.iter().fold(client.post(url), |r, field| r.header("cookie", *field))
        };
        let split = send(post(&["theme=dark", &cookie, "lang=en"])).await.unwrap();
        assert_eq!(split.status, 200, "{split:?}");
        let twice = send(post(&[&cookie, &cookie])).await.unwrap();
        assert_eq!(twice.status, 200, "{twice:?}");
        let differing = send(post(&[&cookie, &format!("{cookie}x")])).await.unwrap();
        assert_eq!(differing.status, 400, "{differing:?}");
    }
}
