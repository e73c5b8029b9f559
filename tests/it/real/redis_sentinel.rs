//! A real Redis master with two replicas, watched by three sentinels, which ask for a password
//! of their own.

use std::fmt::Write;

use redis::Value;
use tokio::sync::OnceCell;

use super::certificates::Certificates;
use super::proxy::Proxy;
use super::redis::{PASSWORD, Redis, place};
use super::server::{Folder, Server};
use super::{eventually, free_port};

/// The name under which the sentinels know the master.
pub(crate) const MASTER: &str = "sessions";
/// The sentinels' password.
pub(crate) const SENTINEL_PASSWORD: &str = "another s3cret of a test";

/// A running group.
pub(crate) struct Watched {
    pub(crate) servers: Vec<Redis>,
    pub(crate) sentinels: Vec<Sentinel>,
}

/// A running sentinel.
pub(crate) struct Sentinel {
    _server: Server,
    /// Where tests ask it, in the clear.
    pub(crate) port: u16,
    /// Where it speaks TLS, if it does.
    tls_port: Option<u16>,
}

impl Watched {
    /// A master (the first server), two replicas that are in step, three sentinels that agree.
    pub(crate) async fn start() -> Self {
        Self::start_servers(None).await
    }

    /// The same, all of which speak TLS, with each other as well, are called `localhost`, and ask clients for
    /// a certificate.
    pub(crate) async fn start_encrypted(certificates: &Certificates) -> Self {
        Self::start_servers(Some(certificates)).await
    }

    async fn start_servers(certificates: Option<&Certificates>) -> Self {
        let plain = ["--save", "", "--appendonly", "no", "--repl-diskless-sync-delay", "0"];
        let mut servers: Vec<Redis> = Vec::new();
        for _ in 0..3 {
            let mut args = plain.to_vec();
            let of = servers.first().map(|master| master.place().replace(':', " "));
            if let Some(of) = &of {
                args.extend(["--replicaof", of]);
            }
            servers.push(if let Some(certificates) = certificates {
                args.extend(["--tls-replication", "yes", "--replica-announce-ip", "localhost"]);
                Redis::start_encrypted(certificates, "yes", &args).await
            } else {
                Redis::start_with(&args).await
            });
        }
        let mut sentinels = Vec::new();
        for _ in 0..3 {
            sentinels.push(Sentinel::start(&servers[0], certificates).await);
        }
        let watched = Self { servers, sentinels };
        watched.settled(2).await;
        watched
    }

    /// `host:port` of every sentinel.
    pub(crate) fn places(&self) -> Vec<String> {
        self.sentinels.iter().map(|sentinel| place(sentinel.port, sentinel.tls_port)).collect()
    }

    /// Proxies to all of it, for somebody who has no other way, and where the sentinels' are: those
    /// have sentinels name the servers' proxies.
    pub(crate) async fn behind_proxies(&self) -> (Vec<Proxy>, Vec<String>) {
        let (mut proxies, mut ports) = (Vec::new(), Vec::new());
        for server in &self.servers {
            let proxy = Proxy::to(server.port).await;
            ports.push([server.port, proxy.port].map(|port| format!("\r\n{port}\r\n")).into());
            proxies.push(proxy);
        }
        let mut places = Vec::new();
        for sentinel in &self.sentinels {
            let proxy = Proxy::to(sentinel.port).await;
            proxy.says_instead(ports.clone());
            places.push(format!("127.0.0.1:{}", proxy.port));
            proxies.push(proxy);
        }
        (proxies, places)
    }

    /// Waits until the sentinels know each other and the master has so many replicas in step.
    pub(crate) async fn settled(&self, replicas: usize) {
        eventually("the sentinels agree", async || {
            let mut master = None;
            for sentinel in &self.sentinels {
                let quorum = sentinel.ask(&["SENTINEL", "CKQUORUM", MASTER]).await.ok()?;
                matches!(&quorum, Value::SimpleString(text) if text.starts_with("OK 3 usable"))
                    .then_some(())?;
                let named = sentinel.master().await?;
                (*master.get_or_insert(named) == named).then_some(())?;
            }
            let master = self.servers.iter().find(|server| Some(server.known_port()) == master)?;
            let info = master.ask(&["INFO", "replication"]).await.ok()?;
            let info: String = redis::from_redis_value(info).unwrap();
            (info.matches("state=online").count() >= replicas).then_some(())
        })
        .await;
    }

    /// From now on sentinels wait so many milliseconds for a silent master before they elect
    /// another one.
    pub(crate) async fn elect_after(&self, millis: u32) {
        for sentinel in &self.sentinels {
            let millis = millis.to_string();
            let set = ["SENTINEL", "SET", MASTER, "down-after-milliseconds", &millis];
            sentinel.ask(&set).await.unwrap();
        }
    }

    /// The number of the server that the first sentinel says is master.
    pub(crate) async fn master(&self) -> usize {
        let port = self.sentinels[0].master().await.unwrap();
        self.servers.iter().position(|server| server.known_port() == port).unwrap()
    }

    /// Waits until another server than this one is master by all sentinels' word.
    pub(crate) async fn deposed(&self, server: usize) {
        let old = self.servers[server].known_port();
        eventually("another one is master", async || {
            for sentinel in &self.sentinels {
                (sentinel.master().await? != old).then_some(())?;
            }
            Some(())
        })
        .await;
    }
}

impl Sentinel {
    async fn start(master: &Redis, certificates: Option<&Certificates>) -> Self {
        let (port, folder) = (free_port(), Folder::new("nobody"));
        let master = master.place().replace(':', " ");
        let mut conf = String::new();
        let tls_port = certificates.map(|certificates| {
            let tls_port = free_port();
            for (key, value) in certificates.of_redis("yes") {
                writeln!(conf, "{key} {value}").unwrap();
            }
            let names = "sentinel resolve-hostnames yes\nsentinel announce-hostnames yes";
            writeln!(conf, "tls-port {tls_port}\ntls-replication yes\n{names}").unwrap();
            tls_port
        });
        write!(
            conf,
            "port {port}\nbind 127.0.0.1 -::1\nrequirepass \"{SENTINEL_PASSWORD}\"\n\
             sentinel sentinel-pass \"{SENTINEL_PASSWORD}\"\n\
             sentinel monitor {MASTER} {master} 2\n\
             sentinel auth-pass {MASTER} \"{PASSWORD}\"\n\
             sentinel down-after-milliseconds {MASTER} 700\n\
             sentinel failover-timeout {MASTER} 5000\n"
        )
        .unwrap();
        folder.write("sentinel.conf", conf);
        let mut command = folder.command("sentinel", "redis-server");
        command.args(["sentinel.conf", "--sentinel"]);
        let mut server = Server::start("sentinel", folder, command);
        server.listens(port).await;
        Self { _server: server, port, tls_port }
    }

    /// The port of who it says is master.
    async fn master(&self) -> Option<u16> {
        let answer = self.ask(&["SENTINEL", "GET-MASTER-ADDR-BY-NAME", MASTER]).await.ok()?;
        let (_, port): (String, u16) = redis::from_redis_value(answer).ok()?;
        Some(port)
    }

    pub(crate) async fn ask(&self, words: &[&str]) -> redis::RedisResult<Value> {
        super::redis::ask(self.port, SENTINEL_PASSWORD, words).await
    }
}

/// An encrypted group that tests share.
pub(crate) async fn shared() -> &'static (Watched, Certificates) {
    static SHARED: OnceCell<(Watched, Certificates)> = OnceCell::const_new();
    let start = async || {
        let certificates = Certificates::new();
        let watched = Watched::start_encrypted(&certificates).await;
        // A machine that is busy for a moment is no reason for another master.
        watched.elect_after(60_000).await;
        (watched, certificates)
    };
    SHARED.get_or_init(start).await
}
