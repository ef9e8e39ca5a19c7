//! Rules count what pages count, and looking back finds what was planted.

use crate::harness::{Heard, Manner, desk, failed, put, setting, shipped, store, succeeded};
use alert::{Kill, Now, Rules, backtest};
use event::LoggedAt;
use store::{Filter, LabelChange, State};

/// 2024-05-14 18:00:00.
const DAY: i64 = 1_715_709_600;

#[tokio::test]
async fn every_shipped_rule_is_asked_without_an_error() {
    let (store, tenant) = (store().await, "alert-shipped");
    put(
        &store,
        tenant,
        0..10,
        &[failed("KB1", DAY), failed("KB1", DAY + 60)],
        1,
    )
    .await;
    put(&store, tenant, 10..20, &[succeeded("KB1", DAY)], 1).await;
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = Rules::load(&Rules::shipped_files()).expect("the shipped rules are good");
    let now = Now::at((DAY + 120) * 1_000);
    let mut desk = desk(&store, tenant, &heard, rules, now).await;
    let done = desk.round(now, 0.0, Kill::Never).await.expect("round");
    assert_eq!(done.errors, Default::default());
    let seen = store.alert_evaluations(tenant).await.expect("read");
    assert!(seen.len() >= 10, "{}", seen.len());
    let widely = seen
        .iter()
        .find(|seen| seen.rule == "update_failing_widely")
        .unwrap();
    assert_eq!(
        (widely.state.as_str(), widely.value, widely.threshold),
        ("pending", Some(10.0), Some(5.0))
    );
    let cause = seen.iter().find(|seen| seen.rule == "new_cause").unwrap();
    assert_eq!((cause.state.as_str(), cause.value), ("pending", Some(10.0)));

    // The first page says the same.
    let filter = Filter {
        tenant: tenant.to_owned(),
        now: Some(LoggedAt(DAY + 120)),
        ..Filter::default()
    };
    let page = store.overview(&filter).await.expect("overview");
    let kb = page.kbs.iter().find(|kb| kb.kb == "KB1").unwrap();
    assert_eq!(
        (kb.machines.of(State::Failing), kb.machines.tried()),
        (10, 20)
    );
}

#[tokio::test]
async fn groups_are_those_of_labels() {
    let (store, tenant) = (store().await, "alert-labels");
    put(&store, tenant, 0..12, &[failed("KB1", DAY)], 1).await;
    put(&store, tenant, 12..24, &[succeeded("KB1", DAY)], 1).await;
    let label = |pc: u32, label: &str, value: &str| LabelChange {
        endpoint: format!("pc-{pc:04}"),
        label: label.to_owned(),
        value: value.to_owned(),
    };
    let mut changes: Vec<LabelChange> = (0..24)
        .map(|pc| label(pc, "site", if pc < 14 { "North" } else { "South" }))
        .collect();
    changes.extend((0..4).chain(12..20).map(|pc| label(pc, "ring", "pilot")));
    store
        .put_labels(tenant, &changes, "a test", 1)
        .await
        .expect("label");
    let heard = Heard::by(&[("team", Manner::Takes)]);
    let rules = shipped(&["site_failing", "pilot_ring_failing"]);
    let mut messages = Vec::new();
    let mut desk = desk(&store, tenant, &heard, rules, Now::at((DAY + 60) * 1_000)).await;
    for hours in 0..3 {
        let now = Now::at((DAY + 60 + hours * 3_600) * 1_000);
        messages.extend(
            desk.round(now, 0.0, Kill::Never)
                .await
                .expect("round")
                .messages,
        );
    }
    messages.sort_by(|a, b| a.rule.cmp(&b.rule));
    let told: Vec<(&str, f64, &str)> = messages
        .iter()
        .map(|message| {
            (
                message.rule.as_str(),
                message.alerts[0].value,
                message.page.as_str(),
            )
        })
        .collect();
    assert_eq!(
        told,
        [
            (
                "pilot_ring_failing",
                4.0,
                "https://cbsift.example/updates/KB1?label=ring:pilot"
            ),
            (
                "site_failing",
                12.0,
                "https://cbsift.example/updates/KB1?label=site:North"
            ),
        ]
    );
    assert_eq!(messages[1].labels["site"], "North");
    assert!(
        messages[1].title.en.contains("12 of 14"),
        "{:?}",
        messages[1].title
    );
}

#[tokio::test]
async fn looking_back_finds_what_was_planted_and_nothing_else() {
    let (store, tenant) = (store().await, "alert-back");
    let day = |days: i64| DAY + days * 86_400;
    put(
        &store,
        tenant,
        30..500,
        &[succeeded("KB1", day(0)), succeeded("KB2", day(5))],
        1,
    )
    .await;
    // Thirty PCs fail KB1 on the first day and have it six days later; ten fail KB2, which are too few.
    put(
        &store,
        tenant,
        0..20,
        &[
            failed("KB1", day(0)),
            failed("KB1", day(0) + 60),
            succeeded("KB1", day(6)),
        ],
        1,
    )
    .await;
    put(
        &store,
        tenant,
        20..30,
        &[
            failed("KB1", day(0)),
            failed("KB1", day(0) + 60),
            failed("KB2", day(5)),
            failed("KB2", day(5) + 60),
            succeeded("KB1", day(6)),
        ],
        1,
    )
    .await;
    let first = u16::try_from(DAY / 86_400).unwrap();
    let words = [classify::Rules::shipped()];
    let rules = shipped(&["update_failing", "pcs_silent"]);
    let found = backtest(
        &store,
        &setting(tenant),
        &rules,
        &words,
        (first - 3, first + 10),
    )
    .await
    .expect("look back");
    let [firing] = found.firings.as_slice() else {
        panic!("one: {:#?}", found.firings);
    };
    assert_eq!(firing.labels, [("kb".to_owned(), "KB1".to_owned())]);
    // At the end of day six it is installed; two hours later is the next day's end.
    assert_eq!(
        (firing.from, firing.to, firing.peak),
        (first, Some(first + 7), 30.0)
    );
    assert_eq!(
        found.without_history.iter().collect::<Vec<_>>(),
        ["pcs_silent"]
    );
    assert_eq!(found.days, 14);
}
