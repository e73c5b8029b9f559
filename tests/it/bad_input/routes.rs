//! Paths and methods that there are not.

use super::{Case, refused};
use crate::support::{Call, Fixture};
use http::Method;

const ROUTES: [(&str, &str); 14] = [
    ("/services/v2/auth/cookiesso/token.json", "POST"),
    ("/services/v2/auth/token.json", "POST"),
    ("/services/v2/user.json", "GET,HEAD"),
    ("/ags/servicediscovery", "GET,HEAD"),
    ("/ags/getSessionToken", "POST"),
    ("/ags/signOnWithSessionToken", "POST"),
    ("/ags/refresh", "POST"),
    ("/ags/signOut", "POST"),
    ("/ags/signOn", "POST"),
    ("/ags/subsequentSignOn", "POST"),
    ("/ags/signOutEverywhere", "POST"),
    ("/ags/devices", "GET,HEAD"),
    ("/ags/devices/PUB_1", "PATCH,DELETE"),
    ("/.well-known/jwks.json", "GET,HEAD"),
];

#[tokio::test]
async fn a_wrong_method_is_405_and_says_which_are_right() {
    let gateway = Fixture::new().await;
    for (path, allowed) in ROUTES {
        for method in ["GET", "POST", "PUT", "DELETE", "PATCH", "TRACE", "OPTIONS", "BREW"] {
            if allowed.split(',').any(|a| a == method) {
                continue;
            }
            let call = Call::new(Method::from_bytes(method.as_bytes()).unwrap(), path);
            let answer = gateway.send(call).await;
            answer.problem(405);
            assert_eq!(answer.header("allow"), Some(allowed), "{method} {path}");
        }
    }
}

#[tokio::test]
async fn an_unknown_path_is_404() {
    let gateway = Fixture::new().await;
    let cases: Vec<Case> = [
        "/",
        "/ags",
        "/ags/",
        "/ags/refresh/",
        "/AGS/refresh",
        "/ags//refresh",
        "/ags/../ags/refresh",
        "/ags/%72efresh/x",
        "/services/v2/auth/token",
        "/services/v2/auth/token.json/../../user.json",
        "/%00",
        "/%ff",
        "/%zz",
        "/.env",
    ]
    .into_iter()
    .flat_map(|path| [(path, Call::get(path), 404), (path, Call::post(path), 404)])
    .collect();
    refused(&gateway, cases, &[]).await;
}

#[tokio::test]
async fn a_query_changes_nothing_and_is_never_echoed() {
    let gateway = Fixture::new().await;
    let call = Call::get("/ags/servicediscovery?token=secret&nv-tenant-id=nagra");
    refused(&gateway, vec![("query", call, 400)], &["secret"]).await;
}

#[tokio::test]
async fn problems_of_a_head_request_have_their_status() {
    let gateway = Fixture::new().await;
    let call = Call::new(Method::HEAD, "/services/v2/user.json");
    assert_eq!(gateway.send(call).await.status, 401);
}
