//! Decisions of enrolment, in any order of intakes that read and write in turns.

use super::*;
use proptest::prelude::*;

const ENDPOINT: &str = "7c9e6679-7425-40de-944b-e07fc1f90ae7";

fn enrolment(secret: u8, host: &str) -> Enrolment {
    Enrolment {
        tenant: "default".to_owned(),
        endpoint: ENDPOINT.to_owned(),
        machine_guid: ENDPOINT.to_uppercase(),
        host: host.to_owned(),
        secret: SecretHash([secret; 32]),
        by: "fleet:made-up".to_owned(),
    }
}

/// The tables, folded as their engine folds them.
#[derive(Default)]
struct Tables {
    tokens: BTreeMap<SecretHash, StoredToken>,
    claims: BTreeMap<(SecretHash, u64), ClaimRow>,
    hosts: Hosts,
    tries: u64,
}

impl Tables {
    fn known(&self) -> Known {
        Known::new(
            self.claims.values().cloned().collect(),
            self.tokens.values().cloned().collect(),
            self.hosts.clone(),
        )
    }

    fn apply_tokens(&mut self, round: &mut Round) {
        for row in std::mem::take(&mut round.said).into_values() {
            let key = (row.id.clone(), row.secret_sha256.parse().unwrap());
            let hosts = self.hosts.entry(key).or_default();
            hosts.push(EnrolledHost {
                host: row.host,
                machine_guid: row.machine_guid,
                at_ms: row.at,
            });
            // As they are read.
            hosts.sort_by_key(|host| host.at_ms);
        }
        for token in std::mem::take(&mut round.tokens).into_values() {
            let held = self.tokens.get(&token.secret);
            if held.is_none_or(|held| held.state <= token.state) {
                self.tokens.insert(token.secret, token);
            }
        }
    }

    fn apply_claims(&mut self, round: &mut Round) {
        for ((_, secret, claimant), row) in std::mem::take(&mut round.claims) {
            let held = self.claims.get(&(secret, claimant));
            if held.is_none_or(|held| held.closed <= row.closed) {
                self.claims.insert((secret, claimant), row);
            }
        }
    }

    fn apply(&mut self, mut round: Round) {
        self.apply_tokens(&mut round);
        self.apply_claims(&mut round);
    }

    fn active(&self) -> Vec<SecretHash> {
        let tokens = self.tokens.values();
        let active = tokens.filter(|token| token.state == TokenState::Active);
        active.map(|token| token.secret).collect()
    }

    /// One intake alone, to its answer.
    fn enrol(&mut self, enrolment: &Enrolment, policy: KnownEndpoint, now_ms: i64) -> Enrolled {
        self.tries += 1;
        for _ in 0..8 {
            let mut round = Round::new(self.tries, policy, now_ms);
            let answer = round.step(enrolment, &self.known());
            self.apply(round);
            if let Some(answer) = answer {
                return answer;
            }
        }
        panic!("not settled: {:?} {:?}", self.tokens, self.claims);
    }

    fn revoke(&mut self, secret: u8) {
        let token = self.tokens.get_mut(&SecretHash([secret; 32])).unwrap();
        token.state = TokenState::Revoked;
    }
}

const ACTIVE: Enrolled = Enrolled::Active { copied_from: None };

#[test]
fn a_machine_has_one_token_and_the_same_request_the_same_answer() {
    let mut table = Tables::default();
    let machine = enrolment(7, "PC-1");
    for policy in [
        KnownEndpoint::Approve,
        KnownEndpoint::Replace,
        KnownEndpoint::Refuse,
    ] {
        assert_eq!(table.enrol(&machine, policy, 0), ACTIVE);
        assert_eq!(table.tokens.len(), 1);
    }
    assert_eq!(table.hosts.values().flatten().count(), 1);
    // The same secret from another machine is one that was copied.
    let copied = table.enrol(&enrolment(7, "PC-2"), KnownEndpoint::Approve, 0);
    let copied_from = Some("PC-1".to_owned());
    assert_eq!(copied, Enrolled::Active { copied_from });
}

#[test]
fn another_secret_follows_the_policy_and_another_host_name_always_waits() {
    let wait = Enrolled::Waiting;
    for (policy, same_host, other_host) in [
        (
            KnownEndpoint::Approve,
            wait(WaitReason::Known),
            wait(WaitReason::OtherHost),
        ),
        (KnownEndpoint::Replace, ACTIVE, wait(WaitReason::OtherHost)),
        (
            KnownEndpoint::Refuse,
            Enrolled::Refused(RefuseReason::Known),
            Enrolled::Refused(RefuseReason::Known),
        ),
    ] {
        let mut table = Tables::default();
        table.enrol(&enrolment(1, "PC-1"), policy, 0);
        assert_eq!(
            table.enrol(&enrolment(2, "PC-2"), policy, 0),
            other_host,
            "{policy:?}"
        );
        assert_eq!(
            table.enrol(&enrolment(3, "pc-1"), policy, 0),
            same_host,
            "{policy:?}"
        );
        assert_eq!(table.active().len(), 1, "{policy:?}");
        let first_is_good = table.active() == [SecretHash([1; 32])];
        assert_eq!(first_is_good, policy != KnownEndpoint::Replace);
    }
}

#[test]
fn of_two_clones_the_second_never_takes_the_place_of_the_first() {
    let (mut table, policy) = (Tables::default(), KnownEndpoint::Replace);
    let other_host = Enrolled::Waiting(WaitReason::OtherHost);
    table.enrol(&enrolment(1, "PC-1"), policy, 0);
    // It shows the secret of the disk that was copied first, and one of its own then.
    let copied_from = Some("PC-1".to_owned());
    let copied = table.enrol(&enrolment(1, "PC-2"), policy, 1);
    assert_eq!(copied, Enrolled::Active { copied_from });
    assert_eq!(table.enrol(&enrolment(2, "PC-2"), policy, 2), other_host);
    assert_eq!(table.active(), [SecretHash([1; 32])]);
    assert_eq!(table.enrol(&enrolment(3, "PC-1"), policy, 3), ACTIVE);
    assert_eq!(table.active(), [SecretHash([3; 32])]);
    assert_eq!(table.enrol(&enrolment(4, "PC-2"), policy, 4), other_host);
}

#[test]
fn a_token_without_a_host_is_replaced_by_nobody() {
    for (policy, answer) in [
        (KnownEndpoint::Approve, Enrolled::Waiting(WaitReason::Known)),
        (KnownEndpoint::Replace, Enrolled::Waiting(WaitReason::Known)),
        (
            KnownEndpoint::Refuse,
            Enrolled::Refused(RefuseReason::Known),
        ),
    ] {
        let mut table = Tables::default();
        table.enrol(&enrolment(1, "PC-1"), policy, 0);
        // As a command makes it.
        table.hosts.clear();
        assert_eq!(table.enrol(&enrolment(2, "PC-1"), policy, 0), answer);
        assert_eq!(table.active(), [SecretHash([1; 32])]);
    }
}

#[test]
fn a_few_hosts_are_kept_of_one_secret() {
    let mut table = Tables::default();
    let policy = KnownEndpoint::Approve;
    for host in 0..20 {
        table.enrol(&enrolment(1, &format!("PC-{host:02}")), policy, host);
    }
    let hosts: Vec<&EnrolledHost> = table.hosts.values().flatten().collect();
    assert_eq!(hosts.len(), HOSTS_PER_SECRET);
    assert_eq!(hosts[0].host, "PC-00");
    // Also of those that come together.
    let mut round = Round::new(1, policy, 0);
    let known = Tables::default().known();
    for host in 0..20 {
        round.step(&enrolment(1, &format!("PC-{host:02}")), &known);
    }
    assert_eq!(round.said.len(), HOSTS_PER_SECRET);
}

#[test]
fn who_was_revoked_waits_and_its_secret_never_comes_back() {
    for policy in [KnownEndpoint::Approve, KnownEndpoint::Replace] {
        let mut table = Tables::default();
        table.enrol(&enrolment(1, "PC-1"), policy, 0);
        table.revoke(1);
        let again = table.enrol(&enrolment(1, "PC-1"), policy, 0);
        assert_eq!(again, Enrolled::Refused(RefuseReason::Revoked));
        let anew = table.enrol(&enrolment(2, "PC-1"), policy, 0);
        assert_eq!(anew, Enrolled::Waiting(WaitReason::Revoked));
        assert!(table.active().is_empty());
    }
}

#[test]
fn a_few_wait_for_one_endpoint_and_the_rest_is_told() {
    let mut table = Tables::default();
    let policy = KnownEndpoint::Approve;
    table.enrol(&enrolment(0, "PC-0"), policy, 0);
    for clone in 1..=20 {
        let answer = table.enrol(&enrolment(clone, &format!("PC-{clone}")), policy, 0);
        let expected = match usize::from(clone) <= WAITING_PER_ENDPOINT {
            true => Enrolled::Waiting(WaitReason::OtherHost),
            false => Enrolled::Refused(RefuseReason::TooMany),
        };
        assert_eq!(answer, expected, "{clone}");
    }
    assert_eq!(table.tokens.len(), 1 + WAITING_PER_ENDPOINT);
}

#[test]
fn a_few_wait_for_one_endpoint_of_those_that_come_at_once() {
    let mut table = Tables::default();
    let policy = KnownEndpoint::Approve;
    table.enrol(&enrolment(0, "PC-0"), policy, 0);
    let mut round = Round::new(7, policy, 0);
    let known = table.known();
    let clones = (1..=20).map(|clone| enrolment(clone, &format!("PC-{clone}")));
    let refused = clones.filter(|clone| round.step(clone, &known).is_some());
    assert_eq!(refused.count(), 20 - WAITING_PER_ENDPOINT);
    table.apply(round);
    assert_eq!(table.tokens.len(), 1 + WAITING_PER_ENDPOINT);
}

#[test]
fn a_claim_of_an_intake_that_died_is_given_up_after_half_a_minute() {
    for dead in [0, 9] {
        let (mut table, policy) = (Tables::default(), KnownEndpoint::Approve);
        let dead = enrolment(dead, "PC-9");
        let mut round = Round::new(100, policy, 0);
        assert_eq!(round.step(&dead, &table.known()), None);
        table.apply(round);
        // As long as it may live, nobody is enrolled beside it …
        let machine = enrolment(1, "PC-1");
        for now_ms in [1_000, 1_001, 1_002] {
            let mut round = Round::new(200, policy, now_ms);
            assert_eq!(round.step(&machine, &table.known()), None);
            table.apply(round);
        }
        assert!(table.tokens.is_empty());
        // A try that is over leaves nothing to wait for, …
        let left = table.known().left_by(200);
        assert!(left.len() <= 1 && left.iter().all(|row| row.closed == 1));
        // … and later the next try is. The dead one, if it comes back, is told.
        assert_eq!(table.enrol(&machine, policy, 31_000), ACTIVE);
        assert_eq!(
            table.enrol(&dead, policy, 32_000),
            Enrolled::Waiting(WaitReason::OtherHost)
        );
        assert_eq!(table.active(), [SecretHash([1; 32])]);
    }
}

/// An intake that serves one request: it reads claims, then tokens; it writes tokens, then claims; each some time after the other.
struct Intake {
    enrolment: Enrolment,
    claimant: u64,
    read: Option<Vec<ClaimRow>>,
    decided: Option<(Round, Option<Enrolled>)>,
    written: Option<(Round, Option<Enrolled>)>,
    answer: Option<Enrolled>,
}

impl Intake {
    fn step(&mut self, tables: &mut Tables, policy: KnownEndpoint) {
        if self.answer.is_some() {
        } else if let Some((mut round, answer)) = self.written.take() {
            tables.apply_claims(&mut round);
            self.answer = answer;
        } else if let Some((mut round, answer)) = self.decided.take() {
            tables.apply_tokens(&mut round);
            self.written = Some((round, answer));
        } else if let Some(claims) = self.read.take() {
            let tokens = tables.tokens.values().cloned().collect();
            let known = Known::new(claims, tokens, tables.hosts.clone());
            let mut round = Round::new(self.claimant, policy, 0);
            let answer = round.step(&self.enrolment, &known);
            self.decided = Some((round, answer));
        } else {
            self.read = Some(tables.claims.values().cloned().collect());
        }
    }
}

/// Takes turns in an order, and then until all are done: whatever the order, one secret is good and nobody was told what is not true.
fn take_turns(secrets: &[u8], is_known: bool, replace: bool, order: &[usize]) {
    let policy = match replace {
        true => KnownEndpoint::Replace,
        false => KnownEndpoint::Approve,
    };
    let mut tables = Tables::default();
    if is_known {
        tables.enrol(&enrolment(0, "PC-1"), policy, 0);
    }
    let intake = |(claimant, secret): (u64, &u8)| Intake {
        enrolment: enrolment(*secret, "PC-1"),
        claimant,
        read: None,
        decided: None,
        written: None,
        answer: None,
    };
    let mut intakes: Vec<Intake> = std::iter::zip(100.., secrets).map(intake).collect();
    for turn in order {
        let count = intakes.len();
        intakes[turn % count].step(&mut tables, policy);
    }
    for _ in 0..200 {
        for intake in &mut intakes {
            intake.step(&mut tables, policy);
        }
    }
    assert_eq!(tables.active().len(), 1);
    let waits = |answer: &Option<Enrolled>| matches!(answer, Some(Enrolled::Waiting(_)));
    for intake in &intakes {
        let secret = intake.enrolment.secret;
        let state = tables.tokens[&secret].state;
        match intake.answer.as_ref().expect("settled") {
            // One that was replaced by a later one was good when its sender heard so.
            Enrolled::Active { .. } => assert!(
                state == TokenState::Active || (replace && state == TokenState::Revoked),
                "{state:?}"
            ),
            // One that gave way waits, and another try for the same secret may replace the winner after that.
            Enrolled::Waiting(_) => {
                let mut tries = intakes
                    .iter()
                    .filter(|other| other.enrolment.secret == secret);
                let has_replaced = replace && tries.any(|other| !waits(&other.answer));
                assert!(state == TokenState::Waiting || has_replaced, "{state:?}");
            }
            Enrolled::Refused(reason) => {
                assert!(replace && *reason == RefuseReason::Revoked, "{reason:?}");
            }
        }
    }
}

#[test]
fn who_was_told_to_wait_may_be_let_in_by_another_try() {
    let order = [
        24, 21, 3, 11, 9, 8, 19, 24, 15, 11, 32, 3, 29, 8, 43, 32, 9, 34, 8, 11, 1, 10, 55, 17, 11,
        11, 11, 11,
    ];
    take_turns(&[1, 3, 3], false, true, &order);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn of_requests_at_once_one_secret_wins_and_every_answer_is_true(
        secrets in prop::collection::vec(1_u8..5, 2..6),
        is_known in any::<bool>(),
        replace in any::<bool>(),
        order in prop::collection::vec(0_usize..60, 0..120),
    ) {
        take_turns(&secrets, is_known, replace, &order);
    }
}
