use crate::harness::store;

#[tokio::test]
async fn a_second_migration_does_nothing_and_the_schema_is_whole() {
    let store = store().await;
    assert_eq!(store.migrate().await.expect("migrate"), Vec::<&str>::new());
    store.check_schema().await.expect("the schema is whole");
}

#[tokio::test]
async fn a_rule_set_gets_a_new_sequence_only_when_it_differs() {
    let store = store().await;
    let first = store.publish_rule_set("digest-a").await.expect("publish");
    assert_eq!(
        store.publish_rule_set("digest-a").await.expect("publish"),
        first
    );
    assert_eq!(
        store.publish_rule_set("digest-b").await.expect("publish"),
        first + 1
    );
    assert_eq!(
        store.rule_set().await.expect("read"),
        Some((first + 1, "digest-b".to_owned()))
    );
}
