//! The `http` validator against an endpoint that behaves as badly as endpoints do, and what
//! exactly it sends.

use std::sync::Arc;
use std::time::Duration;

use cambio::domain::Timestamp;
use cambio::sso::ValidateError;
use rustls::ServerConfig;
use rustls::crypto::aws_lc_rs;
use rustls::pki_types::PrivateKeyDer;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_fixtures::{NOW, cookie, cx, name, problem_paths, token, validator};

fn table(origin: &str) -> Value {
    json!({"kind": "http", "url": format!("{origin}/session"), "send": {"cookie": {"name": "s"}},
        "fields": {"subject": "/user/id", "roles": "roles", "expires_at": "exp", "active": "active"}})
}

fn with(mut table: Value, changes: Value) -> Value {
    for (key, value) in changes.as_object().unwrap() {
        table[key] = value.clone();
    }
    table
}

fn active() -> Value {
    json!({"user": {"id": 17}, "roles": ["a"], "exp": NOW.secs() + 60, "active": true})
}

async fn verdict_on(behaviour: Behaviour) -> (&'static str, Option<Duration>) {
    // Only what never comes is worth a short wait; a slow machine must not look like an outage.
    let never_ends = matches!(behaviour, Behaviour::Hang | Behaviour::SlowBody);
    let read_timeout = if never_ends { "50ms" } else { "10s" };
    let up = Upstream::start(behaviour).await;
    let table = with(
        table(&up.origin),
        json!({"read_timeout": read_timeout, "timeout": "20s", "max_bytes": 4096}),
    );
    let verdict = validator(table).validate(&cookie("abc"), &cx()).await;
    let retry_after = match &verdict {
        Err(ValidateError::Unavailable { retry_after, .. }) => *retry_after,
        _ => None,
    };
    (name(&verdict), retry_after)
}

#[tokio::test]
async fn an_active_session_is_verified_with_its_end() {
    let up = Upstream::start(Behaviour::json(active())).await;
    let who = validator(table(&up.origin)).validate(&cookie("abc"), &cx()).await.unwrap();
    assert_eq!(who.subject.as_str(), "17");
    assert_eq!(who.roles, ["a"]);
    assert_eq!(who.expires_at, Some(Timestamp::from_secs(NOW.secs() + 60)));
}

#[tokio::test]
async fn only_a_clear_no_is_a_rejection() {
    for status in [401, 403, 404] {
        assert_eq!(verdict_on(Behaviour::status(status, "", "")).await.0, "rejected", "{status}");
    }
    let inactive = with(active(), json!({"active": false}));
    assert_eq!(verdict_on(Behaviour::json(inactive)).await.0, "rejected");
    let ended = with(active(), json!({"exp": NOW.secs()}));
    assert_eq!(verdict_on(Behaviour::json(ended)).await.0, "rejected");
}

#[tokio::test]
async fn an_empty_answer_is_a_rejection_only_where_that_is_set() {
    for body in ["null", "{}"] {
        for (empty_is_rejected, want) in [(true, "rejected"), (false, "upstream")] {
            let up = Upstream::start(Behaviour::json(body)).await;
            let table = with(table(&up.origin), json!({"empty_is_rejected": empty_is_rejected}));
            let verdict = validator(table).validate(&cookie("abc"), &cx()).await;
            assert_eq!(name(&verdict), want, "{body}");
        }
    }
}

#[tokio::test]
async fn an_outage_is_never_a_verdict() {
    for behaviour in [
        Behaviour::Hang,
        Behaviour::SlowBody,
        Behaviour::Reset,
        Behaviour::Truncate,
        Behaviour::status(500, "", ""),
        Behaviour::status(503, "", "<html>"),
        Behaviour::status(429, "", ""),
    ] {
        let what = format!("{behaviour:?}");
        assert_eq!(verdict_on(behaviour).await.0, "unavailable", "{what}");
    }
    let refused = validator(table(&refusing_origin().await)).validate(&cookie("abc"), &cx()).await;
    assert_eq!(name(&refused), "unavailable");
}

#[tokio::test]
async fn retry_after_is_handed_on_and_bounded() {
    for (given, want) in [("7", Some(7)), ("0", Some(1)), ("999999", Some(300)), ("soon", None)] {
        let behaviour = Behaviour::status(429, &format!("retry-after: {given}\r\n"), "");
        let want = ("unavailable", want.map(Duration::from_secs));
        assert_eq!(verdict_on(behaviour).await, want, "{given}");
    }
}

#[tokio::test]
async fn nonsense_is_the_other_sides_fault() {
    let json = "content-type: application/json\r\n";
    for behaviour in [
        Behaviour::Garbage,
        Behaviour::Huge,
        Behaviour::status(302, "location: /login\r\n", ""),
        Behaviour::status(204, "", ""),
        Behaviour::status(418, "", ""),
        Behaviour::status(200, "content-type: text/html\r\n", &active().to_string()),
        Behaviour::status(200, "", &active().to_string()),
        Behaviour::status(200, json, "not json"),
        Behaviour::status(200, json, ""),
        Behaviour::status(200, json, &"[".repeat(4000)),
        Behaviour::json(json!([])),
        Behaviour::json(json!({})),
        Behaviour::json(with(active(), json!({"active": "yes"}))),
        Behaviour::json(with(active(), json!({"user": {"id": ""}}))),
        Behaviour::json(with(active(), json!({"roles": 7}))),
        Behaviour::json(with(active(), json!({"exp": null}))),
        Behaviour::json(with(active(), json!({"exp": "2030-01-01"}))),
    ] {
        let what = format!("{behaviour:?}");
        assert_eq!(verdict_on(behaviour).await.0, "upstream", "{what}");
    }
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Upstream::start(Behaviour::json(active())).await;
    let location = format!("location: {}/session\r\n", elsewhere.origin);
    assert_eq!(verdict_on(Behaviour::status(307, &location, "")).await.0, "upstream");
    assert!(elsewhere.requests().is_empty());
}

/// The request as sent, with the port taken out.
async fn sent(changes: Value, text: &str) -> String {
    let up = Upstream::start(Behaviour::json(active())).await;
    let mut table = with(table(&up.origin), changes);
    if let Some(path) = table["url"].as_str().unwrap().strip_prefix("ORIGIN") {
        table["url"] = json!(format!("{}{path}", up.origin));
    }
    assert_eq!(name(&validator(table).validate(&token(text), &cx()).await), "verified");
    let host = up.origin.strip_prefix("http://").unwrap();
    up.requests().concat().replace(host, "HOST")
}

#[tokio::test]
async fn nothing_is_sent_but_the_one_credential() {
    let request = sent(json!({"headers": {"X-Api-Key": "k"}}), "a=b/c+d%20\"e\"").await;
    insta::assert_snapshot!(request.replace("\r\n", "\n"), @r#"
    GET /session HTTP/1.1
    x-api-key: k
    accept: application/json
    cookie: s=a=b/c+d%20"e"
    user-agent: cambio
    host: HOST
    "#);
}

#[tokio::test]
async fn what_is_accepted_is_said_once() {
    let accept = "application/vnd.idp+json";
    let request = sent(json!({"headers": {"Accept": accept}}), "abc").await;
    let said: Vec<_> = request.lines().filter(|line| line.starts_with("accept:")).collect();
    assert_eq!(said, [format!("accept: {accept}")]);
}

#[tokio::test]
async fn a_header_gets_its_prefix() {
    let send = json!({"header": {"name": "Authorization", "prefix": "Bearer "}});
    let request = sent(json!({"method": "POST", "send": send}), "abc.def").await;
    assert!(request.starts_with("POST /session HTTP/1.1\r\n"), "{request}");
    assert!(request.contains("authorization: Bearer abc.def\r\n"), "{request}");
    assert!(request.contains("content-length: 0\r\n"), "{request}");
}

#[tokio::test]
async fn a_url_gets_the_credential_percent_encoded() {
    let by_path = json!({"send": "url", "url": "ORIGIN/sessions/{credential}/user"});
    let request = sent(by_path, "..admin?x=1#&[uid] @:").await;
    let line = "GET /sessions/..admin%3Fx%3D1%23%26%5Buid%5D%20%40%3A/user HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
    let by_query = json!({"send": "url", "url": "ORIGIN/session?id={credential}&v=1"});
    let request = sent(by_query, "a&admin=1/../%2e;b").await;
    let line = "GET /session?id=a%26admin%3D1%2F..%2F%252e%3Bb&v=1 HTTP/1.1\r\n";
    assert!(request.starts_with(line), "{request}");
}

#[tokio::test]
async fn a_credential_that_could_change_the_request_is_malformed_and_not_sent() {
    let up = Upstream::start(Behaviour::json(active())).await;
    let by_url = json!({"send": "url", "url": format!("{}/s/{{credential}}", up.origin)});
    let by_header = json!({"send": {"header": {"name": "x-session"}}});
    for (changes, bad) in [
        (json!({}), vec!["a; b=c", "a\r\nb: c", " a", "a\0", "é", "a\u{7f}"]),
        (by_header, vec!["a b", "a,b", "a\"b", "a\r\nb: c", "é"]),
        // The last ones change what is asked for where a server decodes before it resolves.
        (by_url, vec![".", "..", "...", "a\nb", "é", "../a", "a/[b]", "a\\b", "..%2fa", "a;b"]),
    ] {
        let validator = validator(with(table(&up.origin), changes));
        for text in bad {
            let verdict = validator.validate(&cookie(text), &cx()).await;
            assert_eq!(name(&verdict), "malformed", "{text:?}");
        }
    }
    assert!(up.requests().is_empty());
}

#[tokio::test]
async fn any_method_that_has_an_answer_is_used() {
    for (method, length) in
        [("OPTIONS", false), ("PUT", true), ("REPORT", false), ("DELETE", false)]
    {
        let request = sent(json!({"method": method}), "abc").await;
        assert!(request.starts_with(&format!("{method} /session HTTP/1.1\r\n")), "{request}");
        assert_eq!(request.contains("content-length: 0\r\n"), length, "{request}");
    }
}

#[tokio::test]
async fn the_answer_must_be_that_of_an_expected_session() {
    let expect = json!({"expect": {"kind": ["SSO", "REMEMBERED"], "/user/id": 17}});
    for (changes, want) in [
        (json!({"kind": "SSO"}), "verified"),
        (json!({"kind": "REMEMBERED"}), "verified"),
        (json!({"kind": "CAS"}), "rejected"),
        (json!({}), "rejected"),
        (json!({"kind": true}), "upstream"),
        // What is refused need not be complete.
        (json!({"kind": "CAS", "exp": null}), "rejected"),
        (json!({"kind": "SSO", "user": {"id": 18}}), "rejected"),
    ] {
        let up = Upstream::start(Behaviour::json(with(active(), changes.clone()))).await;
        let validator = validator(with(table(&up.origin), expect.clone()));
        let verdict = validator.validate(&cookie("abc"), &cx()).await;
        assert_eq!(name(&verdict), want, "{changes}");
    }
}

#[tokio::test]
async fn a_session_that_has_timed_out_is_rejected_though_the_endpoint_knows_it() {
    let idle = "session.seen / 1000 + 600 < int(session.began) + 3600 \
        ? session.seen / 1000 + 600 : int(session.began) + 3600";
    let [fixed, idle, iso] = ["int(session.began) + 3600", idle, "epoch(session.closes)"]
        .map(|cel| json!({"fields": {"subject": "/user/id", "expires_at": {"cel": cel}}}));
    let ago = |secs: i64| NOW.secs() - secs;
    for (fields, changes, want) in [
        (&fixed, json!({"began": ago(3599)}), Some(ago(-1))),
        (&fixed, json!({"began": ago(3599).to_string()}), Some(ago(-1))),
        (&fixed, json!({"began": ago(3600)}), None),
        (&idle, json!({"began": ago(60), "seen": ago(30) * 1000}), Some(ago(-570))),
        (&idle, json!({"began": ago(3590), "seen": ago(30) * 1000}), Some(ago(-10))),
        (&idle, json!({"began": ago(60), "seen": ago(600) * 1000}), None),
        (&iso, json!({"closes": "2023-11-14T22:13:21.5Z"}), Some(ago(-1))),
        (&iso, json!({"closes": "2023-11-14T23:13:20+01:00"}), None),
    ] {
        let up = Upstream::start(Behaviour::json(with(active(), changes.clone()))).await;
        let validator = validator(with(table(&up.origin), fields.clone()));
        let verdict = validator.validate(&cookie("abc"), &cx()).await;
        let end = verdict.as_ref().ok().and_then(|who| who.expires_at).map(Timestamp::secs);
        assert_eq!((name(&verdict) == "verified", end), (want.is_some(), want), "{changes}");
        assert!(want.is_some() || name(&verdict) == "rejected", "{verdict:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_an_id_is_not_asked_about() {
    let up = Upstream::start(Behaviour::json(active())).await;
    for (shape, good, bad) in [
        (
            json!({"alphabet": "hex", "min_length": 4, "max_length": 4}),
            "09aF",
            ["09a", "09aFF", "09ag"],
        ),
        (json!({"alphabet": "alphanumeric"}), "azAZ09", ["a-b", "a_b", "a.b"]),
        (json!({"alphabet": "base64url"}), "aZ0-_", ["a=", "a+b", "a/b"]),
        (json!({"max_length": 3}), "a b", ["abcd", "a; b", "é"]),
    ] {
        let validator = validator(with(table(&up.origin), json!({"credential": shape})));
        assert_eq!(name(&validator.validate(&cookie(good), &cx()).await), "verified", "{shape}");
        let asked = up.requests().len();
        for text in bad {
            let verdict = validator.validate(&cookie(text), &cx()).await;
            assert_eq!(name(&verdict), "malformed", "{text} {shape}");
        }
        assert_eq!(up.requests().len(), asked);
    }
}

#[tokio::test]
async fn a_time_that_is_configured_and_not_there_is_not_for_ever() {
    let of = |cel: &str| json!({"fields": {"subject": "/user/id", "expires_at": {"cel": cel}}});
    for (changes, want) in [
        (json!({"fields": {"subject": "/user/id", "expires_at": "gone"}}), "upstream"),
        (of("int(session.gone) + 60"), "upstream"),
        (of("session.?gone.orValue(253402300799)"), "verified"),
    ] {
        let up = Upstream::start(Behaviour::json(active())).await;
        let validator = validator(with(table(&up.origin), changes.clone()));
        assert_eq!(name(&validator.validate(&cookie("abc"), &cx()).await), want, "{changes}");
    }
}

#[tokio::test]
async fn only_the_named_authority_is_trusted() {
    let [ours, other] =
        [(); 2].map(|()| rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap());
    let key = PrivateKeyDer::try_from(ours.signing_key.serialize_der()).unwrap();
    let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![ours.cert.der().clone()], key)
        .unwrap();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let server = tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            // A client that does not trust us breaks the handshake off.
            let Ok(mut stream) = acceptor.accept(stream).await else { continue };
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await;
            let body = active().to_string();
            let head = "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: ";
            let _ =
                stream.write_all(format!("{head}{}\r\n\r\n{body}", body.len()).as_bytes()).await;
            let _ = stream.shutdown().await;
        }
    });
    for (authority, want) in [(ours.cert, "verified"), (other.cert, "unavailable")] {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), authority.pem()).unwrap();
        let table = with(
            table(&format!("https://localhost:{port}")),
            json!({"ca_file": file.path(), "read_timeout": "10s", "timeout": "20s"}),
        );
        let verdict = validator(table).validate(&cookie("abc"), &cx()).await;
        assert_eq!(name(&verdict), want, "{verdict:?}");
    }
    server.abort();
}

#[test]
fn a_table_that_cannot_be_safe_does_not_start() {
    let origin = "https://idp.example";
    for (changes, path) in [
        (json!({"url": "http://idp.example/s"}), "v.url"),
        (json!({"url": "https://user:pw@idp.example/s"}), "v.url"),
        (json!({"url": "ftp://idp.example/s"}), "v.url"),
        (json!({"url": "https://idp.example/{credential}"}), "v.url"),
        (json!({"send": "url"}), "v.url"),
        (json!({"send": "url", "url": "https://{credential}.example/s"}), "v.url"),
        (json!({"send": "url", "url": "https://idp.example/a{credential}"}), "v.url"),
        (json!({"send": {"header": {"name": "Host"}}}), "v.send.header.name"),
        (json!({"send": {"cookie": {"name": "a;b"}}}), "v.send.cookie.name"),
        (json!({"headers": {"cookie": "x"}}), "v.headers.cookie"),
        (json!({"headers": {"transfer-encoding": "x"}}), "v.headers.transfer-encoding"),
        (json!({"success_statuses": [302]}), "v.success_statuses"),
        (json!({"reject_statuses": [503]}), "v.reject_statuses"),
        (json!({"reject_statuses": [429]}), "v.reject_statuses"),
        (json!({"timeout": 0}), "v.timeout"),
        (json!({"method": "HEAD"}), "v.method"),
        (json!({"method": "get"}), "v.method"),
        (json!({"method": "GET /"}), "v.method"),
        (json!({"credential": {"max_length": 9000}}), "v.credential.max_length"),
        (json!({"credential": {"min_length": 3, "max_length": 2}}), "v.credential.min_length"),
        (json!({"credential": {"alphabet": "runes"}}), "v.credential.alphabet"),
        (json!({"expect": {"kind": null}}), "v.expect"),
        (json!({"ca_file": "/nowhere"}), "v.ca_file"),
    ] {
        assert_eq!(problem_paths(with(table(origin), changes.clone())), [path], "{changes}");
    }
    assert!(problem_paths(table(origin)).is_empty());
    assert!(problem_paths(table("http://127.0.0.1:1")).is_empty());
    let allowed = json!({"allow_plain_http": true});
    assert!(problem_paths(with(table("http://idp.internal"), allowed)).is_empty());
}
