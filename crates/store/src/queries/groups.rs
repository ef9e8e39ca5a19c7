//! How endpoints fare by a label: by ring, by site.

use super::{
    Filter,
    states::{State, states},
    told::labelled,
};
use crate::{error::Result, store::Store};
use clickhouse::Row;
use serde::Deserialize;

/// Endpoints that have the same value of a label.
#[derive(Clone, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct Group {
    /// The value; empty for those without the label.
    pub value: String,
    /// Endpoints.
    pub endpoints: u64,
    /// Those of them that fail now.
    pub endpoints_failing: u64,
    /// Attempts failed or rolled back.
    pub failed: u64,
}

/// Groups of one answer: what people look at, those with most failing endpoints first.
const GROUPS: u64 = 100;

impl Store {
    /// Endpoints by their value of a label, within the days and what else the filter says; at most a hundred groups.
    pub async fn groups(&self, filter: &Filter, label: &str) -> Result<Vec<Group>> {
        let Some((from, to)) = self.range(filter).await? else {
            return Ok(Vec::new());
        };
        let told = self.told(filter, from, to).await?;
        let sql = format!(
            "SELECT ifNull(of_label.value, '') AS value, count() AS endpoints, countIf(failures.fails) AS endpoints_failing, \
               toUInt64(sum(failures.failed)) AS failed \
             FROM (SELECT DISTINCT endpoint FROM endpoints WHERE tenant = {{tenant:String}} \
                   AND ({{endpoint:String}} = '' OR endpoint = {{endpoint:String}}){labelled}) AS machine \
             LEFT JOIN (SELECT endpoint, value FROM endpoint_labels FINAL \
                        WHERE tenant = {{tenant:String}} AND label = {{by:String}} AND value != '') AS of_label \
               ON machine.endpoint = of_label.endpoint \
             LEFT JOIN (SELECT endpoint, sum(tries) AS failed, max(is_failing) AS fails FROM (\
                          SELECT endpoint, failed AS tries, state = {failing} AS is_failing FROM {states} WHERE shown) GROUP BY endpoint) AS failures \
               ON machine.endpoint = failures.endpoint \
             GROUP BY value ORDER BY endpoints_failing DESC, endpoints DESC, value LIMIT {{groups:UInt64}}",
            labelled = labelled(filter),
            failing = State::Failing.rank(),
            states = states(&told, false),
        );
        let query = told
            .ask(self, &sql)
            .param("by", label)
            .param("endpoint", filter.endpoint.as_deref().unwrap_or(""))
            .param("groups", GROUPS);
        self.fetch_all("count endpoints by a label", query).await
    }
}
