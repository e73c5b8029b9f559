//! An SSO system goes down for a minute while clients go on: what `scripts/soak` runs. Starts a session endpoint
//! and a real Cambio that asks it, keeps a steady load on Cambio, takes the endpoint away and
//! gives it back, prints what clients were told and checks it. Exit status 1 when it was not the
//! truth.

mod endpoint;
mod tally;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use clap::Parser;

use endpoint::{Endpoint, Mode};
use tally::{Phase, Tally};

type Error = Box<dyn std::error::Error + Send + Sync>;

/// How long a verdict is good, and how long it stands in for a system that is down.
const TTL: u64 = 5;
const STALE: u64 = 40;

#[derive(Parser)]
#[command(about = "Takes an SSO system away from Cambio, under load")]
struct Args {
    /// The binary to run.
    #[arg(long, default_value = "target/release/cambio")]
    cambio: PathBuf,
    /// How the endpoint is down.
    #[arg(long, value_enum, default_value_t = Mode::Refuse)]
    mode: Mode,
    /// Seconds before the outage.
    #[arg(long, default_value_t = 10)]
    before: u64,
    /// Seconds of outage.
    #[arg(long, default_value_t = 60)]
    outage: u64,
    /// Seconds after it.
    #[arg(long, default_value_t = 20)]
    after: u64,
    /// People with a session there.
    #[arg(long, default_value_t = 500)]
    users: usize,
    /// Clients, each with a request under way.
    #[arg(long, default_value_t = 16)]
    clients: usize,
}

#[tokio::main]
async fn main() -> Result<(), Error> {
    let args = Args::parse();
    let endpoint = Endpoint::start().await?;
    let folder = tempfile::tempdir()?;
    let address = free_address()?;
    let cambio = start(&args, folder.path(), address, endpoint.address())?;
    let _stopped_at_the_end = Stop(cambio);

    let tally = Arc::new(Tally::new(TTL + STALE));
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build()?;
    let url = format!("http://{address}/services/v2/auth/cookiesso/token.json");
    until_it_answers(&client, &url).await?;
    for client_number in 0..args.clients {
        let (client, url, tally) = (client.clone(), url.clone(), Arc::clone(&tally));
        let users = args.users;
        tokio::spawn(async move {
            for turn in 0.. {
                // One in fifty was never seen before; the others come round and round.
                let step = client_number + turn * 7;
                let user = if turn % 50 == 49 {
                    format!("new-{client_number}-{turn}")
                } else {
                    format!("user-{}", step % users)
                };
                tally.record(&user, ask(&client, &url, &user).await);
            }
        });
    }

    let phases = [
        (Phase::Before, None, args.before),
        (Phase::Outage, Some(args.mode), args.outage),
        (Phase::After, None, args.after),
    ];
    for (phase, mode, seconds) in phases {
        endpoint.be(mode).await?;
        tally.enter(phase);
        tokio::time::sleep(Duration::from_secs(seconds)).await;
        tally.calls(phase, endpoint.take_calls());
    }
    println!("{}", tally.table());
    let wrong = tally.wrong(args.users, args.after / TTL + 2);
    for line in &wrong {
        eprintln!("soak: {line}");
    }
    if wrong.is_empty() { Ok(()) } else { Err("clients were not told the truth".into()) }
}

/// What one client was told: the status, whether `Retry-After` came with it, and how long it took.
async fn ask(client: &reqwest::Client, url: &str, user: &str) -> tally::Told {
    let started = Instant::now();
    let answer = client.post(url).header("Cookie", format!("sso={user}")).send().await;
    let took = started.elapsed();
    match answer {
        Ok(answer) => tally::Told {
            status: answer.status().as_u16(),
            retry_after: answer.headers().contains_key("retry-after"),
            took,
        },
        Err(_) => tally::Told { status: 0, retry_after: false, took },
    }
}

async fn until_it_answers(client: &reqwest::Client, url: &str) -> Result<(), Error> {
    let started = Instant::now();
    while ask(client, url, "user-0").await.status != 200 {
        if started.elapsed() > Duration::from_secs(30) {
            return Err("cambio does not answer".into());
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    Ok(())
}

fn free_address() -> Result<SocketAddr, Error> {
    Ok(std::net::TcpListener::bind("127.0.0.1:0")?.local_addr()?)
}

/// Stops Cambio by its own pid.
struct Stop(Child);

impl Drop for Stop {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(
    args: &Args,
    folder: &std::path::Path,
    address: SocketAddr,
    endpoint: SocketAddr,
) -> Result<Child, Error> {
    let config = format!(
        r#"environment = "development"
server.listen = "{address}"
store.kind = "memory"
log.level = "error"
[validators.sso]
kind = "http"
url = "http://{endpoint}/session"
send.cookie.name = "sso"
fields = {{ subject = "username" }}
timeout = "1s"
cache = {{ ttl = "{TTL}s", stale_if_error = "{STALE}s" }}
[[tenants.community.services]]
name = "SSO"
validator = "sso"
cookie = "sso"
[tenants.community.answerhub]
cookie_service = "SSO"
tokens.issuer = "https://community.example.com"
"#
    );
    let path = folder.join("cambio.toml");
    std::fs::write(&path, config)?;
    let mut command = Command::new(&args.cambio);
    command.args(["serve", "--config"]).arg(path).stdin(Stdio::null());
    command.spawn().map_err(|error| format!("{}: {error}", args.cambio.display()).into())
}
