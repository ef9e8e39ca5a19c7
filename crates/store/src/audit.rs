//! Who did what: rows that name the hashes of rows before them, so that a change, a hole and a row put in between are found.
//!
//! Each process writes a chain of its own, because the store has no locks: its first row names those rows that no other one had named,
//! and each one after it the row before. Nothing is signed: whoever may write to the store can make all of it anew from some row on, which
//! only a copy elsewhere shows (`cbsift audit export`), and rows at the very end that no other one has named yet can be taken away. So can
//! rows at the front of a process's chain, by whoever adds a row that says that they were too old: housekeeping adds such rows too.
//! A row loses the name of a machine that is erased, and keeps its hash: a row of its own tells what it hashes to since, see `erase/redact.rs`.
//! What somebody asks for has its row before it is done, so that nothing is done without one; what then fails has its row all the same.

mod verify;

pub use verify::{Fault, Verifier};

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use std::fmt::{self, Write as _};
use std::hash::{BuildHasher, RandomState};
use std::str::FromStr;

/// Something that is about to be done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Action {
    /// `token.create`, `endpoint.label`, …
    pub action: String,
    /// What it is done to.
    pub object: String,
    /// As JSON; empty where there was nothing.
    pub before: String,
    /// As JSON; empty where nothing is left.
    pub after: String,
}

/// A row of the audit.
#[derive(Row, Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuditRow {
    /// Owner.
    pub tenant: String,
    /// When, in UTC milliseconds of the writer's clock.
    pub at: i64,
    /// Which process.
    pub writer: u64,
    /// Its row, from 1 on.
    pub number: u32,
    /// Who.
    pub actor: String,
    /// What.
    pub action: String,
    /// To what.
    pub object: String,
    /// What was, as JSON.
    pub before: String,
    /// What became of it, as JSON.
    pub after: String,
    /// Hashes of rows before it.
    pub previous: Vec<String>,
    /// Over all of it, in hex.
    pub hash: String,
}

/// Where a row stands in a list of all, which begins with the newest one; as text, to be handed back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditPlace {
    at: i64,
    writer: u64,
    number: u32,
    hash: String,
}

impl fmt::Display for AuditPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            writer,
            number,
            hash,
        } = self;
        write!(f, "{at}.{writer:016x}.{number}.{hash}")
    }
}

/// A text that is no [`AuditPlace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not a place in the audit")]
pub struct NotAPlace;

impl FromStr for AuditPlace {
    type Err = NotAPlace;

    fn from_str(text: &str) -> std::result::Result<Self, NotAPlace> {
        let mut parts = text.split('.');
        let mut part = || parts.next().ok_or(NotAPlace);
        let place = Self {
            at: part()?.parse().map_err(|_| NotAPlace)?,
            writer: u64::from_str_radix(part()?, 16).map_err(|_| NotAPlace)?,
            number: part()?.parse().map_err(|_| NotAPlace)?,
            hash: part()?.to_owned(),
        };
        let is_hash = place.hash.len() == 64 && place.hash.bytes().all(|it| it.is_ascii_hexdigit());
        match is_hash && parts.next().is_none() {
            true => Ok(place),
            false => Err(NotAPlace),
        }
    }
}

/// Where the chain of a process stands.
pub(crate) struct Chain {
    writer: u64,
    number: u32,
    last: String,
}

/// Rows that a first row names at most: as many processes would have to begin at one moment, or end without a second one.
const HEADS_NAMED: u64 = 64;

/// Rows of one answer: some 10 MB.
const ROWS_READ: usize = 20_000;

/// Rows of one INSERT.
const ROWS_PUT: usize = 50_000;

/// The action of a row that tells of rows that were too old, and of which hashes other rows still name.
pub(crate) const EXPIRED: &str = "audit.expire";

/// The action of a row that tells which rows lost the names of a machine that was erased: by their hashes, with what they hash to since.
pub(crate) const REDACTED: &str = "audit.redact";

impl AuditRow {
    /// What its hash must be.
    pub fn hashed(&self) -> String {
        let mut sha = Sha256::new();
        let mut add = |bytes: &[u8]| {
            // With its length, so that no two rows are the same bytes.
            sha.update((bytes.len() as u64).to_be_bytes());
            sha.update(bytes);
        };
        add(self.tenant.as_bytes());
        add(&self.at.to_be_bytes());
        add(&self.writer.to_be_bytes());
        add(&self.number.to_be_bytes());
        for text in [
            &self.actor,
            &self.action,
            &self.object,
            &self.before,
            &self.after,
        ] {
            add(text.as_bytes());
        }
        for hash in &self.previous {
            add(hash.as_bytes());
        }
        let mut hex = String::with_capacity(64);
        for byte in sha.finalize() {
            let _ = write!(hex, "{byte:02x}");
        }
        hex
    }
}

impl AuditRow {
    /// Where it stands in the list that begins with the newest row.
    pub fn place(&self) -> AuditPlace {
        AuditPlace {
            at: self.at,
            writer: self.writer,
            number: self.number,
            hash: self.hash.clone(),
        }
    }

    /// The row without what it says of a machine: who did which thing when stays, and its hash, which other rows name.
    pub(crate) fn redacted(&self, mark: &str, names: &[(String, bool)]) -> Self {
        let is_named = names
            .iter()
            .any(|(name, is_id)| crate::erase::is_named(&self.actor, name, *is_id));
        Self {
            actor: if is_named { mark } else { &self.actor }.to_owned(),
            object: mark.to_owned(),
            before: String::new(),
            after: String::new(),
            ..self.clone()
        }
    }
}

impl Store {
    /// Notes what somebody is about to do. After an error the rows may be there or not; what is tried again has rows again.
    pub async fn audit(
        &self,
        tenant: &str,
        actor: &str,
        at_ms: i64,
        actions: &[Action],
    ) -> Result<()> {
        if actions.is_empty() {
            return Ok(());
        }
        let mut chain = self.chain().lock().await;
        // Whoever knows how it ended puts the chain back; else a new one begins.
        let before = chain.take();
        let (writer, mut number, mut previous) = match before {
            Some(Chain {
                writer,
                number,
                last,
            }) => (writer, number, vec![last]),
            None => {
                let heads = self.audit_heads(tenant).await?;
                (RandomState::new().hash_one(at_ms), 0, heads)
            }
        };
        let mut rows = Vec::with_capacity(actions.len());
        for action in actions {
            number += 1;
            let mut row = AuditRow {
                tenant: tenant.to_owned(),
                at: at_ms,
                writer,
                number,
                actor: actor.to_owned(),
                action: action.action.clone(),
                object: action.object.clone(),
                before: action.before.clone(),
                after: action.after.clone(),
                previous: std::mem::take(&mut previous),
                hash: String::new(),
            };
            row.hash = row.hashed();
            previous.push(row.hash.clone());
            rows.push(row);
        }
        for rows in rows.chunks(ROWS_PUT) {
            self.insert_rows::<AuditRow, _>("audit", rows.iter().cloned())
                .await?;
        }
        let last = previous.pop().unwrap_or_default();
        *chain = Some(Chain {
            writer,
            number,
            last,
        });
        Ok(())
    }

    /// Hashes that no row names yet.
    async fn audit_heads(&self, tenant: &str) -> Result<Vec<String>> {
        self.fetch_all(
            "read the ends of the audit",
            self.sql(
                "SELECT hash FROM audit FINAL WHERE tenant = {tenant:String} \
                   AND hash NOT IN (SELECT arrayJoin(previous) FROM audit WHERE tenant = {tenant:String}) \
                 ORDER BY at DESC, writer, number DESC LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("limit", HEADS_NAMED),
        )
        .await
    }

    /// Rows of the audit from a time on, in the order of their times, given in parts to `each`.
    pub async fn each_audit_row<E: From<crate::StoreError>>(
        &self,
        tenant: &str,
        since_ms: i64,
        mut each: impl FnMut(Vec<AuditRow>) -> std::result::Result<(), E>,
    ) -> std::result::Result<(), E> {
        let mut last = (since_ms, 0_u64, 0_u32, String::new());
        loop {
            let rows: Vec<AuditRow> = self
                .fetch_all(
                    "read the audit",
                    // Not folded: a repeat has the same hash, and is no other row.
                    self.sql(
                        "SELECT DISTINCT ?fields FROM audit WHERE tenant = {tenant:String} \
                           AND at >= fromUnixTimestamp64Milli({at:Int64}, 'UTC') \
                           AND (toUnixTimestamp64Milli(at), writer, number, hash) > ({at:Int64}, {writer:UInt64}, {number:UInt32}, {hash:String}) \
                         ORDER BY at, writer, number, hash LIMIT {limit:UInt64}",
                    )
                    .param("tenant", tenant)
                    .param("at", last.0)
                    .param("writer", last.1)
                    .param("number", last.2)
                    .param("hash", last.3.as_str())
                    .param("limit", ROWS_READ as u64),
                )
                .await?;
            let is_last = rows.len() < ROWS_READ;
            if let Some(row) = rows.last() {
                last = (row.at, row.writer, row.number, row.hash.clone());
            }
            if !rows.is_empty() {
                each(rows)?;
            }
            if is_last {
                return Ok(());
            }
        }
    }

    /// The newest rows, or those that follow a place in the list of them.
    pub async fn newest_audit_rows(
        &self,
        tenant: &str,
        after: Option<&AuditPlace>,
        limit: usize,
    ) -> Result<Vec<AuditRow>> {
        const BEHIND: &str = "AND at <= fromUnixTimestamp64Milli({at:Int64}, 'UTC') \
             AND (toUnixTimestamp64Milli(at), writer, number, hash) < ({at:Int64}, {writer:UInt64}, {number:UInt32}, {hash:String})";
        let behind = after.map_or("", |_| BEHIND);
        let mut query = self
            .page(&format!(
                "SELECT DISTINCT ?fields FROM audit WHERE tenant = {{tenant:String}} {behind} \
                 ORDER BY at DESC, writer DESC, number DESC, hash DESC LIMIT {{limit:UInt64}}"
            ))
            .param("tenant", tenant)
            .param("limit", limit as u64);
        if let Some(after) = after {
            query = query
                .param("at", after.at)
                .param("writer", after.writer)
                .param("number", after.number)
                .param("hash", after.hash.as_str());
        }
        self.fetch_all("read the newest rows of the audit", query)
            .await
    }

    /// Removes rows of months that ended before a day, in days since 1970; says how many. A row of its own tells of it, and keeps the
    /// hashes that rows after it name, or will: each writer's next row names its last one.
    pub async fn expire_audit(&self, tenant: &str, before: u16, at_ms: i64) -> Result<u64> {
        const OVER: &str = "toLastDayOfMonth(toDate(at)) < toDate({before:UInt16})";
        let Over { rows, cut } = self
            .fetch_one(
                "look for audit rows whose days are over",
                self.sql(&format!(
                    "SELECT count() AS rows, groupUniqArrayIf(hash, hash IN (\
                       SELECT arrayJoin(previous) FROM audit WHERE tenant = {{tenant:String}} AND NOT ({OVER})) \
                       OR (writer, number) IN (\
                       SELECT writer, max(number) FROM audit WHERE tenant = {{tenant:String}} AND {OVER} GROUP BY writer)) AS cut \
                     FROM audit WHERE tenant = {{tenant:String}} AND {OVER}"
                ))
                .param("tenant", tenant)
                .param("before", before),
            )
            .await?;
        if rows == 0 {
            return Ok(0);
        }
        let cut: Vec<String> = cut.iter().map(|hash| format!("\"{hash}\"")).collect();
        let action = Action {
            action: EXPIRED.to_owned(),
            object: format!("{rows} rows"),
            before: format!("{{\"named\":[{}]}}", cut.join(",")),
            after: String::new(),
        };
        self.audit(tenant, "cbsift", at_ms, &[action]).await?;
        let query = self
            .sql(&format!(
                "ALTER TABLE audit DELETE WHERE tenant = {{tenant:String}} AND {OVER}"
            ))
            .param("tenant", tenant)
            .param("before", before)
            .with_setting("mutations_sync", "1");
        self.execute_query("remove audit rows whose days are over", query)
            .await?;
        Ok(rows)
    }
}

/// Rows whose days are over, and those of their hashes that others name or will.
#[derive(Row, Deserialize)]
struct Over {
    rows: u64,
    cut: Vec<String>,
}
