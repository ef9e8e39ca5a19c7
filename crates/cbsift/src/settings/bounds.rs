//! The pipeline's bounds.

use super::Check;
use serde::Deserialize;
use std::time::Duration;

/// The table `pipeline`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPipeline {
    batch_bytes: String,
    batch_linger: String,
    batch_little: String,
    batch_pause: String,
    batches_in_flight: usize,
    months_at_once: usize,
    wide_bytes: String,
    workers: usize,
    queue_bytes: String,
    queue_wait: String,
    derive_quiet: String,
    derive_latest: String,
    derive_pause: String,
    derive_retry: String,
    derive_parallel: usize,
    derive_memory: String,
    sweep: String,
    sweep_age: String,
    rules_poll: String,
}

/// Less would make dead units of days that a machine may well have.
const MIN_DERIVE_MEMORY: u64 = 16 << 20;

/// A batch takes a whole chunk at least, and what is taken a whole body.
const MIN_BATCH: u64 = 1 << 20;
const MIN_QUEUE: u64 = 8 << 20;

/// More of anything at once would only wait for the store.
const MAX_AT_ONCE: usize = 64;

/// Signs that an owner lives are cleared after an hour: sweeps must look no further back.
const MAX_SWEEP_AGE: Duration = Duration::from_secs(30 * 60);

fn sweep_age(check: &mut Check<'_>, text: &str) -> Duration {
    let age = check.time("pipeline.sweep_age", text);
    if age > MAX_SWEEP_AGE {
        check.problems.push(format!(
            "`pipeline.sweep_age` is \"{text}\", but signs that another pipeline lives are kept for an hour only\nhint: \"30m\" is the most"
        ));
    }
    age
}

impl RawPipeline {
    pub(super) fn check(&self, check: &mut Check<'_>) -> pipeline::Config {
        let bytes = |check: &mut Check<'_>, key: &str, text: &str, min| {
            let bytes = check.bound(&format!("pipeline.{key}"), text, min);
            usize::try_from(bytes).unwrap_or(usize::MAX)
        };
        let time = |check: &mut Check<'_>, key: &str, text: &str| {
            check.time(&format!("pipeline.{key}"), text)
        };
        let count = |check: &mut Check<'_>, key: &str, number| {
            check.count(&format!("pipeline.{key}"), number, MAX_AT_ONCE)
        };
        pipeline::Config {
            batch_bytes: bytes(check, "batch_bytes", &self.batch_bytes, MIN_BATCH),
            batch_linger: time(check, "batch_linger", &self.batch_linger),
            batch_little: bytes(check, "batch_little", &self.batch_little, 1),
            batch_pause: time(check, "batch_pause", &self.batch_pause),
            batches_in_flight: count(check, "batches_in_flight", self.batches_in_flight),
            months_at_once: count(check, "months_at_once", self.months_at_once),
            wide_bytes: bytes(check, "wide_bytes", &self.wide_bytes, MIN_BATCH),
            workers: count(check, "workers", self.workers),
            queue_bytes: bytes(check, "queue_bytes", &self.queue_bytes, MIN_QUEUE),
            queue_wait: time(check, "queue_wait", &self.queue_wait),
            derive_quiet: time(check, "derive_quiet", &self.derive_quiet),
            derive_latest: time(check, "derive_latest", &self.derive_latest),
            derive_pause: time(check, "derive_pause", &self.derive_pause),
            derive_retry: time(check, "derive_retry", &self.derive_retry),
            derive_parallel: count(check, "derive_parallel", self.derive_parallel),
            derive_memory: check.bound(
                "pipeline.derive_memory",
                &self.derive_memory,
                MIN_DERIVE_MEMORY,
            ),
            sweep: time(check, "sweep", &self.sweep),
            sweep_age: sweep_age(check, &self.sweep_age),
            rules_poll: time(check, "rules_poll", &self.rules_poll),
            ..pipeline::Config::default()
        }
    }
}
