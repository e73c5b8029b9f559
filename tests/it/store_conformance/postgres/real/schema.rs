//! The schema: made once whoever comes first, checked where it is not to be made, refused where
//! it is newer.

use super::*;

async fn open_with(schema: &Schema, key: &str, value: &str) -> Result<Arc<dyn Store>, StoreError> {
    let mut table = schema.table().await;
    table[key] = value.into();
    open(table).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nodes_that_start_at_once_on_an_empty_database_all_open() {
    let schema = Schema::fresh().await;
    let table = schema.table().await;
    let opened = race((0..8).map(|_| open(table.clone()))).await;
    let first = opened[0].as_ref().unwrap();
    let session = first.begin(sign_on(1, "a"), at(0)).await.unwrap().session;
    for store in &opened {
        let store = store.as_ref().unwrap();
        let account = &session.facts.account.id;
        let found = store.session(&session.tenant, account, session.id, at(0)).await.unwrap();
        assert_eq!(found.as_ref(), Some(&session));
    }
    assert_eq!(schema.number("SELECT count(*) FROM @migrations").await, 1);
}

#[tokio::test]
async fn a_schema_that_is_only_checked_is_not_made() {
    let schema = Schema::fresh().await;
    let refused = open_with(&schema, "migrate", "check").await.unwrap_err();
    assert!(refused.0.contains("has 0 of 1 steps"), "{refused}");
    let there = format!("SELECT count(*) FROM pg_namespace WHERE nspname = '{}'", schema.name);
    assert_eq!(schema.number(&there).await, 0);
    drop(schema.open().await.unwrap());
    assert!(open_with(&schema, "migrate", "check").await.is_ok());
}

#[tokio::test]
async fn a_newer_schema_is_refused() {
    let schema = Schema::fresh().await;
    drop(schema.open().await.unwrap());
    schema.execute("INSERT INTO @migrations VALUES (999)").await;
    for migrate in ["auto", "check"] {
        let refused = open_with(&schema, "migrate", migrate).await.unwrap_err();
        assert!(refused.0.contains("newer version of cambio: it has 999 steps"), "{refused}");
    }
}

#[tokio::test]
async fn a_role_without_the_right_to_create_opens_what_is_up_to_date() {
    let schema = Schema::fresh().await;
    drop(schema.open().await.unwrap());
    let role = format!("reader_{}", schema.name);
    schema
        .execute(&format!(
            "CREATE ROLE {role} LOGIN PASSWORD 'x';
             GRANT USAGE ON SCHEMA {0} TO {role};
             GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA {0} TO {role}",
            schema.name
        ))
        .await;
    let mut table = schema.table().await;
    table["postgres"]["user"] = role.into();
    table["postgres"]["password"] = "x".into();
    let store = open(table).await.unwrap();
    assert!(store.begin(sign_on(1, "a"), at(0)).await.is_ok());
}

#[tokio::test]
async fn a_migration_that_fails_leaves_nothing_behind() {
    let schema = Schema::fresh().await;
    // In the way of the last thing that the first step makes.
    let name = &schema.name;
    schema.execute(&format!("CREATE SCHEMA {name}; CREATE TABLE @keys (mine int)")).await;
    let refused = schema.open().await.unwrap_err();
    assert!(refused.0.contains("42P07"), "{refused}");
    let tables = format!("SELECT count(*) FROM pg_tables WHERE schemaname = '{name}'");
    assert_eq!(schema.number(&tables).await, 1);
    schema.execute("DROP TABLE @keys").await;
    assert!(schema.open().await.is_ok());
}
