//! Configuration: what is bad never starts and never replaces what is good, what is good
//! replaces it without dropping a connection; the environment overrides files.

use super::config::{ANOTHER_TENANT, ONE_TENANT, cookie, write};
use super::eventually;
use super::process::Process;
use super::raw::Raw;
use super::server::{Server, log_lines};

/// A token request to this tenant, on a connection that stays open.
fn token_request(tenant: &str) -> String {
    let cookie = cookie();
    format!(
        "POST /services/v2/auth/token.json HTTP/1.1\r\nhost: x\r\nnv-tenant-id: {tenant}\r\n\
         cookie: {cookie}\r\ncontent-length: 0\r\n\r\n"
    )
}

async fn status(raw: &mut Raw, tenant: &str) -> u16 {
    raw.send(&token_request(tenant)).await;
    raw.answer().await.expect("the connection was kept").status
}

async fn logged(server: &Server, message: &str) {
    eventually(message, async || {
        let lines = log_lines(&server.process.stderr());
        lines.iter().any(|line| line["message"] == message).then_some(())
    })
    .await;
}

#[tokio::test]
async fn sighup_swaps_a_good_configuration_in_and_keeps_the_old_one_over_a_bad_one() {
    let dir = tempfile::tempdir().unwrap();
    let path = write(dir.path(), "cambio.toml", ONE_TENANT);
    let server = Server::serve(&path, &[]).await;
    let mut kept = Raw::connect(server.address).await;
    assert_eq!(status(&mut kept, "community").await, 200);
    assert_eq!(status(&mut kept, "second").await, 404);

    write(dir.path(), "cambio.toml", &ONE_TENANT.replace("\"portal\"", "\"nobody\""));
    server.process.signal("HUP");
    logged(&server, "configuration not reloaded, keeping the old one").await;
    assert_eq!(status(&mut kept, "community").await, 200);
    let problems = log_lines(&server.process.stderr());
    let named =
        |l: &serde_json::Value| l["config.path"] == "tenants.community.services.0.validator";
    assert!(problems.iter().any(named), "{problems:?}");

    write(dir.path(), "cambio.toml", &format!("{ONE_TENANT}{ANOTHER_TENANT}"));
    server.process.signal("HUP");
    logged(&server, "configuration reloaded").await;
    assert_eq!(status(&mut kept, "community").await, 200);
    assert_eq!(status(&mut kept, "second").await, 200);

    write(dir.path(), "cambio.toml", &format!("{ONE_TENANT}\n[log]\nlevel = \"debug\"\n"));
    server.process.signal("HUP");
    logged(&server, "changed, and needs a restart to count").await;
    let lines = log_lines(&server.process.stderr());
    let about = |l: &&serde_json::Value| l["message"] == "changed, and needs a restart to count";
    let sections: Vec<_> = lines.iter().filter(about).map(|l| &l["config.path"]).collect();
    assert_eq!(sections, ["log"]);
}

#[tokio::test]
async fn the_environment_overrides_files() {
    let dir = tempfile::tempdir().unwrap();
    let text = format!("{ONE_TENANT}{ANOTHER_TENANT}");
    let path = write(dir.path(), "cambio.toml", &text);
    let server = Server::serve(
        &path,
        &[
            ("CAMBIO__SERVER__DEFAULT_TENANT", "second"),
            ("CAMBIO__SERVER__LIMITS__MAX_BODY", "16"),
            ("CAMBIO__TENANTS__SECOND__ANSWERHUB__TOKENS__TTL", "90s"),
        ],
    )
    .await;
    let url = server.url("/services/v2/auth/token.json");
    let post = |body: &'static str| server.client.post(&url).header("cookie", cookie()).body(body);
    let token = super::server::send(post("")).await.unwrap();
    assert_eq!((token.status, &token.body["expiresIn"]), (200, &90.into()));
    assert_eq!(super::server::send(post("more than 16 bytes")).await.unwrap().status, 413);
}

#[tokio::test]
async fn later_files_override_earlier_ones() {
    let dir = tempfile::tempdir().unwrap();
    let first = write(dir.path(), "1.toml", ONE_TENANT);
    let second = write(dir.path(), "2.toml", "[validators.portal]\nsecrets = [\"too short\"]\n");
    let args = |files: [&std::path::PathBuf; 2]| {
        let names = files.map(|f| f.to_str().unwrap().to_owned());
        ["check".to_owned(), "--config".to_owned()].into_iter().chain(names).collect::<Vec<_>>()
    };
    for (files, code) in [([&first, &second], 2), ([&second, &first], 0)] {
        let args = args(files);
        let args: Vec<&str> = args.iter().map(String::as_str).collect();
        let ended = Process::run(&args, &[], "").await;
        assert_eq!(ended.code, Some(code), "{ended:?}");
    }
}

#[tokio::test]
async fn check_names_every_problem() {
    let dir = tempfile::tempdir().unwrap();
    let good = write(dir.path(), "good.toml", ONE_TENANT);
    let shapes = "\
        [server]\nlisten = \"nowhere\"\nspeed = 9\nlimits.max_body = 0\n\
        [log]\nlevel = \"loud\"\n[store]\nkind = \"paper\"\n[nonsense]\na = 1\n";
    let references = "\
        [validators.letter]\nkind = \"wax_seal\"\n[tenants.community]\nhosts = [\"a\"]\n\
        [tenants.second]\nhosts = [\"a\"]\n[server]\ndefault_tenant = \"third\"\n";
    let shapes = write(dir.path(), "shapes.toml", shapes);
    let references = write(dir.path(), "references.toml", references);
    let check = async |file: &std::path::Path| {
        let (good, file) = (good.to_str().unwrap(), file.to_str().unwrap());
        Process::run(&["check", "--config", good, file], &[], "").await
    };

    let ended = check(&good).await;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(0), ""));
    let ended = check(&shapes).await;
    assert_eq!(ended.code, Some(2));
    for key in ["server.listen", "server.speed", "log.level", "store.kind", "nonsense"] {
        assert!(ended.stderr.contains(&format!("  {key}: ")), "{key}: {}", ended.stderr);
    }
    let ended = check(&references).await;
    assert_eq!(ended.code, Some(2));
    for key in ["validators.letter.kind", "tenants.second", "server.default_tenant"] {
        assert!(ended.stderr.contains(&format!("  {key}: ")), "{key}: {}", ended.stderr);
    }
    let ended = check(&dir.path().join("absent.toml")).await;
    assert_eq!(ended.code, Some(2));
    assert!(ended.stderr.contains("absent.toml"), "{}", ended.stderr);
}

#[tokio::test]
async fn a_bad_configuration_never_opens_a_port() {
    let dir = tempfile::tempdir().unwrap();
    // Were it tried, the exit code would be that of an address in use.
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let env = [("CAMBIO__SERVER__LISTEN", address.as_str())];
    let unknown_key = format!("{ONE_TENANT}\n[log]\ncolour = \"red\"\n");
    let dangling = ONE_TENANT.replace("\"portal\"", "\"nobody\"");
    for text in ["not toml", &unknown_key, &dangling] {
        let path = write(dir.path(), "bad.toml", text);
        let ended = Process::run(&["serve", "--config", path.to_str().unwrap()], &env, "").await;
        assert_eq!(ended.code, Some(2), "{ended:?}");
        assert!(ended.stderr.contains("the configuration has"), "{ended:?}");
    }
    let good = write(dir.path(), "good.toml", ONE_TENANT);
    let env = [env[0], ("CAMBIO__SERVER__LISTNE", "127.0.0.1:0")];
    let ended = Process::run(&["serve", "--config", good.to_str().unwrap()], &env, "").await;
    assert_eq!(ended.code, Some(2), "{ended:?}");
}
