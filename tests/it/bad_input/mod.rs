//! Bad input of every kind: a clear problem document with the correlation id, never a panic,
//! nothing consumed, and never the credential's text in the answer.

mod any_bytes;
mod bodies;
mod cookies;
mod headers;
mod layers;
mod routes;
mod tokens;

use serde_json::Value;

use crate::support::{Call, Fixture};

/// One bad call: what is wrong with it, the call, and the status it must get.
pub(super) type Case = (&'static str, Call, u16);

/// Sends every case and holds its answer to the contract; `secrets` may appear in none.
pub(super) async fn refused(gateway: &Fixture, cases: Vec<Case>, secrets: &[&str]) {
    for (what, call, status) in cases {
        let answer = gateway.send(call.with("x-correlation-id", "flow-7")).await;
        assert_eq!(answer.status, status, "{what}: {}", answer.text());
        let problem: Value = answer.problem(status);
        assert_eq!(problem["correlationId"], "flow-7", "{what}");
        for secret in secrets {
            assert!(!answer.text().contains(secret), "{what}: the credential is echoed");
        }
    }
}

/// Sends every case of a sign-on with this session token, which must then still be good.
pub(super) async fn refused_unburnt(gateway: &Fixture, cases: Vec<Case>, ticket: &str) {
    refused(gateway, cases, &[ticket]).await;
    gateway.send(Call::sign_on(ticket)).await.expect(201);
}
