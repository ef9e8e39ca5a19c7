//! A machine that is erased is in no column of no table any more, and nothing else is gone. In a process of its own: it looks through every
//! table there is, and others make some that it must not know.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;

use harness::{client, put, store};
use std::sync::Arc;
use store::{Action, AuditRow, Erased, ErasedNames, Erasing, Store, StoreError, Verifier, testing};

/// A tenant of its own: others read whole tables of theirs.
const TENANT: &str = "erase";

const ID: &str = "gone-pc-1";
const HOST: &str = "DESKTOP-GONE";

/// Others whose names begin or end as its own.
const NEIGHBOURS: [&str; 2] = ["gone-pc-1-2", "x-gone-pc-1"];

/// Tables whose rows name no machine, and the audit, whose rows have hashes.
const OTHERS: [&str; 11] = [
    "alert_claims",
    "alert_rules",
    "audit",
    "erasures",
    "events_seen",
    "housekeeping",
    "lost_parts",
    "migrations",
    "noise_seen",
    "rule_sets",
    "topic_gaps",
];

/// Puts a row into every table that names a machine wherever a text can stand.
async fn name_everywhere(tables: &[(String, Vec<(String, String)>)], name: &str) {
    let client = client().await;
    for (table, columns) in tables {
        let mut names = Vec::new();
        let mut values = Vec::new();
        for (column, kind) in columns {
            let value = match (table.as_str(), column.as_str(), kind.as_str()) {
                (_, "tenant", _) => format!("'{TENANT}'"),
                ("tokens", "kind", _) => "'endpoint'".to_owned(),
                // Of which nothing is open.
                ("news", "done", _) => "1".to_owned(),
                ("aliases", "state", _) => "'removed'".to_owned(),
                ("jobs", "state", _) => "'rolled_back'".to_owned(),
                (_, _, kind) if kind.starts_with("Array(Tuple(String, String)") => {
                    format!("[('label', '{name}')]")
                }
                (_, _, kind) if kind.starts_with("Array(") && kind.contains("Tuple") => continue,
                (_, _, kind) if kind.starts_with("Array(") => {
                    format!("['at {name}, {name} and {name}', '{name}']")
                }
                (_, _, kind) if kind.starts_with("Map(") => format!("map('host', '{name}')"),
                (_, _, kind) if kind.contains("Tuple") => format!("(1, '{name}')"),
                _ => format!("'{name}'"),
            };
            names.push(format!("`{column}`"));
            values.push(value);
        }
        let statement = format!(
            "INSERT INTO {table} ({}) SELECT {}",
            names.join(", "),
            values.join(", ")
        );
        client
            .query(&statement)
            .execute()
            .await
            .unwrap_or_else(|error| panic!("{statement}: {error}"));
    }
}

/// Tables but [`OTHERS`], with their columns that hold text, and `news.done`.
async fn tables() -> Vec<(String, Vec<(String, String)>)> {
    let rows: Vec<(String, String, String)> = client()
        .await
        .query(
            "SELECT table, name, type FROM system.columns WHERE database = currentDatabase() AND table IN (\
               SELECT name FROM system.tables WHERE database = currentDatabase() AND engine LIKE '%MergeTree') \
             AND (type LIKE '%String%' OR (table = 'news' AND name = 'done')) AND type NOT LIKE 'AggregateFunction%' \
             ORDER BY table, position",
        )
        .fetch_all()
        .await
        .unwrap();
    let mut tables: Vec<(String, Vec<(String, String)>)> = Vec::new();
    for (table, column, kind) in rows {
        if OTHERS.contains(&table.as_str()) {
            continue;
        }
        match tables.last_mut() {
            Some((last, columns)) if *last == table => columns.push((column, kind)),
            _ => tables.push((table, vec![(column, kind)])),
        }
    }
    tables
}

/// Rows of the tenant in each table.
async fn counts(tables: &[(String, Vec<(String, String)>)]) -> Vec<(String, u64)> {
    let client = client().await;
    let mut counts = Vec::new();
    for (table, _) in tables {
        let of_tenant = match table.as_str() {
            "backfills" => format!("endpoint IN ('{}', '{}')", NEIGHBOURS[0], NEIGHBOURS[1]),
            _ => format!("tenant = '{TENANT}'"),
        };
        let count: u64 = client
            .query(&format!(
                "SELECT count() FROM (SELECT DISTINCT * FROM {table} WHERE {of_tenant})"
            ))
            .fetch_one()
            .await
            .unwrap();
        counts.push((table.clone(), count));
    }
    counts
}

async fn erasing(store: &Store) -> Erasing {
    let mut names = store.names_to_erase(TENANT, ID).await.unwrap();
    names.hosts.insert(HOST.to_owned());
    Erasing {
        tenant: TENANT.to_owned(),
        names,
        mark: "erased:0123".to_owned(),
        actor: "made up (uid 1)".to_owned(),
        at_ms: 1_700_000_000_000,
    }
}

async fn act(store: &Store, objects: &[&str]) {
    let actions: Vec<Action> = objects
        .iter()
        .map(|object| Action {
            action: "endpoint.label".to_owned(),
            object: (*object).to_owned(),
            before: String::new(),
            after: serde_json(object),
        })
        .collect();
    store
        .audit(TENANT, "made up (uid 1)", 1_700_000_000_000, &actions)
        .await
        .unwrap();
}

fn serde_json(host: &str) -> String {
    format!("{{\"site\":\"at\\n{host}\",\"ring\":\"pilot\"}}")
}

async fn audit(store: &Store) -> Vec<AuditRow> {
    let mut all = Vec::new();
    let read = store.each_audit_row(TENANT, 0, |rows| {
        all.extend(rows);
        Ok::<_, StoreError>(())
    });
    read.await.unwrap();
    all
}

#[tokio::test]
async fn nothing_of_a_machine_is_left_and_all_of_its_neighbours() {
    let store = store().await;
    let tables = tables().await;
    assert!(tables.len() > 25, "{}", tables.len());
    for neighbour in NEIGHBOURS {
        name_everywhere(&tables, neighbour).await;
    }
    let before = counts(&tables).await;
    for (table, count) in &before {
        assert!(*count >= 2, "{table}: {count}");
    }
    name_everywhere(&tables, ID).await;
    act(&store, &[ID, NEIGHBOURS[0], HOST]).await;
    let with_chunk = counts(&tables).await;

    let of = erasing(&store).await;
    let planned = store.rows_to_erase(&of).await.unwrap();
    for (table, _) in &tables {
        assert!(planned.contains_key(table), "{table} is not in {planned:?}");
    }
    let (_, found) = store.search_erased(&of, &|_| {}).await.unwrap();
    assert!(found.len() > 60, "{found:?}");
    let gone = store.erase(&of, &|_| {}).await.unwrap();
    for (table, _) in &tables {
        assert!(gone.contains_key(table), "{table} is not in {gone:?}");
    }
    assert_eq!(store.rows_left(&of).await.unwrap(), 0);
    let (searched, found) = store.search_erased(&of, &|_| {}).await.unwrap();
    assert!(searched > 150, "{searched}");
    assert_eq!(found, []);

    // Rows that stay without the name are there once, and those of neighbours all.
    let after = counts(&tables).await;
    let own = |table: &str| {
        [
            "jobs",
            "job_steps",
            "alert_states",
            "alert_deliveries",
            "alert_evaluations",
        ]
        .contains(&table)
    };
    for ((table, count), (_, with)) in after.iter().zip(&with_chunk) {
        let expected = match own(table) {
            true => *with,
            false if table == "backfills" => 2,
            false => with - 1,
        };
        assert_eq!(*count, expected, "{table}");
    }
    for (table, at) in [("alert_states", "title_en"), ("alert_deliveries", "body")] {
        let texts: Vec<String> = client()
            .await
            .query(&format!(
                "SELECT {at} FROM {table} WHERE tenant = '{TENANT}' ORDER BY {at}"
            ))
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(
            texts,
            ["erased:0123", NEIGHBOURS[0], NEIGHBOURS[1]],
            "{table}"
        );
    }

    // The audit is whole, and says who erased.
    let rows = audit(&store).await;
    let mut verifier = Verifier::default();
    rows.iter().for_each(|row| verifier.add(row));
    assert_eq!(verifier.faults(), []);
    let objects: Vec<&str> = rows.iter().map(|row| row.object.as_str()).collect();
    assert_eq!(
        objects,
        ["erased:0123", NEIGHBOURS[0], "erased:0123", "2 rows"]
    );
    assert!(rows[0].before.is_empty() && rows[0].after.is_empty());
    assert_eq!(rows[1].after, serde_json(NEIGHBOURS[0]));

    // Again, there is nothing to do.
    let again = erasing(&store).await;
    assert_eq!(
        store.rows_to_erase(&again).await.unwrap(),
        Default::default()
    );
    assert_eq!(
        store.erase(&again, &|_| {}).await.unwrap(),
        Default::default()
    );
}

#[tokio::test]
async fn names_are_those_that_no_other_machine_has() {
    let store = store().await;
    let tenant = "erase-names";
    let alias = |alias: &str, endpoint: &str, kind| store::Alias {
        alias: alias.to_owned(),
        endpoint: endpoint.to_owned(),
        kind,
        state: store::AliasState::Active,
        changed_ms: 0,
        by: "made up".to_owned(),
    };
    use store::AliasKind::{Merged, Name};
    for one in [
        alias("older", "old", Merged),
        alias("old", "pc", Merged),
        alias("pc.made-up.example", "old", Name),
        alias("another", "pc-2", Name),
    ] {
        store.put_alias(tenant, &one).await.unwrap();
    }
    let client = client().await;
    for (endpoint, host) in [("old", "SHARED"), ("pc", "Own-Host"), ("pc-2", "shared")] {
        let statement = format!(
            "INSERT INTO endpoint_hosts (tenant, endpoint, host) VALUES ('{tenant}', '{endpoint}', '{host}')"
        );
        client.query(&statement).execute().await.unwrap();
    }
    let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
    assert_eq!(
        store.names_to_erase(tenant, "pc").await.unwrap(),
        ErasedNames {
            ids: set(&["old", "older", "pc"]),
            aliases: set(&["pc.made-up.example"]),
            hosts: set(&["Own-Host"]),
            shared: set(&["SHARED"]),
        }
    );
}

#[tokio::test]
async fn what_was_erased_is_known_and_not_named() {
    let store = store().await;
    let tenant = "erase-notes";
    let before = store.erasures_mark().await.unwrap();
    for _ in 0..2 {
        let names = [Erased::Id("PC-1"), Erased::Name("Host.made-up.example")];
        store
            .put_erasures(tenant, "k", &names, 5_000)
            .await
            .unwrap();
    }
    assert_ne!(store.erasures_mark().await.unwrap(), before);
    let erasures = store.erasures().await.unwrap();
    assert_eq!(erasures.key(tenant), Some("k"));
    assert_eq!(erasures.until(tenant, "PC-1"), Some(5_000));
    assert_eq!(erasures.until(tenant, "host.MADE-UP.example"), Some(5_000));
    assert_eq!(erasures.until(tenant, "PC-2"), None);
    // A later erasure counts.
    let names = [Erased::Id("PC-1")];
    store
        .put_erasures(tenant, "k", &names, 9_000)
        .await
        .unwrap();
    let erasures = store.erasures().await.unwrap();
    assert_eq!(erasures.until(tenant, "PC-1"), Some(9_000));
}

#[tokio::test]
async fn sums_that_a_cut_run_emptied_are_counted_by_the_next() {
    const OWN: &str = "erase-sums";
    let (store, client) = (store().await, client().await);
    for endpoint in ["sums-gone", "sums-stays"] {
        let text = format!("2026-01-05 08:00:00 bad of {endpoint} 0x80070005\n");
        let mut rows = testing::rows(endpoint, 0, &text, false);
        Arc::make_mut(&mut rows.chunk).tenant = OWN.to_owned();
        assert_eq!(rows.events.len(), 1);
        put(&store, vec![rows]).await;
    }
    let number = async |statement: &str| -> u64 {
        let answer = client.query(statement).fetch_one().await;
        answer.unwrap_or_else(|error| panic!("{error}: {statement}"))
    };
    let seen = format!(
        "SELECT uniqCombined64Merge(12)(endpoints) FROM events_seen WHERE tenant = '{OWN}' AND kb = '' AND code = 0"
    );
    let left = format!("SELECT count() FROM backfills FINAL WHERE tenant = '{OWN}' AND done = 0");
    let erasing = Erasing {
        tenant: OWN.to_owned(),
        names: ErasedNames {
            ids: ["sums-gone".to_owned()].into(),
            ..ErasedNames::default()
        },
        mark: "erased:4567".to_owned(),
        actor: "made up (uid 1)".to_owned(),
        at_ms: 1_700_000_000_000,
    };
    assert_eq!(number(&seen).await, 2);
    store.erase(&erasing, &|_| {}).await.unwrap();
    assert_eq!((number(&seen).await, number(&left).await), (1, 0));

    // Whoever was cut between the sums that go and those that come: its rows are gone, so nothing but that word tells of the month.
    for statement in [
        format!(
            "INSERT INTO backfills (name, tenant, endpoint, done, step) \
             SELECT name, tenant, endpoint, 0, step + 1 FROM backfills FINAL WHERE tenant = '{OWN}'"
        ),
        format!("ALTER TABLE events_seen DELETE WHERE tenant = '{OWN}'"),
    ] {
        let query = client.query(&statement);
        let done = query.with_setting("mutations_sync", "2").execute().await;
        done.unwrap_or_else(|error| panic!("{error}: {statement}"));
    }
    assert_eq!((number(&seen).await, number(&left).await), (0, 1));
    store.erase(&erasing, &|_| {}).await.unwrap();
    assert_eq!((number(&seen).await, number(&left).await), (1, 0));
}
