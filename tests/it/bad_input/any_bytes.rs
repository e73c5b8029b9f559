//! Property tests: whatever bytes come in headers, cookies, bodies and paths, the answer is
//! a well-formed one and never a 500.

use proptest::collection::vec;
use proptest::prelude::*;

use crate::answerhub::{COOKIE, COOKIE_PATH, TOKEN_PATH, USER_PATH};
use crate::support::{Call, Fixture};

/// Any bytes that a header line can hold, credentials' own alphabet more often.
fn line() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(prop_oneof![Just(b'\t'), 0x20u8..=0x7e, 0x80u8..=0xff], 0..120),
        "(Bearer |Basic |bearer)?[A-Za-z0-9+/=_.-]{0,120}".prop_map(String::into_bytes),
        "(AnswerHubCookieSSO=)?v1\\.[A-Za-z0-9_-]{0,60}\\.[A-Za-z0-9_-]{43}"
            .prop_map(String::into_bytes),
    ]
}

/// Any body, JSON of nearly the right shape more often.
fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..300),
        "\\{\"parameters\":\\[(\\{\"name\":\"(sessionToken|OperatorAuthToken)\",\"value\":\"\\PC{0,40}\"\\})?\\](,\"(deviceInformation|clientId)\":(\\{\\}|\"[A-Z_0-9]{0,9}\"|null|[0-9]{1,3}))?\\}?"
            .prop_map(String::into_bytes),
    ]
}

fn names() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "cookie",
        "authorization",
        "nv-tenant-id",
        "x-auth-service-id",
        "x-correlation-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-country",
        "user-token",
        "content-type",
        "host",
        COOKIE,
    ])
}

const AGS_CALLS: [&str; 7] = [
    "getSessionToken",
    "signOnWithSessionToken",
    "signOn",
    "subsequentSignOn",
    "refresh",
    "signOut",
    "signOutEverywhere",
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]

    #[test]
    fn no_bytes_make_the_gateway_fail(
        lines in vec((names(), line()), 0..5),
        bodies in vec(body(), 1..4),
        trusted: bool,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gateway = Fixture::new().await;
            let dress = |mut call: Call| {
                for (name, value) in &lines {
                    call = call.header(name, value);
                }
                if trusted { call.from([10, 0, 0, 1]) } else { call }
            };
            let mut calls = vec![dress(Call::get(USER_PATH)), dress(Call::get("/.well-known/jwks.json"))];
            calls.push(dress(Call::get("/ags/devices")));
            for body in bodies {
                let change = Call::new(http::Method::PATCH, "/ags/devices/PUB_1");
                calls.push(dress(change.body(body.clone())));
                for path in [COOKIE_PATH, TOKEN_PATH] {
                    calls.push(dress(Call::post(path).body(body.clone())));
                }
                for name in AGS_CALLS {
                    calls.push(dress(Call::ags(name).body(body.clone())));
                    calls.push(dress(Call::post(&format!("/ags/{name}")).body(body.clone())));
                }
            }
            for call in calls {
                let answer = gateway.send(call).await;
                prop_assert!(answer.status < 500, "{}", answer.text());
                if answer.status >= 400 {
                    answer.problem(answer.status);
                }
            }
            Ok(())
        })?;
    }

    #[test]
    fn no_path_makes_the_gateway_fail(path in "/[a-zA-Z0-9%./_~:@!$&'()*+,;=-]{0,60}") {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let gateway = Fixture::new().await;
            let answer = gateway.send(Call::get(&path)).await;
            prop_assert!(answer.status < 500);
            Ok(())
        })?;
    }
}
