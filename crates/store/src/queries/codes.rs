//! Codes: of an endpoint, and where one was seen.

use super::{
    Day, Filter,
    place::{Ends, Place},
    seen::sketches,
    told::narrowed,
};
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

/// Days that a page tells an endpoint's codes of, the last ones of its logs: a season. The tables go by day, so each day more is a
/// granule more to read, and what a machine logged a year ago explains nothing today.
const CODE_DAYS: Day = 90;

/// Codes of one answer. Healthy logs carry a few dozen.
pub(super) const CODES: u64 = 100;

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
    /// Distinct identities that carry it, noise included: exact up to some hundreds, within some 3 % above.
    pub events: u64,
    /// Endpoints, counted in the same way.
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

    /// A page of an endpoint's codes, most records first, and the days that it tells of. By rank: a code has no other place, and its rank
    /// moves as it is counted.
    pub(super) async fn codes_page(
        &self,
        tenant: &str,
        endpoint: &str,
        from: &Place,
        limit: u64,
    ) -> Result<(Vec<EndpointCode>, Ends, Option<(Day, Day)>)> {
        let last: Option<Day> = self
            .fetch_optional(
                "read the last day of an endpoint's logs",
                // A stray stamp of a day to come would move the days away from all that was logged.
                self.page(
                    "SELECT toUInt16(if(countIf(last_day <= today() + 1) > 0, maxIf(last_day, last_day <= today() + 1), max(last_day))) \
                     FROM coverage WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} HAVING count() > 0",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint),
            )
            .await?;
        let Some(last) = last else {
            return Ok((Vec::new(), Ends::default(), None));
        };
        let days = (last.saturating_sub(CODE_DAYS - 1), last);
        let everything = Filter {
            tenant: tenant.to_owned(),
            ..Filter::default()
        };
        let records = self.records_of(tenant, endpoint, days).await?;
        let rows: Vec<RankedCode> = self
            .fetch_all(
                "read the codes of an endpoint",
                narrowed(
                    self.page(&format!(
                        "SELECT *, count() OVER () AS total FROM (\
                           SELECT code, uniqExact(id) AS events, uniqExactIf(id, is_noise = 1) AS noise FROM {records} \
                           ARRAY JOIN codes AS code WHERE code != 0 GROUP BY code) \
                         ORDER BY events DESC, code LIMIT {{limit:UInt64}} OFFSET {{skip:UInt64}}"
                    )),
                    &everything,
                    days.0,
                    days.1,
                )
                .param("endpoint", endpoint)
                .param("skip", from.rank())
                .param("limit", limit),
            )
            .await?;
        let total = rows.first().map_or(0, |row| row.total);
        let ends = Ends::by_rank(from, rows.len(), limit, total);
        let codes = rows.into_iter().map(|row| EndpointCode {
            code: row.code,
            events: row.events,
            noise: row.noise,
        });
        Ok((codes.collect(), ends, Some(days)))
    }

    /// Where codes that say the same were seen, a record that carries several of them once, or nothing.
    pub async fn code_seen(&self, tenant: &str, codes: &[Code]) -> Result<Option<CodeSeen>> {
        let any_of = Filter {
            tenant: tenant.to_owned(),
            codes: codes.to_vec(),
            ..Filter::default()
        };
        self.fetch_optional(
            "read where a code was seen",
            narrowed(
                self.page(concat!(
                    "SELECT uniqCombined64Merge(12)(ids) AS events, uniqCombined64Merge(12)(machines) AS endpoints, \
                     toInt64(toUInt16(min(day))) * 86400 AS first, toInt64(toUInt16(max(day))) * 86400 AS last FROM ",
                    sketches!(),
                    " WHERE code IN {codes:Array(UInt32)} HAVING count() > 0"
                )),
                &any_of,
                0,
                Day::MAX,
            ),
        )
        .await
    }
}
