//! The AGS calls, as a client of the operator makes them.

use serde_json::{Value, json};

use super::{Answer, Call, Fixture, operator_token};

/// The tenant of the AGS tests.
pub(crate) const OPERATOR_TENANT: &str = "nagra";
/// Its service for session tokens.
pub(crate) const AGS_SERVICE: &str = "Customer Auth Service";
/// Its service that a scripted identity system decides for.
pub(crate) const IDP_SERVICE: &str = "IdP";

/// A body with these parameters.
pub(crate) fn parameters(pairs: &[(&str, &str)]) -> Value {
    let pair = |(name, value): &(&str, &str)| json!({"name": name, "value": value});
    json!({"parameters": pairs.iter().map(pair).collect::<Vec<_>>()})
}

/// A sign-on's body that registers a new device.
pub(crate) fn sign_on_body(token: &str) -> Value {
    let mut body = parameters(&[("sessionToken", token)]);
    body["deviceInformation"] = json!({"deviceType": "STB"});
    body
}

impl Call {
    /// `POST /ags/<name>` of the operator's clients.
    pub(crate) fn ags(name: &str) -> Self {
        Self::post(&format!("/ags/{name}"))
            .header("nv-tenant-id", OPERATOR_TENANT)
            .header("x-auth-service-id", AGS_SERVICE)
    }

    pub(crate) fn sign_on(token: &str) -> Self {
        Self::ags("signOnWithSessionToken").json(&sign_on_body(token))
    }

    /// A sign-on on a device that is registered.
    pub(crate) fn sign_on_again(token: &str, device: &str) -> Self {
        let mut body = parameters(&[("sessionToken", token)]);
        body["clientId"] = json!(device);
        Self::ags("signOnWithSessionToken").json(&body)
    }

    /// A sign-on that the scripted identity system decides.
    pub(crate) fn idp_sign_on(token: &str) -> Self {
        Self::sign_on(token).with("x-auth-service-id", IDP_SERVICE)
    }

    pub(crate) fn get_session_token(operator_token: &str) -> Self {
        Self::ags("getSessionToken").json(&parameters(&[("OperatorAuthToken", operator_token)]))
    }

    pub(crate) fn refresh(token: &str) -> Self {
        Self::ags("refresh").header("authorization", token).json(&parameters(&[]))
    }

    pub(crate) fn devices(token: &str) -> Self {
        Self::get("/ags/devices").header("nv-tenant-id", OPERATOR_TENANT).bearer(token)
    }

    pub(crate) fn delete_device(token: &str, device: &str) -> Self {
        Self::new(http::Method::DELETE, &format!("/ags/devices/{device}"))
            .header("nv-tenant-id", OPERATOR_TENANT)
            .bearer(token)
    }

    pub(crate) fn sign_out(token: &str) -> Self {
        Self::ags("signOut").header("authorization", token).json(&parameters(&[]))
    }
}

impl Fixture {
    /// A session token for an account of the operator.
    pub(crate) async fn ticket(&self, account: &str) -> String {
        let call = Call::get_session_token(&operator_token(OPERATOR_TENANT, account));
        let answer = self.send(call).await.expect(200);
        answer["sessionToken"].as_str().unwrap().to_owned()
    }

    /// The token body of a sign-on of an account, on a new device.
    pub(crate) async fn signed_on(&self, account: &str) -> Value {
        let ticket = self.ticket(account).await;
        self.send(Call::sign_on(&ticket)).await.expect(201)
    }

    /// Refreshes with the refresh token of a token body.
    pub(crate) async fn refreshed(&self, pair: &Value) -> Answer {
        self.send(Call::refresh(pair["refresh_token"].as_str().unwrap())).await
    }
}
