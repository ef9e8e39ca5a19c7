//! One attempt of an endpoint: its records, its cause, and the tries of the same update around it.

use super::{
    derived::{ListedAttempt, ListedFinding},
    judged::Tried,
    place::Place,
};
use crate::{error::Result, rows::StoredEvent, store::Store};
use clickhouse::Row;
use event::{Attempt, Event, EventId, LoggedAt, Marker, StreamId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// Tries told before it and after it.
const AROUND: usize = 10;

/// Records that mark the life of an attempt: an update has a few, one of many parts some hundred.
const RECORDS: u64 = 500;

/// What begins a try, ends it, or says later how it ended.
const MARKS: [Marker; 10] = [
    Marker::ExecStart,
    Marker::RepairStart,
    Marker::CommandStart,
    Marker::ExecEnd,
    Marker::RepairEnd,
    Marker::CommandEnd,
    Marker::SessionEnd,
    Marker::FailureReport,
    Marker::ChangeReport,
    Marker::StartupEnd,
];

/// An attempt with all that its page shows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AttemptDetail {
    /// The attempt.
    pub listed: ListedAttempt,
    /// Its cause, where one is known.
    pub finding: Option<ListedFinding>,
    /// Records that mark its life, and those that show its cause, in the order logged.
    pub events: Vec<Event>,
    /// Where the logs stood that hold these records.
    pub paths: BTreeMap<StreamId, String>,
    /// Tries of the same update before it, the latest first.
    pub before: Vec<ListedAttempt>,
    /// Those after it, the earliest first.
    pub after: Vec<ListedAttempt>,
}

#[derive(Row, Deserialize)]
struct FoundRow {
    logged: Option<LoggedAt>,
    package: String,
    kb: String,
    session: String,
}

impl Store {
    /// An attempt by its id, or the one that now holds the record which had that id; nothing where there is none.
    pub async fn attempt(
        &self,
        tenant: &str,
        endpoint: &str,
        id: EventId,
    ) -> Result<Option<AttemptDetail>> {
        let sets = self.sets_of(tenant, endpoint).await?;
        // Of a machine with too many to look at each, none is found: its page still lists them.
        let Some(tries) = self.tries_of(tenant, endpoint, &sets).await? else {
            return Ok(None);
        };
        let found = match tries.iter().position(|tried| tried.attempt.id == id) {
            Some(at) => Some(at),
            None => self.holder_of(tenant, endpoint, id, &tries).await?,
        };
        let Some((at, tried)) = found.and_then(|at| Some((at, tries.get(at)?))) else {
            return Ok(None);
        };
        let places = sets.findings.places();
        let listed = |tried: &Tried| ListedAttempt {
            cause: place_of(tried, &places),
            attempt: Attempt {
                finding: None,
                ..tried.attempt.clone()
            },
        };
        let is_same = |other: &&Tried| {
            let (one, other) = (&tried.attempt, &other.attempt);
            match one.kb.is_empty() {
                true => other.kb.is_empty() && other.package == one.package,
                false => other.kb == one.kb,
            }
        };
        // Newest first.
        let newer = tries.get(..at).unwrap_or_default();
        let older = tries.get(at + 1..).unwrap_or_default();
        let finding = match tried.attempt.finding {
            Some(ordinal) => {
                let rows = sets.findings.all().iter();
                let mut cause =
                    rows.filter(|row| (row.set, row.ordinal) == (tried.listed.set, ordinal));
                let cause = cause.next().map(std::slice::from_ref).unwrap_or_default();
                let rows = self.listed_findings(tenant, endpoint, cause).await?;
                rows.into_iter().next()
            }
            None => None,
        };
        let (events, paths) = self
            .records_of_attempt(tenant, endpoint, &tried.attempt, finding.as_ref())
            .await?;
        Ok(Some(AttemptDetail {
            listed: listed(tried),
            finding,
            events,
            paths,
            before: older
                .iter()
                .filter(is_same)
                .take(AROUND)
                .map(listed)
                .collect(),
            after: newer
                .iter()
                .rev()
                .filter(is_same)
                .take(AROUND)
                .map(listed)
                .collect(),
        }))
    }

    /// The attempt that a record stands in: of those that last over its time one of its package, else of its KB, else of its session; the
    /// shortest. An attempt is named by a record, and by another one once more of its log is known.
    async fn holder_of(
        &self,
        tenant: &str,
        endpoint: &str,
        id: EventId,
        tries: &[Tried],
    ) -> Result<Option<usize>> {
        let record: Option<FoundRow> = self
            .fetch_optional(
                "look for the record that named an attempt",
                self.page(
                    "SELECT logged, package, toString(kb) AS kb, session FROM day_inputs \
                     WHERE tenant = {tenant:String} AND landmark IN (0, 1) AND endpoint = {endpoint:String} AND id = {id:UInt64} \
                     ORDER BY version DESC LIMIT 1",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("id", id.0),
            )
            .await?;
        let Some(record) = record else {
            return Ok(None);
        };
        let holders = tries.iter().enumerate().filter_map(|(at, tried)| {
            let (attempt, logged) = (&tried.attempt, record.logged?);
            let start = attempt.start.or(attempt.end)?;
            let end = attempt.end.or(attempt.start)?;
            if !(start..=end).contains(&logged) {
                return None;
            }
            let is = |of_record: &str, own: &str| !of_record.is_empty() && of_record == own;
            let kind = if is(&record.package, &attempt.package) {
                0
            } else if is(&record.kb, &attempt.kb) {
                1
            } else if is(&record.session, &attempt.session) {
                2
            } else {
                return None;
            };
            Some(((kind, end.0 - start.0), at))
        });
        Ok(holders.min().map(|(_, at)| at))
    }

    /// The records of an attempt, and where their logs stood.
    async fn records_of_attempt(
        &self,
        tenant: &str,
        endpoint: &str,
        attempt: &Attempt,
        finding: Option<&ListedFinding>,
    ) -> Result<(Vec<Event>, BTreeMap<StreamId, String>)> {
        let evidence = finding.map(|listed| listed.finding.evidence.as_slice());
        let mut ids: Vec<u64> = evidence
            .unwrap_or_default()
            .iter()
            .map(|evidence| evidence.id.0)
            .collect();
        ids.push(attempt.id.0);
        let cause = finding.and_then(|listed| listed.finding.logged);
        let start = attempt.start.or(attempt.end).or(cause);
        let end = attempt.end.or(attempt.start).or(cause);
        let day = |at: Option<LoggedAt>| event::Day::of(at).number();
        // What an event log says of it may stand on the day before or after: it keeps another clock.
        let from = day(start.min(cause.or(start))).saturating_sub(1);
        let to = day(end.max(cause)).saturating_add(1);
        let marks = MARKS.map(Marker::name);
        // Of a session with more marks than are read, what shows the cause comes first.
        let mut rows: Vec<StoredEvent> = self
            .fetch_all(
                "read the records of an attempt",
                self.page(
                    "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, object, kb, package, \
                       component_identity, session, client, trace, fields, text, version, landmark AS flag FROM day_inputs FINAL \
                     WHERE tenant = {tenant:String} AND landmark IN (0, 1) AND endpoint = {endpoint:String} AND gone = 0 \
                       AND (day BETWEEN toDate({from:UInt16}) AND toDate({to:UInt16}) OR day = toDate({far_off:UInt16})) \
                       AND (id IN {ids:Array(UInt64)} OR (marker IN {marks:Array(String)} \
                         AND ifNull(toInt64(logged), {start:Int64}) BETWEEN {start:Int64} AND {end:Int64} \
                         AND (if({session:String} != '', session = {session:String}, 0) OR if({package:String} != '', package = {package:String}, 0)))) \
                     ORDER BY id IN {ids:Array(UInt64)} DESC, logged, stream, offset, version DESC LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("from", from)
                .param("to", to)
                .param("far_off", day(None))
                .param("ids", ids)
                .param("marks", marks.as_slice())
                .param("start", start.map_or(i64::MIN / 2, |at| at.0))
                .param("end", end.map_or(i64::MAX / 2, |at| at.0))
                .param("session", &attempt.session)
                .param("package", &attempt.package)
                .param("limit", RECORDS),
            )
            .await?;
        rows.sort_by_key(|row| (row.logged.is_none(), row.logged, row.stream, row.offset));
        let open: Vec<(u64, u64, u64)> = rows
            .iter()
            .filter(|row| row.open != 0)
            .map(|row| (row.stream, row.offset, row.length))
            .collect();
        let gone = self.superseded_of(tenant, endpoint, &open).await?;
        let mut events: Vec<Event> = Vec::new();
        for row in rows {
            if row.open != 0 && gone.contains(&(row.stream, row.offset, row.length)) {
                continue;
            }
            // A record may stand in it as what two rule sets make of it, and open beside whole.
            if let Some(event) = row.into_event()
                && events.iter().all(|held| held.id != event.id)
            {
                events.push(event);
            }
        }
        let mut streams: Vec<u64> = events.iter().map(|event| event.stream.0).collect();
        streams.sort_unstable();
        streams.dedup();
        let paths: Vec<(u64, String)> = self
            .fetch_all(
                "read where logs stood",
                self.page(
                    "SELECT stream, min(path) FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND stream IN {streams:Array(UInt64)} GROUP BY stream",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("streams", streams),
            )
            .await?;
        let paths = paths
            .into_iter()
            .map(|(stream, path)| (StreamId(stream), path));
        Ok((events, paths.collect()))
    }
}

/// Where the cause of a try stands in the list of findings.
fn place_of(tried: &Tried, places: &BTreeMap<(u64, u32), &Place>) -> Option<Place> {
    let ordinal = tried.attempt.finding?;
    let place = places.get(&(tried.listed.set, ordinal))?;
    Some((*place).clone())
}

/// What an endpoint is called, and which Windows it has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointName {
    /// What people call it, or empty.
    pub name: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack, or empty.
    pub servicing_stack: String,
}

impl Store {
    /// What an endpoint is called, or nothing where nobody knows it.
    pub async fn endpoint_name(
        &self,
        tenant: &str,
        endpoint: &str,
    ) -> Result<Option<EndpointName>> {
        let ids = [endpoint].into();
        let (head, labels) =
            tokio::try_join!(self.head_of(tenant, endpoint), self.labels_of(tenant, &ids),)?;
        let labels = labels.into_values().next();
        let name = labels.and_then(|mut labels| labels.remove("name"));
        Ok(head.map(|head| EndpointName {
            name: name.unwrap_or_default(),
            host: head.host,
            servicing_stack: head.servicing_stack,
        }))
    }
}
