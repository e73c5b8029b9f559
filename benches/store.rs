//! Throughput of a session store: tickets, sign-ons that claim one and register a device,
//! refreshes and reads, before and after a number of live sessions has been put in. Run by
//! hand: `taskset -c 0 cargo run --release --example store -- [sqlite DIR | postgres TABLE | memory]
//! [LIVE]` (the table as JSON: `{"port": 5432, "user": "cambio", "password": "…"}`);
//! one core then holds the callers and the writer, as in a small container. With SEQUENTIAL
//! set in the environment, session numbers ascend in their high bits.

#![expect(clippy::expect_used, reason = "a benchmark that cannot go on has nothing to say")]

use std::sync::Arc;
use std::time::{Duration, Instant};

use cambio::account::Account;
use cambio::domain::identity::OneTimeClaim;
use cambio::domain::setting::Problems;
use cambio::domain::{AccountId, DeviceId, ServiceName, TenantId, Timestamp};
use cambio::session::settings;
use cambio::session::{
    Device, DeviceLimits, DeviceRequest, DeviceState, Facts, NewSession, NextPair,
    PresentedRefresh, SessionId, Store, Ticket,
};

const CALLERS: u64 = 64;
const ROUND: u64 = 100_000;
const START: i64 = 1_700_000_000;
const MONTH: i64 = 30 * 86_400;

fn main() {
    let args: Vec<String> = std::env::args().skip(1).collect();
    let (value, live) = match &args[..] {
        [kind, dir, rest @ ..] if kind == "sqlite" => {
            let path = std::path::Path::new(dir).join("store.db");
            (serde_json::json!({"kind": "sqlite", "path": path}), rest.first())
        }
        [kind, table, rest @ ..] if kind == "postgres" => {
            let server: serde_json::Value = serde_json::from_str(table).expect("a table as json");
            (serde_json::json!({"kind": "postgres", "postgres": server}), rest.first())
        }
        [kind, rest @ ..] if kind == "memory" => {
            (serde_json::json!({"kind": "memory", "capacity": 10_000_000}), rest.first())
        }
        _ => {
            println!("usage: store [sqlite DIR | postgres TABLE | memory] [LIVE]");
            return;
        }
    };
    let live = live.and_then(|n| n.parse().ok()).unwrap_or(1_000_000);
    let settings = settings::parse(value, "store", &mut Problems::default()).expect("settings");
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    runtime.block_on(async {
        let store = settings.open().await.expect("the store opens");
        let mut bench = Bench { store, next: 0 };
        println!("idle: rss {} KiB", rss());
        bench.round("warm-up").await;
        bench.round("few").await;
        let started = Instant::now();
        while bench.next < live {
            bench.sign_ons("", 1024, false).await;
        }
        println!("filled to {live} in {:.1?}, rss {} KiB", started.elapsed(), rss());
        bench.round("many").await;
        bench.round("many").await;
        println!("end: rss {} KiB", rss());
    });
}

struct Bench {
    store: Arc<dyn Store>,
    next: u64,
}

impl Bench {
    async fn round(&mut self, label: &str) {
        let first = self.next;
        self.drive(&format!("{label}: put ticket"), CALLERS, |store, n| async move {
            store.put_ticket(digest(n), ticket(n)).await.expect("ticket");
        })
        .await;
        self.sign_ons(&format!("{label}: sign-on"), CALLERS, true).await;
        self.next = first;
        self.drive(&format!("{label}: refresh"), CALLERS, |store, n| async move {
            store.refresh(&presented(n), next_pair(), now(n)).await.expect("refreshed");
        })
        .await;
        self.drive(&format!("{label}: read"), CALLERS, |store, n| async move {
            let found =
                store.session(&tenant(), &account(n), session_id(n), now(n)).await.expect("answer");
            assert!(found.is_some());
        })
        .await;
        self.next = first + ROUND;
    }

    async fn sign_ons(&mut self, label: &str, callers: u64, claim: bool) {
        self.drive(label, callers, move |store, n| async move {
            store.begin(sign_on(n, claim), now(n)).await.expect("begun");
        })
        .await;
        self.next += ROUND;
    }

    /// One round of calls, `callers` at a time.
    async fn drive<F, Fut>(&self, label: &str, callers: u64, call: F)
    where
        F: Fn(Arc<dyn Store>, u64) -> Fut + Copy + Send + 'static,
        Fut: Future<Output = ()> + Send,
    {
        let first = self.next;
        let taken = Arc::new(std::sync::atomic::AtomicU64::new(0));
        let cpu_before = cpu_millis();
        let started = Instant::now();
        let tasks: Vec<_> = (0..callers)
            .map(|_| {
                let (store, taken) = (Arc::clone(&self.store), Arc::clone(&taken));
                tokio::spawn(async move {
                    let mut took = Vec::new();
                    loop {
                        let n = taken.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                        if n >= ROUND {
                            return took;
                        }
                        let at = Instant::now();
                        call(Arc::clone(&store), first + n).await;
                        took.push(at.elapsed());
                    }
                })
            })
            .collect();
        let mut took = Vec::new();
        for task in tasks {
            took.extend(task.await.expect("a caller"));
        }
        let elapsed = started.elapsed();
        took.sort_unstable();
        if !label.is_empty() {
            let at = |per_mille: usize| took[(took.len() - 1) * per_mille / 1000];
            let rate = ROUND as f64 / elapsed.as_secs_f64();
            let cpu = (cpu_millis() - cpu_before) as f64 * 1e3 / ROUND as f64;
            println!(
                "{label:22} {rate:9.0}/s  cpu {cpu:5.1} us  p50 {:8.1?}  p99 {:8.1?}  p99.9 {:8.1?}  max {:8.1?}",
                at(500),
                at(990),
                at(999),
                at(1000)
            );
        }
    }
}

fn tenant() -> TenantId {
    TenantId::parse("nagra").expect("valid")
}

fn service() -> ServiceName {
    ServiceName::parse("Customer Auth Service").expect("valid")
}

/// 25,000 sign-ons a second, as if the clock ran along.
fn now(n: u64) -> Timestamp {
    Timestamp::from_secs(START + (n / 25_000) as i64)
}

/// splitmix64.
fn mixed(n: u64) -> u64 {
    let mut z = n.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

fn session_id(n: u64) -> SessionId {
    let number = if std::env::var_os("SEQUENTIAL").is_some() {
        ((n & 0xf_ffff) << 23) | (mixed(n) & 0x7f_ffff)
    } else {
        mixed(n) % SessionId::NUMBER_LIMIT
    };
    SessionId { ends_at: now(n).plus(Duration::from_secs(MONTH as u64)), number }
}

fn digest(n: u64) -> OneTimeClaim {
    let mut bytes = [7; 32];
    bytes[..8].copy_from_slice(&mixed(!n).to_be_bytes());
    OneTimeClaim(bytes)
}

fn account(n: u64) -> AccountId {
    AccountId::parse(&format!("{:010}", mixed(n ^ 0x5555) % 10_000_000_000)).expect("valid")
}

fn device(n: u64) -> DeviceId {
    DeviceId::parse(&(mixed(n ^ 0x3333) >> 1).to_string()).expect("valid")
}

fn ticket(n: u64) -> Ticket {
    Ticket {
        tenant: tenant(),
        service: service(),
        account: account(n),
        expires_at: now(n).plus(Duration::from_secs(300)),
        sign_on: None,
    }
}

fn sign_on(n: u64, claim: bool) -> NewSession {
    NewSession {
        id: session_id(n),
        tenant: tenant(),
        service: service(),
        device: DeviceRequest::Register {
            device: Device {
                id: device(n),
                account: account(n),
                name: None,
                class: Some("TV".to_owned()),
                information: r#"{"deviceType":"tv","playoutDeviceClass":"TV"}"#.to_owned(),
                state: DeviceState::Active,
                registered_at: now(n),
            },
            limits: DeviceLimits { all: Some(5), of_class: None },
        },
        expires_at: now(n).plus(Duration::from_secs(172_800)),
        facts: Facts {
            account: Account::new(account(n), account(n).as_str().to_owned()),
            on_network: false,
            authenticated_at: now(n),
        },
        claim: claim.then(|| digest(n)),
        upstream: None,
        limit: None,
    }
}

fn presented(n: u64) -> PresentedRefresh {
    PresentedRefresh {
        tenant: tenant(),
        id: session_id(n),
        generation: 1,
        account: account(n),
        device: device(n),
    }
}

fn next_pair() -> NextPair {
    NextPair {
        service: service(),
        expires_at: Timestamp::from_secs(START + 400_000),
        account: None,
        on_network: true,
        grace: Duration::from_secs(30),
    }
}

/// Processor time of this process so far, in milliseconds: unlike the rates, it is the same
/// on a machine that does other things besides.
fn cpu_millis() -> u64 {
    let stat = std::fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let ticks = |at: usize| stat.split(' ').nth(at).and_then(|n| n.parse::<u64>().ok());
    // Fields 14 and 15, utime and stime, in ticks of 10 ms.
    (ticks(13).unwrap_or(0) + ticks(14).unwrap_or(0)) * 10
}

/// Resident memory of this process, in KiB.
fn rss() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|kib| kib.trim().trim_end_matches(" kB").parse().ok()).unwrap_or(0)
}
