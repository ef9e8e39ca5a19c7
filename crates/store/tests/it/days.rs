//! Inputs of days, parts of days, and what derivations read of streams.

use crate::harness::{TENANT, client, put, put_as, store};
use event::{
    Day, EventId, LoggedAt, Marker, Month, Source, StreamId, Unit, UnitNews, UtcAnchor, UtcHow,
};
use std::{collections::BTreeMap, sync::Arc, time::Duration};
use store::{
    AskedDays, Batch, ChunkRows, DayInputs, DayRow, DerivationVersion, OpenNews, Store, testing,
};

const BYTES: u64 = 16 << 20;

pub(crate) fn day(text: &str) -> Day {
    Day::of(LoggedAt::parse(format!("{text} 00:00:00").as_bytes()))
}

/// What a derivation of one day reads.
async fn inputs_of(store: &Store, endpoint: &str, day: Day) -> DayInputs {
    let mut inputs = store
        .day_inputs(
            TENANT,
            &[endpoint],
            AskedDays {
                full: &[day.plus(-1), day],
                from: day.plus(-31),
                to: day.plus(31),
                rule_set: u32::MAX,
            },
            BYTES,
        )
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    inputs.remove(endpoint).unwrap_or_default()
}

fn texts(inputs: &DayInputs) -> Vec<&str> {
    let texts = inputs.events.iter();
    texts.map(|event| event.text.as_str()).collect()
}

/// One record with a marker.
fn record(endpoint: &str, offset: u64, line: &str, marker: Marker) -> ChunkRows {
    let mut rows = testing::rows(endpoint, offset, &format!("{line}\n"), false);
    rows.events[0].marker = marker;
    rows
}

async fn open_news(store: &Store, endpoint: &str) -> Vec<OpenNews> {
    let open = store.open_news(Duration::ZERO, 10_000).await.expect("news");
    open.into_iter()
        .filter(|news| news.unit.endpoint == endpoint)
        .collect()
}

#[tokio::test]
async fn inputs_fold_as_events_do_and_copies_add_up_in_any_order() {
    let store = store().await;
    let line = "2022-08-18 15:53:46 same text\n";
    let mut versions = Vec::new();
    for (endpoint, backwards) in [("inputs-forwards", false), ("inputs-backwards", true)] {
        let copy = |rule_set: u32, offset: u64, stream: u64| {
            let mut rows = testing::rows(endpoint, offset, line, false);
            Arc::make_mut(&mut rows.chunk).stream = StreamId(stream);
            rows.events[0].stream = StreamId(stream);
            rows.events[0].id = EventId(7);
            (rule_set, rows)
        };
        let mut copies = vec![
            copy(1, 0, 1 << 48),
            copy(2, 500, 2 << 48),
            copy(2, 400, 2 << 48),
            copy(2, 0, 3 << 48),
        ];
        if backwards {
            copies.reverse();
        }
        let mut before = DerivationVersion::default();
        for (rule_set, rows) in copies {
            put_as(&store, rule_set, vec![rows]).await;
            let inputs = inputs_of(&store, endpoint, day("2022-08-18")).await;
            let version = inputs.version(1, day("2022-08-18"));
            assert!(version >= before, "{version:?} {before:?}");
            before = version;
        }
        let inputs = inputs_of(&store, endpoint, day("2022-08-18")).await;
        let month = Month::from_yyyymm(202_208);
        let rows = store
            .unit_rows(TENANT, endpoint, month, month)
            .await
            .expect("read");
        assert_eq!(inputs.events, rows.events);
        assert_eq!(
            (inputs.events[0].stream.0, inputs.events[0].offset),
            (2 << 48, 400)
        );
        versions.push(before);
    }
    assert_eq!(versions[0], versions[1]);
}

#[tokio::test]
async fn a_copy_of_the_same_rule_set_that_stands_earlier_makes_a_greater_version() {
    let store = store().await;
    let (endpoint, today) = ("inputs-earlier", day("2022-08-18"));
    let line = "2022-08-18 15:53:46 twice in one second";
    put(&store, vec![record(endpoint, 700, line, Marker::None)]).await;
    let later = inputs_of(&store, endpoint, today).await;
    put(&store, vec![record(endpoint, 10, line, Marker::None)]).await;
    let earlier = inputs_of(&store, endpoint, today).await;
    assert_eq!(
        (later.events[0].offset, earlier.events[0].offset),
        (700, 10)
    );
    assert!(earlier.version(1, today) > later.version(1, today));
}

#[tokio::test]
async fn an_open_row_goes_when_a_longer_piece_covers_it_in_either_order() {
    let store = store().await;
    let today = day("2022-08-18");
    let mut versions = Vec::new();
    for (endpoint, backwards) in [("open-inputs-1", false), ("open-inputs-2", true)] {
        let mut pieces = [
            testing::rows(endpoint, 0, "2022-08-18 15:53:46 cut he", true),
            testing::rows(endpoint, 0, "2022-08-18 15:53:46 cut here: plain\n", false),
        ];
        for rows in &mut pieces {
            for event in &mut rows.events {
                event.id = EventId(9);
            }
        }
        if backwards {
            pieces.reverse();
        }
        let [first, second] = pieces;
        put(&store, vec![first]).await;
        let before = inputs_of(&store, endpoint, today).await;
        assert_eq!(before.events.len(), usize::from(!backwards));
        put(&store, vec![second]).await;
        let after = inputs_of(&store, endpoint, today).await;
        assert_eq!(texts(&after), Vec::<&str>::new());
        assert!(after.version(1, today) > before.version(1, today));
        versions.push(after.version(1, today));
    }
    assert_eq!(versions[0], versions[1]);
}

#[tokio::test]
async fn beyond_the_full_days_only_landmarks_are_read() {
    let store = store().await;
    let (endpoint, today) = ("landmarks", day("2022-08-18"));
    let lines = [
        ("2022-07-17 10:00:00 too early", Marker::ExecStart),
        ("2022-07-18 10:00:00 first", Marker::ExecStart),
        ("2022-08-16 10:00:00 plainly there", Marker::None),
        ("2022-08-17 10:00:00 the day before", Marker::None),
        ("2022-08-18 10:00:00 the day", Marker::None),
        ("2022-08-19 10:00:00 plainly after", Marker::None),
        ("2022-09-18 10:00:00 last", Marker::ExecEnd),
        ("2022-09-19 10:00:00 too late", Marker::ExecEnd),
        ("1999-01-01 10:00:00 far off", Marker::ExecEnd),
    ];
    // The words `plain` and `noise` are what the helper goes by.
    let mut rows = Vec::new();
    for (at, (line, marker)) in (0u64..).zip(lines) {
        let line = line.replace("plainly ", "also ");
        rows.push(record(endpoint, at * 100, &line, marker));
    }
    let mut ruled = record(endpoint, 5_000, "2022-08-01 10:00:00 known", Marker::None);
    ruled.events[0].rule = "made-up".to_owned();
    rows.push(ruled);
    put(&store, rows).await;
    let inputs = inputs_of(&store, endpoint, today).await;
    let read = ["first", "the day before", "the day", "last", "known"];
    assert_eq!(texts(&inputs), read);

    // A day weighs the same, whichever others are read in full along with it.
    let days: Vec<Day> = (-31..=31).map(|days| today.plus(days)).collect();
    let all = store
        .day_inputs(
            TENANT,
            &[endpoint],
            AskedDays {
                full: &days,
                from: today.plus(-62),
                to: today.plus(62),
                rule_set: u32::MAX,
            },
            BYTES,
        )
        .await
        .expect("read");
    assert_eq!(all[endpoint].version(1, today), inputs.version(1, today));
    assert_eq!(all[endpoint].events.len(), 9, "all that is near");

    let far = store
        .day_inputs(
            TENANT,
            &[endpoint],
            AskedDays {
                full: &[Day::FAR_OFF],
                from: Day::FAR_OFF,
                to: Day::FAR_OFF,
                rule_set: u32::MAX,
            },
            BYTES,
        )
        .await
        .expect("read");
    assert_eq!(texts(&far[endpoint]), ["far off"]);
    assert_eq!(far[endpoint].version(1, Day::FAR_OFF).inputs, 1);
}

#[tokio::test]
async fn a_landmark_that_a_newer_rule_set_made_none_is_none_from_afar_either() {
    let store = store().await;
    let (endpoint, today) = ("landmark-no-more", day("2022-08-18"));
    let line = "2022-08-01 10:00:00 known once";
    let mut known = record(endpoint, 0, line, Marker::None);
    known.events[0].rule = "made-up".to_owned();
    put_as(&store, 1, vec![known]).await;
    put_as(
        &store,
        1,
        vec![record(
            endpoint,
            500,
            "2022-08-18 10:00:00 now",
            Marker::None,
        )],
    )
    .await;
    let before = inputs_of(&store, endpoint, today).await;
    assert_eq!(texts(&before), ["known once", "now"]);
    put_as(&store, 2, vec![record(endpoint, 0, line, Marker::None)]).await;
    let after = inputs_of(&store, endpoint, today).await;
    assert_eq!(texts(&after), ["now"]);
    assert!(after.version(1, today) > before.version(1, today));
    // Read in full it is an event, and weighs as it did from afar.
    let full = store
        .day_inputs(
            TENANT,
            &[endpoint],
            AskedDays {
                full: &[day("2022-08-01"), today.plus(-1), today],
                from: today.plus(-31),
                to: today.plus(31),
                rule_set: u32::MAX,
            },
            BYTES,
        )
        .await
        .expect("read");
    assert_eq!(texts(&full[endpoint]), ["known once", "now"]);
    assert_eq!(full[endpoint].events[0].rule, "");
    assert_eq!(full[endpoint].version(1, today), after.version(1, today));
    // Made one again, it is one again.
    let mut again = record(endpoint, 0, line, Marker::None);
    again.events[0].rule = "made-up".to_owned();
    put_as(&store, 3, vec![again]).await;
    assert_eq!(
        texts(&inputs_of(&store, endpoint, today).await),
        ["known once", "now"]
    );
}

#[tokio::test]
async fn every_new_row_makes_a_greater_version_and_no_order_makes_another() {
    let store = store().await;
    let today = day("2022-08-18");
    let lines = [
        "2022-08-18 10:00:00 a",
        "2022-08-18 10:00:01 b",
        "2022-08-17 10:00:00 c",
        "2022-08-02 10:00:00 d",
    ];
    let mut last = Vec::new();
    for (endpoint, backwards) in [("grows-forwards", false), ("grows-backwards", true)] {
        let mut rows: Vec<ChunkRows> = (0u64..)
            .zip(lines)
            .map(|(at, line)| record(endpoint, at * 100, line, Marker::ExecStart))
            .collect();
        if backwards {
            rows.reverse();
        }
        let mut before = DerivationVersion::default();
        for row in rows {
            for is_new in [true, false] {
                put(&store, vec![row.clone()]).await;
                let version = inputs_of(&store, endpoint, today).await.version(0, today);
                assert_eq!(version > before, is_new, "{version:?}");
                before = version;
            }
        }
        last.push(before);
    }
    assert_eq!(last[0], last[1]);
}

#[tokio::test]
async fn inputs_keep_all_text_that_is_derived_from() {
    let store = store().await;
    let mut rows = record("long-text", 0, "2022-08-18 10:00:00 long", Marker::None);
    rows.events[0].text = format!("{} failed", "中🙂".repeat(1_000));
    let text = rows.events[0].text.clone();
    put(&store, vec![rows]).await;
    let inputs = inputs_of(&store, "long-text", day("2022-08-18")).await;
    assert_eq!(texts(&inputs), [text]);
}

#[tokio::test]
async fn a_read_of_days_above_its_bound_is_refused_as_too_large() {
    let store = store().await;
    let (endpoint, today) = ("bounded-days", day("2022-08-18"));
    let text: String = (0..200)
        .map(|number| format!("2022-08-18 15:53:46 line {number}\n"))
        .collect();
    put(&store, vec![testing::rows(endpoint, 0, &text, false)]).await;
    let read = async |bytes| {
        let read = store
            .day_inputs(
                TENANT,
                &[endpoint],
                AskedDays {
                    full: &[today],
                    from: today,
                    to: today,
                    rule_set: u32::MAX,
                },
                bytes,
            )
            .await;
        read.map(|inputs| inputs[endpoint].events.len())
    };
    assert_eq!(read(BYTES).await.expect("fits"), 200);
    let error = read(4 << 10).await.expect_err("is too large");
    assert!(error.is_too_large(), "{error}");
}

/// Of 16 endpoints with 30 days of 200 events each, 96,000 rows, one endpoint's two days and its landmarks are read.
#[tokio::test]
async fn one_endpoints_days_are_read_without_the_others() {
    let store = store().await;
    let client = client().await;
    // A table of its own would not show the partitions and parts of the real one, so the rows go there under a prefix.
    client
        .query(
            "INSERT INTO day_inputs (tenant, endpoint, landmark, day, source, id, logged, text, version) \
             SELECT 'default', concat('narrow-', toString(number % 16)), number % 97 = 0, \
               toDate('2024-03-01') + intDiv(number, 3200), 'cbs', number, \
               toDateTime64(toDate('2024-03-01') + intDiv(number, 3200), 0, 'UTC'), repeat('x', 300), number FROM numbers(96000)",
        )
        .with_setting("max_partitions_per_insert_block", "1")
        .execute()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    let today = day("2024-03-20");
    let inputs = inputs_of(&store, "narrow-3", today).await;
    assert!(inputs.events.len() > 400, "{}", inputs.events.len());
    let rows: u64 = client
        .query(
            "SELECT toUInt64(sum(rows)) FROM (EXPLAIN ESTIMATE SELECT text FROM day_inputs WHERE tenant = 'default' \
               AND endpoint IN ['narrow-3'] AND ((landmark = 0 AND day IN [19801, 19802]) \
               OR (landmark = 1 AND (day BETWEEN toDate(19771) AND toDate(19833) \
                 OR day IN [19801, 19802]))))",
        )
        .fetch_one()
        .await
        .unwrap_or_else(|error| panic!("{error}"));
    // Three granules of 256 rows at the days, two at the landmarks, and as many of parts that other tests have put there.
    assert!(rows <= 10 * 256, "{rows}");
}

#[tokio::test]
async fn parts_of_days_come_back_and_the_better_informed_one_stays() {
    let store = store().await;
    let endpoint = "day-parts";
    let part = |text: &str, inputs, body: &[u8]| DayRow {
        unit: Unit {
            tenant: TENANT.to_owned(),
            endpoint: endpoint.to_owned(),
            month: day(text).month(),
        },
        day: day(text),
        version: DerivationVersion {
            rule_set: 1,
            inputs,
            places: u64::MAX - inputs,
        },
        waits: vec![inputs, u64::MAX],
        body: body.to_vec(),
    };
    let days = [
        part("2022-08-31", 5, b"\x00\xFF better"),
        part("2022-09-01", 1, b""),
        part("1999-01-01", 2, b"far off"),
    ];
    store.insert_days(&days).await.expect("insert");
    store
        .insert_days(&[part("2022-08-31", 4, b"less")])
        .await
        .expect("insert");
    let (from, to) = (day("2022-08-31"), day("2022-09-30"));
    let marks = store.day_marks(TENANT, &[endpoint], from, to, BYTES).await;
    let marks = &marks.expect("read")[endpoint];
    let read: Vec<_> = marks
        .iter()
        .map(|mark| (mark.day, mark.waits.clone()))
        .collect();
    let stored = days[..2].iter();
    let stored: Vec<_> = stored.map(|row| (row.day, row.waits.clone())).collect();
    assert_eq!(read, stored);
    let far = store
        .day_marks(TENANT, &[endpoint], Day::FAR_OFF, Day::FAR_OFF, BYTES)
        .await;
    assert_eq!(far.expect("read")[endpoint].len(), 1);
    let months = [day("2022-08-31").month(), Month::FAR_OFF];
    let bodies = store.day_bodies(TENANT, &[endpoint], &months, BYTES).await;
    let bodies: Vec<(DerivationVersion, Vec<u8>)> = bodies
        .expect("read")
        .into_values()
        .flatten()
        .map(|day| (day.version, day.body))
        .collect();
    let of = |row: &DayRow| (row.version, row.body.clone());
    assert_eq!(bodies, [of(&days[2]), of(&days[0])]);
    let error = store.day_bodies(TENANT, &[endpoint], &months, 8).await;
    assert!(error.expect_err("is too large").is_too_large());
}

#[tokio::test]
async fn days_and_links_of_news_add_up_and_halves_bring_all_of_it() {
    let store = store().await;
    let endpoint = "news-of-days";
    let mut rows = [
        record(endpoint, 0, "2022-08-18 10:00:00 a", Marker::None),
        record(endpoint, 100, "2022-08-20 10:00:00 b", Marker::None),
    ];
    let month = Month::from_yyyymm(202_208);
    let news = |days: &[&str], links: &[u64]| UnitNews {
        days: days.iter().map(|text| day(text)).collect(),
        links: links.iter().copied().collect(),
    };
    rows[0].news = BTreeMap::from([(month, news(&["2022-08-18"], &[1]))]);
    rows[1].news = BTreeMap::from([(month, news(&["2022-08-20"], &[2]))]);
    let both = news(&["2022-08-18", "2022-08-20"], &[1, 2]);
    let batch = Batch::new(1, 77_001, rows.to_vec());
    assert_eq!(batch.news_of_units().values().collect::<Vec<_>>(), [&both]);
    let (one, other) = batch.halve();
    for half in [Some(one), other].into_iter().flatten() {
        store.insert_batch(&half).await.expect("insert");
    }
    assert_eq!(open_news(&store, endpoint).await[0].news, both);
    // Of another batch, …
    rows[0].news = BTreeMap::from([(month, news(&["2022-08-25"], &[3]))]);
    put(&store, rows[..1].to_vec()).await;
    let open = open_news(&store, endpoint).await;
    let all = news(&["2022-08-18", "2022-08-20", "2022-08-25"], &[1, 2, 3]);
    assert_eq!((open[0].ids.len(), &open[0].news), (2, &all));
    // … with more links than are kept, …
    let many: Vec<u64> = (0..4_096).map(|link| link * 3 + 1_000).collect();
    rows[0].news = BTreeMap::from([(month, news(&["2022-08-25"], &many))]);
    put(&store, rows[..1].to_vec()).await;
    assert!(open_news(&store, endpoint).await[0].news.is_of_all_days());
    store
        .close_news(&open_news(&store, endpoint).await)
        .await
        .expect("close");
    // … and by an older build, which names no days.
    rows[0].news = BTreeMap::from([(month, news(&["2022-08-25"], &[]))]);
    put(&store, rows[..1].to_vec()).await;
    client()
        .await
        .query(&format!(
            "INSERT INTO news (tenant, endpoint, month, id, done) VALUES ('{TENANT}', '{endpoint}', 202208, 77002, 0)"
        ))
        .execute()
        .await
        .expect("insert");
    assert!(open_news(&store, endpoint).await[0].news.is_of_all_days());
}

#[tokio::test]
async fn a_batch_without_news_writes_none() {
    let store = store().await;
    let endpoint = "no-news";
    let mut rows = record(endpoint, 0, "2022-08-18 10:00:00 a", Marker::None);
    rows.news.clear();
    put(&store, vec![rows]).await;
    assert_eq!(open_news(&store, endpoint).await, []);
    let inputs = inputs_of(&store, endpoint, day("2022-08-18")).await;
    assert_eq!(texts(&inputs), ["a"]);
}

#[tokio::test]
async fn streams_tell_their_times_and_each_anchor_once() {
    let store = store().await;
    let endpoint = "stream-times";
    let piece = |offset: u64, line: &str, anchors: &[u64]| {
        let mut rows = record(endpoint, offset, line, Marker::None);
        rows.anchors = anchors
            .iter()
            .map(|&offset| UtcAnchor {
                offset,
                minutes: -480,
                how: UtcHow::CsiStamp,
                logged: LoggedAt::parse(b"2022-08-18 10:00:00").expect("a time"),
            })
            .collect();
        rows
    };
    put(&store, vec![piece(0, "2022-08-18 10:00:00 a", &[5, 9])]).await;
    put(&store, vec![piece(100, "2022-09-20 10:00:00 b", &[9])]).await;
    // The same bytes once more, from another path.
    let mut again = piece(0, "2022-08-18 10:00:00 a", &[5, 9]);
    Arc::make_mut(&mut again.chunk).path = "CbsPersist.log".to_owned();
    put(&store, vec![again]).await;
    let month = Month::from_yyyymm(202_208);
    let of = async |month| {
        let read = store
            .stream_facts_of(TENANT, &[endpoint], month, month, BYTES)
            .await;
        read.unwrap_or_else(|error| panic!("{error}"))
            .remove(endpoint)
    };
    let streams = of(month).await.expect("is there").streams;
    assert_eq!(streams.len(), 1);
    let stream = &streams[0];
    assert_eq!(
        (stream.source, stream.stream),
        (Source::Cbs, StreamId(7 << 32))
    );
    let offsets: Vec<u64> = stream.anchors.iter().map(|anchor| anchor.offset).collect();
    assert_eq!(offsets, [5, 9]);
    assert_eq!(
        [stream.first, stream.last].map(|at| at.map(|at| at.to_string())),
        ["2022-08-18 10:00:00", "2022-09-20 10:00:00"].map(|text| Some(text.to_owned()))
    );
    let (count, hash) = stream.weight();
    assert_eq!(count, 2);
    assert!(hash != 0 && hash <= u64::from(u32::MAX));
    assert_eq!(of(Month::from_yyyymm(202_305)).await, None);
}
