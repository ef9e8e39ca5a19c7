//! Migrations, and the order of rule sets.

use crate::harness::store;
use store::{NewRuleSet, RuleSetOrigin};

#[tokio::test]
async fn a_second_migration_does_nothing_and_the_schema_is_whole() {
    let store = store().await;
    assert_eq!(store.migrate().await.expect("migrate"), Vec::<&str>::new());
    store.check_schema().await.expect("the schema is whole");
}

fn set(name: &str, files: &[(&str, &str)]) -> NewRuleSet {
    NewRuleSet {
        digest: name.to_owned(),
        classifier_version: 3,
        origin: RuleSetOrigin::Site,
        files: files
            .iter()
            .map(|(name, text)| ((*name).to_owned(), (*text).to_owned()))
            .collect(),
    }
}

#[tokio::test]
async fn a_rule_set_gets_a_new_sequence_only_when_it_differs() {
    let store = store().await;
    let files = [("b.yaml", "made up: 1\n"), ("a.yaml", "")];
    let first = store
        .publish_rule_set(&set("digest-a", &files))
        .await
        .expect("publish");
    let again = store
        .publish_rule_set(&set("digest-a", &files))
        .await
        .expect("publish");
    assert_eq!(again, first);
    let second = store
        .publish_rule_set(&set("digest-b", &files[..1]))
        .await
        .expect("publish");
    assert_eq!(second.sequence, first.sequence + 1);
    assert_eq!(second.set, set("digest-b", &files[..1]));
    assert_eq!(
        store.rule_set().await.expect("read"),
        Some((second.sequence, "digest-b".to_owned()))
    );
    // A set without texts is what builds published before texts were stored: it is published again with them.
    let bare = store
        .publish_rule_set(&set("digest-c", &[]))
        .await
        .expect("publish");
    let whole = store
        .publish_rule_set(&set("digest-c", &files))
        .await
        .expect("publish");
    assert_eq!(whole.sequence, bare.sequence + 1);
    assert_eq!(whole.set.files, set("", &files).files);
}
