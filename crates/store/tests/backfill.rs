//! Copying what older builds stored, in a process of its own: it opens news of every endpoint there is.

#[path = "it/harness.rs"]
#[expect(dead_code, reason = "shared with the larger binary")]
mod harness;

use event::{EventId, Marker, Month};
use harness::{TENANT, client, put, store};
use std::time::Duration;
use store::{ChunkRows, Store, testing};

/// Events of every marker, with a rule and without, texts around the bound in characters of every width, an open one, and times in
/// two months and far off.
fn all_kinds() -> ChunkRows {
    let line = "2022-08-18 15:53:46 first\n";
    let mut rows = testing::rows("anew", 0, line, false);
    for (at, marker) in (1u64..).zip(Marker::ALL) {
        for (rule, month) in [("", "08"), ("made-up", "09")] {
            let logged = format!("2022-{month}-{:02} 10:00:00", at % 28 + 1);
            let mut event = testing::event(&logged, "", at * 1_000);
            event.id = EventId(at * 2 + u64::from(rule.is_empty()));
            (event.marker, event.rule) = (marker, rule.to_owned());
            event.fields = vec![("line".to_owned(), at.to_string())];
            rows.events.push(event);
        }
    }
    let mut id = 1_000;
    for wide in ["x", "ü", "中", "🙂"] {
        for before in 0..4 {
            for length in [2_040, 2_047, 2_048, 2_049, 3_000] {
                let mut text = "a".repeat(before);
                while text.len() < length {
                    text.push_str(wide);
                }
                id += 1;
                let mut event = testing::event("2022-08-20 10:00:00", &text, 90_000 + id);
                event.id = EventId(id);
                rows.events.push(event);
            }
        }
    }
    let mut open = testing::event("2022-08-21 10:00:00", "cut he", 200_000);
    open.open = true;
    let far = testing::event("1995-03-04 10:00:00", "far off", 300_000);
    let mut timeless = testing::event("", "pasted", 400_000);
    timeless.codes = vec![event::Code::new(0x8007_0002)];
    rows.events.extend([open, far, timeless]);
    rows
}

async fn run(statement: &str) {
    let done = client()
        .await
        .query(&statement.replace('?', "??"))
        .execute()
        .await;
    done.unwrap_or_else(|error| panic!("{error}\n{statement}"));
}

/// What stands in `day_inputs` of an endpoint, as text to compare.
async fn inputs(endpoint: &str) -> Vec<String> {
    let statement = format!(
        "SELECT toString(tuple(* EXCEPT endpoint)) AS line FROM day_inputs FINAL WHERE endpoint = '{endpoint}' ORDER BY line"
    );
    let rows = client().await.query(&statement).fetch_all::<String>().await;
    rows.unwrap_or_else(|error| panic!("{error}"))
}

async fn backfill(store: &Store) -> usize {
    let mut steps = 1;
    while store
        .backfill_inputs(2)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
        .is_some()
    {
        steps += 1;
    }
    steps
}

#[tokio::test]
async fn what_an_older_build_stored_is_as_if_written_anew() {
    let store = store().await;
    let rows = all_kinds();
    let written = rows.events.len();
    put(&store, vec![rows]).await;
    // An older build wrote no inputs, and kept the days of far-off times.
    let older = ["older-1", "older-2", "older-3", "older-4", "older-5"];
    for endpoint in older {
        run(&format!(
            "INSERT INTO events SELECT * REPLACE ('{endpoint}' AS endpoint, \
               if(logged < '2000-01-01', toDate(logged), day) AS day) FROM (SELECT * FROM events WHERE endpoint = 'anew')"
        ))
        .await;
    }
    run(
        "INSERT INTO derivations (tenant, endpoint, month, generation, version, `set`, attempts, findings) \
         VALUES ('default', 'older-2', 202211, 0, 1, 1, 0, 0)",
    )
    .await;
    let anew = inputs("anew").await;
    assert_eq!(anew.len(), written);
    assert_eq!(inputs("older-1").await, Vec::<String>::new());

    assert!(!store.is_backfilled().await.expect("progress"));
    assert!(backfill(&store).await > 3, "in bounded steps");
    assert!(store.is_backfilled().await.expect("progress"));
    for endpoint in older {
        assert_eq!(inputs(endpoint).await, anew, "{endpoint}");
    }
    let open = async |endpoint: &str| {
        let open = store.open_news(Duration::ZERO, 10_000).await.expect("news");
        open.into_iter()
            .filter(|news| news.unit.endpoint == endpoint)
            .collect::<Vec<_>>()
    };
    let news = open("older-2").await;
    let months: Vec<u32> = news.iter().map(|news| news.unit.month.yyyymm()).collect();
    assert_eq!(months, [199_001, 202_208, 202_209, 202_211]);
    assert!(news.iter().all(|news| news.news.is_of_all_days()));

    // It is done once, …
    run("TRUNCATE TABLE day_inputs").await;
    assert_eq!(backfill(&store).await, 1);
    assert_eq!(inputs("older-1").await, Vec::<String>::new());
    // … and cut short before it was noted, a step is made again and changes nothing.
    run("TRUNCATE TABLE backfills").await;
    store.close_news(&news).await.expect("close");
    backfill(&store).await;
    for endpoint in older {
        assert_eq!(inputs(endpoint).await, anew, "{endpoint}");
    }
    assert_eq!(open("older-2").await, []);
    let events = store
        .unit_rows(TENANT, "older-3", Month::FAR_OFF, Month::FAR_OFF)
        .await
        .expect("read");
    assert_eq!(events.events.len(), 2);
}
