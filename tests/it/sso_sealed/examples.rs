//! The examples in `config/examples` and what `docs/sso` copies from them: a whole gateway
//! runs on each, and exchanges a cookie of that framework.

use serde_json::{Value, json};

use super::mint::{authjs_5, iron, laravel};
use super::vectors;
use crate::answerhub::COOKIE_PATH;
use crate::support::{Call, Fixture, NOW, claims_of};

const PASSWORD: &str = "a password of at least thirty-two bytes";
const APP_KEY: &str = "base64:a2tra2tra2tra2tra2trazAxMjM0NTY3ODlhYmNkZWY=";

fn read(path: &str) -> String {
    std::fs::read_to_string(format!("{}/{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// A gateway on the example, with `secret` in place of the file that it names.
async fn gateway(name: &str, secret: &str) -> Fixture {
    let example = read(&format!("config/examples/{name}.toml"));
    let (before, rest) = example.split_once("{ file = \"").unwrap();
    let (_, after) = rest.split_once("\" }").unwrap();
    assert!(!after.contains("file ="), "one secret");
    Fixture::only(&format!("store.kind = \"memory\"\n{before}\"{secret}\"{after}")).await
}

/// Whose token the gateway mints for a `Cookie` header.
async fn exchange(gateway: &Fixture, cookies: &str) -> String {
    let call = Call::post(COOKIE_PATH).header("nv-tenant-id", "shop").header("cookie", cookies);
    let answer: Value = gateway.send(call).await.expect(200);
    claims_of(answer["jwt"].as_str().unwrap())["sub"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn rails() {
    let file = vectors("rails");
    let gateway = gateway("rails", file["secret_key_base"].as_str().unwrap()).await;
    let cookie = file["vectors"][1]["cookie_raw"].as_str().unwrap();
    assert_eq!(exchange(&gateway, &format!("_app_session={cookie}")).await, "42");
}

#[tokio::test]
async fn authjs() {
    let (secret, name) = ("a secret for these tests", "__Secure-authjs.session-token");
    let gateway = gateway("authjs", secret).await;
    let header = json!({"alg": "dir", "enc": "A256CBC-HS512"});
    let cookie = authjs_5(secret, name, &header, &json!({"sub": "ann", "exp": NOW + 60}));
    assert_eq!(exchange(&gateway, &format!("{name}={cookie}")).await, "ann");
}

#[tokio::test]
async fn iron_session() {
    let gateway = gateway("iron-session", PASSWORD).await;
    let expiry = ((NOW + 60) * 1000).to_string();
    let cookie = iron("1", PASSWORD, r#"{"userId":"ann"}"#, &expiry);
    assert_eq!(exchange(&gateway, &format!("shop-session={cookie}")).await, "ann");
}

#[tokio::test]
async fn laravel_with_a_cookie_of_its_own() {
    let gateway = gateway("laravel", APP_KEY).await;
    let content = json!({"sub": "ann", "exp": NOW + 60}).to_string();
    let cookie = laravel(b"kkkkkkkkkkkkkkkk0123456789abcdef", "sso", &content);
    assert_eq!(exchange(&gateway, &format!("sso={cookie}")).await, "ann");
}

#[test]
fn the_documentation_copies_the_examples() {
    for name in ["rails", "authjs", "iron-session", "laravel"] {
        let page = read(&format!("docs/sso/{name}.md"));
        let (_, rest) = page.split_once("```toml\n").unwrap();
        let (copied, _) = rest.split_once("```").unwrap();
        let example = read(&format!("config/examples/{name}.toml"));
        assert!(example.contains(copied), "{name}");
        let lines = copied.lines().filter(|l| !l.is_empty() && !l.starts_with('#')).count();
        assert!(lines <= 10, "{name} has {lines}");
    }
}
