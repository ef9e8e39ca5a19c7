//! Who is silent: PCs of which nothing arrives, and not all of them where we heard nobody.

use crate::harness::{Heard, Manner, desk, shipped, store};
use alert::{Kill, Now};
use store::{Batch, ChunkRows, EndpointsAsked, Filter, Sort, Store, Wanted};

/// 2024-05-20 09:00:00 UTC.
const NOW: i64 = 1_716_195_600;
const DAY: i64 = 86_400;
const PCS: u32 = 100;

/// Logs of some PCs arrive, so many days ago.
async fn arrive(store: &Store, tenant: &str, pcs: std::ops::Range<u32>, days_ago: i64) {
    let at = NOW - days_ago * DAY;
    let rows: Vec<ChunkRows> = pcs
        .map(|pc| {
            let mut chunk = store::testing::chunk(
                &format!("pc-{pc:04}"),
                at.unsigned_abs(),
                "2024-05-20 09:00:00, Info                  CBS    made up\n",
                false,
            );
            chunk.tenant = tenant.to_owned();
            chunk.received_ms = at * 1_000;
            ChunkRows {
                first: Some(event::LoggedAt(at)),
                last: Some(event::LoggedAt(at)),
                records: 1,
                ..ChunkRows::new(chunk)
            }
        })
        .collect();
    let batch = Batch::new(1, at.unsigned_abs(), rows);
    store.insert_batch(&batch).await.expect("store");
}

/// What is told within some hours, by hour.
async fn told(store: &Store, tenant: &str, hours: &[i64]) -> Vec<(i64, String, f64)> {
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["pcs_silent", "nobody_heard"]);
    let now = |hours: i64| Now::at((NOW + hours * 3_600) * 1_000);
    let mut desk = desk(store, tenant, &heard, rules, now(0)).await;
    let mut told = Vec::new();
    for &hours in hours {
        let done = desk
            .round(now(hours), 0.0, Kill::Never)
            .await
            .expect("round");
        assert_eq!(done.errors, Default::default());
        let messages = done.messages.into_iter();
        told.extend(messages.map(|message| (hours, message.rule, message.alerts[0].value)));
    }
    told
}

#[tokio::test]
async fn a_tenth_that_falls_silent_is_told() {
    let (store, tenant) = (store().await, "alert-silent");
    for days_ago in 0..20 {
        let last = if days_ago > 8 { PCS } else { PCS - 12 };
        arrive(&store, tenant, 0..last, days_ago).await;
    }
    assert_eq!(
        told(&store, tenant, &[0, 1, 2]).await,
        [(1, "pcs_silent".to_owned(), 12.0)]
    );
}

/// The intake, Kafka or the pipelines were away for more than a week: then PCs come back one after the other, and none of them was silent.
#[tokio::test]
async fn pcs_are_not_silent_because_nobody_was_heard() {
    let (store, tenant) = (store().await, "alert-away");
    for days_ago in 9..30 {
        arrive(&store, tenant, 0..PCS, days_ago).await;
    }
    arrive(&store, tenant, 0..3, 0).await;
    // Pages say what is: of the others nothing has come for a week.
    let filter = Filter {
        tenant: tenant.to_owned(),
        now: Some(event::LoggedAt(NOW)),
        ..Filter::default()
    };
    let asked = EndpointsAsked {
        filter: &filter,
        search: "",
        wanted: Some(Wanted::Silent),
        sort: Sort::Name,
        limit: 1,
        after: None,
    };
    let page = store.endpoints(asked).await.expect("read");
    assert_eq!(page.total, Some(u64::from(PCS - 3)));
    assert_eq!(told(&store, tenant, &[0, 1, 2, 20]).await, []);

    // Those that stay away count from then on: after seven days on which others were heard.
    for days_later in 1..9 {
        arrive(&store, tenant, 0..60, -days_later).await;
    }
    assert_eq!(
        told(&store, tenant, &[120, 144, 168, 169, 192]).await,
        [(169, "pcs_silent".to_owned(), 40.0)]
    );
}

/// While nobody is heard at all that is told, once, and no PC is called silent for it.
#[tokio::test]
async fn where_nobody_is_heard_that_is_what_is_told() {
    let (store, tenant) = (store().await, "alert-deaf");
    for days_ago in 3..20 {
        arrive(&store, tenant, 0..PCS, days_ago).await;
    }
    assert_eq!(
        told(&store, tenant, &[0, 1, 2, 100, 200]).await,
        [(1, "nobody_heard".to_owned(), 3.0 * DAY as f64 + 3_600.0)]
    );
}
