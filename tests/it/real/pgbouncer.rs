//! A real PgBouncer in transaction mode in front of the PostgreSQL that tests share: each
//! transaction may get another server connection, and what a session would remember is lost.
//! It is configured for nothing that Cambio would need beyond the defaults.

use std::path::Path;

use tokio::sync::OnceCell;

use super::postgres::{self, PASSWORD, USER};
use super::server::{Folder, Server};
use super::{eventually, free_port};

/// A running PgBouncer.
pub(crate) struct PgBouncer {
    pub(crate) port: u16,
    _server: Server,
}

impl PgBouncer {
    /// One in front of the PostgreSQL on this port.
    pub(crate) async fn start(postgres: u16) -> Self {
        let folder = Folder::new("postgres");
        let port = free_port();
        folder.write("users.txt", format!("\"{USER}\" \"{PASSWORD}\"\n"));
        folder.write(
            "pgbouncer.ini",
            format!(
                "[databases]\n* = host=127.0.0.1 port={postgres}\n\
                 [pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\n\
                 unix_socket_dir =\nauth_type = scram-sha-256\nauth_file = users.txt\n\
                 pool_mode = transaction\ndefault_pool_size = 4\nmax_client_conn = 500\n"
            ),
        );
        // Debian keeps it off an ordinary user's PATH.
        let program = Path::new("/usr/sbin/pgbouncer");
        let program = if program.exists() { program } else { Path::new("pgbouncer") };
        let mut command = folder.command("pgbouncer", program);
        command.arg("pgbouncer.ini");
        let mut server = Server::start("pgbouncer", folder, command);
        server.listens(port).await;
        eventually("PgBouncer lets us in", async || postgres::connect(port, "postgres").await.ok())
            .await;
        Self { port, _server: server }
    }
}

/// The PgBouncer that tests share, in front of the shared PostgreSQL.
pub(crate) async fn shared() -> &'static PgBouncer {
    static SHARED: OnceCell<PgBouncer> = OnceCell::const_new();
    SHARED.get_or_init(async || PgBouncer::start(postgres::shared().await.port).await).await
}
