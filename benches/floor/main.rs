//! The floor: what Cambio's speed is compared to by `scripts/bench`. The same HTTP stack
//! (axum on hyper-util's auto builder, tokio, `TCP_NODELAY`), the same JSON in and out and
//! the same number of signatures with prepared keys, and nothing else: no validation, no
//! store (or one round trip to it a refresh, `store.rs`), no logs, no metrics. It answers anybody with a valid-looking token under
//! throw-away keys, so it must never be deployed.

mod claims;
mod store;
mod tokens;

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode, header};
use axum::routing::{get, post};
use axum::{Json, Router};
use clap::Parser;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use hyper_util::service::TowerToHyperService;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use store::Store;
use tokens::{Algorithm, CookieAnswer, Keys, TokenBody};

type Error = Box<dyn std::error::Error + Send + Sync>;

#[derive(Parser)]
#[command(about = "The floor server that scripts/bench compares Cambio to")]
struct Args {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1:18080")]
    listen: SocketAddr,
    /// Worker threads.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// What signs the token that a cookie is exchanged for.
    #[arg(long, value_enum, default_value_t = Algorithm::Hs512)]
    alg: Algorithm,
    /// A Redis on this port of 127.0.0.1 is asked once a refresh.
    #[arg(long)]
    redis: Option<u16>,
    /// The same of a PostgreSQL.
    #[arg(long, conflicts_with = "redis")]
    postgres: Option<u16>,
    /// Prints a head-end's token for each account of tenant `nagra` that it reads, a line each, signed with
    /// the text in BENCH_OPERATOR_SECRET, and ends.
    #[arg(long)]
    operator_tokens: bool,
}

/// What the handlers share.
struct Floor {
    keys: Keys,
    store: Store,
}

fn main() -> Result<(), Error> {
    let args = Args::parse();
    if args.operator_tokens {
        let secret = std::env::var("BENCH_OPERATOR_SECRET")?;
        for account in std::io::stdin().lines() {
            println!("{}", tokens::operator_token(&secret, &account?));
        }
        return Ok(());
    }
    let mut runtime = tokio::runtime::Builder::new_multi_thread();
    runtime.worker_threads(args.workers).enable_all();
    // Spawned, so that connections are accepted on a worker and not on the main thread.
    runtime.build()?.block_on(async { tokio::spawn(serve(args)).await? })
}

async fn serve(args: Args) -> Result<(), Error> {
    let store = match (args.redis, args.postgres) {
        (Some(port), _) => Store::redis(port).await?,
        (None, Some(port)) => Store::postgres(port).await?,
        (None, None) => Store::None,
    };
    let floor = Arc::new(Floor { keys: Keys::generate(args.alg)?, store });
    let router = Router::new()
        .route("/readyz", get(|| async {}))
        .route("/services/v2/auth/cookiesso/token.json", post(cookie))
        .route("/session", get(session))
        .route("/ags/getSessionToken", post(mint_ticket))
        .route("/ags/signOnWithSessionToken", post(sign_on))
        .route("/ags/refresh", post(refresh))
        .with_state(floor);
    let listener = tokio::net::TcpListener::bind(args.listen).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        stream.set_nodelay(true)?;
        let service = TowerToHyperService::new(router.clone());
        tokio::spawn(async move {
            let builder = auto::Builder::new(TokioExecutor::new());
            // A client that goes away is none of the floor's business.
            let _ = builder.serve_connection(TokioIo::new(stream), service).await;
        });
    }
}

async fn cookie(State(floor): State<Arc<Floor>>, headers: HeaderMap) -> Json<CookieAnswer> {
    std::hint::black_box(headers.get(header::COOKIE));
    Json(floor.keys.cookie_answer())
}

/// What Cambio asks in the story cookie-http.
async fn session() -> Json<Value> {
    Json(serde_json::json!({ "username": "ada", "groups": ["USE_API"] }))
}

async fn mint_ticket() -> Json<Ticket> {
    Json(Ticket { session_token: tokens::random().uuid().simple().to_string() })
}

async fn sign_on(
    State(floor): State<Arc<Floor>>,
    Json(call): Json<AgsCall>,
) -> (StatusCode, Json<TokenBody>) {
    (StatusCode::CREATED, Json(floor.keys.pair(call.device())))
}

async fn refresh(
    State(floor): State<Arc<Floor>>,
    headers: HeaderMap,
    Json(call): Json<AgsCall>,
) -> Result<Json<TokenBody>, StatusCode> {
    std::hint::black_box(headers.get(header::AUTHORIZATION));
    floor.store.rotate().await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
    Ok(Json(floor.keys.pair(call.device())))
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Ticket {
    session_token: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
#[expect(dead_code, reason = "parsed because Cambio must parse it; the floor decides nothing")]
struct AgsCall {
    parameters: Vec<Parameter>,
    client_id: Option<String>,
    device_information: Option<Value>,
}

impl AgsCall {
    fn device(&self) -> &str {
        self.client_id.as_deref().unwrap_or("PUB_989")
    }
}

#[derive(Deserialize)]
#[expect(dead_code, reason = "parsed because Cambio must parse it; the floor decides nothing")]
struct Parameter {
    name: String,
    value: String,
}
