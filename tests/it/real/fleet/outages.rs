//! The store of a fleet is killed, succeeded or restarted under load: clients of nginx are told 503 in
//! bounded time and nothing else, no node is restarted for it, and everything that was
//! acknowledged is there at every node. The stores are configured to keep what they acknowledge,
//! as `docs/operations` says, and are the tests' own.

use super::Fleet;
use super::load::Load;
use super::stores::Shared;
use crate::real::postgres::Postgres;
use crate::real::redis::Redis;
use crate::real::redis_cluster::RedisCluster;
use crate::real::redis_sentinel::Watched;

const NODES: usize = 2;
const REFRESHING: usize = 8;
const COMING: usize = 4;
/// Calls that are carried out before an outage, so that there is something to lose.
const BEFORE: usize = 500;
/// Calls that must be carried out after it before it counts as over.
const AFTERWARDS: usize = 200;

async fn at_work(store: &Shared) -> (Fleet, Load) {
    let fleet = Fleet::start(NODES, &store.table).await;
    let load = Load::start(&fleet, REFRESHING, COMING).await;
    load.goes_on(BEFORE).await;
    (fleet, load)
}

/// What must be so while the store is away.
async fn is_away(fleet: &Fleet, load: &Load) {
    fleet.is_ready(false).await;
    load.is_refused().await;
}

/// What must be so when it is back.
async fn is_back(fleet: &Fleet, load: &Load) {
    fleet.is_ready(true).await;
    load.goes_on(AFTERWARDS).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sentinels_elect_another_master_under_load() {
    let mut redis = Watched::start().await;
    let (fleet, load) = at_work(&Shared::on_sentinels(&redis)).await;
    let master = redis.master().await;
    // So that the outage is not over before it was looked at.
    redis.elect_after(60_000).await;
    redis.servers[master].server.kill();
    is_away(&fleet, &load).await;
    redis.elect_after(700).await;
    redis.deposed(master).await;
    // On a busy machine the successor may seem dead, too. It would be deposed alive, and go on writing
    // for a moment with one replica that follows it: one that is waited for is not enough for that.
    redis.elect_after(60_000).await;
    is_back(&fleet, &load).await;
    // It comes back as a replica of its successor.
    redis.servers[master].start_again().await;
    redis.settled(2).await;
    is_back(&fleet, &load).await;
    load.end(&fleet, "SIGKILL of the master that sentinels watch").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_cluster_elects_another_master_under_load() {
    let mut redis = RedisCluster::start().await;
    let (fleet, load) = at_work(&Shared::on_cluster(&redis)).await;
    let master = redis.master().await;
    redis.nodes[master].server.kill();
    load.is_refused().await;
    // Most masters answer, and their accounts are served: no reason to take every node out.
    fleet.is_ready(true).await;
    load.goes_on(AFTERWARDS).await;
    redis.serves_without(master).await;
    // Its successor has nobody who would have what it acknowledges, until it comes back.
    redis.nodes[master].start_again().await;
    redis.whole().await;
    is_back(&fleet, &load).await;
    load.end(&fleet, "SIGKILL of one of three masters of a cluster").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_redis_that_syncs_always_is_killed_under_load() {
    let args = ["--save", "", "--appendonly", "yes", "--appendfsync", "always"];
    let mut redis = Redis::start_with(&args).await;
    let (fleet, load) = at_work(&Shared::on_redis(redis.port, "killed")).await;
    redis.server.kill();
    is_away(&fleet, &load).await;
    redis.start_again().await;
    is_back(&fleet, &load).await;
    load.end(&fleet, "SIGKILL and restart of the only Redis").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_restarted_under_load() {
    let mut postgres = Postgres::start().await;
    let (fleet, load) = at_work(&Shared::on_postgres(&postgres).await).await;
    // What `pg_ctl restart -m fast` does: every connection ends, then the server.
    postgres.server.signal("INT");
    is_away(&fleet, &load).await;
    postgres.server.ended().await;
    postgres.start_again().await;
    is_back(&fleet, &load).await;
    load.end(&fleet, "fast restart of PostgreSQL").await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn postgres_is_killed_under_load_and_recovers() {
    let mut postgres = Postgres::start().await;
    let (fleet, load) = at_work(&Shared::on_postgres(&postgres).await).await;
    postgres.crash().await;
    is_away(&fleet, &load).await;
    postgres.start_again().await;
    is_back(&fleet, &load).await;
    load.end(&fleet, "SIGKILL and recovery of PostgreSQL").await;
}
