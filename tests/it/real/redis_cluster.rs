//! A real Redis Cluster: three masters with a replica each. [`shared`] is one for the whole test
//! run, for tests that keep to keys of their own; who kills a node starts one.

use redis::Value;
use tokio::sync::OnceCell;

use super::certificates::Certificates;
use super::proxy::Proxy;
use super::redis::{PASSWORD, Redis};
use super::{eventually, free_port};

/// How many nodes there are.
pub(crate) const NODES: usize = 6;

/// A running cluster.
pub(crate) struct RedisCluster {
    pub(crate) nodes: Vec<Redis>,
}

/// What a node says of another one, or of itself.
#[derive(Debug, Clone)]
struct Seen {
    id: String,
    port: u16,
    flags: String,
    slots: usize,
}

impl RedisCluster {
    /// One whose nodes are where they say.
    pub(crate) async fn start() -> Self {
        Self::start_nodes(&[], None).await
    }

    /// One whose nodes say that they are where these proxies are.
    pub(crate) async fn start_behind(proxies: &[Proxy]) -> Self {
        Self::start_nodes(proxies, None).await
    }

    /// One whose nodes speak TLS, with each other as well, call each other `localhost`, and ask clients for
    /// a certificate.
    pub(crate) async fn start_encrypted(certificates: &Certificates) -> Self {
        Self::start_nodes(&[], Some(certificates)).await
    }

    async fn start_nodes(proxies: &[Proxy], certificates: Option<&Certificates>) -> Self {
        let mut nodes = Vec::new();
        for number in 0..NODES {
            let bus = free_port().to_string();
            // A master counts as lost after two seconds. Replicas stay with theirs, so that a machine
            // that is too busy to answer in time leaves no master without.
            let plain = "--cluster-enabled yes --cluster-node-timeout 2000 --appendonly no \
                         --cluster-allow-replica-migration no --cluster-replica-validity-factor 0 \
                         --repl-diskless-sync-delay 0 --cluster-port";
            let mut args: Vec<_> = plain.split_whitespace().chain([bus.as_str()]).collect();
            args.extend(["--save", ""]);
            let announced = proxies.get(number).map(|proxy| proxy.port.to_string());
            if let Some(port) = &announced {
                args.extend([
                    "--cluster-announce-ip",
                    "127.0.0.1",
                    "--cluster-announce-port",
                    port,
                ]);
                args.extend(["--cluster-announce-bus-port", &bus]);
            }
            let node = if let Some(certificates) = certificates {
                args.extend(["--tls-cluster", "yes", "--tls-replication", "yes"]);
                args.extend(["--cluster-announce-hostname", "localhost"]);
                args.extend(["--cluster-preferred-endpoint-type", "hostname"]);
                Redis::start_encrypted(certificates, "yes", &args).await
            } else {
                Redis::start_with(&args).await
            };
            if let Some(proxy) = proxies.get(number) {
                proxy.aim(node.port);
            }
            nodes.push(node);
        }
        let cluster = Self { nodes };
        let folder = cluster.nodes[0].server.folder();
        let mut create = folder.command("create", "redis-cli");
        create.env("REDISCLI_AUTH", PASSWORD).args(["--cluster", "create"]);
        create.args(cluster.nodes.iter().map(|node| format!("127.0.0.1:{}", node.port)));
        create.args(["--cluster-replicas", "1", "--cluster-yes"]);
        folder.run("create", create);
        cluster.whole().await;
        cluster
    }

    /// `host:port` of every node.
    pub(crate) fn places(&self) -> Vec<String> {
        self.nodes.iter().map(Redis::place).collect()
    }

    /// Waits until every node that answers sees every slot served and replicas that are in step.
    pub(crate) async fn whole(&self) {
        eventually("the cluster is whole", async || {
            for node in &self.nodes {
                let info = node.ask(&["CLUSTER", "INFO"]).await.ok()?;
                text(&info).contains("cluster_state:ok").then_some(())?;
                let replication = text(&node.ask(&["INFO", "replication"]).await.ok()?);
                let in_step = replication.contains("role:master")
                    || replication.contains("master_link_status:up");
                in_step.then_some(())?;
                (node.seen().await?.len() == NODES).then_some(())?;
            }
            Some(())
        })
        .await;
    }

    /// Waits until the others serve every slot without this node.
    pub(crate) async fn serves_without(&self, gone: usize) {
        let port = self.nodes[gone].port;
        eventually("the others serve every slot", async || {
            for (_, node) in self.nodes.iter().enumerate().filter(|(n, _)| *n != gone) {
                let info = node.ask(&["CLUSTER", "INFO"]).await.ok()?;
                text(&info).contains("cluster_state:ok").then_some(())?;
                let seen = node.seen().await?;
                seen.iter().all(|n| n.port != port || n.slots == 0).then_some(())?;
            }
            Some(())
        })
        .await;
    }

    /// Moves so many slots, with what is in them, from one master to another.
    pub(crate) async fn reshard(&self, slots: usize) {
        let master = &self.nodes[self.master().await];
        let seen = master.seen().await.unwrap();
        let from = seen.iter().find(|node| node.flags.contains("myself")).unwrap();
        let other = |node: &&Seen| node.slots > 0 && node.id != from.id;
        let to = seen.iter().find(other).unwrap();
        let folder = master.server.folder();
        let mut reshard = folder.command("reshard", "redis-cli");
        reshard.env("REDISCLI_AUTH", PASSWORD).args(["--cluster", "reshard"]);
        reshard
            .arg(format!("127.0.0.1:{}", master.port))
            .args(["--cluster-yes", "--cluster-slots"]);
        reshard.arg(slots.to_string());
        reshard.args(["--cluster-from", &from.id, "--cluster-to", &to.id]);
        tokio::task::block_in_place(|| folder.run("reshard", reshard));
    }

    /// The number of a node that is a master with slots, by its own word.
    pub(crate) async fn master(&self) -> usize {
        eventually("somebody is master", async || {
            for (number, node) in self.nodes.iter().enumerate() {
                let Some(seen) = node.seen().await else { continue };
                let own = seen.iter().find(|n| n.flags.contains("myself"))?;
                if own.flags.contains("master") && own.slots > 0 {
                    return Some(number);
                }
            }
            None
        })
        .await
    }
}

impl Redis {
    /// All nodes of its cluster, as it sees them.
    async fn seen(&self) -> Option<Vec<Seen>> {
        let nodes = text(&self.ask(&["CLUSTER", "NODES"]).await.ok()?);
        nodes
            .lines()
            .map(|line| {
                let words: Vec<_> = line.split(' ').collect();
                let place = words.get(1)?.split('@').next()?;
                let flags = (*words.get(2)?).to_owned();
                let port = place.rsplit_once(':')?.1.parse().ok()?;
                Some(Seen {
                    id: words[0].to_owned(),
                    port,
                    flags,
                    slots: words.len().saturating_sub(8),
                })
            })
            .collect()
    }
}

fn text(value: &Value) -> String {
    redis::from_redis_value_ref(value).unwrap()
}

/// The cluster that tests share.
pub(crate) async fn shared() -> &'static RedisCluster {
    static SHARED: OnceCell<RedisCluster> = OnceCell::const_new();
    SHARED.get_or_init(RedisCluster::start).await
}
