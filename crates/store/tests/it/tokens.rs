//! Tokens and enrolments in the tables, with several intakes at once.

use crate::harness::store;
use event::{Enrolled, Enrolment, KnownEndpoint, RefuseReason, SecretHash, TokenKind, WaitReason};
use std::collections::BTreeSet;
use store::{Store, StoredToken, TokenState, TokenVia};

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
    store
        .enrol(tenant, machines, KnownEndpoint::Approve, now)
        .await
        .unwrap_or_else(|error| panic!("{error}"))
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
        let listed = store.tokens(tenant, id).await.unwrap();
        assert_eq!(listed, std::slice::from_ref(&revoked));
    }
    assert!(store.tokens(tenant, "PC-2").await.unwrap().is_empty());
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
        told.extend(intake.await.unwrap());
    }
    let good = store.tokens_in_use(tenant).await.unwrap();
    let ids: BTreeSet<&str> = good.iter().map(|token| token.id.as_str()).collect();
    assert_eq!((good.len(), ids.len()), (MACHINES, MACHINES));
    for (machine, answer) in &told {
        let is_good = good.iter().any(|token| token.secret == machine.secret);
        match answer.as_ref().expect("settled") {
            Enrolled::Active { copied_from: None } => assert!(is_good, "{machine:?}"),
            Enrolled::Waiting(WaitReason::AtOnce | WaitReason::OtherHost) => {
                assert!(!is_good, "{machine:?}");
            }
            other => panic!("{machine:?}: {other:?}"),
        }
        // Asked again, each hears the same.
        let again = enrol(&store, tenant, std::slice::from_ref(machine)).await;
        assert_eq!(again[0], *answer);
    }
    // What each said is kept, once.
    let hosts = store.enrolled_hosts(tenant, None).await.unwrap();
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
    let mut rows = store.tokens(tenant, &second.endpoint).await.unwrap();
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
