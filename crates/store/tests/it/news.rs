//! News: whose it is, who finds it, and who is told.

use crate::harness::{TENANT, client, put, store};
use std::{collections::BTreeSet, time::Duration};
use store::{OpenNews, Parts, Store, Sweep, Whose, testing};

/// So many that no endpoint of another test shares the part of one of these.
const PARTS: u32 = 1_000_003;

const HOUR: Duration = Duration::from_secs(3_600);

async fn endpoints(store: &Store, test: &str) -> Vec<(String, Parts)> {
    let mut found = Vec::new();
    for number in 0..3 {
        let name = format!("{test}-{number}");
        let text = "2022-08-18 15:53:46 a\n";
        put(store, vec![testing::rows(&name, 0, text, false)]).await;
        let question = format!("SELECT toUInt32(kafkaMurmurHash('{TENANT}/{name}') % {PARTS})");
        let part = client().await.query(&question).fetch_one().await;
        let mine = vec![part.expect("a part")];
        found.push((name, Parts { mine, of: PARTS }));
    }
    found
}

/// What a sweep finds of a test's endpoints.
async fn found(store: &Store, test: &str, whose: Whose<'_>, age: Duration) -> Vec<OpenNews> {
    let sweep = Sweep {
        whose,
        age,
        after: None,
        limit: 100_000,
    };
    let open = store.sweep_news(sweep).await.expect("sweep").into_iter();
    open.filter(|news| news.unit.endpoint.starts_with(test))
        .collect()
}

fn names(open: &[OpenNews]) -> BTreeSet<&str> {
    open.iter().map(|news| &*news.unit.endpoint).collect()
}

#[tokio::test]
async fn sweeps_that_go_on_meet_every_unit() {
    let store = store().await;
    for endpoint in ["sweep-a", "sweep-b", "sweep-c"] {
        let text = "2022-08-18 15:53:46 a\n2023-08-18 15:53:46 b\n";
        put(&store, vec![testing::rows(endpoint, 0, text, false)]).await;
    }
    let (mut met, mut after) = (Vec::new(), None);
    loop {
        let open = store
            .sweep_news(Sweep {
                whose: Whose::All,
                age: Duration::ZERO,
                after: after.as_ref(),
                limit: 2,
            })
            .await
            .expect("news");
        let Some(last) = open.last() else { break };
        after = Some(last.unit.clone());
        met.extend(open.into_iter().map(|news| news.unit));
    }
    assert!(met.is_sorted_by(|a, b| a < b), "each once: {met:?}");
    let own = met
        .iter()
        .filter(|unit| unit.endpoint.starts_with("sweep-"));
    assert!(own.count() >= 6);
}

#[tokio::test]
async fn what_is_handed_over_is_found_at_once_by_its_owner() {
    let (store, test) = (store().await, "handed-over");
    let endpoints = endpoints(&store, test).await;
    let (name, mine) = &endpoints[0];
    let open = found(&store, test, Whose::Mine(mine), Duration::ZERO).await;
    assert_eq!(names(&open), BTreeSet::from([&**name]));
    assert_eq!(found(&store, test, Whose::Mine(mine), HOUR).await, []);
    let told = async |parts: &Parts| {
        let news = store.handed_over_news(parts, 10).await;
        news.expect("handed over")
    };
    assert_eq!(told(mine).await, []);

    store.hand_over_news(&open).await.expect("hand over");
    store.hand_over_news(&open).await.expect("a repeat");
    let news = told(mine).await;
    assert_eq!(names(&news), BTreeSet::from([&**name]));
    assert_eq!(news[0].news, open[0].news);
    assert_ne!(news[0].ids, open[0].ids);
    assert_eq!(told(&endpoints[1].1).await, [], "not its owner");
    // Sweeps need not wait for its age, and nothing is left under the old name.
    assert_eq!(found(&store, test, Whose::Mine(mine), HOUR).await, news);
    let all = found(&store, test, Whose::All, Duration::ZERO).await;
    let of_name = all.into_iter().filter(|news| news.unit.endpoint == *name);
    assert_eq!(of_name.collect::<Vec<_>>(), news);
    store.close_news(&news).await.expect("close");
    assert_eq!(told(mine).await, []);
}

#[tokio::test]
async fn old_news_of_others_is_found_where_they_close_none() {
    let (store, test) = (store().await, "orphaned");
    let endpoints = endpoints(&store, test).await;
    let (own, mine) = &endpoints[0];
    let orphaned = async |age| found(&store, test, Whose::Orphaned(mine), age).await;
    assert_eq!(orphaned(HOUR).await, [], "too young");
    // Not a name that one of the next batches may have.
    let older = format!(
        "INSERT INTO news (tenant, endpoint, month, id, done, at) \
         SELECT tenant, endpoint, month, bitXor(id, 1048576), 0, now() - 7200 FROM news WHERE startsWith(endpoint, '{test}-')"
    );
    let older = client().await.query(&older).execute().await;
    older.expect("news that waits for two hours");
    let open = orphaned(HOUR).await;
    let others: BTreeSet<&str> = endpoints[1..].iter().map(|(name, _)| &**name).collect();
    assert_eq!(names(&open), others);
    let of_own = found(&store, test, Whose::Mine(mine), HOUR).await;
    assert_eq!(names(&of_own), BTreeSet::from([&**own]));

    // That news is handed over to owners says nothing of their life.
    let name = &endpoints[2].0;
    put(
        &store,
        vec![testing::rows(name, 99, "2022-08-19 15:53:46 b\n", false)],
    )
    .await;
    let mut handed_over = found(&store, test, Whose::Mine(&endpoints[2].1), Duration::ZERO).await;
    handed_over[0].ids.retain(|id| !open[1].ids.contains(id));
    assert!(!handed_over[0].ids.is_empty());
    store.hand_over_news(&handed_over).await.expect("hand over");
    assert_eq!(names(&orphaned(HOUR).await), others);

    // Nor that another one has derived it in the owner's place.
    let young = found(&store, test, Whose::Mine(&endpoints[1].1), Duration::ZERO).await;
    let mut taken = young[0].clone();
    taken.ids.retain(|id| open[0].ids.contains(id));
    let at = taken.ids.len();
    assert!(at > 0);
    let by_another = OpenNews {
        ids: vec![taken.ids[0] ^ 2_097_152],
        ..taken
    };
    let closed = store.close_news_of_others(&[by_another]).await;
    closed.expect("close");
    assert_eq!(names(&orphaned(HOUR).await), others);

    // Its owner lives: it has closed what came since.
    let young = found(&store, test, Whose::Mine(&endpoints[1].1), Duration::ZERO).await;
    let mut young = young[0].clone();
    young.ids.retain(|id| !open[0].ids.contains(id));
    store.close_news(&[young]).await.expect("close");
    assert_eq!(
        names(&orphaned(HOUR).await),
        BTreeSet::from([&*endpoints[2].0])
    );
    // But this it does not do, for more than ten times as long.
    assert_eq!(names(&orphaned(HOUR / 6).await), others);
}

#[tokio::test]
async fn what_was_done_a_short_while_ago_outlives_tidying() {
    let (store, test) = (store().await, "tidied");
    let endpoints = endpoints(&store, test).await;
    let of = async |index: usize| {
        let mine = Whose::Mine(&endpoints[index].1);
        found(&store, test, mine, Duration::ZERO).await
    };
    let handed_over = of(0).await;
    store.hand_over_news(&handed_over).await.expect("hand over");
    for index in 0..3 {
        store.close_news(&of(index).await).await.expect("close");
    }
    let older = format!(
        "INSERT INTO news (tenant, endpoint, month, id, done, at) \
         SELECT tenant, endpoint, month, bitXor(id, 1048576), 1, now() - 7200 FROM news WHERE startsWith(endpoint, '{test}-') AND done = 1"
    );
    let older = client().await.query(&older).execute().await;
    older.expect("news that was done two hours ago");
    store.tidy_beyond(0).await.expect("tidy");
    let left = format!(
        "SELECT endpoint, toUInt32(countIf(done = 1)), toUInt32(countIf(at < now() - 3600)) FROM news \
         WHERE startsWith(endpoint, '{test}-') GROUP BY endpoint ORDER BY endpoint"
    );
    let left = client().await.query(&left);
    let left: Vec<(String, u32, u32)> = left.fetch_all().await.expect("rows");
    let expected = endpoints.iter().map(|(name, _)| (name.clone(), 1, 0));
    assert_eq!(left, expected.collect::<Vec<_>>());
}
