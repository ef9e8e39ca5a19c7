//! From when to when the logs of a machine are held: a verdict without a failure tells of no other time.

use super::{logged, name};
use crate::schema::{HeldReason, LogSource, LoggedTime};
use event::{LoggedAt, Source};
use serde::Serialize;
use store::{CoverageGap, MissingReason, SourceCoverage};
use utoipa::ToSchema;

/// Gaps told of one kind of log, the latest ones; their number says the rest.
const GAPS: usize = 20;

/// What is held of all kinds of logs together, and of each.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldTimes)]
pub(super) struct Held {
    #[schema(value_type = Option<LoggedTime>)]
    from: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    to: Option<String>,
    /// No time is known to be missing in between, and none since.
    whole: bool,
    /// Nothing has come for a week.
    silent: bool,
    sources: Vec<OfSource>,
}

#[derive(Serialize, ToSchema)]
#[schema(as = HeldSource)]
struct OfSource {
    #[schema(value_type = LogSource)]
    source: &'static str,
    logs: u64,
    bytes: u64,
    #[schema(value_type = Option<LoggedTime>)]
    first: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    last: Option<String>,
    /// The latest 20.
    gaps: Vec<GapOut>,
    gaps_total: usize,
}

/// A time of which something is missing.
#[derive(Serialize, ToSchema)]
#[schema(as = HeldGap)]
struct GapOut {
    #[schema(value_type = Option<LoggedTime>)]
    from: Option<String>,
    #[schema(value_type = Option<LoggedTime>)]
    to: Option<String>,
    #[schema(value_type = HeldReason)]
    reason: &'static str,
    /// Nothing of a log of which no line was ever read.
    stream: Option<String>,
    path: String,
    /// Which bytes, where that is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    bytes: Option<[u64; 2]>,
    /// Which records of an event log, by their numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false, min_items = 2, max_items = 2)]
    records: Option<[u64; 2]>,
}

impl Held {
    /// Nothing where nothing is held.
    pub(super) fn new(held: Vec<SourceCoverage>) -> Option<Self> {
        if held.is_empty() {
            return None;
        }
        let first = held.iter().filter_map(|of| of.first).min();
        let last = held.iter().filter_map(|of| of.last).max();
        let mut gaps = held
            .iter()
            .flat_map(|of| of.gaps.iter().map(|gap| (of.source, gap)));
        // One kind of log that is written no more is no silence of the machine: another kind may go on.
        // And what is only known to be lost is no silence either.
        let mut kinds = held.iter().filter(|of| of.logs > 0);
        let is_silent =
            held.iter().any(|of| of.logs > 0) && kinds.all(|of| of.gaps.iter().any(is_silence));
        Some(Self {
            from: logged(first),
            to: logged(last),
            whole: !is_silent && !gaps.any(|(source, gap)| hides(source, gap, first)),
            silent: is_silent,
            sources: held.into_iter().map(OfSource::from).collect(),
        })
    }
}

fn is_silence(gap: &CoverageGap) -> bool {
    gap.reason == MissingReason::Silent
}

/// Whether something may have happened in it that nobody sees. What is missing before all that is held is before the time that is told of;
/// and only CBS is written whenever anything is installed, so that others may be quiet while nothing is hidden.
fn hides(source: Source, gap: &CoverageGap, first: Option<LoggedAt>) -> bool {
    let is_before = gap.from.is_none() && gap.to <= first;
    match is_silence(gap) {
        true => source == Source::Cbs,
        false => !is_before,
    }
}

impl From<SourceCoverage> for OfSource {
    fn from(of: SourceCoverage) -> Self {
        let gaps_total = of.gaps.len();
        let left = gaps_total.saturating_sub(GAPS);
        Self {
            source: of.source.name(),
            logs: of.logs,
            bytes: of.bytes,
            first: logged(of.first),
            last: logged(of.last),
            gaps: of.gaps.into_iter().skip(left).map(GapOut::from).collect(),
            gaps_total,
        }
    }
}

impl From<CoverageGap> for GapOut {
    fn from(gap: CoverageGap) -> Self {
        Self {
            from: logged(gap.from),
            to: logged(gap.to),
            reason: gap.reason.name(),
            stream: gap.stream.map(|stream| stream.to_string()),
            path: name(gap.path),
            bytes: gap.bytes.map(|(from, to)| [from, to]),
            records: gap.records.map(|(from, to)| [from, to]),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{GapReason, StreamId};

    fn at(text: &str) -> Option<LoggedAt> {
        LoggedAt::parse(text.as_bytes())
    }

    fn of(source: Source, gaps: &[(&str, &str, MissingReason)]) -> SourceCoverage {
        SourceCoverage {
            source,
            logs: 1,
            bytes: 9,
            first: at("2024-03-01 10:00:00"),
            last: at("2024-03-20 10:00:00"),
            gaps: gaps
                .iter()
                .map(|&(from, to, reason)| CoverageGap {
                    stream: Some(StreamId(1)),
                    path: "CBS.log".to_owned(),
                    from: at(from),
                    to: at(to),
                    bytes: None,
                    records: None,
                    reason,
                })
                .collect(),
        }
    }

    #[test]
    fn a_time_is_whole_where_nothing_in_it_is_missing() {
        use MissingReason::{Lost, NoLog, Silent, StartMissing};
        let told = |held: Vec<SourceCoverage>| {
            let held = Held::new(held).expect("something is held");
            (held.whole, held.silent)
        };
        assert_eq!(told(vec![of(Source::Cbs, &[])]), (true, false));
        // What was before the first record is before the time that is told of.
        let start = ("", "2024-03-01 10:00:00", StartMissing);
        assert_eq!(told(vec![of(Source::Cbs, &[start])]), (true, false));
        let later = ("", "2024-03-05 10:00:00", StartMissing);
        assert_eq!(told(vec![of(Source::Cbs, &[later])]), (false, false));
        let hole = ("2024-03-02 10:00:00", "2024-03-12 10:00:00", NoLog);
        let quiet = ("2024-03-20 10:00:00", "", Silent);
        assert_eq!(told(vec![of(Source::Cbs, &[hole])]), (false, false));
        assert_eq!(told(vec![of(Source::Cbs, &[quiet])]), (false, true));
        // What its sender lost may have held the failure, also in an event log; not so before all that is held.
        let gone = (
            "2024-03-20 10:00:00",
            "2024-03-21 10:00:00",
            Lost(GapReason::Gone),
        );
        let early = ("", "2024-02-21 10:00:00", Lost(GapReason::Overwritten));
        assert_eq!(told(vec![of(Source::EventLog, &[gone])]), (false, false));
        assert_eq!(told(vec![of(Source::EventLog, &[early])]), (true, false));
        // DISM is written now and then, CBS whenever something is installed.
        let both = vec![of(Source::Cbs, &[]), of(Source::Dism, &[quiet])];
        assert_eq!(told(both), (true, false));
        let both = vec![of(Source::Cbs, &[quiet]), of(Source::Dism, &[])];
        assert_eq!(told(both), (false, false));
        assert!(Held::new(Vec::new()).is_none());
    }

    #[test]
    fn the_latest_gaps_are_told_and_all_are_counted() {
        let hole = (
            "2024-03-02 10:00:00",
            "2024-03-12 10:00:00",
            MissingReason::NoLog,
        );
        let last = (
            "2024-03-13 10:00:00",
            "2024-03-19 10:00:00",
            MissingReason::NoLog,
        );
        let mut gaps = vec![hole; GAPS];
        gaps.push(last);
        let held = Held::new(vec![of(Source::Cbs, &gaps)]).expect("held");
        let of = &held.sources[0];
        assert_eq!((of.gaps.len(), of.gaps_total), (GAPS, GAPS + 1));
        assert_eq!(of.gaps[GAPS - 1].to.as_deref(), Some("2024-03-19 10:00:00"));
    }
}
