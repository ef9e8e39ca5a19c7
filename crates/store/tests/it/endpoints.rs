//! Names, labels and host names of endpoints, and the pages that narrow by them.

use crate::harness::{client, put, store};
use event::{
    Attempt, Derivation, Enrolled, Enrolment, EventId, KnownEndpoint, LoggedAt, Month, Outcome,
    SecretHash, Unit,
};
use std::collections::BTreeSet;
use std::sync::Arc;
use store::{
    ChunkRows, DerivationVersion, EndpointPage, EndpointsAsked, EnrolPolicy, Filter, LabelChange,
    Sort, Store, UnitDerivation, testing,
};

fn change(endpoint: &str, label: &str, value: &str) -> LabelChange {
    LabelChange {
        endpoint: endpoint.to_owned(),
        label: label.to_owned(),
        value: value.to_owned(),
    }
}

/// A chunk of a machine that calls itself so.
fn rows(tenant: &str, endpoint: &str, day: &str, hosts: &[&str]) -> ChunkRows {
    let mut rows = testing::rows(endpoint, 0, &format!("{day} 10:00:00 event {day}\n"), false);
    let chunk = Arc::make_mut(&mut rows.chunk);
    chunk.tenant = tenant.to_owned();
    rows.hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
    rows
}

async fn label(store: &Store, tenant: &str, changes: &[LabelChange]) {
    let by = "made up (uid 1)";
    store
        .put_labels(tenant, changes, by, 1_700_000_000_000)
        .await
        .unwrap();
}

async fn labels_of(store: &Store, tenant: &str, endpoint: &str) -> Vec<(String, String)> {
    let labels = store.labels_of(tenant, &BTreeSet::from([endpoint])).await;
    let labels = labels.unwrap().remove(endpoint).unwrap_or_default();
    labels.into_iter().collect()
}

fn pairs(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    let owned = pairs
        .iter()
        .map(|(a, b)| ((*a).to_owned(), (*b).to_owned()));
    owned.collect()
}

async fn all(store: &Store, tenant: &str, labels: &[(&str, &str)], search: &str) -> EndpointPage {
    let asked = EndpointsAsked {
        filter: &Filter {
            tenant: tenant.to_owned(),
            labels: pairs(labels),
            ..Filter::default()
        },
        search,
        wanted: None,
        sort: Sort::Name,
        limit: 100,
        after: None,
    };
    store.endpoints(asked).await.unwrap()
}

async fn listed(store: &Store, tenant: &str, labels: &[(&str, &str)], search: &str) -> Vec<String> {
    let page = all(store, tenant, labels, search).await;
    assert_eq!(page.total, Some(page.endpoints.len() as u64));
    page.endpoints.into_iter().map(|row| row.endpoint).collect()
}

#[tokio::test]
async fn labels_are_set_changed_and_taken_away_and_others_stay() {
    let (store, tenant) = (store().await, "labels");
    let set = [
        change("PC-1", "ring", "pilot"),
        change("PC-1", "site", "上海"),
        change("PC-2", "ring", "broad"),
    ];
    label(&store, tenant, &set).await;
    // The same again, in another order.
    label(
        &store,
        tenant,
        &set.iter().rev().cloned().collect::<Vec<_>>(),
    )
    .await;
    assert_eq!(
        labels_of(&store, tenant, "PC-1").await,
        pairs(&[("ring", "pilot"), ("site", "上海")])
    );
    label(
        &store,
        tenant,
        &[change("PC-1", "ring", ""), change("PC-1", "model", "X1")],
    )
    .await;
    assert_eq!(
        labels_of(&store, tenant, "PC-1").await,
        pairs(&[("model", "X1"), ("site", "上海")])
    );
    assert_eq!(
        labels_of(&store, tenant, "PC-2").await,
        pairs(&[("ring", "broad")])
    );
    label(&store, tenant, &[change("PC-1", "ring", "pilot")]).await;
    let values = store.label_values(tenant).await.unwrap();
    let rings = values.iter().find(|label| label.label == "ring").unwrap();
    assert_eq!(
        rings.values,
        [("broad".to_owned(), 1), ("pilot".to_owned(), 1)]
    );
    // Another tenant's are its own.
    assert_eq!(store.label_values("labels-none").await.unwrap(), []);
    // More than are asked for one by one.
    let many: Vec<LabelChange> = (0..5_000)
        .map(|number| change(&format!("PC-{number}"), "group", "all"))
        .collect();
    label(&store, tenant, &many).await;
    label(&store, tenant, &many[..4_500]).await;
    let ids: BTreeSet<&str> = many.iter().map(|change| change.endpoint.as_str()).collect();
    let all = store.labels_of(tenant, &ids).await.unwrap();
    assert_eq!(all.len(), 5_000);
    assert_eq!(all["PC-1"].len(), 4);
}

#[tokio::test]
async fn names_come_from_logs_and_from_enrolment_and_the_last_one_shows() {
    let (store, tenant) = (store().await, "host-names");
    let first = rows(tenant, "PC-1", "2022-08-10", &["PC-OLD"]);
    let later = rows(tenant, "PC-1", "2022-08-20", &["PC-OLD", "PC-NEW"]);
    // The later one first: receipt decides nothing.
    for batch in [&later, &first, &first] {
        put(&store, vec![batch.clone()]).await;
    }
    let page = all(&store, tenant, &[], "").await;
    assert_eq!(page.endpoints[0].host, "PC-NEW");
    let detail = store.endpoint(tenant, "PC-1").await.unwrap().unwrap();
    assert_eq!(detail.head.contact_ms, 1_700_000_000_000);
    let hosts: Vec<(&str, Option<LoggedAt>)> = detail
        .hosts
        .iter()
        .map(|host| (host.host.as_str(), host.first))
        .collect();
    let at = |text: &str| LoggedAt::parse(text.as_bytes());
    assert_eq!(
        hosts,
        [
            ("PC-NEW", at("2022-08-20 10:00:00")),
            ("PC-OLD", at("2022-08-10 10:00:00"))
        ]
    );
    assert_eq!(detail.hosts[1].last, at("2022-08-20 10:00:00"));
    assert_eq!(listed(&store, tenant, &[], "pc-new").await, ["PC-1"]);

    // One that enrolled is listed before its first log.
    let guid = "{7C9E6679-7425-40DE-944B-000000000001}";
    let machine = Enrolment {
        tenant: tenant.to_owned(),
        endpoint: "7c9e6679-7425-40de-944b-000000000001".to_owned(),
        machine_guid: guid.to_owned(),
        host: "PC-3".to_owned(),
        secret: SecretHash([7; 32]),
        by: "fleet:made-up".to_owned(),
    };
    let policy = EnrolPolicy {
        known: KnownEndpoint::Approve,
        active_max: 500_000,
    };
    let asked = std::slice::from_ref(&machine);
    for _ in 0..2 {
        let answers = store
            .enrol(tenant, asked, policy, || 1_700_000_000_000)
            .await
            .unwrap();
        assert_eq!(answers, [Some(Enrolled::Active { copied_from: None })]);
    }
    assert_eq!(
        listed(&store, tenant, &[], "").await,
        [machine.endpoint.as_str(), "PC-1"]
    );
    let detail = store.endpoint(tenant, &machine.endpoint).await.unwrap();
    let detail = detail.unwrap();
    assert_eq!(detail.head.host, "PC-3");
    assert_eq!(detail.hosts.len(), 1);
    assert_eq!(detail.hosts[0].machine_guid, guid);
    let ids = BTreeSet::from(["PC-1", "PC-9", machine.endpoint.as_str()]);
    let known = store.known_endpoints(tenant, &ids).await.unwrap();
    assert_eq!(known.len(), 2, "{known:?}");
}

/// Three machines of two rings, of which one of each fails.
async fn fleet(store: &Store, tenant: &str) {
    let attempt = |outcome| Attempt {
        id: EventId(1),
        package: "Package_for_KB1~made~up".to_owned(),
        kb: "KB1".to_owned(),
        client: String::new(),
        session: String::new(),
        start: LoggedAt::parse(b"2022-08-18 10:00:00"),
        end: LoggedAt::parse(b"2022-08-18 10:00:00"),
        start_utc: None,
        outcome,
        terminal_code: None,
        finding: None,
    };
    for (endpoint, outcome) in [
        ("PC-1", Outcome::Failed),
        ("PC-2", Outcome::Succeeded),
        ("PC-3", Outcome::Failed),
    ] {
        put(store, vec![rows(tenant, endpoint, "2022-08-18", &[])]).await;
        let derived = UnitDerivation {
            unit: Unit {
                tenant: tenant.to_owned(),
                endpoint: endpoint.to_owned(),
                month: Month::from_yyyymm(202_208),
            },
            version: DerivationVersion {
                rule_set: 1,
                inputs: 1,
                places: 1,
            },
            content: 0,
            current: None,
            derivation: Derivation {
                attempts: vec![attempt(outcome)],
                findings: Vec::new(),
            },
        };
        store.insert_derivations(&[derived]).await.unwrap();
    }
}

fn filter(tenant: &str, labels: &[(&str, &str)]) -> Filter {
    Filter {
        tenant: tenant.to_owned(),
        labels: pairs(labels),
        ..Filter::default()
    }
}

#[tokio::test]
async fn pages_narrow_and_group_by_labels_and_do_not_differ_without() {
    let (store, tenant) = (store().await, "labelled");
    fleet(&store, tenant).await;
    let before = store.overview(&filter(tenant, &[])).await.unwrap();
    label(
        &store,
        tenant,
        &[
            change("PC-1", "ring", "pilot"),
            change("PC-2", "ring", "pilot"),
            change("PC-3", "ring", "broad"),
            change("PC-1", "site", "上海, 浦东"),
            change("PC-2", "name", "Counter 2"),
        ],
    )
    .await;
    let after = store.overview(&filter(tenant, &[])).await.unwrap();
    assert_eq!(before.totals, after.totals);
    assert_eq!(before.over_time, after.over_time);

    let pilot = store.overview(&filter(tenant, &[("ring", "pilot")])).await;
    let pilot = pilot.unwrap();
    let totals = pilot.totals;
    assert_eq!((totals.endpoints, pilot.failing.now), (2, 1));
    assert_eq!((totals.failed, totals.succeeded), (1, 1));
    // One record each, of three that there are: the sketches of the fleet know of no endpoint.
    assert_eq!((totals.events, totals.noise), (Some(2), Some(0)));
    assert!(before.totals.events > Some(2));
    let both = [("ring", "pilot"), ("site", "上海, 浦东")];
    let totals = store.overview(&filter(tenant, &both)).await.unwrap().totals;
    assert_eq!((totals.endpoints, totals.attempts), (1, 1));
    assert_eq!((totals.events, totals.noise), (Some(1), Some(0)));
    let none = [("ring", "pilot'); --")];
    let totals = store.overview(&filter(tenant, &none)).await.unwrap().totals;
    assert_eq!((totals.endpoints, totals.attempts), (0, 0));

    assert_eq!(
        listed(&store, tenant, &[("ring", "pilot")], "").await,
        ["PC-1", "PC-2"]
    );
    assert_eq!(listed(&store, tenant, &both, "").await, ["PC-1"]);
    assert_eq!(listed(&store, tenant, &[], "counter").await, ["PC-2"]);
    let page = all(&store, tenant, &[], "").await;
    assert_eq!(page.endpoints[1].name, "Counter 2");
    assert_eq!(page.endpoints[1].labels, pairs(&[("ring", "pilot")]));

    let groups = store.groups(&filter(tenant, &[]), "ring").await.unwrap();
    let groups: Vec<(&str, u64, u64, u64)> = groups
        .iter()
        .map(|group| {
            let value = group.value.as_str();
            (
                value,
                group.endpoints,
                group.endpoints_failing,
                group.failed,
            )
        })
        .collect();
    assert_eq!(groups, [("pilot", 2, 1, 1), ("broad", 1, 1, 1)]);
    let sites = store.groups(&filter(tenant, &[]), "site").await.unwrap();
    // Those without the label are a group too.
    assert_eq!(
        sites
            .iter()
            .map(|group| (group.value.as_str(), group.endpoints))
            .collect::<Vec<_>>(),
        [("", 2), ("上海, 浦东", 1)]
    );
}

#[tokio::test]
async fn what_is_forgotten_is_listed_again_when_it_sends() {
    let (store, tenant) = (store().await, "forgotten");
    for endpoint in ["PC-1", "PC-2"] {
        put(&store, vec![rows(tenant, endpoint, "2022-08-18", &["H"])]).await;
        label(&store, tenant, &[change(endpoint, "ring", "pilot")]).await;
    }
    store.forget_endpoint(tenant, "PC-1").await.unwrap();
    assert_eq!(listed(&store, tenant, &[], "").await, ["PC-2"]);
    assert_eq!(labels_of(&store, tenant, "PC-1").await, []);
    assert_eq!(
        labels_of(&store, tenant, "PC-2").await,
        pairs(&[("ring", "pilot")])
    );
    put(&store, vec![rows(tenant, "PC-1", "2022-08-19", &["H"])]).await;
    assert_eq!(listed(&store, tenant, &[], "").await, ["PC-1", "PC-2"]);
    assert_eq!(labels_of(&store, tenant, "PC-1").await, []);
}

#[tokio::test]
async fn machines_that_send_as_one_are_told_and_one_that_was_renamed_is_not() {
    let (store, tenant) = (store().await, "clones");
    let sent: [(&str, &str, &[&str]); 8] = [
        ("PC-1", "2022-08-10", &["IMAGE-A"]),
        ("PC-1", "2022-08-11", &["IMAGE-B.made-up.example"]),
        ("PC-1", "2022-08-12", &["image-a.made-up.example"]),
        // With its domain it is the same machine.
        ("PC-2", "2022-08-10", &["PC-TWO"]),
        ("PC-2", "2022-08-11", &["pc-two.made-up.example"]),
        ("PC-2", "2022-08-12", &["PC-TWO"]),
        // Renamed within a chunk of many days.
        ("PC-3", "2022-08-10", &["OLD", "NEW"]),
        ("PC-3", "2022-08-14", &["NEW"]),
    ];
    for (endpoint, day, hosts) in sent {
        put(&store, vec![rows(tenant, endpoint, day, hosts)]).await;
    }
    let clones = store.cloned_endpoints(tenant).await.unwrap();
    assert_eq!(clones.keys().collect::<Vec<_>>(), ["PC-1"]);
    assert_eq!(clones["PC-1"], ["IMAGE-A", "IMAGE-B.made-up.example"]);
    assert_eq!(
        store.clones_of(tenant, "PC-1").await.unwrap(),
        clones["PC-1"]
    );
    for endpoint in ["PC-2", "PC-3", "PC-9"] {
        assert!(store.clones_of(tenant, endpoint).await.unwrap().is_empty());
    }
    // As pages narrow them.
    label(&store, tenant, &[change("PC-1", "ring", "pilot")]).await;
    let of = async |labels: &[(&str, &str)], endpoint: Option<&str>| {
        let asked = Filter {
            endpoint: endpoint.map(str::to_owned),
            ..filter(tenant, labels)
        };
        let clones = store.clones(&asked).await.unwrap();
        clones.into_iter().map(|(id, _)| id).collect::<Vec<_>>()
    };
    assert_eq!(of(&[], None).await, ["PC-1"]);
    assert_eq!(of(&[("ring", "pilot")], None).await, ["PC-1"]);
    assert_eq!(of(&[("ring", "broad")], None).await, [""; 0]);
    assert_eq!(of(&[], Some("PC-1")).await, ["PC-1"]);
    assert_eq!(of(&[], Some("PC-2")).await, [""; 0]);
}

#[tokio::test]
async fn times_are_held_by_kind_and_what_is_missing_is_told() {
    let (store, tenant) = (store().await, "times-held");
    let piece = |offset: u64, day: &str| {
        let mut rows = testing::rows(
            "PC-1",
            offset,
            &format!("{day} 10:00:00 event {day}\n"),
            false,
        );
        Arc::make_mut(&mut rows.chunk).tenant = tenant.to_owned();
        rows
    };
    let first = piece(0, "2022-08-10");
    let end = first.chunk.offset + first.chunk.length;
    // The later one first, and one of them twice; the second day follows the first one, the third is behind a hole.
    for rows in [
        piece(1_000, "2022-08-12"),
        piece(end, "2022-08-11"),
        first.clone(),
        first,
    ] {
        put(&store, vec![rows]).await;
    }
    let at = |text: &str| LoggedAt::parse(text.as_bytes());
    let now = at("2022-08-13 10:00:00").unwrap();
    let held = store.times_held(tenant, "PC-1", now).await.unwrap();
    let [cbs] = held.as_slice() else {
        panic!("{held:?}")
    };
    assert_eq!(
        (cbs.source.name(), cbs.logs, cbs.bytes),
        ("cbs", 1, 3 * end)
    );
    assert_eq!(
        (cbs.first, cbs.last),
        (at("2022-08-10 10:00:00"), at("2022-08-12 10:00:00"))
    );
    let [gap] = cbs.gaps.as_slice() else {
        panic!("{:?}", cbs.gaps)
    };
    assert_eq!(
        (gap.reason.name(), gap.bytes, gap.from, gap.to),
        (
            "not_received",
            Some((2 * end, 1_000)),
            at("2022-08-11 10:00:00"),
            at("2022-08-12 10:00:00")
        )
    );
    assert!(
        store
            .times_held(tenant, "PC-9", now)
            .await
            .unwrap()
            .is_empty()
    );
}

/// Statements that copy rows reckon what code does.
#[tokio::test]
async fn the_engine_and_we_rename_alike() {
    let named: u64 = client()
        .await
        .query("SELECT xxh3(concat('PC-1', '\\0', toString(toUInt64(12345678901234567890))))")
        .fetch_one()
        .await
        .unwrap();
    let number = 12_345_678_901_234_567_890;
    assert_eq!(
        store::renamed_stream("PC-1", event::StreamId(number)).0,
        named
    );
    assert_eq!(store::renamed_event("PC-1", EventId(number)).0, named);
}
