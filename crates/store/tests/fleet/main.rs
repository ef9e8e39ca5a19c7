//! What pages say of a random fleet equals what plain SQL over the tables says, slowly: whatever is narrowed, whoever stored it, and
//! however often. A binary of its own, because it runs a migration again.
//!
//! - `made_up`: what the fleet did
//! - `fleet`: the store it is in
//! - `plainly`: states and causes as they are defined
//! - `kept`: what is kept between pages against what is read anew
//! - `overview`, `records`, `causes`, `updates`: pages against that

mod causes;
mod fleet;
mod kept;
mod made_up;
mod overview;
mod plainly;
mod records;
mod updates;

use event::Code;
use fleet::{Fleet, current, filters, numbers_of};
use made_up::Dice;
use overview::{compare, compare_tiles};
use store::{Day, Filter};

const TENANT: &str = "random";
const ENDPOINTS: u64 = 16;
/// 2026-01-01, and so many days from there on: three months.
const FIRST: Day = 20_454;
const DAYS: u64 = 88;

async fn compare_lists(fleet: &Fleet) {
    let store = &fleet.store;
    for endpoint in (0..ENDPOINTS).map(|at| format!("pc-{at:02}")) {
        let found = store
            .endpoint(TENANT, &endpoint)
            .await
            .unwrap()
            .expect("it is known");
        for (told, table) in [
            (found.ends.attempts.total, "attempts"),
            (found.ends.findings.total, "findings"),
        ] {
            let plain = format!(
                "SELECT count() FROM {} WHERE endpoint = '{endpoint}'",
                current(table)
            );
            assert_eq!(told, fleet.number(&plain).await, "{table} of {endpoint}");
        }
        let (attempts, findings) = store.derived(TENANT, &endpoint).await.unwrap();
        assert_eq!(attempts.len() as u64, found.ends.attempts.total);
        assert_eq!(findings.len() as u64, found.ends.findings.total);
    }
}

#[tokio::test]
async fn pages_say_what_plain_sql_says_slowly() {
    let mut fleet = Fleet::new().await;
    let mut dice = Dice(3);
    let filters = filters(&mut dice);
    for filter in filters.iter().step_by(3) {
        compare(&fleet, filter).await;
    }
    for filter in filters.iter().step_by(5) {
        compare_tiles(&fleet, filter).await;
    }
    let mut compared = 0;
    for filter in filters.iter().step_by(4) {
        compared += causes::compare(&fleet, filter).await;
    }
    // Rules that stand in two categories are left out; were they all, nothing would be compared.
    assert!(compared > 10, "{compared}");
    for filter in filters.iter().step_by(3) {
        updates::compare(&fleet, filter).await;
    }
    compare_lists(&fleet).await;
    kept::compare(&fleet).await;
    fleet.grow_old().await;
    let fleet = fleet;
    for filter in &filters {
        compare(&fleet, filter).await;
    }
    assert!(causes::compare(&fleet, &filters[2]).await > 0);
    updates::compare(&fleet, &filters[2]).await;
    compare_lists(&fleet).await;
    // Codes that say the same: a record that carries several counts once.
    let codes = [Code::new(0x8007_0001), Code::new(0x8007_0003)];
    let seen = fleet
        .store
        .code_seen(TENANT, &codes)
        .await
        .unwrap()
        .expect("seen");
    let numbers = numbers_of(&codes);
    let plain = format!(
        "SELECT uniqExact(id) FROM (SELECT id FROM events WHERE open = 0 AND hasAny(codes, [{numbers}]) AND tenant = '{TENANT}' \
         UNION ALL SELECT arrayJoin(ids) AS id FROM noise WHERE code IN ({numbers}) AND tenant = '{TENANT}')"
    );
    assert_eq!(seen.events, fleet.number(&plain).await);
    assert!(seen.events > 20 && seen.endpoints <= ENDPOINTS);

    // A store from before these tables is counted by the migration, and counting it twice changes nothing.
    let filters: Vec<&Filter> = filters.iter().step_by(4).collect();
    let mut before = Vec::new();
    for filter in &filters {
        before.push(fleet.store.overview(filter).await.unwrap());
    }
    for emptied in [true, false] {
        if emptied {
            for table in ["events_seen", "noise_seen", "backfills"] {
                fleet.run(&format!("TRUNCATE TABLE {table}")).await;
            }
            let empty = fleet.store.overview(filters[0]).await.unwrap();
            assert_eq!(empty.totals.events, Some(0));
        }
        fleet
            .run("ALTER TABLE migrations DELETE WHERE number = 11")
            .await;
        assert_eq!(fleet.store.migrate().await.unwrap(), ["0011_read"]);
        for (filter, before) in filters.iter().zip(&before) {
            assert_eq!(
                &fleet.store.overview(filter).await.unwrap(),
                before,
                "{filter:?}"
            );
        }
    }

    // Whoever was cut short goes on: a month that is noted is not counted again.
    fleet.run("TRUNCATE TABLE events_seen").await;
    fleet
        .run("ALTER TABLE migrations DELETE WHERE number = 11")
        .await;
    fleet
        .run("ALTER TABLE backfills DELETE WHERE name = 'events_seen 202602'")
        .await;
    assert_eq!(fleet.store.migrate().await.unwrap(), ["0011_read"]);
    assert_eq!(
        fleet
            .number("SELECT groupBitOr(toYYYYMM(day)) FROM events_seen")
            .await,
        202_602
    );
}
