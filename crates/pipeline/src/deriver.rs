//! From news to derivations.

use crate::{
    Config,
    outbox::{Due, Outbox},
    rule_sets::Current,
    status::Counters,
};
use classify::{Rules, StreamFacts, UnitInput, derive};
use event::{LoggedAt, Marker, Month, Unit};
use std::{
    collections::{BTreeMap, BTreeSet},
    panic::{AssertUnwindSafe, catch_unwind},
    sync::{Arc, atomic::Ordering},
    time::Duration,
};
use store::{EndpointFacts, Piece, Store, StoreError, UnitDerivation, UnitRows};
use tokio::{
    task::JoinSet,
    time::{Instant, interval, sleep_until},
};
use tokio_util::sync::CancellationToken;

/// What every job needs.
pub(crate) struct Deriver {
    pub(crate) config: Config,
    pub(crate) store: Store,
    pub(crate) rules: Arc<Current>,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) counters: Arc<Counters>,
}

/// Units of one job: their rows are inserted together, because an INSERT costs some 15 ms of CPU whatever it holds.
const UNITS_OF_A_JOB: usize = 256;

/// Months read together: units of a run share their neighbours, and memory stays bounded by months and not by history.
const MONTHS_OF_A_RUN: usize = 6;

/// Endpoints read together: enough to share the cost of a question, few enough to hold their events in memory.
const ENDPOINTS_OF_A_READ: usize = 16;

/// Rows of news that one sweep reads; the next one goes on.
const SWEEP_ROWS: usize = 50_000;

/// Derives what has news until shutdown. What is left stays open in the store.
pub(crate) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let (quiet, latest) = (deriver.config.derive_quiet, deriver.config.derive_latest);
    let mut sweep = interval(deriver.config.sweep);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut age = deriver.config.first_sweep_age;
    let mut jobs: JoinSet<()> = JoinSet::new();
    // Jobs start as far apart as a unit must be quiet: units that are due meanwhile share the next one's inserts.
    let mut next_job = Instant::now();
    let mut switched = deriver.rules.subscribe();
    while !shutdown.is_cancelled() {
        // Without a rule set that can be used nothing is derived: news stays open.
        let is_free = jobs.len() < deriver.config.derive_parallel && deriver.rules.get().is_ok();
        if is_free && Instant::now() >= next_job {
            let due =
                deriver
                    .outbox
                    .take_due(std::time::Instant::now(), quiet, latest, UNITS_OF_A_JOB);
            if !due.is_empty() {
                next_job = Instant::now() + quiet;
                let deriver = Arc::clone(&deriver);
                jobs.spawn(async move { deriver.job(due).await });
                continue;
            }
        }
        let next = deriver
            .outbox
            .next_due(quiet, latest)
            .map(|due| Instant::from_std(due).max(next_job));
        tokio::select! {
            Some(_) = jobs.join_next() => {}
            () = deriver.outbox.changed() => {}
            _ = switched.changed() => {}
            () = sleep_until(next.unwrap_or_else(Instant::now)), if is_free && next.is_some() => {}
            _ = sweep.tick() => {
                deriver.sweep(age).await;
                age = deriver.config.sweep_age;
            }
            () = shutdown.cancelled() => {}
        }
    }
    jobs.join_all().await;
}

impl Deriver {
    async fn sweep(&self, age: Duration) {
        match self.store.open_news(age, SWEEP_ROWS).await {
            Ok(open) => {
                self.outbox
                    .absorb(&open, std::time::Instant::now(), self.config.derive_latest)
            }
            Err(error) => {
                tracing::warn!(%error, "sweep for open news failed, the next one tries again")
            }
        }
    }

    async fn job(&self, due: Vec<Due>) {
        match self.derive_all(&due).await {
            Ok(units) => {
                self.counters
                    .derivations
                    .fetch_add(units, Ordering::Relaxed);
                self.outbox.done(&due);
            }
            Err(error) => {
                tracing::warn!(
                    error = format!("{error:#}"),
                    endpoints = due.len(),
                    "derivation failed and is tried again"
                );
                let at = std::time::Instant::now() + self.config.derive_retry;
                self.outbox.again(&due, at, self.config.derive_quiet);
            }
        }
    }

    async fn derive_all(&self, due: &[Due]) -> anyhow::Result<u64> {
        let set = self.rules.get()?;
        let (mut derived, mut facts) = (Vec::new(), Vec::new());
        for ((tenant, run), endpoints) in self.runs(due).await? {
            let (Some(&from), Some(&to)) = (run.first(), run.last()) else {
                continue;
            };
            for endpoints in endpoints.chunks(ENDPOINTS_OF_A_READ) {
                let names: Vec<&str> = endpoints.iter().map(String::as_str).collect();
                let rows = self.store.unit_rows_of(&tenant, &names, from, to).await?;
                let (set, tenant, run) = (Arc::clone(&set), tenant.clone(), run.clone());
                let (of_run, of_machines) = tokio::task::spawn_blocking(move || {
                    let (mut derived, mut facts) = (Vec::new(), Vec::new());
                    for (endpoint, rows) in rows {
                        facts.push(facts_of(&tenant, &endpoint, &rows));
                        derived.extend(derive_run(
                            &set.rules,
                            set.sequence,
                            &tenant,
                            &endpoint,
                            &run,
                            &rows,
                        )?);
                    }
                    anyhow::Ok((derived, facts))
                })
                .await
                // The error of the task quotes the panic, and that the text of a log.
                .map_err(|_| anyhow::anyhow!("deriving a run of endpoints panicked"))??;
                derived.extend(of_run);
                facts.extend(of_machines);
            }
        }
        self.store.insert_derivations(&derived, &facts).await?;
        // A derivation of a newer set stays whatever this one had read. One that was made before these events came would hide
        // them for good if their news were closed here; while no newer set is published, there is none.
        anyhow::ensure!(
            self.rules.is_newest(&self.store, &set).await?,
            "rule set {} is not the newest one any more",
            set.sequence
        );
        let news: Vec<_> = due
            .iter()
            .flat_map(|due| due.news.iter().cloned())
            .collect();
        self.store.close_news(&news).await?;
        Ok(derived.len() as u64)
    }

    /// What to derive, as runs of months that are read together, with the endpoints that want that run: the months with news,
    /// and their neighbours that hold something, because an attempt that starts in one month may end in the next.
    async fn runs(
        &self,
        due: &[Due],
    ) -> Result<BTreeMap<(String, Vec<Month>), Vec<String>>, StoreError> {
        let mut runs: BTreeMap<(String, Vec<Month>), Vec<String>> = BTreeMap::new();
        for due in due.chunk_by(|a, b| a.tenant == b.tenant) {
            let tenant = &due[0].tenant;
            let mut months: BTreeMap<&str, BTreeSet<Month>> = BTreeMap::new();
            for due in due {
                months
                    .entry(&due.endpoint)
                    .or_default()
                    .extend(due.news.iter().map(|news| news.unit.month));
            }
            let near: BTreeSet<Month> = months
                .values()
                .flatten()
                .flat_map(|month| [month.before(), month.after()])
                .collect();
            let endpoints: Vec<&str> = months.keys().copied().collect();
            let near: Vec<Month> = near.into_iter().collect();
            for (endpoint, month) in self.store.known_months(tenant, &endpoints, &near).await? {
                let Some(of_endpoint) = months.get_mut(endpoint.as_str()) else {
                    continue;
                };
                let is_neighbour = due
                    .iter()
                    .filter(|due| due.endpoint == endpoint)
                    .flat_map(|due| &due.news)
                    .any(|news| {
                        news.unit.month.before() == month || news.unit.month.after() == month
                    });
                if is_neighbour {
                    of_endpoint.insert(month);
                }
            }
            for (endpoint, months) in months {
                for run in consecutive(months) {
                    runs.entry((tenant.clone(), run))
                        .or_default()
                        .push(endpoint.to_owned());
                }
            }
        }
        Ok(runs)
    }
}

/// Cuts months into runs that follow each other, none longer than [`MONTHS_OF_A_RUN`].
fn consecutive(months: BTreeSet<Month>) -> Vec<Vec<Month>> {
    let mut runs: Vec<Vec<Month>> = Vec::new();
    for month in months {
        match runs.last_mut() {
            Some(run)
                if run.last().is_some_and(|last| last.after() == month)
                    && run.len() < MONTHS_OF_A_RUN =>
            {
                run.push(month)
            }
            _ => runs.push(vec![month]),
        }
    }
    runs
}

/// Derives months of one endpoint from rows that were read for all of them.
fn derive_run(
    rules: &Rules,
    rule_set: u32,
    tenant: &str,
    endpoint: &str,
    months: &[Month],
    rows: &UnitRows,
) -> anyhow::Result<Vec<UnitDerivation>> {
    months
        .iter()
        .map(|&month| {
            let view = rows.unit(rule_set, month);
            let unit = Unit {
                tenant: tenant.to_owned(),
                endpoint: endpoint.to_owned(),
                month,
            };
            let input = UnitInput {
                events: view.events.into_iter().cloned().collect(),
                streams: view.streams.into_iter().map(stream_facts).collect(),
            };
            let derivation = catch_unwind(AssertUnwindSafe(|| derive(rules, &unit, &input)))
                .map_err(|_| {
                    anyhow::anyhow!("deriving month {month} of endpoint `{endpoint}` panicked")
                })?;
            Ok(UnitDerivation {
                unit,
                version: view.version,
                derivation,
            })
        })
        .collect()
}

pub(crate) fn stream_facts(pieces: &[Piece]) -> StreamFacts {
    StreamFacts {
        stream: pieces[0].stream,
        source: pieces[0].source,
        anchors: pieces
            .iter()
            .flat_map(|piece| piece.anchors.iter().copied())
            .collect(),
        ranges: pieces
            .iter()
            .map(|piece| (piece.offset, piece.end))
            .collect(),
        first: pieces.iter().filter_map(|piece| piece.first).min(),
        last: pieces.iter().filter_map(|piece| piece.last).max(),
    }
}

/// What the rows say of the machine.
fn facts_of(tenant: &str, endpoint: &str, rows: &UnitRows) -> EndpointFacts {
    let stack: Option<(LoggedAt, &str)> = rows
        .events
        .iter()
        .filter(|event| event.marker == Marker::StackLoaded)
        .filter_map(|event| Some((event.logged?, event.field("version")?)))
        .max();
    let (first, last) = rows.messages.unzip();
    EndpointFacts {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        host: String::new(),
        servicing_stack: stack.map(|(at, version)| (at, version.to_owned())),
        first: (rows.pieces.iter().filter_map(|piece| piece.first))
            .chain(first)
            .min(),
        last: (rows.pieces.iter().filter_map(|piece| piece.last))
            .chain(last)
            .max(),
    }
}
