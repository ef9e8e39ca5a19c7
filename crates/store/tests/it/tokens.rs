//! Tokens and enrolments in the tables, with several intakes at once.

use crate::harness::{client, store};
use event::{
    Enrolled, Enrolment, KnownEndpoint, RefuseReason, Role, SecretHash, TokenKind, WaitReason,
};
use std::collections::BTreeSet;
use store::{EnrolPolicy, Store, StoredToken, TOKENS_LISTED, TokenState, TokenVia};

fn token(tenant: &str, id: &str, secret: u8, state: TokenState) -> StoredToken {
    StoredToken {
        tenant: tenant.to_owned(),
        id: id.to_owned(),
        secret: SecretHash([secret; 32]),
        kind: TokenKind::Endpoint,
        state,
        created_ms: 1_700_000_000_123,
        expires_ms: Some(4_000_000_000_000),
        revoked_ms: None,
        made_by: "made up".to_owned(),
        via: TokenVia::Command,
        revoked_by: String::new(),
        reason: Some(WaitReason::OtherHost),
        note: "made up".to_owned(),
    }
}

fn machine(tenant: &str, number: usize, secret: usize, host: &str) -> Enrolment {
    let mut hash = [0; 32];
    hash[..8].copy_from_slice(&secret.to_be_bytes());
    Enrolment {
        tenant: tenant.to_owned(),
        endpoint: format!("7c9e6679-7425-40de-944b-{number:012x}"),
        machine_guid: format!("{{7C9E6679-7425-40DE-944B-{number:012X}}}"),
        host: host.to_owned(),
        secret: SecretHash(hash),
        by: "fleet:made-up".to_owned(),
    }
}

async fn enrol(store: &Store, tenant: &str, machines: &[Enrolment]) -> Vec<Option<Enrolled>> {
    let now = || 1_700_000_000_000;
    let policy = EnrolPolicy {
        known: KnownEndpoint::Approve,
        active_max: 500_000,
    };
    store
        .enrol(tenant, machines, policy, now)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
}

/// What a machine hears at last: where the store takes longer than an intake waits its sender asks again.
async fn settled(store: &Store, tenant: &str, machine: &Enrolment) -> Enrolled {
    for _ in 0..60 {
        let answers = enrol(store, tenant, std::slice::from_ref(machine)).await;
        if let Some(answer) = answers.into_iter().flatten().next() {
            return answer;
        }
    }
    panic!("{machine:?} is never answered");
}

#[tokio::test]
async fn a_token_comes_back_as_it_went_and_never_from_a_later_state() {
    let (store, tenant) = (store().await, "tokens-states");
    let waiting = token(tenant, "PC-1", 1, TokenState::Waiting);
    let active = StoredToken {
        state: TokenState::Active,
        ..waiting.clone()
    };
    let revoked = StoredToken {
        state: TokenState::Revoked,
        revoked_ms: Some(1_700_000_001_000),
        revoked_by: "made up".to_owned(),
        ..waiting.clone()
    };
    let none = store.tokens_mark(tenant).await.unwrap();
    let mut marks = Vec::new();
    for (put, in_use) in [
        (&waiting, false),
        (&active, true),
        (&waiting, true),
        (&revoked, false),
        (&active, false),
    ] {
        store.put_tokens(std::slice::from_ref(put)).await.unwrap();
        let found = store.tokens_in_use(tenant).await.unwrap();
        assert_eq!(found.len(), usize::from(in_use), "{found:?}");
        assert!(found.iter().all(|found| *found == active));
        marks.push(store.tokens_mark(tenant).await.unwrap());
    }
    for id in ["", "PC-1"] {
        for state in [None, Some(TokenState::Revoked)] {
            let listed = store.tokens(tenant, id, state).await.unwrap();
            assert_eq!(listed, std::slice::from_ref(&revoked));
        }
    }
    for (id, state) in [("PC-2", None), ("PC-1", Some(TokenState::Active))] {
        assert!(store.tokens(tenant, id, state).await.unwrap().is_empty());
    }
    // The mark tells what is in use, and nothing of others.
    assert!(marks[0].is_same(&none) && marks[0].waiting == 1);
    assert!(!marks[1].is_same(&none) && marks[2].is_same(&marks[1]));
    assert!(marks[3].is_same(&none) && marks[4].is_same(&none));
}

#[tokio::test(flavor = "multi_thread")]
async fn intakes_at_once_give_each_machine_one_token_and_tell_clones() {
    const MACHINES: usize = 60;
    let (store, tenant) = (store().await, "tokens-at-once");
    // Every machine asks two intakes with one secret, and a clone of every third one asks another two.
    let ask = |intake: usize| {
        let machines: Vec<Enrolment> = (0..MACHINES)
            .filter(|number| intake < 2 || number % 3 == 0)
            .map(|number| {
                let copy = intake / 2;
                machine(
                    tenant,
                    number,
                    2 * number + copy,
                    &format!("PC-{number}-{copy}"),
                )
            })
            .collect();
        let store = store.clone();
        tokio::spawn(async move {
            let answers = enrol(&store, tenant, &machines).await;
            std::iter::zip(machines, answers).collect::<Vec<_>>()
        })
    };
    let intakes: Vec<_> = (0..4).map(ask).collect();
    let mut told = Vec::new();
    for intake in intakes {
        for (machine, answer) in intake.await.unwrap() {
            let answer = match answer {
                Some(answer) => answer,
                None => settled(&store, tenant, &machine).await,
            };
            told.push((machine, answer));
        }
    }
    let good = store.tokens_in_use(tenant).await.unwrap();
    let ids: BTreeSet<&str> = good.iter().map(|token| token.id.as_str()).collect();
    assert_eq!((good.len(), ids.len()), (MACHINES, MACHINES));
    for (machine, answer) in &told {
        let is_good = good.iter().any(|token| token.secret == machine.secret);
        match answer {
            Enrolled::Active { copied_from: None } => assert!(is_good, "{machine:?}"),
            Enrolled::Waiting(WaitReason::AtOnce | WaitReason::OtherHost) => {
                assert!(!is_good, "{machine:?}");
            }
            other => panic!("{machine:?}: {other:?}"),
        }
        // Asked again, each hears the same.
        assert_eq!(settled(&store, tenant, machine).await, *answer);
    }
    // What each said is kept, once.
    let hosts = store.enrolled_hosts(tenant, &ids).await.unwrap();
    assert_eq!(hosts.len(), MACHINES + MACHINES / 3);
    assert!(hosts.values().all(|hosts| hosts.len() == 1));
}

#[tokio::test]
async fn what_waits_becomes_good_and_what_is_revoked_stays_so() {
    let (store, tenant) = (store().await, "tokens-approve");
    let first = machine(tenant, 1, 1, "PC-1");
    let second = machine(tenant, 1, 2, "pc-1");
    let answers = enrol(&store, tenant, &[first.clone(), second.clone()]).await;
    let active = Some(Enrolled::Active { copied_from: None });
    assert_eq!(answers[0], active);
    assert_eq!(answers[1], Some(Enrolled::Waiting(WaitReason::AtOnce)));
    let mut rows = store.tokens(tenant, &second.endpoint, None).await.unwrap();
    for row in &mut rows {
        row.state = match row.state {
            TokenState::Waiting => TokenState::Active,
            _ => TokenState::Revoked,
        };
    }
    store.put_tokens(&rows).await.unwrap();
    let answers = enrol(&store, tenant, &[first, second]).await;
    assert_eq!(
        answers,
        [Some(Enrolled::Refused(RefuseReason::Revoked)), active]
    );
}

#[tokio::test]
async fn beyond_the_most_nobody_new_enrols_and_who_is_enrolled_stays() {
    let (store, tenant) = (store().await, "tokens-most");
    let policy = EnrolPolicy {
        known: KnownEndpoint::Replace,
        active_max: 3,
    };
    let machines: Vec<Enrolment> = (0..5)
        .map(|number| machine(tenant, number, number, "PC"))
        .collect();
    let active = Some(Enrolled::Active { copied_from: None });
    let full = Some(Enrolled::Refused(RefuseReason::Full));
    // Asked together, twice each, and again: the same.
    for _ in 0..2 {
        let asked: Vec<Enrolment> = machines.iter().chain(&machines).cloned().collect();
        let answers = store.enrol(tenant, &asked, policy, || 0).await.unwrap();
        assert_eq!(
            answers.iter().filter(|answer| **answer == active).count(),
            6
        );
        assert_eq!(answers.iter().filter(|answer| **answer == full).count(), 4);
        assert_eq!(store.tokens_mark(tenant).await.unwrap().enrolled, 3);
    }
    // One that takes the place of another is none more.
    let again = machine(tenant, 0, 9, "PC");
    let again = store.enrol(tenant, &[again], policy, || 0).await.unwrap();
    assert_eq!(again, [active]);
    let made = store.tokens_made_by(tenant, "fleet:made-up").await.unwrap();
    assert_eq!(made.len(), 3);
    let other = store.tokens_made_by(tenant, "fleet:other").await.unwrap();
    assert_eq!(other.len(), 0);
}

#[tokio::test]
async fn more_tokens_than_one_answer_holds_are_read_in_parts() {
    let (store, tenant) = (store().await, "tokens-parts");
    let tokens: Vec<StoredToken> = (0..TOKENS_LISTED + 1)
        .map(|number| {
            let id = format!("PC-{}", number / 2);
            let mut token = token(tenant, &id, 0, TokenState::Active);
            token.secret.0[..8].copy_from_slice(&number.to_be_bytes());
            token
        })
        .collect();
    store.put_tokens(&tokens).await.unwrap();
    let found = store.tokens_in_use(tenant).await.unwrap();
    let found: BTreeSet<SecretHash> = found.iter().map(|token| token.secret).collect();
    assert_eq!(found.len(), tokens.len());
}

#[tokio::test]
async fn hosts_are_bounded_for_each_secret_and_the_first_one_is_kept() {
    let (store, tenant) = (store().await, "tokens-hosts");
    for at in 0..12_i64 {
        // The last ones by name come first.
        let machines: Vec<Enrolment> = (1..=2)
            .map(|secret| machine(tenant, 1, secret, &format!("PC-{:02}", 50 - at)))
            .collect();
        let policy = EnrolPolicy {
            known: KnownEndpoint::Approve,
            active_max: 500_000,
        };
        store.enrol(tenant, &machines, policy, || at).await.unwrap();
    }
    let id = machine(tenant, 1, 1, "PC").endpoint;
    let ids = BTreeSet::from([id.as_str()]);
    let hosts = store.enrolled_hosts(tenant, &ids).await.unwrap();
    assert_eq!(hosts.len(), 2);
    for hosts in hosts.values() {
        assert_eq!((hosts.len(), hosts[0].host.as_str()), (8, "PC-50"));
    }
}

#[tokio::test]
async fn tokens_of_before_there_were_roles_have_one_and_an_auditors_comes_back() {
    let (store, tenant) = (store().await, "tokens-roles");
    // As a build without roles wrote them, and one of a kind that only a newer build knows.
    for (id, kind) in [("ops", "reader"), ("root", "admin"), ("later", "made-up")] {
        let insert = format!(
            "INSERT INTO tokens (tenant, id, secret_sha256, kind, state, created, made_by, via, version) \
             VALUES ('{tenant}', '{id}', '{}', '{kind}', 'active', now64(3), 'made up', 'command', 1)",
            "ab".repeat(32)
        );
        client().await.query(&insert).execute().await.unwrap();
    }
    let auditor = StoredToken {
        kind: TokenKind::Auditor,
        ..token(tenant, "board", 1, TokenState::Active)
    };
    let before = store.tokens_mark(tenant).await.unwrap();
    store.put_tokens(&[auditor]).await.unwrap();
    let after = store.tokens_mark(tenant).await.unwrap();
    assert!(!after.is_same(&before), "an intake or a page reads it");
    let tokens = store.tokens_in_use(tenant).await.unwrap();
    let roles: Vec<(&str, Option<Role>)> = tokens
        .iter()
        .map(|token| (token.id.as_str(), token.kind.role()))
        .collect();
    assert_eq!(
        roles,
        [
            ("board", Some(Role::Auditor)),
            ("ops", Some(Role::Operator)),
            ("root", Some(Role::Administrator)),
        ]
    );
}
