//! Account directory `sql` on a real PostgreSQL: what each outcome of a query means, and that it
//! is asked again when the database is back.

use std::sync::Arc;

use cambio::account::{AccountDirectory, AccountError, AccountState};
use cambio::domain::AccountId;
use serde_json::{Value, json};

use super::postgres::{self, PASSWORD, Postgres, USER};
use crate::account_http::{by_id, of, tenant, try_build};

const TABLE: &str = r#"
    create table customers (no bigint primary key, login text, blocked boolean not null default false,
        devices int, rights text[] not null default '{}', filter jsonb);
    insert into customers values (1663, 'ann', false, 4, '{a,b}', '{"x": [1]}'), (1664, 'sue', true, null, '{}', null),
        (1, 'both', false, null, '{}', null), (2, 'both', false, null, '{}', null);
    insert into customers select n, 'many' from generate_series(1000000, 1000064) n;
"#;
const BY_ID: &str = "select no as id, login as user_id, devices as max_devices, rights as roles,
    filter as filtering, case when blocked then 'suspended' else 'active' end as state
    from customers where no::text = $1 -- one";
const BY_SUBJECT: &str = "select no as id from customers where login = $1;";

fn table(port: u16, database: &str) -> Value {
    json!({"kind": "sql", "by_id": BY_ID, "by_subject": BY_SUBJECT,
        "postgres": {"port": port, "database": database, "user": USER, "password": PASSWORD,
            "timeout": "20s", "connect_timeout": "20s"}})
}

fn with(mut table: Value, key: &str, value: Value) -> Arc<dyn AccountDirectory> {
    table[key] = value;
    try_build(table).unwrap()
}

async fn customers() -> Value {
    let shared = postgres::shared().await;
    let database = shared.database().await;
    shared.execute(&database, TABLE).await;
    table(shared.port, &database)
}

#[tokio::test]
async fn a_row_is_an_account_and_no_row_is_none() {
    let directory = try_build(customers().await).unwrap();
    let account = by_id(&*directory, "1663").await.unwrap();
    assert_eq!((account.id.as_str(), account.user_id.as_str()), ("1663", "ann"));
    assert_eq!((account.max_devices, account.state), (Some(4), AccountState::Active));
    assert_eq!(
        (account.roles, json!(account.filtering)),
        (vec!["a".into(), "b".into()], json!({"x": [1]}))
    );
    let current = directory.current(&tenant(), &AccountId::parse("1664").unwrap()).await;
    assert_eq!(current.unwrap().unwrap().state, AccountState::Suspended);
    for nobody in ["9", "x' or '1'='1", "1663; drop table customers"] {
        assert_eq!(by_id(&*directory, nobody).await, Err(AccountError::Unknown), "{nobody}");
    }
    assert!(by_id(&*directory, "1663").await.is_ok());
}

#[tokio::test]
async fn assertions_decide_and_subjects_only_without_one() {
    let directory = try_build(customers().await).unwrap();
    assert_eq!(of(&*directory, "ann", &[]).await.as_deref(), Ok("1663"));
    assert_eq!(of(&*directory, "nobody", &[]).await, Err(AccountError::Unknown));
    assert_eq!(of(&*directory, "both", &[]).await, Err(AccountError::Ambiguous));
    assert_eq!(of(&*directory, "ann", &["2", "9"]).await.as_deref(), Ok("2"));
    let many = of(&*directory, "many", &[]).await;
    assert!(matches!(many, Err(AccountError::Upstream(_))), "{many:?}");
}

#[tokio::test]
async fn columns_may_have_other_names() {
    let mut table = customers().await;
    table["by_id"] = json!("select * from customers where no = $1::text::bigint");
    table["fields"] = json!({"id": "no", "user_id": "login", "max_devices": "devices",
        "state": {"cel": "session.blocked ? 'suspended' : 'active'"}});
    let directory = try_build(table).unwrap();
    let account = by_id(&*directory, "1664").await.unwrap();
    assert_eq!((account.user_id.as_str(), account.state), ("sue", AccountState::Suspended));
}

#[tokio::test]
async fn what_is_no_account_is_the_databases_fault_and_no_verdict() {
    let table = customers().await;
    for (query, unavailable) in [
        ("select no from nowhere where x = $1", true),
        ("select no as id from customers where no = $1", true),
        ("select 1 as id from pg_sleep(600) where $1 = $1", true),
        ("select login from customers where no::text = $1", false),
        ("select no + 1 as id from customers where no::text = $1", false),
        ("select 'gone' as state, no as id from customers where no::text = $1", false),
        ("select no as id from customers where $1 = $1", false),
    ] {
        let mut table = table.clone();
        table["postgres"]["timeout"] =
            json!(if query.contains("pg_sleep") { "300ms" } else { "20s" });
        let found = by_id(&*with(table, "by_id", json!(query)), "1663").await;
        let fits = match &found {
            Err(AccountError::Unavailable(_)) => unavailable,
            Err(AccountError::Upstream(_)) => !unavailable,
            _ => false,
        };
        assert!(fits, "{query}: {found:?}");
    }
}

#[tokio::test]
async fn queries_cannot_write() {
    let table = customers().await;
    let sql = "with gone as (delete from customers where no::text = $1 returning no) select no as id from gone";
    let found = by_id(&*with(table.clone(), "by_id", json!(sql)), "1663").await;
    assert!(matches!(found, Err(AccountError::Unavailable(_))), "{found:?}");
    assert!(by_id(&*try_build(table).unwrap(), "1663").await.is_ok());
}

#[tokio::test]
async fn a_database_that_is_down_is_no_missing_account() {
    let mut postgres = Postgres::start().await;
    postgres.execute("postgres", TABLE).await;
    let directory = try_build(table(postgres.port, "postgres")).unwrap();
    assert!(by_id(&*directory, "1663").await.is_ok());
    postgres.crash().await;
    let found = by_id(&*directory, "1663").await;
    assert!(matches!(found, Err(AccountError::Unavailable(_))), "{found:?}");
    postgres.start_again().await;
    assert!(by_id(&*directory, "1663").await.is_ok());
    let mut wrong = table(postgres.port, "postgres");
    wrong["postgres"]["password"] = json!("not the password");
    let found = by_id(&*try_build(wrong).unwrap(), "1663").await;
    assert!(matches!(found, Err(AccountError::Unavailable(_))), "{found:?}");
}

#[test]
fn tables_that_cannot_work_are_told_with_their_keys() {
    let good = table(5432, "crm");
    for (key, value, path) in [
        ("by_id", json!("delete from a where id = $1"), "accounts.crm.by_id"),
        ("by_id", json!("select 1"), "accounts.crm.by_id"),
        ("by_subject", json!("select $2"), "accounts.crm.by_subject"),
        ("fields", json!({"colour": "c"}), "accounts.crm.fields.colour"),
        ("postgres", json!({"host": "db.example.com"}), "accounts.crm.postgres.tls"),
        ("cache", json!({}), "accounts.crm.cache"),
    ] {
        let mut table = good.clone();
        table[key] = value;
        let problems = try_build(table).err().unwrap_or_default();
        assert!(
            problems.iter().any(|p| p.starts_with(&format!("{path}: "))),
            "{path}: {problems:?}"
        );
    }
}
