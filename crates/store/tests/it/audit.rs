//! Who did what, in the table: whole, changed, thinned out, expired.

use crate::harness::{client, store};
use store::{Action, AuditPlace, AuditRow, Fault, Store, StoreError, Verifier};

const DAY_MS: i64 = 86_400_000;

fn action(object: &str) -> Action {
    Action {
        action: "endpoint.label".to_owned(),
        object: object.to_owned(),
        before: String::new(),
        after: r#"{"ring":"pilot"}"#.to_owned(),
    }
}

async fn act(store: &Store, tenant: &str, at_ms: i64, objects: &[&str]) {
    let actions: Vec<Action> = objects.iter().map(|object| action(object)).collect();
    store
        .audit(tenant, "made up (uid 1)", at_ms, &actions)
        .await
        .unwrap();
}

async fn rows(store: &Store, tenant: &str) -> Vec<AuditRow> {
    let mut all = Vec::new();
    let read = store.each_audit_row(tenant, 0, |rows| {
        all.extend(rows);
        Ok::<_, StoreError>(())
    });
    read.await.unwrap();
    all
}

async fn faults(store: &Store, tenant: &str) -> Vec<Fault> {
    let mut verifier = Verifier::default();
    rows(store, tenant)
        .await
        .iter()
        .for_each(|row| verifier.add(row));
    verifier.faults()
}

#[tokio::test]
async fn rows_of_two_processes_are_whole_and_a_changed_one_is_found() {
    let tenant = "audit-changed";
    // Each connection is a process of its own.
    let (a, b) = (store().await, store().await);
    act(&a, tenant, 1_700_000_000_000, &["PC-1", "PC-2"]).await;
    act(&b, tenant, 1_700_000_100_000, &["PC-3"]).await;
    act(&a, tenant, 1_700_000_200_000, &["PC-4"]).await;
    act(&store().await, tenant, 1_700_000_300_000, &["PC-5"]).await;
    let all = rows(&a, tenant).await;
    let objects: Vec<&str> = all.iter().map(|row| row.object.as_str()).collect();
    assert_eq!(objects, ["PC-1", "PC-2", "PC-3", "PC-4", "PC-5"]);
    // The last process names the ends of both others.
    assert_eq!(all[4].previous.len(), 2);
    assert_eq!(faults(&a, tenant).await, []);

    let change = "ALTER TABLE audit UPDATE `after` = '{}' WHERE tenant = 'audit-changed' AND object = 'PC-2'";
    client()
        .await
        .query(change)
        .with_setting("mutations_sync", "1")
        .execute()
        .await
        .unwrap();
    let (writer, number) = (all[1].writer, 2);
    assert_eq!(
        faults(&a, tenant).await,
        [Fault::Changed { writer, number }]
    );
}

#[tokio::test]
async fn the_newest_rows_come_first_and_a_place_leads_on_even_past_rows_of_one_moment() {
    let tenant = "audit-newest";
    let (a, b) = (store().await, store().await);
    act(&a, tenant, 1_700_000_000_000, &["PC-1", "PC-2"]).await;
    act(&b, tenant, 1_700_000_000_000, &["PC-3", "PC-4"]).await;
    act(&a, tenant, 1_700_000_100_000, &["PC-5"]).await;
    // A repeat of a row is no other row.
    let repeat =
        "INSERT INTO audit SELECT * FROM audit WHERE tenant = 'audit-newest' AND object = 'PC-3'";
    client().await.query(repeat).execute().await.unwrap();
    let whole = a.newest_audit_rows(tenant, None, 10).await.unwrap();
    let mut oldest_first = rows(&a, tenant).await;
    oldest_first.reverse();
    assert_eq!(whole, oldest_first);
    assert_eq!((whole.len(), whole[0].object.as_str()), (5, "PC-5"));
    for limit in [1, 2, 4] {
        let mut seen: Vec<AuditRow> = Vec::new();
        loop {
            let place = seen.last().map(AuditRow::place);
            // As it comes back from who asked.
            let place = place.map(|place| place.to_string().parse().unwrap());
            let some = a.newest_audit_rows(tenant, place.as_ref(), limit).await;
            let some = some.unwrap();
            assert!(some.len() <= limit);
            if some.is_empty() {
                break;
            }
            seen.extend(some);
        }
        assert_eq!(seen, whole, "{limit}");
    }
    for bad in ["", "1.2.3", "1.2.3.ab", "x.00000000000000ab.1.00"] {
        assert!(bad.parse::<AuditPlace>().is_err(), "{bad}");
    }
}

#[tokio::test]
async fn a_row_that_was_removed_or_put_in_between_is_found() {
    let (store, tenant) = (store().await, "audit-removed");
    act(&store, tenant, 1_700_000_000_000, &["PC-1", "PC-2", "PC-3"]).await;
    let all = rows(&store, tenant).await;
    let insert = "INSERT INTO audit SELECT * REPLACE ('PC-9' AS object) FROM audit WHERE tenant = 'audit-removed' AND number = 2";
    client().await.query(insert).execute().await.unwrap();
    // The same hash in the same place would fold with the true row, so it stands for it: changed. With another one it stands beside it.
    let found = faults(&store, tenant).await;
    let writer = all[1].writer;
    let number = 2;
    assert!(
        found.contains(&Fault::Changed { writer, number }),
        "{found:?}"
    );
    let remove = "ALTER TABLE audit DELETE WHERE tenant = 'audit-removed' AND number = 2";
    client()
        .await
        .query(remove)
        .with_setting("mutations_sync", "1")
        .execute()
        .await
        .unwrap();
    let number = 3;
    assert_eq!(
        faults(&store, tenant).await,
        [Fault::Removed { writer, number }]
    );
}

#[tokio::test]
async fn months_that_are_over_go_and_the_rest_stays_whole() {
    let (store, tenant) = (store().await, "audit-expired");
    let day = |number: i64| number * DAY_MS;
    // 2023-01-01 and 2023-08-01 in days since 1970.
    let (january, august) = (19_358, 19_570);
    act(&store, tenant, day(january), &["PC-1"]).await;
    act(&store, tenant, day(january) + 1, &["PC-2"]).await;
    act(&store, tenant, day(august), &["PC-3"]).await;
    let today = day(august + 1);
    // January's last day is 30 days on.
    let before = |day: i64| u16::try_from(day).unwrap();
    let none = store
        .expire_audit(tenant, before(january + 30), today)
        .await;
    assert_eq!(none.unwrap(), 0);
    let gone = store
        .expire_audit(tenant, before(january + 31), today)
        .await;
    assert_eq!(gone.unwrap(), 2);
    let left = rows(&store, tenant).await;
    let actions: Vec<&str> = left.iter().map(|row| row.action.as_str()).collect();
    assert_eq!(actions, ["endpoint.label", "audit.expire"]);
    assert_eq!(faults(&store, tenant).await, []);
    let again = store
        .expire_audit(tenant, before(january + 31), today)
        .await;
    assert_eq!(again.unwrap(), 0);
}
