//! Who changed by which rules logs are read, and when: jobs that did it to what is stored, and changes that a chart marks.

use crate::{
    error::Result,
    jobs::{Job, JobStep},
    store::Store,
};
use clickhouse::Row;
use serde::Deserialize;

/// Jobs of an answer, with what each changes: some 10 KB a job.
const JOBS: u64 = 20;

/// Marks of an answer, the last ones: rules change a few times a month.
const CHANGES: u64 = 200;

/// Somebody changed by which rules logs are read.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct RuleChange {
    /// When, in UTC milliseconds of the writer's clock.
    pub at_ms: i64,
    /// `rules.publish`, `reprocess.apply` or `reprocess.rollback`.
    pub action: String,
    /// The job, or whose rules.
    pub object: String,
}

impl Store {
    /// The jobs that changed last, with what each changes and how far it is; without the texts of their rules.
    pub async fn latest_jobs(&self, tenant: &str) -> Result<Vec<(Job, Option<JobStep>)>> {
        let jobs: Vec<Job> = self
            .fetch_all(
                "read the latest jobs",
                self.page(
                    "SELECT tenant, id, kind, undoes, state, made, changed, actor, from_day, to_day, endpoints, label, sources, made_after, digest, \
                       names, emptyArrayString() AS texts, origin, base, base_digest, rule_set, diff, recount, version \
                     FROM jobs FINAL WHERE tenant = {tenant:String} ORDER BY changed DESC, id LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("limit", JOBS),
            )
            .await?;
        if jobs.is_empty() {
            return Ok(Vec::new());
        }
        let ids: Vec<&str> = jobs.iter().map(|job| job.id.as_str()).collect();
        let mut steps: Vec<JobStep> = self
            .fetch_all(
                "read how far jobs are",
                self.page(
                    "SELECT ?fields FROM job_steps FINAL WHERE tenant = {tenant:String} AND id IN {ids:Array(String)}",
                )
                .param("tenant", tenant)
                .param("ids", ids),
            )
            .await?;
        let of = |job: Job| {
            let at = steps.iter().position(|step| step.id == job.id);
            let step = at.map(|at| steps.swap_remove(at));
            (job, step)
        };
        Ok(jobs.into_iter().map(of).collect())
    }

    /// When rules were changed between two times in UTC milliseconds, the first change first; as far as the audit reaches.
    pub async fn rule_changes(
        &self,
        tenant: &str,
        from_ms: i64,
        to_ms: i64,
    ) -> Result<Vec<RuleChange>> {
        let mut changes: Vec<RuleChange> = self
            .fetch_all(
                "read when rules were changed",
                self.page(
                    "SELECT DISTINCT toUnixTimestamp64Milli(at) AS at_ms, toString(action) AS action, object FROM audit \
                     WHERE tenant = {tenant:String} AND at >= fromUnixTimestamp64Milli({from:Int64}, 'UTC') AND at < fromUnixTimestamp64Milli({to:Int64}, 'UTC') \
                       AND audit.action IN ('rules.publish', 'reprocess.apply', 'reprocess.rollback') \
                     ORDER BY at_ms DESC, action, object LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("from", from_ms)
                .param("to", to_ms)
                .param("limit", CHANGES),
            )
            .await?;
        changes.reverse();
        Ok(changes)
    }
}
