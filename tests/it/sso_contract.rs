//! The contract of `SsoValidator`, clause by clause, against every kind.

use std::any::Any;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use cambio::domain::{Attributes, Credential, SecretString, Subject, Timestamp};
use cambio::session::TicketStore;
use cambio::sso::{SignedCookiePayload, SsoValidator, issue_signed_cookie, ticket_digest};
use cambio::support::Watcher;
use serde_json::{Value, json};

use crate::fake_postgres::{self, FakePostgres};
use crate::fake_redis::{self, FakeRedis};
use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_cas;
use crate::sso_fixtures::{
    NOW, SECRET, SigningKey, Tickets, any_of_validators, build_with, cheap_hash, cookie, cx,
    cx_for, merged, name, password, refusing_port, ticket, token, try_build, validator, vector,
};
use crate::sso_sealed::mint;

/// A kind, and credentials that show each of its answers.
struct Fixture {
    /// The contract's name for it.
    name: &'static str,
    validator: Arc<dyn SsoValidator>,
    good: Credential,
    rejected: Vec<Credential>,
    malformed: Vec<Credential>,
    /// A validator that cannot find out, where the kind depends on anything.
    down: Option<(Arc<dyn SsoValidator>, Credential)>,
    /// One that gets no answer, and how long it may wait.
    hanging: Option<(Arc<dyn SsoValidator>, Credential, Duration)>,
    /// One whose other side speaks nonsense.
    nonsense: Option<(Arc<dyn SsoValidator>, Credential)>,
    /// What must live as long as the validators.
    _alive: Vec<Box<dyn Any>>,
}

impl Fixture {
    fn new(validator: Arc<dyn SsoValidator>, good: Credential) -> Self {
        Self {
            name: "",
            validator,
            good,
            rejected: vec![],
            malformed: vec![],
            down: None,
            hanging: None,
            nonsense: None,
            _alive: vec![],
        }
    }
}

/// A module a kind, a test a clause.
macro_rules! contract {
    ($($kind:ident: $fixture:expr,)*) => { $(mod $kind {
        use super::*;
        contract!(@ $kind: $fixture;
            a_good_credential_is_verified
            only_a_credential_at_fault_is_refused
            it_fails_closed_on_any_input
            a_kind_it_does_not_accept_is_malformed
            not_finding_out_is_unavailable
            nonsense_from_the_other_side_is_upstream
            it_gives_up_at_the_deadline
            a_dropped_call_consumes_nothing
            what_it_does_not_recognize_it_refuses_without_asking
            no_error_and_no_debug_text_holds_the_credential);
    })* };
    (@ $kind:ident: $fixture:expr; $($clause:ident)*) => { $(
        #[tokio::test]
        async fn $clause() {
            clauses::$clause(Fixture { name: stringify!($kind), ..$fixture.await }).await;
        }
    )* };
}

contract!(
    any_of: any_of(),
    authjs: authjs(),
    better_auth: better_auth(),
    cas: cas(),
    django: django(),
    flask: flask(),
    http: http(json!({})),
    http_cached: http(cached()),
    introspection: introspection(json!({})),
    introspection_cached: introspection(cached()),
    iron_session: iron_session(),
    jwt: jwt(),
    jwt_by_url: jwt_by_url(),
    laravel: laravel(),
    oidc: oidc(),
    rails: rails(),
    redis_session: redis_session(json!({})),
    redis_session_cached: redis_session(cached()),
    scripted: scripted(),
    session_token: session_token(),
    signed_cookie: signed_cookie(),
    sql_session: sql_session(json!({})),
    sql_session_cached: sql_session(cached()),
    users: users(),
);

/// What gives a kind that asks a memory and a guard.
fn cached() -> Value {
    json!({"cache": {}, "upstream": {}})
}

mod clauses {
    use super::*;

    pub(super) async fn a_good_credential_is_verified(f: Fixture) {
        let kind = f.name.trim_end_matches("_by_url").trim_end_matches("_cached");
        assert_eq!(f.validator.kind(), kind);
        assert!(f.validator.accepts(f.good.kind()));
        let verdict = f.validator.validate(&f.good, &cx()).await;
        assert!(verdict.is_ok(), "{verdict:?}");
        assert!(f.validator.check().await.is_ok());
    }

    pub(super) async fn only_a_credential_at_fault_is_refused(f: Fixture) {
        for (credentials, want) in [(&f.rejected, "rejected"), (&f.malformed, "malformed")] {
            for (i, credential) in credentials.iter().enumerate() {
                let verdict = f.validator.validate(credential, &cx()).await;
                assert_eq!(name(&verdict), want, "number {i} of those: {verdict:?}");
            }
        }
    }

    pub(super) async fn it_fails_closed_on_any_input(f: Fixture) {
        let long = "a".repeat(100_000);
        let dots = ".".repeat(5_000);
        let nested = format!("v1.{}.x", "W1tb".repeat(1_000));
        for text in [
            "",
            " ",
            ".",
            "..",
            "...",
            "v1..",
            "v1.e30.",
            "eyJhbGciOiJub25lIn0.e30.",
            "\0",
            "\r\n",
            "a\r\nx-admin: 1",
            "%00",
            "é",
            "\u{202e}",
            "../../etc/passwd",
            "' OR 1=1 --",
            "null",
            "{}",
            "[]",
            &long,
            &dots,
            &nested,
        ] {
            for credential in
                [cookie(text), token(text), password(text, text), password("ann", text)]
            {
                let verdict = f.validator.validate(&credential, &cx()).await;
                assert!(
                    matches!(name(&verdict), "malformed" | "rejected"),
                    "{:?} of {} bytes: {verdict:?}",
                    credential.kind(),
                    text.len()
                );
            }
        }
    }

    pub(super) async fn a_kind_it_does_not_accept_is_malformed(f: Fixture) {
        let text = f.good.text().unwrap_or("ann").to_owned();
        for credential in [cookie(&text), token(&text), password(&text, "password")] {
            if !f.validator.accepts(credential.kind()) {
                let verdict = f.validator.validate(&credential, &cx()).await;
                assert_eq!(name(&verdict), "malformed", "{:?}", credential.kind());
            }
        }
    }

    pub(super) async fn not_finding_out_is_unavailable(f: Fixture) {
        if let Some((validator, credential)) = &f.down {
            let verdict = validator.validate(credential, &cx()).await;
            assert_eq!(name(&verdict), "unavailable", "{verdict:?}");
        }
    }

    pub(super) async fn nonsense_from_the_other_side_is_upstream(f: Fixture) {
        if let Some((validator, credential)) = &f.nonsense {
            let verdict = validator.validate(credential, &cx()).await;
            assert_eq!(name(&verdict), "upstream", "{verdict:?}");
        }
    }

    pub(super) async fn it_gives_up_at_the_deadline(f: Fixture) {
        if let Some((validator, credential, patience)) = &f.hanging {
            let begun = Instant::now();
            let verdict = validator.validate(credential, &cx_for(*patience)).await;
            assert_eq!(name(&verdict), "unavailable", "{verdict:?}");
            // Far below the kind's own timeouts, so it was the deadline that ended it.
            assert!(begun.elapsed() < Duration::from_secs(30));
        }
    }

    pub(super) async fn a_dropped_call_consumes_nothing(f: Fixture) {
        let context = cx();
        for _ in 0..3 {
            let mut call = pin!(f.validator.validate(&f.good, &context));
            let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
            assert!(matches!(polled, Poll::Pending | Poll::Ready(Ok(_))));
        }
        let (first, second) = (
            f.validator.validate(&f.good, &context).await,
            f.validator.validate(&f.good, &context).await,
        );
        assert!(first.is_ok(), "{first:?}");
        assert_eq!(first, second);
    }

    pub(super) async fn what_it_does_not_recognize_it_refuses_without_asking(f: Fixture) {
        assert!(f.validator.recognizes(&f.good));
        let hanging = f.hanging.map(|(validator, credential, _)| (validator, credential));
        let failing: Vec<_> = [f.down, hanging, f.nonsense].into_iter().flatten().collect();
        for (validator, credential) in &failing {
            assert!(validator.recognizes(credential), "what it would ask about is its business");
        }
        let strange = ["", "hello", "a.b.c", "v1.e30.x", "a\r\nb", "zoë"].map(cookie);
        let strange = strange.into_iter().chain([token("hello"), password("ann", "x")]);
        let credentials: Vec<_> =
            [f.rejected, f.malformed].concat().into_iter().chain(strange).collect();
        // Those that cannot ask anybody say the same.
        for validator in std::iter::once(&f.validator).chain(failing.iter().map(|(v, _)| v)) {
            for credential in credentials.iter().filter(|c| !validator.recognizes(c)) {
                let verdict = validator.validate(credential, &cx_for(Duration::from_secs(5))).await;
                assert!(matches!(name(&verdict), "malformed" | "rejected"), "{verdict:?}");
            }
        }
    }

    pub(super) async fn no_error_and_no_debug_text_holds_the_credential(f: Fixture) {
        let mut texts = vec![format!("{:?}", f.validator)];
        let mut credentials = [f.rejected, f.malformed].concat();
        for credential in &credentials {
            let error = f.validator.validate(credential, &cx()).await.unwrap_err();
            texts.push(format!("{error} {error:?}"));
        }
        for (validator, credential) in [f.down, f.nonsense].into_iter().flatten() {
            let error = validator.validate(&credential, &cx()).await.unwrap_err();
            texts.push(format!("{error} {error:?}"));
            credentials.push(credential);
        }
        credentials.push(f.good);
        for credential in &credentials {
            let (one, other) = match credential {
                Credential::Cookie(text) | Credential::Token(text) => (text, text),
                Credential::Password { username, password } => (username, password),
            };
            for secret in [one, other].map(SecretString::expose).into_iter().filter(|s| s.len() > 3)
            {
                assert!(texts.iter().all(|text| !text.contains(secret)), "{secret} in {texts:?}");
            }
        }
    }
}

/// A cookie that is opened here, before a session endpoint that is asked about all others.
async fn any_of() -> Fixture {
    let up = Upstream::start(Behaviour::json(json!({"sub": "ann"}))).await;
    up.only_for("cookie: s=good-session", Behaviour::status(401, "", ""));
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::Garbage).await;
    let list = |origin: &str| {
        let portal = json!({"kind": "signed_cookie", "secrets": [SECRET]});
        let sso = json!({"kind": "http", "url": format!("{origin}/session"),
            "send": {"cookie": {"name": "s"}}, "fields": {"subject": "sub"},
            "read_timeout": "60s", "timeout": "60s"});
        any_of_validators([("portal", portal), ("sso", sso)])
    };
    let good = cookie("good-session");
    Fixture {
        rejected: vec![cookie("other-session")],
        malformed: vec![cookie("good-session; admin=1"), cookie("zoë")],
        down: Some((list(&refusing_origin().await), good.clone())),
        hanging: Some((list(&hang.origin), good.clone(), Duration::from_millis(100))),
        nonsense: Some((list(&nonsense.origin), good.clone())),
        _alive: vec![Box::new(hang), Box::new(nonsense)],
        ..Fixture::new(list(&up.origin), good)
    }
    .keeping(up)
}

/// A cookie cache that the real library wrote; its copy is good for longer than until `NOW`.
async fn better_auth() -> Fixture {
    let (file, good) = vector("better-auth", "/session_data_cookie");
    let text = String::from_utf8(URL_SAFE_NO_PAD.decode(&good).unwrap()).unwrap();
    let signed = |text: String| cookie(&URL_SAFE_NO_PAD.encode(text));
    let validator = validator(json!({"kind": "better_auth", "secrets": [file["secret"]]}));
    Fixture {
        rejected: vec![
            signed(text.replace("Alice", "Boris")),
            signed(text.replace("1795280154688", "1795280154689")),
            signed(text.replace("rfay", "rfax")),
        ],
        malformed: vec![
            cookie("hello"),
            cookie(file["cookie_raw"].as_str().unwrap()),
            signed(text.replace('}', " }")),
        ],
        ..Fixture::new(validator, cookie(&good))
    }
}

/// A cookie that the real Django signed at `NOW`.
async fn django() -> Fixture {
    let (file, good) = vector("django", "/signed_cookies/vectors/3/cookie");
    let of_other_key = file["fallback_vector"]["cookie"].as_str().unwrap();
    let of_other_purpose = file["db"]["session_data"].as_str().unwrap();
    let nobody = file.pointer("/signed_cookies/vectors/0/cookie").unwrap().as_str().unwrap();
    let validator = validator(json!({"kind": "django", "secret_key": file["secret_key"],
        "fields": {"subject": "uid"}}));
    Fixture {
        rejected: vec![
            cookie(of_other_key),
            cookie(of_other_purpose),
            cookie(nobody),
            cookie(&good[..good.len() - 1]),
        ],
        malformed: vec![
            cookie("hello"),
            cookie(&good.replace(':', "%3A")),
            cookie(file["db"]["cookie"].as_str().unwrap()),
        ],
        ..Fixture::new(validator, cookie(&good))
    }
}

/// A cookie that the real Flask signed at `NOW`.
async fn flask() -> Fixture {
    let (file, good) = vector("flask", "/vectors/3/cookie");
    let of_the_future = file.pointer("/vectors/1/cookie").unwrap().as_str().unwrap();
    let (_, of_other_key) = vector("canaille", "/cookie");
    let validator = validator(json!({"kind": "flask", "secret_key": file["secret_key"],
        "fields": {"subject": "user_id"}}));
    Fixture {
        rejected: vec![
            cookie(of_the_future),
            cookie(&of_other_key),
            cookie(&good[..good.len() - 1]),
        ],
        malformed: vec![cookie("hello"), cookie(&good.replace('.', ":")), cookie("e30.AAAA")],
        ..Fixture::new(validator, cookie(&good))
    }
}

async fn signed_cookie() -> Fixture {
    let payload = |exp: i64| SignedCookiePayload {
        sub: Subject::parse("ann").unwrap(),
        uid: None,
        roles: vec![],
        accounts: vec![],
        exp: Timestamp::from_secs(exp),
        sid: None,
        attrs: Attributes::new(),
    };
    let (ours, other) = (SecretString::new(SECRET), SecretString::new(SECRET.replace('0', "1")));
    let good = issue_signed_cookie(&ours, &payload(NOW.secs() + 1));
    let validator = validator(json!({"kind": "signed_cookie", "secrets": [SECRET]}));
    Fixture {
        rejected: vec![
            cookie(&issue_signed_cookie(&ours, &payload(NOW.secs()))),
            cookie(&issue_signed_cookie(&other, &payload(NOW.secs() + 1))),
        ],
        malformed: vec![cookie("hello"), cookie(&good.replace('.', "%2E")), cookie(&good[1..])],
        ..Fixture::new(validator, cookie(&good))
    }
}

fn claims() -> Value {
    json!({"sub": "ann", "iss": "https://idp", "aud": "cambio", "exp": NOW.secs() + 60})
}

async fn jwt() -> Fixture {
    let table = json!({"kind": "jwt", "algorithms": ["HS256"], "issuer": "https://idp",
        "audience": "cambio", "secret": SECRET});
    let (key, header) = (SigningKey::hs256(SECRET), json!({"alg": "HS256"}));
    let mut expired = claims();
    expired["exp"] = json!(NOW.secs() - 30);
    let good = key.sign(&header, &claims());
    Fixture {
        rejected: vec![
            token(&key.sign(&header, &expired)),
            token(&SigningKey::hs256("another").sign(&header, &claims())),
        ],
        malformed: vec![token("hello"), token("a.b.c"), token(&format!("{good}.x"))],
        ..Fixture::new(validator(table), token(&good))
    }
}

async fn jwt_by_url() -> Fixture {
    let (key, other) = (SigningKey::es256(), SigningKey::es256());
    let up = Upstream::start(Behaviour::json(json!({"keys": [key.jwk("k1")]}))).await;
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::json(json!({"keys": "none"}))).await;
    let by_url = |origin: &str| {
        validator(json!({"kind": "jwt", "algorithms": ["ES256"], "issuer": "https://idp",
            "audience": "cambio", "jwks_url": format!("{origin}/jwks"),
            "jwks_fetch": {"read_timeout": "60s", "timeout": "60s"}}))
    };
    let header = json!({"alg": "ES256", "kid": "k1"});
    let good = token(&key.sign(&header, &claims()));
    Fixture {
        rejected: vec![
            token(&other.sign(&header, &claims())),
            token(&key.sign(&json!({"alg": "ES256", "kid": "../k1"}), &claims())),
        ],
        malformed: vec![token("a.b.c")],
        down: Some((by_url(&refusing_origin().await), good.clone())),
        hanging: Some((by_url(&hang.origin), good.clone(), Duration::from_millis(100))),
        nonsense: Some((by_url(&nonsense.origin), good.clone())),
        _alive: vec![Box::new(hang), Box::new(nonsense), Box::new(up.origin.clone())],
        ..Fixture::new(by_url(&up.origin), good)
    }
    .keeping(up)
}

impl Fixture {
    fn keeping(mut self, alive: impl Any) -> Self {
        self._alive.push(Box::new(alive));
        self
    }
}

/// A text of the form that tickets have.
fn ticket_text(name: &str) -> String {
    format!("{name:0<32}")
}

async fn session_token() -> Fixture {
    let table = || json!({"kind": "session_token"});
    let watcher = Watcher::default();
    let tickets = Tickets::default();
    let put = async |text: &str, change: fn(&mut cambio::session::Ticket)| {
        let mut ticket = ticket();
        change(&mut ticket);
        tickets.put_ticket(ticket_digest(&ticket_text(text)), ticket).await.unwrap();
    };
    put("good", |_| {}).await;
    put("othertenant", |t| t.tenant = cambio::domain::TenantId::parse("x").unwrap()).await;
    put("otherservice", |t| t.service = cambio::domain::ServiceName::parse("x").unwrap()).await;
    put("old", |t| t.expires_at = NOW).await;
    let down = Tickets { down: true, ..Tickets::default() };
    let hang = Tickets { hang: true, ..Tickets::default() };
    let build = |tickets| build_with(table(), Arc::new(tickets), &watcher, true).unwrap();
    let good = token(&ticket_text("good"));
    let rejected = ["othertenant", "otherservice", "old", "unknown"];
    Fixture {
        rejected: rejected.map(|name| token(&ticket_text(name))).to_vec(),
        malformed: vec![token("short"), token("with spaces in it"), token(&"a".repeat(513))],
        down: Some((build(down), good.clone())),
        hanging: Some((build(hang), good.clone(), Duration::from_millis(20))),
        ..Fixture::new(build(tickets), good)
    }
}

/// An endpoint that knows one session and looks at the cookie, as a real one does.
async fn http(further: Value) -> Fixture {
    let up = Upstream::start(Behaviour::json(json!({"sub": "ann"}))).await;
    up.only_for("cookie: s=good-session", Behaviour::status(401, "", ""));
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::Garbage).await;
    let asking = |origin: &str| {
        let table = json!({"kind": "http", "url": format!("{origin}/session"),
            "send": {"cookie": {"name": "s"}}, "fields": {"subject": "sub"},
            "read_timeout": "60s", "timeout": "60s"});
        validator(merged(table, &further))
    };
    let good = cookie("good-session");
    Fixture {
        rejected: vec![cookie("other-session")],
        malformed: vec![cookie("good-session; admin=1"), cookie("a\r\nb"), cookie("zoë")],
        down: Some((asking(&refusing_origin().await), good.clone())),
        hanging: Some((asking(&hang.origin), good.clone(), Duration::from_millis(100))),
        nonsense: Some((asking(&nonsense.origin), good.clone())),
        _alive: vec![Box::new(hang), Box::new(nonsense)],
        ..Fixture::new(asking(&up.origin), good)
    }
    .keeping(up)
}

/// What a store of sessions holds, and how many seconds each lasts: one that is good, one that is
/// over, one of a visitor, and one that cannot be read.
const STORED: [(&str, &str, i64); 4] = [
    ("good-session-0000", r#"{"user":"ann"}"#, 60),
    ("over-session-0000", r#"{"user":"ann"}"#, 0),
    ("visitor-session-0", r#"{"cart":[]}"#, 60),
    ("broken-session-00", "{", 60),
];

async fn redis_session(further: Value) -> Fixture {
    let keys = STORED.map(|(id, data, secs)| (format!("sess:{id}"), data, secs * 1000));
    let up = FakeRedis::start(&keys.each_ref().map(|(key, data, ms)| (&**key, *data, *ms))).await;
    let hang = FakeRedis::start(&[]).await;
    hang.then(fake_redis::Behaviour::Hang);
    let asking = |port: u16| {
        let table = json!({"kind": "redis_session", "key": "sess:{id}", "format": "json",
            "fields": {"subject": "user"},
            "redis": {"port": port, "timeout": "60s", "connect_timeout": "60s"}});
        validator(merged(table, &further))
    };
    stored_session(asking, up.port, hang.port).await.keeping((up, hang))
}

async fn sql_session(further: Value) -> Fixture {
    use fake_postgres::{INT8, TEXT};
    let rows = STORED.map(|(id, data, secs)| {
        let end = Some((NOW.secs() + secs).to_be_bytes().to_vec());
        let data = Some(data.as_bytes().to_vec());
        (id, vec![vec![("data", TEXT, data), ("expires_at", INT8, end)]])
    });
    let up = FakePostgres::start(&rows).await;
    let hang = FakePostgres::start(&[]).await;
    hang.then(fake_postgres::Behaviour::Hang);
    let asking = |port: u16| {
        let table = json!({"kind": "sql_session", "format": "json", "fields": {"subject": "user"},
            "query": "select data, expires_at from sessions where id = $1",
            "postgres": {"port": port, "timeout": "60s", "connect_timeout": "60s"}});
        validator(merged(table, &further))
    };
    stored_session(asking, up.port, hang.port).await.keeping((up, hang))
}

/// A kind that asks the store of sessions at a port: one that has [`STORED`], one that hangs.
async fn stored_session(
    asking: impl Fn(u16) -> Arc<dyn SsoValidator>,
    up: u16,
    hang: u16,
) -> Fixture {
    let good = cookie("good-session-0000");
    Fixture {
        rejected: ["over-session-0000", "visitor-session-0", "unknown-session-0"]
            .map(cookie)
            .to_vec(),
        malformed: ["short", "good-session-000*", "good session 0000"].map(cookie).to_vec(),
        down: Some((asking(refusing_port().await), good.clone())),
        hanging: Some((asking(hang), good.clone(), Duration::from_millis(100))),
        nonsense: Some((asking(up), cookie("broken-session-00"))),
        ..Fixture::new(asking(up), good)
    }
}

/// A server that knows one ticket, over and over.
async fn cas() -> Fixture {
    let up = Upstream::start(sso_cas::yes("<cas:user>ann</cas:user>")).await;
    let line = "GET /cas?service=https%3A%2F%2Fapp.example&ticket=ST-good-ticket HTTP/1.1";
    up.only_for(line, sso_cas::no("INVALID_TICKET"));
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::Garbage).await;
    let asking = |origin: &str| {
        validator(json!({"kind": "cas", "url": format!("{origin}/cas"),
            "service": "https://app.example", "read_timeout": "60s", "timeout": "60s"}))
    };
    let good = token("ST-good-ticket");
    Fixture {
        rejected: vec![token("ST-other-ticket"), cookie("ST-used-ticket")],
        malformed: vec![token("good-ticket"), token("PT-good-ticket"), token("ST-a&ticket=b")],
        down: Some((asking(&refusing_origin().await), good.clone())),
        hanging: Some((asking(&hang.origin), good.clone(), Duration::from_millis(100))),
        nonsense: Some((asking(&nonsense.origin), good.clone())),
        _alive: vec![Box::new(hang), Box::new(nonsense)],
        ..Fixture::new(asking(&up.origin), good)
    }
    .keeping(up)
}

/// An authorization server that knows one token.
async fn introspection(further: Value) -> Fixture {
    let active = json!({"active": true, "sub": "ann", "exp": NOW.secs() + 60});
    let up = Upstream::start(Behaviour::json(active)).await;
    up.only_with("\r\n\r\ntoken=good-token", Behaviour::json(json!({"active": false})));
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::json(json!({"active": "yes"}))).await;
    let secret = json!({"client_id": "cambio", "client_secret": "secret"});
    let asking = |origin: &str| {
        let table = json!({"kind": "introspection", "url": format!("{origin}/introspect"),
            "auth": {"client_secret_basic": secret}, "read_timeout": "60s", "timeout": "60s"});
        validator(merged(table, &further))
    };
    let good = token("good-token");
    Fixture {
        rejected: vec![token("other-token"), cookie("other-cookie")],
        malformed: vec![token("a\r\nb"), token("zoë"), token(&"a".repeat(16 * 1024 + 1))],
        down: Some((asking(&refusing_origin().await), good.clone())),
        hanging: Some((asking(&hang.origin), good.clone(), Duration::from_millis(100))),
        nonsense: Some((asking(&nonsense.origin), good.clone())),
        _alive: vec![Box::new(hang), Box::new(nonsense)],
        ..Fixture::new(asking(&up.origin), good)
    }
    .keeping(up)
}

/// An issuer with one key, whose discovery document is where it belongs.
async fn oidc() -> Fixture {
    let (key, other) = (SigningKey::es256(), SigningKey::es256());
    let up = Upstream::start(Behaviour::json(json!({"keys": [key.jwk("k1")]}))).await;
    let document = json!({"issuer": up.origin, "jwks_uri": format!("{}/jwks", up.origin)});
    up.at("/.well-known/openid-configuration", Behaviour::json(document));
    let hang = Upstream::start(Behaviour::Hang).await;
    let nonsense = Upstream::start(Behaviour::json(json!({"issuer": "https://idp"}))).await;
    let of = |issuer: &str| {
        validator(json!({"kind": "oidc", "issuer": issuer, "audience": "cambio",
            "algorithms": ["ES256"], "read_timeout": "60s", "timeout": "60s"}))
    };
    let header = json!({"alg": "ES256", "typ": "at+jwt", "kid": "k1"});
    // Nobody is asked for the keys of another issuer.
    let claims = |issuer: &str| {
        let mut claims = claims();
        claims["iss"] = json!(issuer);
        claims
    };
    let signed = |issuer: &str| token(&key.sign(&header, &claims(issuer)));
    let refusing = refusing_origin().await;
    let good = signed(&up.origin);
    let bound = {
        let mut claims = claims(&up.origin);
        claims["cnf"] = json!({"jkt": "abc"});
        token(&key.sign(&header, &claims))
    };
    Fixture {
        rejected: vec![
            token(&other.sign(&header, &claims(&up.origin))),
            token(
                &key.sign(&json!({"alg": "ES256", "typ": "JWT", "kid": "k1"}), &claims(&up.origin)),
            ),
            signed("https://idp"),
            bound,
        ],
        malformed: vec![token("a.b.c")],
        down: Some((of(&refusing), signed(&refusing))),
        hanging: Some((of(&hang.origin), signed(&hang.origin), Duration::from_millis(100))),
        nonsense: Some((of(&nonsense.origin), signed(&nonsense.origin))),
        _alive: vec![Box::new(hang), Box::new(nonsense)],
        ..Fixture::new(of(&up.origin), good)
    }
    .keeping(up)
}

async fn users() -> Fixture {
    let file = tempfile::NamedTempFile::new().unwrap();
    let hash = cheap_hash("correct horse");
    let list = json!({"users": [
        {"username": "annabel", "password_hash": hash, "roles": ["USE_API"]},
        {"username": "barbara", "password_hash": hash, "disabled": true},
    ]});
    std::fs::write(file.path(), list.to_string()).unwrap();
    let validator = validator(json!({"kind": "users", "file": file.path()}));
    let good = password("annabel", "correct horse");
    Fixture {
        rejected: vec![
            password("annabel", "wrong password"),
            password("barbara", "correct horse"),
            password("nobody", "correct horse"),
        ],
        malformed: vec![password("", "correct horse"), password("annabel", "")],
        // A deadline that has passed already, so that no machine is fast enough.
        hanging: Some((validator.clone(), good.clone(), Duration::ZERO)),
        ..Fixture::new(validator, good)
    }
    .keeping(file)
}

async fn scripted() -> Fixture {
    let validator = validator(json!({"kind": "scripted", "answers": [
        {"credential": "good-one", "subject": "ann", "roles": ["a"]},
        {"credential": "expired", "subject": "ann", "expires_at": NOW.secs()},
        {"credential": "number-1", "outcome": "rejected"},
        {"credential": "malformed", "outcome": "malformed"},
        {"credential": "down-now", "outcome": "unavailable", "retry_after": "5s"},
        {"credential": "nonsense", "outcome": "upstream"},
        {"credential": "hanging", "outcome": "hang"},
    ]}));
    Fixture {
        rejected: vec![token("expired"), token("number-1"), cookie("anything")],
        down: Some((validator.clone(), token("down-now"))),
        hanging: Some((validator.clone(), token("hanging"), Duration::from_millis(20))),
        nonsense: Some((validator.clone(), token("nonsense"))),
        ..Fixture::new(validator, token("good-one"))
    }
}

async fn authjs() -> Fixture {
    let validator = validator(json!({"kind": "authjs", "version": 4, "secret": [SECRET]}));
    let of = |secret: &str, exp: i64| {
        let header = json!({"alg": "dir", "enc": "A256GCM"});
        cookie(&mint::authjs_4(secret, &header, &json!({"sub": "ann", "exp": NOW.secs() + exp})))
    };
    Fixture {
        rejected: vec![of(SECRET, -15), of("another secret", 60)],
        malformed: vec![cookie("hello"), cookie("a.b.c.d.e"), cookie("a..b.c.d")],
        ..Fixture::new(validator, of(SECRET, 60))
    }
}

async fn iron_session() -> Fixture {
    let validator = validator(json!({"kind": "iron_session", "password": {"1": SECRET},
        "fields": {"subject": "user"}}));
    let of = |password: &str, session: &str, secs: i64| {
        let expiry = ((NOW.secs() + secs) * 1000).to_string();
        cookie(&mint::iron("1", password, session, &expiry))
    };
    let (ann, other) = (r#"{"user":"ann"}"#, "f".repeat(32));
    Fixture {
        rejected: vec![of(SECRET, ann, -60), of(&other, ann, 60), of(SECRET, "{}", 60)],
        malformed: vec![cookie("hello"), cookie("Fe26.2*1*a*b*c*d*e*f~2"), of(SECRET, "no", 60)],
        ..Fixture::new(validator, of(SECRET, ann, 60))
    }
}

async fn laravel() -> Fixture {
    let key = b"0123456789abcdef0123456789abcdef";
    let validator = validator(json!({"kind": "laravel", "cookie": "sso",
        "app_key": ["base64:MDEyMzQ1Njc4OWFiY2RlZjAxMjM0NTY3ODlhYmNkZWY="],
        "fields": {"subject": "sub", "expires_at": "exp"}}));
    let content = |exp: i64| json!({"sub": "ann", "exp": NOW.secs() + exp}).to_string();
    let of = |name: &str, exp: i64| cookie(&mint::laravel(key, name, &content(exp)));
    Fixture {
        rejected: vec![
            of("sso", 0),
            of("other", 60),
            cookie(&mint::laravel(&[7; 32], "sso", &content(60))),
            cookie(&mint::laravel(key, "sso", &"a".repeat(40))),
        ],
        malformed: vec![
            cookie("hello"),
            cookie("e30="),
            cookie(&mint::laravel(key, "sso", "no json")),
        ],
        ..Fixture::new(validator, of("sso", 60))
    }
}

async fn rails() -> Fixture {
    let validator = validator(json!({"kind": "rails", "secret_key_base": [SECRET],
        "cookie": "sso", "fields": {"subject": "user_id"}}));
    let of = |secret: &str, purpose: &str, exp: &str| {
        let envelope = mint::rails_envelope(purpose, &json!({"user_id": 42}), Some(exp));
        cookie(&mint::rails_encrypted(secret, &envelope))
    };
    let (before, after) = ("2023-11-14T22:13:20.000Z", "2023-11-14T22:13:21.000Z");
    Fixture {
        rejected: vec![
            of(SECRET, "cookie.sso", before),
            of(SECRET, "cookie.other", after),
            of("another secret", "cookie.sso", after),
        ],
        malformed: vec![
            cookie("hello"),
            cookie("YQ==--YQ==--YQ=="),
            of(SECRET, "cookie.sso", "soon"),
            cookie(&mint::rails_encrypted(SECRET, &json!({"user_id": 42}))),
        ],
        ..Fixture::new(validator, of(SECRET, "cookie.sso", after))
    }
}

#[test]
fn scripted_is_refused_in_production() {
    let table = json!({"kind": "scripted", "answers": []});
    assert!(try_build(table, &Watcher::default(), true).is_err());
}
