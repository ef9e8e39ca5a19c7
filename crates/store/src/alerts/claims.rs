//! Who evaluates alerts. The store has no locks: see `claim.rs` of crate `alert` for how these rows are used.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::{Deserialize, Serialize};

/// That an evaluator has claimed a term, and lived until a beat.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct AlertClaim {
    /// The greatest one counts.
    pub term: u64,
    /// Of two that claimed one term the smaller one counts.
    pub evaluator: u64,
    /// Counted, never compared with a clock.
    pub beat: u64,
}

#[derive(Row, Serialize)]
struct ClaimRow<'a> {
    tenant: &'a str,
    term: u64,
    evaluator: u64,
    beat: u64,
}

impl Store {
    /// The claim that counts.
    pub async fn alert_claim(&self, tenant: &str) -> Result<Option<AlertClaim>> {
        self.fetch_optional(
            "read who evaluates alerts",
            self.sql(
                "SELECT term, evaluator, max(beat) AS beats FROM alert_claims WHERE tenant = {tenant:String} \
                 GROUP BY term, evaluator ORDER BY term DESC, evaluator LIMIT 1",
            )
            .param("tenant", tenant),
        )
        .await
        .map(|found: Option<(u64, u64, u64)>| {
            found.map(|(term, evaluator, beat)| AlertClaim {
                term,
                evaluator,
                beat,
            })
        })
    }

    /// Claims a term, or says that its claimant lives.
    pub async fn insert_alert_claim(&self, tenant: &str, claim: AlertClaim) -> Result<()> {
        let row = ClaimRow {
            tenant,
            term: claim.term,
            evaluator: claim.evaluator,
            beat: claim.beat,
        };
        self.insert_rows::<ClaimRow<'static>, _>("alert_claims", std::iter::once(row))
            .await
    }
}
