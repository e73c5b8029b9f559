//! The starters themselves: the servers run, ask for their passwords and end.

use super::postgres::{self, Postgres};
use super::redis::{self, Redis};
use super::{eventually, server};

#[tokio::test]
async fn redis_asks_for_its_password_and_starts_again() {
    let mut redis = Redis::start().await;
    let open = ::redis::Client::open(format!("redis://127.0.0.1:{}", redis.port)).unwrap();
    let mut stranger = open.get_multiplexed_async_connection().await.unwrap();
    let refused: Result<String, _> = ::redis::cmd("PING").query_async(&mut stranger).await;
    assert!(refused.unwrap_err().to_string().contains("Authentication required"));
    redis.server.stop().await;
    redis.start_again().await;
    assert!(open.get_multiplexed_async_connection().await.is_ok());
}

#[tokio::test]
async fn postgres_keeps_its_data_over_a_crash() {
    let mut postgres = Postgres::start().await;
    let database = postgres.database().await;
    postgres.execute(&database, "create table kept (n int); insert into kept values (7)").await;
    postgres.crash().await;
    postgres.start_again().await;
    let client = postgres.connect(&database).await.unwrap();
    let row = client.query_one("select n from kept", &[]).await.unwrap();
    assert_eq!(row.get::<_, i32>(0), 7);
}

#[tokio::test]
async fn a_server_ends_with_its_handle() {
    let redis = Redis::start().await;
    let (id, port) = (redis.server.id(), redis.port);
    assert_ne!(id, std::process::id());
    drop(redis);
    let gone = async || std::net::TcpStream::connect(("127.0.0.1", port)).err();
    eventually("nobody listens any more", gone).await;
    let folder = server::Folder::new("nobody");
    assert!(folder.path().exists());
}

#[tokio::test]
async fn tests_share_one_of_each() {
    let (one, other) = (redis::shared().await, redis::shared().await);
    assert_eq!(one.port, other.port);
    let connection = ::redis::ConnectionAddr::Tcp("127.0.0.1".into(), one.port);
    let info = ::redis::IntoConnectionInfo::into_connection_info(connection).unwrap();
    let login = ::redis::RedisConnectionInfo::default().set_password(redis::PASSWORD);
    let client = ::redis::Client::open(info.set_redis_settings(login)).unwrap();
    let mut connection = client.get_multiplexed_async_connection().await.unwrap();
    let pong: String = ::redis::cmd("PING").query_async(&mut connection).await.unwrap();
    assert_eq!(pong, "PONG");

    let database = postgres::shared().await.database().await;
    assert!(postgres::shared().await.connect(&database).await.is_ok());
}
