//! No secret of the configuration is ever shown: not in a problem, not by `Debug`.

use super::problems;
use crate::support::{AGS_SECRET, BASE, Fixture, OPERATOR_SECRET, PORTAL_SECRET, SITE_SECRET};

const SECRETS: [&str; 4] = [PORTAL_SECRET, SITE_SECRET, AGS_SECRET, OPERATOR_SECRET];

#[tokio::test]
async fn debug_of_settings_and_gateway_shows_none() {
    let gateway = Fixture::new().await;
    for text in [format!("{:?}", gateway.settings), format!("{:?}", gateway.app)] {
        for secret in SECRETS {
            assert!(!text.contains(secret), "a secret is shown");
        }
        assert!(!text.contains("lovelace"), "a scripted password is shown");
    }
}

#[tokio::test]
async fn problems_quote_none_wherever_a_secret_stands_wrongly() {
    for broken in [
        "validators.x = { kind = \"signed_cookie\", secrets = \"hunter2\" }",
        "validators.x = { kind = \"signed_cookie\", secrets = [\"hunter2\"] }",
        "validators.x = { kind = \"signed_cookie\", secrets = [{ flie = \"hunter2\" }] }",
        "validators.x = { kind = \"signed_cookie\", secret = \"hunter2\" }",
        "validators.x = { kind = \"jwt\", algorithms = [\"HS256\"], secret = \"hunter2\" }",
        "validators.x = { kind = \"http\", auth = \"hunter2\" }",
        "validators.x = { kind = \"oidc\", auth = { basic = \"hunter2\" } }",
        "validators.x = { kind = \"introspection\", auth = { bearer = \"hunter2 \" }, url = \"x\" }",
        "validators.x = { kind = \"introspection\", client_secret = \"hunter2\" }",
        "keys.encryption_key = \"hunter2\"",
        "keys.encryption_key = [\"hunter2\"]",
        "keys = \"hunter2\"",
        "tenants.nagra.ags.operator.keys = [{ kid = \"a\", secret = \"hunter2\" }]",
        "tenants.nagra.ags.operator.keys = \"hunter2\"",
        "tenants.nagra.ags.operator = \"hunter2\"",
        "tenants.nagra.ags.tokens.keys = [{ kid = \"a\", secret = \"hunter2\", sign = true }]",
        "tenants.nagra.ags.tokens.keys = \"hunter2\"",
        "tenants.nagra.ags.tokens.keys = [\"hunter2\"]",
        "tenants.nagra.ags.tokens.keys = [{ kid = \"a\", pem = \"hunter2\", sign = true }]",
        "tenants.nagra.ags.tokens.keys = [{ secret_base64 = \"hunter2!\", sign = true }]",
    ] {
        let dir = tempfile::tempdir().unwrap();
        let found = match crate::support::settings(&dir, broken) {
            Err(problems) => problems,
            Ok(settings) => {
                let store = cambio::session::settings::memory();
                let world = cambio::app::World::default();
                cambio::app::App::build(&settings, store, world).await.unwrap_err()
            }
        };
        assert!(!found.is_empty(), "{broken}");
        for problem in found {
            assert!(!problem.to_string().contains("hunter2"), "{problem}");
        }
    }
}

#[tokio::test]
async fn problems_are_lower_case_without_a_full_stop() {
    let text = BASE.replace("validator = ", "validtor = ").replace("kind = ", "knid = ");
    let found = problems(&text).await;
    assert!(found.len() > 5);
    for problem in found {
        let first = problem.message.chars().next().unwrap();
        assert!(!first.is_uppercase() && !problem.message.ends_with('.'), "{problem}");
    }
}
