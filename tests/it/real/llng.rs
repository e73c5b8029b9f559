//! LemonLDAP::NG: its portal behind nginx, logged in to through its own form. Three ways lead from
//! there to a token: its REST session server, its whoami and its CAS server.

use std::process::Command;

use tokio::sync::OnceCell;

use super::server::{Folder, Server};
use super::visitor::{client, cookie_of, exchange, location_of, send};
use super::{eventually, free_port};
use crate::support::{Answer, Call, Fixture, claims_of};

/// The user that Debian's packages run it as.
const USER: &str = "www-data";
/// What tickets of the example are for.
const SERVICE: &str = "https://app.example.com/login";

/// A running portal with the users of its demonstration back end.
struct Llng {
    /// Its workers, over FastCGI.
    portal: Server,
    web: Server,
    port: u16,
}

impl Llng {
    async fn start() -> Self {
        let folder = Folder::new(USER);
        let (dir, port) = (folder.path().display().to_string(), free_port());
        let in_place =
            |text: &str| text.replace("@DIR@", &dir).replace("@PORT@", &port.to_string());
        for name in ["cache", "run", "sessions", "sessions/lock", "psessions", "psessions/lock"] {
            folder.folder(name);
        }
        folder.write("lemonldap-ng.ini", in_place(include_str!("llng/lemonldap-ng.ini")));
        folder.write("conf/lmConf-1.json", in_place(include_str!("llng/lmConf-1.json")));
        let command = portal(&folder);
        let portal = Server::start("llng", folder, command);

        let folder = Folder::new(USER);
        folder.write("nginx.conf", in_place(include_str!("llng/nginx.conf")));
        let command = web(&folder);
        let mut web = Server::start("nginx", folder, command);
        web.listens(port).await;
        let llng = Self { portal, web, port };
        llng.ready().await;
        llng
    }

    async fn ready(&self) {
        eventually("the portal answers", async || {
            let status = client().get(self.url("/")).send().await.ok()?.status();
            (!status.is_server_error()).then_some(())
        })
        .await;
    }

    fn url(&self, path: &str) -> String {
        format!("http://127.0.0.1:{}{path}", self.port)
    }

    /// Fills in the log-in form; answers the session's cookie.
    async fn log_in(&self) -> String {
        let form = "user=dwho&password=dwho";
        let request = client().post(self.url("/")).body(form);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let answer = send(request).await;
        assert_eq!(answer.status(), 302);
        cookie_of(&answer, "lemonldap")
    }

    async fn log_out(&self, session: &str) {
        let request = client().get(self.url("/?logout=1"));
        let request = request.header("cookie", format!("lemonldap={session}"));
        let answer = send(request.header("accept", "application/json")).await;
        assert_eq!(answer.status(), 200);
        assert_eq!(cookie_of(&answer, "lemonldap"), "0");
    }

    /// A service ticket for this service, if the session is good for one.
    async fn ticket(&self, session: &str, service: &str) -> Option<String> {
        let request = client().get(self.url(&format!("/cas/login?service={service}")));
        let answer = send(request.header("cookie", format!("lemonldap={session}"))).await;
        let ticket = location_of(&answer)?.strip_prefix(service)?.strip_prefix("?ticket=")?;
        Some(ticket.to_owned())
    }

    /// What its REST session server knows of an id.
    async fn session(&self, id: &str) -> serde_json::Value {
        let request = client().get(self.url(&format!("/sessions/global/{id}")));
        let answer = send(request.header("accept", "application/json")).await;
        assert_eq!(answer.status(), 200);
        serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap()
    }

    /// The gateway on an example that asks this portal at this path.
    async fn gateway(&self, example: &str, path: &str) -> Fixture {
        let url = self.url(path);
        Fixture::example(example, &format!("validators.sso.url = {url:?}")).await
    }

    async fn rest(&self) -> Fixture {
        self.gateway("lemonldap-ng", "/sessions/global/{credential}").await
    }

    async fn whoami(&self) -> Fixture {
        self.gateway("lemonldap-ng-whoami", "/mysession/?whoami").await
    }

    async fn cas(&self) -> Fixture {
        self.gateway("cas", "/cas/p3/serviceValidate").await
    }
}

impl Drop for Llng {
    fn drop(&mut self) {
        self.portal.end();
    }
}

fn portal(folder: &Folder) -> Command {
    let mut command = folder.command("llng", "/usr/sbin/llng-fastcgi-server");
    command.args(["--foreground", "-n", "2", "-p", "run/llng.pid", "-s", "run/llng.sock"]);
    command.env("LLNG_DEFAULTCONFFILE", folder.path().join("lemonldap-ng.ini"));
    command.env("LLNG_DEFAULTLOGGER", "Lemonldap::NG::Common::Logger::Std");
    // It would change to these.
    command.env_remove("USER").env_remove("GROUP");
    command
}

fn web(folder: &Folder) -> Command {
    let mut command = folder.command("nginx", "/usr/sbin/nginx");
    command.arg("-c").arg(folder.path().join("nginx.conf")).args(["-e", "stderr"]);
    command
}

/// The portal that tests share.
async fn shared() -> &'static Llng {
    static SHARED: OnceCell<Llng> = OnceCell::const_new();
    SHARED.get_or_init(Llng::start).await
}

async fn by_cookie(gateway: &Fixture, session: &str) -> Answer {
    exchange(gateway, "cookie", &format!("lemonldap={session}")).await
}

async fn by_ticket(gateway: &Fixture, ticket: &str) -> Answer {
    exchange(gateway, "CAS-Ticket", ticket).await
}

/// The claims of the token in an answer.
fn claims(answer: &Answer) -> serde_json::Value {
    claims_of(answer.expect(200)["jwt"].as_str().unwrap())
}

#[tokio::test]
async fn a_session_is_exchanged_until_it_is_logged_out() {
    let llng = shared().await;
    let gateway = llng.rest().await;
    let session = llng.log_in().await;
    let token = claims(&by_cookie(&gateway, &session).await);
    assert_eq!(token["sub"], "dwho");
    let mut roles: Vec<_> =
        token["roles"].as_array().unwrap().iter().flat_map(|r| r.as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["timelords", "users"]);

    llng.log_out(&session).await;
    assert_eq!(claims(&by_cookie(&gateway, &session).await)["sub"], "dwho", "it is still cached");
    // The example's ttl is 30 s, give or take a tenth.
    gateway.advance(34);
    by_cookie(&gateway, &session).await.problem(401);
}

#[tokio::test]
async fn a_session_that_has_timed_out_is_refused_though_the_portal_answers() {
    let llng = shared().await;
    let gateway = llng.rest().await;
    let session = llng.log_in().await;
    let end = llng.session(&session).await["_utime"].as_i64().unwrap() + 72_000;
    gateway.advance(19 * 3600);
    assert_eq!(claims(&by_cookie(&gateway, &session).await)["exp"], end, "nothing outlives it");
    gateway.advance(u64::try_from(end - gateway.now()).unwrap());
    by_cookie(&gateway, &session).await.problem(401);
    assert_eq!(llng.session(&session).await["uid"], "dwho", "the portal goes on answering");
}

#[tokio::test]
async fn what_is_no_log_in_is_refused() {
    let llng = shared().await;
    let gateway = llng.rest().await;
    let session = llng.log_in().await;
    let ticket = llng.ticket(&session, SERVICE).await.unwrap();
    let id = ticket.strip_prefix("ST-").unwrap();
    assert_eq!(llng.session(id).await["_session_kind"], "ICAS", "tickets are in the same store");
    by_cookie(&gateway, id).await.problem(401);
    by_cookie(&gateway, &"a".repeat(64)).await.problem(401);
    by_cookie(&gateway, &session[1..]).await.problem(400);
    by_cookie(&gateway, "../../mysession").await.problem(400);
}

/// nginx decodes the path before it resolves it, so that an encoded slash is a slash.
#[tokio::test]
async fn no_credential_reaches_another_path_even_without_a_shape() {
    let llng = shared().await;
    let session = llng.log_in().await;
    let climbs = "/sessions/global/..%2F..%2Fmysession%2F?whoami";
    let request = client().get(llng.url(climbs)).header("accept", "application/json");
    let answer = send(request.header("cookie", format!("lemonldap={session}"))).await;
    assert_eq!(answer.status(), 200, "the server itself can be led elsewhere");

    let any =
        "validators.sso.credential = { alphabet = \"any\", min_length = 1, max_length = 4096 }";
    let url = llng.url("/sessions/global/{credential}");
    let overlay = format!("validators.sso.url = {url:?}\n{any}");
    let gateway = Fixture::example("lemonldap-ng", &overlay).await;
    assert_eq!(claims(&by_cookie(&gateway, &session).await)["sub"], "dwho");
    for bad in [
        format!("{session}/[uid,_session_kind,_utime]"),
        format!("x/../{session}"),
        "..%2F..".to_owned(),
    ] {
        by_cookie(&gateway, &bad).await.problem(400);
    }
    // One segment, but not the id of a session.
    by_cookie(&gateway, &format!("{session}[uid]")).await.problem(401);
}

#[tokio::test]
async fn whoami_is_exchanged_until_it_is_logged_out() {
    let llng = shared().await;
    let gateway = llng.whoami().await;
    let session = llng.log_in().await;
    assert_eq!(claims(&by_cookie(&gateway, &session).await)["sub"], "dwho");
    llng.log_out(&session).await;
    // Each of its workers remembers sessions for itself: 15 s by default, a second here.
    eventually("every worker knows of the log-out", async || {
        gateway.advance(34);
        (by_cookie(&gateway, &session).await.status == 401).then_some(())
    })
    .await;
    by_cookie(&gateway, &session).await.problem(401);
    by_cookie(&gateway, &"a".repeat(64)).await.problem(401);
}

#[tokio::test]
async fn a_service_ticket_is_exchanged_once() {
    let llng = shared().await;
    let gateway = llng.cas().await;
    let session = llng.log_in().await;
    let ticket = llng.ticket(&session, SERVICE).await.unwrap();
    let token = claims(&by_ticket(&gateway, &ticket).await);
    assert_eq!(token["sub"], "dwho");
    let mut roles: Vec<_> =
        token["roles"].as_array().unwrap().iter().flat_map(|r| r.as_str()).collect();
    roles.sort_unstable();
    assert_eq!(roles, ["timelords", "users"]);
    by_ticket(&gateway, &ticket).await.problem(401);
    by_ticket(&gateway, "ST-unknown").await.problem(401);
    by_ticket(&gateway, &ticket[3..]).await.problem(400);

    let for_another = llng.ticket(&session, "https://other.example.com/").await.unwrap();
    by_ticket(&gateway, &for_another).await.problem(502);

    let unused = llng.ticket(&session, SERVICE).await.unwrap();
    llng.log_out(&session).await;
    by_ticket(&gateway, &unused).await.problem(401);
    assert_eq!(llng.ticket(&session, SERVICE).await, None, "nor is there a new one");
}

#[tokio::test]
async fn a_service_ticket_signs_a_device_on() {
    let llng = shared().await;
    let url = llng.url("/cas/p3/serviceValidate");
    let overlay = format!(
        r#"
        validators.sso.url = {url:?}
        tenants.nagra.ags.tokens.profile = "ags"
        accounts.trusting = {{ kind = "asserted", subject_is_account = true }}
        [[tenants.nagra.services]]
        name = "CAS"
        validator = "sso"
        accounts = "trusting"
        "#
    );
    let gateway = Fixture::example("cas", &overlay).await;
    let session = llng.log_in().await;
    let ticket = llng.ticket(&session, SERVICE).await.unwrap();
    let sign_on = || Call::sign_on(&ticket).with("x-auth-service-id", "CAS");
    assert_eq!(gateway.send(sign_on()).await.expect(201)["accountId"], "dwho");
    gateway.send(sign_on()).await.problem(401);
}

#[tokio::test]
async fn an_outage_is_503_and_never_a_log_out() {
    let mut llng = Llng::start().await;
    let session = llng.log_in().await;
    let known = (llng.rest().await, llng.whoami().await);
    for gateway in [&known.0, &known.1] {
        assert_eq!(claims(&by_cookie(gateway, &session).await)["sub"], "dwho");
    }
    let ticket = llng.ticket(&session, SERVICE).await.unwrap();

    // Its workers are gone: nginx says so in its own way.
    llng.portal.end();
    let gateways = (llng.rest().await, llng.whoami().await, llng.cas().await);
    nobody_can_tell(&gateways, &session, &ticket).await;
    // Everything is gone: nobody listens.
    llng.web.stop().await;
    let gateways = (llng.rest().await, llng.whoami().await, llng.cas().await);
    nobody_can_tell(&gateways, &session, &ticket).await;

    // Who was known stays known, for `stale_if_error` after the ttl.
    for gateway in [&known.0, &known.1] {
        gateway.advance(60);
        assert_eq!(claims(&by_cookie(gateway, &session).await)["sub"], "dwho");
        gateway.advance(600);
        by_cookie(gateway, &session).await.problem(503);
    }

    // Back again, the session and the ticket are as good as before.
    let command = portal(llng.portal.folder());
    llng.portal.start_again(command);
    let command = web(llng.web.folder());
    llng.web.start_again(command);
    llng.web.listens(llng.port).await;
    llng.ready().await;
    assert_eq!(claims(&by_ticket(&llng.cas().await, &ticket).await)["sub"], "dwho");
    known.0.advance(60);
    assert_eq!(claims(&by_cookie(&known.0, &session).await)["sub"], "dwho");
}

async fn nobody_can_tell(gateways: &(Fixture, Fixture, Fixture), session: &str, ticket: &str) {
    let (rest, whoami, cas) = gateways;
    for answer in [
        by_cookie(rest, session).await,
        by_cookie(whoami, session).await,
        by_ticket(cas, ticket).await,
    ] {
        answer.problem(503);
    }
}
