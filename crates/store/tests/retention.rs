//! Making room and expiry, in a process of its own: they remove text of every endpoint there is.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;

use event::StreamId;
use harness::{TENANT, answers, client, put, store};
use std::sync::atomic::{AtomicU64, Ordering};
use store::{Expired, Freed, Store, testing};
use tokio::sync::Mutex;

const STREAM: StreamId = StreamId(7 << 32);

/// One at a time: they share the tables.
static ALONE: Mutex<()> = Mutex::const_new(());

const DAY_MS: i64 = 86_400_000;

/// Text of a day that packs hardly at all, so that each piece takes its length; with a code it is evidence.
fn text(day: &str, bytes: usize, code: &str) -> String {
    static SEED: AtomicU64 = AtomicU64::new(1);
    let mut state = SEED
        .fetch_add(1, Ordering::Relaxed)
        .wrapping_mul(0x9E37_79B9_7F4A_7C15);
    let mut text = format!("{day} 08:00:00 {code} begins\n");
    while text.len() < bytes {
        text.push_str(&format!("{day} 08:00:01 plain "));
        for _ in 0..60 {
            // xorshift; letters of a base of 64 pack by a quarter.
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            text.push(char::from(b'0' + (state % 64) as u8));
        }
        text.push('\n');
    }
    text
}

/// Stores a chunk of its own part; returns its length.
async fn keep(
    store: &Store,
    endpoint: &str,
    at: u64,
    text: &str,
    received_day: i64,
    keep: u16,
) -> u64 {
    let mut rows = testing::rows(endpoint, at, text, false);
    let chunk = std::sync::Arc::make_mut(&mut rows.chunk);
    chunk.received_ms = received_day * DAY_MS + 1;
    rows.keep_until_day = keep;
    put(store, vec![rows]).await;
    text.len() as u64
}

async fn held(store: &Store, endpoint: &str) -> u64 {
    let held = store.held_bytes(TENANT, endpoint).await.expect("held");
    held.get(&STREAM).copied().unwrap_or(0)
}

async fn free(store: &Store, want: u64) -> Freed {
    let freed = store.free_raw(want, u64::MAX, u64::MAX).await;
    freed.unwrap_or_else(|error| panic!("{error}"))
}

async fn empty(store: &Store) {
    while free(store, u64::MAX).await != Freed::Nothing {}
}

#[tokio::test]
async fn the_oldest_text_goes_first_evidence_last_and_everything_found_stays() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let without_text = store.disk_used().await.unwrap();
    let pieces = [
        ("2022-06-30", "0x80070002"),
        ("2022-07-01", ""),
        ("2022-08-17", ""),
        ("2022-08-18", "0x80070005"),
        ("2022-08-19", ""),
    ];
    let mut at = 0;
    for (day, code) in pieces {
        at += keep(
            &store,
            "kept",
            at,
            &text(day, 200_000, code),
            19_300,
            20_000,
        )
        .await;
    }
    let before = answers(&store, "kept", 202208).await;
    let piece = at / pieces.len() as u64;
    let left = async || (held(&store, "kept").await + piece / 2) / piece;
    let used = store.disk_used().await.unwrap() - without_text;
    assert!(used > at / 2, "{used} of {at}");

    let text_went = |evidence| Freed::Text { parts: 1, evidence };
    assert_eq!(free(&store, 1).await, text_went(false));
    assert_eq!(left().await, 4);
    // What was dropped is not counted, and so not dropped for again.
    let now = store.disk_used().await.unwrap() - without_text;
    assert!(now < used * 17 / 20, "{now} of {used}");
    // More is wanted than other text has: it goes, and evidence waits for the next look.
    assert_eq!(
        free(&store, u64::MAX).await,
        Freed::Text {
            parts: 2,
            evidence: false
        }
    );
    assert_eq!(left().await, 2);
    assert_eq!(free(&store, 1).await, text_went(true));
    assert_eq!(left().await, 1);
    let window = store
        .raw_window(TENANT, "kept", STREAM, 0, 0, 0)
        .await
        .unwrap();
    assert!(window.expired && window.slices.is_empty());
    let evidence = 3 * piece + piece / 2;
    let window = store
        .raw_window(TENANT, "kept", STREAM, evidence, 0, 0)
        .await
        .unwrap();
    assert!(!window.expired && window.slices.len() == 1);
    assert_eq!(answers(&store, "kept", 202208).await, before);
    assert_eq!(free(&store, 1).await, text_went(true));
    assert_eq!(free(&store, 1).await, Freed::Nothing);
}

#[tokio::test]
async fn of_a_part_with_several_kinds_of_text_only_what_goes_first_goes() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let of = |endpoint, day, code, received: i64| {
        let mut rows = testing::rows(endpoint, 0, &text(day, 100_000, code), false);
        std::sync::Arc::make_mut(&mut rows.chunk).received_ms = received;
        rows
    };
    // One insert of one month is one part.
    put(
        &store,
        vec![
            of("part-evidence", "2021-03-01", "0x80070002", 1),
            of("part-old", "2021-03-02", "", 9),
            of("part-first", "2021-03-03", "", 2),
            of("part-last", "2021-03-03", "", 3),
        ],
    )
    .await;
    let held_now = async || {
        let mut held_now = Vec::new();
        for endpoint in ["part-evidence", "part-old", "part-first", "part-last"] {
            held_now.push(held(&store, endpoint).await > 0);
        }
        held_now
    };
    assert_eq!(
        store.free_raw(1, u64::MAX, 10_000).await.unwrap(),
        store.free_raw(1, u64::MAX, 1).await.unwrap(),
        "neither fits"
    );
    assert!(matches!(
        store.free_raw(1, u64::MAX, 1).await.unwrap(),
        Freed::NoRoom { needed: 100_000.. }
    ));
    assert_eq!(held_now().await, [true, true, true, true]);
    free(&store, 1).await;
    assert_eq!(held_now().await, [true, false, true, true]);
    free(&store, 1).await;
    assert_eq!(
        held_now().await,
        [true, false, false, true],
        "what was received first"
    );
    // The engine keeps what it replaced for a second, and would for minutes if it were not asked.
    while store.disk_replaced().await.unwrap() > 100_000 {
        store.clear_replaced().await.unwrap();
    }
    free(&store, u64::MAX).await;
    assert_eq!(held_now().await, [true, false, false, false]);
    empty(&store).await;
}

#[tokio::test]
async fn text_goes_when_its_days_are_over_by_the_day_it_came() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let today = 19_500; // 2023-05-23
    let pieces = [
        ("age-over", "2023-01-05", 19_370, 19_460),
        ("age-young", "2023-05-01", 19_480, 19_570),
        ("age-for-ever", "2023-01-05", 19_370, u16::MAX),
        // It came by a clock that stood at 1970, as its own lines show.
        ("age-clock-behind", "2023-05-20", 1, 91),
        // Lines of a clock that is ahead say nothing.
        ("age-lines-ahead", "2031-01-01", 19_370, 19_460),
        // The last day is kept.
        ("age-last-day", "2023-02-01", 19_410, today),
    ];
    for (endpoint, day, received, until) in pieces {
        keep(&store, endpoint, 0, &text(day, 5_000, ""), received, until).await;
    }
    let mut went = Vec::new();
    while let Expired::Parts(parts) = store.expire_raw(today, u64::MAX).await.unwrap() {
        went.push(parts);
    }
    assert!(!went.is_empty());
    for (endpoint, ..) in pieces {
        let is_gone = held(&store, endpoint).await == 0;
        let should = ["age-over", "age-lines-ahead"].contains(&endpoint);
        assert_eq!(is_gone, should, "{endpoint}");
    }
    empty(&store).await;
}

#[tokio::test]
async fn a_part_of_which_little_is_over_is_rewritten_after_a_week() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let mut all = Vec::new();
    for at in 0..20 {
        let endpoint = format!("mixed-{at}");
        let mut rows = testing::rows(&endpoint, 0, &text("2023-01-05", 5_000, ""), false);
        rows.keep_until_day = if at == 0 { 19_460 } else { 30_000 };
        all.push(rows);
    }
    put(&store, all).await;
    assert_eq!(
        store.expire_raw(19_462, u64::MAX).await.unwrap(),
        Expired::Nothing
    );
    assert!(matches!(
        store.expire_raw(19_470, 1).await.unwrap(),
        Expired::NoRoom { .. }
    ));
    assert_eq!(
        store.expire_raw(19_470, u64::MAX).await.unwrap(),
        Expired::Parts(1)
    );
    while store.expire_raw(19_470, u64::MAX).await.unwrap() == Expired::Busy {
        tokio::task::yield_now().await;
    }
    assert_eq!(held(&store, "mixed-0").await, 0);
    assert!(held(&store, "mixed-19").await > 0);
    empty(&store).await;
}

/// History of two months and of none, taken in today; the days go on from there.
#[tokio::test]
async fn what_was_found_goes_by_whole_months_long_after_it_came() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let client = client().await;
    let real_today: u16 = {
        let ms = store.now_ms().await.unwrap();
        u16::try_from(ms / DAY_MS).unwrap()
    };
    let endpoint = "months";
    for (at, day) in ["2009-03-05", "2012-07-01", "not of any day"]
        .iter()
        .enumerate()
    {
        let text = format!("{day} 08:00:00 0x80070002 begins\n");
        keep(&store, endpoint, 1_000 * at as u64, &text, 19_300, 19_310).await;
    }
    let rows = async |table: &str| -> Vec<u32> {
        let partition = if table == "derivations" {
            "month"
        } else {
            "toYYYYMM(day)"
        };
        let statement = format!(
            "SELECT DISTINCT toUInt32({partition}) FROM {table} WHERE endpoint = 'months' ORDER BY 1"
        );
        client.query(&statement).fetch_all().await.unwrap()
    };
    let all = [199_001, 200_903, 201_207];
    assert_eq!(rows("events").await, all);
    const KEEP: u16 = 25;
    let later = real_today + KEEP * 31 + 2;
    // Other tests have left months of their own.
    let own = [event::Month::new(2009, 3), event::Month::new(2012, 7)];
    let expire = async |today: u16| {
        let mut gone = store.expire_months(today, KEEP).await.unwrap();
        gone.retain(|month| own.contains(month));
        gone
    };
    // Its text is held …
    assert_eq!(expire(later).await, []);
    empty(&store).await;
    // … and it has not been there for long enough.
    assert_eq!(expire(later - 3).await, []);
    assert_eq!(rows("events").await, all);
    assert_eq!(expire(later).await, own);
    for table in ["events", "coverage", "day_inputs", "derivations"] {
        let left: Vec<u32> = rows(table).await;
        assert!(
            left.iter().all(|month| *month == 199_001),
            "{table}: {left:?}"
        );
    }
    assert_eq!(expire(later).await, []);
}

/// A table with a partition a month as logged either goes with its month or is told apart here.
#[tokio::test]
async fn every_table_of_months_expires() {
    store().await;
    let tables: Vec<String> = client()
        .await
        .query(
            "SELECT name FROM system.tables WHERE database = currentDatabase() \
               AND partition_key IN ('toYYYYMM(day)', 'month') ORDER BY name",
        )
        .fetch_all()
        .await
        .unwrap();
    let mut known: Vec<&str> = store::MONTHLY_TABLES.to_vec();
    // Text goes by its own days.
    known.push("chunks");
    known.sort_unstable();
    assert_eq!(tables, known);
}

/// Nothing else expires behind it, so it must not look like work that goes on.
#[tokio::test]
async fn a_rewrite_that_fails_is_told_with_its_reason() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    let text = text("2022-08-18", 10_000, "");
    keep(&store, "stuck", 0, &text, 19_300, 20_000).await;
    let client = client().await;
    let run = async |statement: &str| {
        let query = client.query(statement).with_setting("mutations_sync", "0");
        let done = query.execute().await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    };
    run("ALTER TABLE chunks DELETE WHERE throwIf(endpoint = 'stuck', 'made up')").await;
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(60);
    let (mutation, reason) = loop {
        match store.expire_raw(19_310, u64::MAX).await.unwrap() {
            Expired::Stuck { mutation, reason } => break (mutation, reason),
            busy => assert_eq!(busy, Expired::Busy),
        }
        assert!(std::time::Instant::now() < deadline, "it is not told");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    };
    assert!(reason.contains("made up"), "{reason}");
    run(&format!(
        "KILL MUTATION WHERE table = 'chunks' AND mutation_id = '{mutation}' SYNC"
    ))
    .await;
    assert_eq!(
        store.expire_raw(19_310, u64::MAX).await.unwrap(),
        Expired::Nothing
    );
}

/// What a clock that has jumped would make the engine do by itself.
#[tokio::test]
async fn the_engine_expires_nothing_by_its_own_clock() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    let client = client().await;
    let run = async |statement: &str| {
        let query = client.query(statement).with_setting("mutations_sync", "0");
        let done = query.execute().await;
        done.unwrap_or_else(|error| panic!("{statement}: {error}"));
    };
    run("DROP TABLE IF EXISTS expiring SYNC").await;
    run("CREATE TABLE expiring AS chunks").await;
    // Its last day is long over by any clock, so that no clock need jump here.
    run("INSERT INTO expiring (day, endpoint, keep_until, length) VALUES ('2023-01-05', 'PC', '2023-01-06', 1)").await;
    run("OPTIMIZE TABLE expiring FINAL").await;
    let rows: u64 = client
        .query("SELECT count() FROM expiring")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(rows, 1);
    run("DROP TABLE expiring SYNC").await;
    drop(store);
}

#[tokio::test]
async fn a_day_of_housekeeping_is_remembered_and_only_grows() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    for day in [19_000, 19_002, 19_001] {
        store.set_housekeeping_day(day).await.unwrap();
    }
    assert_eq!(store.housekeeping_day().await.unwrap(), Some(19_002));
    assert!(store.now_ms().await.unwrap() > 20_000 * DAY_MS);
    store.bound_parts(1 << 30).await.unwrap();
    store.bound_parts(0).await.unwrap();
}

/// Folder of the only part of an endpoint's text, and its name.
async fn part_of(endpoint: &str) -> (std::path::PathBuf, String) {
    let (path, name): (String, String) = client()
        .await
        .query("SELECT path, name FROM system.parts WHERE database = 'cbsift' AND table = 'chunks' AND active AND name = (SELECT any(_part) FROM chunks WHERE endpoint = ?)")
        .bind(endpoint)
        .fetch_one()
        .await
        .unwrap();
    (path.into(), name)
}

#[tokio::test]
async fn text_that_is_not_what_was_written_is_noted_when_it_is_read() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    keep(
        &store,
        "flipped",
        0,
        &text("2023-01-05", 300_000, ""),
        19_370,
        u16::MAX,
    )
    .await;
    let (folder, name) = part_of("flipped").await;
    assert_eq!(store.read_next_part("").await.unwrap(), Some(name.clone()));
    // Small parts have all columns in one file; the text is nearly all of it.
    let file = folder.join("data.bin");
    let mut bytes = std::fs::read(&file).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    std::fs::write(&file, bytes).unwrap();

    store.take_unreadable();
    assert!(store.read_next_part("").await.is_err());
    store
        .raw_window(TENANT, "flipped", STREAM, 0, 0, 10)
        .await
        .unwrap_err();
    let found = store.take_unreadable();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (
            found[0].table.as_str(),
            found[0].partition.as_str(),
            found[0].part.as_str(),
            found[0].reason.as_str()
        ),
        ("chunks", "202301", name.as_str(), store::UNREADABLE)
    );
    assert_eq!(store.take_unreadable(), []);
    store.insert_lost_parts(&found).await.unwrap();
    store.insert_lost_parts(&found).await.unwrap();
    let noted = store.lost_parts().await.unwrap();
    assert_eq!(noted.iter().filter(|part| part.part == name).count(), 1);
    empty(&store).await;
}

#[tokio::test]
async fn parts_that_the_engine_put_aside_are_found_and_those_that_people_detach_are_not() {
    let _alone = ALONE.lock().await;
    let store = store().await;
    empty(&store).await;
    keep(
        &store,
        "aside",
        0,
        &text("2023-01-05", 5_000, ""),
        19_370,
        u16::MAX,
    )
    .await;
    let (folder, name) = part_of("aside").await;
    // What DETACH PART leaves: the statement itself makes a part read-only, which the confined engine may not.
    let detached = folder.parent().unwrap().join("detached");
    std::fs::create_dir_all(detached.join(&name)).unwrap();
    for file in std::fs::read_dir(&folder).unwrap() {
        let file = file.unwrap();
        std::fs::copy(file.path(), detached.join(&name).join(file.file_name())).unwrap();
    }
    assert_eq!(store.parts_put_aside().await.unwrap(), []);
    // As the engine names what it cannot read at its start.
    let broken = detached.join(format!("broken-on-start_{name}"));
    std::fs::rename(detached.join(&name), &broken).unwrap();
    let found = store.parts_put_aside().await.unwrap();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(
        (
            found[0].table.as_str(),
            found[0].partition.as_str(),
            found[0].reason.as_str()
        ),
        ("chunks", "202301", "broken-on-start")
    );
    assert!(found[0].bytes > 0 && found[0].at > 1_600_000_000);
    std::fs::remove_dir_all(broken).unwrap();
}
