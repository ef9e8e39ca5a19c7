//! `cbsift endpoints coverage`: from when to when the logs of an endpoint are held, and where they are not.

use super::read_id;
use crate::access::patiently;
use crate::keeper::now_ms;
use crate::misuse::Misuse;
use crate::report::counted;
use crate::run::TENANT;
use clap::ValueEnum;
use event::LoggedAt;
use std::fmt::Write;
use store::{MissingReason, SourceCoverage, Store};

#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Format {
    /// For people
    Text,
    /// One JSON array
    Json,
}

pub(super) async fn coverage(store: &Store, id: &str, format: Format) -> anyhow::Result<()> {
    read_id(id)?;
    let now = LoggedAt(now_ms() / 1_000);
    let held = patiently(|| store.times_held(TENANT, id, now)).await?;
    if held.is_empty() {
        return Err(Misuse(format!(
            "no logs of an endpoint `{id}` are or were held\nhint: `cbsift endpoints list --search TEXT` shows those there are"
        ))
        .into());
    }
    let text = match format {
        Format::Text => lines(&held),
        Format::Json => {
            let json = serde_json::to_string_pretty(&json(&held))?;
            format!("{}\n", harmless::json(&json))
        }
    };
    super::super::print(&text)?;
    Ok(())
}

/// Gaps of a kind of log that are listed; beyond them their number says enough.
const GAPS_LISTED: usize = 50;

fn told(reason: MissingReason) -> &'static str {
    match reason {
        MissingReason::StartMissing => {
            "the start of the log never came: rotated away before it was sent, or sent from the middle on"
        }
        MissingReason::NotReceived => "bytes of the log never came",
        MissingReason::TopicLost => {
            "bytes of the log never came; at that time Kafka deleted records before they were read"
        }
        MissingReason::NoLog => {
            "no log of that time: none was written, or it was rotated away before it was sent"
        }
        MissingReason::Silent => "nothing has come since",
        MissingReason::Lost(reason) => reason.text(),
    }
}

fn time(at: Option<LoggedAt>) -> String {
    at.map_or_else(|| "…".to_owned(), |at| at.to_string())
}

fn lines(held: &[SourceCoverage]) -> String {
    let mut out = String::new();
    for of in held {
        let _ = writeln!(
            out,
            "{}  {} to {}  {} of {} bytes  {}",
            of.source.name(),
            time(of.first),
            time(of.last),
            counted(of.logs, "log", "logs"),
            of.bytes,
            match of.gaps.len() {
                0 => "nothing is known to be missing".to_owned(),
                count => counted(count as u64, "gap", "gaps"),
            }
        );
        for gap in of.gaps.iter().take(GAPS_LISTED) {
            let _ = write!(
                out,
                "  {} to {}  {}",
                time(gap.from),
                time(gap.to),
                told(gap.reason)
            );
            let bytes = gap.bytes.map(|place| ("bytes", place));
            let records = gap.records.map(|place| ("records", place));
            for (what, (from, to)) in bytes.into_iter().chain(records) {
                let path = harmless::line(&gap.path);
                let _ = write!(out, "  {what} {from} to {to} of {path}");
            }
            out.push('\n');
        }
        let left = of.gaps.len().saturating_sub(GAPS_LISTED);
        if left > 0 {
            let _ = writeln!(out, "  and {left} more");
        }
    }
    out
}

fn json(held: &[SourceCoverage]) -> serde_json::Value {
    let time = |at: Option<LoggedAt>| at.map(|at| at.to_string());
    held.iter()
        .map(|of| {
            let gaps = of.gaps.iter().map(|gap| {
                serde_json::json!({
                    "stream": gap.stream.map(|stream| stream.to_string()),
                    "path": gap.path,
                    "from": time(gap.from),
                    "to": time(gap.to),
                    "bytes": gap.bytes.map(|(from, to)| [from, to]),
                    "records": gap.records.map(|(from, to)| [from, to]),
                    "reason": gap.reason.name(),
                })
            });
            serde_json::json!({
                "source": of.source.name(),
                "logs": of.logs,
                "bytes": of.bytes,
                "first": time(of.first),
                "last": time(of.last),
                "gaps": gaps.collect::<Vec<_>>(),
            })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use event::{Source, StreamId};
    use store::CoverageGap;

    #[test]
    fn a_gap_has_its_times_its_bytes_and_its_reason() {
        let gap = CoverageGap {
            stream: Some(StreamId(7)),
            path: "CBS\u{1b}.log".to_owned(),
            from: None,
            to: LoggedAt::parse(b"2022-08-18 15:53:46"),
            bytes: Some((0, 900)),
            records: None,
            reason: MissingReason::StartMissing,
        };
        let held = SourceCoverage {
            source: Source::Cbs,
            logs: 1,
            bytes: 100,
            first: LoggedAt::parse(b"2022-08-18 15:53:46"),
            last: None,
            gaps: vec![gap; GAPS_LISTED + 1],
        };
        let text = lines(std::slice::from_ref(&held));
        assert!(
            text.starts_with("cbs  2022-08-18 15:53:46 to …  1 log of 100 bytes  51 gaps\n  … to 2022-08-18 15:53:46  the start")
                && text.ends_with("and 1 more\n")
                && !text.contains('\u{1b}'),
            "{text}"
        );
        assert_eq!(json(&[held])[0]["gaps"][0]["reason"], "start_missing");
    }
}
