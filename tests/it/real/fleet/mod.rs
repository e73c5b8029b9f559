//! Cambio as operators run it: several processes behind a real nginx, on one store. A story is
//! an async function over a [`Fleet`]; `on_every_shared_store!` makes a test of it for each
//! store that nodes can share.

mod backups;
mod client;
mod ledger;
mod load;
mod node;
mod outages;
mod partitions;
mod stores;
mod stories;

use super::free_port;
use super::server::{Folder, Server};
use crate::e2e::server::Ags;
use node::Node;

/// The nodes and what is in front of them.
pub(super) struct Fleet {
    nodes: Vec<Node>,
    _nginx: Server,
    port: u16,
}

impl Fleet {
    /// Starts `count` nodes at once on the store that this `[store]` table describes, and nginx.
    pub(super) async fn start(count: usize, store: &str) -> Self {
        Self::on(&vec![store; count]).await
    }

    /// The same for a node on each of these tables.
    pub(super) async fn on(stores: &[&str]) -> Self {
        let started = stores.iter().map(|store| Node::start(store));
        let nodes = futures_util::future::join_all(started).await;
        let port = free_port();
        let folder = Folder::new("nobody");
        folder.write("nginx.conf", nginx(port, &nodes));
        let mut command = folder.command("nginx", "nginx");
        command.arg("-p").arg(folder.path()).args(["-c", "nginx.conf", "-e", "stderr"]);
        let mut nginx = Server::start("nginx", folder, command);
        nginx.listens(port).await;
        Self { nodes, _nginx: nginx, port }
    }

    /// A client of nginx, for this account.
    pub(super) fn client(&self, account: &str) -> Ags {
        node::client(self.port, account)
    }

    /// Waits until every node says so of itself.
    pub(super) async fn is_ready(&self, ready: bool) {
        for node in &self.nodes {
            node.is_ready(ready).await;
        }
    }
}

/// One process, so that it ends with its pid. It asks the next node when one is gone, or says that
/// it cannot serve. A refresh gets the same pair from whoever is asked again; what is used up by the
/// first call that is carried out is asked again only when it cannot have been sent. It gives up idle
/// connections sooner than a node that is to end closes them, for what is sent meanwhile would be lost.
fn nginx(port: u16, nodes: &[Node]) -> String {
    let servers: String =
        nodes.iter().map(|node| format!("server 127.0.0.1:{} max_fails=0; ", node.port)).collect();
    format!(
        "daemon off; master_process off; pid nginx.pid; error_log stderr crit;
events {{ worker_connections 1024; }}
http {{
    access_log off;
    client_body_temp_path body; proxy_temp_path proxy; fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi; scgi_temp_path scgi;
    upstream cambio {{ {servers} keepalive 32; keepalive_timeout 500ms; }}
    server {{
        listen 127.0.0.1:{port};
        proxy_http_version 1.1;
        proxy_set_header Connection \"\";
        proxy_connect_timeout 2s;
        proxy_next_upstream error timeout http_503;
        location / {{
            proxy_pass http://cambio;
        }}
        location = /ags/refresh {{
            proxy_pass http://cambio;
            proxy_next_upstream error timeout http_503 non_idempotent;
        }}
    }}
}}
"
    )
}
