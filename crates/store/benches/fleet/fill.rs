//! Fills a store with the made-up fleet: what is derived through the store's own types, events and noise by SQL, because ten
//! thousand times as many of them would take their types an hour.

use crate::made_up::{
    CODES, DAYS, LAST_DAY, Size, TENANT, VETERAN, YEAR, derivations, facts, superseded, veteran,
};
use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Instant;
use store::{Batch, Store, UnitDerivation, day_start, testing};

/// Units of one call: a few INSERTs of some MB.
const UNITS: usize = 20_000;

/// Pieces of a log that the veteran sends a day, and records of each.
const PIECES: u64 = 24;
const RECORDS: u64 = 12;

pub(crate) async fn fill(store: &Store, sql: &clickhouse::Client, size: Size) {
    let started = Instant::now();
    let say = |what: &str| println!("  {:>5.0} s  {what}", started.elapsed().as_secs_f64());
    derived(store, size).await;
    say("derived");
    records(sql, size).await;
    say("events, noise and coverage");
    outbox(sql, size).await;
    year(store).await;
    say("a year of one endpoint");
    // What a store has done by itself after a quiet minute.
    let tables = "SELECT DISTINCT table FROM system.parts WHERE active AND database = 'cbsift' AND table NOT IN ('events', 'noise')";
    for table in sql
        .query(tables)
        .fetch_all::<String>()
        .await
        .expect("tables")
    {
        run(sql, &format!("OPTIMIZE TABLE {table}")).await;
    }
    say("merged");
}

async fn derived(store: &Store, size: Size) {
    let mut waiting: BTreeMap<_, Vec<UnitDerivation>> = BTreeMap::new();
    let mut known = Vec::new();
    for endpoint in 0..size.endpoints {
        let units = derivations(endpoint);
        if let Some(first) = units.first() {
            known.push(facts(&first.unit.endpoint, LAST_DAY - DAYS + 1));
        }
        for unit in units {
            let of_month = waiting.entry(unit.unit.month).or_default();
            // One unit in twenty has been derived before, and its rows are still there.
            if endpoint.is_multiple_of(20) {
                of_month.push(superseded(&unit));
            }
            of_month.push(unit);
            if of_month.len() >= UNITS {
                put(
                    store,
                    &std::mem::take(of_month),
                    &std::mem::take(&mut known),
                )
                .await;
            }
        }
    }
    for of_month in waiting.into_values() {
        put(store, &of_month, &std::mem::take(&mut known)).await;
    }
    put(store, &veteran(), &[facts(VETERAN, LAST_DAY - YEAR + 1)]).await;
}

async fn put(store: &Store, units: &[UnitDerivation], facts: &[store::EndpointFacts]) {
    let stored = async {
        store.insert_derivations(units).await?;
        store.insert_facts(facts).await
    };
    stored.await.unwrap_or_else(|error| panic!("{error}"));
}

async fn run(sql: &clickhouse::Client, statement: &str) {
    sql.query(statement)
        .with_setting("max_execution_time", "0")
        .execute()
        .await
        .unwrap_or_else(|error| panic!("{error}: {statement}"));
}

/// One in five records has a KB, three in ten a code, and one in twenty two. A fifth as much noise as events.
async fn records(sql: &clickhouse::Client, size: Size) {
    let a_day = size.events / u64::from(DAYS);
    for day in (LAST_DAY - DAYS + 1)..=LAST_DAY {
        let from = u64::from(day) * a_day;
        let endpoint = format!(
            "concat('pc-', leftPad(toString(cityHash64(number, 1) % {}), 6, '0'))",
            size.endpoints
        );
        // The lower of two draws: the first codes are far more frequent.
        let code = format!(
            "toUInt32(0x800F0800 + least(cityHash64(number, 2) % {CODES}, cityHash64(number, 3) % {CODES}))"
        );
        run(
            sql,
            &format!(
                "INSERT INTO events (tenant, day, endpoint, source, id, generation, open, stream, offset, length, logged, level, \
                    component, marker, codes, rule, kb, text, rule_set, version) \
                 SELECT '{TENANT}', toDate(toUInt16({day})), {endpoint}, 'cbs', cityHash64(number, 4), 0, 0, 30064771072, \
                    number % 1000000 * 150, 150, \
                    toDateTime64({day} * 86400 + number % 86000, 0, 'UTC'), 'error', 'CBS', 'none', \
                    multiIf(number % 20 = 0, [{code}, toUInt32(0x80070002)], number % 10 < 3, [{code}], []), \
                    concat('rule_', toString(number % 40)), \
                    if(number % 5 = 0, concat('KB50', leftPad(toString(14000 + number % 12), 5, '0')), ''), \
                    concat('Failed to made up ', toString(number % 1000), ' [HRESULT = 0x800f0800]'), 1, 1 \
                 FROM numbers({from}, {a_day}) SETTINGS max_insert_threads = 1"
            ),
        )
        .await;
        run(
            sql,
            &format!(
                "INSERT INTO noise (tenant, day, endpoint, source, rule, code, session, generation, ids) \
                 SELECT '{TENANT}', toDate(toUInt16({day})), {endpoint}, 'cbs', 'made-up-noise', \
                    toUInt32(0x80070002 + number % 3), '', 0, arrayMap(at -> cityHash64(number, at), range(10)) \
                 FROM numbers({from}, {})",
                a_day / 50
            ),
        )
        .await;
        run(
            sql,
            &format!(
                "INSERT INTO coverage (tenant, endpoint, stream, offset, `end`, content_hash, day, last_day, source, path, encoding, \
                    format, first, last, version) \
                 SELECT '{TENANT}', concat('pc-', leftPad(toString(number), 6, '0')), 30064771072, {from} * 15000000, {from} * 15000000 + 15000000, \
                    cityHash64(number, {day}), toDate(toUInt16({day})), toDate(toUInt16({day})), 'cbs', 'CBS.log', 'utf-8', 'wds', \
                    toDateTime64({day} * 86400, 0, 'UTC'), toDateTime64({day} * 86400 + 86000, 0, 'UTC'), 1 \
                 FROM numbers({})",
                size.endpoints,
                from = u64::from(day - (LAST_DAY - DAYS + 1)),
            ),
        )
        .await;
    }
}

/// As much open and closed news as there is before closed news is cleared.
async fn outbox(sql: &clickhouse::Client, size: Size) {
    for done in [0, 1] {
        run(
            sql,
            &format!(
                "INSERT INTO news (tenant, endpoint, month, id, done) \
                 SELECT '{TENANT}', concat('pc-', leftPad(toString(number), 6, '0')), 202603, number, {done} \
                 FROM numbers({}, {})",
                done * size.endpoints / 4,
                size.endpoints
            ),
        )
        .await;
    }
}

/// Every piece of the veteran's log, as a pipeline stores it.
async fn year(store: &Store) {
    let mut offset = 0;
    for back in (0..YEAR).rev() {
        let midnight = day_start(LAST_DAY - back).0;
        let mut pieces = Vec::new();
        for piece in 0..PIECES {
            let mut text = String::new();
            for record in 0..RECORDS {
                let at = midnight + (piece * 3600 + record * 60) as i64;
                let line = match record {
                    0 => format!("failed {piece} 0x800f08{:02x}", piece % 7),
                    1 => format!("noise {piece} 0x80070002"),
                    _ => format!("plain made up {piece} {record}"),
                };
                let _ = writeln!(text, "{} {line}", event::LoggedAt(at));
            }
            pieces.push(testing::rows(VETERAN, offset, &text, false));
            offset += text.len() as u64;
        }
        let batch = Batch::new(1, u64::from(back) + 1, pieces);
        store
            .insert_batch(&batch)
            .await
            .unwrap_or_else(|error| panic!("{error}"));
    }
}
