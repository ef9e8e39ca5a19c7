//! An update is compared with the one before it of its line, when that was as old: as its page shows both.

use crate::harness::{Heard, Manner, Tried, desk, failed, put, setting, shipped, store, succeeded};
use alert::{Kill, Message, MessageStatus, Now, backtest};
use event::LoggedAt;
use store::{AlertBaseline, Day, Filter, Store};

const DAY_S: i64 = 86_400;

/// 2024-05-14 18:00:00: the update that is counted is first tried.
const NOW: i64 = 1_715_709_600;

/// The update before it was, in another month.
const BEFORE: i64 = NOW - 28 * DAY_S;

const RULE: &str = "update_worse_than_before";

fn day(at: i64) -> Day {
    Day::try_from(at / DAY_S).unwrap()
}

/// PCs `from` to `to` try an update of one line, the first `bad` of them in vain.
async fn try_it(
    store: &Store,
    tenant: &str,
    (kb, rollup): (&'static str, u16),
    at: i64,
    (from, to): (u32, u32),
    bad: u32,
) {
    let of = |tried: Tried| [tried.of_rollup(rollup)];
    put(store, tenant, from..from + bad, &of(failed(kb, at)), 1).await;
    put(store, tenant, from + bad..to, &of(succeeded(kb, at)), 1).await;
}

const KB1: (&str, u16) = ("KB1", 1);
const KB2: (&str, u16) = ("KB2", 2);

/// One in a hundred of 200 PCs fails the update before on its first day, and a third of 300 more ten days later.
async fn went_well_at_first(store: &Store, tenant: &str) {
    try_it(store, tenant, KB1, BEFORE, (0, 200), 2).await;
    try_it(store, tenant, KB1, BEFORE + 10 * DAY_S, (200, 500), 100).await;
}

/// What is told in some rounds, by seconds after the first try.
async fn told(store: &Store, tenant: &str, rounds: &[i64]) -> Vec<Message> {
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let now = |after: &i64| Now::at((NOW + after) * 1_000);
    let mut desk = desk(store, tenant, &heard, shipped(&[RULE]), now(&0)).await;
    let mut messages = Vec::new();
    for after in rounds {
        let done = desk.round(now(after), 0.0, Kill::Never).await;
        messages.extend(done.expect("round").messages);
    }
    messages
}

/// An hour after which it fires, ten days after which the one before had failed on more, and until it is over.
const ROUNDS: [i64; 4] = [60, 3_660, 10 * DAY_S, 11 * DAY_S];

#[tokio::test]
async fn an_update_that_fails_twice_as_often_as_the_one_before_at_its_age_fires() {
    let (store, tenant) = (store().await, "alert-baseline");
    went_well_at_first(&store, tenant).await;
    // Three in a hundred: less than the threshold asks for where nothing is known.
    try_it(&store, tenant, KB2, NOW, (0, 800), 24).await;
    let messages = told(&store, tenant, &ROUNDS).await;
    let [fired, over] = messages.as_slice() else {
        panic!("two: {messages:#?}");
    };
    assert_eq!(fired.alerts[0].labels["kb"], "KB2");
    assert_eq!(
        fired.body.en.lines().next(),
        Some(
            "24 of 800 PCs that tried KB2 fail; KB1 before it had 1.0 % when it was as old. First of them: pc-0000, pc-0001, pc-0002, \
             pc-0003, pc-0004, pc-0005, pc-0006, pc-0007, pc-0008, pc-0009 and 14 more"
        )
    );
    assert!(
        fired
            .body
            .zh
            .contains("上一个更新 KB1 在相同天数时为 1.0 %"),
        "{}",
        fired.body.zh
    );
    // Ten days old, the one before had failed on a fifth.
    assert_eq!(over.status, MessageStatus::Resolved);

    // Looked back at, it fires at the end of its first day, and is over half a day after the tenth.
    let first = day(NOW);
    let words = [classify::Rules::shipped()];
    let rules = shipped(&[RULE]);
    let found = backtest(
        &store,
        &setting(tenant),
        &rules,
        &words,
        (first, first + 12),
    )
    .await
    .expect("look back");
    let firings = found.firings.iter();
    let days: Vec<_> = firings
        .map(|firing| (firing.labels[0].1.as_str(), firing.from, firing.to))
        .collect();
    assert_eq!(days, [("KB2", first, Some(first + 11))]);
}

#[tokio::test]
async fn what_fails_with_every_update_is_no_news() {
    let (store, tenant) = (store().await, "alert-baseline-usual");
    try_it(&store, tenant, KB1, BEFORE, (0, 800), 32).await;
    // More than the threshold alone asks for, and less than twice as often.
    try_it(&store, tenant, KB2, NOW, (0, 800), 63).await;
    assert_eq!(told(&store, tenant, &ROUNDS[..2]).await, []);
}

#[tokio::test]
async fn where_too_few_tried_the_update_before_the_threshold_alone_counts() {
    let (store, tenant) = (store().await, "alert-baseline-few");
    // Nineteen on its first day; that half of them failed says nothing, and 600 a day later are not of its age.
    try_it(&store, tenant, KB1, BEFORE, (0, 19), 9).await;
    try_it(&store, tenant, KB1, BEFORE + DAY_S, (100, 700), 0).await;
    try_it(&store, tenant, KB2, NOW, (0, 800), 39).await;
    assert_eq!(told(&store, tenant, &ROUNDS[..2]).await, []);
    // One in twenty.
    try_it(&store, tenant, ("KB3", 0), NOW, (1_000, 1_800), 40).await;
    let messages = told(&store, tenant, &ROUNDS[..2]).await;
    let told = messages.first().map(|message| message.body.en.as_str());
    let told = told.expect("it fires");
    assert!(
        told.starts_with("40 of 800 PCs that tried KB3 fail; there is no update before it"),
        "{told}"
    );
}

#[tokio::test]
async fn an_update_that_comes_within_the_hour_is_compared_too() {
    let (store, tenant) = (store().await, "alert-baseline-hour");
    try_it(&store, tenant, KB1, BEFORE, (0, 800), 8).await;
    try_it(&store, tenant, KB2, NOW - DAY_S, (0, 1_000), 20).await;
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let now = |after: i64| Now::at((NOW + after) * 1_000);
    let mut desk = desk(&store, tenant, &heard, shipped(&[RULE]), now(0)).await;
    desk.round(now(60), 0.0, Kill::Never).await.expect("round");
    // For KB2 it was asked a minute ago. KB3 fails on twice as many, and on fewer than the threshold alone asks for.
    let other = (1_000, 2_000);
    try_it(&store, tenant, ("KB3", 3), NOW + 120, other, 45).await;
    let mut messages = Vec::new();
    for after in [180, 3_780] {
        let done = desk.round(now(after), 0.0, Kill::Never).await;
        messages.extend(done.expect("round").messages);
    }
    let kbs: Vec<&str> = messages
        .iter()
        .flat_map(|message| &message.alerts)
        .map(|item| item.labels["kb"].as_str())
        .collect();
    assert_eq!(kbs, ["KB3", "KB2"], "{messages:#?}");
    assert!(
        messages[0].body.en.contains("KB2 before it had 2.0 %"),
        "{messages:#?}"
    );
}

#[tokio::test]
async fn what_it_is_compared_with_is_what_its_page_shows() {
    let (store, tenant) = (store().await, "alert-baseline-page");
    went_well_at_first(&store, tenant).await;
    try_it(&store, tenant, KB2, NOW, (0, 800), 24).await;
    for age in 0..15 {
        let filter = Filter {
            tenant: tenant.to_owned(),
            now: Some(LoggedAt(NOW + i64::from(age) * DAY_S)),
            ..Filter::default()
        };
        let mut known = store.alert_baselines(&filter).await.expect("ask");
        let of_one = Filter {
            kb: Some("KB2".to_owned()),
            ..filter
        };
        let page = store.rollout(&of_one).await.expect("ask");
        let (kb, curve) = page.before.expect("there is one before");
        let shown = curve.last().expect("a day");
        assert_eq!(shown.day, age);
        let shown = AlertBaseline {
            kb,
            failing: shown.failing,
            tried: shown.tried,
        };
        assert_eq!(known.remove("KB2"), Some(Some(shown)));
        assert_eq!(known.remove("KB1"), Some(None));
        assert_eq!(known.len(), 0);
    }
}

#[tokio::test]
async fn nothing_is_compared_whose_age_nobody_knows() {
    let (store, tenant) = (store().await, "alert-baseline-age");
    try_it(&store, tenant, KB1, NOW - 50 * DAY_S, (0, 200), 2).await;
    try_it(&store, tenant, KB2, NOW, (0, 800), 24).await;
    for (from, is_known) in [
        // The one before was tried within the first week that is looked at, 45 days before those of the page, and may have been before.
        (-5, false),
        (-11, false),
        (-12, true),
        (-20, true),
        // It was tried before the days of the page.
        (1, false),
    ] {
        let filter = Filter {
            tenant: tenant.to_owned(),
            from: Some(day(NOW + from * DAY_S)),
            to: Some(day(NOW + 2 * DAY_S)),
            ..Filter::default()
        };
        let mut all = store.alert_baselines(&filter).await.expect("ask");
        let of_kb2 = all.remove("KB2").flatten();
        assert_eq!(of_kb2.is_some(), is_known, "{from}");
    }
}

#[tokio::test]
async fn of_two_that_came_together_neither_was_before() {
    let (store, tenant) = (store().await, "alert-baseline-together");
    try_it(&store, tenant, KB1, NOW, (0, 200), 2).await;
    try_it(&store, tenant, KB2, NOW, (200, 1_000), 24).await;
    let filter = Filter {
        tenant: tenant.to_owned(),
        now: Some(LoggedAt(NOW)),
        ..Filter::default()
    };
    let all = store.alert_baselines(&filter).await.expect("ask");
    assert_eq!(all.len(), 2);
    assert!(all.values().all(Option::is_none), "{all:?}");
}
