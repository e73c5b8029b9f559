//! The text that the demo prints: every step of both flows as a command to paste. A test
//! runs each and holds it to the status that stands above it.

use std::fmt::Write;
use std::net::SocketAddr;

use super::credentials::{Credentials, names};
use super::data_dir::{DataDir, USERNAME};

/// The text.
pub(super) fn text(
    url: &str,
    admin: SocketAddr,
    credentials: &Credentials,
    data: &DataDir,
) -> String {
    let mut out = String::new();
    let c = credentials;
    let _ = writeln!(
        out,
        "Cambio serves on {url} (readiness: http://{admin}/readyz).\n\
         Keys, secrets and sessions are in {}.\n\n\
         AnswerHub, tenant community: a cookie in, a JWT out.",
        data.path().display()
    );
    let cookie = format!("Cookie: {}={}", c.cookie_name, c.cookie);
    let without = format!("Cookie: {}={}", c.cookie_name, c.cookie_without_use_api);
    let site = format!("{url}/services/v2");
    let json = "Content-type: application/json";
    let mut step = Steps { out: &mut out, number: 0 };
    step.post(
        "the SSO cookie",
        200,
        &format!("{site}/auth/cookiesso/token.json"),
        &[&cookie],
        None,
    );
    step.post(
        "the same on the vendor's other path",
        200,
        &format!("{site}/auth/token.json"),
        &[&cookie, "Accept: application/json", json],
        None,
    );
    step.curl(
        "a user name and a password instead",
        200,
        &format!(
            "-X POST -u {} {}",
            quote(&format!("{USERNAME}:{}", c.password.expose())),
            quote(&format!("{site}/auth/token.json"))
        ),
    );
    step.get(
        "who the token speaks for",
        200,
        &format!("{site}/user.json"),
        &[&format!("Authorization: Bearer {}", c.site_token)],
    );
    step.post(
        "any valid user gets a token (whose use at user.json then needs the role USE_API)",
        200,
        &format!("{site}/auth/cookiesso/token.json"),
        &[&without],
        None,
    );
    let wrong = format!("Cookie: {}={}", c.cookie_name, forged(&c.cookie));
    step.post(
        "a cookie that proves nobody",
        401,
        &format!("{site}/auth/cookiesso/token.json"),
        &[&wrong],
        None,
    );

    let _ = writeln!(
        step.out,
        "\nAGS, tenant {}: a session token in, an access and a refresh token out.",
        names::OPERATOR
    );
    let ags = format!("{url}/ags");
    let tenant = format!("nv-tenant-id: {}", names::OPERATOR);
    let service = format!("x-auth-service-id: {}", names::SERVICE);
    let headers = [tenant.as_str(), service.as_str(), json];
    let with = |authorization: &str| -> Vec<String> {
        let mut all: Vec<String> = headers.iter().map(ToString::to_string).collect();
        all.push(format!("Authorization: Bearer {authorization}"));
        all
    };
    step.get("what the tenant offers", 200, &format!("{ags}/servicediscovery"), &[&tenant]);
    step.post(
        "the operator's head-end asks for a one-time session token",
        200,
        &format!("{ags}/getSessionToken"),
        &headers,
        Some(&parameter("OperatorAuthToken", &c.operator_token, "")),
    );
    let sign_on = format!("{ags}/signOnWithSessionToken");
    step.post(
        "a new device signs on with one (each works once)",
        201,
        &sign_on,
        &headers,
        Some(&parameter(
            "sessionToken",
            c.session_tokens[0].expose(),
            r#","deviceInformation":{"deviceType":"STB","securePlayer":{"DRMs":[]}}"#,
        )),
    );
    step.post(
        "a known device signs on",
        201,
        &sign_on,
        &headers,
        Some(&parameter(
            "sessionToken",
            c.session_tokens[1].expose(),
            &format!(r#","clientId":"{}""#, c.device),
        )),
    );
    let refresh = with(&c.refresh_token);
    step.post(
        "it refreshes (again within 30 s: the same pair; later: the session ends)",
        200,
        &format!("{ags}/refresh"),
        &refresh.iter().map(String::as_str).collect::<Vec<_>>(),
        Some(r#"{"parameters":[]}"#),
    );
    let sign_out = with(&c.access_token);
    step.post(
        "another signs out",
        200,
        &format!("{ags}/signOut"),
        &sign_out.iter().map(String::as_str).collect::<Vec<_>>(),
        Some(r#"{"parameters":[]}"#),
    );
    out.push_str("\nCtrl-C stops it.\n");
    out
}

/// Writes numbered commands.
struct Steps<'o> {
    out: &'o mut String,
    number: u32,
}

impl Steps<'_> {
    fn get(&mut self, what: &str, status: u16, url: &str, headers: &[&str]) {
        self.curl(what, status, &format!("{}{}", header_options(headers), quote(url)));
    }

    fn post(&mut self, what: &str, status: u16, url: &str, headers: &[&str], body: Option<&str>) {
        let body = body.map(|b| format!(" -d {}", quote(b))).unwrap_or_default();
        let headers = header_options(headers);
        self.curl(what, status, &format!("-X POST {headers}{}{body}", quote(url)));
    }

    fn curl(&mut self, what: &str, status: u16, options: &str) {
        self.number += 1;
        let _ = writeln!(self.out, "\n# {}. {what}: {status}\ncurl -i {options}", self.number);
    }
}

fn header_options(headers: &[&str]) -> String {
    headers.iter().map(|h| format!("-H {} ", quote(h))).collect()
}

fn parameter(name: &str, value: &str, more: &str) -> String {
    format!(r#"{{"parameters":[{{"name":"{name}","value":"{value}"}}]{more}}}"#)
}

/// Well-formed, with a signature that does not fit: its first character is another one.
fn forged(cookie: &str) -> String {
    let (signed, mac) = cookie.rsplit_once('.').unwrap_or((cookie, ""));
    let first = if mac.starts_with('A') { 'B' } else { 'A' };
    format!("{signed}.{first}{}", mac.get(1..).unwrap_or_default())
}

/// In single quotes, as shells read them.
fn quote(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}
