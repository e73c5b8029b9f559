//! The commands that do not serve: help, keys and password hashes that a configuration can
//! use.

use std::path::Path;

use super::config::{ONE_TENANT, write};
use super::process::{Ended, Process};
use super::server::{Server, send};

async fn run(args: &[&str]) -> Ended {
    Process::run(args, &[], "").await
}

#[tokio::test]
async fn every_command_explains_itself() {
    let commands: [(&[&str], &str); 13] = [
        (&["--help"], "cambio demo"),
        (&["serve", "--help"], "SIGHUP"),
        (&["check", "--help"], "Exit code 2"),
        (&["explain", "--help"], "Exit code 0"),
        (&["healthcheck", "--help"], "/readyz"),
        (&["sessions", "--help"], "stats"),
        (&["sessions", "revoke", "--help"], "on every node"),
        (&["devices", "--help"], "enable"),
        (&["store", "migrate", "--help"], "by hand"),
        (&["keys", "--help"], "generate"),
        (&["keys", "generate", "--help"], "tokens.keys"),
        (&["hash-password", "--help"], "standard input"),
        (&["demo", "--help"], "Ctrl-C"),
    ];
    for (args, mention) in commands {
        let ended = run(args).await;
        assert_eq!(ended.code, Some(0), "{args:?}");
        assert!(ended.stdout.contains(mention), "{args:?}: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{args:?}");
    }
}

#[tokio::test]
async fn a_wrong_call_exits_2() {
    for args in [&["serve"] as &[&str], &["dance"], &["demo", "--store", "paper"]] {
        let ended = run(args).await;
        assert_eq!(ended.code, Some(2), "{args:?}");
        assert!(ended.stderr.contains("help"), "{args:?}: {}", ended.stderr);
    }
}

#[tokio::test]
async fn a_configuration_that_cannot_be_read_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let broken = write(dir.path(), "broken.toml", "[server\n");
    let (folder, broken) = (dir.path().to_str().unwrap(), broken.to_str().unwrap());
    let ended = run(&["check", "--config", "/nowhere.toml", folder, broken, "/dev/null"]).await;
    assert_eq!(ended.code, Some(2));
    let told = ended.stderr;
    assert!(told.starts_with("the configuration has 3 problems:\n"), "{told}");
    assert!(told.contains("  configuration: cannot read /nowhere.toml: No such file"), "{told}");
    assert!(told.contains(&format!("cannot read {folder}: Is a directory")), "{told}");
    assert!(told.contains(&format!("{broken} is no TOML: ")), "{told}");

    let good = Process::run(&["check", "--config", "/dev/stdin"], &[], ONE_TENANT).await;
    assert_eq!((good.code, &*good.stdout), (Some(0), "the configuration is good\n"));
}

/// `[…tokens]` that imports the key in `file`.
fn tokens(algorithm: &str, file: &Path) -> String {
    let file = file.display();
    let source =
        |kind: &str| format!("keys = [{{ {kind} = {{ file = \"{file}\" }}, sign = true }}]");
    match algorithm {
        "HS512" => format!("profile = \"answerhub\"\n{}", source("secret_base64")),
        _ => {
            let keys = source("pem");
            format!("profile = \"standard\"\nalgorithm = \"{algorithm}\"\n{keys}")
        }
    }
}

fn importing(algorithm: &str, file: &Path) -> String {
    let tokens = tokens(algorithm, file);
    format!("{ONE_TENANT}\n[tenants.community.answerhub.tokens]\n{tokens}\n")
        .replace("tokens.issuer = \"https://community.example.com\"\n", "")
        .replace("profile =", "issuer = \"https://community.example.com\"\nprofile =")
}

#[tokio::test]
async fn generated_keys_of_every_algorithm_can_be_imported() {
    let dir = tempfile::tempdir().unwrap();
    for algorithm in ["ES256", "ES384", "EdDSA", "RS256", "PS256", "HS512"] {
        let made = run(&["keys", "generate", "--algorithm", algorithm]).await;
        assert_eq!(made.code, Some(0), "{algorithm}: {}", made.stderr);
        assert!(made.stderr.contains("key id: "));
        let key = write(dir.path(), "key", &made.stdout);
        let config = write(dir.path(), "cambio.toml", &importing(algorithm, &key));
        let checked = run(&["check", "--config", config.to_str().unwrap()]).await;
        assert_eq!(checked.code, Some(0), "{algorithm}: {}", checked.stderr);
    }
}

#[tokio::test]
async fn a_generated_shared_secret_can_be_imported_by_ags() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(&["keys", "generate", "--algorithm", "hs256"]).await;
    let key = write(dir.path(), "key", &made.stdout);
    let text = format!(
        "{ONE_TENANT}\n[validators.tickets]\nkind = \"session_token\"\n\
         [tenants.nagra.ags]\n[[tenants.nagra.services]]\nname = \"TV\"\nvalidator = \"tickets\"\n\
         [tenants.nagra.ags.tokens]\n\
         keys = [{{ kid = \"1\", secret_base64 = {{ file = \"{}\" }}, sign = true }}]\n",
        key.display()
    );
    let config = write(dir.path(), "cambio.toml", &text);
    let checked = run(&["check", "--config", config.to_str().unwrap()]).await;
    assert_eq!(checked.code, Some(0), "{}", checked.stderr);
}

#[tokio::test]
async fn an_imported_key_signs_and_is_published_under_the_printed_id() {
    let dir = tempfile::tempdir().unwrap();
    let made = run(&["keys", "generate"]).await;
    let id = made.stderr.lines().find_map(|l| l.strip_prefix("key id: ")).unwrap();
    let key = write(dir.path(), "key", &made.stdout);
    let config = write(dir.path(), "cambio.toml", &importing("ES256", &key));
    let server = Server::serve(&config, &[]).await;
    let url = server.url("/tenants/community/.well-known/jwks.json");
    let jwks = send(server.client.get(url)).await.unwrap();
    assert_eq!(jwks.body["keys"][0]["kid"], id, "{jwks:?}");
    let url = server.url("/services/v2/auth/token.json");
    let cookie = super::config::cookie();
    let token = send(server.client.post(url).header("cookie", cookie)).await.unwrap();
    let header = jsonwebtoken::decode_header(token.text("jwt")).unwrap();
    assert_eq!(header.kid.as_deref(), Some(id));
}

#[tokio::test]
async fn a_hashed_password_lets_its_user_in() {
    let dir = tempfile::tempdir().unwrap();
    let hashed = Process::run(&["hash-password"], &[], "open sesame\n").await;
    assert_eq!((hashed.code, hashed.stderr.as_str()), (Some(0), ""));
    let users =
        format!("[[users]]\nusername = \"ali\"\npassword_hash = \"{}\"\n", hashed.stdout.trim());
    let users = write(dir.path(), "users.toml", &users);
    let text = format!(
        "{}\n[[tenants.community.services]]\nname = \"Members\"\n\
         validator = \"members\"\n[validators.members]\nkind = \"users\"\nfile = \"{}\"\n",
        ONE_TENANT.replace(
            "cookie_service = \"Site\"",
            "cookie_service = \"Site\"\npassword_service = \"Members\""
        ),
        users.display()
    );
    let config = write(dir.path(), "cambio.toml", &text);
    let server = Server::serve(&config, &[]).await;
    let url = server.url("/services/v2/auth/token.json");
    for (password, status) in [("open sesame", 200), ("open barley", 401)] {
        let request = server.client.post(&url).basic_auth("ali", Some(password));
        assert_eq!(send(request).await.unwrap().status, status);
    }
    let nothing = Process::run(&["hash-password"], &[], "\n").await;
    assert_eq!(nothing.code, Some(1), "{nothing:?}");
}
