//! A real PostgreSQL, with a password over SCRAM. [`shared`] is one for the whole test run, for
//! tests that keep to a database of their own; who stops one starts one.

use std::path::PathBuf;
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};

use tokio::sync::OnceCell;

use super::server::{Folder, Server};
use super::{eventually, free_port};

/// The superuser of every PostgreSQL here.
pub(crate) const USER: &str = "pgadmin";
/// The superuser's password.
pub(crate) const PASSWORD: &str = "s3cret of a test";

/// A running PostgreSQL.
pub(crate) struct Postgres {
    pub(crate) server: Server,
    pub(crate) port: u16,
}

impl Postgres {
    /// One with an empty cluster.
    pub(crate) async fn start() -> Self {
        let folder = Folder::new("postgres");
        let password = folder.write("password", PASSWORD);
        let mut initdb = folder.command("initdb", program("initdb"));
        initdb.args(["-D", "data", "-A", "scram-sha-256", "-U", USER, "-E", "UTF8"]);
        initdb.args(["--locale=C.UTF-8", "--no-sync"]).arg("--pwfile").arg(password);
        folder.run("initdb", initdb);
        let port = free_port();
        let command = command(&folder, port);
        let mut postgres = Self { server: Server::start("postgres", folder, command), port };
        postgres.ready().await;
        postgres
    }

    /// Ends it as a crash does: SIGKILL for all its processes. Nothing is written any more, and the next
    /// start recovers.
    pub(crate) async fn crash(&mut self) {
        self.server.kill_all().await;
    }

    /// Starts it again, after it was stopped or crashed, on the same port and data.
    pub(crate) async fn start_again(&mut self) {
        let command = command(self.server.folder(), self.port);
        self.server.start_again(command);
        self.ready().await;
    }

    /// Runs statements as the superuser.
    pub(crate) async fn execute(&self, database: &str, sql: &str) {
        self.connect(database).await.unwrap().batch_execute(sql).await.unwrap();
    }

    /// A connection of the superuser.
    pub(crate) async fn connect(
        &self,
        database: &str,
    ) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
        connect(self.port, database).await
    }

    /// A new, empty database; answers its name.
    pub(crate) async fn database(&self) -> String {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let name = format!("test{}", LAST.fetch_add(1, Ordering::Relaxed));
        self.execute("postgres", &format!("create database {name}")).await;
        name
    }

    pub(super) async fn ready(&mut self) {
        self.server.listens(self.port).await;
        eventually("PostgreSQL lets us in", async || {
            self.server.still_runs();
            self.connect("postgres").await.ok()
        })
        .await;
    }
}

/// A connection of the superuser, to PostgreSQL or to what stands in front of it.
pub(crate) async fn connect(
    port: u16,
    database: &str,
) -> Result<tokio_postgres::Client, tokio_postgres::Error> {
    let mut config = tokio_postgres::Config::new();
    config.host("127.0.0.1").port(port).user(USER).password(PASSWORD).dbname(database);
    let (client, connection) = config.connect(tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client)
}

/// The PostgreSQL that tests share.
pub(crate) async fn shared() -> &'static Postgres {
    static SHARED: OnceCell<Postgres> = OnceCell::const_new();
    SHARED.get_or_init(Postgres::start).await
}

pub(super) fn command(folder: &Folder, port: u16) -> Command {
    let mut command = folder.command("postgres", program("postgres"));
    command.args(["-D", "data", "-p", &port.to_string(), "-c", "listen_addresses=127.0.0.1"]);
    command.args(["-c", "unix_socket_directories=", "-c", "max_connections=300"]);
    command
}

/// A program of the newest PostgreSQL that is installed; Debian keeps them off the PATH.
pub(super) fn program(name: &str) -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions
        .map(|version| version.path().join("bin").join(name))
        .filter(|path| path.exists())
        .max();
    newest.unwrap_or_else(|| name.into())
}
