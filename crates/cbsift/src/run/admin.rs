//! Health and metrics, on an address of their own.

use super::tokens::Believed;
use crate::keeper::{Notes, Space};
use axum::Router;
use axum::http::StatusCode;
use axum::routing::get;
use embedded_clickhouse::Health;
use metrics::{counter, describe_counter, describe_gauge, describe_histogram, gauge};
use metrics_exporter_prometheus::{Matcher, PrometheusBuilder, PrometheusHandle};
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use tokio::time::{Instant, timeout, timeout_at};

type Soon<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// Asked for `/readyz`: why the role is not ready, if it is not.
type Check = Arc<dyn Fn() -> Soon<Result<(), String>> + Send + Sync>;

/// Asked for `/readyz`: what to say beside readiness.
type Note = Arc<dyn Fn() -> Soon<Result<Vec<String>, String>> + Send + Sync>;

fn warning(what: impl std::fmt::Display) -> String {
    format!("warning: {what}")
}

/// Run before `/metrics` answers: what is known elsewhere becomes gauges and counters.
type Refresh = Arc<dyn Fn() -> Soon<()> + Send + Sync>;

/// Health and metrics of one role.
#[derive(Clone)]
pub(super) struct Admin {
    metrics: PrometheusHandle,
    checks: Vec<Check>,
    notes: Vec<Note>,
    refreshes: Vec<Refresh>,
    kept: Option<Notes>,
}

/// Sizes of a batch: from one live chunk to the bound of a batch, each four times the one before.
const BATCH_BYTES: [f64; 7] = [
    4_096.0,
    16_384.0,
    65_536.0,
    262_144.0,
    1_048_576.0,
    4_194_304.0,
    16_777_216.0,
];

/// A store that hangs must not hang `/metrics`, which is looked at most of all then: Prometheus gives up after 10 s.
const REFRESH: Duration = Duration::from_secs(2);

/// The same of `/readyz`, all of it: whoever asks hears that the store hangs, and not silence. Longer than the check of the store
/// itself, which knows better what to say.
const READINESS: Duration = Duration::from_secs(4);

impl Admin {
    /// Installs the process's recorder, so once a process.
    pub(super) fn new(role: &'static str) -> anyhow::Result<Self> {
        let metrics = PrometheusBuilder::new()
            .set_buckets_for_metric(
                Matcher::Full("cbsift_pipeline_batch_bytes".to_owned()),
                &BATCH_BYTES,
            )?
            .install_recorder()?;
        describe();
        gauge!("cbsift_build_info", "version" => env!("CARGO_PKG_VERSION"), "role" => role).set(1);
        Ok(Self {
            metrics,
            checks: Vec::new(),
            notes: Vec::new(),
            refreshes: Vec::new(),
            kept: None,
        })
    }

    /// The role is ready only while `check` finds nothing wrong.
    pub(super) fn with_check<F>(mut self, check: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = Result<(), String>> + Send + 'static,
    {
        self.checks.push(Arc::new(move || Box::pin(check())));
        self
    }

    /// `note` says what is wrong while the role is ready all the same.
    pub(super) fn with_note(
        mut self,
        note: impl Fn() -> Option<String> + Send + Sync + 'static,
    ) -> Self {
        self.notes.push(Arc::new(move || {
            let lines = note().map(warning).into_iter().collect();
            Box::pin(async move { Ok(lines) })
        }));
        self
    }

    /// `refresh` sets what `/metrics` is about to show.
    pub(super) fn with_refresh<F>(mut self, refresh: impl Fn() -> F + Send + Sync + 'static) -> Self
    where
        F: Future<Output = ()> + Send + 'static,
    {
        self.refreshes.push(Arc::new(move || Box::pin(refresh())));
        self
    }

    /// What an intake in this process answers.
    pub(super) fn with_traffic(self, traffic: ::ingest::Traffic) -> Self {
        self.with_refresh(move || {
            traffic.publish();
            async {}
        })
    }

    /// Whose tokens this process believes.
    pub(super) fn with_tokens(self, believed: Believed) -> Self {
        let noted = believed.clone();
        self.with_note(move || noted.note()).with_refresh(move || {
            believed.publish();
            async {}
        })
    }

    /// What a pipeline in this process does.
    pub(super) fn with_pipeline(self, status: pipeline::Status, store: Store) -> Self {
        self.with_refresh(move || {
            let (status, store) = (status.clone(), store.clone());
            async move { publish_pipeline(&status, &store).await }
        })
    }

    /// Ready only while the engine of this process answers; says so where nothing confines it.
    pub(super) fn with_engine(self, engine: Health) -> Self {
        let (checked, noted) = (engine.clone(), engine.clone());
        self.with_check(move || {
            let trouble = checked.status().trouble;
            async move { trouble.map_or(Ok(()), Err) }
        })
        .with_note(move || {
            let reason = noted.status().unconfined?;
            Some(format!("the engine is not confined: {reason}"))
        })
        .with_refresh(move || {
            let status = engine.status();
            counter!("cbsift_engine_restarts_total").absolute(status.restarts);
            gauge!("cbsift_engine_confined").set(u8::from(status.unconfined.is_none()));
            let resident = engine.resident_bytes().unwrap_or_default();
            gauge!("cbsift_engine_resident_bytes").set(resident as f64);
            async {}
        })
    }

    /// Ready only with a rule set that this build can run.
    pub(super) fn with_rules(self, status: pipeline::Status) -> Self {
        self.with_check(move || {
            let rule_set = status.rule_set();
            async move { rule_set.map(|_| ()).map_err(|error| error.to_string()) }
        })
    }

    /// Ready while the store answers; says beside it what is left to derive and what could not be. A backlog makes nobody
    /// unready: it may be one endpoint's, and the others' logs are taken and derived meanwhile.
    pub(super) fn with_derivation(mut self, status: pipeline::Status, store: Store) -> Self {
        self.notes.push(Arc::new(move || {
            let (status, store) = (status.clone(), store.clone());
            Box::pin(async move {
                let away = |error| format!("the store does not answer: {error}");
                let open = status.open_news(&store).await.map_err(away)?;
                let dead = store.count_dead_units().await.map_err(away)?;
                let mut notes = Vec::new();
                if open.units > 0 {
                    let seconds = open.oldest.as_secs();
                    notes.push(format!(
                        "{} units left to derive, the oldest for {seconds} s",
                        open.units
                    ));
                }
                if dead > 0 {
                    notes.push(format!("{dead} dead units, see `cbsift dead-units list`"));
                }
                Ok(notes)
            })
        }));
        self
    }

    /// The disk that the store takes, of a store that has a bound.
    ///
    /// A full one is not ready, as it takes no logs.
    pub(super) fn with_disk(self, store: Store, space: Space) -> Self {
        let checked = space.clone();
        self.with_check(move || {
            let full = checked.full();
            async move { full.map_or(Ok(()), |full| Err(full.to_string())) }
        })
        .with_refresh(move || {
            let (store, space) = (store.clone(), space.clone());
            async move {
                if let Ok(used) = store.disk_used().await {
                    gauge!("cbsift_store_disk_bytes").set(used as f64);
                }
                gauge!("cbsift_store_disk_max_bytes").set(space.max() as f64);
                gauge!("cbsift_store_full").set(u8::from(space.full().is_some()));
                if let Some(found) = space.file_system() {
                    gauge!("cbsift_store_file_system_free_bytes").set(found.free as f64);
                    gauge!("cbsift_store_file_system_bytes").set(found.size as f64);
                }
            }
        })
    }

    /// How alerts are evaluated.
    pub(super) fn with_alerts(self, status: alert::Status) -> Self {
        let noted = status.clone();
        self.with_note(move || noted.trouble())
            .with_refresh(move || {
                status.publish();
                async {}
            })
    }

    /// What is not well but stops nothing.
    pub(super) fn with_notes(mut self, notes: Notes) -> Self {
        self.kept = Some(notes.clone());
        self.with_refresh(move || {
            gauge!("cbsift_store_lost_parts").set(notes.lost_parts() as f64);
            gauge!("cbsift_store_clock_doubtful").set(u8::from(notes.has("clock")));
            async {}
        })
    }

    pub(super) fn router(self) -> Router {
        let (ready, metrics) = (self.clone(), self);
        Router::new()
            .route("/healthz", get(|| async { "alive\n" }))
            .route(
                "/readyz",
                get(move || async move { ready.readiness(READINESS).await }),
            )
            .route("/metrics", get(move || async move { metrics.text().await }))
    }

    async fn readiness(&self, within: Duration) -> (StatusCode, String) {
        let (mut missing, mut notes) = (String::new(), Vec::new());
        let end = Instant::now() + within;
        let late = || format!("the store does not answer within {} s", within.as_secs());
        // With the time over each is still asked once: what knows its answer gives it.
        for check in &self.checks {
            let checked = timeout_at(end, check()).await;
            if let Err(reason) = checked.unwrap_or_else(|_| Err(late())) {
                missing.extend([reason.as_str(), "\n"]);
            }
        }
        for note in &self.notes {
            let noted = timeout_at(end, note()).await;
            match noted.unwrap_or_else(|_| Err(late())) {
                Ok(lines) => notes.extend(lines),
                Err(reason) => missing.extend([reason.as_str(), "\n"]),
            }
        }
        let is_ready = missing.is_empty();
        let mut said = if is_ready {
            "ready\n".to_owned()
        } else {
            missing
        };
        let kept = self.kept.iter().flat_map(Notes::all);
        for note in notes.into_iter().chain(kept.map(warning)) {
            said.push_str(&format!("{note}\n"));
        }
        let status = if is_ready {
            StatusCode::OK
        } else {
            StatusCode::SERVICE_UNAVAILABLE
        };
        (status, said)
    }

    async fn text(&self) -> String {
        for refresh in &self.refreshes {
            // What was not refreshed in time shows what it showed before.
            let _ = timeout(REFRESH, refresh()).await;
        }
        self.metrics.run_upkeep();
        self.metrics.render()
    }
}

/// Sets the counters of a pipeline.
pub(super) async fn publish_pipeline(status: &pipeline::Status, store: &Store) {
    let counts = status.counts();
    counter!("cbsift_pipeline_chunks_total").absolute(counts.chunks);
    counter!("cbsift_pipeline_bytes_total").absolute(counts.bytes);
    counter!("cbsift_pipeline_events_total").absolute(counts.events);
    counter!("cbsift_pipeline_noise_total").absolute(counts.noise);
    counter!("cbsift_pipeline_orphans_total").absolute(counts.orphans);
    counter!("cbsift_pipeline_loose_bytes_total").absolute(counts.loose_bytes);
    counter!("cbsift_pipeline_half_read_total").absolute(counts.half_read);
    counter!("cbsift_pipeline_erased_total").absolute(counts.erased);
    counter!("cbsift_pipeline_derivations_total").absolute(counts.derivations);
    counter!("cbsift_pipeline_handed_over_total").absolute(counts.handed_over);
    // Those that are no chunk at all are counted where they come from Kafka, under other reasons.
    for (reason, letters) in [
        ("panic", counts.dead_lettered_panic),
        ("rows_refused", counts.dead_lettered_refused),
    ] {
        counter!("cbsift_pipeline_dead_letters_total", "reason" => reason).absolute(letters);
    }
    // Left as it was while none can be used: readiness says so, and a jump to another number would look like an upgrade.
    if let Ok(sequence) = status.rule_set() {
        gauge!("cbsift_rule_set").set(f64::from(sequence));
    }
    // Absent rather than wrong while the store does not answer.
    if let Ok(open) = status.open_news(store).await {
        gauge!("cbsift_pipeline_pending_units").set(open.units as f64);
        gauge!("cbsift_pipeline_oldest_news_seconds").set(open.oldest.as_secs_f64());
    }
    if let Ok(dead) = store.count_dead_units().await {
        gauge!("cbsift_pipeline_dead_units").set(dead as f64);
    }
}

fn describe() {
    for (name, what) in [
        ("cbsift_build_info", "The build and the role, always 1."),
        ("cbsift_rule_set", "Sequence of the rule set in use."),
        (
            "cbsift_queue_in_flight_bytes",
            "Bytes sent to Kafka, or read from it, and not acknowledged.",
        ),
        (
            "cbsift_queue_partitions",
            "Partitions that this process reads.",
        ),
        (
            "cbsift_serve_connections",
            "Connections, with those that are just being closed.",
        ),
        ("cbsift_tokens", "Tokens that are good here."),
        (
            "cbsift_tokens_age_seconds",
            "How long ago the store's tokens were read: a revocation since then is not known here.",
        ),
        (
            "cbsift_tokens_waiting",
            "Enrolments that wait for approval.",
        ),
        (
            "cbsift_ingest_in_flight_bytes",
            "Bodies in memory, doubled for their text, as `ingest.in_flight_max` counts them.",
        ),
        (
            "cbsift_pipeline_pending_units",
            "Units whose news are not derived yet.",
        ),
        (
            "cbsift_pipeline_oldest_news_seconds",
            "How long the oldest news waits for its derivation.",
        ),
        (
            "cbsift_pipeline_dead_units",
            "Units that cannot be derived until something changes.",
        ),
        (
            "cbsift_pipeline_in_flight_chunks",
            "Chunks read and neither stored nor dead-lettered yet.",
        ),
        (
            "cbsift_pipeline_oldest_unacknowledged_seconds",
            "Age of the oldest chunk read and not acknowledged.",
        ),
        (
            "cbsift_queue_lag_records",
            "Records of a partition that are not acknowledged yet; 0 of one that another process reads.",
        ),
        (
            "cbsift_queue_lag_seconds",
            "Age of a partition's oldest record that is not acknowledged.",
        ),
        (
            "cbsift_queue_halted_partitions",
            "Partitions that wait for a person; the log names the reason.",
        ),
        (
            "cbsift_ingest_in_flight_requests",
            "Requests whose chunks are not durable yet.",
        ),
        (
            "cbsift_ingest_oldest_unacknowledged_seconds",
            "Age of the oldest request whose chunks are not durable yet.",
        ),
        (
            "cbsift_engine_confined",
            "Whether the engine's process can reach nothing but its data.",
        ),
        (
            "cbsift_engine_resident_bytes",
            "Memory of the engine's process; 0 while it is away.",
        ),
        ("cbsift_store_disk_bytes", "Disk that the store takes."),
        (
            "cbsift_store_disk_max_bytes",
            "Disk that it may take; 0 = no bound.",
        ),
        (
            "cbsift_store_full",
            "Whether the intake refuses logs because the disk is full.",
        ),
        (
            "cbsift_store_file_system_free_bytes",
            "Free bytes of the file system that holds the store.",
        ),
        ("cbsift_store_file_system_bytes", "Its size."),
        (
            "cbsift_store_lost_parts",
            "Parts of the store that the engine put aside or cannot read.",
        ),
        (
            "cbsift_alert_evaluates",
            "Whether this process evaluates alerts; of several one does.",
        ),
        (
            "cbsift_alert_lag_seconds",
            "How long ago every alert rule could be asked; 0 where another process evaluates.",
        ),
        (
            "cbsift_alert_evaluation_seconds",
            "How long the last evaluation took.",
        ),
        ("cbsift_alert_firing", "Groups of alert rules that fire."),
        (
            "cbsift_store_clock_doubtful",
            "Whether text does not expire because the clock has jumped.",
        ),
    ] {
        describe_gauge!(name, what);
    }
    for (name, what) in [
        (
            "cbsift_engine_restarts_total",
            "How often the engine's process was started again.",
        ),
        (
            "cbsift_alert_evaluations_total",
            "Evaluations of all alert rules.",
        ),
        (
            "cbsift_alert_errors_total",
            "Alert rules that could not be asked, summed over evaluations.",
        ),
        (
            "cbsift_alert_deliveries_total",
            "Tries to deliver a message, by receiver and outcome.",
        ),
        (
            "cbsift_ingest_requests_total",
            "Answers of the intake, by status.",
        ),
        ("cbsift_ingest_bytes_total", "Source bytes acknowledged."),
        ("cbsift_ingest_chunks_total", "Chunks acknowledged."),
        (
            "cbsift_ingest_bodies_total",
            "Bodies that began; acknowledged, refused, abandoned and in flight add up to it.",
        ),
        (
            "cbsift_ingest_acknowledged_total",
            "Bodies that are durable, whose senders were told.",
        ),
        (
            "cbsift_ingest_refused_total",
            "Bodies not taken, whose senders were told, by reason.",
        ),
        (
            "cbsift_ingest_abandoned_total",
            "Bodies whose connection ended before their answer.",
        ),
        (
            "cbsift_ingest_replacements_total",
            "Characters of bodies that could not be decoded.",
        ),
        (
            "cbsift_ingest_unproven_imports_total",
            "Files whose digest was named and not proven.",
        ),
        (
            "cbsift_serve_evicted_total",
            "Connections that made room for others, by reason.",
        ),
        (
            "cbsift_serve_refused_total",
            "Connections for which nobody could make room, by reason.",
        ),
        (
            "cbsift_queue_produced_total",
            "Records that Kafka acknowledged.",
        ),
        ("cbsift_queue_produced_bytes_total", "Their bytes of text."),
        (
            "cbsift_queue_produce_errors_total",
            "Records that Kafka did not acknowledge.",
        ),
        ("cbsift_queue_commits_total", "Commits that the group took."),
        (
            "cbsift_queue_commit_errors_total",
            "Commits that failed; their offsets go with the next.",
        ),
        ("cbsift_queue_consumed_total", "Records read from Kafka."),
        ("cbsift_queue_consumed_bytes_total", "Their bytes."),
        (
            "cbsift_queue_rebalances_total",
            "Changes of the partitions of this process.",
        ),
        (
            "cbsift_queue_gaps_total",
            "Ranges of a topic that were gone before they were read.",
        ),
        (
            "cbsift_pipeline_read_total",
            "Chunks read; stored, dead-lettered, given back and in flight add up to it.",
        ),
        (
            "cbsift_pipeline_given_back_total",
            "Chunks whose partition went to another process before they were acknowledged.",
        ),
        (
            "cbsift_pipeline_dead_letters_total",
            "Records that became dead letters, by reason.",
        ),
        (
            "cbsift_pipeline_retries_total",
            "Tries that did not store a batch, by reason.",
        ),
        ("cbsift_pipeline_chunks_total", "Chunks stored."),
        (
            "cbsift_pipeline_bytes_total",
            "Source bytes of the chunks stored.",
        ),
        ("cbsift_pipeline_events_total", "Event rows written."),
        ("cbsift_pipeline_noise_total", "Noise records written."),
        (
            "cbsift_pipeline_orphans_total",
            "Continuations of CSI records whose start is missing, of the chunks stored.",
        ),
        (
            "cbsift_pipeline_loose_bytes_total",
            "Bytes that belong to no record, of the chunks stored.",
        ),
        (
            "cbsift_pipeline_half_read_total",
            "Events that name no provider, time or id, of the chunks stored.",
        ),
        (
            "cbsift_pipeline_erased_total",
            "Chunks not kept, because their machines were erased after they logged them.",
        ),
        ("cbsift_pipeline_derivations_total", "Units derived."),
        (
            "cbsift_pipeline_handed_over_total",
            "Units stored here and left to whoever derives their endpoints.",
        ),
    ] {
        describe_counter!(name, what);
    }
    describe_histogram!("cbsift_pipeline_batch_bytes", "Text of a batch.");
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::pending;

    #[tokio::test]
    async fn a_check_that_hangs_hides_nothing_that_is_known() {
        let admin = Admin {
            metrics: PrometheusBuilder::new().build_recorder().handle(),
            checks: Vec::new(),
            notes: Vec::new(),
            refreshes: Vec::new(),
            kept: None,
        };
        let admin = admin
            .with_check(pending)
            .with_check(|| async { Err("known".to_owned()) })
            .with_note(|| Some("noted".to_owned()));
        let (status, said) = admin.readiness(Duration::ZERO).await;
        assert_eq!(status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(
            said,
            "the store does not answer within 0 s\nknown\nwarning: noted\n"
        );
    }
}
