//! The sets of an endpoint that are current: read once for all that one page asks, so that its lists tell of the same sets.

use crate::{error::Result, store::Store};
use clickhouse::{Row, query::Query};
use serde::Deserialize;

/// The current sets of an endpoint, and the days that they have rows of.
pub(super) struct Sets {
    sets: Vec<u64>,
    attempt_days: Vec<u16>,
    finding_days: Vec<u16>,
    /// Months of sets that do not say their days.
    untold_months: Vec<u32>,
}

#[derive(Row, Deserialize)]
struct SetRow {
    month: u32,
    set: u64,
    told: u8,
    attempt_days: Vec<u16>,
    finding_days: Vec<u16>,
}

impl Store {
    pub(super) async fn sets_of(&self, tenant: &str, endpoint: &str) -> Result<Sets> {
        let rows: Vec<SetRow> = self
            .fetch_all(
                "read the current sets of an endpoint",
                self.page(
                    "SELECT month, `set`, told, arrayMap(day -> toUInt16(day), arrayDistinct(told_attempts.1)) AS attempt_days, \
                       arrayMap(day -> toUInt16(day), arrayDistinct(told_findings.1)) AS finding_days \
                     FROM derivations FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                       AND attempts + findings > 0",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint),
            )
            .await?;
        let mut sets = Sets {
            sets: Vec::new(),
            attempt_days: Vec::new(),
            finding_days: Vec::new(),
            untold_months: Vec::new(),
        };
        for row in rows {
            sets.sets.push(row.set);
            sets.attempt_days.extend(row.attempt_days);
            sets.finding_days.extend(row.finding_days);
            if row.told == 0 {
                sets.untold_months.push(row.month);
            }
        }
        Ok(sets)
    }
}

impl Sets {
    /// Gives a question about the endpoint the parameters that name its sets.
    pub(super) fn of(&self, query: Query, tenant: &str, endpoint: &str) -> Query {
        query
            .param("tenant", tenant)
            .param("endpoint", endpoint)
            .param("sets", self.sets.as_slice())
            .param("attempt_days", self.attempt_days.as_slice())
            .param("finding_days", self.finding_days.as_slice())
            .param("untold_months", self.untold_months.as_slice())
    }
}
