//! `[server]` and `[admin]`: what may be configured about serving.

use std::net::SocketAddr;
use std::path::PathBuf;

use ipnet::IpNet;
use serde::Deserialize;

use crate::domain::setting::{HumanDuration, Problems};

/// `[server]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSettings {
    /// Where clients connect.
    pub listen: SocketAddr,
    /// Worker threads; 0: one a core.
    pub workers: usize,
    /// The tenant of AnswerHub calls that name none.
    #[serde(default)]
    pub default_tenant: Option<String>,
    /// Whose `X-Forwarded-*` headers count.
    pub trusted_proxies: Vec<IpNet>,
    /// TLS, unless a proxy in front does it.
    #[serde(default)]
    pub tls: Option<TlsSettings>,
    /// Bounds.
    pub limits: LimitSettings,
    /// Browser clients.
    pub cors: CorsSettings,
}

/// `[server.tls]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TlsSettings {
    /// The certificate chain, PEM, leaf first; read again when it changes.
    pub certificate_file: PathBuf,
    /// The private key, PEM; read again together with the certificate.
    pub key_file: PathBuf,
}

/// `[server.limits]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LimitSettings {
    /// Connections open at a time; further ones wait in the kernel's backlog.
    pub max_connections: usize,
    /// Requests in flight at a time; further ones get 503.
    pub max_requests: usize,
    /// The longest request body, in bytes.
    pub max_body: usize,
    /// The longest request head, in bytes.
    pub max_head: usize,
    /// How long a TLS handshake may take.
    pub handshake_timeout: HumanDuration,
    /// How long a client may take to send a request's head or to read its answer, and how long an idle connection
    /// is kept: the two cannot be told apart on HTTP/1.1.
    pub head_timeout: HumanDuration,
    /// How long a request may take.
    pub request_timeout: HumanDuration,
    /// How long readiness is false before the listener closes.
    pub drain_delay: HumanDuration,
    /// How long open requests may take after it has closed.
    pub drain_timeout: HumanDuration,
}

/// `[server.cors]`.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CorsSettings {
    /// Origins whose pages may call, with credentials: `https://www.example.com`.
    pub allowed_origins: Vec<String>,
}

/// `[admin]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AdminSettings {
    /// Where `/livez` and `/readyz` answer.
    pub listen: SocketAddr,
}

impl ServerSettings {
    /// Notes values that parse but cannot work.
    pub fn check(&self, problems: &mut Problems) {
        let limits = &self.limits;
        let positive = [
            ("max_connections", limits.max_connections),
            ("max_requests", limits.max_requests),
            ("max_body", limits.max_body),
        ];
        for (key, value) in positive {
            if value == 0 {
                problems.push(format!("server.limits.{key}"), "must be at least 1");
            }
        }
        // hyper refuses to work with less, and kernel limits make more pointless.
        if !(8192..=1024 * 1024).contains(&limits.max_head) {
            problems.push("server.limits.max_head", "must be 8192 to 1048576");
        }
        for (key, value) in [
            ("handshake_timeout", limits.handshake_timeout),
            ("head_timeout", limits.head_timeout),
            ("request_timeout", limits.request_timeout),
        ] {
            if value.0.is_zero() {
                problems.push(format!("server.limits.{key}"), "must be longer than zero");
            }
        }
        for (i, origin) in self.cors.allowed_origins.iter().enumerate() {
            let shaped = origin.starts_with("https://") || origin.starts_with("http://");
            if !shaped || origin.ends_with('/') || origin.parse::<http::HeaderValue>().is_err() {
                let path = format!("server.cors.allowed_origins.{i}");
                problems.push(path, "must be an origin such as \"https://www.example.com\"");
            }
        }
    }
}
