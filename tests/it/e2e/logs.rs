//! The log: one JSON object a line, a correlation id for every request, and never a
//! credential, whatever the level.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::server::{Server, log_lines, send};

/// Uses every kind of credential, well and badly; all of their texts.
async fn every_credential(server: &Server) -> Vec<String> {
    let site = &server.demo["answerhub"];
    let text = |key: &str| site[key].as_str().unwrap().to_owned();
    let (username, password) = (text("username"), text("password"));
    let mut secrets = vec![text("cookieValue"), text("cookieValueWithoutUseApi"), password.clone()];
    secrets.push(STANDARD.encode(format!("{username}:{password}")));
    secrets.push(server.demo["ags"]["operatorAuthToken"].as_str().unwrap().to_owned());

    let jwt = server.site_token().await.text("jwt");
    server.user(&jwt).await;
    server.user(&format!("{jwt}x")).await;
    secrets.push(jwt);
    let url = server.url("/services/v2/auth/token.json");
    for password in [password.as_str(), "a wrong password"] {
        let request = server.client.post(&url).basic_auth(&username, Some(password));
        send(request).await.unwrap();
    }
    secrets.push("a wrong password".to_owned());
    let cookie = format!("{}=v1.forged.cookie", text("cookieName"));
    for path in ["/services/v2/auth/token.json", "/nothing?token=in-the-query"] {
        let request = server.client.post(server.url(path)).header("cookie", &cookie);
        assert!(send(request).await.unwrap().status >= 400);
    }
    secrets.extend(["v1.forged.cookie".to_owned(), "in-the-query".to_owned()]);

    let ags = server.ags();
    let ticket = ags.ticket().await.unwrap();
    let session = ags.sign_on(&ticket, None).await.unwrap();
    ags.sign_on(&ticket, None).await.unwrap();
    ags.sign_on("a-made-up-ticket", None).await.unwrap();
    let (access, refresh) = (session.text("access_token"), session.text("refresh_token"));
    let refreshed = ags.refresh(&refresh).await.unwrap();
    ags.refresh(&access).await.unwrap();
    ags.sign_out(&access).await.unwrap();
    ags.refresh(&refresh).await.unwrap();
    secrets.extend([ticket, "a-made-up-ticket".to_owned(), access, refresh]);
    secrets.extend([refreshed.text("access_token"), refreshed.text("refresh_token")]);
    secrets
}

#[tokio::test]
async fn every_line_is_json_with_a_correlation_id_and_no_credential() {
    for http2 in [false, true] {
        let mut server = Server::demo(&[("CAMBIO__LOG__LEVEL", "trace")]).await;
        if http2 {
            let builder = reqwest::Client::builder().no_proxy().http2_prior_knowledge();
            server.client = builder.build().unwrap();
        }
        let secrets = every_credential(&server).await;
        let request = server.client.get(server.url("/nothing"));
        send(request.header("x-correlation-id", "chosen-by-the-client")).await.unwrap();
        let ended = server.stop("TERM").await;

        let lines = log_lines(&ended.stderr);
        let requests: Vec<_> = lines.iter().filter(|l| l["target"] == "cambio::access").collect();
        assert_eq!(requests.len(), 16, "{}", ended.stderr);
        for line in &requests {
            let id = line["correlation.id"].as_str().unwrap();
            assert!(!id.is_empty(), "{line}");
        }
        assert_eq!(requests.last().unwrap()["correlation.id"], "chosen-by-the-client");
        for secret in secrets {
            let found = ended.stderr.lines().find(|line| line.contains(&secret));
            assert_eq!(found, None, "a credential is in the log");
        }
    }
}

#[tokio::test]
async fn the_level_is_set_by_the_environment() {
    let access = |stderr: &str| stderr.contains("cambio::access");
    for (level, logged) in [("info", true), ("info,cambio::access=off", false)] {
        let server = Server::demo(&[("CAMBIO__LOG__LEVEL", level)]).await;
        server.site_token().await;
        assert_eq!(access(&server.stop("TERM").await.stderr), logged, "{level}");
    }
}
