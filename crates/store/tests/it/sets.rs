//! Sets that stay although they are derived again, and which rows may go.

use crate::derivations::{derived, kbs, unit};
use crate::harness::{TENANT, client, store};
use event::Unit;
use store::{CurrentSet, Store, UnitDerivation};

async fn current(store: &Store, endpoint: &str) -> CurrentSet {
    let unit = unit(endpoint);
    let beside = Unit {
        month: unit.month.after(),
        ..unit.clone()
    };
    let sets = store.current_sets(&[unit.clone(), beside]).await;
    let sets = sets.unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(sets.len(), 1);
    sets[&unit]
}

/// Derived from so many inputs; rows and content are as of `rows`.
fn of(endpoint: &str, inputs: u64, rows: u64, current: Option<CurrentSet>) -> UnitDerivation {
    UnitDerivation {
        version: derived(endpoint, inputs, 0).version,
        content: 1_000 + rows,
        current,
        ..derived(endpoint, rows, 2)
    }
}

async fn insert(store: &Store, derivation: UnitDerivation) {
    store
        .insert_derivations(&[derivation])
        .await
        .unwrap_or_else(|error| panic!("{error}"));
}

/// Rows of attempts and findings as they stand there, folded or not.
async fn stored(endpoint: &str) -> u64 {
    let statement = format!(
        "SELECT count() FROM (SELECT `set` FROM attempts WHERE endpoint = '{endpoint}' \
           UNION ALL SELECT `set` FROM findings WHERE endpoint = '{endpoint}')"
    );
    let rows = client().await.query(&statement).fetch_one().await;
    rows.unwrap_or_else(|error| panic!("{error}"))
}

#[tokio::test]
async fn an_equal_set_writes_no_rows_and_tidying_keeps_it() {
    let store = store().await;
    let endpoint = "set-stays";
    insert(&store, of(endpoint, 1, 1, None)).await;
    let first = current(&store, endpoint).await;
    assert_eq!((first.content, first.version.inputs), (1_001, 1));
    let rows = stored(endpoint).await;
    for inputs in [2, 3] {
        insert(&store, of(endpoint, inputs, 1, Some(first))).await;
        let now = current(&store, endpoint).await;
        assert_eq!((now.set, now.content), (first.set, first.content));
        assert_eq!(now.version.inputs, inputs);
    }
    assert_eq!(stored(endpoint).await, rows);
    store.tidy_beyond(0).await.expect("tidy");
    assert_eq!(kbs(&store, endpoint).await, ["KB10", "KB11"]);
    // Nobody took a hash of what an older build stored, so that is never equal.
    let bare = |inputs, current| UnitDerivation {
        content: 0,
        ..of(endpoint, inputs, 1, current)
    };
    insert(&store, bare(4, None)).await;
    let old = current(&store, endpoint).await;
    insert(&store, bare(5, Some(old))).await;
    assert_ne!(current(&store, endpoint).await.set, old.set);
}

#[tokio::test]
async fn content_that_comes_again_has_another_name_and_its_rows_stay() {
    let store = store().await;
    let endpoint = "set-comes-again";
    let mut names = Vec::new();
    let mut known = None;
    for (inputs, rows) in [(1, 1), (2, 2), (3, 1)] {
        insert(&store, of(endpoint, inputs, rows, known)).await;
        let now = current(&store, endpoint).await;
        names.push(now.set);
        known = Some(now);
    }
    assert!(names[0] != names[2] && names[0] != names[1]);
    store.tidy_beyond(0).await.expect("tidy");
    assert_eq!(kbs(&store, endpoint).await, ["KB10", "KB11"]);
    assert_eq!(stored(endpoint).await, 3, "the others' rows went");
}

#[tokio::test]
async fn a_set_that_was_cleared_behind_the_writers_back_is_stored_whole() {
    let store = store().await;
    let endpoint = "set-cleared";
    insert(&store, of(endpoint, 1, 1, None)).await;
    let first = current(&store, endpoint).await;
    insert(&store, of(endpoint, 2, 2, None)).await;
    store.tidy_beyond(0).await.expect("tidy");
    // This writer has not heard of the second set.
    insert(&store, of(endpoint, 3, 1, Some(first))).await;
    assert_eq!(kbs(&store, endpoint).await, ["KB10", "KB11"]);
    let (_, findings) = store.derived(TENANT, endpoint).await.expect("derived");
    assert_eq!(findings.len(), 1);
}
