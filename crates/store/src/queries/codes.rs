//! Codes: of an endpoint, and where one was seen.

use super::place::{Ends, Place};
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

/// Codes of one answer. Healthy logs carry a few dozen.
const CODES: u64 = 100;

/// The codes of an endpoint.
macro_rules! codes_of {
    () => {
        "(SELECT code, uniqExact(id) AS events, uniqExactIf(id, noise = 1) AS noise FROM (\
           SELECT arrayJoin(codes) AS code, id, 0 AS noise FROM current_events \
           WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
           UNION ALL \
           SELECT code, id, 1 AS noise FROM current_noise \
           WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND code != 0) \
         GROUP BY code)"
    };
}

#[derive(Row, Deserialize)]
struct RankedCode {
    code: Code,
    events: u64,
    noise: u64,
    total: u64,
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
    /// Every code of an endpoint, most records first, however many: for whoever compares everything. Pages go by
    /// [`Store::endpoint_from`].
    pub async fn codes_of_endpoint(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Vec<EndpointCode>> {
        self.fetch_all(
            "read the codes of an endpoint",
            self.sql(concat!(
                "SELECT ?fields FROM ",
                codes_of!(),
                " ORDER BY events DESC, code"
            ))
            .param("tenant", tenant)
            .param("endpoint", endpoint),
        )
        .await
    }

    /// A page of an endpoint's codes, most records first. By rank: a code has no other place, and its rank moves as it is counted.
    pub(super) async fn codes_page(
        &self,
        tenant: &str,
        endpoint: &str,
        from: &Place,
    ) -> Result<(Vec<EndpointCode>, Ends)> {
        let rows: Vec<RankedCode> = self
            .fetch_all(
                "read the codes of an endpoint",
                self.page(concat!(
                    "SELECT ?fields FROM (SELECT *, count() OVER () AS total FROM ",
                    codes_of!(),
                    ") ORDER BY events DESC, code LIMIT {limit:UInt64} OFFSET {skip:UInt64}"
                ))
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("skip", from.rank())
                .param("limit", CODES),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.total);
        let ends = Ends::by_rank(from, rows.len(), CODES, total);
        let codes = rows.into_iter().map(|row| EndpointCode {
            code: row.code,
            events: row.events,
            noise: row.noise,
        });
        Ok((codes.collect(), ends))
    }

    /// Where a code was seen, or nothing.
    pub async fn code_seen(&self, tenant: &str, code: Code) -> Result<Option<CodeSeen>> {
        self.fetch_optional(
            "read where a code was seen",
            self.page(
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
