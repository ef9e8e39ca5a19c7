//! What is said of a job.

use crate::report::counted;
use event::{LoggedAt, UtcMillis};
use serde_json::{Value, json};
use std::fmt::Write;
use store::{Job, JobStep};

pub(super) fn phase(name: &str) -> &'static str {
    match name {
        "classify" => "classify",
        "take_back" => "take back what is no event any more",
        "derive" => "ask for derivations",
        "count" => "count again",
        _ => "wait for derivations",
    }
}

pub(super) fn line(job: &Job) -> String {
    let of = job.selection();
    let which = match (job.label.as_str(), of.endpoints.len()) {
        ("", 0) => "all endpoints".to_owned(),
        ("", count) => counted(count as u64, "endpoint", "endpoints"),
        (label, _) => harmless::line(label).into_owned(),
    };
    let kind = match job.is_rollback() {
        true => format!("rollback of {}", harmless::line(&job.undoes)),
        false => "reprocess".to_owned(),
    };
    let set = match job.rule_set {
        0 => format!("against rule set {}", job.base),
        set => format!("rule set {set}, before it {}", job.base),
    };
    format!(
        "{}  {}  {kind}  {which}, {} to {}  {set}  {} by {}\n",
        harmless::line(&job.id),
        job.state().name(),
        date(of.from),
        date(of.to),
        UtcMillis(job.changed),
        harmless::line(&job.actor)
    )
}

/// Bytes of logs a second of work, and seconds that are left of classifying at that rate.
fn rate(step: &JobStep) -> (u64, Option<u64>) {
    let rate = step
        .bytes
        .saturating_mul(1_000)
        .checked_div(step.busy_ms)
        .unwrap_or(0);
    let left = step.bytes_total.saturating_sub(step.bytes);
    (
        rate,
        left.checked_div(rate).filter(|_| step.phase == "classify"),
    )
}

pub(super) fn told(step: &JobStep) -> String {
    let mut out = String::new();
    let (rate, left) = rate(step);
    let _ = writeln!(
        out,
        "{}: {} of {} MiB of logs, {} MiB/s{}",
        phase_done(&step.phase),
        step.bytes >> 20,
        step.bytes_total >> 20,
        rate >> 20,
        left.map_or_else(String::new, |seconds| format!(", {seconds} s left"))
    );
    let _ = writeln!(
        out,
        "{}, {}, {} made, {} taken back, {} to derive",
        counted(step.chunks, "chunk", "chunks"),
        counted(step.records, "record", "records"),
        counted(step.events, "event", "events"),
        step.taken_back,
        counted(step.units, "month of an endpoint", "months of endpoints")
    );
    if step.poisoned > 0 {
        let chunks = counted(step.poisoned, "chunk", "chunks");
        let _ = writeln!(out, "{chunks} cannot be classified and stay as they are");
    }
    out
}

fn phase_done(name: &str) -> &'static str {
    match name {
        "done" => "stored",
        other => phase(other),
    }
}

pub(super) fn told_json(job: &Job, step: Option<&JobStep>) -> Value {
    let of = job.selection();
    let progress = step.map(|step| {
        let (rate, left) = rate(step);
        json!({
            "phase": step.phase, "round": step.round, "bytes": step.bytes, "bytes_total": step.bytes_total,
            "chunks": step.chunks, "records": step.records, "events": step.events, "poisoned": step.poisoned,
            "taken_back": step.taken_back, "units": step.units, "bytes_per_second": rate, "seconds_left": left,
            "at": UtcMillis(step.at).to_string(),
        })
    });
    let diff: Value = serde_json::from_str(&job.diff).unwrap_or(Value::Null);
    json!({
        "version": 1, "job": job.id, "kind": job.kind, "undoes": job.undoes, "state": job.state().name(),
        "made": UtcMillis(job.made).to_string(), "changed": UtcMillis(job.changed).to_string(), "by": job.actor,
        "from": date(of.from), "to": date(of.to), "endpoints": of.endpoints, "label": job.label, "sources": of.sources,
        "digest": job.digest, "base": job.base, "base_digest": job.base_digest, "rule_set": job.rule_set,
        "progress": progress, "diff": diff,
    })
}

pub(super) fn date(day: u16) -> String {
    let at = LoggedAt(i64::from(day) * 86_400).to_string();
    at.split(' ').next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_rate_is_of_work_and_foretells_only_what_is_read() {
        let step = JobStep {
            phase: "classify".to_owned(),
            bytes_total: 10 << 20,
            bytes: 4 << 20,
            busy_ms: 2_000,
            ..JobStep::default()
        };
        assert_eq!(rate(&step), (2 << 20, Some(3)));
        let told = told(&step);
        assert!(
            told.starts_with("classify: 4 of 10 MiB of logs, 2 MiB/s, 3 s left\n"),
            "{told}"
        );
        let done = JobStep {
            phase: "done".to_owned(),
            ..step
        };
        assert_eq!(rate(&done).1, None);
        assert_eq!(rate(&JobStep::default()), (0, None));
    }
}
