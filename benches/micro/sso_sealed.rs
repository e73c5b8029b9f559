//! One `validate` of each kind that opens a framework's cookie, on the cookies that the
//! frameworks' own libraries made (`tests/data/vectors`): groups `sso/<kind>`.
#![expect(clippy::unwrap_used, reason = "a bench that cannot be set up must stop")]

use cambio::domain::Timestamp;
use criterion::Criterion;
use serde_json::{Value, json};

use super::sso::run_at;

/// When the vectors were made, and a little.
const MINTED: Timestamp = Timestamp::from_secs(1_795_278_600);

/// The groups of this file.
pub(crate) fn benches(c: &mut Criterion) {
    authjs(c);
    iron_session(c);
    laravel(c);
    rails(c);
}

fn vectors(name: &str) -> Value {
    let path = format!("{}/tests/data/vectors/{name}.json", env!("CARGO_MANIFEST_DIR"));
    serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap()
}

fn run(c: &mut Criterion, name: &str, table: Value, cookie: &Value) {
    run_at(c, name, table, cookie.as_str().unwrap(), MINTED);
}

fn authjs(c: &mut Criterion) {
    let file = vectors("jwe-and-seals");
    let (old, new) = (&file["next_auth_v4"], &file["authjs_v5"]);
    let table = json!({"kind": "authjs", "version": 4, "secret": [old["secret"]]});
    run(c, "sso/authjs/4", table, &old["cookie"]);
    let table = json!({"kind": "authjs", "secret": [new["secret"]], "cookie": new["salt"]});
    run(c, "sso/authjs/5", table, &new["cookie"]);
}

fn iron_session(c: &mut Criterion) {
    let vector = &vectors("jwe-and-seals")["iron_session"];
    let table = json!({"kind": "iron_session", "password": {"1": vector["password"]},
        "fields": {"subject": "userId"}});
    run(c, "sso/iron_session", table, &vector["cookie"]);
}

/// Laravel's own cookies hold no user: these were made with the vectors' key as the
/// application would, `{"sub":"ann","exp":4102444800}` in a cookie named `sso`.
fn laravel(c: &mut Criterion) {
    let app_key = &vectors("laravel")["app_key"];
    for (cipher, cookie) in [("AES-256-CBC", LARAVEL_CBC), ("AES-256-GCM", LARAVEL_GCM)] {
        let table = json!({"kind": "laravel", "app_key": [app_key], "cipher": cipher,
            "cookie": "sso", "fields": {"subject": "sub", "expires_at": "exp"}});
        run(c, &format!("sso/laravel/{cipher}"), table, &json!(cookie));
    }
}

fn rails(c: &mut Criterion) {
    let file = vectors("rails");
    let vector = &file["vectors"][1];
    let table = json!({"kind": "rails", "secret_key_base": [file["secret_key_base"]],
        "cookie": vector["cookie_name"], "fields": {"subject": "user_id", "roles": "roles"}});
    run(c, "sso/rails/encrypted", table, &vector["cookie_raw"]);
    let signed = &vector["signed_cookie"];
    let table = json!({"kind": "rails", "secret_key_base": [file["secret_key_base"]],
        "protection": "signed", "cookie": signed["name"], "fields": {"subject": "value"}});
    run(c, "sso/rails/signed", table, &signed["raw"]);
}

const LARAVEL_CBC: &str = "eyJpdiI6Ik0vL3dhWGZoRURpam56MktNQzVCQUE9PSIsInZhbHVlIjoibEdBKzdKdVR3eEFjY0Myc09jU1YyQllsQXVqbFVta0dQNWhQLzNhNFFIRk1salhNcHUrRmhPcHk4TGtJZ3NxRm10T2JlVUprRXdIcitaRzJUQzRveDdwQVhhTDVaOUpBb1dMbFcwNUl4ekU9IiwibWFjIjoiZGFjODU1NmI0OWI4MzRlZDFlOGE4MWM1OGJlNDZhZTA1ZTE5MjZkYjg3YmUzNjJlMjNmOWJhYjZkZWNmMzA5NiIsInRhZyI6IiJ9";
const LARAVEL_GCM: &str = "eyJpdiI6IitJQlJDb0l3TWcwUWlhZVgiLCJ2YWx1ZSI6IlhXQ1BjWWJvZXVkVjVjdWIvZTIrbGlZbEZoakFXVkZHNDlIaVkybmJkb25FL05pcWt2cG53ai84alo2SDlLNldKVzc4WTBGTSsxbkw1a1FsUFh2Y3BhZ0FMUk8weUd3PSIsIm1hYyI6IiIsInRhZyI6Ik5RMGJ2YjdBUFg2d3B0QUQ4R0ZsQnc9PSJ9";
