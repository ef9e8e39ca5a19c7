//! From when to when the logs of an endpoint are or were held, and where they are not: without a log of its time nobody can say that nothing
//! failed.

use super::{lost::LostPiece, messages::is_message};
use crate::{error::Result, gaps::TopicGap, store::Store};
use clickhouse::Row;
use event::{GapReason, LoggedAt, MESSAGE_PATH, Source, StreamId};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is or was held of one kind of log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourceCoverage {
    /// The kind.
    pub source: Source,
    /// Logs of it; the messages of a path are one.
    pub logs: u64,
    /// Source bytes, each once.
    pub bytes: u64,
    /// Earliest head.
    pub first: Option<LoggedAt>,
    /// Latest head.
    pub last: Option<LoggedAt>,
    /// Where something is missing, the latest last.
    pub gaps: Vec<CoverageGap>,
}

/// A time of which something is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CoverageGap {
    /// The log whose bytes are missing, or the first one after the gap; none of one of which no line was ever read.
    pub stream: Option<StreamId>,
    /// Where its sender read it.
    pub path: String,
    /// The last head before it, as logged; none where nothing is.
    pub from: Option<LoggedAt>,
    /// The first head after it; none where nothing is.
    pub to: Option<LoggedAt>,
    /// Which bytes of the log, where that is known.
    pub bytes: Option<(u64, u64)>,
    /// Which records of an event log, by their numbers.
    pub records: Option<(u64, u64)>,
    /// Why.
    pub reason: MissingReason,
}

/// Why something is missing, as far as that can be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissingReason {
    /// The log had begun before what came of it: that was rotated away, or never sent.
    StartMissing,
    /// Bytes between those that came never came.
    NotReceived,
    /// The same, at a time at which records were deleted from the topic before anybody read them.
    TopicLost,
    /// No log of this kind is of that time: none was written, or it was rotated away before it was sent.
    NoLog,
    /// Nothing has come since.
    Silent,
    /// Its sender says that it is lost, and why.
    Lost(GapReason),
}

impl MissingReason {
    /// The name in answers.
    pub fn name(self) -> &'static str {
        match self {
            Self::StartMissing => "start_missing",
            Self::NotReceived => "not_received",
            Self::TopicLost => "topic_lost",
            Self::NoLog => "no_log",
            Self::Silent => "silent",
            Self::Lost(reason) => reason.name(),
        }
    }
}

/// Runs of bytes without a hole that are read of an endpoint. A log has one; more of them are a sender that loses everything.
const RUNS_READ: u64 = 10_000;

/// Gaps of topics that are looked at, the latest ones.
const TOPIC_GAPS: u64 = 100;

/// A kind of log that is as quiet as this has no log of the time in between: Windows writes some of each in a week.
const QUIET_SECONDS: i64 = 7 * 86_400;

/// Wall clocks are so far from UTC at most.
const CLOCK_SECONDS: i64 = 14 * 3_600;

const RUNS: &str = concat!(
    "SELECT ?fields FROM (\
       SELECT toString(any(kind)) AS source, stream, min(met) AS path, 0 AS is_message, min(offset) AS start, max(`end`) AS reach, \
         min(first) AS earliest, max(last) AS latest FROM (\
         SELECT *, sum(is_start) OVER (PARTITION BY stream ORDER BY offset, `end` ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS run FROM (\
           SELECT source AS kind, stream, path AS met, offset, `end`, first, last, toUInt64(offset > max(`end`) OVER (PARTITION BY stream ORDER BY offset, `end` \
             ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)) AS is_start \
           FROM coverage WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND `end` > offset AND NOT ",
    is_message!(),
    ")) GROUP BY stream, run \
       UNION ALL \
       SELECT toString(source) AS source, max(stream) AS stream, path, 1 AS is_message, 0 AS start, toUInt64(sum(`end` - offset)) AS reach, \
         min(first) AS earliest, max(last) AS latest \
       FROM coverage FINAL WHERE tenant = {tenant:String} AND endpoint = {endpoint:String} AND ",
    is_message!(),
    " GROUP BY source, path) \
     ORDER BY source, earliest, latest, stream, start LIMIT {limit:UInt64}"
);

#[derive(Row, Deserialize)]
struct RunRow {
    source: String,
    stream: u64,
    path: String,
    is_message: u8,
    start: u64,
    reach: u64,
    earliest: Option<LoggedAt>,
    latest: Option<LoggedAt>,
}

impl Store {
    /// What is or was held of an endpoint's logs, by kind, up to a wall clock's now.
    pub async fn times_held(
        &self,
        tenant: &str,
        endpoint: &str,
        now: LoggedAt,
    ) -> Result<Vec<SourceCoverage>> {
        let runs = self.fetch_all(
            "read what is held of an endpoint",
            self.page(RUNS)
                .param("tenant", tenant)
                .param("endpoint", endpoint)
                .param("messages", MESSAGE_PATH)
                .param("limit", RUNS_READ),
        );
        let (rows, (_, topic_gaps), lost): (Vec<RunRow>, _, _) = tokio::try_join!(
            runs,
            self.topic_gaps(TOPIC_GAPS),
            self.lost_of(tenant, endpoint)
        )?;
        let mut by_source: BTreeMap<String, Vec<RunRow>> = BTreeMap::new();
        for row in rows {
            by_source.entry(row.source.clone()).or_default().push(row);
        }
        for piece in &lost {
            by_source.entry(piece.source.name().to_owned()).or_default();
        }
        let sources = by_source.into_iter().filter_map(|(source, runs)| {
            let source = Source::from_name(&source)?;
            let lost = lost.iter().filter(|piece| piece.source == source);
            Some(of_source(source, &runs, &topic_gaps, lost, now))
        });
        Ok(sources.collect())
    }
}

#[derive(Row, Deserialize)]
struct BeginRow {
    endpoint: String,
    begins: Option<LoggedAt>,
}

/// Endpoints that one question names; more are asked for with all others.
const NAMED: usize = 500;

impl Store {
    /// From when on logs of some endpoints are or were held, as logged.
    pub async fn held_from(
        &self,
        tenant: &str,
        endpoints: &[&str],
    ) -> Result<BTreeMap<String, LoggedAt>> {
        let is_all = endpoints.len() > NAMED;
        let named = if is_all { &[] } else { endpoints };
        let rows: Vec<BeginRow> = self
            .fetch_all(
                "read from when on logs are held",
                self.sql(
                    "SELECT endpoint, min(first) AS begins FROM endpoints \
                     WHERE tenant = {tenant:String} AND ({all:UInt8} = 1 OR endpoint IN {endpoints:Array(String)}) GROUP BY endpoint",
                )
                .param("tenant", tenant)
                .param("all", u8::from(is_all))
                .param("endpoints", named),
            )
            .await?;
        let held = rows.into_iter();
        Ok(held
            .filter_map(|row| Some((row.endpoint, row.begins?)))
            .collect())
    }
}

/// `runs` by their earliest head.
fn of_source<'a>(
    source: Source,
    runs: &[RunRow],
    topic_gaps: &[TopicGap],
    lost: impl Iterator<Item = &'a LostPiece>,
    now: LoggedAt,
) -> SourceCoverage {
    let mut by_stream: BTreeMap<u64, Vec<&RunRow>> = BTreeMap::new();
    for run in runs {
        by_stream.entry(run.stream).or_default().push(run);
    }
    let mut gaps = Vec::new();
    for runs in by_stream.values_mut() {
        runs.sort_by_key(|run| run.start);
        let (mut reach, mut last) = (0, None);
        for run in runs.iter() {
            if run.start > reach && run.is_message == 0 {
                let reason = match reach {
                    0 => MissingReason::StartMissing,
                    _ if is_lost(topic_gaps, last, run.earliest) => MissingReason::TopicLost,
                    _ => MissingReason::NotReceived,
                };
                gaps.push(gap(
                    run,
                    last,
                    run.earliest,
                    reason,
                    Some((reach, run.start)),
                ));
            }
            reach = reach.max(run.reach);
            last = last.max(run.latest);
        }
    }
    let mut reached: Option<&RunRow> = None;
    for run in runs {
        if let (Some(before), Some(from)) = (reached, run.earliest)
            && let Some(until) = before.latest
            && from.0 - until.0 > QUIET_SECONDS
            && before.stream != run.stream
        {
            gaps.push(gap(
                run,
                Some(until),
                Some(from),
                MissingReason::NoLog,
                None,
            ));
        }
        if reached.is_none_or(|reached| reached.latest < run.latest) {
            reached = Some(run);
        }
    }
    if let Some(run) = reached
        && let Some(last) = run.latest
        && now.0 - last.0 > QUIET_SECONDS
    {
        gaps.push(gap(run, Some(last), None, MissingReason::Silent, None));
    }
    gaps.extend(lost.map(|piece| lost_gap(piece, runs)));
    gaps.sort_by_key(|gap| (gap.from.or(gap.to), gap.to, gap.stream));
    SourceCoverage {
        source,
        logs: by_stream.len() as u64,
        bytes: runs.iter().map(|run| run.reach - run.start).sum(),
        first: runs.iter().filter_map(|run| run.earliest).min(),
        last: runs.iter().filter_map(|run| run.latest).max(),
        gaps,
    }
}

fn gap(
    run: &RunRow,
    from: Option<LoggedAt>,
    to: Option<LoggedAt>,
    reason: MissingReason,
    bytes: Option<(u64, u64)>,
) -> CoverageGap {
    CoverageGap {
        stream: Some(StreamId(run.stream)),
        path: run.path.clone(),
        from,
        to,
        bytes,
        records: None,
        reason,
    }
}

/// What a sender knows to be lost: after the last head of its log that came before it, where its place says which that is, and before it
/// was told of. The latter is UTC's, and may be as far from the machine's clock as that is from UTC.
fn lost_gap(piece: &LostPiece, runs: &[RunRow]) -> CoverageGap {
    let is_of_records = piece.reason.is_of_records();
    let told = LoggedAt(piece.told.0.div_euclid(1_000));
    let of_stream = runs
        .iter()
        .filter(|run| piece.stream == Some(StreamId(run.stream)))
        .filter(|run| is_of_records || run.start < piece.from)
        .filter_map(|run| run.latest);
    let place = Some((piece.from, piece.to));
    CoverageGap {
        stream: piece.stream,
        path: piece.path.clone(),
        from: of_stream.max().map(|last| last.min(told)),
        to: Some(told),
        bytes: place.filter(|_| !is_of_records),
        records: place.filter(|_| is_of_records),
        reason: MissingReason::Lost(piece.reason),
    }
}

/// Whether records went from a topic unread at a time at which these bytes were on their way: senders send what is logged at once.
fn is_lost(topic_gaps: &[TopicGap], from: Option<LoggedAt>, to: Option<LoggedAt>) -> bool {
    let since = from.map_or(i64::MIN, |from| (from.0 - CLOCK_SECONDS) * 1_000);
    let until = to.map_or(i64::MAX, |to| (to.0 + CLOCK_SECONDS) * 1_000);
    topic_gaps.iter().any(|gap| {
        // Without its ends nobody knows when it was.
        let (Some(before), Some(after)) = (gap.last_before_ms, gap.first_after_ms) else {
            return false;
        };
        before <= until && after >= since
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stream: u64, (start, reach): (u64, u64), earliest: &str, latest: &str) -> RunRow {
        RunRow {
            source: "cbs".to_owned(),
            stream,
            path: format!("{stream}.log"),
            is_message: 0,
            start,
            reach,
            earliest: LoggedAt::parse(earliest.as_bytes()),
            latest: LoggedAt::parse(latest.as_bytes()),
        }
    }

    fn reasons(runs: &[RunRow], topic_gaps: &[TopicGap], now: &str) -> Vec<MissingReason> {
        let now = LoggedAt::parse(now.as_bytes()).expect("a time");
        let held = of_source(Source::Cbs, runs, topic_gaps, std::iter::empty(), now);
        held.gaps.iter().map(|gap| gap.reason).collect()
    }

    #[test]
    fn what_is_missing_says_why() {
        use MissingReason::{NoLog, NotReceived, Silent, StartMissing, TopicLost};
        let whole = [run(
            1,
            (0, 900),
            "2022-08-01 10:00:00",
            "2022-08-20 10:00:00",
        )];
        // A quiet fortnight within a log is held.
        assert_eq!(reasons(&whole, &[], "2022-08-21 10:00:00"), []);
        assert_eq!(reasons(&whole, &[], "2022-09-21 10:00:00"), [Silent]);
        let holes = [
            run(1, (100, 200), "2022-08-01 10:00:00", "2022-08-02 10:00:00"),
            run(1, (300, 400), "2022-08-04 10:00:00", "2022-08-05 10:00:00"),
        ];
        let now = "2022-08-06 10:00:00";
        assert_eq!(reasons(&holes, &[], now), [StartMissing, NotReceived]);
        let lost = |before: &str, after: &str| TopicGap {
            topic: "t".to_owned(),
            partition: 0,
            from: 0,
            to: 9,
            last_before_ms: LoggedAt::parse(before.as_bytes()).map(|at| at.0 * 1_000),
            first_after_ms: LoggedAt::parse(after.as_bytes()).map(|at| at.0 * 1_000),
        };
        let then = [lost("2022-08-03 00:00:00", "2022-08-03 09:00:00")];
        assert_eq!(reasons(&holes, &then, now), [StartMissing, TopicLost]);
        let other = [
            lost("2022-07-03 00:00:00", "2022-07-03 09:00:00"),
            lost("", ""),
        ];
        assert_eq!(reasons(&holes, &other, now), [StartMissing, NotReceived]);
        let rotated = [
            run(1, (0, 200), "2022-07-01 10:00:00", "2022-07-02 10:00:00"),
            run(2, (0, 200), "2022-07-03 10:00:00", "2022-07-04 10:00:00"),
            run(3, (0, 200), "2022-08-01 10:00:00", "2022-08-05 10:00:00"),
        ];
        assert_eq!(reasons(&rotated, &[], now), [NoLog]);
        let held = of_source(
            Source::Cbs,
            &rotated,
            &[],
            std::iter::empty(),
            LoggedAt::parse(now.as_bytes()).expect("a time"),
        );
        assert_eq!((held.logs, held.bytes), (3, 600));
        assert_eq!(held.gaps[0].from, LoggedAt::parse(b"2022-07-04 10:00:00"));
        assert_eq!(held.gaps[0].to, LoggedAt::parse(b"2022-08-01 10:00:00"));
    }

    #[test]
    fn what_is_lost_lies_between_what_came_and_when_it_was_told() {
        let at = |text: &str| LoggedAt::parse(text.as_bytes()).expect("a time");
        let runs = [
            run(1, (0, 200), "2022-08-01 10:00:00", "2022-08-02 10:00:00"),
            run(2, (0, 900), "2022-08-01 10:00:00", "2022-08-05 10:00:00"),
        ];
        let piece = |stream: Option<u64>, reason| LostPiece {
            endpoint: "e".to_owned(),
            source: Source::Cbs,
            stream: stream.map(StreamId),
            path: "CBS.log".to_owned(),
            from: 200,
            to: 300,
            reason,
            told: event::UtcMillis(at("2022-08-06 10:00:00").0 * 1_000 + 999),
        };
        let lost = [
            piece(Some(1), GapReason::Gone),
            piece(None, GapReason::Overwritten),
        ];
        let now = at("2022-08-06 12:00:00");
        let held = of_source(Source::Cbs, &runs, &[], lost.iter(), now);
        let told: Vec<_> = held
            .gaps
            .iter()
            .map(|gap| (gap.from, gap.to, gap.bytes, gap.records, gap.reason.name()))
            .collect();
        let noticed = Some(at("2022-08-06 10:00:00"));
        let place = Some((200, 300));
        assert_eq!(
            told,
            [
                (
                    Some(at("2022-08-02 10:00:00")),
                    noticed,
                    place,
                    None,
                    "gone"
                ),
                (None, noticed, None, place, "overwritten"),
            ]
        );
    }
}
