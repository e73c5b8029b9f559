//! `config/default.toml`, which is embedded and is the reference: it reads as it stands, and
//! with every key that is commented out.

use std::path::Path;
use std::process::Command;

use cambio::app::{App, World};
use cambio::config::DEFAULTS;
use cambio::session::settings::{StoreSettings, memory};

use super::load;
use crate::support::{BASE, mmdb};

#[test]
fn the_embedded_defaults_read_as_they_stand() {
    assert!(load("").is_ok());
}

/// The reference with every commented key in force, its files in `dir`.
fn uncommented(dir: &Path) -> String {
    let line = |line: &str| match line.strip_prefix('#') {
        // These keys belong to other kinds of store than the one above them.
        Some(key) if key.starts_with("capacity") || of_postgres(key) => String::new(),
        Some(key) if !key.starts_with(' ') => key.to_owned(),
        _ => line.to_owned(),
    };
    let mut text: String = without_servers().lines().map(|l| line(l) + "\n").collect();
    for place in ["/run/secrets", "/etc/cambio", "/var/lib/GeoIP"] {
        text = text.replace(place, &dir.display().to_string());
    }
    text
}

/// The reference without the sections of stores that the default kind does not know.
fn without_servers() -> String {
    let mut inside = false;
    let lines = DEFAULTS.lines().filter(|line| {
        if line.starts_with('[') || line.starts_with("#[") {
            inside = line.starts_with("#[store.");
        }
        !inside
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The commented keys of a section, as they stand there.
fn keys_of(header: &str) -> Vec<&'static str> {
    let (_, section) = DEFAULTS.split_once(header).unwrap();
    let section = section.split("\n[").next().unwrap().split("\n#[").next().unwrap();
    let key = |line: &&str| line.starts_with('#') && !line.starts_with("# ");
    section.lines().filter(key).map(|line| &line[1..]).collect()
}

/// What a text reads as, with its files in `dir`.
fn read(dir: &Path, text: &str) -> StoreSettings {
    write_files(dir);
    let place = dir.display().to_string();
    let text = text.replace("/run/secrets", &place).replace("/etc/cambio", &place);
    load(&text).unwrap_or_else(|problems| panic!("{problems:?}")).store
}

/// The keys that begin so: those that have no value of their own when they are absent.
fn without_default<'a>(keys: &[&'a str], names: &[&str]) -> Vec<&'a str> {
    keys.iter().copied().filter(|key| names.iter().any(|name| key.starts_with(name))).collect()
}

#[test]
fn every_key_of_the_redis_store_is_one_and_has_the_default_that_is_shown() {
    let keys = keys_of("#[store.redis]");
    assert_eq!(keys.len(), 17, "{keys:?}");
    let some = without_default(&keys, &["user", "password", "sentinel_", "tls", "connections"]);
    assert_eq!(some.len(), 6);
    let dir = tempfile::tempdir().unwrap();
    let [all, some] = [keys, some].map(|keys| {
        read(dir.path(), &format!("[store]\nkind = \"redis\"\n[store.redis]\n{}", keys.join("\n")))
    });
    assert_eq!(all, some);
}

#[test]
fn every_key_of_the_postgres_store_is_one_and_has_the_default_that_is_shown() {
    // `hosts` stands for `host` and `port`, which are therefore told from their defaults
    // (`support::postgres` tests what these are).
    let (hosts, keys): (Vec<_>, Vec<_>) =
        keys_of("#[store.postgres]").into_iter().partition(|key| key.starts_with("hosts"));
    assert_eq!((hosts.len(), keys.len()), (1, 10), "{keys:?}");
    let some = without_default(&keys, &["database", "password", "tls", "host", "port"]);
    assert_eq!(some.len(), 5);
    assert_eq!(some[..2], ["host = \"127.0.0.1\"", "port = 5432"]);
    let own: Vec<_> =
        keys_of("[store]").into_iter().filter(|key| of_postgres(key)).map(str::to_owned).collect();
    assert_eq!(own.len(), 3, "{own:?}");
    let dir = tempfile::tempdir().unwrap();
    let [all, some] = [(own, keys), (Vec::new(), some)].map(|(own, keys)| {
        let (own, keys) = (own.join("\n"), keys.join("\n"));
        read(dir.path(), &format!("[store]\nkind = \"postgres\"\n{own}\n[store.postgres]\n{keys}"))
    });
    assert_eq!(all, some);
    let tls = "tls = { enabled = true }";
    let several = format!("[store]\nkind = \"postgres\"\n[store.postgres]\n{}\n{tls}", hosts[0]);
    assert_ne!(read(dir.path(), &several), some);
}

/// Whether a key of `[store]` is the PostgreSQL store's alone.
fn of_postgres(key: &str) -> bool {
    ["schema", "migrate", "prepared_statements"].iter().any(|own| key.starts_with(own))
}

#[test]
fn the_examples_of_stores_that_are_servers_read() {
    let dir = tempfile::tempdir().unwrap();
    for name in ["store-redis.toml", "store-postgres.toml"] {
        let example = format!("{}/config/examples/{name}", env!("CARGO_MANIFEST_DIR"));
        read(dir.path(), &std::fs::read_to_string(example).unwrap());
    }
}

#[tokio::test]
async fn every_example_and_the_readmes_configuration_are_good() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let examples = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/examples");
    let readme = include_str!("../../../README.md");
    let (_, readme) = readme.split_once("```toml\n# cambio.toml\n").unwrap();
    let (readme, _) = readme.split_once("```").unwrap();
    let mut texts = vec![("README.md".to_owned(), readme.to_owned())];
    for entry in std::fs::read_dir(&examples).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        let mut text = std::fs::read_to_string(entry.path()).unwrap();
        if name.starts_with("store-") {
            // A store alone serves nobody.
            text.push_str(readme);
        }
        texts.push((name, text));
    }
    assert!(texts.len() > 20, "{}", texts.len());
    for (name, mut text) in texts {
        for place in ["/run/secrets", "/etc/cambio"] {
            text = text.replace(place, dir.path().to_str().unwrap());
        }
        let settings = load(&text).unwrap_or_else(|problems| panic!("{name}: {problems:?}"));
        let built = App::build(&settings, memory(), World::default()).await;
        assert!(built.is_ok(), "{name}: {:?}", built.err());
    }
}

/// Every file that the reference and the examples name, with something good in it.
fn write_files(dir: &Path) {
    let write = |name: &str, content: &[u8]| std::fs::write(dir.join(name), content).unwrap();
    write("cambio-kek", b"AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    for secret in ["portal-cookie", "idp-shared", "head-end-1", "ags-key"] {
        write(secret, b"a secret of more than thirty-two bytes\n");
    }
    for secret in ["crm-key", "billing-password"] {
        write(secret, b"a-key-of-another-system\n");
    }
    for secret in ["auth-secret", "iron-session-password", "rails-secret-key-base"] {
        write(secret, b"a secret of more than thirty-two bytes\n");
    }
    write("laravel-app-key", b"base64:AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n");
    for framework in ["better-auth-secret", "django-secret-key", "flask-secret-key"] {
        write(framework, b"a framework's secret\n");
        write(&format!("{framework}-old"), b"a framework's old secret\n");
    }
    for secret in ["canaille-client", "canaille-secret-key", "express-secret", "idp-client"] {
        write(secret, b"a secret of an example\n");
    }
    write("postgres-password", b"a password\n");
    write("redis-password", b"a password\n");
    write("sentinel-password", b"a password\n");
    for secret in ["app-session-secret", "app-redis-password", "app-postgres-password"] {
        write(secret, b"a secret of an application\n");
    }
    let own = rcgen::generate_simple_self_signed(["cambio.example.com".to_owned()]).unwrap();
    for certificate in ["app-ca.pem", "app-client.pem"] {
        write(certificate, own.cert.pem().as_bytes());
    }
    write("app-client-key.pem", own.signing_key.serialize_pem().as_bytes());
    write("users.toml", b"");
    write("accounts.toml", b"");
    write("GeoLite2-Country.mmdb", &mmdb::database(&[([192, 0, 2, 0].into(), 24, "CH")]));
    let authority = rcgen::generate_simple_self_signed(["sso.example.com".to_owned()]).unwrap();
    write("sso-ca.pem", authority.cert.pem().as_bytes());
    write("client.crt", authority.cert.pem().as_bytes());
    write("client.key", authority.signing_key.serialize_pem().as_bytes());
    write("sso-token", b"a-token-for-the-endpoint\n");
    write("sso-api-key", b"an API key\n");
    let key = rcgen::KeyPair::generate().unwrap();
    write("cambio-client-key", key.serialize_pem().as_bytes());
    write("postgres-ca.pem", authority.cert.pem().as_bytes());
    write("redis-ca.pem", authority.cert.pem().as_bytes());
}

#[tokio::test]
async fn every_key_of_the_reference_is_one() {
    let dir = tempfile::tempdir().unwrap();
    write_files(dir.path());
    let settings = load(&uncommented(dir.path())).unwrap();
    let app = App::build(&settings, memory(), World::default()).await.unwrap();
    assert_eq!(app.gateway().tenants.len(), 2);
}

#[test]
fn every_kind_of_store_can_be_configured() {
    assert!(load("store = { kind = \"memory\", capacity = 1000 }").is_ok());
    assert!(load("store.kind = \"memory\"").is_ok());
    assert!(load("store = { kind = \"sqlite\", path = \"/tmp/x.db\" }").is_ok());
    assert!(load("store.kind = \"postgres\"").is_ok());
    assert!(load("store.kind = \"redis\"").is_ok());
}

/// Runs `cambio check` on a configuration, with this in the environment.
fn check(text: &str, environment: &[(&str, &str)]) -> (Option<i32>, String) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("cambio.toml");
    std::fs::write(&file, text).unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_cambio"))
        .args(["check", "--config"])
        .arg(&file)
        .envs(environment.iter().copied())
        .output()
        .unwrap();
    (output.status.code(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn the_environment_overrides_the_files() {
    assert_eq!(check(BASE, &[]).0, Some(0));
    let good =
        [("CAMBIO__SERVER__WORKERS", "3"), ("CAMBIO__TENANTS__NAGRA__AGS__MAX_DEVICES", "7")];
    assert_eq!(check(BASE, &good).0, Some(0));
    let bad = [
        ("CAMBIO__SERVER__LISTEN", "nowhere"),
        ("CAMBIO__SERVER__LIMITS__MAX_BODY", "much"),
        ("CAMBIO__LOG__FORMAT", "xml"),
        ("CAMBIO__SEVER__LISTEN", "127.0.0.1:1"),
    ];
    let (code, told) = check(BASE, &bad);
    assert_eq!(code, Some(2));
    for key in ["server.listen", "server.limits.max_body", "log.format", "sever"] {
        assert!(
            told.lines().any(|line| line.trim().starts_with(&format!("{key}:"))),
            "{key}: {told}"
        );
    }
}

#[test]
fn what_cannot_be_read_and_what_does_not_fit_are_told_together() {
    let text = BASE
        .replace("validator = \"members\"", "validator = \"nobody\"")
        .replace("kid = \"259629\"", "kdi = \"259629\"")
        .replace("trusted_proxies = [\"10.0.0.0/8\"]", "trusted_proxies = [\"here\", \"there\"]");
    let (code, told) = check(&text, &[("CAMBIO__LOG__FORMAT", "xml")]);
    assert_eq!(code, Some(2));
    let mut keys: Vec<_> = told
        .lines()
        .skip(1)
        .map(|line| line.trim().split(": ").next().unwrap())
        .filter(|key| !key.contains("password_service"))
        .collect();
    keys.sort_unstable();
    let expected = [
        "log.format",
        "server.trusted_proxies.0",
        "server.trusted_proxies.1",
        "tenants.community.services.1.validator",
        "tenants.nagra.ags.tokens.keys.0.kdi",
        "tenants.nagra.ags.tokens.keys.0.kid",
        "tenants.rival.ags.tokens.keys.0.kdi",
        "tenants.rival.ags.tokens.keys.0.kid",
    ];
    assert_eq!(keys, expected, "{told}");
}
