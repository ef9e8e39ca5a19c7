//! The protocol of derivations: news says what to derive, a version says whose result stays.

use crate::queries::messages::is_message;
use crate::{
    error::Result,
    rows::{Days, LIVE_GENERATION, NewsRow, Piece, StoredEvent, StoredPiece, day_of, month_of},
    store::Store,
    version::{DerivationVersion, rule_set_of},
};
use clickhouse::{Row, query::Query};
use event::{
    Code, Derivation, Event, Finding, LoggedAt, MESSAGE_PATH, Month, StreamId, Unit, UtcMillis,
};
use futures_util::future::{try_join, try_join_all};
use serde::{Deserialize, Serialize};
use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use xxhash_rust::xxh3::Xxh3;

/// A unit with open news, and the names of that news.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenNews {
    /// What to derive.
    pub unit: Unit,
    /// Names of the batches that brought news.
    pub ids: Vec<u64>,
}

/// What is left to derive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct OpenNewsState {
    /// Units with open news.
    pub units: u64,
    /// How long the oldest of that news waits.
    pub oldest: Duration,
}

/// Everything a derivation reads of one endpoint, over the months of its units and one month on either side.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct UnitRows {
    /// Events that count, each identity once.
    pub events: Vec<Event>,
    /// Pieces of the streams that reach into these months, over the streams' whole length. Messages of shippers' topics are none:
    /// each is whole and shows no offset, so none of them changes what is derived, and there may be one for each event.
    pub pieces: Vec<Piece>,
    /// Earliest and latest time of such messages.
    pub messages: Option<(LoggedAt, LoggedAt)>,
    /// Every event row by its month: their weight, and their hash. Superseded copies included, because this must never shrink.
    inputs: BTreeMap<Month, (u64, u64)>,
}

/// What the derivation of one month reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitView<'a> {
    /// How well informed it is.
    pub version: DerivationVersion,
    /// Events of the month and its neighbours.
    pub events: Vec<&'a Event>,
    /// By stream, the pieces of those whose times reach into the month or a neighbour.
    pub streams: Vec<&'a [Piece]>,
}

/// A derivation ready to be stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnitDerivation {
    /// What it covers.
    pub unit: Unit,
    /// How well informed it was.
    pub version: DerivationVersion,
    /// What was derived.
    pub derivation: Derivation,
}

/// What derivation learnt about a machine. Every field folds, so a repeat changes nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointFacts {
    /// Owner.
    pub tenant: String,
    /// Which.
    pub endpoint: String,
    /// Host name, or empty.
    pub host: String,
    /// Version of the servicing stack last loaded, and when.
    pub servicing_stack: Option<(LoggedAt, String)>,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
}

impl UnitRows {
    /// What the derivation of one of the months reads: the same, whichever other months were read along with it.
    pub fn unit(&self, rule_set: u32, month: Month) -> UnitView<'_> {
        let near = month.before()..=month.after();
        let mut version = DerivationVersion {
            rule_set,
            ..DerivationVersion::default()
        };
        // The first release drew these otherwise: to the first and the last it weighed a month more in, so what it derived would
        // outrank what is derived now; of the far-off one it read less, and equal inputs would name equal sets of other rows.
        let (first, last) = Month::near();
        if [first, last, Month::FAR_OFF].contains(&month) {
            version.inputs = REDRAWN;
        }
        for (rows, hash) in self.inputs.range(near.clone()).map(|(_, input)| input) {
            version.inputs += rows;
            version.hash = version.hash.wrapping_add(*hash);
        }
        let streams: Vec<&[Piece]> = self
            .pieces
            .chunk_by(|a, b| a.stream == b.stream)
            .filter(|pieces| {
                // None is the least: a piece without a time may be from ever.
                let first = pieces.iter().map(|piece| piece.first).min().flatten();
                let last = pieces.iter().filter_map(|piece| piece.last).max();
                month.is_reached(first, last)
            })
            .collect();
        for piece in streams.iter().copied().flatten() {
            version.inputs += 1;
            let hash = hash_parts(&[piece.stream.0, piece.offset, piece.end, piece.content_hash]);
            version.hash = version.hash.wrapping_add(hash);
        }
        let events = self
            .events
            .iter()
            .filter(|event| near.contains(&month_of(event.logged)))
            .collect();
        UnitView {
            version,
            events,
            streams,
        }
    }
}

impl Store {
    /// Units with open news that is at least so old, at most `limit` of them.
    pub async fn open_news(&self, age: Duration, limit: usize) -> Result<Vec<OpenNews>> {
        self.open_news_after(age, None, limit).await
    }

    /// Units with open news that is at least so old, by endpoint, at most `limit` of them: those after `after`. So a caller that
    /// goes on where it stopped meets every endpoint, however much news one of them has. Of one unit a thousand names are read;
    /// those beyond are found once these are closed.
    pub async fn open_news_after(
        &self,
        age: Duration,
        after: Option<&Unit>,
        limit: usize,
    ) -> Result<Vec<OpenNews>> {
        let (tenant, endpoint) = after.map_or(("", ""), |unit| (&unit.tenant, &unit.endpoint));
        let rows: Vec<OpenNewsRow> = self
            .fetch_all(
                "read open news",
                self.sql(
                    "SELECT tenant, endpoint, month, arraySort(groupArray(1000)(id)) AS ids FROM (\
                       SELECT tenant, endpoint, month, id FROM news \
                       WHERE (tenant, endpoint, month) > ({tenant:String}, {endpoint:String}, {month:UInt32}) \
                       GROUP BY tenant, endpoint, month, id \
                       HAVING max(done) = 0 AND min(at) <= now() - toIntervalSecond({age:UInt32})) \
                     GROUP BY tenant, endpoint, month ORDER BY tenant, endpoint, month LIMIT {limit:UInt64}",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("month", after.map_or(0, |unit| unit.month.yyyymm()))
                .param("age", u32::try_from(age.as_secs()).unwrap_or(u32::MAX))
                .param("limit", limit as u64),
            )
            .await?;
        let mut open: BTreeMap<Unit, BTreeSet<u64>> = BTreeMap::new();
        let mut of_older_build = Vec::new();
        for row in rows {
            let unit = Unit {
                tenant: row.tenant,
                endpoint: row.endpoint,
                month: Month::from_yyyymm(row.month),
            };
            if unit.month.yyyymm() != row.month {
                of_older_build.push((unit.clone(), row.month, row.ids.clone()));
            }
            open.entry(unit).or_default().extend(row.ids);
        }
        self.refile_news(&of_older_build).await?;
        Ok(open
            .into_iter()
            .map(|(unit, ids)| OpenNews {
                unit,
                ids: ids.into_iter().collect(),
            })
            .collect())
    }

    /// News of months that an older build kept by themselves becomes news of the far-off one.
    async fn refile_news(&self, open: &[(Unit, u32, Vec<u64>)]) -> Result<()> {
        let rows = |done: u8| {
            open.iter().flat_map(move |(unit, month, ids)| {
                ids.iter().map(move |&id| NewsRow {
                    tenant: &unit.tenant,
                    endpoint: &unit.endpoint,
                    month: if done == 0 {
                        unit.month.yyyymm()
                    } else {
                        *month
                    },
                    id,
                    done,
                })
            })
        };
        // The new row first: a unit whose news is closed is forgotten.
        self.insert_rows::<NewsRow<'static>, _>("news", rows(0))
            .await?;
        self.insert_rows::<NewsRow<'static>, _>("news", rows(1))
            .await
    }

    /// How many units have open news.
    pub async fn pending_units(&self) -> Result<u64> {
        Ok(self.open_news_state().await?.units)
    }

    /// How many units have open news, and since when the oldest of them waits.
    pub async fn open_news_state(&self) -> Result<OpenNewsState> {
        let (units, seconds): (u64, u64) = self
            .fetch_one(
                "count open news",
                self.sql(
                    "SELECT uniqExact(tenant, endpoint, month), \
                       toUInt64(if(count() = 0, 0, greatest(dateDiff('second', min(since), now()), 0))) FROM \
                     (SELECT tenant, endpoint, month, min(at) AS since FROM news \
                      GROUP BY tenant, endpoint, month, id HAVING max(done) = 0)",
                ),
            )
            .await?;
        Ok(OpenNewsState {
            units,
            oldest: Duration::from_secs(seconds),
        })
    }

    /// Marks news as done. Only after the derivations that read it are stored.
    pub async fn close_news(&self, news: &[OpenNews]) -> Result<()> {
        let rows = news.iter().flat_map(|news| {
            news.ids.iter().map(|&id| NewsRow {
                tenant: &news.unit.tenant,
                endpoint: &news.unit.endpoint,
                month: news.unit.month.yyyymm(),
                id,
                done: 1,
            })
        });
        self.insert_rows::<NewsRow<'static>, _>("news", rows).await
    }

    /// Of some months, those in which endpoints have events or a derivation: the neighbours that news must wake too.
    pub async fn known_months(
        &self,
        tenant: &str,
        endpoints: &[&str],
        months: &[Month],
    ) -> Result<Vec<(String, Month)>> {
        let wanted: Vec<u32> = months.iter().map(|month| month.yyyymm()).collect();
        let rows: Vec<(String, u32)> = self
            .fetch_all(
                "read months of endpoints",
                self.sql(
                    "SELECT DISTINCT endpoint, month FROM (\
                       SELECT endpoint, toYYYYMM(day) AS month FROM events \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND toYYYYMM(day) IN {months:Array(UInt32)} \
                       UNION ALL \
                       SELECT endpoint, month FROM derivations \
                       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND month IN {months:Array(UInt32)}) \
                     ORDER BY endpoint, month",
                )
                .param("tenant", tenant)
                .param("endpoints", endpoints)
                .param("months", wanted),
            )
            .await?;
        Ok(rows
            .into_iter()
            .map(|(endpoint, month)| (endpoint, Month::from_yyyymm(month)))
            .collect())
    }

    /// Reads what the derivations of an endpoint's months `from` to `to` need.
    pub async fn unit_rows(
        &self,
        tenant: &str,
        endpoint: &str,
        from: Month,
        to: Month,
    ) -> Result<UnitRows> {
        let mut rows = self
            .unit_rows_of(tenant, &[endpoint], from, to, UNBOUNDED)
            .await?;
        Ok(rows.remove(endpoint).unwrap_or_default())
    }

    /// The same for several endpoints at once: a question costs some 5 ms whatever it reads.
    ///
    /// `max_bytes` bounds each answer, in the engine and here; a larger one is an error that [`StoreError::is_too_large`]: ask
    /// for less at once.
    ///
    /// [`StoreError::is_too_large`]: crate::StoreError::is_too_large
    pub async fn unit_rows_of(
        &self,
        tenant: &str,
        endpoints: &[&str],
        from: Month,
        to: Month,
        max_bytes: u64,
    ) -> Result<BTreeMap<String, UnitRows>> {
        let days = Days::of(from.before(), to.after());
        // Pieces first: they are written after the events they stand for, so the events read next miss none of theirs,
        // and whatever arrives in between only makes this derivation count as less informed than the one that follows.
        let pieces = self.fetch_all::<StoredPiece>(
            "read coverage of units",
            self.bounded(
                &UNIT_PIECES.replace("{streams}", days.stream_condition()),
                max_bytes,
            )
            .param("tenant", tenant)
            .param("endpoints", endpoints)
            .param("messages", MESSAGE_PATH)
            .param("first", days.first)
            .param("last", days.last),
        );
        let messages = self.message_spans(tenant, endpoints, days);
        let (pieces, messages) = try_join(pieces, messages).await?;
        let events: Vec<StoredEvent> = self
            .fetch_all(
                "read the events of units",
                self.bounded(&UNIT_EVENTS.replace("{days}", days.condition()), max_bytes)
                    .param("tenant", tenant)
                    .param("endpoints", endpoints)
                    .param("first", days.first)
                    .param("last", days.last),
            )
            .await?;
        let mut of_endpoints: BTreeMap<String, UnitRows> = BTreeMap::new();
        for mut stored in pieces {
            let endpoint = std::mem::take(&mut stored.endpoint);
            let rows = of_endpoints.entry(endpoint).or_default();
            rows.pieces.extend(stored.into_piece());
        }
        for (endpoint, first, last) in messages {
            of_endpoints.entry(endpoint).or_default().messages = Some((first, last));
        }
        let mut events: Vec<StoredEvent> = events;
        // One copy of each identity that counts: the greatest version first.
        events.sort_by(|a, b| (&a.endpoint, a.id, b.version).cmp(&(&b.endpoint, b.id, a.version)));
        let mut last_kept: Option<(String, u64)> = None;
        for mut stored in events {
            let endpoint = std::mem::take(&mut stored.endpoint);
            let (id, version, superseded) = (stored.id, stored.version, stored.superseded != 0);
            let Some(event) = stored.into_event() else {
                continue;
            };
            let rows = of_endpoints.entry(endpoint.clone()).or_default();
            let input = rows.inputs.entry(month_of(event.logged)).or_default();
            // A row that a newer rule set replaces leaves their number as it is, so each weighs as much as its set is new.
            input.0 += u64::from(rule_set_of(version)).max(1);
            let (high, low) = ((version >> 64) as u64, version as u64);
            input.1 = input.1.wrapping_add(hash_parts(&[
                id,
                high,
                low,
                event.open.into(),
                superseded.into(),
            ]));
            let is_copy = last_kept
                .as_ref()
                .is_some_and(|(kept, kept_id)| *kept == endpoint && *kept_id == id);
            if !superseded && !is_copy {
                last_kept = Some((endpoint, id));
                rows.events.push(event);
            }
        }
        for rows in of_endpoints.values_mut() {
            rows.events
                .sort_unstable_by_key(|event| (event.stream, event.offset, event.id));
        }
        Ok(of_endpoints)
    }

    /// An older build kept far-off months as units of their own. What it derived of them is said by the far-off unit from now on,
    /// whose derivation reads their events: an empty set takes the place of each, better informed than any of that rule set.
    async fn retire_far_off(&self, derivations: &[UnitDerivation]) -> Result<()> {
        let far = derivations
            .iter()
            .filter(|derived| derived.unit.month == Month::FAR_OFF);
        for derived in far {
            let unit = &derived.unit;
            let days = Month::near();
            let months: Vec<u32> = self
                .fetch_all(
                    "read far-off units of an older build",
                    self.sql(
                        "SELECT month FROM derivations FINAL \
                         WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND generation = 0 \
                           AND month != {far:UInt32} AND month NOT BETWEEN {first:UInt32} AND {last:UInt32} \
                           AND attempts + findings > 0 ORDER BY month",
                    )
                    .param("tenant", &unit.tenant)
                    .param("endpoint", &unit.endpoint)
                    .param("far", unit.month.yyyymm())
                    .param("first", days.0.yyyymm())
                    .param("last", days.1.yyyymm()),
                )
                .await?;
            let version = DerivationVersion {
                inputs: u64::MAX,
                ..derived.version
            };
            for month in months {
                let retired = DerivationRow {
                    tenant: &unit.tenant,
                    endpoint: &unit.endpoint,
                    month,
                    generation: LIVE_GENERATION,
                    version: version.packed(),
                    set: version.set(unit, LIVE_GENERATION),
                    attempts: 0,
                    findings: 0,
                };
                self.insert_rows::<DerivationRow<'static>, _>(
                    "derivations",
                    std::iter::once(retired),
                )
                .await?;
            }
        }
        Ok(())
    }

    /// A read whose answer has a bound.
    fn bounded(&self, statement: &str, max_bytes: u64) -> Query {
        let query = self.sql(statement);
        if max_bytes == UNBOUNDED {
            return query;
        }
        query
            .with_setting("max_result_bytes", max_bytes.to_string())
            .with_setting("result_overflow_mode", "throw")
            // What it takes to fold copies beside the answer, which the engine holds whole; the rest is other readers'.
            .with_setting(
                "max_memory_usage",
                (3 * max_bytes + (128 << 20)).to_string(),
            )
    }

    /// Every piece of a stream that is or was held.
    pub async fn pieces(
        &self,
        tenant: &str,
        endpoint: &str,
        stream: StreamId,
    ) -> Result<Vec<Piece>> {
        let rows: Vec<StoredPiece> = self
            .fetch_all(
                "read coverage of a stream",
                self.sql(
                    "SELECT ?fields FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} \
                       AND stream = {stream:UInt64} \
                     ORDER BY stream, offset, `end`, content_hash",
                )
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("stream", stream.0),
            )
            .await?;
        Ok(rows
            .into_iter()
            .filter_map(StoredPiece::into_piece)
            .collect())
    }

    /// Stores derivations and what was learnt about their machines. The rows go first; the row that makes a set current last.
    pub async fn insert_derivations(
        &self,
        derivations: &[UnitDerivation],
        facts: &[EndpointFacts],
    ) -> Result<()> {
        let mut by_month: BTreeMap<Month, Vec<(&UnitDerivation, u64)>> = BTreeMap::new();
        for derived in derivations {
            let set = derived.version.set(&derived.unit, LIVE_GENERATION);
            by_month
                .entry(derived.unit.month)
                .or_default()
                .push((derived, set));
        }
        let endpoints = facts.iter().map(|facts| EndpointRow {
            tenant: &facts.tenant,
            endpoint: &facts.endpoint,
            host: &facts.host,
            servicing_stack: facts
                .servicing_stack
                .as_ref()
                .map_or((i64::MIN, ""), |(at, stack)| (at.0, stack)),
            first: facts.first,
            last: facts.last,
        });
        self.insert_rows::<EndpointRow<'static>, _>("endpoints", endpoints)
            .await?;
        try_join_all(by_month.values().map(|derived| async {
            let attempts = derived.iter().flat_map(|&(derived, set)| {
                (0..derived.derivation.attempts.len())
                    .map(move |at| AttemptRow::new(derived, set, at))
            });
            self.insert_rows::<AttemptRow<'static>, _>("attempts", attempts)
                .await?;
            let findings = derived.iter().flat_map(|&(derived, set)| {
                (0..derived.derivation.findings.len())
                    .map(move |at| FindingRow::new(derived, set, at))
            });
            self.insert_rows::<FindingRow<'static>, _>("findings", findings)
                .await?;
            let current = derived.iter().map(|&(derived, set)| DerivationRow {
                tenant: &derived.unit.tenant,
                endpoint: &derived.unit.endpoint,
                month: derived.unit.month.yyyymm(),
                generation: LIVE_GENERATION,
                version: derived.version.packed(),
                set,
                attempts: derived.derivation.attempts.len() as u32,
                findings: derived.derivation.findings.len() as u32,
            });
            self.insert_rows::<DerivationRow<'static>, _>("derivations", current)
                .await
        }))
        .await?;
        self.retire_far_off(derivations).await
    }
}

/// What months that the first release drew otherwise weigh beside their inputs: half of what a version holds, and more than the
/// rows of any unit.
const REDRAWN: u64 = 1 << 39;

/// No bound on an answer.
const UNBOUNDED: u64 = 0;

/// Streams whose times reach into the months, over their whole length.
const UNIT_PIECES: &str = concat!(
    "SELECT ?fields FROM coverage FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND (endpoint, stream) IN (\
       SELECT endpoint, stream FROM coverage \
       WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND NOT ",
    is_message!(),
    " GROUP BY endpoint, stream \
       HAVING {streams}) \
     ORDER BY endpoint, stream, offset, `end`, content_hash",
);

/// Open rows come with a flag rather than filtered: they stay inputs, or a derivation that saw them would count as better informed.
const UNIT_EVENTS: &str = "SELECT endpoint, source, id, open, stream, offset, length, logged, stamp, level, component, marker, codes, rule, \
       object, kb, package, component_identity, session, client, trace, fields, text, version, \
       toUInt8(open = 1 AND (endpoint, stream, offset, length) IN (\
         SELECT record.endpoint, record.stream, record.offset, record.length \
         FROM (SELECT endpoint, stream, offset, length FROM events \
               WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND open = 1) AS record \
         INNER JOIN (SELECT endpoint, stream, offset, `end` FROM coverage \
                     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)}) AS piece \
           ON record.endpoint = piece.endpoint AND record.stream = piece.stream \
         WHERE piece.offset <= record.offset AND piece.`end` > record.offset + record.length)) AS superseded \
     FROM events FINAL \
     WHERE tenant = {tenant:String} AND endpoint IN {endpoints:Array(String)} AND generation = 0 \
       AND {days}";

fn hash_parts(parts: &[u64]) -> u64 {
    let mut hasher = Xxh3::new();
    for part in parts {
        hasher.update(&part.to_le_bytes());
    }
    hasher.digest()
}

#[derive(Row, Deserialize)]
struct OpenNewsRow {
    tenant: String,
    endpoint: String,
    month: u32,
    ids: Vec<u64>,
}

#[derive(Row, Serialize)]
struct EndpointRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    host: &'a str,
    servicing_stack: (i64, &'a str),
    first: Option<LoggedAt>,
    last: Option<LoggedAt>,
}

#[derive(Row, Serialize, Deserialize)]
struct DerivationRow<'a> {
    tenant: &'a str,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    version: u128,
    set: u64,
    attempts: u32,
    findings: u32,
}

#[derive(Row, Serialize)]
struct AttemptRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    set: u64,
    ordinal: u32,
    version: u128,
    id: u64,
    package: &'a str,
    kb: &'a str,
    client: &'a str,
    session: &'a str,
    start: Option<LoggedAt>,
    end: Option<LoggedAt>,
    start_utc: Option<UtcMillis>,
    outcome: &'a str,
    terminal_code: Option<Code>,
    finding: Option<u32>,
    rule: &'a str,
    category: &'a str,
    root_code: Option<Code>,
}

impl<'a> AttemptRow<'a> {
    fn new(derived: &'a UnitDerivation, set: u64, at: usize) -> Self {
        let attempt = &derived.derivation.attempts[at];
        let finding: Option<&Finding> = attempt
            .finding
            .and_then(|at| derived.derivation.findings.get(at as usize));
        Self {
            tenant: &derived.unit.tenant,
            day: day_of(attempt.start.or(attempt.end)),
            endpoint: &derived.unit.endpoint,
            month: derived.unit.month.yyyymm(),
            generation: LIVE_GENERATION,
            set,
            ordinal: at as u32,
            version: derived.version.packed(),
            id: attempt.id.0,
            package: &attempt.package,
            kb: &attempt.kb,
            client: &attempt.client,
            session: &attempt.session,
            start: attempt.start,
            end: attempt.end,
            start_utc: attempt.start_utc,
            outcome: attempt.outcome.name(),
            terminal_code: attempt.terminal_code,
            finding: attempt.finding,
            rule: finding.map_or("", |finding| &finding.rule),
            category: finding.map_or("", |finding| &finding.category),
            root_code: finding.and_then(|finding| finding.root_code),
        }
    }
}

#[derive(Row, Serialize)]
struct FindingRow<'a> {
    tenant: &'a str,
    day: u16,
    endpoint: &'a str,
    month: u32,
    generation: u32,
    set: u64,
    ordinal: u32,
    version: u128,
    id: u64,
    rule: &'a str,
    category: &'a str,
    severity: &'a str,
    root_code: Option<Code>,
    terminal_code: Option<Code>,
    object: &'a str,
    kb: &'a str,
    package: &'a str,
    component: &'a str,
    logged: Option<LoggedAt>,
    utc: Option<UtcMillis>,
    confidence: u8,
    reasons: &'a [String],
    count: u32,
    evidence_ids: Vec<u64>,
    evidence_sources: Vec<&'static str>,
    evidence_streams: Vec<u64>,
    evidence_offsets: Vec<u64>,
    evidence_lengths: Vec<u64>,
    evidence_texts: Vec<&'a str>,
}

impl<'a> FindingRow<'a> {
    fn new(derived: &'a UnitDerivation, set: u64, at: usize) -> Self {
        let finding = &derived.derivation.findings[at];
        let evidence = &finding.evidence;
        Self {
            tenant: &derived.unit.tenant,
            day: day_of(finding.logged),
            endpoint: &derived.unit.endpoint,
            month: derived.unit.month.yyyymm(),
            generation: LIVE_GENERATION,
            set,
            ordinal: at as u32,
            version: derived.version.packed(),
            id: finding.id.0,
            rule: &finding.rule,
            category: &finding.category,
            severity: finding.severity.name(),
            root_code: finding.root_code,
            terminal_code: finding.terminal_code,
            object: &finding.object,
            kb: &finding.kb,
            package: &finding.package,
            component: &finding.component,
            logged: finding.logged,
            utc: finding.utc,
            confidence: finding.confidence,
            reasons: &finding.reasons,
            count: finding.count,
            evidence_ids: evidence.iter().map(|evidence| evidence.id.0).collect(),
            evidence_sources: evidence
                .iter()
                .map(|evidence| evidence.source.name())
                .collect(),
            evidence_streams: evidence.iter().map(|evidence| evidence.stream.0).collect(),
            evidence_offsets: evidence.iter().map(|evidence| evidence.offset).collect(),
            evidence_lengths: evidence.iter().map(|evidence| evidence.length).collect(),
            evidence_texts: evidence
                .iter()
                .map(|evidence| evidence.text.as_str())
                .collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// To 2006-01 and 2037-12 it weighed the events of 2005-12 and 2038-01 in, so with the same rule set its sets stayed for good.
    #[test]
    fn what_the_first_release_derived_of_months_redrawn_since_does_not_stay() {
        let version_of = |month: Month, rule_set: u32| {
            let rows = UnitRows {
                inputs: BTreeMap::from([(month, (1, 1))]),
                ..UnitRows::default()
            };
            rows.unit(rule_set, month).version.packed()
        };
        let before = DerivationVersion {
            rule_set: 1,
            inputs: 1_000_000_000,
            hash: u64::MAX,
        };
        let (first, last) = Month::near();
        for month in [first, last, Month::FAR_OFF] {
            assert!(version_of(month, 1) > before.packed());
            assert!(version_of(month, 1) < version_of(month, 2));
        }
        // Every other month is weighed as it was.
        for month in [first.after(), last.before()] {
            assert!(version_of(month, 1) < before.packed());
        }
    }
}
