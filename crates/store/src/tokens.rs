//! Tokens as all processes of a site share them: hashes of secrets, with what became of each.

use crate::{audit::Action, error::Result, labels::IDS_ASKED, store::Store};
use clickhouse::Row;
use event::{SecretHash, TokenKind, WaitReason};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// A token of the table. What it opens is decided elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredToken {
    /// Whose.
    pub tenant: String,
    /// The part before the last dot; of an endpoint its id.
    pub id: String,
    /// Of the part after it.
    pub secret: SecretHash,
    /// What it is for.
    pub kind: TokenKind,
    /// Whether it is good.
    pub state: TokenState,
    /// In UTC milliseconds.
    pub created_ms: i64,
    /// From then on it is not good, in UTC milliseconds.
    pub expires_ms: Option<i64>,
    /// In UTC milliseconds.
    pub revoked_ms: Option<i64>,
    /// `fleet:NAME`, or the user of the command.
    pub made_by: String,
    /// How it came about.
    pub via: TokenVia,
    /// Who revoked it; empty where it is not.
    pub revoked_by: String,
    /// Why it waits.
    pub reason: Option<WaitReason>,
    /// For people.
    pub note: String,
}

/// What became of a token. It only goes forward, so that of two writers no clock decides.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum TokenState {
    /// Somebody has to approve it.
    Waiting,
    /// It is good.
    Active,
    /// It is not good any more, for good.
    Revoked,
}

/// How a token came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TokenVia {
    /// A machine enrolled.
    Enrolment,
    /// Somebody made it.
    Command,
}

/// What tells whether the tokens in use are still those of before, without reading them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokensMark {
    /// How many are in use.
    pub active: u64,
    /// How many of them are of machines that enrolled.
    pub enrolled: u64,
    /// How many wait for approval.
    pub waiting: u64,
    digest: u64,
}

impl TokensMark {
    /// Whether the tokens in use are the same.
    pub fn is_same(&self, other: &Self) -> bool {
        (self.active, self.digest) == (other.active, other.digest)
    }
}

/// A machine that enrolled, as it said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EnrolledHost {
    /// Its host name.
    pub host: String,
    /// Its MachineGuid.
    pub machine_guid: String,
    /// When it came, in UTC milliseconds.
    pub at_ms: i64,
}

/// Tokens of one answer: a list ends there, and one asks for an id. Some 5 MB of text, below what the store lets a page or a reader have.
pub const TOKENS_LISTED: usize = 20_000;

/// Host names kept of one secret: a disk that was copied shows it with two, and nobody reads a list of them.
pub(crate) const HOSTS_PER_SECRET: usize = 8;

impl Store {
    /// The tokens in use. In parts, as the store bounds an answer; what changes between two of them is seen or not, and the mark that
    /// was read before differs then.
    pub async fn tokens_in_use(&self, tenant: &str) -> Result<Vec<StoredToken>> {
        let mut tokens = Vec::new();
        let mut last = (String::new(), String::new());
        loop {
            let rows: Vec<TokenRow> = self
                .fetch_all(
                    "read the tokens",
                    self.sql(
                        "SELECT ?fields FROM tokens FINAL WHERE tenant = {tenant:String} AND state = 'active' \
                           AND id >= {id:String} AND (id, secret_sha256) > ({id:String}, {secret:String}) \
                         ORDER BY id, secret_sha256 LIMIT {limit:UInt64}",
                    )
                    .param("tenant", tenant)
                    .param("id", last.0.as_str())
                    .param("secret", last.1.as_str())
                    .param("limit", TOKENS_LISTED as u64),
                )
                .await?;
            let is_last = rows.len() < TOKENS_LISTED;
            if let Some(row) = rows.last() {
                last = (row.id.clone(), row.secret_sha256.clone());
            }
            tokens.extend(rows.into_iter().filter_map(TokenRow::into_token));
            if is_last {
                return Ok(tokens);
            }
        }
    }

    /// Tokens that came of enrolments with one fleet token, `fleet:NAME`, and are good or wait; at most [`TOKENS_LISTED`].
    pub async fn tokens_made_by(&self, tenant: &str, made_by: &str) -> Result<Vec<StoredToken>> {
        let rows: Vec<TokenRow> = self
            .fetch_all(
                "read the tokens of a fleet",
                self.sql(
                    "SELECT ?fields FROM tokens FINAL WHERE tenant = {tenant:String} AND via = 'enrolment' \
                       AND made_by = {made_by:String} AND state != 'revoked' ORDER BY id, secret_sha256 LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("made_by", made_by)
                .param("limit", TOKENS_LISTED as u64),
            )
            .await?;
        Ok(rows.into_iter().filter_map(TokenRow::into_token).collect())
    }

    /// Changes when the tokens in use do.
    pub async fn tokens_mark(&self, tenant: &str) -> Result<TokensMark> {
        let (active, enrolled, waiting, digest) = self
            .fetch_one(
                "look whether tokens have changed",
                self.sql(
                    "SELECT countIf(state = 'active'), countIf(state = 'active' AND via = 'enrolment'), countIf(state = 'waiting'), \
                       groupBitXorIf(cityHash64(id, secret_sha256, kind, expires), state = 'active') \
                     FROM tokens FINAL WHERE tenant = {tenant:String}",
                )
                .param("tenant", tenant),
            )
            .await?;
        Ok(TokensMark {
            active,
            enrolled,
            waiting,
            digest,
        })
    }

    /// Tokens of one id, or of all where it is empty, and of one state or of every one; the last made first, at most [`TOKENS_LISTED`].
    pub async fn tokens(
        &self,
        tenant: &str,
        id: &str,
        state: Option<TokenState>,
    ) -> Result<Vec<StoredToken>> {
        let rows: Vec<TokenRow> = self
            .fetch_all(
                "list tokens",
                self.sql(
                    "SELECT ?fields FROM tokens FINAL WHERE tenant = {tenant:String} AND ({id:String} = '' OR id = {id:String}) \
                       AND ({state:String} = '' OR state = {state:String}) ORDER BY created DESC, id, secret_sha256 LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("id", id)
                .param("state", state.map_or("", TokenState::name))
                .param("limit", TOKENS_LISTED as u64),
            )
            .await?;
        Ok(rows.into_iter().filter_map(TokenRow::into_token).collect())
    }

    /// Tokens of every state of some ids.
    pub async fn tokens_of(&self, tenant: &str, ids: &BTreeSet<&str>) -> Result<Vec<StoredToken>> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<TokenRow> = self
            .fetch_all(
                "read tokens by their ids",
                self.sql("SELECT ?fields FROM tokens FINAL WHERE tenant = {tenant:String} AND id IN {ids:Array(String)}")
                    .param("tenant", tenant)
                    .param("ids", ids.iter().collect::<Vec<_>>()),
            )
            .await?;
        Ok(rows.into_iter().filter_map(TokenRow::into_token).collect())
    }

    /// Keeps tokens; those of an earlier state than is stored change nothing.
    pub async fn put_tokens(&self, tokens: &[StoredToken]) -> Result<()> {
        self.insert_rows::<TokenRow, _>("tokens", tokens.iter().map(TokenRow::new))
            .await
    }

    /// The machines that enrolled under some ids, by id and secret, the first one first; at most eight of a secret.
    pub async fn enrolled_hosts(
        &self,
        tenant: &str,
        ids: &BTreeSet<&str>,
    ) -> Result<BTreeMap<(String, SecretHash), Vec<EnrolledHost>>> {
        let ids: Vec<&str> = ids.iter().copied().collect();
        let mut rows: Vec<EnrolmentRow> = Vec::new();
        for ids in ids.chunks(IDS_ASKED) {
            let query = self
                .sql(
                    "SELECT ?fields FROM enrolments FINAL WHERE tenant = {tenant:String} AND id IN {ids:Array(String)} \
                     ORDER BY id, secret_sha256, at, host LIMIT {limit:UInt64} BY id, secret_sha256",
                )
                .param("tenant", tenant)
                .param("ids", ids)
                .param("limit", HOSTS_PER_SECRET as u64);
            rows.extend(
                self.fetch_all::<EnrolmentRow>("read enrolments", query)
                    .await?,
            );
        }
        let mut hosts: BTreeMap<_, Vec<EnrolledHost>> = BTreeMap::new();
        for row in rows {
            if let Ok(secret) = row.secret_sha256.parse() {
                hosts
                    .entry((row.id, secret))
                    .or_default()
                    .push(EnrolledHost {
                        host: row.host,
                        machine_guid: row.machine_guid,
                        at_ms: row.at,
                    });
            }
        }
        Ok(hosts)
    }

    pub(crate) async fn claims_of(
        &self,
        tenant: &str,
        ids: &BTreeSet<&str>,
    ) -> Result<Vec<ClaimRow>> {
        self.fetch_all(
            "read enrolments under way",
            self.sql("SELECT ?fields FROM enrolment_claims FINAL WHERE tenant = {tenant:String} AND id IN {ids:Array(String)}")
                .param("tenant", tenant)
                .param("ids", ids.iter().collect::<Vec<_>>()),
        )
        .await
    }

    pub(crate) async fn put_claims(&self, rows: Vec<ClaimRow>) -> Result<()> {
        self.insert_rows::<ClaimRow, _>("enrolment_claims", rows.into_iter())
            .await
    }

    pub(crate) async fn put_enrolments(&self, rows: Vec<EnrolmentRow>) -> Result<()> {
        self.insert_rows::<EnrolmentRow, _>("enrolments", rows.into_iter())
            .await
    }
}

impl StoredToken {
    /// What is done to it, for the audit; `before` is its state until then.
    pub fn action(&self, action: &str, before: Option<TokenState>) -> Action {
        let before = before.map(|state| serde_json::json!({ "state": state.name() }).to_string());
        let after = serde_json::json!({
            "kind": self.kind.name(),
            "secret_sha256": self.secret.to_string(),
            "state": self.state.name(),
            "expires_ms": self.expires_ms,
            "note": self.note,
        });
        Action {
            action: action.to_owned(),
            object: self.id.clone(),
            before: before.unwrap_or_default(),
            after: after.to_string(),
        }
    }
}

impl TokenState {
    const ALL: [Self; 3] = [Self::Waiting, Self::Active, Self::Revoked];

    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Active => "active",
            Self::Revoked => "revoked",
        }
    }
}

impl TokenVia {
    /// The name in the table.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enrolment => "enrolment",
            Self::Command => "command",
        }
    }
}

#[derive(Row, Serialize, Deserialize)]
struct TokenRow {
    tenant: String,
    id: String,
    secret_sha256: String,
    kind: String,
    state: String,
    created: i64,
    expires: i64,
    revoked: i64,
    made_by: String,
    via: String,
    revoked_by: String,
    reason: String,
    note: String,
    version: u8,
}

/// One try of one intake to enrol a machine.
#[derive(Row, Clone, Debug, Serialize, Deserialize)]
pub(crate) struct ClaimRow {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) secret_sha256: String,
    pub(crate) claimant: u64,
    pub(crate) created: i64,
    pub(crate) replaces: Vec<String>,
    pub(crate) closed: u8,
}

/// What a machine said, and when.
#[derive(Row, Clone, Serialize, Deserialize)]
pub(crate) struct EnrolmentRow {
    pub(crate) tenant: String,
    pub(crate) id: String,
    pub(crate) secret_sha256: String,
    pub(crate) host: String,
    pub(crate) machine_guid: String,
    pub(crate) made_by: String,
    pub(crate) at: i64,
}

impl TokenRow {
    fn new(token: &StoredToken) -> Self {
        Self {
            tenant: token.tenant.clone(),
            id: token.id.clone(),
            secret_sha256: token.secret.to_string(),
            kind: token.kind.name().to_owned(),
            state: token.state.name().to_owned(),
            created: token.created_ms,
            expires: token.expires_ms.unwrap_or(0),
            revoked: token.revoked_ms.unwrap_or(0),
            made_by: token.made_by.clone(),
            via: token.via.name().to_owned(),
            revoked_by: token.revoked_by.clone(),
            reason: token
                .reason
                .map(WaitReason::name)
                .unwrap_or_default()
                .to_owned(),
            note: token.note.clone(),
            version: token.state as u8,
        }
    }

    /// Nothing where a newer build wrote a kind or a state that we do not know: such a token opens nothing here.
    fn into_token(self) -> Option<StoredToken> {
        Some(StoredToken {
            secret: self.secret_sha256.parse().ok()?,
            kind: TokenKind::from_name(&self.kind)?,
            state: TokenState::ALL
                .into_iter()
                .find(|state| state.name() == self.state)?,
            via: match self.via.as_str() {
                "command" => TokenVia::Command,
                _ => TokenVia::Enrolment,
            },
            tenant: self.tenant,
            id: self.id,
            created_ms: self.created,
            expires_ms: (self.expires != 0).then_some(self.expires),
            revoked_ms: (self.revoked != 0).then_some(self.revoked),
            made_by: self.made_by,
            revoked_by: self.revoked_by,
            reason: WaitReason::from_name(&self.reason),
            note: self.note,
        })
    }
}
