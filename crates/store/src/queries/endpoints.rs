//! Lists of endpoints.

use super::{Day, Filter, overview::narrowed};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::LoggedAt;
use serde::Deserialize;

/// One line of a list of endpoints.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointSummary {
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack, or empty; its first three parts are the Windows build.
    pub servicing_stack: String,
    /// Attempts failed or rolled back.
    pub failed: u64,
    /// Latest failure, as logged.
    pub last_failure: Option<LoggedAt>,
    /// Latest head of any log, as logged.
    pub last_seen: Option<LoggedAt>,
    /// Category of the latest failure or finding, or empty.
    pub category: String,
    /// Its rule, or empty.
    pub rule: String,
}

/// The same, with the lines of the whole list.
#[derive(Row, Deserialize)]
pub(super) struct CountedSummary {
    endpoint: String,
    host: String,
    servicing_stack: String,
    failed: u64,
    last_failure: Option<LoggedAt>,
    last_seen: Option<LoggedAt>,
    category: String,
    rule: String,
    total: u64,
}

impl From<CountedSummary> for EndpointSummary {
    fn from(row: CountedSummary) -> Self {
        Self {
            endpoint: row.endpoint,
            host: row.host,
            servicing_stack: row.servicing_stack,
            failed: row.failed,
            last_failure: row.last_failure,
            last_seen: row.last_seen,
            category: row.category,
            rule: row.rule,
        }
    }
}

/// A page of a list, and where the next one starts.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct EndpointPage {
    /// By name.
    pub endpoints: Vec<EndpointSummary>,
    /// How many there are in the whole list; unknown of a page behind its end.
    pub total: Option<u64>,
    /// What to give as `after` for the next page.
    pub next: Option<String>,
}

impl Store {
    /// Endpoints whose id or host contains `search`, by id, starting after `after`.
    pub async fn endpoints(
        &self,
        tenant: &str,
        search: &str,
        failing: bool,
        limit: usize,
        after: Option<&str>,
    ) -> Result<EndpointPage> {
        let filter = Filter {
            tenant: tenant.to_owned(),
            ..Filter::default()
        };
        let mut rows = self
            .endpoint_summaries(
                &filter,
                0,
                Day::MAX,
                failing,
                search,
                limit as u64 + 1,
                after.unwrap_or(""),
            )
            .await?;
        let total = match (rows.first(), after) {
            (Some(row), _) => Some(row.total),
            (None, None) => Some(0),
            (None, Some(_)) => None,
        };
        let is_more = rows.len() > limit;
        rows.truncate(limit);
        let next = rows.last().filter(|_| is_more);
        Ok(EndpointPage {
            next: next.map(|row| row.endpoint.clone()),
            total,
            endpoints: rows.into_iter().map(EndpointSummary::from).collect(),
        })
    }

    /// With a search or a cursor by id; else those with most failures first.
    #[expect(
        clippy::too_many_arguments,
        reason = "one question behind two pages; a struct would only rename the list"
    )]
    pub(super) async fn endpoint_summaries(
        &self,
        filter: &Filter,
        from: Day,
        to: Day,
        failing: bool,
        search: &str,
        limit: u64,
        after: &str,
    ) -> Result<Vec<CountedSummary>> {
        let whole = from == 0 && to == Day::MAX;
        let order = if whole {
            "endpoint"
        } else {
            "failed DESC, last_failure DESC, endpoint"
        };
        let sql = format!(
            "SELECT * FROM (SELECT machine.endpoint AS endpoint, host, servicing_stack, failed, last_failure, last_seen, category, rule, count() OVER () AS total FROM (\
               SELECT endpoint, max(host) AS host, max(servicing_stack).2 AS servicing_stack, max(last) AS last_seen FROM endpoints \
               WHERE tenant = {{tenant:String}} AND ({{endpoint:String}} = '' OR endpoint = {{endpoint:String}}) GROUP BY endpoint\
             ) AS machine {join} JOIN (\
               SELECT endpoint, sum(failed) AS failed, max(failure_at) AS last_failure, \
                 argMax(found.category, (failure, at, found.category, found.rule)) AS category, \
                 argMax(found.rule, (failure, at, found.category, found.rule)) AS rule FROM (\
                 SELECT endpoint, toUInt64(outcome IN ('failed', 'rolled_back')) AS failed, 1 AS failure, category, rule, \
                   coalesce(`end`, start, toDateTime64(day, 0, 'UTC')) AS at, if(failed = 1, at, NULL) AS failure_at \
                 FROM current_attempts WHERE outcome IN ('failed', 'rolled_back') AND {narrow} \
                 UNION ALL \
                 SELECT endpoint, toUInt64(0) AS failed, 0 AS failure, category, rule, \
                   coalesce(logged, toDateTime64(day, 0, 'UTC')) AS at, NULL AS failure_at \
                 FROM current_findings WHERE severity IN ('error', 'critical') AND {narrow}) AS found \
               GROUP BY endpoint\
             ) AS failures ON machine.endpoint = failures.endpoint \
             WHERE ({{search:String}} = '' OR positionCaseInsensitiveUTF8(endpoint, {{search:String}}) > 0 \
                    OR positionCaseInsensitiveUTF8(host, {{search:String}}) > 0)) \
             WHERE endpoint > {{after:String}} ORDER BY {order} LIMIT {{limit:UInt64}}",
            join = if failing { "INNER" } else { "LEFT" },
            narrow = "tenant = {tenant:String} AND day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) \
                 AND ({kb:String} = '' OR kb = {kb:String}) \
                 AND ({category:String} = '' OR category = {category:String}) \
                 AND ({code:UInt32} = 0 OR ifNull(root_code, 0) = {code:UInt32} OR ifNull(terminal_code, 0) = {code:UInt32}) \
                 AND ({endpoint:String} = '' OR endpoint = {endpoint:String})",
        );
        let query = narrowed(self.page(&sql), filter, from, to)
            .param("search", search)
            .param("after", after)
            .param("limit", limit);
        self.fetch_all("list endpoints", query).await
    }
}
