//! Dead units: endpoints' months whose derivation fails by itself, kept with their reason until something changes.

use crate::{error::Result, rows::DatedNewsRow, store::Store};
use clickhouse::Row;
use event::{Month, Unit};
use serde::{Deserialize, Serialize};

/// A unit whose derivation failed by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeadUnit {
    /// Which.
    pub unit: Unit,
    /// A stable name of the reason: `panic`, `too_large`, `refused`.
    pub reason: String,
    /// The reason for people, without log text.
    pub message: String,
    /// Sequence of the rule set it failed with.
    pub rule_set: u32,
    /// How often it failed.
    pub attempts: u32,
    /// When it failed first, in UTC milliseconds.
    pub first_seen_ms: i64,
    /// When it failed last, in UTC milliseconds.
    pub last_seen_ms: i64,
}

/// What became of a dead unit; the later ones win over an earlier one of as many attempts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// It waits.
    Dead,
    /// It is to be tried again.
    Reopened,
    /// It was derived after all.
    Derived,
}

/// Dead units listed at once, some 2 MB of them. A pipeline that remembers no more tries the rest again with each news of theirs.
pub const DEAD_UNITS_LISTED: usize = 10_000;

impl Store {
    /// Keeps units that have failed; their `attempts` count on from what is stored. Only then may their news be closed.
    pub async fn insert_dead_units(&self, dead: &[DeadUnit]) -> Result<()> {
        let mut rows = Vec::new();
        for dead in dead {
            let known = self
                .dead_unit_rows(&dead.unit.tenant, &dead.unit.endpoint)
                .await?;
            let known = known
                .into_iter()
                .find(|row| row.month == dead.unit.month.yyyymm());
            let attempts = known.as_ref().map_or(0, |row| row.attempts);
            rows.push(StoredDeadUnit::new(
                &DeadUnit {
                    attempts: attempts.saturating_add(1),
                    first_seen_ms: known.map_or(dead.first_seen_ms, |row| row.first_seen),
                    ..dead.clone()
                },
                State::Dead,
            ));
        }
        self.insert_rows::<StoredDeadUnit, _>("dead_units", rows.into_iter())
            .await
    }

    /// Units that are dead, of one tenant's endpoint; empty texts stand for all. The last to fail first, at most
    /// [`DEAD_UNITS_LISTED`].
    pub async fn dead_units(&self, tenant: &str, endpoint: &str) -> Result<Vec<DeadUnit>> {
        let rows = self.dead_unit_rows(tenant, endpoint).await?;
        Ok(rows
            .into_iter()
            .filter(|row| row.state == State::Dead.name())
            .map(StoredDeadUnit::into_unit)
            .collect())
    }

    /// How many units are dead.
    pub async fn count_dead_units(&self) -> Result<u64> {
        self.fetch_one(
            "count dead units",
            self.sql("SELECT count() FROM dead_units FINAL WHERE state = 'dead'"),
        )
        .await
    }

    /// Dead units are to be tried again: they have news from now on, which the next sweep finds.
    pub async fn reopen_dead_units(&self, dead: &[DeadUnit]) -> Result<()> {
        let news = dead.iter().map(|dead| DatedNewsRow {
            tenant: &dead.unit.tenant,
            endpoint: &dead.unit.endpoint,
            month: dead.unit.month.yyyymm(),
            // Equal for equal retries, and no batch is called so: those names begin with a time.
            id: u64::from(dead.attempts),
            done: 0,
            // No batch of it may still be on its way, so no sweep need wait.
            at: u32::try_from(dead.last_seen_ms / 1_000).unwrap_or(0),
        });
        // News first: a unit that is open without it would be forgotten.
        self.insert_rows::<DatedNewsRow<'static>, _>("news", news)
            .await?;
        self.mark_dead_units(dead, State::Reopened).await
    }

    /// Dead units were derived after all.
    pub async fn mark_derived(&self, dead: &[DeadUnit]) -> Result<()> {
        self.mark_dead_units(dead, State::Derived).await
    }

    async fn mark_dead_units(&self, dead: &[DeadUnit], state: State) -> Result<()> {
        let rows = dead.iter().map(|dead| StoredDeadUnit::new(dead, state));
        self.insert_rows::<StoredDeadUnit, _>("dead_units", rows)
            .await
    }

    async fn dead_unit_rows(&self, tenant: &str, endpoint: &str) -> Result<Vec<StoredDeadUnit>> {
        self.fetch_all(
            "list dead units",
            self.sql(
                "SELECT ?fields FROM dead_units FINAL WHERE ({tenant:String} = '' OR tenant = {tenant:String}) \
                   AND ({endpoint:String} = '' OR endpoint = {endpoint:String}) \
                 ORDER BY state = 'dead' DESC, last_seen DESC, endpoint, month LIMIT {limit:UInt64}",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("limit", DEAD_UNITS_LISTED as u64),
        )
        .await
    }
}

impl State {
    fn name(self) -> &'static str {
        match self {
            Self::Dead => "dead",
            Self::Reopened => "reopened",
            Self::Derived => "derived",
        }
    }
}

#[derive(Row, Serialize, Deserialize)]
struct StoredDeadUnit {
    tenant: String,
    endpoint: String,
    month: u32,
    state: String,
    reason: String,
    message: String,
    rule_set: u32,
    attempts: u32,
    first_seen: i64,
    last_seen: i64,
    version: u64,
}

impl StoredDeadUnit {
    fn new(dead: &DeadUnit, state: State) -> Self {
        Self {
            tenant: dead.unit.tenant.clone(),
            endpoint: dead.unit.endpoint.clone(),
            month: dead.unit.month.yyyymm(),
            state: state.name().to_owned(),
            reason: dead.reason.clone(),
            message: dead.message.clone(),
            rule_set: dead.rule_set,
            attempts: dead.attempts,
            first_seen: dead.first_seen_ms,
            last_seen: dead.last_seen_ms,
            // Never a clock: of two processes that met the same failure either row will do.
            version: u64::from(dead.attempts) << 2 | state as u64,
        }
    }

    fn into_unit(self) -> DeadUnit {
        DeadUnit {
            unit: Unit {
                tenant: self.tenant,
                endpoint: self.endpoint,
                month: Month::from_yyyymm(self.month),
            },
            reason: self.reason,
            message: self.message,
            rule_set: self.rule_set,
            attempts: self.attempts,
            first_seen_ms: self.first_seen,
            last_seen_ms: self.last_seen,
        }
    }
}
