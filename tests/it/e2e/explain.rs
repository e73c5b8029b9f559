//! `cambio explain` with the real binary: what it tells, how it ends, and what it never shows.

use std::path::{Path, PathBuf};

use cambio::domain::{Attributes, SecretString, Subject, Timestamp};
use cambio::sso::{SignedCookiePayload, issue_signed_cookie};
use serde_json::{Value, json};

use super::config::{ONE_TENANT, SECRET, write};
use super::process::{Ended, Process};
use crate::fake_upstream::{Behaviour, Upstream, refusing_origin};
use crate::sso_fixtures::cheap_hash;

/// One tenant whose services take what the tests bring.
fn configuration(dir: &Path, sso: &str) -> PathBuf {
    let users = json!({"users": [{"username": "annabel", "password_hash": cheap_hash("correct horse"),
        "roles": ["USE_API"]}]});
    let users = write(dir, "users.json", &users.to_string());
    let accounts = json!({"accounts": [{"id": "1663", "subjects": ["ada"]},
        {"id": "1664", "subjects": ["sue"], "state": "suspended"}]});
    let accounts = write(dir, "accounts.json", &accounts.to_string());
    let more = format!(
        r#"
[validators.users]
kind = "users"
file = "{}"
[validators.sso]
kind = "http"
url = "{sso}/session/{{credential}}?key=upstream-secret-key"
send = "url"
headers = {{ x-api-key = "another-upstream-secret" }}
[validators.sso.fields]
subject = {{ cel = "session.user.name" }}
roles = "groups"
session_id = "id"
attributes.mail = "mail"
deny_if = [{{ cel = "session.?banned.orValue(false)", reason = "user is banned" }}]
[validators.either]
kind = "any_of"
validators = ["portal", "sso"]
[validators.cas]
kind = "cas"
url = "{sso}/cas"
service = "https://gateway.example.com/"
[validators.tickets]
kind = "session_token"
[accounts.listed]
kind = "file"
file = "{}"
[[tenants.community.services]]
name = "Members"
validator = "users"
[[tenants.community.services]]
name = "Asked"
validator = "sso"
[[tenants.community.services]]
name = "Once"
validator = "cas"
[[tenants.community.services]]
name = "Either"
validator = "either"
accounts = "listed"
[tenants.operator]
ags = {{}}
[[tenants.operator.services]]
name = "TV"
validator = "portal"
accounts = "listed"
[[tenants.operator.services]]
name = "Tickets"
validator = "tickets"
"#,
        users.display(),
        accounts.display()
    );
    write(dir, "cambio.toml", &format!("{ONE_TENANT}{more}"))
}

/// What the portal signs for a subject that ends at `exp`.
fn cookie(subject: &str, exp: i64) -> String {
    let payload = SignedCookiePayload {
        sub: Subject::parse(subject).unwrap(),
        uid: None,
        roles: vec!["USE_API".to_owned()],
        accounts: Vec::new(),
        exp: Timestamp::from_secs(exp),
        sid: None,
        attrs: Attributes::new(),
    };
    issue_signed_cookie(&SecretString::new(SECRET), &payload)
}

const LATE: i64 = 4_102_444_800;

struct Explained {
    dir: tempfile::TempDir,
    config: PathBuf,
}

impl Explained {
    fn with(sso: &str) -> Self {
        let dir = tempfile::tempdir().unwrap();
        let config = configuration(dir.path(), sso);
        Self { dir, config }
    }

    /// Runs it on a credential; the credential and the upstream's secrets are in no output.
    async fn run(&self, tenant: &str, service: &str, credential: &str, more: &[&str]) -> Ended {
        let config = self.config.to_str().unwrap();
        let args = ["explain", "--config", config, "--tenant", tenant, "--service", service];
        let args = [&args, more].concat();
        let ended = Process::run(&args, &[], &format!("{credential}\n")).await;
        let password = credential.split_once(':').map_or(credential, |(_, password)| password);
        let password = if password.len() < 4 { SECRET } else { password };
        for secret in [password, "upstream-secret-key", "another-upstream-secret", SECRET] {
            assert!(!ended.stdout.contains(secret) && !ended.stderr.contains(secret), "{ended:?}");
        }
        ended
    }

    async fn json(
        &self,
        tenant: &str,
        service: &str,
        credential: &str,
        more: &[&str],
    ) -> (i32, Value) {
        let ended = self.run(tenant, service, credential, &[more, &["--json"]].concat()).await;
        let document = serde_json::from_str(&ended.stdout);
        (ended.code.unwrap(), document.unwrap_or_else(|e| panic!("{e}: {ended:?}")))
    }
}

fn steps<'d>(document: &'d Value, name: &str) -> Vec<&'d Value> {
    document["steps"].as_array().unwrap().iter().filter(|step| step["step"] == name).collect()
}

#[tokio::test]
async fn a_cookie_that_is_granted() {
    let explained = Explained::with("http://127.0.0.1:1");
    let ended = explained.run("community", "Site", &cookie("ada", LATE), &[]).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(ended.stdout.contains("validator of kind signed_cookie says verified"), "{ended:?}");
    assert!(ended.stdout.contains("sub: [text, 3 bytes]"), "{ended:?}");
    assert!(ended.stdout.contains("iss: https://community.example.com"), "{ended:?}");
    assert!(ended.stdout.lines().last().unwrap().starts_with("granted in "), "{ended:?}");
    assert!(!ended.stdout.contains("ada"), "values are shown only when they are asked for");
    let (code, document) =
        explained.json("community", "Site", &cookie("ada", LATE), &["--show-values"]).await;
    assert_eq!((code, &document["result"]), (0, &json!("granted")));
    let token = &document["tokens"]["token"];
    assert_eq!(
        (&token["claims"]["sub"], &token["claims"]["roles"]),
        (&json!("ada"), &json!(["USE_API"]))
    );
    let claims = token["claims"].to_string().len();
    assert_eq!(token["claims_bytes"], claims);
    assert!(token["token_bytes"].as_u64().unwrap() as usize > claims);
}

#[tokio::test]
async fn what_a_session_endpoint_is_asked_and_says() {
    let answer = json!({"user": {"name": "zoe-the-user"}, "groups": ["a", "b"], "mail": "zoe@example.com",
        "id": "the-session-id-itself", "other": "not-mapped-anywhere"});
    let up = Upstream::start(Behaviour::json(answer)).await;
    let explained = Explained::with(&up.origin);
    let credential = "the-session-id-itself";
    let (code, document) = explained.json("community", "Asked", credential, &[]).await;
    assert_eq!(code, 0, "{document:#}");
    let asked = steps(&document, "asked");
    assert_eq!(asked.len(), 1);
    assert_eq!((&asked[0]["method"], &asked[0]["status"]), (&json!("GET"), &json!(200)));
    assert_eq!(asked[0]["origin"], up.origin, "neither path nor query: they hold the credential");
    let outline = &steps(&document, "document")[0]["members"];
    assert_eq!(outline["groups"], "list");
    let fields: Vec<_> = steps(&document, "field").iter().map(|f| f["name"].clone()).collect();
    assert_eq!(fields, ["subject", "roles", "session_id", "attributes.mail"]);
    assert_eq!(steps(&document, "field")[0]["from"], "session.user.name");
    assert_eq!(steps(&document, "deny_if")[0]["refuses"], false);
    let text = document.to_string();
    assert!(!text.contains("zoe") && !text.contains("not-mapped-anywhere"), "{text}");

    let ended = explained.run("community", "Asked", credential, &["--show-values"]).await;
    assert!(ended.stdout.contains("subject from session.user.name: zoe-the-user"), "{ended:?}");
    assert!(ended.stdout.contains("session_id from id: [the credential]"), "{ended:?}");
    assert!(!ended.stdout.contains("not-mapped-anywhere"));
    assert_eq!(up.requests().len(), 2);
}

#[tokio::test]
async fn refusals_say_why_and_exit_1() {
    let up =
        Upstream::start(Behaviour::json(json!({"user": {"name": "zoe"}, "banned": true}))).await;
    let explained = Explained::with(&up.origin);
    for (tenant, service, credential, why) in [
        ("community", "Site", cookie("ada", 1), "it has expired"),
        ("community", "Site", cookie("ada", LATE).replace("v1.", "v1.x"), "MAC does not verify"),
        ("community", "Asked", "some-session".to_owned(), "user is banned"),
        (
            "community",
            "Members",
            "annabel:wrong-password".to_owned(),
            "user name or password is wrong",
        ),
        ("operator", "TV", cookie("sue", LATE), "account is suspended"),
        ("operator", "TV", cookie("nobody", LATE), "account does not exist"),
    ] {
        let ended = explained.run(tenant, service, &credential, &[]).await;
        assert_eq!(ended.code, Some(1), "{service}: {ended:?}");
        let last = ended.stdout.lines().last().unwrap();
        assert!(last.starts_with("refused in ") && last.contains(why), "{service}: {ended:?}");
    }
}

#[tokio::test]
async fn what_cannot_be_found_out_exits_3() {
    let explained = Explained::with(&refusing_origin().await);
    let ended = explained.run("community", "Asked", "some-session", &[]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("says unavailable"), "{ended:?}");
    // Tickets are in the server's store: that none is found here says nothing.
    let ticket = "00000goodticketgoodticketgoodtic";
    let ended = explained.run("operator", "Tickets", ticket, &[]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("server's own store"), "{ended:?}");
}

#[tokio::test]
async fn the_pair_of_a_sign_on_and_the_account_behind_it() {
    let explained = Explained::with("http://127.0.0.1:1");
    let credential = cookie("ada", LATE);
    let more = ["--kind", "bearer", "--show-values"];
    let (code, document) = explained.json("operator", "TV", &credential, &more).await;
    assert_eq!(code, 0, "{document:#}");
    let account = steps(&document, "account")[0];
    assert_eq!((&account["id"], &account["state"]), (&json!("1663"), &json!("active")));
    assert_eq!(document["tokens"]["access token"]["claims"]["accountId"], "1663");
    assert_eq!(document["tokens"]["refresh token"]["claims"]["typ"], "RefreshAuthN");
    assert!(document["notes"][0].as_str().unwrap().contains("device"));
}

#[tokio::test]
async fn what_is_good_once_is_not_used_up() {
    let up = Upstream::start(Behaviour::json(json!({}))).await;
    let explained = Explained::with(&up.origin);
    let ended = explained.run("community", "Once", "ST-1-a-service-ticket", &[]).await;
    assert_eq!(ended.code, Some(3), "{ended:?}");
    assert!(ended.stdout.contains("would use it up"), "{ended:?}");
    assert_eq!(up.requests().len(), 0);
}

#[tokio::test]
async fn who_recognizes_a_credential_of_several() {
    let up = Upstream::start(Behaviour::json(json!({"user": {"name": "zoe"}}))).await;
    let explained = Explained::with(&up.origin);
    let (code, document) = explained.json("community", "Either", &cookie("ada", LATE), &[]).await;
    assert_eq!((code, steps(&document, "recognizes").len()), (0, 1));
    let (code, document) = explained.json("community", "Either", "some-session", &[]).await;
    let answers: Vec<_> =
        steps(&document, "recognizes").iter().map(|s| s["answer"].clone()).collect();
    assert_eq!((code, answers), (0, vec![json!(false), json!(true)]));
    assert_eq!(up.requests().len(), 1, "the cookie was not sent on");
}

#[tokio::test]
async fn a_password_comes_from_a_file_too() {
    let explained = Explained::with("http://127.0.0.1:1");
    let file = write(explained.dir.path(), "credential", "annabel:correct horse\n");
    let more = ["--credential-file", file.to_str().unwrap(), "--kind", "basic"];
    let ended = explained.run("community", "Members", "unread", &more).await;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert!(!ended.stdout.contains("correct horse"));
}

#[tokio::test]
async fn a_wrong_call_or_configuration_exits_2() {
    let explained = Explained::with("http://127.0.0.1:1");
    for (tenant, service, credential, more) in [
        ("nobody", "Site", "x", &[] as &[&str]),
        ("community", "Nothing", "x", &[]),
        ("community", "Members", "annabel:x", &["--kind", "cookie"]),
        ("community", "Members", "no-colon-in-it", &[]),
        ("community", "Site", "", &[]),
    ] {
        let ended = explained.run(tenant, service, credential, more).await;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(2), ""), "{service}: {ended:?}");
    }
    let bad = write(explained.dir.path(), "bad.toml", "validators.portal.kind = \"oven\"");
    let both = ["--config", bad.to_str().unwrap()];
    let ended = explained.run("community", "Site", "some-credential", &both).await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("validators.portal.kind"), "{ended:?}");
}
