//! A real Redis, with a password. [`shared`] is one for the whole test run, for tests that keep to
//! keys of their own; who stops or fills a Redis starts one.

use std::process::Command;

use redis::Value;
use tokio::sync::OnceCell;

use super::certificates::Certificates;
use super::server::{Folder, Server};
use super::{DEADLINE, free_port};

/// The password of every Redis here.
pub(crate) const PASSWORD: &str = "s3cret of a test";

/// A running Redis.
pub(crate) struct Redis {
    pub(crate) server: Server,
    /// Where tests ask it, in the clear.
    pub(crate) port: u16,
    /// Where it speaks TLS, if it does.
    tls_port: Option<u16>,
    args: Vec<String>,
}

impl Redis {
    /// One that keeps nothing on disk.
    pub(crate) async fn start() -> Self {
        Self::start_with(&["--save", "", "--appendonly", "no"]).await
    }

    /// One with these arguments after its port, address and password.
    pub(crate) async fn start_with(args: &[&str]) -> Self {
        let port = free_port();
        let folder = Folder::new("nobody");
        let given = args.iter().map(ToString::to_string).collect();
        // The password is in a file and not on the command line, as it should be.
        folder.write(
            "redis.conf",
            format!("requirepass \"{PASSWORD}\"\nmasterauth \"{PASSWORD}\"\n"),
        );
        let command = command(&folder, port, &given);
        let mut server = Server::start("redis", folder, command);
        server.listens(port).await;
        Self { server, port, tls_port: None, args: given }
    }

    /// The same, which speaks TLS as well, as `localhost`.
    pub(crate) async fn start_encrypted(
        certificates: &Certificates,
        asks_clients: &str,
        args: &[&str],
    ) -> Self {
        let tls_port = free_port();
        // A name may stand for either address.
        let mut all: Vec<_> = ["--bind", "127.0.0.1", "-::1"].map(str::to_owned).into();
        all.extend(args.iter().map(ToString::to_string));
        all.extend(["--tls-port".to_owned(), tls_port.to_string()]);
        for (key, value) in certificates.of_redis(asks_clients) {
            all.extend([format!("--{key}"), value]);
        }
        let all: Vec<_> = all.iter().map(String::as_str).collect();
        Self { tls_port: Some(tls_port), ..Self::start_with(&all).await }
    }

    /// The port that clients are to use.
    pub(crate) fn known_port(&self) -> u16 {
        self.tls_port.unwrap_or(self.port)
    }

    /// The `host:port` that clients are to use: the name that its certificate has, if it has one.
    pub(crate) fn place(&self) -> String {
        place(self.port, self.tls_port)
    }

    /// Starts it again, after it was stopped or killed, on the same port and folder.
    pub(crate) async fn start_again(&mut self) {
        let command = command(self.server.folder(), self.port, &self.args);
        self.server.start_again(command);
        self.server.listens(self.port).await;
    }

    /// Asks it something.
    pub(crate) async fn ask(&self, words: &[&str]) -> redis::RedisResult<Value> {
        ask(self.port, PASSWORD, words).await
    }
}

/// See [`Redis::place`].
pub(super) fn place(port: u16, tls_port: Option<u16>) -> String {
    match tls_port {
        Some(port) => format!("localhost:{port}"),
        None => format!("127.0.0.1:{port}"),
    }
}

/// Asks who listens on a port of 127.0.0.1, over a connection of its own. The client's own times, of
/// half a second and a second, are too short for a busy machine.
pub(super) async fn ask(port: u16, password: &str, words: &[&str]) -> redis::RedisResult<Value> {
    let address = redis::ConnectionAddr::Tcp("127.0.0.1".into(), port);
    let info = redis::IntoConnectionInfo::into_connection_info(address)?;
    let login = redis::RedisConnectionInfo::default().set_password(password);
    let client = redis::Client::open(info.set_redis_settings(login))?;
    let times = redis::AsyncConnectionConfig::new()
        .set_connection_timeout(Some(DEADLINE))
        .set_response_timeout(Some(DEADLINE));
    let mut connection = client.get_multiplexed_async_connection_with_config(&times).await?;
    redis::cmd(words[0]).arg(&words[1..]).query_async(&mut connection).await
}

fn command(folder: &Folder, port: u16, args: &Vec<String>) -> Command {
    let mut command = folder.command("redis", "redis-server");
    command.args(["redis.conf", "--bind", "127.0.0.1", "--port", &port.to_string()]).args(args);
    command
}

/// The Redis that tests share.
pub(crate) async fn shared() -> &'static Redis {
    static SHARED: OnceCell<Redis> = OnceCell::const_new();
    SHARED.get_or_init(Redis::start).await
}
