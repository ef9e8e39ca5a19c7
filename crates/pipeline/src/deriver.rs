//! From news to derivations.

use crate::{
    Config,
    outbox::{Due, Outbox},
    status::Counters,
};
use classify::{Rules, StreamFacts, UnitInput, derive};
use event::{LoggedAt, Marker, Month, Unit};
use std::{
    collections::BTreeSet,
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
    pub(crate) rules: &'static Rules,
    pub(crate) rule_set: u32,
    pub(crate) outbox: Arc<Outbox>,
    pub(crate) counters: Arc<Counters>,
}

/// Units of one job: their rows are inserted together, because an INSERT costs some 10 ms whatever it holds.
const UNITS_OF_A_JOB: usize = 64;

/// Months read together: units of a run share their neighbours, and memory stays bounded by months and not by history.
const MONTHS_OF_A_RUN: u32 = 6;

/// Rows of news that one sweep reads; the next one goes on.
const SWEEP_ROWS: usize = 50_000;

/// Derives what has news until shutdown. What is left stays open in the store.
pub(crate) async fn run(deriver: Arc<Deriver>, shutdown: CancellationToken) {
    let (quiet, latest) = (deriver.config.derive_quiet, deriver.config.derive_latest);
    let mut sweep = interval(deriver.config.sweep);
    sweep.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut age = deriver.config.first_sweep_age;
    let mut jobs: JoinSet<()> = JoinSet::new();
    while !shutdown.is_cancelled() {
        while jobs.len() < deriver.config.derive_parallel {
            let due =
                deriver
                    .outbox
                    .take_due(std::time::Instant::now(), quiet, latest, UNITS_OF_A_JOB);
            if due.is_empty() {
                break;
            }
            let deriver = Arc::clone(&deriver);
            jobs.spawn(async move { deriver.job(due).await });
        }
        let is_free = jobs.len() < deriver.config.derive_parallel;
        let next = deriver
            .outbox
            .next_due(quiet, latest)
            .map(Instant::from_std);
        tokio::select! {
            Some(_) = jobs.join_next() => {}
            () = deriver.outbox.changed() => {}
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
        let (mut derived, mut facts) = (Vec::new(), Vec::new());
        for due in due {
            for run in self.runs(due).await? {
                let (Some(&from), Some(&to)) = (run.first(), run.last()) else {
                    continue;
                };
                let rows = self
                    .store
                    .unit_rows(&due.tenant, &due.endpoint, from, to)
                    .await?;
                let (rules, rule_set) = (self.rules, self.rule_set);
                let (tenant, endpoint) = (due.tenant.clone(), due.endpoint.clone());
                let (of_run, of_machine) = tokio::task::spawn_blocking(move || {
                    let facts = facts_of(&tenant, &endpoint, &rows);
                    let derived = derive_run(rules, rule_set, &tenant, &endpoint, &run, &rows);
                    derived.map(|derived| (derived, facts))
                })
                .await??;
                derived.extend(of_run);
                facts.push(of_machine);
            }
        }
        self.store.insert_derivations(&derived, &facts).await?;
        let news: Vec<_> = due
            .iter()
            .flat_map(|due| due.news.iter().cloned())
            .collect();
        self.store.close_news(&news).await?;
        Ok(derived.len() as u64)
    }

    /// The months to derive, in runs that are read together: those with news, and their neighbours that hold something, because
    /// an attempt that starts in one month may end in the next.
    async fn runs(&self, due: &Due) -> Result<Vec<Vec<Month>>, StoreError> {
        let months: BTreeSet<Month> = due.news.iter().map(|news| news.unit.month).collect();
        let neighbours: BTreeSet<Month> = months
            .iter()
            .flat_map(|month| [month.before(), month.after()])
            .filter(|month| !months.contains(month))
            .collect();
        let neighbours: Vec<Month> = neighbours.into_iter().collect();
        let known = self
            .store
            .known_months(&due.tenant, &due.endpoint, &neighbours)
            .await?;
        let all: Vec<Month> = months
            .into_iter()
            .chain(known)
            .collect::<BTreeSet<_>>()
            .into_iter()
            .collect();
        let mut runs: Vec<Vec<Month>> = Vec::new();
        for month in all {
            match runs.last_mut() {
                Some(run)
                    if run.last().is_some_and(|last| last.after() == month)
                        && (run.len() as u32) < MONTHS_OF_A_RUN =>
                {
                    run.push(month);
                }
                _ => runs.push(vec![month]),
            }
        }
        Ok(runs)
    }
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

fn stream_facts(pieces: &[Piece]) -> StreamFacts {
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
    EndpointFacts {
        tenant: tenant.to_owned(),
        endpoint: endpoint.to_owned(),
        host: String::new(),
        servicing_stack: stack.map(|(at, version)| (at, version.to_owned())),
        first: rows.pieces.iter().filter_map(|piece| piece.first).min(),
        last: rows.pieces.iter().filter_map(|piece| piece.last).max(),
    }
}
