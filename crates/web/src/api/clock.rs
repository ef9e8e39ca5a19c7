//! Whether a machine's clock is ahead of ours.

use event::Source;
use store::StreamSummary;

/// A clock that is so far ahead is told: what is below may be a slow sender's, or the intake's own clock.
const AHEAD_MINUTES: i64 = 60;

/// How far a machine's clock is ahead, in minutes: nothing it logs can be later than when we heard of it last. Event logs are UTC's, and of
/// others only those tell whose zone a record shows.
pub(super) fn clock_ahead(streams: &[StreamSummary], contact_ms: i64) -> Option<i64> {
    let latest = streams.iter().filter_map(|stream| {
        let minutes = match stream.source {
            Source::EventLog => 0,
            _ => {
                let zone = stream.utc.iter().max_by_key(|zone| zone.from)?;
                (!zone.how.is_weak()).then_some(zone.minutes)?
            }
        };
        Some(stream.last?.0 - i64::from(minutes) * 60)
    });
    let ahead = (latest.max()? - contact_ms.div_euclid(1_000)).div_euclid(60);
    (contact_ms > 0 && ahead >= AHEAD_MINUTES).then_some(ahead)
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{LoggedAt, StreamId, TextEncoding, UtcHow};
    use store::UtcSegment;

    fn stream(source: Source, last: &str, zone: Option<(i32, UtcHow)>) -> StreamSummary {
        let last = LoggedAt::parse(last.as_bytes());
        StreamSummary {
            stream: StreamId(1),
            source,
            path: "a.log".to_owned(),
            encoding: TextEncoding::Utf8,
            bytes: 9,
            first: last,
            last,
            utc: zone
                .map(|(minutes, how)| UtcSegment {
                    minutes,
                    how,
                    from: LoggedAt(0),
                })
                .into_iter()
                .collect(),
            utc_total: 1,
            gaps: Vec::new(),
            gaps_total: 0,
        }
    }

    #[test]
    fn a_clock_is_ahead_where_a_log_with_its_zone_is_later_than_we_heard_it() {
        let contact = LoggedAt::parse(b"2024-05-20 09:00:00").expect("a time").0 * 1_000;
        let csi = |minutes| Some((minutes, UtcHow::CsiStamp));
        let of = |last: &str, zone| clock_ahead(&[stream(Source::Cbs, last, zone)], contact);
        // Beijing, on time, an hour less a minute ahead, and two hours.
        assert_eq!(of("2024-05-20 16:59:00", csi(480)), None);
        assert_eq!(of("2024-05-20 17:59:00", csi(480)), None);
        assert_eq!(of("2024-05-20 19:00:00", csi(480)), Some(120));
        // Seattle, whose event logs are in UTC: its offset is not theirs.
        let both = [
            stream(Source::Cbs, "2024-05-20 02:00:00", csi(-420)),
            stream(Source::EventLog, "2024-05-20 09:00:00", None),
        ];
        assert_eq!(clock_ahead(&both, contact), None);
        let event = [stream(Source::EventLog, "2024-05-20 10:30:00", None)];
        assert_eq!(clock_ahead(&event, contact), Some(90));
        // Nobody knows the zone, or only a session id shows it, which runs ahead when a clock was set back.
        for zone in [None, Some((480, UtcHow::SessionId))] {
            assert_eq!(of("2024-05-21 09:00:00", zone), None);
        }
        assert_eq!(clock_ahead(&event, 0), None);
    }
}
