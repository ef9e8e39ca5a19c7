//! Clocks of machines: what was told of and what is news is told apart in UTC, wherever a machine stands.

use crate::harness::{Heard, Manner, Tried, desk, failed, put, shipped, store, succeeded};
use alert::{Desk, Done, Kill, MessageStatus, Now};
use store::Store;

/// 2024-03-15 12:00:00 UTC.
const NOON: i64 = 1_710_504_000;
const HOUR: i64 = 3_600;

/// When what began at noon is over.
const OVER: i64 = NOON + 10 * HOUR;

/// As a machine so many hours ahead of UTC logs it.
fn local(hours: i64, tried: Tried) -> Tried {
    Tried {
        at: tried.at + hours * HOUR,
        zone: i32::try_from(hours * 60).ok(),
        ..tried
    }
}

/// Two tries from some time in UTC on.
fn fails(hours: i64, utc: i64) -> [Tried; 2] {
    [utc, utc + 60].map(|at| local(hours, failed("KB5031356", at)))
}

async fn round(desk: &mut Desk, utc: i64) -> Done {
    desk.round(Now::at(utc * 1_000), 0.0, Kill::Never)
        .await
        .expect("round")
}

/// An update that failed on thirty PCs of a zone and is told to be over.
async fn over(store: &Store, tenant: &str, hours: i64) -> Desk {
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["update_failing"]);
    let mut desk = desk(store, tenant, &heard, rules, Now::at(NOON * 1_000)).await;
    put(store, tenant, 0..30, &fails(hours, NOON - HOUR), 1).await;
    assert_eq!(round(&mut desk, NOON).await.messages.len(), 1);
    let mut good = fails(hours, NOON - HOUR).to_vec();
    good.push(local(hours, succeeded("KB5031356", NOON + HOUR)));
    put(store, tenant, 0..30, &good, 2).await;
    let mut ends = Vec::new();
    for utc in [OVER - 2 * HOUR, OVER] {
        ends.extend(round(&mut desk, utc).await.messages);
    }
    let ends: Vec<MessageStatus> = ends.iter().map(|message| message.status).collect();
    assert_eq!(ends, [MessageStatus::Resolved]);
    desk
}

/// Beijing: what was logged at 20:00 was over at 22:00 UTC, and looks as if it came six hours later.
#[tokio::test]
async fn late_logs_of_clocks_ahead_of_utc_tell_nobody_again() {
    let (store, tenant) = (store().await, "alert-ahead");
    let mut desk = over(&store, tenant, 8).await;
    put(&store, tenant, 100..140, &fails(8, OVER - 2 * HOUR), 1).await;
    for hours in [0, 1, 5, 9, 20] {
        let done = round(&mut desk, OVER + hours * HOUR + 60).await;
        assert_eq!((done.messages.len(), done.firing), (0, 0), "{hours}");
    }
    put(&store, tenant, 200..240, &fails(8, OVER + 20 * HOUR), 1).await;
    assert_eq!(round(&mut desk, OVER + 21 * HOUR).await.messages.len(), 1);
}

/// Los Angeles: what fails an hour later looks as if it had seven hours before the end.
#[tokio::test]
async fn what_fails_later_on_clocks_behind_utc_is_told() {
    let (store, tenant) = (store().await, "alert-behind");
    let mut desk = over(&store, tenant, -8).await;
    put(&store, tenant, 100..140, &fails(-8, OVER - HOUR), 1).await;
    let done = round(&mut desk, OVER + 60).await;
    assert_eq!((done.messages.len(), done.firing), (0, 0));
    put(&store, tenant, 200..240, &fails(-8, OVER + HOUR), 1).await;
    assert_eq!(round(&mut desk, OVER + 2 * HOUR).await.messages.len(), 1);
}

/// Where no log shows the zone, it is news when no clock on earth could have shown it before the end.
#[tokio::test]
async fn clocks_of_which_nothing_is_known_are_waited_for() {
    let (store, tenant) = (store().await, "alert-no-zone");
    let mut desk = over(&store, tenant, 0).await;
    let unknown = |utc: i64| {
        fails(0, utc).map(|tried| Tried {
            zone: None,
            ..tried
        })
    };
    put(&store, tenant, 100..140, &unknown(OVER + HOUR), 1).await;
    let done = round(&mut desk, OVER + 2 * HOUR).await;
    assert_eq!((done.messages.len(), done.firing), (0, 0));
    put(&store, tenant, 100..140, &unknown(OVER + 15 * HOUR), 2).await;
    assert_eq!(round(&mut desk, OVER + 16 * HOUR).await.messages.len(), 1);
}

/// Two clocks that are a day ahead do not make news of the old logs of forty others.
#[tokio::test]
async fn a_few_clocks_that_are_wrong_make_no_news_of_late_logs() {
    let (store, tenant) = (store().await, "alert-wrong");
    let mut desk = over(&store, tenant, 0).await;
    put(&store, tenant, 100..140, &fails(0, OVER - 2 * HOUR), 1).await;
    put(&store, tenant, 200..202, &fails(0, OVER + 10 * HOUR), 1).await;
    for hours in [1, 12, 30] {
        let done = round(&mut desk, OVER + hours * HOUR).await;
        assert_eq!((done.messages.len(), done.firing), (0, 0), "{hours}");
    }
}

/// A PC counts a day after its failure, by its own clock's zone.
#[tokio::test]
async fn a_failure_is_a_day_old_after_a_day_wherever_it_was() {
    for (tenant, hours) in [("alert-day-east", 9), ("alert-day-west", -9)] {
        let store = store().await;
        let heard = Heard::by(&[("team", Manner::Takes)]);
        let rules = shipped(&["update_failing"]);
        let mut desk = desk(&store, tenant, &heard, rules, Now::at(NOON * 1_000)).await;
        put(&store, tenant, 0..30, &fails(hours, NOON)[..1], 1).await;
        let mut told = Vec::new();
        for after in [1, 14, 16, 23, 24, 25, 30, 34] {
            let done = round(&mut desk, NOON + after * HOUR).await;
            told.extend(done.messages.iter().map(|_| after));
        }
        assert_eq!(told, [24], "{hours}");
    }
}

/// PCs that try again each day have failed since the first time, and not since the last; one that it went well for begins anew.
#[tokio::test]
async fn how_long_it_fails_is_counted_from_the_first_failure_since_it_went_well() {
    let (store, tenant) = (store().await, "alert-since");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["update_source_unreachable", "update_failing"]);
    let mut desk = desk(&store, tenant, &heard, rules, Now::at(NOON * 1_000)).await;
    let wsus = ("made_up_server", "wsus_server_error", 0x8024_4022);
    let daily = |days: i64| -> Vec<Tried> {
        (0..=days)
            .map(|day| failed("KB5031356", NOON + day * 24 * HOUR).by(wsus))
            .collect()
    };
    let mut told = Vec::new();
    for (version, day) in [(1, 0), (2, 1), (3, 2), (4, 3)] {
        put(&store, tenant, 0..12, &daily(day), version).await;
        // Mended each time, and failed once more: neither for a day nor twice.
        let again: Vec<Tried> = (0..=day)
            .flat_map(|day| {
                let at = NOON + day * 24 * HOUR;
                [succeeded("KB5031357", at - HOUR), failed("KB5031357", at)]
            })
            .collect();
        put(&store, tenant, 100..140, &again, version).await;
        for hours in [1, 2] {
            let done = round(&mut desk, NOON + day * 24 * HOUR + hours * HOUR).await;
            told.extend(done.messages.into_iter().map(|message| (day, message.rule)));
        }
    }
    assert_eq!(told, [(2, "update_source_unreachable".to_owned())]);
}
