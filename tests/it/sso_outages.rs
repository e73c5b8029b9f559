//! The fault matrix: every way in which a session endpoint fails, by what is known of the
//! credential, to the status that the client gets from the whole gateway; and the same for a CAS
//! server, of whose tickets nothing is ever known. The tables in `docs/outages.md` are written
//! from it, and this fails when they differ.

use std::fmt::Write as _;
use std::path::Path;

use futures_util::future::join_all;
use serde_json::json;

use crate::fake_upstream::{Behaviour, TlsUpstream, Upstream, certificate, refusing_origin};
use crate::sso_cas;
use crate::support::{Call, Fixture};

/// How an endpoint fails.
#[derive(Debug, Clone)]
enum Fault {
    Refuses,
    BadCertificate,
    Behaves(Behaviour),
}

fn faults() -> Vec<(&'static str, Fault)> {
    let status =
        |code, headers: &str, body: &str| Fault::Behaves(Behaviour::status(code, headers, body));
    let html = "content-type: text/html\r\n";
    vec![
        ("refuses connections", Fault::Refuses),
        ("hangs", Fault::Behaves(Behaviour::Hang)),
        ("stops in the middle of its answer", Fault::Behaves(Behaviour::SlowBody)),
        ("resets the connection", Fault::Behaves(Behaviour::Reset)),
        ("answers 500", status(500, "", "")),
        ("answers 503", status(503, "", "")),
        ("answers 429 with `Retry-After: 7`", status(429, "retry-after: 7\r\n", "")),
        ("redirects to a log-in page", status(302, "location: /login\r\n", "")),
        ("answers with another content type", status(200, html, r#"{"sub": "ann"}"#)),
        ("answers what is not HTTP", Fault::Behaves(Behaviour::Garbage)),
        ("answers without end", Fault::Behaves(Behaviour::Huge)),
        ("presents a bad certificate", Fault::BadCertificate),
    ]
}

/// What an endpoint answers when nothing is wrong but the credential.
fn no_session() -> (&'static str, Fault) {
    ("answers 401: not a fault", Fault::Behaves(Behaviour::status(401, "", "")))
}

/// The same of a CAS server.
fn no_ticket() -> (&'static str, Fault) {
    ("answers `INVALID_TICKET`: not a fault", Fault::Behaves(sso_cas::no("INVALID_TICKET")))
}

/// What is known of the credential, as the seconds since it was asked about.
const KNOWN: [(&str, Option<u64>); 4] = [
    ("nothing is known", None),
    ("fresh", Some(10)),
    ("stale", Some(60)),
    ("too old", Some(31 + 120)),
];

/// The keys of a validator that has a memory.
const SESSIONS: &str = r#"
    kind = "http"
    url = "ORIGIN/session"
    send = { cookie = { name = "sso" } }
    fields = { subject = "sub" }
    cache = { ttl = "30s", jitter = 0, stale_if_error = "120s" }
"#;
/// The keys of one whose endpoint knows Cambio by a secret.
const TOKENS: &str = r#"
    kind = "introspection"
    url = "ORIGIN/introspect"
    auth = { client_secret_post = { client_id = "cambio", client_secret = "secret" } }
    cache = { ttl = "30s", jitter = 0, stale_if_error = "120s" }
"#;
/// The keys of one that has none.
const TICKETS: &str = r#"
    kind = "cas"
    url = "ORIGIN/cas/p3/serviceValidate"
    service = "https://app.example.com/login"
"#;

/// A gateway whose one service asks this endpoint.
async fn gateway(keys: &str, origin: &str, authority: Option<&Path>, fault: &Fault) -> Fixture {
    // Only what never comes is worth a short wait; a slow machine must not look like an outage.
    let never_ends = matches!(fault, Fault::Behaves(Behaviour::Hang | Behaviour::SlowBody));
    let patience = if never_ends { "3s" } else { "20s" };
    let ca_file = authority.map(|path| format!("ca_file = {:?}\n", path.display().to_string()));
    Fixture::only(&format!(
        r#"
        store.kind = "memory"
        server.limits.request_timeout = "25s"
        [validators.sso]
        {}
        read_timeout = "{patience}"
        timeout = "{patience}"
        {}
        [tenants.community.answerhub]
        cookie_service = "SSO"
        tokens.issuer = "https://community.example.com"
        [[tenants.community.services]]
        name = "SSO"
        validator = "sso"
        cookie = "sso"
        "#,
        keys.replace("ORIGIN", origin),
        ca_file.unwrap_or_default()
    ))
    .await
}

/// The client's answer, as the table says it.
async fn answer(gateway: &Fixture) -> String {
    let call = Call::post("/services/v2/auth/cookiesso/token.json").header("cookie", "sso=ST-abc");
    let answer = gateway.send(call).await;
    match (answer.status, answer.header("retry-after")) {
        (200, _) => "200".to_owned(),
        (status, Some(secs)) => {
            answer.problem(status);
            format!("{status}, `Retry-After: {secs}`")
        }
        (status, None) => {
            answer.problem(status);
            status.to_string()
        }
    }
}

/// One cell: the endpoint is well while the credential becomes known, and then is not.
async fn cell(keys: &str, fault: Fault, known_for: Option<u64>) -> String {
    let who = json!({"active": true, "sub": "ann"});
    if let Fault::BadCertificate = fault {
        let (trusted, other) = (certificate(), certificate());
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), trusted.cert.pem()).unwrap();
        let up = TlsUpstream::start(&trusted, who.to_string()).await;
        let gateway = gateway(keys, &up.origin, Some(file.path()), &fault).await;
        become_known(&gateway, known_for).await;
        up.present(&other);
        return answer(&gateway).await;
    }
    let mut up = Upstream::start(Behaviour::json(who)).await;
    let gateway = gateway(keys, &up.origin, None, &fault).await;
    become_known(&gateway, known_for).await;
    match fault {
        Fault::Behaves(behaviour) => up.then(behaviour),
        Fault::Refuses => up.stop().await,
        Fault::BadCertificate => unreachable!("handled above"),
    }
    answer(&gateway).await
}

/// A ticket's one cell.
async fn ticket_cell(fault: Fault) -> String {
    match &fault {
        Fault::BadCertificate => {
            let (trusted, other) = (certificate(), certificate());
            let file = tempfile::NamedTempFile::new().unwrap();
            std::fs::write(file.path(), trusted.cert.pem()).unwrap();
            let up = TlsUpstream::start(&other, String::new()).await;
            answer(&gateway(TICKETS, &up.origin, Some(file.path()), &fault).await).await
        }
        Fault::Refuses => {
            answer(&gateway(TICKETS, &refusing_origin().await, None, &fault).await).await
        }
        Fault::Behaves(behaviour) => {
            let up = Upstream::start(behaviour.clone()).await;
            answer(&gateway(TICKETS, &up.origin, None, &fault).await).await
        }
    }
}

async fn become_known(gateway: &Fixture, known_for: Option<u64>) {
    if let Some(secs) = known_for {
        assert_eq!(answer(gateway).await, "200", "the endpoint is well at first");
        gateway.advance(secs);
    }
}

async fn table(keys: &str) -> String {
    let mut table = "| the SSO system".to_owned();
    for (known, _) in KNOWN {
        let _ = write!(table, " | {known}");
    }
    table.push_str(" |\n|---|---|---|---|---|\n");
    let rows = faults().into_iter().chain([no_session()]).map(|(name, fault)| async move {
        let cells = KNOWN.map(|(_, known_for)| cell(keys, fault.clone(), known_for));
        format!("| {name} | {} |\n", join_all(cells).await.join(" | "))
    });
    table + &join_all(rows).await.concat()
}

async fn ticket_table() -> String {
    let head = "| the CAS server | a ticket |\n|---|---|\n".to_owned();
    let rows = faults()
        .into_iter()
        .chain([no_ticket()])
        .map(|(name, fault)| async move { format!("| {name} | {} |\n", ticket_cell(fault).await) });
    head + &join_all(rows).await.concat()
}

/// Writes the table between these marks, or holds it to what is written there.
fn document(mark: &str, table: &str) {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/outages.md");
    let text = std::fs::read_to_string(path).unwrap();
    let begin = text.find(mark).unwrap();
    let begin = begin + text[begin..].find("-->\n").unwrap() + "-->\n".len();
    let end = begin + text[begin..].find("<!-- end -->").unwrap();
    if std::env::var_os("CAMBIO_WRITE_DOCS").is_some() {
        std::fs::write(path, format!("{}\n{table}\n{}", &text[..begin], &text[end..])).unwrap();
        return;
    }
    assert_eq!(text[begin..end].trim(), table.trim(), "write it with CAMBIO_WRITE_DOCS=1");
}

/// One test, because it may write both into one file.
#[tokio::test]
async fn the_tables_in_the_documentation_are_what_happens() {
    let (table, tickets) = (table(SESSIONS).await, ticket_table().await);
    document("<!-- table", &table);
    document("<!-- tickets", &tickets);
    // What the tables must never come to say, whoever writes them.
    for row in table.lines().skip(2).filter(|row| !row.contains("not a fault")) {
        let cells: Vec<_> = row.split('|').map(str::trim).collect();
        assert_eq!((cells[3], cells[4]), ("200", "200"), "{row}");
        for cell in [cells[2], cells[5]] {
            assert!(cell.starts_with("502,") || cell.starts_with("503,"), "{row}");
        }
    }
    for row in tickets.lines().skip(2).filter(|row| !row.contains("not a fault")) {
        let cell = row.split('|').nth(2).unwrap().trim();
        assert!(cell.starts_with("502,") || cell.starts_with("503,"), "{row}");
    }
}

/// The same, save that a 401 is about Cambio's own credential.
#[tokio::test]
async fn an_introspection_endpoint_fails_in_the_same_ways() {
    let documented = include_str!("../../docs/outages.md");
    let table = table(TOKENS).await;
    assert!(table.lines().count() > 10);
    for row in table.lines() {
        let ours = "| answers 401: not a fault | 502, `Retry-After: 5` | 200 | 200 | 502, `Retry-After: 5` |";
        assert!(documented.contains(row) || row == ours, "{row}");
    }
    assert!(table.contains("answers 401") && !documented.contains("401: not a fault | 502"));
}
