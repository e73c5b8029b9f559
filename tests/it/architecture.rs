//! Holds the layer table: who may import whom, read from the source itself. A part's
//! adapters are private modules, so the compiler holds the rest.

mod imports;
mod style;

use std::path::{Path, PathBuf};

use imports::crate_paths;

/// What each layer may name of the crate, besides itself. `a` is all of a layer, `a::B` only
/// that item of it.
const LAYERS: [(&str, &[&str]); 13] = [
    ("domain", &[]),
    ("support", &["domain"]),
    ("telemetry", &["domain", "support"]),
    // Siblings by their traits and the types in them: where tickets are looked up, what a
    // session remembers of an account, what a token is minted from, where keys are kept.
    (
        "sso",
        &["domain", "support", "session::TicketStore", "token::Algorithm", "token::AssertionKey"],
    ),
    // Directories ask other systems as validators do.
    ("account", &["domain", "support", "sso::lookup"]),
    ("session", &["domain", "support", "account::Account"]),
    ("token", &["domain", "account::Account", "session"]),
    // The steps of a story are noted for `explain`.
    ("exchange", &["domain", "sso", "account", "session", "token", "support::trace"]),
    // The session, its devices and the pair are what the stories answer; watched files, the geo database.
    (
        "http",
        &[
            "domain",
            "exchange",
            "session::Device",
            "session::DeviceState",
            "session::Session",
            "support",
            "token::SiteToken",
            "token::TokenPair",
        ],
    ),
    // Settings only: a part's, or those that stand beside what they configure.
    (
        "config",
        &[
            "domain",
            "exchange::LocationSettings",
            "exchange::SessionPolicy",
            "exchange::tenant",
            "serve::AdminSettings",
            "serve::ServerSettings",
            "session::settings",
            "sso::operator",
            "telemetry::LogSettings",
            "token::TokenSettings",
        ],
    ),
    ("serve", &["domain", "support", "http", "session::Store"]),
    // The composition root knows everything but the command line.
    (
        "app",
        &[
            "domain",
            "support",
            "telemetry",
            "sso",
            "account",
            "session",
            "token",
            "exchange",
            "http",
            "config",
            "serve",
        ],
    ),
    (
        "cli",
        &[
            "domain",
            "support",
            "telemetry",
            "sso",
            "account",
            "session",
            "token",
            "exchange",
            "http",
            "config",
            "serve",
            "app",
        ],
    ),
];

/// Crates that only these layers may name: the web stack stays at the edge, databases in the
/// store, the client in the validators.
const CRATES: [(&str, &[&str]); 12] = [
    ("axum", &["http", "serve"]),
    // The client's error kinds are hyper's.
    ("hyper", &["serve", "sso"]),
    ("hyper_util", &["serve", "cli"]),
    ("tower", &["http", "serve"]),
    ("tower_http", &["http", "app"]),
    ("rusqlite", &["session"]),
    ("sqlx", &["session"]),
    // Connections are `support`'s; what is asked through them is the part's.
    ("redis", &["support", "session", "sso"]),
    ("tokio_postgres", &["support", "session", "sso"]),
    ("tokio_postgres_rustls", &["support"]),
    ("reqwest", &["sso"]),
    ("clap", &["cli"]),
];

/// One source file.
struct Source {
    /// Its path in `src`, with `/`.
    path: String,
    text: String,
}

impl Source {
    /// The top-level module that it belongs to.
    fn layer(&self) -> &str {
        let first = self.path.split('/').next().unwrap();
        first.strip_suffix(".rs").unwrap_or(first)
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    walk(&root, &mut found);
    assert!(found.len() > 50, "the walk finds the sources");
    let read = |path: PathBuf| {
        let name = path.strip_prefix(&root).unwrap().to_str().unwrap().replace('\\', "/");
        Source { path: name, text: std::fs::read_to_string(&path).unwrap() }
    };
    found.into_iter().map(read).collect()
}

fn walk(dir: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
}

fn allowed(layer: &str, path: &str) -> bool {
    let (_, may) = LAYERS.iter().find(|(name, _)| *name == layer).unwrap();
    let names = |allowed: &str| {
        path == allowed || path.strip_prefix(allowed).is_some_and(|rest| rest.starts_with("::"))
    };
    names(layer) || may.iter().any(|allowed| names(allowed))
}

#[test]
fn every_layer_imports_only_what_the_table_allows() {
    let mut broken = Vec::new();
    for source in sources() {
        if matches!(source.path.as_str(), "lib.rs" | "main.rs") {
            continue;
        }
        assert!(
            LAYERS.iter().any(|(name, _)| *name == source.layer()),
            "{} has no row",
            source.path
        );
        for path in crate_paths(&source.path, &source.text) {
            if !allowed(source.layer(), &path) {
                broken.push(format!("{} names {path}", source.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn only_the_binary_names_the_command_line() {
    let main =
        std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/src/main.rs")).unwrap();
    for line in main.lines().filter(|line| line.contains("cambio::")) {
        assert!(line.contains("cambio::cli"), "{line}");
    }
}

#[test]
fn foreign_crates_stay_in_their_layers() {
    let mut broken = Vec::new();
    for source in sources() {
        for (name, layers) in CRATES {
            let named = imports::names_crate(&source.text, name);
            if named && !layers.contains(&source.layer()) {
                broken.push(format!("{} names {name}", source.path));
            }
        }
        let asynchronous = imports::names_crate(&source.text, "tokio");
        if asynchronous && source.layer() == "domain" {
            broken.push(format!("{} names tokio", source.path));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}
