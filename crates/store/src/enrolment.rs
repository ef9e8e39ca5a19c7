//! Enrolment: a machine says who it is and which secret it will show, and one token comes of it, whichever intakes it asks.
//!
//! The store has no locks, and two intakes may be asked at once for one endpoint, also for the same secret. So each try writes a
//! *claim* first and looks at what others wrote. Of the claims of two secrets that meet at least one sees the other. That of the
//! greater secret gives way; the other one waits until it has, because the greater one may have looked too early to see it, and wins
//! then. Tries for one secret want the same and do not wait for each other, but who gives way waits for all of them. Claims are read
//! before tokens and closed after them, so a closed claim hides no token. That of an intake that died is closed by whoever comes half a
//! minute later.
//!
//! A machine of a known endpoint claims nothing, unless it is to replace. States of tokens only go forward
//! ([`TokenState`]), so a repeat of any statement changes nothing, and the same request ends the same way: only of tries that overlap one
//! may hear that its secret waits, and another one replace with it what it gave way to.

use crate::tokens::{
    ClaimRow, EnrolledHost, EnrolmentRow, HOSTS_PER_SECRET, StoredToken, TokenState, TokenVia,
};
use crate::{audit::Action, derivation::EndpointFacts, error::Result, store::Store};
use event::{
    Enrolled, Enrolment, KnownEndpoint, LoggedAt, RefuseReason, SecretHash, TokenKind, WaitReason,
};
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;
use tokio::time::Instant;

/// Secrets of one endpoint that may wait for approval: a rollout of a cloned image brings one a machine, and people need to see a few.
const WAITING_PER_ENDPOINT: usize = 8;

/// Tokens that may wait for approval in all: more than people look at, and little to read.
const WAITING_MAX: u64 = 10_000;

/// A claim this old wins nothing any more, because its token could come after …
const CLAIM_WINS_MS: i64 = 5_000;

/// … others take it for dead. An INSERT of a few rows takes milliseconds; one that hangs for all the time between, and succeeds after all
/// beside a rival, makes two good tokens of one endpoint, which are listed. Longer would keep a machine and its clone waiting after each
/// end of an intake.
const CLAIM_LIVES_MS: i64 = 30_000;

/// How long others' claims are waited for, and how often they are looked at: an intake that lives settles its own in milliseconds, and
/// those that were asked for together wait for the slowest.
const SETTLE: Duration = Duration::from_secs(1);
const LOOK: Duration = Duration::from_millis(25);

/// Who is let in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EnrolPolicy {
    /// What becomes of a known endpoint that comes with another secret.
    pub known: KnownEndpoint,
    /// Good tokens of machines that enrolled. Intakes that are asked at once may go over it by what each of them is asked together.
    pub active_max: u64,
}

type Hosts = BTreeMap<(String, SecretHash), Vec<EnrolledHost>>;

impl Store {
    /// Enrols machines of one tenant together. None stands for one that is not settled in time: its sender asks again, and goes on where
    /// it was. After an error any of them may be enrolled, and asking again tells.
    ///
    /// Needs a store that answers with all that was acknowledged, see [`Store::sequential`].
    pub async fn enrol(
        &self,
        tenant: &str,
        asked: &[Enrolment],
        policy: EnrolPolicy,
        clock: impl Fn() -> i64,
    ) -> Result<Vec<Option<Enrolled>>> {
        let answers = self.settle(tenant, asked, policy, &clock).await?;
        // Lists know them before their first log comes.
        let now_ms = clock();
        let enrolled = std::iter::zip(asked, &answers)
            .filter(|(_, answer)| matches!(answer, Some(Enrolled::Active { .. })))
            .map(|(machine, _)| EndpointFacts {
                tenant: tenant.to_owned(),
                endpoint: machine.endpoint.clone(),
                host: machine.host.clone(),
                named_at: Some(LoggedAt(now_ms.div_euclid(1_000))),
                contact_ms: now_ms,
                servicing_stack: None,
                first: None,
                last: None,
            });
        self.insert_facts(&enrolled.collect::<Vec<_>>()).await?;
        Ok(answers)
    }

    async fn settle(
        &self,
        tenant: &str,
        asked: &[Enrolment],
        policy: EnrolPolicy,
        clock: impl Fn() -> i64,
    ) -> Result<Vec<Option<Enrolled>>> {
        // Of one try; what a try before it left is settled as others' are.
        let claimant = RandomState::new().hash_one(clock());
        let mut answers: Vec<Option<Enrolled>> = vec![None; asked.len()];
        let deadline = Instant::now() + SETTLE;
        loop {
            let ids: BTreeSet<&str> = std::iter::zip(asked, &answers)
                .filter(|(_, answer)| answer.is_none())
                .map(|(enrolment, _)| enrolment.endpoint.as_str())
                .collect();
            if ids.is_empty() {
                return Ok(answers);
            }
            let claims = self.claims_of(tenant, &ids).await?;
            let (tokens, hosts) = tokio::try_join!(
                self.tokens_of(tenant, &ids),
                self.enrolled_hosts(tenant, &ids)
            )?;
            let known = Known::new(claims, tokens, hosts);
            let mut round = Round::new(claimant, policy.known, clock());
            for (enrolment, answer) in std::iter::zip(asked, &mut answers) {
                if answer.is_none() {
                    *answer = round.step(enrolment, &known);
                }
            }
            if round.waits_anew || round.adds() {
                let mark = self.tokens_mark(tenant).await?;
                if mark.waiting >= WAITING_MAX {
                    round.refuse_waiting(asked, &mut answers);
                }
                let room = policy.active_max.saturating_sub(mark.enrolled);
                round.refuse_beyond(room, asked, &mut answers);
            }
            let is_idle = round.tokens.is_empty() && round.claims.is_empty();
            // What the machine said first: a token without it would be one of nobody. Claims last, see above.
            self.put_enrolments(round.said.into_values().collect())
                .await?;
            let tokens: Vec<StoredToken> = round.tokens.into_values().collect();
            self.audit_enrolments(tenant, &tokens, clock()).await?;
            self.put_tokens(&tokens).await?;
            self.put_claims(round.claims.into_values().collect())
                .await?;
            if !is_idle || !answers.contains(&None) {
                continue;
            }
            if Instant::now() >= deadline {
                // Nobody need wait for a try that is over.
                let left = known.left_by(claimant);
                self.put_claims(left).await?;
                return Ok(answers);
            }
            tokio::time::sleep(LOOK).await;
        }
    }
}

impl Store {
    /// Notes what becomes of some tokens, each by the fleet token that let its machine in.
    async fn audit_enrolments(
        &self,
        tenant: &str,
        tokens: &[StoredToken],
        now_ms: i64,
    ) -> Result<()> {
        let mut actions: BTreeMap<&str, Vec<Action>> = BTreeMap::new();
        for token in tokens {
            let (action, before) = match token.state {
                TokenState::Revoked => ("token.revoke", Some(TokenState::Active)),
                TokenState::Active | TokenState::Waiting => ("token.enrol", None),
            };
            // Whoever lets a machine in takes the place of what it had.
            let instead = tokens.iter().find(|other| {
                before.is_some() && other.id == token.id && other.state == TokenState::Active
            });
            let actor = &instead.unwrap_or(token).made_by;
            let of_actor = actions.entry(actor).or_default();
            of_actor.push(token.action(action, before));
        }
        for (actor, actions) in actions {
            self.audit(tenant, actor, now_ms, &actions).await?;
        }
        Ok(())
    }
}

/// What is stored of some endpoints.
struct Known {
    claims: BTreeMap<String, Vec<Claim>>,
    tokens: BTreeMap<String, Vec<StoredToken>>,
    hosts: Hosts,
}

struct Claim {
    key: (SecretHash, u64),
    replaces: Vec<SecretHash>,
    row: ClaimRow,
}

impl Known {
    fn new(claims: Vec<ClaimRow>, tokens: Vec<StoredToken>, hosts: Hosts) -> Self {
        let mut known = Self {
            claims: BTreeMap::new(),
            tokens: BTreeMap::new(),
            hosts,
        };
        for row in claims {
            let replaces = row.replaces.iter().filter_map(|hash| hash.parse().ok());
            let replaces = replaces.collect();
            if let Ok(secret) = row.secret_sha256.parse() {
                known.claims.entry(row.id.clone()).or_default().push(Claim {
                    key: (secret, row.claimant),
                    replaces,
                    row,
                });
            }
        }
        for token in tokens {
            if token.kind == TokenKind::Endpoint {
                let id = token.id.clone();
                known.tokens.entry(id).or_default().push(token);
            }
        }
        known
    }

    /// Open claims of a try, as closed ones.
    fn left_by(&self, claimant: u64) -> Vec<ClaimRow> {
        let claims = self.claims.values().flatten();
        let left = claims.filter(|claim| claim.key.1 == claimant && claim.row.closed == 0);
        let closed = left.map(|claim| ClaimRow {
            closed: 1,
            ..claim.row.clone()
        });
        closed.collect()
    }

    fn claims(&self, endpoint: &str) -> &[Claim] {
        self.claims.get(endpoint).map_or(&[], Vec::as_slice)
    }

    fn tokens(&self, endpoint: &str) -> &[StoredToken] {
        self.tokens.get(endpoint).map_or(&[], Vec::as_slice)
    }

    /// Who showed the secret, the first one first.
    fn hosts(&self, endpoint: &str, secret: SecretHash) -> impl Iterator<Item = &str> {
        let hosts = self.hosts.get(&(endpoint.to_owned(), secret));
        hosts.into_iter().flatten().map(|host| host.host.as_str())
    }
}

/// What is decided and written after one look at the store.
struct Round {
    claimant: u64,
    policy: KnownEndpoint,
    now_ms: i64,
    tokens: BTreeMap<(String, SecretHash), StoredToken>,
    claims: BTreeMap<(String, SecretHash, u64), ClaimRow>,
    said: BTreeMap<(String, SecretHash, String), EnrolmentRow>,
    /// Something begins to wait for approval.
    waits_anew: bool,
}

impl Round {
    fn new(claimant: u64, policy: KnownEndpoint, now_ms: i64) -> Self {
        Self {
            claimant,
            policy,
            now_ms,
            tokens: BTreeMap::new(),
            claims: BTreeMap::new(),
            said: BTreeMap::new(),
            waits_anew: false,
        }
    }

    /// The next step for a machine: its answer, or what is written until the next look.
    fn step(&mut self, enrolment: &Enrolment, known: &Known) -> Option<Enrolled> {
        let tokens = known.tokens(&enrolment.endpoint);
        let own = tokens.iter().find(|token| token.secret == enrolment.secret);
        let claims = known.claims(&enrolment.endpoint);
        let claim = claims
            .iter()
            .find(|claim| claim.key == (enrolment.secret, self.claimant));
        let Some(own) = own else {
            return match claim {
                None => self.begin(enrolment, known),
                Some(claim) if claim.row.closed == 0 => {
                    self.contend(enrolment, claim, known);
                    None
                }
                Some(_) => self.follow(enrolment, known),
            };
        };
        // Nobody need wait for claims that have their answer.
        claims
            .iter()
            .filter(|claim| claim.row.closed == 0 && claim.key.0 == enrolment.secret)
            .for_each(|claim| self.close(claim));
        let is_over = own.expires_ms.is_some_and(|end| end <= self.now_ms);
        match own.state {
            TokenState::Active if is_over => Some(Enrolled::Refused(RefuseReason::Revoked)),
            TokenState::Active => {
                self.note(enrolment, known);
                let copied_from = known
                    .hosts(&enrolment.endpoint, enrolment.secret)
                    .find(|host| !host.eq_ignore_ascii_case(&enrolment.host));
                Some(Enrolled::Active {
                    copied_from: copied_from.map(str::to_owned),
                })
            }
            TokenState::Waiting => {
                self.note(enrolment, known);
                let reason = own.reason.unwrap_or(WaitReason::Known);
                Some(Enrolled::Waiting(reason))
            }
            TokenState::Revoked => Some(Enrolled::Refused(RefuseReason::Revoked)),
        }
    }

    /// A secret that has no token and no claim of this try.
    fn begin(&mut self, enrolment: &Enrolment, known: &Known) -> Option<Enrolled> {
        let tokens = known.tokens(&enrolment.endpoint);
        let of_state = |state| tokens.iter().filter(move |token| token.state == state);
        let before: Vec<&StoredToken> = of_state(TokenState::Active).collect();
        if before.is_empty() {
            // Whoever revoked the last token of a machine did not mean that it gets the next one by itself.
            if of_state(TokenState::Revoked).next().is_some() {
                return self.wait(enrolment, known, WaitReason::Revoked);
            }
            self.claim(enrolment, known, Vec::new());
            return None;
        }
        // Only the first host of each: of two clones that show one secret the second could take the place of the first otherwise, and
        // then the first that of the second. Of a token that a command made no host is known, so nobody is the same.
        let is_same = |host: &str| host.eq_ignore_ascii_case(&enrolment.host);
        let firsts = before.iter();
        let firsts: Vec<Option<&str>> = firsts
            .map(|token| known.hosts(&token.id, token.secret).next())
            .collect();
        match self.policy {
            KnownEndpoint::Refuse => Some(Enrolled::Refused(RefuseReason::Known)),
            // Also where tokens are replaced: clones would take each other's place for ever.
            _ if firsts.iter().flatten().any(|host| !is_same(host)) => {
                self.wait(enrolment, known, WaitReason::OtherHost)
            }
            KnownEndpoint::Replace if firsts.iter().all(Option::is_some) => {
                let replaces = before.iter().map(|token| token.secret.to_string());
                self.claim(enrolment, known, replaces.collect());
                None
            }
            _ => self.wait(enrolment, known, WaitReason::Known),
        }
    }

    /// A claim is written: does it win?
    fn contend(&mut self, enrolment: &Enrolment, own: &Claim, known: &Known) {
        let now_ms = self.now_ms;
        let age = |claim: &Claim| now_ms.saturating_sub(claim.row.created);
        let active: Vec<&StoredToken> = known
            .tokens(&enrolment.endpoint)
            .iter()
            .filter(|token| token.state == TokenState::Active)
            .collect();
        let (live, dead): (Vec<&Claim>, Vec<&Claim>) = known
            .claims(&enrolment.endpoint)
            .iter()
            .filter(|claim| claim.row.closed == 0 && claim.key.0 != own.key.0)
            .partition(|claim| age(claim) <= CLAIM_LIVES_MS);
        let is_beaten = active
            .iter()
            .any(|token| !own.replaces.contains(&token.secret))
            || live.iter().any(|claim| claim.key.0 < own.key.0)
            || age(own) > CLAIM_WINS_MS;
        if is_beaten {
            return self.close(own);
        }
        if !live.is_empty() {
            return;
        }
        if !dead.is_empty() {
            return dead.into_iter().for_each(|claim| self.close(claim));
        }
        self.put(self.token(enrolment, TokenState::Active, None));
        for token in active {
            self.put(StoredToken {
                state: TokenState::Revoked,
                revoked_ms: Some(now_ms),
                revoked_by: "enrolment".to_owned(),
                ..token.clone()
            });
        }
        self.close(own);
    }

    /// The claim has given way, to another one or to a token.
    fn follow(&mut self, enrolment: &Enrolment, known: &Known) -> Option<Enrolled> {
        let is_open = |claim: &Claim| {
            claim.key.0 == enrolment.secret
                && claim.row.closed == 0
                && self.now_ms.saturating_sub(claim.row.created) <= CLAIM_LIVES_MS
        };
        let mut claims = known.claims(&enrolment.endpoint).iter();
        let mut tokens = known.tokens(&enrolment.endpoint).iter();
        let has_won = tokens.any(|token| token.state == TokenState::Active);
        // Another intake may have been asked for the same secret, and win.
        if !has_won || claims.any(is_open) {
            return None;
        }
        self.put_waiting(enrolment, known, WaitReason::AtOnce)
    }

    fn wait(
        &mut self,
        enrolment: &Enrolment,
        known: &Known,
        reason: WaitReason,
    ) -> Option<Enrolled> {
        let refused = self.put_waiting(enrolment, known, reason);
        if refused.is_none() {
            self.note(enrolment, known);
        }
        refused
    }

    /// A token that waits, unless as many do already.
    fn put_waiting(
        &mut self,
        enrolment: &Enrolment,
        known: &Known,
        reason: WaitReason,
    ) -> Option<Enrolled> {
        // Those of this round too: a batch may bring hundreds of clones.
        let tokens = known.tokens(&enrolment.endpoint).iter();
        let put = self.tokens.values();
        let put = put.filter(|token| token.id == enrolment.endpoint);
        let waiting = tokens
            .chain(put)
            .filter(|token| token.state == TokenState::Waiting);
        if waiting.count() >= WAITING_PER_ENDPOINT {
            return Some(Enrolled::Refused(RefuseReason::TooMany));
        }
        self.waits_anew = true;
        self.put(self.token(enrolment, TokenState::Waiting, Some(reason)));
        None
    }

    fn claim(&mut self, enrolment: &Enrolment, known: &Known, replaces: Vec<String>) {
        self.note(enrolment, known);
        let key = (enrolment.endpoint.clone(), enrolment.secret, self.claimant);
        let row = ClaimRow {
            tenant: enrolment.tenant.clone(),
            id: enrolment.endpoint.clone(),
            secret_sha256: enrolment.secret.to_string(),
            claimant: self.claimant,
            created: self.now_ms,
            replaces,
            closed: 0,
        };
        self.claims.insert(key, row);
    }

    fn close(&mut self, claim: &Claim) {
        let (secret, claimant) = claim.key;
        let row = ClaimRow {
            closed: 1,
            ..claim.row.clone()
        };
        self.claims
            .insert((claim.row.id.clone(), secret, claimant), row);
    }

    fn token(
        &self,
        enrolment: &Enrolment,
        state: TokenState,
        reason: Option<WaitReason>,
    ) -> StoredToken {
        StoredToken {
            tenant: enrolment.tenant.clone(),
            id: enrolment.endpoint.clone(),
            secret: enrolment.secret,
            kind: TokenKind::Endpoint,
            state,
            created_ms: self.now_ms,
            expires_ms: None,
            revoked_ms: None,
            made_by: enrolment.by.clone(),
            via: TokenVia::Enrolment,
            revoked_by: String::new(),
            reason,
            note: String::new(),
        }
    }

    fn put(&mut self, token: StoredToken) {
        self.tokens.insert((token.id.clone(), token.secret), token);
    }

    /// Keeps what the machine said, where that is new.
    fn note(&mut self, enrolment: &Enrolment, known: &Known) {
        let hosts: Vec<&str> = known.hosts(&enrolment.endpoint, enrolment.secret).collect();
        let said = self
            .said
            .keys()
            .filter(|(id, secret, _)| (id, *secret) == (&enrolment.endpoint, enrolment.secret));
        if hosts.contains(&enrolment.host.as_str())
            || hosts.len() + said.count() >= HOSTS_PER_SECRET
        {
            return;
        }
        let key = (
            enrolment.endpoint.clone(),
            enrolment.secret,
            enrolment.host.clone(),
        );
        self.said.insert(
            key,
            EnrolmentRow {
                tenant: enrolment.tenant.clone(),
                id: enrolment.endpoint.clone(),
                secret_sha256: enrolment.secret.to_string(),
                host: enrolment.host.clone(),
                machine_guid: enrolment.machine_guid.clone(),
                made_by: enrolment.by.clone(),
                at: self.now_ms,
            },
        );
    }

    /// New claims, each of which may become one more token.
    fn added(&self) -> impl Iterator<Item = &(String, SecretHash, u64)> {
        let claims = self.claims.iter();
        claims
            .filter(|(_, row)| row.closed == 0 && row.replaces.is_empty())
            .map(|(key, _)| key)
    }

    fn adds(&self) -> bool {
        self.added().next().is_some()
    }

    /// There is room for so many new tokens.
    fn refuse_beyond(&mut self, room: u64, asked: &[Enrolment], answers: &mut [Option<Enrolled>]) {
        let room = usize::try_from(room).unwrap_or(usize::MAX);
        let beyond: BTreeSet<_> = self.added().skip(room).cloned().collect();
        self.claims.retain(|key, _| !beyond.contains(key));
        for (enrolment, answer) in std::iter::zip(asked, answers) {
            let key = (enrolment.endpoint.clone(), enrolment.secret, self.claimant);
            if answer.is_none() && beyond.contains(&key) {
                self.said
                    .retain(|(id, secret, _), _| (id, secret) != (&key.0, &key.1));
                *answer = Some(Enrolled::Refused(RefuseReason::Full));
            }
        }
    }

    /// There is no room for what would wait.
    fn refuse_waiting(&mut self, asked: &[Enrolment], answers: &mut [Option<Enrolled>]) {
        for (enrolment, answer) in std::iter::zip(asked, answers) {
            let key = (enrolment.endpoint.clone(), enrolment.secret);
            let waits = |token: &StoredToken| token.state == TokenState::Waiting;
            if answer.is_none() && self.tokens.get(&key).is_some_and(waits) {
                self.tokens.remove(&key);
                self.said
                    .retain(|(id, secret, _), _| (id, secret) != (&key.0, &key.1));
                *answer = Some(Enrolled::Refused(RefuseReason::TooMany));
            }
        }
    }
}

#[cfg(test)]
mod tests;
