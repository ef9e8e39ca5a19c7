//! Distinct records.

use crate::TENANT;
use crate::fleet::{Fleet, numbers_of};
use std::fmt::Write as _;
use store::Filter;

/// Distinct records: of a fleet all that are whole, of one endpoint also those that may go on and have not.
pub(crate) async fn compare_records(fleet: &Fleet, filter: &Filter, page: &store::Overview) {
    let days = format!(
        "tenant = '{TENANT}' AND day BETWEEN toDate({}) AND toDate({})",
        filter.from.unwrap(),
        filter.to.unwrap()
    );
    let mut events = match &filter.endpoint {
        None => format!("FROM events WHERE open = 0 AND {days}"),
        Some(endpoint) => format!("FROM current_events WHERE endpoint = '{endpoint}' AND {days}"),
    };
    let mut noise = match &filter.endpoint {
        None => format!("FROM (SELECT *, arrayJoin(ids) AS id FROM noise) WHERE {days}"),
        Some(endpoint) => format!("FROM current_noise WHERE endpoint = '{endpoint}' AND {days}"),
    };
    if filter.kb.is_some() {
        events.push_str(" AND kb = 'KB1'");
        noise.push_str(" AND 0");
    }
    if !filter.codes.is_empty() {
        let codes = numbers_of(&filter.codes);
        let _ = write!(events, " AND hasAny(codes, [{codes}])");
        let _ = write!(noise, " AND code IN ({codes})");
    }
    let plain = format!("SELECT uniqExact(id) {events}");
    assert_eq!(
        page.totals.events,
        Some(fleet.number(&plain).await),
        "events of {filter:?}"
    );
    let plain = format!("SELECT uniqExact(id) {noise}");
    assert_eq!(
        page.totals.noise,
        Some(fleet.number(&plain).await),
        "noise of {filter:?}"
    );
    for code in &page.top_codes {
        let value = code.code.value();
        let plain = format!(
            "SELECT uniqExact(id) FROM (SELECT id {events} AND has(codes, {value}) UNION ALL SELECT id {noise} AND code = {value})"
        );
        assert_eq!(
            code.events,
            fleet.number(&plain).await,
            "{code:?} of {filter:?}"
        );
        let plain = format!("SELECT uniqExact(id) {noise} AND code = {value}");
        assert_eq!(
            code.noise,
            fleet.number(&plain).await,
            "{code:?} of {filter:?}"
        );
    }
}
