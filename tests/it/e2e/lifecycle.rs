//! Start, readiness, the orderly end and the abrupt one.

use super::eventually;
use super::process::Process;
use super::raw::{Raw, request};
use super::server::Server;

/// A request whose body has been asked for, so it is in flight, and is half sent.
async fn in_flight(server: &Server) -> Raw {
    let head = format!(
        "POST /services/v2/auth/cookiesso/token.json HTTP/1.1\r\nhost: x\r\ncookie: {}\r\n\
         expect: 100-continue\r\ncontent-length: 4\r\n\r\n",
        server.cookie()
    );
    let mut raw = Raw::opened(server.address, &head).await;
    assert_eq!(raw.answer().await.unwrap().status, 100);
    raw.send("ab").await;
    raw
}

async fn not_ready(server: &Server) {
    eventually("readiness is false", async || {
        (server.admin("/readyz").await == Some(503)).then_some(())
    })
    .await;
}

/// Whether the server still accepts connections.
async fn accepts(server: &Server) -> bool {
    tokio::net::TcpStream::connect(server.address).await.is_ok()
}

#[tokio::test]
async fn sigterm_makes_it_unready_then_drains_and_finishes_what_is_in_flight() {
    let server = Server::demo(&[
        ("CAMBIO__SERVER__LIMITS__DRAIN_DELAY", "2s"),
        ("CAMBIO__SERVER__LIMITS__DRAIN_TIMEOUT", "30s"),
        ("CAMBIO__SERVER__LIMITS__REQUEST_TIMEOUT", "30s"),
    ])
    .await;
    assert_eq!(server.admin("/livez").await, Some(200));
    assert_eq!(server.admin("/readyz").await, Some(200));
    let mut slow = in_flight(&server).await;
    let mut kept = Raw::opened(server.address, &request("kept")).await;
    assert!(!kept.answer().await.unwrap().head.contains("connection: close"));

    server.process.signal("TERM");
    not_ready(&server).await;
    assert_eq!(server.admin("/livez").await, Some(200));
    assert!(accepts(&server).await, "closed before load balancers could notice");
    assert_eq!(server.site_token().await.status, 200);
    kept.send(&request("last")).await;
    assert!(kept.answer().await.unwrap().head.contains("connection: close"));
    kept.closed().await;

    eventually("the listener closes", async || (!accepts(&server).await).then_some(())).await;
    slow.send("cd").await;
    assert_eq!(slow.answer().await.unwrap().status, 200);
    slow.closed().await;
    let ended = server.process.ended().await;
    assert_eq!(ended.code, Some(0), "{}", ended.stderr);
}

#[tokio::test]
async fn a_second_signal_stops_at_once() {
    for (delay, second) in [("60s", "TERM"), ("0s", "INT")] {
        let server = Server::demo(&[
            ("CAMBIO__SERVER__LIMITS__DRAIN_DELAY", delay),
            ("CAMBIO__SERVER__LIMITS__DRAIN_TIMEOUT", "60s"),
            ("CAMBIO__SERVER__LIMITS__REQUEST_TIMEOUT", "60s"),
        ])
        .await;
        let slow = in_flight(&server).await;
        server.process.signal("TERM");
        not_ready(&server).await;
        let ended = server.stop(second).await;
        assert_eq!(ended.code, Some(1), "{}", ended.stderr);
        slow.closed().await;
    }
}

#[tokio::test]
async fn what_does_not_finish_in_time_is_cut_off() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__DRAIN_TIMEOUT", "200ms")]).await;
    let slow = in_flight(&server).await;
    let ended = server.stop("TERM").await;
    assert_eq!(ended.code, Some(1));
    assert!(ended.stderr.contains("cut off"), "{}", ended.stderr);
    slow.closed().await;
}

#[tokio::test]
async fn idle_connections_do_not_hold_up_the_end() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__DRAIN_TIMEOUT", "60s")]).await;
    let silent = Raw::connect(server.address).await;
    let mut kept = Raw::opened(server.address, &request("kept")).await;
    assert_eq!(kept.answer().await.unwrap().status, 404);
    assert_eq!(server.site_token().await.status, 200);
    assert_eq!(server.stop("TERM").await.code, Some(0));
    kept.closed().await;
    silent.closed().await;
}

#[tokio::test]
async fn requests_that_came_before_the_end_are_answered() {
    const EACH: usize = 20;
    let server = Server::demo(&[]).await;
    let mut clients = Vec::new();
    for _ in 0..EACH {
        let mut kept = Raw::opened(server.address, &request("kept")).await;
        assert_eq!(kept.answer().await.unwrap().status, 404);
        clients.push(kept);
    }
    // When it wakes, all this has happened: requests on connections that it kept, connections that it has
    // not accepted, with a request, and the signal.
    server.process.signal("STOP");
    for kept in &mut clients {
        kept.send(&request("again")).await;
    }
    for _ in 0..EACH {
        clients.push(Raw::opened(server.address, &request("new")).await);
    }
    server.process.signal("TERM");
    server.process.signal("CONT");
    for client in &mut clients {
        assert_eq!(client.answer().await.expect("an answer").status, 404);
    }
    assert_eq!(server.process.ended().await.code, Some(0));
}

#[tokio::test]
async fn healthcheck_tells_ready_from_not_ready_and_absent() {
    let server = Server::demo(&[("CAMBIO__SERVER__LIMITS__DRAIN_DELAY", "60s")]).await;
    let admin = server.admin.to_string();
    let ask = async || Process::run(&["healthcheck", "--address", &admin], &[], "").await;
    let ready = ask().await;
    assert_eq!(ready.code, Some(0), "{ready:?}");
    let by_configuration = [("CAMBIO__ADMIN__LISTEN", admin.as_str())];
    let ready = Process::run(&["healthcheck"], &by_configuration, "").await;
    assert_eq!(ready.code, Some(0), "{ready:?}");

    server.process.signal("TERM");
    not_ready(&server).await;
    let leaving = ask().await;
    assert_eq!(leaving.code, Some(1), "{leaving:?}");
    assert!(leaving.stderr.contains("not ready"), "{leaving:?}");

    server.stop("TERM").await;
    let absent = ask().await;
    assert_eq!(absent.code, Some(1), "{absent:?}");
    assert!(absent.stderr.contains("cannot ask"), "{absent:?}");
}

#[tokio::test]
async fn an_address_in_use_is_named() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    for (key, told) in
        [("CAMBIO__SERVER__LISTEN", "server.listen"), ("CAMBIO__ADMIN__LISTEN", "admin.listen")]
    {
        let args = ["demo", "--listen", "127.0.0.1:0", "--store", "memory"];
        let ended = Process::run(&args, &[(key, &address)], "").await;
        assert_eq!(ended.code, Some(1), "{ended:?}");
        assert!(ended.stderr.contains(&format!("{told}: cannot listen on {address}")), "{ended:?}");
        assert_eq!(ended.stdout, "");
    }
}
