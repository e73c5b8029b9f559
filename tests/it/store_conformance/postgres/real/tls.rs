//! The connection is encrypted, to the server that it should be.

use std::fs::Permissions;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use super::*;
use crate::real::postgres::Postgres;

/// A PostgreSQL that takes encrypted connections only, and its authority's file.
async fn encrypted(dir: &Path) -> Postgres {
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.join("ca.pem"), made.cert.pem()).unwrap();
    let postgres = Postgres::start().await;
    let folder = postgres.server.folder();
    folder.write("data/server.crt", made.cert.pem());
    let key = folder.write("data/server.key", made.signing_key.serialize_pem());
    std::fs::set_permissions(key, Permissions::from_mode(0o600)).unwrap();
    let client = postgres.connect("postgres").await.unwrap();
    client.batch_execute("ALTER SYSTEM SET ssl = on").await.unwrap();
    folder.write("data/pg_hba.conf", "hostssl all all 127.0.0.1/32 scram-sha-256\n");
    client.batch_execute("SELECT pg_reload_conf()").await.unwrap();
    let refused = async || postgres.connect("postgres").await.err();
    crate::real::eventually("it takes no plain connection any more", refused).await;
    postgres
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_server_is_known_by_its_authority_and_the_connection_encrypted() {
    let dir = tempfile::tempdir().unwrap();
    let postgres = encrypted(dir.path()).await;
    let table = |tls: Value| {
        json!({"kind": "postgres", "postgres": {"host": "localhost", "port": postgres.port,
            "database": "postgres", "user": USER, "password": PASSWORD, "tls": tls}})
    };
    let store = open(table(json!({"ca_file": dir.path().join("ca.pem")}))).await.unwrap();
    store.begin(sign_on(1, "a"), at(0)).await.unwrap();

    let error = open(table(json!({"enabled": false}))).await.unwrap_err();
    assert!(error.0.contains("28000"), "{error}");
    let other = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    std::fs::write(dir.path().join("other.pem"), other.cert.pem()).unwrap();
    let error = open(table(json!({"ca_file": dir.path().join("other.pem")}))).await.unwrap_err();
    assert!(error.0.contains("certificate"), "{error}");
}
