//! B.1: discovery, and that what it says is what is enforced.

use crate::support::{Call, Fixture, parameters};
use serde_json::{Value, json};

async fn services(gateway: &Fixture) -> Value {
    let call = Call::get("/ags/servicediscovery").header("nv-tenant-id", "nagra");
    let body = gateway.send(call.header("token", "ignored")).await.expect(200);
    body["availableServices"].clone()
}

#[tokio::test]
async fn a_service_is_described_as_the_vendor_does() {
    let gateway = Fixture::new().await;
    let property = |name: &str| json!([{"name": name, "mandatory": true, "isPassword": false}]);
    let endpoint = |name: &str, path: &str, parameters: Value| json!({"name": name, "path": path, "parameterProperties": parameters});
    let expected = json!({
        "authServiceName": "Customer Auth Service",
        "displayAttributes": {"logo": "https://www.example.com/logo.png", "name": "Customer"},
        "endpoints": [
            endpoint("GET_SESSION_TOKEN", "/getSessionToken", property("OperatorAuthToken")),
            endpoint("SIGNON_WITH_SESSION_TOKEN", "/signOnWithSessionToken", property("sessionToken")),
            endpoint("REFRESH", "/refresh", json!([])),
            endpoint("SIGNOUT", "/signOut", json!([])),
        ],
    });
    assert_eq!(services(&gateway).await[0], expected);
}

#[tokio::test]
async fn a_tenant_without_services_is_404() {
    let gateway = Fixture::with("[tenants.empty]\nags = {}").await;
    for tenant in ["community", "empty", "nobody"] {
        let call = Call::get("/ags/servicediscovery").header("nv-tenant-id", tenant);
        gateway.send(call).await.problem(404);
    }
}

/// A service whose calls demand more than usual, and which offers no getSessionToken.
const DEMANDING: &str = r#"
[[tenants.nagra.services]]
name = "IdP"
validator = "idp"
[[tenants.nagra.services.endpoints]]
name = "SIGNON_WITH_SESSION_TOKEN"
path = "/signOnWithSessionToken"
parameters = [{ name = "sessionToken", mandatory = true }, { name = "Region", mandatory = true },
    { name = "Hint" }]
[[tenants.nagra.services.endpoints]]
name = "REFRESH"
path = "/refresh"
parameters = [{ name = "Region", mandatory = true }]
[[tenants.nagra.services.endpoints]]
name = "SIGNOUT"
path = "/signOut"
parameters = [{ name = "Reason", mandatory = true }]
"#;

fn demanding(name: &str, pairs: &[(&str, &str)]) -> Call {
    let mut body = parameters(pairs);
    if name == "signOnWithSessionToken" {
        body["deviceInformation"] = json!({});
    }
    Call::ags(name).with("x-auth-service-id", "IdP").json(&body)
}

#[tokio::test]
async fn what_discovery_calls_mandatory_is_enforced_and_nothing_else() {
    let gateway = Fixture::with(DEMANDING).await;
    let name = "signOnWithSessionToken";
    gateway.send(demanding(name, &[("sessionToken", "idp-ada")])).await.problem(400);
    gateway.send(demanding(name, &[("Region", "EU")])).await.problem(400);
    let empty = [("sessionToken", "idp-ada"), ("region", "")];
    gateway.send(demanding(name, &empty)).await.problem(400);
    let good = [("sessionToken", "idp-ada"), ("region", "EU")];
    let pair = gateway.send(demanding(name, &good)).await.expect(201);

    let refresh = |pairs: &[(&str, &str)]| {
        demanding("refresh", pairs).header("authorization", pair["refresh_token"].as_str().unwrap())
    };
    gateway.send(refresh(&[])).await.problem(400);
    let pair = gateway.send(refresh(&[("REGION", "EU")])).await.expect(200);

    let sign_out = |pairs: &[(&str, &str)]| {
        demanding("signOut", pairs).header("authorization", pair["access_token"].as_str().unwrap())
    };
    gateway.send(sign_out(&[])).await.problem(400);
    gateway.send(sign_out(&[("Reason", "bored")])).await.expect(200);
}

#[tokio::test]
async fn each_mandatory_parameter_of_every_listed_call_is_missed_by_its_name() {
    let gateway = Fixture::with(DEMANDING).await;
    for service in services(&gateway).await.as_array().unwrap() {
        for endpoint in service["endpoints"].as_array().unwrap() {
            let path = endpoint["path"].as_str().unwrap();
            let listed: Vec<_> =
                endpoint["parameterProperties"].as_array().unwrap().iter().collect();
            for missing in listed.iter().filter(|p| p["mandatory"] == true) {
                let name = |p: &&&Value| p["name"].as_str().unwrap().to_owned();
                let sent: Vec<_> =
                    listed.iter().filter(|p| *p != missing).map(|p| name(&p)).collect();
                let sent: Vec<_> = sent.iter().map(|name| (name.as_str(), "x")).collect();
                let call = Call::post(&format!("/ags{path}"))
                    .header("nv-tenant-id", "nagra")
                    .header("x-auth-service-id", service["authServiceName"].as_str().unwrap())
                    .header("authorization", "x.y.z")
                    .json(&parameters(&sent));
                let problem = gateway.send(call).await.problem(400);
                let detail = problem["detail"].as_str().unwrap();
                assert!(detail.contains(&name(&missing)), "{path}: {detail}");
            }
        }
    }
}

#[tokio::test]
async fn a_call_that_a_service_does_not_list_is_404() {
    let gateway = Fixture::with(DEMANDING).await;
    let call = demanding("getSessionToken", &[("OperatorAuthToken", "x.y.z")]);
    gateway.send(call).await.problem(404);
}
