//! A running server: `cambio demo` (credentials from its `--json` line) or `cambio serve`, on
//! ports of the system's choice; and the calls that most tests make.

use std::net::SocketAddr;
use std::path::Path;

use serde_json::{Value, json};

use super::process::{Ended, Env, Process};
use super::{client, eventually};

/// The server.
pub(crate) struct Server {
    pub(crate) process: Process,
    /// Where clients connect.
    pub(crate) address: SocketAddr,
    /// Where `/livez` and `/readyz` are.
    pub(crate) admin: SocketAddr,
    /// The line of `demo --json`; null for `serve`.
    pub(crate) demo: Value,
    pub(crate) client: reqwest::Client,
}

/// What came of a call.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Value,
    /// Whether it says when to ask again.
    pub(crate) has_retry_after: bool,
}

impl Answer {
    /// A member of the body.
    pub(crate) fn text(&self, member: &str) -> String {
        self.body[member].as_str().unwrap_or_else(|| panic!("no {member} in {self:?}")).to_owned()
    }
}

impl Server {
    /// `cambio demo` on memory: for tests of everything but the store.
    pub(crate) async fn demo(env: Env<'_>) -> Self {
        Self::demo_with(&["--store", "memory"], env).await
    }

    /// `cambio demo` on SQLite in this folder.
    pub(crate) async fn demo_in(dir: &Path, env: Env<'_>) -> Self {
        Self::demo_with(&["--data-dir", dir.to_str().unwrap()], env).await
    }

    async fn demo_with(args: &[&str], env: Env<'_>) -> Self {
        let args = [&["demo", "--listen", "127.0.0.1:0", "--json"], args].concat();
        let mut server = Self::started(&args, env).await;
        let line = eventually("the demo prints its line", async || {
            server.process.stdout().strip_suffix('\n').map(str::to_owned)
        });
        let demo = serde_json::from_str(&line.await).unwrap();
        server.demo = demo;
        server
    }

    /// `cambio serve`; the configuration must listen on port 0.
    pub(crate) async fn serve(config: &Path, env: Env<'_>) -> Self {
        Self::started(&["serve", "--config", config.to_str().unwrap()], env).await
    }

    async fn started(args: &[&str], env: Env<'_>) -> Self {
        let env = [&[("CAMBIO__LOG__FORMAT", "json")], env].concat();
        let mut process = Process::start(args, &env, "");
        let line = eventually("the server serves", async || {
            if let Some(status) = process.status() {
                panic!("it ended with {status}: {}", process.stderr());
            }
            log_lines(&process.stderr()).into_iter().find(|l| l["message"] == "serving")
        })
        .await;
        let address = |key: &str| line[key].as_str().unwrap().parse().unwrap();
        let (address, admin) = (address("server.listen"), address("admin.listen"));
        Self { process, address, admin, demo: Value::Null, client: client() }
    }

    pub(crate) fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// The status of an admin path; `None` when nobody answers.
    pub(crate) async fn admin(&self, path: &str) -> Option<u16> {
        let url = format!("http://{}{path}", self.admin);
        // A connection a call: one that is kept open says nothing of new ones.
        client().get(url).send().await.ok().map(|r| r.status().as_u16())
    }

    /// The `Cookie` header of the demo's user.
    pub(crate) fn cookie(&self) -> String {
        let site = &self.demo["answerhub"];
        let text = |key: &str| site[key].as_str().unwrap();
        format!("{}={}", text("cookieName"), text("cookieValue"))
    }

    /// A site token for the demo's user.
    pub(crate) async fn site_token(&self) -> Answer {
        let url = self.url("/services/v2/auth/cookiesso/token.json");
        send(self.client.post(url).header("cookie", self.cookie())).await.unwrap()
    }

    /// Who a site token speaks for.
    pub(crate) async fn user(&self, token: &str) -> Answer {
        let url = self.url("/services/v2/user.json");
        send(self.client.get(url).bearer_auth(token)).await.unwrap()
    }

    /// What AGS calls need to know.
    pub(crate) fn ags(&self) -> Ags {
        let ags = &self.demo["ags"];
        let text = |key: &str| ags[key].as_str().unwrap().to_owned();
        Ags {
            client: self.client.clone(),
            url: self.url("/ags"),
            tenant: text("tenant"),
            service: text("authServiceId"),
            operator_token: text("operatorAuthToken"),
        }
    }

    /// Stops it by this signal and waits for its end.
    pub(crate) async fn stop(self, signal: &str) -> Ended {
        self.process.signal(signal);
        self.process.ended().await
    }
}

/// The AGS calls; `None` when the answer was lost.
#[derive(Clone)]
pub(crate) struct Ags {
    client: reqwest::Client,
    url: String,
    tenant: String,
    service: String,
    operator_token: String,
}

impl Ags {
    /// Calls to `url`, with the service and the operator's token of tenant `nagra`.
    pub(crate) fn at(url: &str, service: &str, operator_token: String) -> Self {
        let (tenant, service) = ("nagra".to_owned(), service.to_owned());
        Self { client: client(), url: format!("{url}/ags"), tenant, service, operator_token }
    }

    /// The same calls, for whom the operator has given this token.
    pub(crate) fn with(&self, operator_token: String) -> Self {
        Self { operator_token, ..self.clone() }
    }

    pub(crate) async fn ticket(&self) -> Option<String> {
        let answer = self.session_token().await?;
        assert_eq!(answer.status, 200, "{answer:?}");
        Some(answer.text("sessionToken"))
    }

    /// `getSessionToken`, whatever comes of it.
    pub(crate) async fn session_token(&self) -> Option<Answer> {
        let parameters = json!([{"name": "OperatorAuthToken", "value": self.operator_token}]);
        self.post("getSessionToken", None, &json!({"parameters": parameters})).await
    }

    /// Signs on, with a new device or this one.
    pub(crate) async fn sign_on(&self, ticket: &str, device: Option<&str>) -> Option<Answer> {
        let mut body = json!({"parameters": [{"name": "sessionToken", "value": ticket}]});
        match device {
            Some(id) => body["clientId"] = json!(id),
            None => body["deviceInformation"] = json!({"deviceType": "STB"}),
        }
        self.post("signOnWithSessionToken", None, &body).await
    }

    pub(crate) async fn refresh(&self, token: &str) -> Option<Answer> {
        self.post("refresh", Some(token), &json!({"parameters": []})).await
    }

    pub(crate) async fn sign_out(&self, token: &str) -> Option<Answer> {
        self.post("signOut", Some(token), &json!({"parameters": []})).await
    }

    /// The account's devices, for whom an access token is good.
    pub(crate) async fn devices(&self, token: &str) -> Option<Answer> {
        let request = self.client.get(format!("{}/devices", self.url));
        send(request.header("nv-tenant-id", &self.tenant).bearer_auth(token)).await
    }

    async fn post(&self, call: &str, token: Option<&str>, body: &Value) -> Option<Answer> {
        let mut request = self.client.post(format!("{}/{call}", self.url));
        request = request
            .header("nv-tenant-id", &self.tenant)
            .header("x-auth-service-id", &self.service)
            .body(body.to_string());
        if let Some(token) = token {
            request = request.bearer_auth(token);
        }
        send(request).await
    }
}

/// Sends it; `None` when the connection broke.
pub(crate) async fn send(request: reqwest::RequestBuilder) -> Option<Answer> {
    let response = request.send().await.ok()?;
    let status = response.status().as_u16();
    let has_retry_after = response.headers().contains_key("retry-after");
    let bytes = response.bytes().await.ok()?;
    let body = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
    Some(Answer { status, body, has_retry_after })
}

/// The log's whole lines, each of which must be a JSON object.
pub(crate) fn log_lines(stderr: &str) -> Vec<Value> {
    let whole = stderr.rfind('\n').map_or("", |end| &stderr[..end]);
    let parse = |line: &str| serde_json::from_str(line).unwrap_or_else(|_| panic!("log: {line}"));
    whole.lines().map(parse).collect()
}
