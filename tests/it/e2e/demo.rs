//! `cambio demo`: every command it prints works as printed, its JSON line is what it says,
//! a kept folder is gone on with and a temporary one is removed.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::eventually;
use super::process::Process;
use super::server::{Server, send};

/// The printed commands and the status that stands above each.
fn commands(text: &str) -> Vec<(u16, &str)> {
    let lines: Vec<&str> = text.lines().collect();
    let with_comment = lines.windows(2).filter(|pair| pair[1].starts_with("curl "));
    with_comment
        .map(|pair| {
            let (comment, status) = pair[0].rsplit_once(": ").unwrap();
            assert!(comment.starts_with("# "), "{comment}");
            (status.parse().unwrap(), pair[1])
        })
        .collect()
}

/// Runs a command as a shell would, and reads the status that curl shows.
fn status_of(command: &str) -> u16 {
    let output = Command::new("bash")
        .args(["-c", command])
        .env("no_proxy", "127.0.0.1")
        .output()
        .expect("bash and curl are installed");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let status = text.split(' ').nth(1).and_then(|s| s.parse().ok());
    status.unwrap_or_else(|| panic!("{command}: {output:?}"))
}

#[tokio::test]
async fn every_printed_command_works_as_printed() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("data");
    let args = ["demo", "--listen", "127.0.0.1:0", "--data-dir", data.to_str().unwrap()];
    let process = Process::start(&args, &[], "");
    let text = eventually("the demo prints its commands", async || {
        Some(process.stdout()).filter(|text| text.contains("Ctrl-C stops it."))
    })
    .await;
    let commands = commands(&text);
    assert!(commands.len() >= 12, "{text}");
    assert_eq!(commands.len(), text.matches("curl ").count());
    for (expected, command) in commands {
        assert_eq!(status_of(command), expected, "{command}");
    }
}

#[tokio::test]
async fn the_json_line_has_the_documented_members_and_its_credentials_work() {
    let server = Server::demo(&[]).await;
    let keys = |value: &Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(keys(&server.demo), ["url", "answerhub", "ags"]);
    let site = &server.demo["answerhub"];
    assert_eq!(
        keys(site),
        ["tenant", "cookieName", "cookieValue", "cookieValueWithoutUseApi", "username", "password"]
    );
    assert_eq!(keys(&server.demo["ags"]), ["tenant", "authServiceId", "operatorAuthToken"]);
    assert_eq!(server.demo["url"], format!("http://{}", server.address));

    let token = server.site_token().await;
    assert_eq!(server.user(&token.text("jwt")).await.status, 200);
    let text = |key: &str| site[key].as_str().unwrap();
    let url = server.url("/services/v2/auth/token.json");
    let weak = format!("{}={}", text("cookieName"), text("cookieValueWithoutUseApi"));
    let weak = send(server.client.post(&url).header("cookie", weak)).await.unwrap();
    assert_eq!(server.user(&weak.text("jwt")).await.status, 401);
    let basic = server.client.post(&url).basic_auth(text("username"), Some(text("password")));
    assert_eq!(send(basic).await.unwrap().status, 200);
    let ticket = server.ags().ticket().await.unwrap();
    assert_eq!(server.ags().sign_on(&ticket, None).await.unwrap().status, 201);
}

#[tokio::test]
async fn stdout_has_the_json_line_only_and_logs_go_to_stderr() {
    let server = Server::demo(&[]).await;
    server.site_token().await;
    let cookie = server.cookie();
    let ended = server.stop("INT").await;
    assert_eq!(ended.code, Some(0));
    assert_eq!(ended.stdout.lines().count(), 1, "{}", ended.stdout);
    assert!(ended.stderr.contains("serving") && ended.stderr.contains("cambio::access"));
    assert!(!ended.stderr.contains(&cookie));
}

#[tokio::test]
async fn a_kept_folder_is_gone_on_with() {
    let dir = tempfile::tempdir().unwrap();
    let server = Server::demo_in(dir.path(), &[]).await;
    let site = server.site_token().await.text("jwt");
    let (cookie, password) = (server.cookie(), server.demo["answerhub"]["password"].clone());
    let ags = server.ags();
    let used = ags.ticket().await.unwrap();
    let session = ags.sign_on(&used, None).await.unwrap();
    let unused = ags.ticket().await.unwrap();
    assert_eq!(server.stop("TERM").await.code, Some(0));

    let server = Server::demo_in(dir.path(), &[]).await;
    assert_eq!(server.user(&site).await.status, 200);
    let url = server.url("/services/v2/auth/cookiesso/token.json");
    let again = send(server.client.post(url).header("cookie", cookie)).await.unwrap();
    assert_eq!(again.status, 200);
    assert_eq!(server.demo["answerhub"]["password"], password);
    let ags = server.ags();
    assert_eq!(ags.refresh(&session.text("refresh_token")).await.unwrap().status, 200);
    assert_eq!(ags.sign_on(&used, None).await.unwrap().status, 401);
    let device = session.text("client_id");
    assert_eq!(ags.sign_on(&unused, Some(&device)).await.unwrap().status, 201);
}

#[tokio::test]
async fn what_is_kept_is_readable_by_its_owner_only() {
    let dir = tempfile::tempdir().unwrap();
    let data = dir.path().join("new/data");
    let _server = Server::demo_in(&data, &[]).await;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode(&data), 0o700);
    let files: Vec<_> = std::fs::read_dir(&data).unwrap().map(|f| f.unwrap().path()).collect();
    assert!(files.len() >= 6, "{files:?}");
    for file in files {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[tokio::test]
async fn a_temporary_folder_is_removed_at_the_end() {
    let dir = tempfile::tempdir().unwrap();
    let here = || std::fs::read_dir(dir.path()).unwrap().count();
    let args = ["demo", "--listen", "127.0.0.1:0", "--json"];
    let process = Process::start(&args, &[("TMPDIR", dir.path().to_str().unwrap())], "");
    eventually("the demo runs", async || process.stdout().ends_with('\n').then_some(())).await;
    assert_eq!(here(), 1);
    process.signal("INT");
    assert_eq!(process.ended().await.code, Some(0));
    assert_eq!(here(), 0);
}
