//! Codes: of an endpoint, and where one was seen.

use crate::{error::Result, store::Store};
use clickhouse::Row;
use event::{Code, LoggedAt};
use serde::Deserialize;

/// How often an endpoint's logs carry a code, in distinct records.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct EndpointCode {
    /// The code.
    pub code: Code,
    /// Distinct identities that carry it, noise included.
    pub events: u64,
    /// Those of them that are noise.
    pub noise: u64,
}

/// Where a code was seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Row, Deserialize)]
pub struct CodeSeen {
    /// Distinct identities that carry it, noise included.
    pub events: u64,
    /// Endpoints.
    pub endpoints: u64,
    /// Earliest day, as its first second.
    pub first: LoggedAt,
    /// Latest day, as its first second.
    pub last: LoggedAt,
}

impl Store {
    /// Every code of an endpoint, most records first.
    pub async fn codes_of_endpoint(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Vec<EndpointCode>> {
        self.fetch_all(
            "read the codes of an endpoint",
            self.sql(
                "SELECT code, uniqExact(id) AS events, uniqExactIf(id, noise = 1) AS noise FROM (\
                   SELECT arrayJoin(codes) AS code, id, 0 AS noise FROM current_events \
                   WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                   UNION ALL \
                   SELECT code, id, 1 AS noise FROM current_noise \
                   WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND code != 0) \
                 GROUP BY code ORDER BY events DESC, code",
            )
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// Where a code was seen, or nothing.
    pub async fn code_seen(&self, tenant: &str, code: Code) -> Result<Option<CodeSeen>> {
        self.fetch_optional(
            "read where a code was seen",
            self.sql(
                "SELECT uniqExact(id) AS events, uniqExact(endpoint) AS endpoints, \
                        toInt64(toUInt16(min(day))) * 86400 AS first, toInt64(toUInt16(max(day))) * 86400 AS last \
                 FROM (\
                   SELECT id, endpoint, day FROM current_events WHERE tenant = {tenant:String} AND has(codes, {code:UInt32}) \
                   UNION ALL \
                   SELECT id, endpoint, day FROM current_noise WHERE tenant = {tenant:String} AND code = {code:UInt32}) \
                 HAVING count() > 0",
            )
            .param("tenant", tenant)
            .param("code", code.value()),
        )
        .await
    }
}
